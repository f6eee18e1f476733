"""Memory and system prompts by plain HTTP and by generated stubs, on both databases: what one wire writes the other reads."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import grpc
import pytest

from programs import BEARER, Gateway
from wires import bearer

HEADERS = bearer(BEARER)
CAP = 16_384


@pytest.fixture
def serving(start, database_url):
    return start(Gateway, DATABASE_URL=database_url, RUST_API_BEARER=BEARER)


@pytest.fixture
def http(wires, serving):
    wire, _ = wires(serving)

    def send(method, path, body=None, user="ann", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return wire.send(method, path, body, HEADERS | {"spass-user-id": user} | named)

    return send


@pytest.fixture
def call(protos, serving):
    """Calls an RPC of either service as Ann."""
    with grpc.insecure_channel(serving.grpc_address) as channel:
        stubs = [protos.MemoryServiceStub(channel), protos.SystemPromptServiceStub(channel)]

        def call(name, **fields):
            (rpc,) = [getattr(stub, name) for stub in stubs if hasattr(stub, name)]
            message = getattr(protos, f"{name}Request")(**fields)
            return rpc(message, metadata=[*HEADERS.items(), ("spass-user-id", "ann")], timeout=30)

        yield call


def remember(http, key, value, visibility="private", **more):
    return http("POST", "/v1/memory", {"key": key, "value": value, "visibility": visibility}, **more)


@pytest.mark.parametrize("text", ["plain", "Grüße", "\U0001f44b\U0001f3fd", "e\u0301", "\u2028\x01\t"])
def test_what_is_written_is_read_as_it_was(http, call, text):
    key = text.strip("\u2028\x01\t") or "key"
    written = remember(http, key, text)
    assert (written.status, written.body["value"]) == (200, text), written
    assert call("GetMemory", visibility="private", key=key).entry.value == text
    read = http("GET", f"/v1/memory/entry?visibility=private&key={quote(key, safe='')}")
    assert read.body == written.body
    assert call("PutSystemPrompt", level="user", content=text).prompt.size_bytes == len(text.encode())
    assert http("GET", "/v1/system-prompts/user").body["content"] == text
    assert http("GET", "/v1/system-prompts/effective").body["content"] == text


def test_keys_are_in_the_order_of_their_bytes(http, call):
    keys = ["ä", "a", "Z", "\U0001f600", "aa", "-", "\uffff"]
    for key in keys:
        remember(http, key, "")
    expected = sorted(keys, key=str.encode)
    assert [entry["key"] for entry in http("GET", "/v1/memory?visibility=private").body["items"]] == expected
    page = call("ListMemory", visibility="private", limit=3, offset=2)
    assert ([entry.key for entry in page.items], page.total) == (expected[2:5], len(keys))


def test_a_bucket_is_full_to_the_byte_whoever_fills_it(http, call):
    def write(number):
        key, value = f"{number:02}", "ü" * 511
        if number % 2:
            return remember(http, key, value, visibility="public").status == 200
        try:
            call("PutMemory", visibility="public", key=key, value=value)
            return True
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            return False

    with ThreadPoolExecutor(8) as pool:
        stored = sum(pool.map(write, range(32)))
    usage = http("GET", "/v1/memory/usage?visibility=public").body
    assert (stored, usage["entries"], usage["used_bytes"], usage["remaining_bytes"]) == (16, 16, CAP, 0)
    full = remember(http, "more", "x", visibility="public")
    assert (full.status, full.code) == (409, "memory_bucket_full")


def test_versions_of_writers_at_once(http, call):
    def write(number):
        if number % 2:
            return http("PUT", "/v1/system-prompts/scope", {"content": str(number)}, spass_scope_id="room").body["version"]
        return call("PutSystemPrompt", level="scope", content=str(number), scope_id="room").prompt.version

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(24))) == list(range(1, 25))
    versions = call("ListSystemPromptVersions", level="scope", scope_id="room", limit=100).items
    assert [version.version for version in versions if version.is_current] == [24]
    assert http("PUT", "/v1/system-prompts/scope/current/3?scope=room").body["version"] == 3
    assert call("GetSystemPrompt", level="scope", scope_id="room").prompt.version == 3
    assert http("DELETE", "/v1/system-prompts/scope/v/24?scope=room").status == 204
    assert http("PUT", "/v1/system-prompts/scope", {"content": "after", "scope": "room"}).body["version"] == 25


def test_a_repeated_write_is_done_once(http):
    key = str(uuid.uuid4())
    first = http("PUT", "/v1/system-prompts/user", {"content": "once"}, idempotency_key=key)
    again = http("PUT", "/v1/system-prompts/user", {"content": "once"}, idempotency_key=key)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert http("GET", "/v1/system-prompts/user/versions").body["total"] == 1
    other = http("PUT", "/v1/system-prompts/user", {"content": "twice"}, idempotency_key=key)
    assert (other.code, other.param) == ("invalid_field", "headers.idempotency-key")


def test_what_is_one_users_is_not_anothers(http):
    remember(http, "k", "Ann's")
    http("PUT", "/v1/system-prompts/user", {"content": "Ann's"})
    assert http("GET", "/v1/memory/entry?visibility=private&key=k", user="bob").code == "memory_not_found"
    assert http("DELETE", "/v1/memory?visibility=private&key=k", user="bob").body == {"deleted": False}
    assert http("GET", "/v1/system-prompts/user", user="bob").code == "system_prompt_version_not_found"
    assert http("GET", "/v1/memory/entry?visibility=private&key=k").body["value"] == "Ann's"
