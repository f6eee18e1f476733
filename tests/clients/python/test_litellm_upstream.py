"""A real LiteLLM proxy as the model server, by nothing but UPSTREAM_BASE_URL and UPSTREAM_API_KEY."""

import time

import openai
import pytest
import requests

from litellm_proxy import LiteLLM, free_port
from openai_client import check as check_sdk_error
from programs import Gateway, wait_until

KEY = "sk-the-right-key-of-the-proxy-0001"
OLD_KEY = "sk-the-old-key-of-the-proxy-0002"
MODELS = ["mock-small", "org/mock-large", "mock-broke"]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    proxy = LiteLLM(tmp_path_factory.mktemp("litellm"), KEY)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def gateway(proxy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(folder, UPSTREAM_BASE_URL=proxy.base_url, UPSTREAM_API_KEY=KEY)
    yield gateway
    gateway.stop()


@pytest.fixture
def start_proxy(tmp_path):
    """Starts proxies for one test."""
    started = []

    def start_proxy(key, **options):
        started.append(LiteLLM(tmp_path / f"litellm-{len(started)}", key, **options))
        return started[-1]

    yield start_proxy
    for proxy in started:
        proxy.stop()


def get(gateway, path):
    return requests.get(gateway.http_url + path, headers={"Authorization": f"Bearer {gateway.token}"}, timeout=30)


def say(gateway, model, text="Hello"):
    return requests.post(
        f"{gateway.http_url}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": text}]},
        headers={"Authorization": f"Bearer {gateway.token}"},
        timeout=60,
    )


def aliases(gateway):
    return [model["id"] for model in get(gateway, "/v1/models").json()["data"]]


def upstream_part(gateway):
    """What /readyz tells of the proxy, which is never a reason to take the gateway out."""
    answer = get(gateway, "/readyz")
    assert answer.status_code == 200
    (part,) = [part for part in answer.json()["parts"] if part["name"] not in ("core", "storage")]
    assert answer.json()["status"] == ("ok" if part["ok"] else "degraded")
    assert bool(part["error"]) == (not part["ok"])
    return part


def check(answer, status, code):
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "upstream_error")
    return error


def test_its_models_are_the_aliases(gateway):
    # Nothing is left of the demo once there is a real model server.
    assert aliases(gateway) == MODELS
    assert get(gateway, "/v1/models/org/mock-large").json()["id"] == "org/mock-large"
    facts = {model["alias"]: model for model in get(gateway, "/v1/info").json()["models"]}["mock-small"]
    assert facts["tools"] is True
    assert facts["modalities"]["input"] == ["text", "image"]
    assert (facts["context_window"], facts["constraints"]["accepts_image_url"]) == (None, False)


def test_a_chat(gateway):
    answer = say(gateway, "org/mock-large")
    completion = answer.json()
    assert answer.status_code == 200, answer.text
    assert completion["model"] == answer.headers["spass-resolved-model"] == "org/mock-large"
    assert completion["choices"][0]["message"]["content"] == "An answer of the large mock."
    assert completion["usage"]["total_tokens"] > 0
    # What the proxy tells in headers, its version and its own servers among it, stays behind.
    assert not [name for name in answer.headers if "litellm" in name.lower()]


def stream_of(client, model, **options):
    messages = [{"role": "user", "content": "Hello"}]
    return client.chat.completions.create(model=model, messages=messages, stream=True, **options)


def test_a_stream(client):
    stream = stream_of(client, "org/mock-large")
    headers = stream.response.headers
    chunks = list(stream)
    assert headers["content-type"].split(";")[0] == "text/event-stream"
    assert headers["spass-resolved-model"] == "org/mock-large"
    assert not [name for name in headers if "litellm" in name.lower()]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "An answer of the large mock."
    assert len(chunks) > 2
    assert {chunk.model for chunk in chunks} == {"org/mock-large"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_usage_is_kept_from_a_client_that_did_not_ask(client):
    """The gateway asks the proxy for it in any case, which tells it in a chunk with a choice that says nothing."""
    chunks = list(stream_of(client, "mock-small"))
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]


