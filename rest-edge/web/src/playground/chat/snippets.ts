// A request as others send it: curl, Python, gRPC. The token is never in it; it is read from the variable TOKEN.

import type { SentRequest } from "./request";
import { grpcMessage } from "./grpc";

export type Language = "curl" | "python" | "grpc";

export const LANGUAGES = [
  ["curl", "curl"],
  ["python", "Python"],
  ["grpc", "gRPC"],
] as const;

export function snippet(language: Language, request: SentRequest, origin: string): string {
  if (language === "curl") return curl(request, origin);
  return language === "python" ? python(request, origin) : grpc(request, origin);
}

/** A word of a shell, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function headersOf(request: SentRequest): [string, string][] {
  return Object.entries({ ...request.identity, ...request.headers });
}

function curl(request: SentRequest, origin: string): string {
  const headers = [["Content-Type", "application/json"] as const, ...headersOf(request)];
  return [
    `curl -N ${origin}${request.path} -H "Authorization: Bearer $TOKEN"`,
    ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `-d ${quoted(JSON.stringify(request.body))}`,
  ].join(" \\\n  ");
}

/** A value as Python writes it. Its strings are those of JSON, but for surrogates, which stand in pairs there. */
function literal(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value as object).map(([name, member]) => `${literal(name)}: ${literal(member)}`);
  return `{${members.join(", ")}}`;
}

function python(request: SentRequest, origin: string): string {
  const { message, messages, conversation_id, ...rest } = request.body;
  const sent = {
    ...rest,
    messages: messages ?? [{ role: "user", content: message }],
    ...(conversation_id === undefined ? {} : { extra_body: { conversation_id } }),
  };
  const headers = headersOf(request);
  const members = Object.entries(sent).map(([name, value]) => `    ${name}=${literal(value)},`);
  return `import os
import openai

client = openai.OpenAI(base_url="${origin}/${request.surface}", api_key=os.environ["TOKEN"])
stream = client.chat.completions.create(
${members.join("\n")}${headers.length === 0 ? "" : `\n    extra_headers=${literal(Object.fromEntries(headers))},`}
)
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()
`;
}

function grpc(request: SentRequest, origin: string): string {
  const method = request.surface === "v1" ? "ChatService/StreamChatCompletion" : "ConversationService/StreamTurn";
  const host = new URL(origin).hostname;
  return [
    "# The port is the operator's choice (GRPC_LISTEN); 50051 is the usual one.",
    [
      `npx buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $TOKEN"`,
      ...headersOf(request).map(([name, value]) => `-H ${quoted(`${name.toLowerCase()}: ${value}`)}`),
      `-d ${quoted(JSON.stringify(grpcMessage(request)))}`,
      `http://${host}:50051/chatgateway.v1.${method}`,
    ].join(" \\\n  "),
  ].join("\n");
}
