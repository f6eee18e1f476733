// The table of settings, taken from the README, so that there is one.

import { readFileSync } from "node:fs";
import markdownIt from "markdown-it";
import { escape } from "./layout.js";

const readme = new URL("../../README.md", import.meta.url);
const markdown = markdownIt({ html: false });

/** The table as HTML, each row an anchor, and its rows. */
export function settings() {
  const section = /^## Settings$([\s\S]*?)^## /m.exec(readFileSync(readme, "utf8"));
  const rows = [...section[1].matchAll(/^\| `(\w+)` \| (.*?) \| (.*) \|$/gm)].map(([, name, usual, text]) => ({ name, usual, text }));
  if (rows.length < 10) throw new Error("the README's table of settings is not where it was");
  const row = ({ name, usual, text }) =>
    `<tr id="${name}"><th scope="row"><a href="#${name}"><code>${escape(name)}</code></a></th>` +
    `<td>${markdown.renderInline(usual)}</td><td>${markdown.renderInline(text)}</td></tr>`;
  const head = "<thead><tr><th>Name</th><th>Default</th><th>What it is</th></tr></thead>";
  return { html: `<div class="table settings" tabindex="0"><table>${head}<tbody>\n${rows.map(row).join("\n")}\n</tbody></table></div>`, rows };
}
