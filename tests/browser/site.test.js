// The site: the first page, the documentation, the API reference.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { axe, inAllShapes, screenshots, useBrowser, useEdgeAlone, useGateway } from "./harness.js";

const browser = useBrowser();

const pages = ["quickstart", "authentication", "chat", "conversations", "memory", "system-prompts", "tools", "errors", "headers", "settings", "grpc"];

describe("with the demo", () => {
  const gateway = useGateway();
  const paths = ["/", ...pages.map((page) => `/docs/${page}`), "/openapi", "/openapi#createChatCompletion"];

  for (const path of paths) {
    test(`${path} is whole in both themes and on a phone`, async () => {
      await browser.visit(gateway, { path }, async (page) => {
        await ready(page, path);
        await inAllShapes(page);
      });
    });
  }

  test("the pages have their pictures taken", async () => {
    for (const path of ["/", "/docs/chat", "/docs/errors", "/docs/settings", "/openapi", "/openapi#createChatCompletion"]) {
      await browser.visit(gateway, { path }, async (page) => {
        await ready(page, path);
        await screenshots(page, `site${path.replaceAll(/\W+/g, "-")}`);
      });
    }
  });

  test("the first page says how each part is, and has a line that asks this gateway", async () => {
    await browser.visit(gateway, {}, async (page) => {
      await page.getByRole("status").filter({ hasText: "All works" }).waitFor();
      for (const name of ["core", "storage", "demo"]) await page.locator("#parts li", { hasText: name }).waitFor();
      const line = await page.locator(".try pre").textContent();
      assert.ok(line.includes(`curl ${gateway.url}/v1/chat/completions`), line);
      await page.getByText("Version 0.").waitFor();
    });
  });

  test("the search finds an error code and a setting by the keyboard alone", async () => {
    await browser.visit(gateway, { path: "/docs" }, async (page) => {
      for (const [words, place] of [
        ["quota exhausted", "/docs/errors#model_quota_exhausted"],
        ["DRAIN_TIMEOUT", "/docs/settings#DRAIN_TIMEOUT_SECS"],
        ["POST /c1/chat", "/openapi#createTurn"],
      ]) {
        await page.keyboard.press("/");
        await page.keyboard.type(words);
        const wanted = page.locator(`[role=option][data-href="${place}"]`);
        await wanted.waitFor();
        for (let steps = 0; (await wanted.getAttribute("aria-selected")) !== "true"; steps += 1) {
          assert.ok(steps < 8, `${place} is not among what the arrows reach`);
          await page.keyboard.press("ArrowDown");
        }
        await axe(page);
        await page.keyboard.press("Enter");
        await page.waitForURL(`**${place}`);
        await page.goto("/docs");
      }
    });
  });

  test("the search says when nothing is found, and closes", async () => {
    await browser.visit(gateway, { path: "/docs" }, async (page) => {
      const field = page.getByRole("combobox", { name: "Search the documentation" });
      await field.fill("xyzzyx");
      await page.getByText("Nothing has these words.").waitFor();
      await field.press("Escape");
      await page.getByRole("listbox").waitFor({ state: "hidden" });
      assert.equal(await field.getAttribute("aria-expanded"), "false");
    });
  });

  test("the link of an error leads to its code, and the filter leaves those with the words", async () => {
    await browser.visit(gateway, { path: "/docs/errors#storage_error" }, async (page) => {
      const section = page.locator("#storage_error");
      await section.waitFor();
      await page.waitForFunction(() => {
        const { top } = document.querySelector("#storage_error").getBoundingClientRect();
        return top >= 0 && top < innerHeight / 2;
      });
      await page.getByLabel("Show codes with").fill("retry-after");
      await section.waitFor({ state: "hidden" });
      await page.locator("#rate_limit_exceeded").waitFor();
      await page.evaluate(() => (location.hash = "#forbidden"));
      await page.locator("#forbidden").waitFor();
      assert.match(await page.locator("#forbidden").textContent(), /PERMISSION_DENIED/);
    });
  });

  test("the choice of a language holds for all samples and pages", async () => {
    await browser.visit(gateway, { path: "/docs/errors#forbidden" }, async (page) => {
      const tab = (code, name) => page.locator(`#${code}`).getByRole("tab", { name });
      await tab("forbidden", "HTTP").click();
      await tab("forbidden", "HTTP").press("ArrowRight");
      for (const code of ["forbidden", "invalid_field"]) {
        assert.equal(await tab(code, "gRPC").getAttribute("aria-selected"), "true");
        await page.locator(`#${code}`).getByText("google.rpc.ErrorInfo").waitFor();
      }
      await page.reload();
      assert.equal(await tab("forbidden", "gRPC").getAttribute("aria-selected"), "true");
    });
  });

  test("without scripts all samples and codes are there", async () => {
    await browser.visit(gateway, { path: "/docs/errors", context: { javaScriptEnabled: false } }, async (page) => {
      await page.locator("#forbidden").getByText("HTTP/1.1 403 Forbidden").waitFor();
      await page.locator("#forbidden").getByText("google.rpc.ErrorInfo").waitFor();
    });
  });

  test("a sample can be copied", async () => {
    await browser.visit(gateway, {}, async (page) => {
      await page.locator(".try .code").hover();
      await page.getByRole("button", { name: "Copy" }).click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^export TOKEN/);
    });
  });

  test("the reference finds a route, opens its schema however deep, and shows its errors", async () => {
    await browser.visit(gateway, { path: "/openapi" }, async (page) => {
      await ready(page, "/openapi");
      await page.keyboard.press("/");
      await page.keyboard.type("chat completions");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: "Create a chat completion" }).waitFor();
      for (const name of ["messages", "UserMessage"]) await page.getByRole("button", { name: `More of ${name}`, exact: true }).click();
      await page.locator(".schema .schema .schema").getByText("content", { exact: true }).waitFor();
      const refused = page.locator(".answers details", { has: page.locator("summary", { hasText: "401" }) });
      await refused.locator("summary").click();
      await refused.getByLabel("Example").selectOption({ label: "missing_authorization: No credential" });
      await refused.getByText('"code": "missing_authorization"').waitFor();
      await axe(page);
      assert.equal(await page.title(), "Create a chat completion - Chat gateway");
    });
  });

  test("the reference sends a chat and shows a stream as it comes", async () => {
    await browser.visit(gateway, { path: "/openapi#createChatCompletion" }, async (page) => {
      const form = page.locator(".attempt");
      await form.getByLabel("Token").fill(gateway.token);
      await page.waitForFunction(() => document.querySelector(".attempt textarea").value.includes('"model": "demo"'));
      await form.getByRole("button", { name: "Send" }).click();
      await form.getByText("200 OK").first().waitFor();
      await form.getByText('"object": "chat.completion"').waitFor();

      await form.getByLabel("Example").selectOption({ label: "A stream, with the usage at its end" });
      await page.waitForFunction(() => document.querySelector(".attempt textarea").value.includes('"model": "demo"'));
      assert.match(await form.locator("pre").last().textContent(), /^curl -N /);
      await form.getByRole("button", { name: "Send" }).click();
      await form.getByText("data: [DONE]").waitFor();
      await axe(page);

      // The token is there on the next route, and in no address.
      await page.getByRole("navigation", { name: "Routes" }).getByText("List conversations").click();
      assert.equal(await page.getByLabel("Token").inputValue(), gateway.token);
      assert.ok(!page.url().includes(gateway.token));
    });
  });

  test("the reference shows an error as the gateway sent it", async () => {
    const expected = [/status of 401/];
    await browser.visit(gateway, { path: "/openapi#listModels", expected }, async (page) => {
      await page.getByRole("button", { name: "Send" }).click();
      await page.locator(".answered").getByText("401 Unauthorized").waitFor();
      await page.locator(".answered").getByText('"code": "missing_authorization"').waitFor();
    });
  });
});

