"""LangChain's client of the OpenAI API."""

import pytest
from langchain_core.messages import AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"21 degrees in {city}"


@pytest.fixture
def model(gateway):
    return ChatOpenAI(
        model="demo", base_url=f"{gateway.http_url}/v1", api_key=gateway.token, max_retries=0, stream_usage=True
    )


def test_chat(model):
    answer = model.invoke("Good morning")
    assert answer.content.endswith("You said: Good morning")
    assert answer.response_metadata["model_name"] == "demo"
    assert answer.response_metadata["finish_reason"] == "stop"
    usage = answer.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


def test_stream(model):
    chunks = list(model.stream("Good morning"))
    assert sum(bool(chunk.content) for chunk in chunks) > 5
    whole = sum(chunks[1:], chunks[0])
    answer = model.invoke("Good morning")
    assert isinstance(whole, AIMessageChunk)
    assert whole.content == answer.content
    assert whole.usage_metadata["total_tokens"] == answer.usage_metadata["total_tokens"]
    assert whole.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_round_trip(model, streamed):
    with_tools = model.bind_tools([get_weather])
    messages = [("user", '/tool get_weather {"city": "Oslo"}')]
    if streamed:
        chunks = list(with_tools.stream(messages))
        asked = sum(chunks[1:], chunks[0])
    else:
        asked = with_tools.invoke(messages)
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    answer = with_tools.invoke([*messages, asked, result])
    assert answer.content == "The tool answered: 21 degrees in Oslo"
