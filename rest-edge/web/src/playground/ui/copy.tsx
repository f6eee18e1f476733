import type { VNode } from "preact";
import { useSurroundings } from "../context";

/** A button that copies a text, and says so. */
export function CopyButton({ text, label, what }: { text: string; label: string; what: string }): VNode {
  const { announce } = useSurroundings();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce(`${what} copied.`);
    } catch {
      announce("The browser did not let this page copy. Select the text and copy it.");
    }
  };
  return (
    <button type="button" class="small" aria-label={`Copy ${what.toLowerCase()}`} onClick={copy}>
      {label}
    </button>
  );
}
