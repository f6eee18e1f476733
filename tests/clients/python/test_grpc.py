"""A Python client generated from the protos, with the usual companion packages of gRPC."""

import threading
import time
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from programs import Gateway, wait_until

SERVICES = [
    "chatgateway.v1.ChatService",
    "chatgateway.v1.ErrorCatalogService",
    "chatgateway.v1.IdentityService",
    "chatgateway.v1.ModelService",
    "chatgateway.v1.ReadinessService",
]
MAX_BODY_BYTES = 65536
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), MAX_BODY_BYTES=MAX_BODY_BYTES)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def channel(gateway):
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def authorization(gateway):
    return (("authorization", f"Bearer {gateway.token}"),)


@pytest.fixture(scope="module")
def chat(protos, channel, authorization):
    """Sends a chat and gives the whole answer with its metadata."""
    stub = protos.ChatServiceStub(channel)

    def chat(*messages, timeout=30, compression=None, metadata=(), **members):
        request = protos.ChatRequest(**{"model": "demo", "messages": messages, **members})
        answer, call = stub.CreateChatCompletion.with_call(
            protos.CreateChatCompletionRequest(chat=request),
            timeout=timeout,
            compression=compression,
            metadata=authorization + tuple(metadata),
        )
        return answer.completion, SimpleNamespace(
            leading=dict(call.initial_metadata()), trailing=dict(call.trailing_metadata())
        )

    return chat


@pytest.fixture(scope="module")
def stream(protos, channel, authorization):
    """Begins a streamed chat and gives the call, whose messages hold the chunks."""
    stub = protos.ChatServiceStub(channel)

    def stream(*messages, timeout=30, metadata=(), **members):
        request = protos.ChatRequest(**{"model": "demo", "messages": messages, **members})
        return stub.StreamChatCompletion(
            protos.StreamChatCompletionRequest(chat=request), timeout=timeout, metadata=authorization + tuple(metadata)
        )

    return stream


@pytest.fixture(scope="module")
def user(protos):
    """A message of the end user in the typed form."""
    return lambda text: protos.ChatMessage(role=protos.ROLE_USER, text=text)


