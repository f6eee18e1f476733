import os
import grpc
from chatgateway.v1 import chat_pb2, chat_service_pb2, chat_service_pb2_grpc

metadata = [("authorization", f"Bearer {os.environ['TOKEN']}")]

with grpc.insecure_channel("127.0.0.1:50051") as channel:
    chats = chat_service_pb2_grpc.ChatServiceStub(channel)
    message = chat_pb2.ChatMessage(role=chat_pb2.ROLE_USER, text="Hello")
    chat = chat_pb2.ChatRequest(model="demo", messages=[message])
    request = chat_service_pb2.CreateChatCompletionRequest(chat=chat)
    answer = chats.CreateChatCompletion(request, metadata=metadata, timeout=30)
    print(answer.completion.choices[0].message.text)
