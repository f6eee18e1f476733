"""The official OpenAI SDK for Python, as any application uses it."""

import asyncio
import json
import time
import uuid

import httpx
import openai
import pytest
from pydantic import BaseModel

from openai_client import COSTLY_FAILURES, WEATHER_TOOL, check, client_of, say
from programs import Gateway

TOKENS_FILE = """
tokens:
  - id: reader
    role: readonly
    bound_tenant: acme
    secrets: [{value: a-secret-of-a-reader-with-more-than-32-characters}]
"""


# === answers ===


def test_chat(client):
    completion = say(client, "Good morning")
    choice = completion.choices[0]
    assert completion.object == "chat.completion"
    assert completion.model == "demo"
    assert choice.message.role == "assistant"
    assert choice.message.content.endswith("You said: Good morning")
    assert choice.finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert abs(completion.created - time.time()) < 60
    assert completion._request_id


def test_async_chats_at_once(gateway):
    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{gateway.http_url}/v1", api_key=gateway.token) as client:
            return await asyncio.gather(*(say(client, f"number {number}") for number in range(20)))

    texts = [completion.choices[0].message.content for completion in asyncio.run(ask_all())]
    assert [text.rsplit(": ", 1)[1] for text in texts] == [f"number {number}" for number in range(20)]


def test_content_parts_and_several_answers(client):
    parts = [{"type": "text", "text": "Good"}, {"type": "text", "text": "evening"}]
    completion = say(client, parts, n=2)
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.choices[1].message.content.endswith("You said: Good evening")


def test_models(client):
    models = client.models.list()
    assert [model.id for model in models.data] == ["demo"]
    model = client.models.retrieve("demo")
    assert (model.id, model.object) == ("demo", "model")
    assert model == models.data[0]


def test_headers_of_the_raw_response(client):
    raw = client.chat.completions.with_raw_response.create(
        model="demo", messages=[{"role": "user", "content": "Hi"}], max_tokens=1
    )
    headers = raw.headers
    assert str(uuid.UUID(headers["x-request-id"])) == headers["x-request-id"] == headers["spass-request-id"]
    assert headers["spass-resolved-model"] == "demo"
    assert headers["spass-resolved-backend"] == "demo"
    assert headers["spass-applied"] == headers["x-rust-api-applied"] == "max_tokens_floored=16"
    assert headers["x-ratelimit-limit-requests"] == "1000"
    assert 0 <= int(headers["x-ratelimit-remaining-requests"]) < 1000
    assert headers["x-ratelimit-reset-requests"]
    assert raw.parse().choices[0].message.content


def test_the_callers_request_id_is_taken_over(client):
    raw = client.models.with_raw_response.list(extra_headers={"X-Request-Id": "order-66.a:b_c"})
    assert raw.headers["x-request-id"] == raw.headers["spass-request-id"] == "order-66.a:b_c"
    raw = client.models.with_raw_response.list(extra_headers={"X-Request-Id": "not an id"})
    assert uuid.UUID(raw.headers["x-request-id"])


def test_tool_round_trip(client):
    messages = [{"role": "user", "content": '/tool get_weather {"city": "Oslo", "big": 9007199254740993}'}]
    asked = client.chat.completions.create(model="demo", messages=messages, tools=[WEATHER_TOOL]).choices[0]
    assert asked.finish_reason == "tool_calls"
    (call,) = asked.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    # The arguments are the model's own text, spelled as it spelled them.
    assert call.function.arguments == '{"city": "Oslo", "big": 9007199254740993}'

    messages.append(asked.message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 degrees"})
    answer = client.chat.completions.create(model="demo", messages=messages, tools=[WEATHER_TOOL]).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.message.content == "The tool answered: 21 degrees"


def test_structured_output(client):
    class Trip(BaseModel):
        city: str
        days: int
        by_train: bool

    completion = client.chat.completions.parse(
        model="demo", messages=[{"role": "user", "content": "Plan it"}], response_format=Trip
    )
    assert completion.choices[0].message.parsed == Trip(city="demo", days=1, by_train=True)


def test_unknown_members_cross_both_ways(client):
    completion = say(client, "/think about it", extra_body={"made_up": {"deep": [1, None, {"x": 2.50}]}, "top_k": 40})
    assert completion.choices[0].message.model_extra["reasoning_content"].endswith("about: about it")
    painted = say(client, "/image").choices[0].message.model_extra["images"]
    assert painted[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_refusal(client):
    message = say(client, "/refuse").choices[0].message
    assert message.content is None
    assert message.refusal


# === errors ===


@pytest.mark.parametrize(
    ("request_members", "code", "param"),
    [
        ({"temperature": 7}, "invalid_field", "temperature"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "invalid_field", "messages[0].role"),
        ({"model": "no-such-model"}, "model_not_in_allowlist", "model"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]},
            "image_url_not_supported",
            "messages[0].content[0].image_url.url",
        ),
        ({"max_tokens": 0}, "max_tokens_below_minimum", "max_tokens"),
    ],
)
def test_bad_requests(client, request_members, code, param):
    request = {"model": "demo", "messages": [{"role": "user", "content": "x"}], **request_members}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**request)
    check(caught.value, 400, code, "invalid_request_error", param)
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_missing_field(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body={"model": "demo"}, cast_to=object)
    check(caught.value, 400, "missing_field", "invalid_request_error", "messages")


