// An answer as it comes: what the model says, the tools that it asks for, and the facts of the call.

import type { Failure } from "../wire/failure";
import type { Notice, Usage } from "../wire/types";

export interface Call {
  id: string;
  name: string;
  arguments: string;
  /** What the tool gave; null where nothing did yet. */
  result: string | null;
  /** Who runs it. */
  by: "gateway" | "caller";
}

export type Step = { kind: "text"; text: string } | { kind: "call"; call: Call };

export type State = "waiting" | "streaming" | "done" | "stopped" | "failed";

export interface Facts {
  requestId: string;
  servedModel: string;
  servedBy: string;
  augmented: string;
  applied: string;
  /** Milliseconds from sending the request. */
  firstToken: number | null;
  total: number | null;
  usage: Usage | null;
  costUsd: string | null;
}

interface Delta {
  content?: string | null;
  reasoning_content?: string;
  refusal?: string;
  images?: { image_url?: { url?: string } }[];
  tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
}

export interface Chunk {
  choices?: { index?: number; delta?: Delta; finish_reason?: string | null }[];
  usage?: Usage | null;
  spass?: { cost_usd?: string | number; notices?: Notice[] };
}

/** Grows with each chunk. It is written to in place, and whoever shows it is told once a frame. */
export class Answer {
  state: State = "waiting";
  steps: Step[] = [];
  reasoning = "";
  refusal = "";
  images: string[] = [];
  notices: Notice[] = [];
  finish = "";
  failure: Failure | null = null;
  facts: Facts | null = null;
  private readonly calls = new Map<number, Call>();

  begin(head: Headers): void {
    const header = (name: string) => head.get(name) ?? "";
    this.facts = {
      requestId: header("spass-request-id"),
      servedModel: header("spass-resolved-model"),
      servedBy: header("spass-resolved-backend"),
      augmented: header("spass-augment-applied"),
      applied: header("spass-applied"),
      firstToken: null,
      total: null,
      usage: null,
      costUsd: null,
    };
  }

  take(chunk: Chunk, milliseconds: number): void {
    if (this.facts === null) return;
    if (chunk.usage != null) this.facts.usage = chunk.usage;
    if (chunk.spass?.cost_usd !== undefined) this.facts.costUsd = String(chunk.spass.cost_usd);
    this.notices.push(...(chunk.spass?.notices ?? []));
    for (const choice of chunk.choices ?? []) {
      if ((choice.index ?? 0) !== 0) continue;
      if (choice.finish_reason != null) this.finish = choice.finish_reason;
      if (choice.delta === undefined || !this.add(choice.delta)) continue;
      this.facts.firstToken ??= milliseconds;
      this.state = "streaming";
    }
  }

  /** Whether a delta said anything. */
  private add(delta: Delta): boolean {
    const urls = (delta.images ?? []).flatMap((image) => image.image_url?.url ?? []);
    this.images.push(...urls);
    this.reasoning += delta.reasoning_content ?? "";
    this.refusal += delta.refusal ?? "";
    if (typeof delta.content === "string" && delta.content !== "") this.say(delta.content);
    for (const piece of delta.tool_calls ?? []) this.call(piece);
    return [delta.content, delta.reasoning_content, delta.refusal, ...urls, ...(delta.tool_calls ?? [])].some(Boolean);
  }

  private say(text: string): void {
    const last = this.steps.at(-1);
    if (last?.kind === "text") last.text += text;
    else this.steps.push({ kind: "text", text });
  }

  private call(piece: NonNullable<Delta["tool_calls"]>[number]): void {
    const index = piece.index ?? 0;
    let call = this.calls.get(index);
    if (call === undefined) {
      call = { id: "", name: "", arguments: "", result: null, by: "caller" };
      this.calls.set(index, call);
      this.steps.push({ kind: "call", call });
    }
    call.id = piece.id ?? call.id;
    call.name += piece.function?.name ?? "";
    call.arguments += piece.function?.arguments ?? "";
  }

  get text(): string {
    return this.steps.map((step) => (step.kind === "text" ? step.text : "")).join("");
  }

  get allCalls(): Call[] {
    return this.steps.flatMap((step) => (step.kind === "call" ? [step.call] : []));
  }

  /** The calls that wait for the reader, who plays the caller. */
  get openCalls(): Call[] {
    return this.finish === "tool_calls"
      ? this.allCalls.filter((call) => call.by === "caller" && call.result === null)
      : [];
  }

  get isRunning(): boolean {
    return this.state === "waiting" || this.state === "streaming";
  }

  get isEmpty(): boolean {
    return this.steps.length === 0 && this.reasoning === "" && this.refusal === "" && this.images.length === 0;
  }
}