def details_of(error):
    """The details of an error by the names of their types, as grpc_status unpacks them."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    assert (status.code, status.message) == (error.code().value[0], error.details())
    details = {}
    for packed in status.details:
        name = packed.type_url.rsplit(".", 1)[1]
        details[name] = getattr(error_details_pb2, name)()
        assert packed.Unpack(details[name])
    return details


def check(error, code, reason, retryable=False):
    """An error has its status code and, always, ErrorInfo, RequestInfo and Help; gives all details."""
    assert error.code() == code
    details = details_of(error)
    info = details["ErrorInfo"]
    assert (info.reason, info.domain) == (reason, "chat-gateway")
    assert info.metadata["retryable"] == str(retryable).lower()
    # An error in the middle of a stream comes after the leading metadata, any other in its place.
    metadata = dict(error.initial_metadata()) | dict(error.trailing_metadata())
    assert details["RequestInfo"].request_id == metadata["spass-request-id"]
    (link,) = details["Help"].links
    assert link.url.endswith(f"/docs/errors#{reason.lower()}")
    assert link.description
    return details


# === answers ===


def test_chat(chat, user, protos):
    completion, metadata = chat(user("Good morning"))
    (choice,) = completion.choices
    assert (completion.model, choice.index) == ("demo", 0)
    assert choice.message.text.endswith("You said: Good morning")
    assert choice.finish_reason == protos.FINISH_REASON_STOP
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    known = metadata.leading | metadata.trailing
    assert known["spass-resolved-model"] == known["spass-resolved-backend"] == "demo"
    assert known["spass-request-id"] == known["x-request-id"]
    assert known["x-ratelimit-limit-requests"] == "1000"


def test_request_id_is_taken_over(chat, user):
    _, metadata = chat(user("Hi"), metadata=[("x-request-id", "order-66.a:b_c")])
    assert (metadata.leading | metadata.trailing)["spass-request-id"] == "order-66.a:b_c"


def test_typed_and_json_messages_give_the_same(chat, user, protos):
    typed, _ = chat(user("Same?"))
    as_json, _ = chat(protos.ChatMessage(message_json=b'{"role": "user", "content": "Same?"}'))
    content_json = protos.ChatMessage(role=protos.ROLE_USER, content_json=b'[{"type": "text", "text": "Same?"}]')
    mixed, _ = chat(content_json)
    texts = {completion.choices[0].message.text for completion in (typed, as_json, mixed)}
    assert len(texts) == 1 and texts.pop().endswith("You said: Same?")


def test_tool_round_trip(chat, user, protos):
    tool = protos.Tool(function=protos.FunctionTool(name="get_weather", parameters_json=b'{"type": "object"}'))
    question = user('/tool get_weather {"city": "Oslo", "big": 9007199254740993}')
    completion, _ = chat(question, tools=[tool])
    (choice,) = completion.choices
    assert choice.finish_reason == protos.FINISH_REASON_TOOL_CALLS
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.arguments == '{"city": "Oslo", "big": 9007199254740993}'

    asked = protos.ChatMessage(role=protos.ROLE_ASSISTANT, tool_calls=[call])
    result = protos.ChatMessage(role=protos.ROLE_TOOL, tool_call_id=call.id, text="21 degrees")
    completion, _ = chat(question, asked, result, tools=[tool])
    assert completion.choices[0].message.text == "The tool answered: 21 degrees"


def test_unknown_members_cross_as_json(chat, user):
    completion, _ = chat(user("/think about it"), unknown_members_json=b'{"made_up": {"deep": [1, null]}}')
    assert b'"reasoning_content"' in completion.choices[0].message.unknown_members_json


def test_a_floor_is_told_in_metadata(chat, user):
    _, metadata = chat(user("Hi"), max_tokens=1)
    assert (metadata.leading | metadata.trailing)["spass-applied"] == "max_tokens_floored=16"


def test_models(protos, channel, authorization):
    stub = protos.ModelServiceStub(channel)
    (model,) = stub.ListModels(protos.ListModelsRequest(), metadata=authorization).models
    assert (model.alias, model.tools, model.constraints.min_max_tokens) == ("demo", True, 16)
    assert model.HasField("context_window") and not model.HasField("max_output_tokens")
    assert stub.GetModel(protos.GetModelRequest(alias="demo"), metadata=authorization).model == model


def test_who_am_i(protos, channel, authorization):
    stub = protos.IdentityServiceStub(channel)
    me = stub.WhoAmI(
        protos.WhoAmIRequest(rpc="chatgateway.v1.ChatService/CreateChatCompletion"), metadata=authorization
    )
    assert me.tenant_id == "default"
    assert me.token_id
    assert {"chat:write", "models:read"} <= set(me.scopes)
    assert list(me.scopes) == sorted(me.scopes)
    assert (me.rate_limit.limited, me.rate_limit.burst) == (True, 1000)
    assert me.admission.admitted and me.admission.code == ""


def test_public_services_need_no_token(protos, channel):
    readiness = protos.ReadinessServiceStub(channel).GetReadiness(protos.GetReadinessRequest())
    assert readiness.status == "ok"
    assert [(part.name, part.ok) for part in readiness.parts] == [("core", True), ("storage", True), ("demo", True)]
    catalog = protos.ErrorCatalogServiceStub(channel).ListErrors(protos.ListErrorsRequest())
    assert len(catalog.entries) >= 28
    assert catalog.entries[0].code == "missing_authorization"
    # The codes that clients compile in are those that the catalog tells.
    compiled = {name.removeprefix("ERROR_CODE_").lower() for name in protos.ErrorCode.keys()} - {"unspecified"}
    assert {entry.code for entry in catalog.entries} == compiled


def test_gzip(chat, user):
    text = "a word and " * 5000
    completion, _ = chat(user(text), compression=grpc.Compression.Gzip)
    assert completion.choices[0].message.text.endswith(f"You said: {text}")


def test_unsupported_compression(chat, user):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("x"), compression=grpc.Compression.Deflate)
    check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


# === streams ===


def chunks_of(call, chunks):
    """Adds the chunks of a call as they come, so that those before an error are there too."""
    for message in call:
        # A message brings something, or does not come.
        assert message.chunks
        chunks.extend(message.chunks)
    return chunks


def text_of(chunks):
    return "".join(choice.delta.text for chunk in chunks for choice in chunk.choices)


def test_stream(stream, chat, user, protos):
    call = stream(user("Good morning"))
    leading = dict(call.initial_metadata())
    assert leading["spass-resolved-model"] == leading["spass-resolved-backend"] == "demo"
    assert leading["spass-request-id"] == leading["x-request-id"]
    assert leading["x-ratelimit-limit-requests"] == "1000"
    chunks = chunks_of(call, [])
    assert call.code() == grpc.StatusCode.OK
    completion, _ = chat(user("Good morning"))
    assert text_of(chunks) == completion.choices[0].message.text
    assert len(chunks) > 5
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1 and chunks[0].id
    assert {chunk.model for chunk in chunks} == {"demo"}
    choices = [chunk.choices[0] for chunk in chunks]
    assert [choice.delta.role for choice in choices] == ["assistant"] + [""] * (len(chunks) - 1)
    unended = [protos.FINISH_REASON_UNSPECIFIED] * (len(chunks) - 1)
    assert [choice.finish_reason for choice in choices] == [*unended, protos.FINISH_REASON_STOP]
    assert not any(chunk.HasField("usage") for chunk in chunks)


def test_a_stream_takes_over_the_request_id_and_tells_a_floor(stream, user, protos):
    call = stream(user("/long 50"), max_tokens=1, metadata=[("x-request-id", "order-66.a:b_c")])
    leading = dict(call.initial_metadata())
    assert (leading["spass-request-id"], leading["spass-applied"]) == ("order-66.a:b_c", "max_tokens_floored=16")
    chunks = chunks_of(call, [])
    assert text_of(chunks).split() == [f"word{number}" for number in range(1, 17)]
    assert chunks[-1].choices[0].finish_reason == protos.FINISH_REASON_LENGTH


def test_usage_of_a_stream(stream, chat, user, protos):
    *chunks, last = chunks_of(stream(user("Count"), stream_options=protos.StreamOptions(include_usage=True)), [])
    completion, _ = chat(user("Count"))
    assert len(last.choices) == 0
    assert last.usage == completion.usage and last.usage.total_tokens > 0
    assert all(chunk.choices and not chunk.HasField("usage") for chunk in chunks)


def test_stream_options_without_a_stream(chat, user, protos):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("x"), stream_options=protos.StreamOptions(include_usage=True))
    details = check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert details["BadRequest"].field_violations[0].field == "stream_options"


def test_tool_calls_in_a_stream(stream, user, protos):
    names = ["get_weather", "get_time"]
    tools = [protos.Tool(function=protos.FunctionTool(name=name, parameters_json=b"{}")) for name in names]
    chunks = chunks_of(stream(user("/tools"), tools=tools), [])
    pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls]
    for index, name in enumerate(names):
        first, *rest = [piece for piece in pieces if piece.index == index]
        assert (first.function.name, first.type) == (name, "function") and first.id
        assert not any(piece.HasField("id") or piece.function.HasField("name") for piece in rest)
        assert "".join(piece.function.arguments for piece in [first, *rest]) == "{}"
    assert chunks[-1].choices[0].finish_reason == protos.FINISH_REASON_TOOL_CALLS


def test_unknown_members_of_a_stream(stream, user):
    chunks = chunks_of(stream(user("/think about it")), [])
    assert any(b'"reasoning_content"' in chunk.choices[0].delta.unknown_members_json for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "members", "code", "reason", "retryable"),
    [
        ("x", {"temperature": 7}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", False),
        ("x", {"model": "no-such-model"}, grpc.StatusCode.INVALID_ARGUMENT, "MODEL_NOT_IN_ALLOWLIST", False),
        ("/error model_quota_exhausted", {}, grpc.StatusCode.RESOURCE_EXHAUSTED, "MODEL_QUOTA_EXHAUSTED", True),
        ("/error upstream_error", {}, grpc.StatusCode.INTERNAL, "UPSTREAM_ERROR", False),
        ("/error upstream_timeout", {}, grpc.StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT", False),
        ("/error upstream_unavailable", {}, grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", True),
        ("/error internal_error", {}, grpc.StatusCode.INTERNAL, "INTERNAL_ERROR", False),
    ],
)
def test_an_error_before_the_first_chunk(stream, user, text, members, code, reason, retryable):
    with pytest.raises(grpc.RpcError) as caught:
        next(stream(user(text), **members))
    details = check(caught.value, code, reason, retryable)
    assert ("RetryInfo" in details) == retryable
    # What is wrong with a field is told as in the unary call.
    fields = [violation.field for violation in details["BadRequest"].field_violations] if members else []
    assert fields == list(members)


def test_a_stream_that_breaks_off(stream, user):
    call, chunks = stream(user("/cut here and now")), []
    with pytest.raises(grpc.RpcError) as caught:
        chunks_of(call, chunks)
    check(caught.value, grpc.StatusCode.INTERNAL, "UPSTREAM_ERROR")
    assert dict(call.initial_metadata())["spass-resolved-model"] == "demo"
    whole = "The demo breaks off in the middle: here and now"
    assert text_of(chunks) and whole.startswith(text_of(chunks)) and text_of(chunks) != whole


def test_a_stream_that_the_caller_cancels(start, protos, user):
    gateway = start(Gateway)
    chat = protos.ChatRequest(model="demo", messages=[user("/drip 60 one two")])
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        call = protos.ChatServiceStub(channel).StreamChatCompletion(
            protos.StreamChatCompletionRequest(chat=chat), metadata=(("authorization", f"Bearer {gateway.token}"),)
        )
        assert next(call).chunks
        assert call.cancel()
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value.code() == grpc.StatusCode.CANCELLED
        # What is still in flight would be waited for.
        begin = time.monotonic()
        gateway.stop()
        assert time.monotonic() - begin < 5


def test_a_deadline_in_the_middle_of_a_stream(stream, user):
    """The library gives up by itself; what came before is the caller's."""
    begin, chunks = time.monotonic(), []
    with pytest.raises(grpc.RpcError) as caught:
        chunks_of(stream(user("/drip 60 one two"), timeout=0.5), chunks)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(chunks) == 1
    assert 0.4 < time.monotonic() - begin < 3


