"""Runs a real LiteLLM proxy whose models answer with fixed texts: it needs no network and no database."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import requests

from programs import wait_until

CONFIG = """
model_list:
  - model_name: mock-small
    litellm_params: {model: openai/mock-small, api_key: none, mock_response: "An answer of the small mock."}
  - model_name: org/mock-large
    litellm_params: {model: openai/mock-large, api_key: none, mock_response: "An answer of the large mock."}
  - model_name: mock-broke
    litellm_params: {model: openai/mock-broke, api_key: none, mock_response: "litellm.RateLimitError"}
router_settings:
  num_retries: 0
litellm_settings:
  telemetry: false
"""

# How a LiteLLM with a check of keys of its own is set up; the answer to a wrong key is 401 and holds that key.
CUSTOM_AUTH = """
general_settings:
  custom_auth: custom_auth.check
"""
CUSTOM_AUTH_CODE = """
import os

from litellm.proxy._types import UserAPIKeyAuth


async def check(request, api_key):
    if api_key != os.environ["LITELLM_MASTER_KEY"]:
        raise Exception(f"The proxy does not know the key {api_key}")
    return UserAPIKeyAuth(api_key=api_key)
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class LiteLLM:
    """A LiteLLM proxy as a process of its own. It is slow to start: a test that can share one should."""

    def __init__(self, folder, key, port=None, custom_auth=False, config=CONFIG):
        folder.mkdir(parents=True, exist_ok=True)
        self.key, self.port = key, port or free_port()
        (folder / "config.yaml").write_text(config + (CUSTOM_AUTH if custom_auth else ""))
        (folder / "custom_auth.py").write_text(CUSTOM_AUTH_CODE)
        programs = Path(sys.executable).parent
        self.log = folder / "litellm.log"
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LITELLM_MASTER_KEY": key,
            # Nothing is to be fetched and nothing reported.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
        }
        command = [programs / "litellm", "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(self.is_there, "LiteLLM answers", 120)
        except BaseException:
            self.stop()
            raise

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def is_there(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=5).ok
        except requests.ConnectionError:
            return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
