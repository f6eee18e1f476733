"""The gateway over gRPC: a chat, a stream, a conversation, memory, and an error taken apart.

python generate.py && TOKEN=sk-... PYTHONPATH=generated python example.py
"""

import os
import sys

import grpc

from chatgateway.v1 import chat_pb2, error_code_pb2
from chatgateway.v1 import chat_service_pb2 as chat_service
from chatgateway.v1 import conversation_service_pb2 as conversation_service
from chatgateway.v1 import memory_service_pb2 as memory_service
from chatgateway.v1.chat_service_pb2_grpc import ChatServiceStub
from chatgateway.v1.conversation_service_pb2_grpc import ConversationServiceStub
from chatgateway.v1.memory_service_pb2_grpc import MemoryServiceStub
from gateway_errors import gateway_error


def ask(model, text):
    message = chat_pb2.ChatMessage(role=chat_pb2.ROLE_USER, text=text)
    return chat_pb2.ChatRequest(model=model, messages=[message])


def run(channel):
    chats, conversations, memory = ChatServiceStub(channel), ConversationServiceStub(channel), MemoryServiceStub(channel)
    call = {
        # The deadline goes along: the gateway gives up on the model server when it has passed.
        "timeout": 30,
        # Who calls, and for which end user.
        "metadata": [("authorization", f"Bearer {os.environ['TOKEN']}"), ("spass-user-id", "ann")],
    }

    request = chat_service.CreateChatCompletionRequest(chat=ask("demo", "Hello"))
    answer = chats.CreateChatCompletion(request, **call)
    print("chat:", answer.completion.choices[0].message.text)

    print("stream: ", end="")
    for part in chats.StreamChatCompletion(chat_service.StreamChatCompletionRequest(chat=ask("demo", "Hello")), **call):
        print("".join(choice.delta.text for chunk in part.chunks for choice in chunk.choices), end="")
    print()

    # The gateway keeps the conversation: each turn says only what is new.
    turn = conversation_service.Turn(chat=ask("demo", "My name is Ann"))
    first = conversations.CreateTurn(conversation_service.CreateTurnRequest(turn=turn), **call)
    turn = conversation_service.Turn(conversation_id=first.conversation_id, chat=ask("demo", "/recall"))
    second = conversations.CreateTurn(conversation_service.CreateTurnRequest(turn=turn), **call)
    print("turn:", second.completion.choices[0].message.text)

    memory.PutMemory(memory_service.PutMemoryRequest(visibility="private", key="colour", value="teal"), **call)
    entry = memory.GetMemory(memory_service.GetMemoryRequest(visibility="private", key="colour"), **call).entry
    print("memory:", entry.key, "is", entry.value)

    try:
        chats.CreateChatCompletion(chat_service.CreateChatCompletionRequest(chat=ask("nothing", "Hello")), **call)
    except grpc.RpcError as error:
        failure = gateway_error(error)
        if failure is None or failure.code != error_code_pb2.ERROR_CODE_MODEL_NOT_IN_ALLOWLIST:
            raise
        print("error:", failure.text, "at", failure.param)


def main():
    with grpc.insecure_channel(os.environ.get("GATEWAY", "127.0.0.1:50051")) as channel:
        try:
            run(channel)
        except grpc.RpcError as error:
            failure = gateway_error(error)
            if failure is None:
                raise
            milliseconds = failure.retry_delay and int(failure.retry_delay.total_seconds() * 1000)
            advice = f"retry in {milliseconds} ms" if failure.retryable else "do not retry"
            sys.exit(f"failed: {failure.text} {advice}")


if __name__ == "__main__":
    main()
