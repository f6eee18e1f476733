"""The gateway's own tools with the official OpenAI SDK for Python: every event of a stream survives the usual loop."""

import openai
import pytest

from openai_client import WEATHER_TOOL

WITH_TOOLS = {"SPASS-Augment": "server-tools=on"}


def client_at(gateway, base, user, **headers):
    return openai.OpenAI(
        base_url=f"{gateway.http_url}/{base}",
        api_key=gateway.token,
        max_retries=0,
        timeout=30,
        default_headers={"SPASS-User-Id": user, **headers},
    )


def say(client, text, **options):
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="demo", messages=messages, **options)


def streamed(client, text, **options):
    """The text of a stream, read as every application reads it."""
    said, chunks = "", []
    for chunk in say(client, text, stream=True, **options):
        said += chunk.choices[0].delta.content or ""
        chunks.append(chunk)
    return said, chunks


def notices_of(chunks):
    return [notice for chunk in chunks for notice in (chunk.model_extra or {}).get("spass", {}).get("notices", [])]


@pytest.mark.parametrize("base", ["c1", "v1"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_what_is_remembered_is_recalled_in_a_new_conversation(gateway, base, is_stream):
    client = client_at(gateway, base, f"sdk-{base}-{is_stream}", **WITH_TOOLS)

    def ask(text):
        return streamed(client, text)[0] if is_stream else say(client, text).choices[0].message.content

    assert "Mia" in ask("Please remember that my cat is called Mia")
    assert "Mia" in ask("What is my cat called?")
    ask("forget my cat")
    assert "Mia" not in ask("What is my cat called?")


@pytest.mark.parametrize("base", ["c1", "v1"])
def test_the_cap_and_the_guard_end_in_words(gateway, base):
    client = client_at(gateway, base, f"ends-{base}", **WITH_TOOLS)
    cases = [
        ('[tool-loop:memory_recall {"key": "k$N"}]', "tool_loop_max_iterations", 10),
        ('[tool-loop:memory_recall {"key": "k"}]', "tool_loop_anti_loop_synthesised", 2),
    ]
    for text, code, iterations in cases:
        said, chunks = streamed(client, text)
        assert said
        (notice,) = notices_of(chunks)
        assert (notice["code"], notice["iterations"]) == (code, iterations)
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]
        raw = client.chat.completions.with_raw_response.create(
            model="demo", messages=[{"role": "user", "content": text}]
        )
        assert raw.headers["spass-applied"] == f"{code}={iterations}"
        whole = raw.parse()
        assert whole.choices[0].message.content
        assert whole.model_extra["spass"]["notices"][0]["code"] == code


def test_a_tool_of_the_application_beside_those_of_the_gateway(gateway):
    client = client_at(gateway, "c1", "mixed", **WITH_TOOLS)
    text = '[tool:memory_remember {"key": "a", "value": "1", "visibility": "private"}][tool:get_weather {"city": "Rome"}]'
    for is_stream in (False, True):
        if is_stream:
            with client.chat.completions.stream(
                model="demo", messages=[{"role": "user", "content": text}], tools=[WEATHER_TOOL]
            ) as stream:
                message = stream.get_final_completion().choices[0].message
        else:
            message = say(client, text, tools=[WEATHER_TOOL]).choices[0].message
        (call,) = message.tool_calls
        assert call.function.name == "get_weather"
        assert "Rome" in call.function.arguments


def test_usage_comes_last_and_once(gateway):
    client = client_at(gateway, "v1", "usage", **WITH_TOOLS)
    text = '[tool:memory_recall {"key": "a"}]'
    chunks = list(say(client, text, stream=True, stream_options={"include_usage": True}))
    with_usage = [chunk for chunk in chunks if chunk.usage is not None]
    assert with_usage == [chunks[-1]]
    assert chunks[-1].choices == []
    assert with_usage[0].usage.total_tokens == say(client, text).usage.total_tokens