@pytest.mark.parametrize("text", ["/slow 60", "/drip 60 one two"])
def test_a_deadline_ends_a_stream_in_the_gateway_too(stream, user, text):
    """Here the deadline is known to the gateway alone."""
    begin, chunks = time.monotonic(), []
    with pytest.raises(grpc.RpcError) as caught:
        chunks_of(stream(user(text), timeout=None, metadata=[("grpc-timeout", "500m")]), chunks)
    check(caught.value, grpc.StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT")
    assert len(chunks) == text.startswith("/drip")
    assert time.monotonic() - begin < 3


# === errors ===


def test_a_bad_field(chat, user):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("x"), temperature=7)
    details = check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    (violation,) = details["BadRequest"].field_violations
    assert (violation.field, violation.reason) == ("temperature", "INVALID_FIELD")
    assert violation.description == caught.value.details()
    assert "RetryInfo" not in details


@pytest.mark.parametrize(
    "message",
    [
        {"role": 3, "content_json": b'[{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]'},
        {"message_json": b'{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}'},
    ],
)
def test_a_bad_field_deep_within_json(chat, protos, message):
    with pytest.raises(grpc.RpcError) as caught:
        chat(protos.ChatMessage(**message))
    details = check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_URL_NOT_SUPPORTED")
    assert details["BadRequest"].field_violations[0].field == "messages[0].content[0].image_url.url"


