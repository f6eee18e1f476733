import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "./generated/chatgateway/v1/chat_pb.js";
import { ChatService } from "./generated/chatgateway/v1/chat_service_pb.js";

const headers = { authorization: `Bearer ${process.env.TOKEN}` };
const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" });
const chats = createClient(ChatService, transport);

const messages = [{ role: Role.USER, content: { case: "text" as const, value: "Hello" } }];
const chat = { model: "demo", messages };
for await (const { chunks } of chats.streamChatCompletion({ chat }, { headers })) {
  for (const { choices } of chunks) {
    const content = choices[0]?.delta?.content;
    if (content?.case === "text") process.stdout.write(content.value);
  }
}
console.log();
