"""Streams with the official OpenAI SDK for Python, as any application reads them."""

import asyncio
import time
import uuid

import httpx
import openai
import pytest
from pydantic import BaseModel

from openai_client import COSTLY_FAILURES, WEATHER_TOOL, check, client_of, say
from programs import Gateway

TIME_TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
# Longer than a gateway waits for what is in flight, and much shorter; in seconds.
FOREVER = 60
SOON = 5


class Trip(BaseModel):
    city: str
    days: int
    by_train: bool


def stream_of(client, text, **options):
    return say(client, text, stream=True, **options)


def text_of(chunks, index=0):
    """The text of one of the answers, put together."""
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


def finish_reasons(chunks, index=0):
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return [choice.finish_reason for choice in choices if choice.finish_reason is not None]


def extra(delta, name):
    """A member that the SDK knows nothing of."""
    return (delta.model_extra or {}).get(name)


def tool_calls_of(chunks):
    """The calls of the first answer, put together as the index of each piece says."""
    calls = {}
    for chunk in chunks:
        for piece in chunk.choices[0].delta.tool_calls or []:
            if piece.index not in calls:
                begin = {"name": piece.function.name, "arguments": ""}
                calls[piece.index] = {"id": piece.id, "type": piece.type, "function": begin}
            else:
                # Only the first piece says what is called.
                assert (piece.id, piece.type, piece.function.name) == (None, None, None)
            calls[piece.index]["function"]["arguments"] += piece.function.arguments or ""
    assert list(calls) == list(range(len(calls)))
    return list(calls.values())


# === answers ===


def test_stream(client):
    chunks = list(stream_of(client, "Good morning"))
    whole = say(client, "Good morning")
    assert text_of(chunks) == whole.choices[0].message.content
    assert len(chunks) > 5
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
    assert finish_reasons(chunks) == [chunks[-1].choices[0].finish_reason] == ["stop"]
    assert {(chunk.object, chunk.model) for chunk in chunks} == {("chat.completion.chunk", "demo")}
    ((answer_id, created),) = {(chunk.id, chunk.created) for chunk in chunks}
    assert answer_id
    assert abs(created - time.time()) < 60


def test_async_streams_at_once(gateway):
    async def ask(client, text):
        return [chunk async for chunk in await stream_of(client, text)]

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{gateway.http_url}/v1", api_key=gateway.token) as client:
            return await asyncio.gather(*(ask(client, f"number {number}") for number in range(20)))

    answers = asyncio.run(ask_all())
    assert [text_of(chunks).rsplit(": ", 1)[1] for chunks in answers] == [f"number {number}" for number in range(20)]
    assert len({chunks[0].id for chunks in answers}) == 20


def test_a_long_stream(client):
    chunks = list(stream_of(client, "/long 20000"))
    assert text_of(chunks) == " ".join(f"word{number}" for number in range(1, 20001))
    assert len(chunks) > 20000


def test_chunks_come_as_they_are_made(client):
    times = [time.monotonic() for _ in stream_of(client, "/drip 0.3 one two three")]
    # The role, three words and the end, with a pause between each of them.
    assert len(times) == 5
    assert min(after - before for before, after in zip(times, times[1:])) > 0.1
    assert times[-1] - times[0] > 1.0


def test_characters_that_only_some_take_for_the_end_of_a_line(client):
    text = "one\u2028two\u2029three\u0085four\x0b\x0c\x1c\r\nfive\n\nsix 🦀"
    assert text_of(stream_of(client, text)).endswith(f"You said: {text}")


def test_stream_helper(client):
    messages = [{"role": "user", "content": "Good evening"}]
    with client.chat.completions.stream(model="demo", messages=messages) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    said = "".join(event.delta for event in events if event.type == "content.delta")
    (done,) = [event for event in events if event.type == "content.done"]
    choice = final.choices[0]
    assert said == done.content == choice.message.content == say(client, "Good evening").choices[0].message.content
    assert (final.model, final.object, choice.finish_reason) == ("demo", "chat.completion", "stop")
    assert choice.message.role == "assistant"


