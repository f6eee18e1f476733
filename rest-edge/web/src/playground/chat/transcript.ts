// What stands in a chat: what the user said and what came of it; made of stored messages too.

import type { Content, StoredMessage } from "../wire/types";
import { Answer, type Step } from "./answer";
import type { SentRequest } from "./request";

export interface Said {
  kind: "said";
  key: string;
  text: string;
  images: string[];
}

export interface Answered {
  kind: "answered";
  key: string;
  answer: Answer;
  /** How it was asked for; null for what was stored before. */
  request: SentRequest | null;
}

export type Item = Said | Answered;

export function textOf(content: Content): string {
  if (typeof content === "string" || content === null) return content ?? "";
  return content
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("\n")
    .trim();
}

export function imagesOf(content: Content): string[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => (part.type === "image_url" ? part.image_url.url : []));
}

/** The steps of a turn: what the model said, each call that it made, and what that gave. */
export function stepsOf(messages: StoredMessage[]): Step[] {
  const results = new Map(
    messages.flatMap((message) => (message.role === "tool" ? [[message.tool_call_id, textOf(message.content)]] : [])),
  );
  return messages.flatMap((message): Step[] => {
    if (message.role !== "assistant") return [];
    const text = textOf(message.content);
    const calls = (message.tool_calls ?? []).map((call): Step => {
      const result = results.get(call.id) ?? null;
      const { name = "", arguments: given = "" } = call.function ?? {};
      return {
        kind: "call",
        call: { id: call.id, name, arguments: given, result, by: result === null ? "caller" : "gateway" },
      };
    });
    return [...(text === "" ? [] : [{ kind: "text" as const, text }]), ...calls];
  });
}

/** A conversation as it was stored. */
export function itemsOf(messages: StoredMessage[]): Item[] {
  const turns = new Map<string, StoredMessage[]>();
  for (const message of messages) turns.set(message.turn_id, [...(turns.get(message.turn_id) ?? []), message]);
  return [...turns.entries()].flatMap(([turn, messages]): Item[] => {
    const said = messages.filter((message) => message.role === "user");
    const items: Item[] = said.map((message) => ({
      kind: "said",
      key: `${turn}-${message.sequence}`,
      text: textOf(message.content),
      images: imagesOf(message.content),
    }));
    const answer = storedAnswer(messages);
    return answer.isEmpty ? items : [...items, { kind: "answered", key: `${turn}-answer`, answer, request: null }];
  });
}

function storedAnswer(messages: StoredMessage[]): Answer {
  const answer = new Answer();
  const own = messages.filter((message) => message.role === "assistant");
  answer.steps = stepsOf(messages);
  answer.reasoning = own.map((message) => message.reasoning_content ?? "").join("");
  answer.refusal = own.map((message) => message.refusal ?? "").join("");
  answer.images = own.flatMap((message) => message.images ?? []).flatMap((image) => image.image_url?.url ?? []);
  answer.state = messages.some((message) => message.status === "incomplete") ? "stopped" : "done";
  if (answer.allCalls.some((call) => call.result === null)) answer.finish = "tool_calls";
  return answer;
}
