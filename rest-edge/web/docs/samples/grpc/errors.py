import os
import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from chatgateway.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc

metadata = [("authorization", f"Bearer {os.environ['TOKEN']}")]

with grpc.insecure_channel("127.0.0.1:50051") as channel:
    chats = chat_service_pb2_grpc.ChatServiceStub(channel)
    message = chat_pb2.ChatMessage(role=chat_pb2.ROLE_USER, text="Hello")
    chat = chat_pb2.ChatRequest(model="nothing", messages=[message])
    request = chat_service_pb2.CreateChatCompletionRequest(chat=chat)
    try:
        chats.CreateChatCompletion(request, metadata=metadata)
    except grpc.RpcError as error:
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in rpc_status.from_call(error).details:
            detail.Unpack(info) or detail.Unpack(bad_request)
        print(info.reason, bad_request.field_violations[0].field)
        print(error.details())
        print("send it again:", info.metadata["retryable"])
