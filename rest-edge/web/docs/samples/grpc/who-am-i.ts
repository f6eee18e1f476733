import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { IdentityService } from "./generated/chatgateway/v1/identity_service_pb.js";

const headers = { authorization: `Bearer ${process.env.TOKEN}` };
const transport = createGrpcTransport({ baseUrl: "http://127.0.0.1:50051" });
const identity = createClient(IdentityService, transport);

const { tenantId, role, scopes } = await identity.whoAmI({}, { headers });
console.log(tenantId, role);
console.log(scopes.join("\n"));
