import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "./generated/chatgateway/v1/chat_pb.js";
import { ChatService } from "./generated/chatgateway/v1/chat_service_pb.js";

const headers = { authorization: `Bearer ${process.env.TOKEN}` };
const chats = createClient(ChatService, createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" }));

const messages = [{ role: Role.USER, content: { case: "text" as const, value: "Hello" } }];
for await (const { chunks } of chats.streamChatCompletion({ chat: { model: "demo", messages } }, { headers })) {
  for (const { choices } of chunks) {
    const content = choices[0]?.delta?.content;
    if (content?.case === "text") process.stdout.write(content.value);
  }
}
console.log();
