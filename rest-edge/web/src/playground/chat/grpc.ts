// A request in the JSON form of its protobuf message. What has no field of its own goes as bytes of JSON, in base64.

import type { SentRequest } from "./request";

type Json = Record<string, unknown>;

/** Members of OpenAI's request that are fields of `ChatRequest` with a value of the same form. */
const SAME = new Set([
  "model",
  "temperature",
  "top_p",
  "max_tokens",
  "seed",
  "stop",
  "reasoning_effort",
  "stream_options",
]);

function base64(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function grpcMessage({ surface, body }: SentRequest): Json {
  const { message, messages, conversation_id, stream: _, ...rest } = body;
  const chat: Json = {};
  const others: Json = {};
  for (const [name, value] of Object.entries(rest)) {
    if (SAME.has(name)) chat[name] = value;
    else if (name === "tools") chat["tools"] = (value as unknown[]).map(toolOf);
    else if (name === "response_format") chat["response_format"] = formatOf(value);
    else others[name] = value;
  }
  if (Object.keys(others).length > 0) chat["unknown_members_json"] = base64(others);
  if (messages !== undefined) chat["messages"] = (messages as Json[]).map(messageOf);
  if (surface === "v1") return { chat };
  const turn: Json = { chat };
  if (message !== undefined) turn["message_json"] = base64(message);
  if (conversation_id !== undefined) turn["conversation_id"] = conversation_id;
  return { turn };
}

function toolOf(tool: unknown): Json {
  const { type, function: given, ...others } = tool as { type?: unknown; function?: Json };
  if (type !== "function" || given === undefined || Object.keys(others).length > 0) return { tool_json: base64(tool) };
  const { parameters, ...known } = given;
  return { function: { ...known, ...(parameters === undefined ? {} : { parameters_json: base64(parameters) }) } };
}

function formatOf(format: unknown): Json {
  const { type, ...others } = format as Json;
  return Object.keys(others).length === 0 && typeof type === "string" ? { type } : { format_json: base64(format) };
}

function messageOf(message: Json): Json {
  const { role, content, tool_calls, ...others } = message;
  const calls = (tool_calls as { id: string; function: Json }[] | undefined)?.map(({ id, function: call }) => ({
    id,
    function: call,
  }));
  return {
    role: `ROLE_${String(role).toUpperCase()}`,
    ...(Array.isArray(content) ? { parts: { parts: content.map(partOf) } } : { text: content }),
    ...(calls === undefined ? {} : { tool_calls: calls }),
    ...others,
  };
}

function partOf(part: Json): Json {
  if (part["type"] === "text") return { text: part["text"] };
  return part["type"] === "image_url" ? { image: part["image_url"] } : { part_json: base64(part) };
}
