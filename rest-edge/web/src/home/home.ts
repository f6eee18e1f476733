// What the page to begin at says of the gateway as it is now.

import "./home.css";
import { addCopyButtons } from "../common/copy.ts";

interface Part {
  name: string;
  ok: boolean;
  latency_ms: number;
  error: string;
}

const REFRESH_MILLISECONDS = 10_000;

const summary = document.querySelector<HTMLElement>("#summary")!;
const list = document.querySelector<HTMLElement>("#parts")!;

function write(selector: string, text: string) {
  document.querySelector(selector)!.textContent = text;
}

/** What is asked is shown, and a core that is down is nothing that a script fails of. */
async function readiness(): Promise<{ status: string; parts: Part[] } | undefined> {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    return await answer.json();
  } catch {
    return undefined;
  }
}

/** In words, with how good that is. */
function judge(parts: Part[] | undefined): [string, string] {
  if (parts === undefined) return ["The gateway does not answer", "bad"];
  const out = parts.filter(({ ok }) => !ok).map(({ name }) => name);
  if (out.length === 0) return ["All works", "good"];
  if (out.includes("edge")) return ["It is shutting down", "bad"];
  if (out.includes("core")) return ["The core is down; chats cannot be answered", "bad"];
  return [`Works without ${out.join(", ")}`, "warn"];
}

function item({ name, ok, latency_ms, error }: Part) {
  const row = document.createElement("li");
  const cell = (kind: string, text: string) => {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    row.append(span);
    return span;
  };
  cell(ok ? "mark good" : "mark bad", ok ? "✓" : "✕").setAttribute("aria-hidden", "true");
  cell("name", name);
  cell("took", ok ? `${latency_ms} ms` : "out");
  if (error !== "") cell("error", error);
  return row;
}

async function show() {
  const parts = (await readiness())?.parts;
  const [text, kind] = judge(parts);
  // Said again only when it changed.
  if (summary.textContent !== text) summary.textContent = text;
  summary.className = kind;
  list.replaceChildren(...(parts ?? []).map(item));
}

write("#origin", location.origin);
write("#base", `${location.origin}/v1`);
addCopyButtons(document);
await show();
setInterval(() => document.hidden || show(), REFRESH_MILLISECONDS);
document.addEventListener("visibilitychange", () => document.hidden || show());