def test_broken_json(chat, protos):
    with pytest.raises(grpc.RpcError) as caught:
        chat(protos.ChatMessage(message_json=b'{"role": "user", "content": "x"'))
    check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_JSON")


def test_an_unknown_model(chat, user):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("x"), model="no-such-model")
    details = check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "MODEL_NOT_IN_ALLOWLIST")
    assert details["BadRequest"].field_violations[0].field == "model"
    assert (details["ResourceInfo"].resource_type, details["ResourceInfo"].resource_name) == ("model", "no-such-model")
    assert details["ErrorInfo"].metadata["model"] == "no-such-model"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "MISSING_AUTHORIZATION"),
        ((("authorization", "Bearer sk-not-the-key"),), "INVALID_AUTHORIZATION"),
        ((("authorization", "Basic eDp5"),), "INVALID_AUTHORIZATION"),
    ],
)
def test_no_way_in(protos, channel, metadata, reason):
    with pytest.raises(grpc.RpcError) as caught:
        protos.ModelServiceStub(channel).ListModels(protos.ListModelsRequest(), metadata=metadata)
    details = check(caught.value, grpc.StatusCode.UNAUTHENTICATED, reason)
    assert details["BadRequest"].field_violations[0].field == "headers.authorization"


def test_a_quota(chat, user):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("/error model_quota_exhausted"))
    details = check(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "MODEL_QUOTA_EXHAUSTED", retryable=True)
    assert details["RetryInfo"].retry_delay.ToSeconds() == 7
    assert details["QuotaFailure"].violations[0].subject == "model"