def test_async_stream_helper(gateway):
    async def ask():
        async with openai.AsyncOpenAI(base_url=f"{gateway.http_url}/v1", api_key=gateway.token) as client:
            messages = [{"role": "user", "content": "Good night"}]
            async with client.chat.completions.stream(model="demo", messages=messages) as stream:
                return await stream.get_final_completion()

    assert asyncio.run(ask()).choices[0].message.content.endswith("You said: Good night")


def test_structured_output(client):
    messages = [{"role": "user", "content": "Plan it"}]
    with client.chat.completions.stream(model="demo", messages=messages, response_format=Trip) as stream:
        (done,) = [event for event in stream if event.type == "content.done"]
        final = stream.get_final_completion()
    assert done.parsed == final.choices[0].message.parsed == Trip(city="demo", days=1, by_train=True)


def test_parallel_tool_calls(client):
    messages = [{"role": "user", "content": "/tools"}]
    options = {"model": "demo", "tools": [WEATHER_TOOL, TIME_TOOL], "parallel_tool_calls": True, "stream": True}
    chunks = list(client.chat.completions.create(messages=messages, **options))
    calls = tool_calls_of(chunks)
    whole = say(client, "/tools", tools=[WEATHER_TOOL, TIME_TOOL]).choices[0].message
    assert calls == [call.model_dump() for call in whole.tool_calls]
    assert [call["function"] for call in calls] == [
        {"name": "get_weather", "arguments": '{"city":"demo"}'},
        {"name": "get_time", "arguments": "{}"},
    ]
    assert len({call["id"] for call in calls}) == 2
    assert finish_reasons(chunks) == ["tool_calls"]

    messages.append({"role": "assistant", "tool_calls": calls})
    results = zip(calls, ["21 degrees", "noon"], strict=True)
    messages += [{"role": "tool", "tool_call_id": call["id"], "content": content} for call, content in results]
    chunks = list(client.chat.completions.create(messages=messages, **options))
    assert text_of(chunks) == "The tool answered: 21 degrees | The tool answered: noon"
    assert finish_reasons(chunks) == ["stop"]


def test_a_forced_tool_call(client):
    # The arguments are the model's own text, spelled as it spelled them.
    arguments = '{"city": "Oslo", "big": 9007199254740993,  "e": 1.50e+3}'
    choice = {"type": "function", "function": {"name": "get_weather"}}
    tools = [TIME_TOOL, WEATHER_TOOL]
    chunks = list(stream_of(client, f"/tool get_weather {arguments}", tools=tools, tool_choice=choice))
    (call,) = tool_calls_of(chunks)
    assert call["function"] == {"name": "get_weather", "arguments": arguments}
    # Such a text comes in pieces.
    assert len(chunks) > 5


def test_parsed_tool_calls_of_the_stream_helper(client):
    class GetWeather(BaseModel):
        city: str

    tools = [openai.pydantic_function_tool(GetWeather)]
    messages = [{"role": "user", "content": "/tools"}]
    with client.chat.completions.stream(model="demo", messages=messages, tools=tools) as stream:
        (done,) = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        (call,) = stream.get_final_completion().choices[0].message.tool_calls
    assert done.name == call.function.name == "GetWeather"
    assert done.parsed_arguments == call.function.parsed_arguments == GetWeather(city="demo")


def test_vision(client):
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert text_of(stream_of(client, parts)).endswith("You said: What is it?")


def test_several_answers(client):
    chunks = list(stream_of(client, "Twice", n=2))
    for index in (0, 1):
        assert text_of(chunks, index).endswith("You said: Twice")
        assert finish_reasons(chunks, index) == ["stop"]
        roles = [choice.delta.role for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert roles == ["assistant"] + [None] * (len(roles) - 1)
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}


def test_logprobs(client):
    options = {"logprobs": True, "top_logprobs": 1}
    logprobs = [chunk.choices[0].logprobs for chunk in stream_of(client, "Likely", **options)]
    tokens = [token for piece in logprobs if piece is not None for token in piece.content]
    assert tokens == say(client, "Likely", **options).choices[0].logprobs.content
    assert tokens[-1].token == "Likely" and tokens[-1].top_logprobs[0].token == "Likely"