def test_unknown_model_of_the_model_list(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.models.retrieve("no-such-model")
    check(caught.value, 400, "model_not_in_allowlist", "invalid_request_error", "model")


def test_wrong_key(gateway):
    with client_of(gateway, api_key="sk-not-the-key") as client, pytest.raises(openai.AuthenticationError) as caught:
        say(client, "x")
    check(caught.value, 401, "invalid_authorization", "authentication_error", "headers.authorization")
    assert caught.value.response.headers["www-authenticate"] == "Bearer"


def test_no_key(client):
    with pytest.raises(openai.AuthenticationError) as caught:
        client.models.list(extra_headers={"Authorization": openai.Omit()})
    check(caught.value, 401, "missing_authorization", "authentication_error", "headers.authorization")


def test_a_token_without_the_scope(start, tmp_path):
    tokens_file = tmp_path / "tokens.yaml"
    tokens_file.write_text(TOKENS_FILE)
    tokens_file.chmod(0o600)
    gateway = start(Gateway, TOKENS_FILE=tokens_file)
    with client_of(gateway, api_key="a-secret-of-a-reader-with-more-than-32-characters") as client:
        assert client.models.list().data
        with pytest.raises(openai.PermissionDeniedError) as caught:
            say(client, "x")
    check(caught.value, 403, "forbidden", "permission_denied", None)
    # The name of the missing scope is for the log.
    assert "chat:write" not in caught.value.response.text
    assert "chat:write" in gateway.log.read_text()


@pytest.mark.parametrize(("method", "path"), [("get", "/files"), ("post", "/models"), ("get", "/chat/completions")])
def test_unknown_routes(client, method, path):
    with pytest.raises(openai.NotFoundError) as caught:
        getattr(client, method)(path, cast_to=object)
    check(caught.value, 404, "route_not_found", "not_found", None)


def test_rate_limit(start):
    gateway = start(Gateway, RATE_LIMIT_PER_SECOND=0.5, RATE_LIMIT_BURST=1)
    with client_of(gateway) as client:
        assert client.models.list().data
        with pytest.raises(openai.RateLimitError) as caught:
            say(client, "x")
    check(caught.value, 429, "rate_limit_exceeded", "rate_limit_exceeded", None)
    headers = caught.value.response.headers
    assert headers["x-should-retry"] == "true"
    assert headers["retry-after"] in ("1", "2")
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] in ("1s", "2s")


def test_the_sdk_waits_out_a_rate_limit_by_itself(start):
    gateway = start(Gateway, RATE_LIMIT_PER_SECOND=1, RATE_LIMIT_BURST=1)
    with client_of(gateway, max_retries=1) as client:
        assert client.models.list().data
        # One retry is enough only when Retry-After tells the truth.
        assert say(client, "Patience").choices[0].message.content.endswith("You said: Patience")


def test_model_quota(client):
    with pytest.raises(openai.RateLimitError) as caught:
        say(client, "/error model_quota_exhausted")
    check(caught.value, 429, "model_quota_exhausted", "rate_limit_exceeded", None)
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(("kind", "status", "code", "error_type"), COSTLY_FAILURES)
def test_failures_that_may_have_cost_something_are_sent_once(counted, kind, status, code, error_type):
    client, sent = counted
    with pytest.raises(openai.InternalServerError) as caught:
        say(client, f"/error {kind}")
    check(caught.value, status, code, error_type, None)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sent) == 1
    assert "sk-demo" not in caught.value.response.text


def test_an_unreachable_model_server(client):
    with pytest.raises(openai.InternalServerError) as caught:
        say(client, "/error upstream_unavailable")
    check(caught.value, 503, "upstream_unavailable", "upstream_error", None)
    assert caught.value.response.headers["x-should-retry"] == "true"
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert "/readyz" in caught.value.body["message"]


def test_the_gateway_survives_a_panic(client):
    with pytest.raises(openai.InternalServerError):
        say(client, "/error internal_error")
    assert say(client, "Still there?").choices[0].message.content.endswith("You said: Still there?")


def test_every_error_of_this_sdk_is_in_the_catalog(client, gateway):
    with pytest.raises(openai.BadRequestError) as caught:
        say(client, "x", temperature=7)
    page, _, anchor = caught.value.body["doc_url"].partition("#")
    assert f'id="{anchor}"' in httpx.get(page).text
    entry = json.loads(httpx.get(f"{gateway.http_url}/errors/{anchor}").text)
    assert (entry["code"], entry["http_status"], entry["type"]) == (anchor, 400, caught.value.type)
