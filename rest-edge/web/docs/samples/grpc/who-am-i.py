import os
import grpc
from chatgateway.v1 import identity_service_pb2, identity_service_pb2_grpc

metadata = [("authorization", f"Bearer {os.environ['TOKEN']}")]

with grpc.insecure_channel("127.0.0.1:50051") as channel:
    identity = identity_service_pb2_grpc.IdentityServiceStub(channel)
    me = identity.WhoAmI(identity_service_pb2.WhoAmIRequest(), metadata=metadata)
    print(me.tenant_id, me.role)
    print(*me.scopes, sep="\n")
