import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "./generated/chatgateway/v1/chat_pb.js";
import { ChatService } from "./generated/chatgateway/v1/chat_service_pb.js";

const headers = { authorization: `Bearer ${process.env.TOKEN}` };
const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" });
const chats = createClient(ChatService, transport);

const messages = [{ role: Role.USER, content: { case: "text" as const, value: "Hello" } }];
const { completion } = await chats.createChatCompletion(
  { chat: { model: "demo", messages } },
  { headers, timeoutMs: 30_000 },
);
console.log(completion?.choices[0].message?.content.value);