def test_a_rate_limit(start, protos, user):
    gateway = start(Gateway, RATE_LIMIT_PER_SECOND=0.1, RATE_LIMIT_BURST=1)
    authorization = (("authorization", f"Bearer {gateway.token}"),)
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        list_models = protos.ModelServiceStub(channel).ListModels
        assert list_models(protos.ListModelsRequest(), metadata=authorization).models
        with pytest.raises(grpc.RpcError) as caught:
            list_models(protos.ListModelsRequest(), metadata=authorization)
    details = check(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMIT_EXCEEDED", retryable=True)
    assert 1 <= details["RetryInfo"].retry_delay.ToSeconds() <= 10
    assert details["QuotaFailure"].violations[0].subject == "token"


@pytest.mark.parametrize(
    ("kind", "code", "reason", "retryable"),
    [
        ("upstream_error", grpc.StatusCode.INTERNAL, "UPSTREAM_ERROR", False),
        ("upstream_timeout", grpc.StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT", False),
        ("upstream_unavailable", grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", True),
        ("internal_error", grpc.StatusCode.INTERNAL, "INTERNAL_ERROR", False),
    ],
)
def test_failures_of_the_model_server(chat, user, kind, code, reason, retryable):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user(f"/error {kind}"))
    details = check(caught.value, code, reason, retryable)
    assert ("RetryInfo" in details) == retryable


def test_a_deadline_ends_a_slow_call(chat, user):
    begin = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("/slow 30"), timeout=0.5)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0.4 < time.monotonic() - begin < 3


def test_a_deadline_ends_the_call_in_the_gateway_too(chat, user, gateway):
    """The library would give up by itself: here the deadline is known to the gateway alone."""
    begin = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("/slow 30"), timeout=None, metadata=[("grpc-timeout", "500m")])
    check(caught.value, grpc.StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT")
    assert time.monotonic() - begin < 3


def test_an_unknown_method(channel, authorization):
    for path in ("/chatgateway.v1.ChatService/NoSuchMethod", "/no.such.Service/Method"):
        call = channel.unary_unary(path, lambda request: request, lambda response: response)
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10, metadata=authorization)
        check(caught.value, grpc.StatusCode.UNIMPLEMENTED, "ROUTE_NOT_FOUND")


