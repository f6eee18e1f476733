// How the playground looks: every view in both themes and at the width of a phone, for people who see, hear or type.
//
// The pictures of the README are made each time, and with UPDATE_SCREENSHOTS=1 they are written where the README shows them.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { axe, fits, screenshots, useBrowser, useGateway } from "./harness.js";
import { answered, enter, message, open, pick, say, whole } from "./playground.js";

const browser = useBrowser();
const gateway = useGateway();
const shown = fileURLToPath(
  new URL(process.env.UPDATE_SCREENSHOTS === "1" ? "../../rest-edge/web/screenshots" : "../.work/readme", import.meta.url),
);

/** Goes through the page, and tells at each place that there is something to look at. */
async function tour(page, look, name) {
  const isSmall = name === "phone";
  await page.getByText("User, scope and tenant").click();
  await page.getByLabel("User", { exact: true }).fill(`tour-${name}`);
  await look("gate");
  await enter(page, gateway);
  await look("empty");
  const remembered = await whole(await say(page, "Please remember that my cat is called Mia"));
  await remembered.getByText("run by the gateway").waitFor();
  await whole(await say(page, "/think What is my cat called?"));
  await page.getByRole("article", { name: "Answer" }).last().getByText("Reasoning").click();
  await look("chat");
  await say(page, "/error model_quota_exhausted");
  await page.getByRole("alert").waitFor();
  await look("error");
  await page.getByRole("button", { name: /^Parameters/ }).click();
  await look("parameters");
  if (isSmall) {
    await page.getByRole("button", { name: "Back to the chat" }).click();
    await page.getByRole("button", { name: "Conversations" }).click();
    await look("conversations");
    await page.getByRole("button", { name: "Back to the chat" }).click();
  }
  await page.getByRole("button", { name: "Request as code" }).last().click();
  await look("code");
  await page.keyboard.press("Escape");
  await open(page, "Memory");
  await page.getByRole("listitem", { name: "my cat" }).waitFor();
  await look("memory");
  await page.getByRole("button", { name: "Forget my cat" }).click();
  await look("confirm");
  await page.keyboard.press("Escape");
  await open(page, "Prompts");
  await prompts(page, look);
  await open(page, "Models");
  await page.getByText("list_models").first().waitFor();
  await page.getByText("Parameters, and run it").first().click();
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByLabel("Result of list_models").waitFor();
  await look("models");
  await open(page, "Session");
  await look("session");
}

async function prompts(page, look) {
  await pick(page, "Level", "User");
  const editor = page.getByLabel(/^Prompt of the user/);
  await editor.waitFor();
  const texts = ["Answer in one sentence.\nBe kind.", "Answer in two sentences.\nBe kind.\nUse plain words."];
  for (const [index, text] of texts.entries()) {
    await editor.fill(text);
    await page.getByRole("button", { name: "Save as new version" }).click();
    await page.getByLabel(`Prompt of the user, from version ${index + 1}`).waitFor();
  }
  await look("prompts");
  await page
    .getByRole("button", { name: /^Compare version/ })
    .nth(1)
    .click();
  await page.getByRole("dialog").getByText("Use plain words.").waitFor();
  await look("diff");
  await page.keyboard.press("Escape");
  await pick(page, "Level", "Effective");
  await page.getByLabel("Prompt of the user").waitFor();
  await look("effective");
}

for (const theme of ["light", "dark"]) {
  test(`every view is accessible in the ${theme} theme`, async () => {
    await browser.visit(gateway, { path: "/playground", theme, expected: answered(429) }, async (page) => {
      await tour(
        page,
        async () => {
          await axe(page);
          await fits(page);
        },
        theme,
      );
    });
  });
}

test("every view fits a phone, and can be used on it", async () => {
  await browser.visit(gateway, { path: "/playground", phone: true, expected: answered(429) }, async (page) => {
    const look = async (name) => {
      await fits(page);
      await axe(page);
      await screenshots(page, `playground-${name}`);
    };
    await tour(page, look, "phone");
  });
});

test("a long answer is followed to its end, unless the reader looks at something above", async () => {
  await browser.visit(gateway, { path: "/playground" }, async (page) => {
    await enter(page, gateway);
    const log = page.getByRole("log", { name: "Transcript" });
    const below = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    await whole(await say(page, "/long 3000"));
    assert.ok((await below()) < 5, "the end is not in sight");
    const words = Array.from({ length: 400 }, (_, index) => `drop${index}`).join(" ");
    const answer = await say(page, `/drip 0.01 ${words}`);
    await answer.getByText("drop20 ").waitFor();
    await log.hover();
    await page.mouse.wheel(0, -2000);
    await whole(answer);
    assert.ok((await below()) > 500, "the reader was taken away from what is above");
  });
});

test("the pictures of the README", async () => {
  await mkdir(shown, { recursive: true });
  for (const [name, user, options] of [
    ["light", "ann", { theme: "light" }],
    ["dark", "ben", { theme: "dark" }],
    ["phone", "eve", { theme: "light", phone: true }],
  ]) {
    await browser.visit(gateway, { path: "/playground", ...options }, async (page) => {
      await page.getByText("User, scope and tenant").click();
      await page.getByLabel("User", { exact: true }).fill(user);
      await enter(page, gateway);
      const first = await whole(await say(page, "Please remember that my cat is called Mia"));
      await first.getByText("run by the gateway").waitFor();
      await whole(await say(page, "What is my cat called?"));
      await message(page).fill("And what can you do?");
      const picture = await page.screenshot({ path: `${shown}/playground-${name}.png` });
      assert.ok(picture.length > 10_000 && picture.length < 150_000, `${picture.length} bytes`);
    });
  }
});
