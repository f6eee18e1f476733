// Markdown to HTML, with what the frame and the search want to know of it.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import markdownIt from "markdown-it";
import { highlight } from "./highlight.js";
import { escape } from "./layout.js";

/** The languages of samples, in the order of their tabs. */
const LANGUAGES = [
  { ending: "sh", label: "curl", syntax: "sh" },
  { ending: "py", label: "Python", syntax: "python" },
  { ending: "ts", label: "TypeScript", syntax: "ts" },
  { ending: "grpc.sh", label: "gRPC", syntax: "sh" },
];

const markdown = markdownIt({ html: false, linkify: false });

markdown.renderer.rules.fence = (tokens, index, _, environment) => {
  const [kind, name] = tokens[index].info.trim().split(/\s+/);
  return kind === "samples" ? samples(name, environment.folder) : code(tokens[index].content, kind);
};
markdown.renderer.rules.heading_open = (tokens, index) => {
  const { tag, meta } = tokens[index];
  return meta?.id === undefined ? `<${tag}>` : `<${tag} id="${meta.id}">`;
};
markdown.renderer.rules.heading_close = (tokens, index) => {
  const { tag, meta } = tokens[index];
  const anchor = `<a class="anchor" href="#${meta?.id}" aria-label="Link to this section: ${escape(meta?.title ?? "")}">#</a>`;
  return meta?.id === undefined ? `</${tag}>\n` : `${anchor}</${tag}>\n`;
};
markdown.renderer.rules.table_open = () => '<div class="table" tabindex="0"><table>\n';
markdown.renderer.rules.table_close = () => "</table></div>\n";

/** A page: its title, its HTML, its headings for the table of contents, and its sections for the search. */
export function render(text, folder) {
  const tokens = markdown.parse(text, {});
  const used = new Map();
  const page = { title: undefined, contents: [], sections: [], ids: [], links: [] };
  let section;
  const begin = (title, id) => page.sections.push((section = { title, id, text: "" }));
  for (const [index, token] of tokens.entries()) {
    if (token.type === "heading_open") {
      const title = words(tokens[index + 1]);
      if (token.tag === "h1") {
        page.title = title;
        begin(title, undefined);
        continue;
      }
      const id = unique(slug(title), used);
      token.meta = tokens[index + 2].meta = { id, title };
      page.ids.push(id);
      if (token.tag === "h2" || token.tag === "h3") page.contents.push({ id, title, tag: token.tag });
      begin(title, id);
    } else if (token.type === "inline" && tokens[index - 1]?.type !== "heading_open") {
      if (section !== undefined) section.text += `${words(token)} `;
    }
    for (const child of token.children ?? []) {
      if (child.type === "link_open") page.links.push(child.attrGet("href"));
    }
  }
  return { ...page, html: markdown.renderer.render(tokens, markdown.options, { folder }) };
}

/** The text of inline content without its marks. */
function words(token) {
  return token.children.map(({ type, content }) => (type.endsWith("break") ? " " : content)).join("");
}

function slug(title) {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N}_]+/gu, "-").replaceAll(/^-|-$/g, "");
}

function unique(id, used) {
  const count = used.get(id) ?? 0;
  used.set(id, count + 1);
  return count === 0 ? id : `${id}-${count + 1}`;
}

/** A block of code. It can be scrolled, so it can be reached with the keyboard. */
function code(text, syntax) {
  return `<div class="code"><pre tabindex="0"><code>${highlight(text.trimEnd(), syntax)}</code></pre></div>\n`;
}

/** One example in several languages: sections, which the script makes tabs of. */
function samples(name, folder) {
  const there = LANGUAGES.filter(({ ending }) => existsSync(join(folder, `${name}.${ending}`)));
  if (there.length === 0) throw new Error(`no samples are called ${name}`);
  const sections = there.map(({ ending, label, syntax }) => {
    const text = readFileSync(join(folder, `${name}.${ending}`), "utf8");
    return `<section data-language="${label}"><p class="language">${label}</p>${code(text, syntax)}</section>`;
  });
  return `<div class="samples">${sections.join("\n")}</div>\n`;
}