def test_an_undecodable_message(channel, authorization):
    call = channel.unary_unary(
        "/chatgateway.v1.ChatService/CreateChatCompletion", lambda request: request, lambda response: response
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=10, metadata=authorization)
    check(caught.value, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def text_for_a_message_of(size, protos, user):
    """The text with which a chat is a message of exactly this size."""

    def size_with(length):
        chat = protos.ChatRequest(model="demo", messages=[user("x" * length)])
        return protos.CreateChatCompletionRequest(chat=chat).ByteSize()

    # Tags and lengths take as many bytes for the guess as for the real text.
    text = "x" * (size - (size_with(size - 64) - (size - 64)))
    assert size_with(len(text)) == size
    return text


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_limit_of_a_message(chat, user, protos, beyond):
    # A message may be 1 MiB larger than the JSON body that it stands for.
    text = text_for_a_message_of(MAX_BODY_BYTES + (1 << 20) + beyond, protos, user)
    if beyond <= 0:
        completion, _ = chat(user(text))
        assert completion.choices[0].message.text.endswith(text)
        return
    with pytest.raises(grpc.RpcError) as caught:
        chat(user(text))
    check(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE")


def test_a_message_over_the_limit_once_unpacked(chat, user):
    with pytest.raises(grpc.RpcError) as caught:
        chat(user("x" * (8 << 20)), compression=grpc.Compression.Gzip)
    check(caught.value, grpc.StatusCode.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE")


# === health and reflection ===


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health(channel, service):
    health = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert health.Check(request, timeout=10).status == SERVING
    watch = health.Watch(request, timeout=10)
    assert next(watch).status == SERVING
    watch.cancel()


def test_health_of_an_unknown_service(channel):
    with pytest.raises(grpc.RpcError) as caught:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=10)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_end_is_announced_to_watchers(start):
    # While the delay lasts, calls are still taken.
    gateway = start(Gateway, DRAIN_DELAY_SECS=2)
    seen = {}

    def watch(service):
        statuses = seen[service] = []
        try:
            for answer in health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=30):
                statuses.append(answer.status)
        except grpc.RpcError:
            pass  # The gateway is gone.

    with grpc.insecure_channel(gateway.grpc_address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watchers = [threading.Thread(target=watch, args=[service]) for service in ["", *SERVICES]]
        for watcher in watchers:
            watcher.start()
        wait_until(lambda: len(seen) == len(watchers) and all(seen.values()), "every watch tells the first status")
        gateway.terminate()
        wait_until(lambda: all(len(statuses) == 2 for statuses in seen.values()), "every watch tells the end", 1.5)
        assert gateway.is_running()
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == NOT_SERVING
        for watcher in watchers:
            watcher.join(30)
    assert gateway.wait() == 0
    assert seen == {service: [SERVING, NOT_SERVING] for service in ["", *SERVICES]}


def test_reflection_of_the_library(channel, protos):
    """v1alpha, which grpcio-reflection speaks."""
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(SERVICES) | {"grpc.health.v1.Health"} <= set(database.get_services())
    service = DescriptorPool(database).FindServiceByName("chatgateway.v1.ChatService")
    assert "CreateChatCompletion" in service.methods_by_name


def test_reflection_v1(channel):
    """The library has no client for v1, whose messages are those of v1alpha."""
    info = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = info(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10)
    assert set(SERVICES) <= {service.name for service in answer.list_services_response.service}


def test_reflection_can_be_switched_off(start):
    gateway = start(Gateway, GRPC_REFLECTION="false")
    with grpc.insecure_channel(gateway.grpc_address) as channel, pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(channel).get_services()
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