def test_refusal(client):
    chunks = list(stream_of(client, "/refuse"))
    refusal = "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks)
    assert refusal == say(client, "/refuse").choices[0].message.refusal
    assert text_of(chunks) == ""


def test_reasoning_text(client):
    deltas = [chunk.choices[0].delta for chunk in stream_of(client, "/think about it")]
    whole = say(client, "/think about it").choices[0].message
    reasoning = [extra(delta, "reasoning_content") for delta in deltas]
    assert "".join(piece or "" for piece in reasoning) == whole.model_extra["reasoning_content"]
    assert "".join(delta.content or "" for delta in deltas) == whole.content
    # First it thinks, then it speaks.
    thinks = [at for at, piece in enumerate(reasoning) if piece]
    speaks = [at for at, delta in enumerate(deltas) if delta.content]
    assert max(thinks) < min(speaks)


def test_images(client):
    deltas = [chunk.choices[0].delta for chunk in stream_of(client, "/image")]
    (painted,) = [images for images in (extra(delta, "images") for delta in deltas) if images]
    assert painted == say(client, "/image").choices[0].message.model_extra["images"]
    assert painted[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_usage_when_asked_for(client):
    *chunks, last = stream_of(client, "/think Count", stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage == say(client, "/think Count").usage
    assert last.usage.completion_tokens_details.reasoning_tokens > 0
    assert (last.id, last.model) == (chunks[0].id, "demo")
    # The member is there, and null.
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}, {"stream_options": None}])
def test_no_usage_when_not_asked_for(client, options):
    chunks = list(stream_of(client, "Do not count", **options))
    assert finish_reasons(chunks) == ["stop"]
    assert all(chunk.choices for chunk in chunks)
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_the_token_limit_cuts(client):
    raw = client.chat.completions.with_raw_response.create(
        model="demo", messages=[{"role": "user", "content": "/long 50"}], max_tokens=1, stream=True
    )
    assert raw.headers["spass-applied"] == raw.headers["x-rust-api-applied"] == "max_tokens_floored=16"
    chunks = list(raw.parse())
    assert text_of(chunks).split() == [f"word{number}" for number in range(1, 17)]
    assert finish_reasons(chunks) == ["length"]


def test_everything_else_that_a_request_may_have(client):
    options = {
        "seed": 7,
        "stop": ["never said"],
        "metadata": {"order": "66"},
        "store": True,
        "user": "an-end-user",
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "logit_bias": {"50256": -100},
        "service_tier": "flex",
        "extra_body": {"made_up": {"deep": [1, None, {"x": 2.50}]}, "top_k": 40},
    }
    chunks = list(stream_of(client, "All of it", **options))
    assert text_of(chunks).endswith("You said: All of it")
    # The demo tells this one again.
    assert {chunk.service_tier for chunk in chunks} == {"flex"}


# === headers ===


def check_headers(headers):
    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert str(uuid.UUID(headers["x-request-id"])) == headers["x-request-id"] == headers["spass-request-id"]
    assert headers["spass-resolved-model"] == headers["spass-resolved-backend"] == "demo"
    assert headers["x-ratelimit-limit-requests"] == "1000"


