// Code with a button that copies it, and examples to choose from.

import { useRef, useState } from "preact/hooks";
import { copy } from "../common/copy.ts";
import type { Example } from "./document.ts";

export function Code({ text, label }: { text: string; label: string }) {
  const button = useRef<HTMLButtonElement>(null);
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
      <button ref={button} type="button" class="copy" onClick={() => copy(text, button.current!)}>
        Copy
      </button>
    </div>
  );
}

/** The examples of a body, one of which is shown. */
export function Examples({ examples, label }: { examples: [string, Example][]; label: string }) {
  const [chosen, choose] = useState(0);
  const at = Math.min(chosen, examples.length - 1);
  const [name, example] = examples[at]!;
  return (
    <div class="examples">
      <label>
        Example{" "}
        <select value={at} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {examples.map(([other, { summary }], index) => (
            <option key={other} value={index}>
              {summary && summary !== other ? `${other}: ${summary}` : other}
            </option>
          ))}
        </select>
      </label>
      <Code text={JSON.stringify(example.value, null, 2)} label={`${label}: ${name}`} />
    </div>
  );
}
