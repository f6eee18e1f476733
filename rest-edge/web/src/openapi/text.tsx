// Descriptions: paragraphs, lists, and code between backticks.

import type { ComponentChildren } from "preact";

/** A line with its code. */
export function Inline({ text }: { text: string }) {
  const parts = text.split("`");
  return <>{parts.map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>;
}

/** A description of several paragraphs. */
export function Text({ text }: { text: string }) {
  return <>{blocks(text)}</>;
}

function blocks(text: string): ComponentChildren {
  return text.split(/\n\n+/).map((block, at) => {
    const lines = block.split("\n");
    const items = lines.filter((line) => line.startsWith("- "));
    const before = lines.filter((line) => !line.startsWith("- ")).join(" ");
    return (
      <div key={at}>
        {before !== "" && (
          <p>
            <Inline text={before} />
          </p>
        )}
        {items.length > 0 && (
          <ul>
            {items.map((item) => (
              <li key={item}>
                <Inline text={item.slice(2)} />
              </li>
            ))}
          </ul>
        )}
      </div>
    );
  });
}
