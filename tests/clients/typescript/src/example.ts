// The gateway over gRPC: a chat, a stream, a conversation, memory, and an error taken apart.
//
//   npm run build && TOKEN=sk-... npm run example

import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role, type AssistantMessage, type MessageDelta } from "../generated/chatgateway/v1/chat_pb.js";
import { ChatService } from "../generated/chatgateway/v1/chat_service_pb.js";
import { ConversationService } from "../generated/chatgateway/v1/conversation_service_pb.js";
import { MemoryService } from "../generated/chatgateway/v1/memory_service_pb.js";
import { ErrorCode, gatewayError } from "./errors.js";

const address = process.env.GATEWAY ?? "127.0.0.1:50051";
const token = process.env.TOKEN;

// Who calls, and for which end user.
const identify: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${token}`);
  request.header.set("spass-user-id", "ann");
  return next(request);
};

const transport = createGrpcTransport({
  baseUrl: `http://${address}`,
  interceptors: [identify],
  // The deadline goes along: the gateway gives up on the model server when it has passed.
  defaultTimeoutMs: 30_000,
});
const chats = createClient(ChatService, transport);
const conversations = createClient(ConversationService, transport);
const memory = createClient(MemoryService, transport);

function ask(model: string, text: string) {
  return { chat: { model, messages: [{ role: Role.USER, content: { case: "text", value: text } as const }] } };
}

function textOf(message?: AssistantMessage | MessageDelta): string {
  return message?.content.case === "text" ? message.content.value : "";
}

async function main() {
  const { completion } = await chats.createChatCompletion(ask("demo", "Hello"));
  console.log("chat:", textOf(completion?.choices[0].message));

  let streamed = "";
  for await (const { chunks } of chats.streamChatCompletion(ask("demo", "Hello"))) {
    for (const { choices } of chunks) streamed += textOf(choices[0]?.delta);
  }
  console.log("stream:", streamed);

  // The gateway keeps the conversation: each turn says only what is new.
  const first = await conversations.createTurn({ turn: ask("demo", "My name is Ann") });
  const second = await conversations.createTurn({ turn: { conversationId: first.conversationId, ...ask("demo", "/recall") } });
  console.log("turn:", textOf(second.completion?.choices[0].message));

  await memory.putMemory({ visibility: "private", key: "colour", value: "teal" });
  const { entry } = await memory.getMemory({ visibility: "private", key: "colour" });
  console.log("memory:", entry?.key, "is", entry?.value);

  try {
    await chats.createChatCompletion(ask("nothing", "Hello"));
  } catch (error) {
    const failure = gatewayError(error);
    if (failure?.code !== ErrorCode.MODEL_NOT_IN_ALLOWLIST) throw error;
    console.log("error:", failure.text, "at", failure.param);
  }
}

main().catch((error: unknown) => {
  const failure = gatewayError(error);
  if (!failure) throw error;
  console.error("failed:", failure.text, failure.retryable ? `retry in ${failure.retryDelayMs} ms` : "do not retry");
  process.exitCode = 1;
});
