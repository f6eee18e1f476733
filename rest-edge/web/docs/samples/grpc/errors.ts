import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Role } from "./generated/chatgateway/v1/chat_pb.js";
import { ChatService } from "./generated/chatgateway/v1/chat_service_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "./generated/google/rpc/error_details_pb.js";

const headers = { authorization: `Bearer ${process.env.TOKEN}` };
const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" });
const chats = createClient(ChatService, transport);

const messages = [{ role: Role.USER, content: { case: "text" as const, value: "Hello" } }];
try {
  await chats.createChatCompletion({ chat: { model: "nothing", messages } }, { headers });
} catch (error) {
  if (!(error instanceof ConnectError) || error.code !== Code.InvalidArgument) throw error;
  const [info] = error.findDetails(ErrorInfoSchema);
  const [badRequest] = error.findDetails(BadRequestSchema);
  console.log(info.reason, badRequest.fieldViolations[0].field);
  console.log(error.rawMessage);
  console.log("send it again:", info.metadata.retryable);
}
