"""The README's examples, run as they stand there. Only addresses are put in, since other ports may be in use."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from programs import BIN_DIR, REPOSITORY

README = (REPOSITORY / "README.md").read_text()
GUIDE = (REPOSITORY / "deploy" / "README.md").read_text()
NODE_MODULES = REPOSITORY / "tests" / "clients" / "node" / "node_modules"


def blocks(language, document=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def block(language, part, document=README):
    (found,) = [text for text in blocks(language, document) if part in text]
    return found


class Runner:
    """Runs a command with the README's addresses replaced, in a folder with the protos and what npm installed."""

    def __init__(self, gateway, folder):
        self.gateway, self.folder = gateway, folder
        (folder / "proto").symlink_to(REPOSITORY / "proto")
        (folder / "node_modules").symlink_to(NODE_MODULES)

    def __call__(self, *command):
        gateway = self.gateway
        addresses = {"http://127.0.0.1:8080": gateway.http_url, "127.0.0.1:50051": gateway.grpc_address}
        command = list(command)
        for old, new in addresses.items():
            command[-1] = command[-1].replace(old, new)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # What is installed is enough; npx must never ask for more.
        environment = {**os.environ, "TOKEN": gateway.token, "PATH": path, "npm_config_offline": "true"}
        ran = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment, timeout=60)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


@pytest.fixture
def run(gateway, tmp_path):
    return Runner(gateway, tmp_path)


def test_curl(run):
    assert "You said: Hello" in run("bash", "-c", block("sh", "v1/chat/completions -H"))


def test_curl_of_a_conversation(run):
    told = run("bash", "-c", block("sh", "ID=$(curl"))
    assert '"delta":{"content":"Ann"}' in told
    assert '"message_count":4' in told


def test_openai_sdk(run):
    said, streamed, refused = run(sys.executable, "-c", block("python", "/v1")).splitlines()
    assert said.endswith("You said: Hello")
    assert streamed == said
    assert re.fullmatch(r"model_not_in_allowlist model [\w-]+", refused)


def test_openai_sdk_on_a_conversation(run):
    assert run(sys.executable, "-c", block("python", "/c1")) == "You said before: My name is Ann\n"


def test_buf_curl(run):
    assert "You said: Hello" in run("bash", "-c", block("sh", "buf curl"))


def test_generated_client(run):
    run("bash", "-c", block("sh", "grpc_tools.protoc"))
    said, streamed, first, second, refused = run(sys.executable, "-c", block("python", "import grpc")).splitlines()
    assert said.endswith("You said: Hello")
    assert streamed == said
    assert first.endswith("You said: My name is Ann")
    assert second == "You said before: My name is Ann"
    assert refused == "MODEL_NOT_IN_ALLOWLIST model"


def test_commands_of_an_operator(run, tmp_path):
    (tmp_path / "secret.txt").write_text("a-secret-of-a-newcomer-with-40-characters\n")
    tokens = tmp_path / "auth" / "tokens.yaml"
    tokens.parent.mkdir()
    sample = (REPOSITORY / "auth" / "tokens.example.yaml").read_text()
    tokens.write_text(sample.replace("replace-this-with", "something-of-my-own"))
    told = run("bash", "-c", f"PATH={BIN_DIR}:$PATH\n" + block("sh", "chat-gateway token new", GUIDE))
    for part in ["bound_tenant: acme", "sha256:", "3 tokens", "could start", "needs conversations:write", "allowed"]:
        assert part in told, told


def test_every_example_is_run_or_cannot_be():
    # Those that start the gateway, the tests, or set the token.
    others = ["cargo run --release\n", "UPSTREAM_BASE_URL", "tests/run\n", "export TOKEN", "cargo build --release"]
    assert len(blocks("python")) == 3
    assert len(blocks("sh")) == 4 + len(others)
    for other in others:
        assert any(text.startswith(other) for text in blocks("sh")), other


def test_every_path_that_is_named_is_there():
    named = re.findall(r"`((?:auth|core|deploy|proto|rest-edge|storage|tests)/[\w./-]+)`|\]\(([\w./-]+)\)", README)
    paths = {first or second for first, second in named}
    # What an operator makes.
    paths -= {"auth/tokens.yaml", "deploy/config/models.yaml", "deploy/config/budgets.yaml", "deploy/config/tools.yaml"}
    assert len(paths) > 10
    assert [path for path in sorted(paths) if not (REPOSITORY / path).exists()] == []
