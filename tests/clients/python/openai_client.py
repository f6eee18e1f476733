"""What the tests of the OpenAI SDK share. They run with each of its major versions."""

import openai

WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

# Failures of the demo that may have cost something, so that nobody should send the request again unasked: what to say
# after `/error`, and the status, code and type that come.
COSTLY_FAILURES = [
    ("upstream_error", 502, "upstream_error", "upstream_error"),
    ("bad_request", 502, "upstream_error", "upstream_error"),
    ("unauthorized", 502, "upstream_error", "upstream_error"),
    ("garbage", 502, "upstream_error", "upstream_error"),
    ("upstream_timeout", 504, "upstream_timeout", "upstream_error"),
    ("internal_error", 500, "internal_error", "internal_error"),
]


def client_of(gateway, **options):
    settings = {"api_key": gateway.token, "max_retries": 0, "timeout": 30, **options}
    return openai.OpenAI(base_url=f"{gateway.http_url}/v1", **settings)


def say(client, text, **options):
    return client.chat.completions.create(model="demo", messages=[{"role": "user", "content": text}], **options)


def check(error, status, code, error_type, param):
    """The SDK shows every part of the envelope, and the headers agree with it."""
    assert error.status_code == status
    assert (error.code, error.type, error.param) == (code, error_type, param)
    assert error.body["code"] == code
    assert error.body["message"] and error.body["message"] in error.message
    assert error.body["doc_url"].endswith(f"/docs/errors#{code}")
    assert error.request_id == error.body["request_id"] == error.response.headers["spass-request-id"]
    assert error.response.headers["x-error-code"] == code
    assert error.response.headers["x-should-retry"] in ("true", "false")
