"""LiteLLM's SDK, to which the gateway is one more server of the OpenAI API."""

import os

# Nothing is to be fetched and nothing reported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import pytest

from openai_client import WEATHER_TOOL

litellm.telemetry = False


@pytest.fixture
def ask(gateway):
    def ask(text, model="demo", **options):
        return litellm.completion(
            model=f"openai/{model}",
            api_base=f"{gateway.http_url}/v1",
            api_key=gateway.token,
            messages=[{"role": "user", "content": text}],
            num_retries=0,
            max_retries=0,
            **options,
        )

    return ask


def test_chat(ask):
    completion = ask("Good morning")
    assert completion.choices[0].message.content.endswith("You said: Good morning")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0


def test_stream(ask):
    chunks = list(ask("Good morning", stream=True))
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(texts) == ask("Good morning").choices[0].message.content
    assert sum(map(bool, texts)) > 5
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert [reason for reason in reasons if reason] == ["stop"]


def test_usage_of_a_stream(ask):
    *_, last = ask("Count", stream=True, stream_options={"include_usage": True})
    assert last.usage.total_tokens == ask("Count").usage.total_tokens > 0


def test_tool_call(ask):
    question = '/tool get_weather {"city": "Oslo"}'
    whole = ask(question, tools=[WEATHER_TOOL])
    chunks = list(ask(question, tools=[WEATHER_TOOL], stream=True))
    for completion in (whole, litellm.stream_chunk_builder(chunks)):
        assert completion.choices[0].finish_reason == "tool_calls"
        (call,) = completion.choices[0].message.tool_calls
        assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Oslo"}')


@pytest.mark.parametrize("streamed", [False, True])
def test_errors(ask, streamed):
    with pytest.raises(litellm.BadRequestError) as caught:
        ask("x", model="no-such-model", stream=streamed)
    assert caught.value.status_code == 400
    assert "no-such-model" in caught.value.message
    with pytest.raises(litellm.RateLimitError) as caught:
        ask("/error model_quota_exhausted", stream=streamed)
    assert caught.value.status_code == 429


def test_an_answer_that_breaks_off(ask):
    texts = []
    with pytest.raises(litellm.exceptions.MidStreamFallbackError, match="broke before its answer was whole"):
        for chunk in ask("/cut here and now", stream=True):
            texts.append(chunk.choices[0].delta.content or "")
    assert "".join(texts).startswith("The demo ")