def test_usage_of_a_stream(client):
    *chunks, last = stream_of(client, "mock-small", stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "An answer of the small mock."


def test_an_error_before_the_stream(client):
    with pytest.raises(openai.RateLimitError) as caught:
        stream_of(client, "mock-broke")
    check_sdk_error(caught.value, 429, "model_quota_exhausted", "rate_limit_exceeded", None)
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 86400
    assert "litellm" not in caught.value.response.text.lower()


def test_readiness_shows_it(gateway):
    part = upstream_part(gateway)
    assert part["ok"] and part["latency_ms"] >= 0


def test_its_429_is_a_quota(gateway):
    answer = say(gateway, "mock-broke")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (429, "model_quota_exhausted", "rate_limit_exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 86400
    assert "litellm" not in answer.text.lower()


def test_a_wrong_key_from_the_start(proxy, start):
    gateway = start(Gateway, UPSTREAM_BASE_URL=proxy.base_url, UPSTREAM_API_KEY=OLD_KEY)
    assert not upstream_part(gateway)["ok"]
    answer = say(gateway, "mock-small")
    # The proxy is there and answers: it is not unavailable.
    check(answer, 502, "upstream_error")
    assert OLD_KEY not in answer.text + get(gateway, "/readyz").text + gateway.log.read_text()


@pytest.mark.parametrize("custom_auth", [False, True])
def test_a_key_that_is_no_longer_right(start, start_proxy, custom_auth):
    """LiteLLM alone answers a wrong key with 400, one with a check of its own with 401 and the key in its message."""
    proxy = start_proxy(OLD_KEY, custom_auth=custom_auth)
    gateway = start(Gateway, UPSTREAM_BASE_URL=proxy.base_url, UPSTREAM_API_KEY=OLD_KEY)
    assert say(gateway, "mock-small").status_code == 200
    proxy.stop()
    start_proxy(KEY, port=proxy.port, custom_auth=custom_auth)

    answer = say(gateway, "mock-small")
    error = check(answer, 502, "upstream_error")
    assert answer.headers["x-should-retry"] == "false"
    assert OLD_KEY not in answer.text
    assert str(proxy.port) not in error["message"]
    part = upstream_part(gateway)
    assert not part["ok"]
    assert OLD_KEY not in part["error"] and OLD_KEY not in gateway.log.read_text()
    if custom_auth:
        assert "does not know" not in answer.text and "Authentication" not in answer.text


def test_the_gateway_starts_before_the_proxy(start, start_proxy):
    port = free_port()
    gateway = start(Gateway, UPSTREAM_BASE_URL=f"http://127.0.0.1:{port}/v1", UPSTREAM_API_KEY=KEY)
    answer = say(gateway, "mock-small")
    error = check(answer, 503, "upstream_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-should-retry"] == "true"
    assert "/readyz" in error["message"]
    part = upstream_part(gateway)
    assert not part["ok"] and str(port) not in part["error"]
    assert aliases(gateway) == []
    # The operator is told why, the client is not.
    assert "Connection refused" in gateway.log.read_text() and "refused" not in answer.text

    start_proxy(KEY, port=port)
    begin = time.monotonic()
    wait_until(lambda: aliases(gateway) == MODELS, "the models appear", 15)
    assert time.monotonic() - begin < 15
    assert say(gateway, "mock-small").json()["choices"][0]["message"]["content"] == "An answer of the small mock."
    assert upstream_part(gateway)["ok"]


def test_a_proxy_that_goes_away(start, start_proxy):
    proxy = start_proxy(KEY)
    gateway = start(Gateway, UPSTREAM_BASE_URL=proxy.base_url, UPSTREAM_API_KEY=KEY)
    assert say(gateway, "mock-small").status_code == 200
    proxy.stop()
    answer = say(gateway, "mock-small")
    check(answer, 503, "upstream_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert not upstream_part(gateway)["ok"]
    # What was known of it stays on offer.
    assert aliases(gateway) == MODELS
