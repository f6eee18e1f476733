"""Messages that are small on the wire and would be large in memory, sent by a client of any language."""

import re
from pathlib import Path

import grpc
import pytest

from generated_client import generate
from programs import Gateway

SIZE = 32 << 20
METHOD = "/chatgateway.v1.ChatService/CreateChatCompletion"


def tagged(number, payload):
    """A field of protobuf's wire format whose value has a length."""
    length, varint = len(payload), bytearray()
    while length >= 0x80:
        varint.append(length & 0x7F | 0x80)
        length >>= 7
    varint.append(length)
    return bytes([number << 3 | 2]) + bytes(varint) + payload


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    """The number of a field by message and name, as the protos have it."""
    modules = generate(tmp_path_factory.mktemp("generated"))

    def number(message, field):
        found = [vars(module)[message] for module in modules.values() if message in vars(module)]
        return found[0].DESCRIPTOR.fields_by_name[field].number

    return number


def many_messages(fields, _):
    return tagged(fields("ChatRequest", "messages"), b"") * (SIZE // 2)


def many_tools(fields, _):
    return tagged(fields("ChatRequest", "tools"), b"") * (SIZE // 2)


def as_many_as_allowed(fields, start):
    few = tagged(fields("ChatRequest", "messages"), b"") * 99_000
    return few + tagged(start, b"x" * (SIZE - len(few) - 16))


BOMBS = {"messages": many_messages, "tools": many_tools, "just below the bound": as_many_as_allowed}


def peak_memory(gateway):
    """The most memory that the process ever had, in bytes."""
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_of_32_mib_costs_at_most_8_times_its_size(start, fields, bomb):
    gateway = start(Gateway)
    chat = bomb(fields, fields("ChatRequest", "user"))
    message = tagged(fields("CreateChatCompletionRequest", "chat"), chat)
    assert abs(len(message) - SIZE) < 64
    before = peak_memory(gateway)
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(gateway.grpc_address, options=options) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(METHOD)(message, timeout=60, metadata=(("authorization", f"Bearer {gateway.token}"),))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT, refused.value
    grown = peak_memory(gateway) - before
    assert grown <= 8 * SIZE, f"{grown / SIZE:.1f} times its size"
    assert gateway.is_running()
