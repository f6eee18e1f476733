// A little Markdown, into elements and never into HTML, so that what a model writes stays text.

import type { ComponentChildren, VNode } from "preact";
import { useMemo } from "preact/hooks";

/** Cuts a text into blocks: fenced code, lists, headings and paragraphs. What follows a block never changes it. */
export function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let open: string[] = [];
  let isCode = false;
  const close = () => {
    if (open.length > 0) blocks.push(open.join("\n"));
    open = [];
  };
  for (const line of text.split("\n")) {
    if (/^\s*```/.test(line)) {
      if (!isCode) close();
      open.push(line);
      if (isCode) close();
      isCode = !isCode;
    } else if (!isCode && line.trim() === "") {
      close();
    } else {
      open.push(line);
    }
  }
  close();
  return blocks;
}

/** A text with the Markdown of chats. Of a text that grows only the last block is made anew. */
export function Markdown({ text }: { text: string }): VNode {
  return (
    <div class="markdown">
      {blocksOf(text).map((block, index) => (
        <Block key={index} text={block} />
      ))}
    </div>
  );
}

function Block({ text }: { text: string }): VNode {
  return useMemo(() => blockOf(text), [text]);
}

function blockOf(text: string): VNode {
  const lines = text.split("\n");
  const fence = /^\s*```\s*(\S*)/.exec(lines[0] ?? "");
  if (fence !== null) {
    const isClosed = lines.length > 1 && /^\s*```\s*$/.test(lines.at(-1) ?? "");
    return (
      <pre tabIndex={0} aria-label={fence[1] === "" ? "Code" : `Code, ${fence[1]}`}>
        <code>{lines.slice(1, isClosed ? -1 : undefined).join("\n")}</code>
      </pre>
    );
  }
  const heading = /^(#{1,6}) +(.*)$/.exec(text);
  if (heading !== null) return <p class="heading">{inline(heading[2] ?? "")}</p>;
  if (lines.every((line) => /^\s*[-*+] +/.test(line))) {
    return (
      <ul>
        {lines.map((line) => (
          <li>{inline(line.replace(/^\s*[-*+] +/, ""))}</li>
        ))}
      </ul>
    );
  }
  if (lines.every((line) => /^\s*\d+[.)] +/.test(line))) {
    const start = Number(/\d+/.exec(lines[0] ?? "")?.[0] ?? 1);
    return (
      <ol start={start}>
        {lines.map((line) => (
          <li>{inline(line.replace(/^\s*\d+[.)] +/, ""))}</li>
        ))}
      </ol>
    );
  }
  return <p>{inline(text)}</p>;
}

/** Code, bold and italics within a line; every other character is itself. */
function inline(text: string): ComponentChildren[] {
  const pieces: ComponentChildren[] = [];
  let end = 0;
  for (const found of text.matchAll(/`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])/g)) {
    pieces.push(text.slice(end, found.index));
    if (found[1] !== undefined) pieces.push(<code>{found[1]}</code>);
    else if (found[2] !== undefined) pieces.push(<strong>{found[2]}</strong>);
    else pieces.push(<em>{found[3]}</em>);
    end = found.index + found[0].length;
  }
  pieces.push(text.slice(end));
  return pieces;
}
