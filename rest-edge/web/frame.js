// The frame of the documentation: its pages at the left, the sections of the page at the right, the way on below.

import { escape, page as pageOf } from "./layout.js";

/** A page of the documentation in its frame. */
export function frame({ page, title, html, contents, order, at }) {
  const link = ({ page: name, title: text }) =>
    `<li><a href="/docs/${name}"${name === page ? ' aria-current="page"' : ""}>${escape(text)}</a></li>`;
  const on = (entry, rel, label) =>
    entry === undefined ? "<span></span>" : `<a class="${rel}" rel="${rel}" href="/docs/${entry.page}"><span>${label}</span>${escape(entry.title)}</a>`;
  const sections = contents.map(({ id, title: text, tag }) => `<li class="${tag}"><a href="#${id}">${escape(text)}</a></li>`);
  return pageOf(
    "docs",
    `<div class="docs">
<nav class="pages" aria-label="Documentation">
<div class="finder" role="search"></div>
<details class="all" open><summary>Pages</summary><ul>
${order.map(link).join("\n")}
</ul></details>
</nav>
<main id="main">
<article>
${html}</article>
<nav class="on" aria-label="Next pages">${on(order[at - 1], "prev", "Before")}${on(order[at + 1], "next", "Next")}</nav>
</main>
<nav class="contents" aria-label="On this page">${page === "errors" ? "<!--codes-->" : sections.length > 1 ? `<h2>On this page</h2><ul>${sections.join("\n")}</ul>` : ""}</nav>
</div>`,
    title,
  );
}
