// The request of a turn, over either surface.

import { identityHeaders } from "../wire/gateway";
import type { Content, Identity } from "../wire/types";
import type { Call } from "./answer";
import { readParameters, type Parameters } from "./parameters";
import type { Item } from "./transcript";

/** `c1` keeps the conversation; `v1` is OpenAI's API, to which the page sends the whole chat again. */
export type Surface = "c1" | "v1";

/** A request as it was sent, but for the token: enough to send it again and to show it. */
export interface SentRequest {
  surface: Surface;
  path: string;
  body: Record<string, unknown>;
  headers: Record<string, string>;
  /** The headers of who asks, which the gateway's client adds by itself. */
  identity: Record<string, string>;
}

export interface Asked {
  surface: Surface;
  model: string;
  conversationId: string;
  identity: Identity;
  parameters: Parameters;
  /** What stands in the chat before. */
  before: Item[];
  /** What the user says, or else what the tools of the calls gave. */
  said: { text: string; images: string[] } | { results: Call[] };
}

export function contentOf(text: string, images: string[]): Content {
  if (images.length === 0) return text;
  const parts = images.map((url) => ({ type: "image_url" as const, image_url: { url } }));
  return text === "" ? parts : [{ type: "text", text }, ...parts];
}

export function requestOf(asked: Asked): SentRequest {
  const { surface, model, conversationId, parameters, said } = asked;
  const { members, augment } = readParameters(parameters);
  const headers: Record<string, string> = {};
  if (augment !== "") headers["SPASS-Augment"] = augment;
  if (parameters.isKeyed) headers["Idempotency-Key"] = newKey();
  const common = { ...members, stream: true, stream_options: { include_usage: true } };
  const body =
    surface === "v1"
      ? { model, messages: messagesOf(asked), ...common }
      : {
          model,
          ...("results" in said || parameters.instructions.trim() !== ""
            ? { messages: [...instructionsOf(parameters), ...newest(said)] }
            : { message: contentOf(said.text, said.images) }),
          ...(conversationId === "" ? {} : { conversation_id: conversationId }),
          ...common,
        };
  const path =
    surface === "v1"
      ? "/v1/chat/completions"
      : parameters.instructions.trim() === ""
        ? "/c1/chat"
        : "/c1/chat/completions";
  return { surface, path, body, headers, identity: identityHeaders(asked.identity) };
}

/** Random enough to be nobody else's; `crypto.randomUUID` is not there on a page without TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function instructionsOf({ instructions }: Parameters): object[] {
  return instructions.trim() === "" ? [] : [{ role: "system", content: instructions }];
}

function newest(said: Asked["said"]): object[] {
  return "results" in said
    ? said.results.map(resultOf)
    : [{ role: "user", content: contentOf(said.text, said.images) }];
}

function resultOf(call: Call): object {
  // A call that was never run is closed, since no chat template takes it open.
  return { role: "tool", tool_call_id: call.id, content: call.result ?? "This was not run." };
}

/** The whole chat. The results of calls stand in it, those just given too. */
function messagesOf({ before, said, parameters }: Asked): object[] {
  const messages = instructionsOf(parameters);
  for (const item of before) {
    if (item.kind === "said") messages.push({ role: "user", content: contentOf(item.text, item.images) });
    else if (!item.answer.isEmpty) messages.push(...answerOf(item.answer.text, item.answer.allCalls));
  }
  return "results" in said ? messages : [...messages, ...newest(said)];
}

function answerOf(text: string, calls: Call[]): object[] {
  if (calls.length === 0) return [{ role: "assistant", content: text }];
  const tool_calls = calls.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
  return [{ role: "assistant", content: text, tool_calls }, ...calls.map(resultOf)];
}