def test_headers_of_the_raw_response(client):
    raw = client.chat.completions.with_raw_response.create(
        model="demo", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    check_headers(raw.headers)
    assert text_of(raw.parse()).endswith("You said: Hi")


def test_lines_of_the_streaming_response(client):
    create = client.chat.completions.with_streaming_response.create
    with create(model="demo", messages=[{"role": "user", "content": "Hi"}], stream=True) as response:
        check_headers(response.headers)
        lines = list(response.iter_lines())
    # Each event is one line of data and an empty one.
    assert all(line.startswith("data: ") for line in lines[::2])
    assert set(lines[1::2]) == {""}
    assert lines[-2:] == ["data: [DONE]", ""] and lines.count("data: [DONE]") == 1


def test_the_callers_request_id_is_taken_over(client):
    with stream_of(client, "Hi", extra_headers={"X-Request-Id": "order-66.a:b_c"}) as stream:
        assert stream.response.headers["x-request-id"] == "order-66.a:b_c"


# === errors before the stream ===


@pytest.mark.parametrize(
    ("request_members", "code", "param"),
    [
        ({"temperature": 7}, "invalid_field", "temperature"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "invalid_field", "messages[0].role"),
        ({"model": "no-such-model"}, "model_not_in_allowlist", "model"),
        ({"stream_options": {"include_usage": 1}}, "invalid_field", "stream_options.include_usage"),
        ({"stream_options": []}, "invalid_field", "stream_options"),
        ({"stream": "yes"}, "invalid_field", "stream"),
        # Without a stream there is nothing that these options could be of.
        ({"stream": False, "stream_options": {"include_usage": True}}, "invalid_field", "stream_options"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
            "image_url_not_supported",
            "messages[0].content[0].image_url.url",
        ),
    ],
)
def test_bad_requests(client, request_members, code, param):
    request = {"model": "demo", "messages": [{"role": "user", "content": "x"}], "stream": True, **request_members}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**request)
    check(caught.value, 400, code, "invalid_request_error", param)


def test_unary_stream_options(client):
    with pytest.raises(openai.BadRequestError) as caught:
        say(client, "x", stream_options={"include_usage": True})
    check(caught.value, 400, "invalid_field", "invalid_request_error", "stream_options")


def test_the_stream_helper_raises_them_too(client):
    messages = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.BadRequestError) as caught:
        with client.chat.completions.stream(model="no-such-model", messages=messages):
            pass
    check(caught.value, 400, "model_not_in_allowlist", "invalid_request_error", "model")


def test_wrong_key(gateway):
    with client_of(gateway, api_key="sk-not-the-key") as client, pytest.raises(openai.AuthenticationError) as caught:
        stream_of(client, "x")
    check(caught.value, 401, "invalid_authorization", "authentication_error", "headers.authorization")


def test_model_quota(client):
    with pytest.raises(openai.RateLimitError) as caught:
        stream_of(client, "/error model_quota_exhausted")
    check(caught.value, 429, "model_quota_exhausted", "rate_limit_exceeded", None)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-should-retry"] == "true"


@pytest.mark.parametrize(("kind", "status", "code", "error_type"), COSTLY_FAILURES)
def test_failures_that_may_have_cost_something_are_sent_once(counted, kind, status, code, error_type):
    client, sent = counted
    with pytest.raises(openai.InternalServerError) as caught:
        stream_of(client, f"/error {kind}")
    check(caught.value, status, code, error_type, None)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1
    assert "sk-demo" not in caught.value.response.text


def test_an_unreachable_model_server(client):
    with pytest.raises(openai.InternalServerError) as caught:
        stream_of(client, "/error upstream_unavailable")
    check(caught.value, 503, "upstream_unavailable", "upstream_error", None)
    assert caught.value.response.headers["x-should-retry"] == "true"
    assert int(caught.value.response.headers["retry-after"]) >= 1


def test_the_sdk_waits_out_a_rate_limit_by_itself(start):
    gateway = start(Gateway, RATE_LIMIT_PER_SECOND=1, RATE_LIMIT_BURST=1)
    sent = []
    with httpx.Client(event_hooks={"request": [sent.append]}) as http_client:
        client = client_of(gateway, max_retries=1, http_client=http_client)
        assert client.models.list().data
        # One retry is enough only when Retry-After tells the truth.
        assert text_of(stream_of(client, "Patience")).endswith("You said: Patience")
    assert len(sent) == 3


# === errors in the stream ===


def check_late(error, stream, code, error_type="upstream_error"):
    """The SDK shows what the event tells; the status was sent before."""
    assert type(error) is openai.APIError
    assert (error.code, error.type, error.param) == (code, error_type, None)
    assert error.body["code"] == code
    assert error.body["message"] == error.message
    assert error.body["doc_url"].endswith(f"/docs/errors#{code}")
    assert error.body["request_id"] == stream.response.headers["x-request-id"]
    assert stream.response.status_code == 200


