// Parts of the playground that need no browser, built from their sources as the pages are.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = new URL("../../rest-edge/web/", import.meta.url);

/** What a source of the playground exports. */
async function part(path) {
  const { build } = createRequire(new URL("package.json", web))("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(web),
    entryPoints: [`src/playground/${path}`],
    bundle: true,
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

test("events are cut by the rules, wherever the bytes are split", async () => {
  const { EventReader } = await part("wire/sse.ts");
  const stream =
    ": a comment\r\n\r\ndata: one\r\n\r\nevent: spass.cost\ndata: {\ndata: }\n\nevent: without data\n\n" +
    "data:two\u2028\u0085☃\r\rretry: 1\ndata\n\ndata: never finished\n";
  const expected = [
    { name: "message", data: "one" },
    { name: "spass.cost", data: "{\n}" },
    { name: "message", data: "two\u2028\u0085☃" },
    { name: "message", data: "" },
  ];
  const bytes = new TextEncoder().encode(stream);
  for (let size = 1; size <= bytes.length; size += 1) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...reader.push(bytes.slice(at, at + size)));
    assert.deepEqual(events, expected, `in pieces of ${size} bytes`);
  }
});

test("a comparison of texts takes the one to the other, and keeps what both have", async () => {
  const { diff } = await part("prompts/diff.ts");
  const told = (from, to) => diff(from, to).map(({ kind, text }) => `${kind} ${text}`);
  assert.deepEqual(told("a\nb\nc", "a\nx\nc\nd"), ["same a", "removed b", "added x", "same c", "added d"]);
  assert.deepEqual(told("", "a"), ["added a"]);
  assert.deepEqual(told("a\na", "a"), ["same a", "removed a"]);
  const many = (letter) => Array.from({ length: 3000 }, (_, index) => `${letter}${index}`).join("\n");
  for (const [from, to] of [
    ["b\na\nb\nc", "a\nb\nb\nd\nc"],
    [many("a"), many("b")],
  ]) {
    const lines = diff(from, to);
    const without = (kind) => lines.filter((line) => line.kind !== kind).map(({ text }) => text);
    assert.equal(without("added").join("\n"), from);
    assert.equal(without("removed").join("\n"), to);
  }
});

test("a text is cut into blocks, of which only the last can still change", async () => {
  const { blocksOf } = await part("ui/markdown.tsx");
  const text = "One\ntwo\n\n- a\n- b\n\nBefore:\n```js\nlet a;\n\nlet b;\n```\nAfter\n\n```\nopen\n\nstill";
  const blocks = blocksOf(text);
  assert.deepEqual(blocks, [
    "One\ntwo",
    "- a\n- b",
    "Before:",
    "```js\nlet a;\n\nlet b;\n```",
    "After",
    "```\nopen\n\nstill",
  ]);
  for (let length = 0; length <= text.length; length += 1) {
    const before = blocksOf(text.slice(0, length)).slice(0, -1);
    assert.deepEqual(before, blocks.slice(0, before.length), `after ${length} characters`);
  }
});
