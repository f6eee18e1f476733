"""Memory by tools through a real LiteLLM proxy: the gateway, LiteLLM, and behind it a scripted model (the demo of a
second gateway, which knows nothing of tools but what the request offers)."""

import pytest
import requests

from litellm_proxy import LiteLLM
from programs import Gateway

KEY = "sk-the-key-of-the-proxy-before-tools-01"

MODELS = """
model_list:
  - model_name: demo
    litellm_params: {{model: openai/demo, api_base: "{base}", api_key: "{key}"}}
router_settings:
  num_retries: 0
litellm_settings:
  telemetry: false
"""


@pytest.fixture(scope="module")
def behind_litellm(gateway, tmp_path_factory):
    models = MODELS.format(base=f"{gateway.http_url}/v1", key=gateway.token)
    proxy = LiteLLM(tmp_path_factory.mktemp("litellm"), KEY, config=models)
    front = Gateway(tmp_path_factory.mktemp("front"), UPSTREAM_BASE_URL=proxy.base_url, UPSTREAM_API_KEY=KEY)
    yield front
    front.stop()
    proxy.stop()


class User:
    def __init__(self, gateway, name):
        self.url, self.headers = gateway.http_url, {"Authorization": f"Bearer {gateway.token}", "SPASS-User-Id": name}

    def turn(self, text, **members):
        body = {"model": "demo", "message": text, **members}
        answer = requests.post(f"{self.url}/c1/chat", json=body, headers=self.headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer

    def ask(self, text, is_stream):
        answer = self.turn(text, stream=is_stream)
        if not is_stream:
            return answer.json()["choices"][0]["message"]["content"]
        assert answer.content.endswith(b"data: [DONE]\n\n") and b'"error"' not in answer.content
        return answer.text

    def usage(self):
        params = {"visibility": "private"}
        return requests.get(f"{self.url}/v1/memory/usage", params=params, headers=self.headers, timeout=10).json()


@pytest.mark.parametrize("is_stream", [False, True])
def test_remember_recall_forget(behind_litellm, is_stream):
    user = User(behind_litellm, f"ann-{is_stream}")
    user.ask("remember that my cat is called Mia", is_stream)
    used = user.usage()
    assert used["entries"] == 1
    assert used["used_bytes"] + used["remaining_bytes"] == used["cap_bytes"] == 16384
    assert "Mia" in user.ask("what is my cat called?", is_stream)
    user.ask("forget my cat", is_stream)
    assert user.usage()["entries"] == 0


def test_it_always_ends_in_an_answer(behind_litellm):
    user = User(behind_litellm, "bob")
    answer = user.turn('[tool-loop:memory_recall {"key": "k$N"}]')
    assert answer.headers["spass-applied"] == "tool_loop_max_iterations=10"
    assert answer.json()["choices"][0]["message"]["content"]
    assert answer.json()["usage"]["total_tokens"] > 0
