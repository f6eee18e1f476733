// The documentation: Markdown in, pages and what the search knows out.
//
// `_order.json` names the pages in their order. In a page, a fence ```samples chat/first``` shows the files
// `samples/chat/first.*` as one example in several languages, `<!--settings-->` the table of the README, and
// `<!--errors-->` what the edge fills in from its catalog.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { frame } from "./frame.js";
import { render } from "./markdown.js";
import { settings } from "./settings.js";

/** The pages by name, what the search knows, and the links that lead nowhere. */
export function documents(folder, openapi) {
  const written = readdirSync(folder).filter((name) => name.endsWith(".md"));
  const order = JSON.parse(readFileSync(join(folder, "_order.json"), "utf8"));
  const there = order.filter(({ page }) => written.includes(`${page}.md`));
  const unlisted = written.filter((name) => !order.some(({ page }) => name === `${page}.md`));
  if (unlisted.length > 0) throw new Error(`not in docs/_order.json: ${unlisted.join(", ")}`);

  const pages = {};
  const search = [...errors(openapi), ...operations(openapi)];
  const links = [];
  const targets = new Set([...search.map(({ href }) => href), "/", "/playground", "/openapi", "/openapi.json", "/errors", "/docs"]);
  for (const [at, { page, title }] of there.entries()) {
    const text = readFileSync(join(folder, `${page}.md`), "utf8");
    const rendered = render(text, join(folder, "samples"));
    const table = page === "settings" ? settings() : { html: "", rows: [] };
    const html = rendered.html.replace("<p>&lt;!--settings--&gt;</p>", () => table.html).replace("<p>&lt;!--errors--&gt;</p>", "<!--errors-->");
    pages[page] = frame({ page, title: rendered.title ?? title, html, contents: rendered.contents, order: there, at });
    for (const section of rendered.sections) {
      const href = section.id === undefined ? `/docs/${page}` : `/docs/${page}#${section.id}`;
      search.push({ href, title: section.title, page: title, text: section.text });
    }
    for (const { name, text } of table.rows) {
      search.push({ href: `/docs/settings#${name}`, title: name, page: title, text });
    }
    for (const id of [...rendered.ids, ...table.rows.map(({ name }) => name)]) targets.add(`/docs/${page}#${id}`);
    targets.add(`/docs/${page}`);
    links.push(...rendered.links.map((href) => ({ page, href: href.startsWith("#") ? `/docs/${page}${href}` : href })));
  }
  const broken = links.filter(({ href }) => href.startsWith("/") && !targets.has(href));
  return { pages, search, broken: broken.map(({ page, href }) => `docs/${page}.md links to ${href}, which is not there`) };
}

/** The error codes, whose sections the edge writes. */
function errors({ components }) {
  const facts = new Map(Object.entries(components.examples).map(([name, example]) => [/^error\.(\w+)/.exec(name)?.[1], example]));
  return components.schemas.ErrorCode.enum.map((code) => {
    const { summary = "", description = "" } = facts.get(code) ?? {};
    return { href: `/docs/errors#${code}`, title: code, page: "Errors", text: `${summary}. ${description}` };
  });
}

/** The routes, in the API reference. */
function operations(openapi) {
  return Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, summary, description }]) => ({
      href: `/openapi#${operationId}`,
      title: `${method.toUpperCase()} ${path}`,
      page: "API",
      text: `${summary}. ${description ?? ""}`,
    })),
  );
}
