// The documentation: Markdown in, pages and the index of the search out.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import markdownIt from "markdown-it";
import { escape, page } from "./layout.js";

const markdown = markdownIt({ html: false, linkify: false });

/** The pages by name, and what the search knows: one entry for each section. */
export function documents(folder) {
  const pages = {};
  const search = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".md")).sort()) {
    const name = file.replace(/\.md$/, "");
    const text = readFileSync(join(folder, file), "utf8");
    const title = /^# (.*)$/m.exec(text)?.[1] ?? name;
    pages[name] = page("docs", `<main id="main">${markdown.render(text)}</main>`, title);
    search.push({ id: name, title: escape(title), text });
  }
  return { pages, search };
}
