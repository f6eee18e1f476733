// The pages in a real browser: starts the gateway and Chromium, and gives pages on which nothing may go wrong unseen.
//
// A test waits for what it wants to see, by locators, and never for a time. GATEWAY_BIN_DIR is the folder of the programs,
// CHROMIUM the browser, SCREENSHOTS the folder of the pictures, and PAGES=sources takes the pages from rest-edge/web as
// they are on disk instead of those that the edge was built with.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";
import { startGateway } from "../clients/node/gateway.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const binaries = resolve(process.env.GATEWAY_BIN_DIR ?? join(repository, "target/release"));
const pictures = resolve(process.env.SCREENSHOTS ?? join(repository, "tests/.work/screenshots"));
// Generous, since the machine may build beside; nothing waits longer than it has to.
const waitMilliseconds = 30_000;

const desk = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

/** The same browser for all tests of a file: `const browser = useBrowser()` at its top. */
export function useBrowser() {
  let running;
  before(async () => {
    running = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  after(() => running?.close());
  return { visit: (site, options, use) => visit(running, site, options, use) };
}

/** The same gateway for all tests of a file; `url` and `token` are there once the tests run. */
export function useGateway(settings = {}) {
  return use(() => startSite(settings));
}

/** An edge whose core is down, for all tests of a file. */
export function useEdgeAlone() {
  return use(startEdgeAlone);
}

function use(start) {
  const site = {};
  before(async () => Object.assign(site, await start()));
  after(() => site.stop?.());
  return site;
}

/** A gateway with the built-in demo: its `url`, its `token`, and `stop`. */
export async function startSite(settings = {}) {
  return withPagesOfSources(await startGateway({ RATE_LIMIT_PER_SECOND: "0", ...settings }));
}

/** An edge whose core is not there. */
export async function startEdgeAlone() {
  const nobody = await freePort();
  const port = await freePort();
  const child = spawn(join(binaries, "gateway-edge"), {
    env: {
      HTTP_LISTEN: `127.0.0.1:${port}`,
      METRICS_LISTEN: "127.0.0.1:0",
      CORE_URL: `http://127.0.0.1:${nobody}`,
      DRAIN_DELAY_SECS: "0",
      LOG_FORMAT: "text",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exit = once(child, "exit");
  let log = "";
  await new Promise((serves, fails) => {
    const giveUp = setTimeout(() => fails(new Error(`the edge does not serve in time: ${log}`)), waitMilliseconds);
    exit.then(([code]) => fails(new Error(`the edge ended with ${code}: ${log}`)));
    child.stderr.setEncoding("utf8").on("data", (text) => {
      log += text;
      if (!log.includes(`127.0.0.1:${port}`)) return;
      clearTimeout(giveUp);
      serves();
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exit;
  };
  return withPagesOfSources({ url: `http://127.0.0.1:${port}`, stop });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function withPagesOfSources(site) {
  if (process.env.PAGES !== "sources") return site;
  const { serve } = await import("../../rest-edge/web/serve.js");
  const front = await serve(site.url, 0);
  const stop = async () => {
    await front.stop();
    await site.stop();
  };
  return { ...site, url: front.url, stop };
}

/**
 * Opens a page of a site and gives it to `use`. Fails on what the browser complains about in its console, on an error that no
 * script caught, and on a request to anywhere but the site.
 *
 * `theme` is light or dark, `phone` its width; `expected` are patterns of complaints that belong to the test, as the browser
 * makes one for every answer that is no success; `context` are further options of the browser's context.
 */
async function visit(browser, site, { path = "/", theme = "light", phone: small = false, expected = [], context: more = {} }, use) {
  const context = await browser.newContext({
    baseURL: site.url,
    colorScheme: theme,
    viewport: small ? phone : desk,
    permissions: ["clipboard-read", "clipboard-write"],
    ...more,
  });
  context.setDefaultTimeout(waitMilliseconds);
  const problems = [];
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== site.url) problems.push(`asked another origin: ${url}`);
  });
  try {
    await page.goto(path);
    await use(page);
  } catch (error) {
    await picture(page, `failed-${path.replaceAll(/\W+/g, "-")}`);
    error.message += `\nThe browser says: ${problems.join("\n") || "nothing"}`;
    throw error;
  } finally {
    await context.close();
  }
  const unexpected = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
  assert.deepEqual(unexpected, [], "the browser complains");
}

/** Fails on what keeps people with disabilities from a page as it is now; `rules` are those that count, else all. */
export async function axe(page, rules = undefined) {
  // There are no frames, so that nothing has to be put together in a window of its own, which takes long.
  const builder = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ["violations"] });
  const { violations } = await (rules === undefined ? builder : builder.withRules(rules)).analyze();
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = grave.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target).join("; ")}`);
  assert.deepEqual(told, [], "the page is not accessible");
}

/** Looks at a page as it is now in both themes and at the width of a phone: it fits, and nobody is kept from it. */
export async function inAllShapes(page) {
  const size = page.viewportSize();
  await axe(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await axe(page, ["color-contrast"]);
  await page.setViewportSize(phone);
  await fits(page);
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: null });
}

/** Fails when a page is wider than the window. */
export async function fits(page) {
  const { width, window } = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(width <= window, `the page is ${width} px wide in a window of ${window} px`);
}

/** Takes a page's picture as it is now, in light, in dark and at the width of a phone, and leaves it as it was. */
export async function screenshots(page, name) {
  const size = page.viewportSize();
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    await picture(page, `${name}-${theme}`);
  }
  await page.setViewportSize(phone);
  await page.emulateMedia({ colorScheme: "light" });
  await picture(page, `${name}-phone`);
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(size);
}

async function picture(page, name) {
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}
