// The playground, as a reader uses it: by what is written on it, against the built-in demo.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { useBrowser, useGateway } from "./harness.js";
import { answered, copied, enter, message, open, parameter, pick, say, whole } from "./playground.js";

const browser = useBrowser();
const gateway = useGateway();

/** A user of each test's own, so that none sees what another left. */
let users = 0;

async function visit(options, use) {
  await browser.visit(gateway, { path: "/playground", ...options }, async (page) => {
    await page.getByText("User, scope and tenant").click();
    await page.getByLabel("User", { exact: true }).fill(`reader-${(users += 1)}`);
    await enter(page, gateway);
    await use(page);
  });
}

test("a token that is refused is told with its remedy, and one that is kept is in the tab alone", async () => {
  await browser.visit(gateway, { path: "/playground", expected: answered(401) }, async (page) => {
    await page.getByLabel("Token", { exact: true }).fill("sk-somebody-else-s-token-that-is-not-known-here");
    await page.getByRole("button", { name: "Use this token" }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("invalid_authorization").waitFor();
    await alert.getByText("What to do:").waitFor();

    await enter(page, gateway);
    await page.reload();
    await page.getByRole("heading", { name: "Chat", exact: true }).waitFor();
    const kept = await page.evaluate(() => ({
      forever: JSON.stringify(localStorage),
      tab: JSON.stringify(sessionStorage),
      cookies: document.cookie,
      address: location.href,
    }));
    assert.ok(kept.tab.includes(gateway.token));
    for (const place of [kept.forever, kept.cookies, kept.address]) assert.ok(!place.includes(gateway.token));

    const other = await page.context().newPage();
    await other.goto("/playground");
    await other.getByLabel("Token", { exact: true }).waitFor();
    assert.equal(await other.evaluate(() => sessionStorage.length), 0);
    await other.close();

    await open(page, "Session");
    await page.getByRole("button", { name: "Forget the token" }).click();
    await page.getByLabel("Token", { exact: true }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });
});

test("a token that is refused later is asked for again, and what is there stays", async () => {
  await visit({ expected: answered(401) }, async (page) => {
    await whole(await say(page, "Hello"));
    const refusal = {
      type: "authentication_error",
      code: "invalid_authorization",
      message: "Revoked.",
      request_id: "r",
    };
    await page.route("**/c1/chat", (route) => route.fulfill({ status: 401, json: { error: refusal } }));
    await say(page, "Hello again");
    await page.getByText("The token is not accepted any more").waitFor();
    await page.unroute("**/c1/chat");
    await page.getByLabel("Token", { exact: true }).fill(gateway.token);
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.getByText("You said: Hello", { exact: false }).waitFor();
  });
});

test("an answer streams, tells what it took, and can be stopped", async () => {
  await visit({}, async (page) => {
    const first = await whole(await say(page, "Hello"));
    await first.getByText("You said: Hello").waitFor();
    for (const fact of ["First token", "Tokens", "Cost", "Request"])
      await first.getByText(fact, { exact: true }).waitFor();
    const id = await first.locator("code.id").innerText();
    await first.getByRole("button", { name: "Copy request id" }).click();
    assert.equal(await copied(page), id);

    const second = await say(page, "/drip 0.4 one two three four five six seven eight nine ten eleven twelve");
    await second.getByText("one two").waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await second.getByText("Stopped. This is what had come by then.").waitFor();
    assert.match(await second.innerText(), /one two/);
    assert.doesNotMatch(await second.innerText(), /twelve/);

    // The model stopped as well: the next turn does not wait for it, and what had come is kept.
    const third = await whole(await say(page, "/recall"));
    await third.getByText("You said before: Hello").waitFor();
  });
});

test("a stateless chat sends what was said before along", async () => {
  await visit({}, async (page) => {
    await pick(page, "Conversation", "Stateless");
    await whole(await say(page, "My name is Ann"));
    const answer = await whole(await say(page, "/recall"));
    await answer.getByText("You said before: My name is Ann").waitFor();
    await page.getByText("No conversations yet").waitFor();
  });
});

test("calls of tools are shown, those of the caller as they come, and the reader gives their results", async () => {
  await visit({}, async (page) => {
    const own = await whole(await say(page, "Please remember that my cat is called Mia"));
    const call = own.getByRole("region", { name: "Tool call memory_remember" });
    await call.getByText("run by the gateway").waitFor();
    assert.match(await call.getByLabel("Arguments of memory_remember").innerText(), /"value": "Mia"/);
    assert.match(await call.getByLabel("Result of memory_remember").innerText(), /"stored": true/);

    await page.getByRole("button", { name: "Parameters" }).click();
    await page.getByRole("button", { name: "Fill in an example tool" }).click();
    const asked = await whole(await say(page, '/tool weather {"city": "Rome"}'));
    assert.match(await asked.getByLabel("Arguments of weather").innerText(), /"city": "Rome"/);
    await asked.getByText("yours to run").waitFor();
    await asked.getByLabel("What weather gives").fill("sunny");
    await asked.getByRole("button", { name: "Send result" }).click();
    await page.getByText("The tool answered: sunny").waitFor();

    await pick(page, "Conversation", "Stateless");
    const again = await whole(await say(page, "/tool"));
    await again.getByLabel("What weather gives").fill("rain");
    await again.getByRole("button", { name: "Send result" }).click();
    await page.getByText("The tool answered: rain").waitFor();
  });
});

const PIXELS = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFUlEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==",
  "base64",
);

test("images are dropped, chosen, looked at, taken away and sent", async () => {
  await visit({}, async (page) => {
    const data = await page.evaluateHandle(
      (bytes) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
        return data;
      },
      [...PIXELS],
    );
    await page.getByRole("form", { name: "Message" }).dispatchEvent("drop", { dataTransfer: data });
    const pictures = page.getByRole("list", { name: "Images to send" });
    await pictures.getByRole("img", { name: "dropped.png" }).waitFor();
    const files = page.getByLabel("Images", { exact: true });
    await files.setInputFiles({ name: "chosen.png", mimeType: "image/png", buffer: PIXELS });
    await page.getByRole("button", { name: "Remove chosen.png" }).click();
    await files.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.getByText("notes.txt: only JPEG, PNG, WebP and GIF are taken.").waitFor();
    await files.setInputFiles({ name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await page.getByText("broken.png: this is no picture that can be read.").waitFor();
    assert.equal(await pictures.getByRole("img").count(), 1);

    await whole(await say(page, "What is this?"));
    const said = page.getByRole("article", { name: "You" }).getByRole("img");
    assert.equal(await said.evaluate((image) => image.naturalWidth), 2);

    const painted = await whole(await say(page, "/image"));
    assert.ok(await painted.getByRole("img").evaluate((image) => image.naturalWidth > 2));
    // It is stored, and shown again.
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("button", { name: /4 messages/ }).click();
    await page.getByRole("article", { name: "You" }).getByRole("img").waitFor();
    await page.getByRole("article", { name: "Answer" }).getByRole("img").waitFor();
  });
});

test("a conversation is renamed, opened, exported and deleted", async () => {
  await visit({}, async (page) => {
    await whole(await say(page, "My name is Ann"));
    const list = page.getByRole("complementary", { name: "Conversations" });
    await list.getByRole("button", { name: "Rename" }).click();
    await page.getByLabel("Title", { exact: true }).fill("About <b>Ann</b>");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "About <b>Ann</b>" }).waitFor();

    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByText("Say something to the model.").waitFor();
    await list.getByRole("button", { name: /^About/ }).click();
    await page.getByText("You said: My name is Ann").waitFor();
    const answer = await whole(await say(page, "/recall"));
    await answer.getByText("You said before: My name is Ann").waitFor();

    const download = page.waitForEvent("download");
    await list.getByRole("button", { name: "Export" }).click();
    const exported = JSON.parse(await readFile(await (await download).path(), "utf8"));
    assert.equal(exported.conversation.title, "About <b>Ann</b>");
    assert.equal(exported.messages.length, 4);

    await list.getByRole("button", { name: "Delete" }).click();
    const dialog = page.getByRole("dialog", { name: "Delete this conversation?" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await list.getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByText("No conversations yet").waitFor();
    await page.getByText("Say something to the model.").waitFor();
  });
});

test("memory is written, changed and deleted, and tells how full it is", async () => {
  await visit({ expected: answered(409) }, async (page) => {
    await open(page, "Memory");
    await page.getByText("0 of 16,384 bytes used").waitFor();
    await page.getByLabel("Key", { exact: true }).fill("colour");
    await page.getByLabel("Value", { exact: true }).fill("teal");
    await page.getByRole("button", { name: "Remember" }).click();
    await page.getByText("10 of 16,384 bytes used, 1 entry").waitFor();
    assert.equal(await page.getByRole("meter").getAttribute("value"), "10");

    await page.getByRole("button", { name: "Edit colour" }).click();
    await page.getByLabel("Value", { exact: true }).fill("light green");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("listitem", { name: "colour" }).getByText("light green").waitFor();

    await page.getByLabel("Key", { exact: true }).fill("long");
    await page.getByLabel("Value", { exact: true }).fill("x".repeat(16_400));
    await page.getByRole("button", { name: "Remember" }).click();
    await page.getByRole("alert").getByText("memory_bucket_full").waitFor();

    await pick(page, "Bucket", "Public");
    await page.getByText("Nothing is remembered here yet").waitFor();
    await pick(page, "Bucket", "Private");
    await page.getByRole("button", { name: "Forget colour" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Forget" }).click();
    await page.getByText("0 of 16,384 bytes used").waitFor();
  });
});

test("a system prompt has versions, which are compared, rolled back and deleted", async () => {
  await visit({}, async (page) => {
    await open(page, "Prompts");
    await pick(page, "Level", "User");
    const editor = page.getByLabel(/^Prompt of the user/);
    const version = (number) =>
      page.getByRole("list", { name: "Versions" }).getByRole("listitem", { name: `Version ${number}` });
    await page.getByText("No versions yet.").waitFor();
    await editor.fill("Answer in one sentence.\nBe kind.");
    await page.getByLabel("Note").fill("the first");
    await page.getByRole("button", { name: "Save as new version" }).click();
    await version(1).getByText("current", { exact: true }).waitFor();
    await page.getByLabel("Prompt of the user, from version 1").fill("Answer at length.\nBe kind.");
    await page.getByRole("button", { name: "Save as new version" }).click();
    await version(2).getByText("current", { exact: true }).waitFor();

    await page.getByRole("button", { name: "Compare version 1" }).click();
    const lines = page.getByRole("dialog").getByRole("listitem");
    await lines.getByText("Answer in one sentence.").waitFor();
    assert.deepEqual(
      await lines.evaluateAll((all) => all.map((line) => `${line.className} ${line.lastChild.textContent}`)),
      ["removed Answer in one sentence.", "added Answer at length.", "same Be kind."],
    );
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "Make version 1 current" }).click();
    await version(1).getByText("current", { exact: true }).waitFor();
    await page.getByLabel("Prompt of the user, from version 1").waitFor();
    await pick(page, "Level", "Effective");
    await page.getByLabel("Prompt of the user").getByText("Answer in one sentence.").waitFor();

    await pick(page, "Level", "User");
    await page.getByRole("button", { name: "Delete version 2" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await version(2).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Unset" }).click();
    await pick(page, "Level", "Effective");
    await page.getByText("No level has a current version").waitFor();
  });
});

test("an error has its remedy, its page, its request and a way to try again", async () => {
  await visit({ expected: answered(429, 503, 400) }, async (page) => {
    const answer = await say(page, "/error model_quota_exhausted");
    const alert = answer.getByRole("alert");
    await alert.getByText("Wait for the time in Retry-After, or use another model.").waitFor();
    const link = alert.getByRole("link", { name: "model_quota_exhausted in the documentation" });
    assert.equal(await link.getAttribute("href"), "/docs/errors#model_quota_exhausted");
    assert.ok(await alert.getByRole("button", { name: /^Try again in \d s$/ }).isDisabled());
    await alert.getByRole("button", { name: "Copy request id" }).click();
    assert.match(await copied(page), /^[0-9a-f-]{36}$/);

    // Tried again once the time is over, it is the same message, and only its new answer stands there.
    const other = await say(page, "/error upstream_unavailable");
    await other.getByText("upstream_unavailable", { exact: true }).waitFor();
    const again = page.waitForRequest("**/c1/chat");
    await other.getByRole("button", { name: "Try again", exact: true }).click();
    assert.equal((await again).postDataJSON().message, "/error upstream_unavailable");
    await other.getByText("upstream_unavailable", { exact: true }).waitFor();
    assert.equal(await page.getByRole("article", { name: "Answer" }).count(), 2);

    await parameter(page, "Temperature", "warm");
    const second = await say(page, "Hello");
    await page.getByText("This is not a number.").waitFor();
    await parameter(page, "Temperature", "99");
    await message(page).press("Enter");
    await second.getByRole("alert").getByText("invalid_field", { exact: true }).waitFor();
    await second.getByRole("button", { name: "Go to temperature" }).click();
    assert.ok(
      await page.getByLabel("Temperature", { exact: true }).evaluate((field) => field === document.activeElement),
    );
  });
});

test("an error in the middle of a stream keeps what had come", async () => {
  await visit({}, async (page) => {
    const answer = await say(page, "/cut so much for that");
    await answer.getByText("The answer was cut here.").waitFor();
    await answer.getByRole("alert").getByText("upstream_error").waitFor();
    await answer.getByText("The demo breaks off").waitFor();
  });
});

test("a request is code that runs, without the token in it", async () => {
  await visit({}, async (page) => {
    await parameter(page, "Max tokens", "64");
    const answer = await whole(await say(page, 'It\'s $HOME and "quotes" and a\\b'));
    await answer.getByRole("button", { name: "Request as code" }).click();
    const dialog = page.getByRole("dialog");
    const code = {};
    for (const language of ["curl", "Python", "gRPC"]) {
      await pick(page, "Language", language);
      await dialog.getByRole("button", { name: "Copy code" }).click();
      code[language] = await copied(page);
      assert.ok(!code[language].includes(gateway.token));
    }
    const { stdout } = await promisify(execFile)("sh", ["-c", code.curl], {
      env: { ...process.env, TOKEN: gateway.token },
    });
    assert.match(stdout, /data: \[DONE\]/);
    assert.match(stdout.match(/"content":"[^"]*/g).join(""), /HOME/);
    assert.match(code.Python, /max_tokens=64/);
    assert.match(code.gRPC, /"max_tokens":64/);
  });
});

test("what others write stays text", async () => {
  const hostile =
    "<img src=/x onerror=document.title='hit'><script>document.title='hit'</script> [a](javascript:document.title='hit')";
  await visit({}, async (page) => {
    const title = await page.title();
    const answer = await whole(await say(page, `${hostile} **bold** \`code\``));
    await answer.getByText("<script>document.title='hit'</script>").waitFor();
    await answer.locator("strong", { hasText: "bold" }).waitFor();
    assert.equal(await answer.locator("img, script, a[href^=javascript]").count(), 0);

    await open(page, "Memory");
    await page.getByLabel("Key", { exact: true }).fill("<b>key</b>");
    await page.getByLabel("Value", { exact: true }).fill(hostile);
    await page.getByRole("button", { name: "Remember" }).click();
    const entry = page.getByRole("listitem", { name: "<b>key</b>" });
    await entry.getByText("<script>document.title='hit'</script>").waitFor();
    assert.equal(await entry.locator("img, script, b").count(), 0);
    assert.equal(await page.title(), title);
  });
});

test("a chat needs no mouse", async () => {
  await browser.visit(gateway, { path: "/playground" }, async (page) => {
    // The field of the token has the focus from the start.
    await page.getByLabel("Token", { exact: true }).waitFor();
    await page.keyboard.type(gateway.token);
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "What demo can do" }).waitFor();
    const isThere = () => message(page).evaluate((field) => field === document.activeElement);
    for (let presses = 0; !(await isThere()); presses += 1) {
      assert.ok(presses < 60, "the message is never reached");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.type("/drip 0.3 one two three four five six seven eight nine ten");
    await page.keyboard.press("Enter");
    await page.getByRole("article", { name: "Answer" }).getByText("one two").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("Stopped. This is").waitFor();
    await page.keyboard.type("Hello");
    await page.keyboard.press("Enter");
    await page.getByText("You said: Hello").waitFor();
  });
});
