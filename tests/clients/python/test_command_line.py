"""What an operator can have done instead of serving, as at a terminal."""

import os
import re
import subprocess

import httpx
import pytest

from programs import BEARER, BIN_DIR, Core, Edge, Gateway

CANARY = "a-canary-of-a-secret-with-more-than-32-characters"
TOKENS = f"""
tenants: [{{id: acme, require_user_id: true}}]
tokens:
  - id: app
    bound_tenant: acme
    role: user
    deny_scopes: [conversations:write]
    secrets: [{{value: {CANARY}}}]
"""


def run(program, *arguments, stdin="", folder=None, **settings):
    environment = {"PATH": os.environ["PATH"], **settings}
    command = [BIN_DIR / program, *arguments]
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=folder, env=environment, timeout=30)
    assert CANARY not in ran.stdout + ran.stderr
    return ran


@pytest.fixture
def folder(tmp_path):
    """A folder with a token file that nobody else can read."""
    file = tmp_path / "tokens.yaml"
    file.touch(0o600)
    file.write_text(TOKENS)
    return tmp_path


def test_a_new_token_lets_its_holder_in(start, tmp_path):
    made = run("chat-gateway", "token", "new", "--id", "phone", "--role", "readonly", "--tenant", "acme").stdout
    (secret,) = re.findall(r"^ +(sk-[0-9a-f]{64})$", made, re.MULTILINE)
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text("tokens:\n" + made[made.index("  - id: phone") :])
    gateway = start(Gateway, TOKENS_FILE=tokens)
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{gateway.http_url}/v1/models", headers=headers).status_code == 200
    refused = httpx.post(f"{gateway.http_url}/v1/chat/completions", headers=headers, json={})
    assert refused.json()["error"]["code"] == "forbidden"
    assert secret not in tokens.read_text()


def test_a_hash_stands_for_its_secret(start, tmp_path):
    digest = run("chat-gateway", "token", "hash", stdin=CANARY + "\n").stdout.strip()
    tokens = tmp_path / "tokens.yaml"
    entry = f"tokens: [{{id: app, bound_tenant: acme, role: user, secrets: [{{digest: '{digest}'}}]}}]"
    tokens.write_text(entry)
    gateway = start(Gateway, TOKENS_FILE=tokens)
    for token, status in [(CANARY, 200), (digest, 401), (digest.removeprefix("sha256:"), 401)]:
        answer = httpx.get(f"{gateway.http_url}/v1/models", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_what_is_no_secret_is_refused_in_plain_words():
    refused = run("chat-gateway", "token", "hash", stdin="short")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: token hash: the secret is shorter than 32 characters\n"


@pytest.mark.parametrize("program", ["chat-gateway", "gateway-core"])
def test_a_configuration_that_can_be_used(program, folder):
    checked = run(program, "config", "check", folder=folder, TOKENS_FILE="tokens.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")
    for part in ["'tokens.yaml'", "1 token, 1 secret, 1 listed tenant", "1 model on 1 server", "SQLite"]:
        assert part in checked.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["tokens.yaml"], "nothing is made"


def test_what_is_odd_about_a_configuration(folder):
    tokens = folder / "tokens.yaml"
    tokens.chmod(0o644)
    expired = f"{CANARY}, expires_at: 2020-01-01T00:00:00Z"
    tokens.write_text(TOKENS.replace("bound_tenant: acme", "bound_tenant: acmee").replace(CANARY, expired))
    told = run("chat-gateway", "config", "check", folder=folder, TOKENS_FILE="tokens.yaml").stdout
    for part in ["others can read it", "tenant 'acmee'", "every secret of token 'app' has expired"]:
        assert part in told, told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"TOKENS_FILE": "broken.yaml"}, "TOKENS_FILE: 'broken.yaml': line 6: token 'app' has the unknown role 'users'"),
        ({"TOKENS_FILE": "nowhere.yaml"}, "TOKENS_FILE: 'nowhere.yaml': No such file"),
        ({"TOKENS_FILE": "tokens.yaml", "MODELS_FILE": "tokens.yaml"}, "MODELS_FILE: 'tokens.yaml': "),
        ({"TOKENS_FILE": "tokens.yaml", "DATABASE_URL": f"mysql://u:{CANARY}@h/d"}, "DATABASE_URL: "),
        ({"RUST_API_BEARER": "short"}, "RUST_API_BEARER: the secret is shorter than 32 characters"),
    ],
)
def test_a_configuration_that_cannot_be_used(folder, settings, told):
    (folder / "broken.yaml").write_text(TOKENS.replace("role: user", "role: users"))
    checked = run("chat-gateway", "config", "check", folder=folder, **settings)
    assert (checked.returncode, checked.stdout) == (1, "")
    assert checked.stderr.startswith(f"error: {told}"), checked.stderr
    assert checked.stderr.count("\n") == 1


def test_a_core_without_a_token_is_told_so(folder):
    checked = run("gateway-core", "config", "check", folder=folder)
    assert checked.stderr.startswith("error: TOKENS_FILE: there is no token")


@pytest.mark.parametrize("call", ["DeleteConversation", "DELETE /c1/conversations/{conversation_id}"])
def test_why_a_token_may_not(folder, call):
    told = run("chat-gateway", "config", "explain", "app", call, folder=folder, TOKENS_FILE="tokens.yaml").stdout
    for part in ["role user, tenant acme", "deny_scopes takes it away", "SPASS-User-Id", "denied: 403 forbidden"]:
        assert part in told, told


def test_what_cannot_be_explained(folder):
    for arguments, part in [(["nobody", "WhoAmI"], "there are: app"), (["app", "Nothing"], "CreateTurn")]:
        refused = run("chat-gateway", "config", "explain", *arguments, folder=folder, TOKENS_FILE="tokens.yaml")
        assert refused.returncode == 1 and part in refused.stderr


def test_the_help_of_each_command_says_how_to_use_it():
    for command in [["token", "new"], ["token", "hash"], ["config", "check"], ["config", "explain"], ["healthcheck"], ["backup"]]:
        told = run("chat-gateway", *command, "--help")
        assert told.returncode == 0 and "Usage: chat-gateway " + " ".join(command) in told.stdout


def test_a_running_gateway_is_well(start, tmp_path):
    gateway = start(Gateway)
    addresses = {"GRPC_LISTEN": gateway.grpc_address, "HTTP_LISTEN": gateway.http_url.removeprefix("http://")}
    well = run("chat-gateway", "healthcheck", **addresses)
    assert (well.returncode, well.stdout.count("serves"), well.stderr) == (0, 2, "")
    gateway.stop()
    gone = run("chat-gateway", "healthcheck", **addresses)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "cannot be reached" in gone.stderr


def test_the_halves_are_well_each_for_itself(start, tmp_path):
    socket = tmp_path / "core.sock"
    core = start(Core, GRPC_LISTEN=f"unix:{socket}")
    edge = start(Edge, CORE_URL=core.url)
    address = edge.http_url.removeprefix("http://")
    assert run("gateway-core", "healthcheck", GRPC_LISTEN=f"unix:{socket}", RUST_API_BEARER=BEARER).returncode == 0
    assert run("gateway-edge", "healthcheck", HTTP_LISTEN=address).returncode == 0
    core.stop()
    assert run("gateway-core", "healthcheck", GRPC_LISTEN=f"unix:{socket}").returncode == 1
    # The edge itself lives; what is behind it shows in /readyz.
    assert run("gateway-edge", "healthcheck", HTTP_LISTEN=address).returncode == 0
