// Colours for code, as far as a reader needs them: comments, strings, keywords.

import { escape } from "./layout.js";

const KEYWORDS = {
  sh: "if then else fi for in do done while export",
  python:
    "and as async await class def del elif else except False finally for from if import in is lambda None not or pass raise return True try while with yield",
  ts: "as async await break case catch class const continue default else export false finally for from function if import in instanceof interface let new null of return switch throw true try type typeof undefined while yield",
  json: "true false null",
};
const COMMENTS = { sh: "(?<=^|\\s)#[^\\n]*", python: "#[^\\n]*", ts: "//[^\\n]*" };
const STRINGS = "\"(?:\\\\.|[^\"\\\\])*\"|'(?:\\\\.|[^'\\\\])*'|`(?:\\\\.|[^`\\\\])*`";
const SAME = { bash: "sh", shell: "sh", py: "python", typescript: "ts", js: "ts", javascript: "ts" };

/** Code as HTML. */
export function highlight(text, language = "") {
  const syntax = SAME[language] ?? language;
  const keywords = KEYWORDS[syntax];
  if (keywords === undefined) return escape(text);
  const comment = COMMENTS[syntax] ?? "(?!)";
  const pattern = new RegExp(`(${comment})|(${STRINGS})|\\b(${keywords.replaceAll(" ", "|")})\\b`, "gm");
  let html = "";
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    const [all, isComment, isString] = found;
    const kind = isComment !== undefined ? "comment" : isString !== undefined ? "string" : "keyword";
    html += `${escape(text.slice(end, found.index))}<span class="${kind}">${escape(all)}</span>`;
    end = found.index + all.length;
  }
  return html + escape(text.slice(end));
}