describe("with a model server that is out", () => {
  const gateway = useGateway({ UPSTREAM_BASE_URL: "http://127.0.0.1:9/v1" });

  test("the first page says which part it works without", async () => {
    await browser.visit(gateway, {}, async (page) => {
      await page.getByRole("status").filter({ hasText: "Works without upstream" }).waitFor();
      await page.locator("#parts li", { hasText: "no connection to the model server" }).waitFor();
      await axe(page);
      await screenshots(page, "site-degraded");
    });
  });
});

describe("with no core", () => {
  const edge = useEdgeAlone();

  test("the first page says so, and the documentation is there", async () => {
    await browser.visit(edge, { expected: [/status of 503/] }, async (page) => {
      await page.getByRole("status").filter({ hasText: "The core is down" }).waitFor();
      await axe(page);
      await screenshots(page, "site-core-down");
      await page.goto("/docs/errors#overloaded");
      await page.locator("#overloaded").waitFor();
    });
  });
});

/** Waits until the scripts of a page have drawn it. */
async function ready(page, path) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  if (path === "/") await page.locator("#parts li").first().waitFor();
  if (path.startsWith("/docs")) await page.getByRole("combobox").waitFor();
  if (path.startsWith("/openapi")) await page.getByRole("navigation", { name: "Routes" }).waitFor();
}