def test_an_answer_that_breaks_off(counted):
    client, sent = counted
    stream, chunks = stream_of(client, "/cut here and now"), []
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            chunks.append(chunk)
    check_late(caught.value, stream, "upstream_error")
    # What came before is the client's, and nothing says that it was all.
    text = "The demo breaks off in the middle: here and now"
    assert text_of(chunks) and text.startswith(text_of(chunks)) and text_of(chunks) != text
    assert finish_reasons(chunks) == []
    assert len(sent) == 1


def test_the_stream_helper_tells_of_a_break_too(client):
    messages = [{"role": "user", "content": "/cut here"}]
    with client.chat.completions.stream(model="demo", messages=messages) as stream:
        with pytest.raises(openai.APIError) as caught:
            stream.get_final_completion()
    assert (type(caught.value), caught.value.code) == (openai.APIError, "upstream_error")


@pytest.mark.parametrize(("text", "said"), [(f"/slow {FOREVER}", []), (f"/drip {FOREVER} one", [""])])
def test_a_timeout_after_the_head_was_sent(start, gateway, text, said):
    """The demo of one gateway is the model server of another, which has a limit."""
    upstream = {"UPSTREAM_BASE_URL": f"{gateway.http_url}/v1", "UPSTREAM_API_KEY": gateway.token}
    limited = start(Gateway, STREAM_HEAD_WAIT_SECS=1, HTTP_TOTAL_TIMEOUT_SECS=2, **upstream)
    with client_of(limited) as client:
        stream, chunks = stream_of(client, text), []
        with pytest.raises(openai.APIError) as caught:
            for chunk in stream:
                chunks.append(chunk)
    check_late(caught.value, stream, "upstream_timeout")
    assert [chunk.choices[0].delta.content for chunk in chunks] == said


# === waiting and leaving ===


def test_comments_while_the_model_is_silent(start):
    gateway = start(Gateway, STREAM_HEAD_WAIT_SECS=1, STREAM_KEEP_ALIVE_SECS=1)
    # The client would give up if nothing came, and shows nothing of what came.
    with client_of(gateway, timeout=2.5) as client:
        assert text_of(stream_of(client, "/slow 4")) == "The demo took its time."


def leave_early(client, text):
    stream = stream_of(client, text)
    assert next(stream).choices[0].delta.role == "assistant"
    stream.close()


def leave_by_an_exception(client, text):
    class Enough(Exception):
        pass

    with pytest.raises(Enough), stream_of(client, text) as stream:
        for _ in stream:
            raise Enough


def leave_the_helper(client, text):
    with client.chat.completions.stream(model="demo", messages=[{"role": "user", "content": text}]) as stream:
        next(stream)


def time_out(client, text):
    begin = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        stream_of(client, text, timeout=0.5)
    assert 0.4 < time.monotonic() - begin < SOON


@pytest.mark.parametrize(
    ("leave", "text"),
    [
        # In the middle of talk, in the middle of silence, and before a word is said.
        (leave_early, "/drip 0.2 " + "word " * 5 * FOREVER),
        (leave_early, f"/drip {FOREVER} one two"),
        (leave_by_an_exception, f"/drip {FOREVER} one two"),
        (leave_the_helper, f"/drip {FOREVER} one two"),
        (time_out, f"/slow {FOREVER}"),
    ],
)
def test_a_client_that_leaves_leaves_nothing_behind(start, leave, text):
    gateway = start(Gateway)
    with client_of(gateway) as client:
        leave(client, text)
        assert text_of(stream_of(client, "Still there?")).endswith("You said: Still there?")
        assert "gateway_http_request_seconds" in httpx.get(gateway.metrics_url).text
        # What is still in flight would be waited for.
        begin = time.monotonic()
        gateway.stop()
        assert time.monotonic() - begin < SOON


def test_a_stream_in_flight_ends_well_when_the_gateway_ends(start):
    gateway = start(Gateway)
    with client_of(gateway) as client:
        stream = stream_of(client, "/drip 0.3 one two three four five")
        chunks = [next(stream)]
        gateway.terminate()
        chunks += stream
    assert (text_of(chunks), finish_reasons(chunks)) == ("one two three four five", ["stop"])
    assert gateway.wait() == 0
