"""Tools of an MCP server, made with the official SDK: offered, run, and failing in every way."""

import http.server
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mcp_server import HOSTILE, KEY, McpServer
from programs import Gateway, wait_until
from test_tls_upstream import certificate, pem
from wires import HttpWire, bearer, replace_file, secret_of, token, token_file

ALLOWED = ["weather", "forecast", "painting", "key", "fail", "hang", "huge", "hostile", "grow", "late"]
APP = bearer(secret_of("app"))
# By default a token has all tools that are built in, and none of a server.
PLAIN = bearer(secret_of("plain"))
# How long a server that could not be asked is left alone.
RETRY_SECONDS = 10


def write_config(folder, *servers):
    tokens = [
        token("app", secret_of("app"), server_tools=["kit__*"]),
        token("few", secret_of("few"), server_tools=["kit__weather", "memory_*"]),
        token("plain", secret_of("plain")),
        token("none", secret_of("none"), server_tools=["kit__*"], deny_scopes=["tools:execute"]),
    ]
    replace_file(folder / "tokens.yaml", token_file(*tokens))
    (folder / "tools.yaml").write_text(json.dumps({"mcp_servers": list(servers)}))
    (folder / "key").write_text(KEY)
    return {"TOKENS_FILE": folder / "tokens.yaml", "TOOLS_FILE": folder / "tools.yaml"}


def entry(url, folder, **members):
    headers = {"authorization": {"file": str(folder / "key")}}
    return {"name": "kit", "url": url, "headers": headers, "timeout_secs": 2, "allow": ALLOWED, **members}


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    with McpServer(tmp_path_factory.mktemp("mcp-server")) as server:
        yield server.start()


@pytest.fixture(scope="module")
def wire(kit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    gateway = Gateway(folder / "gateway", **write_config(folder, entry(kit.url, folder)))
    yield HttpWire(gateway)
    gateway.stop()
    # Neither the key nor what tools are given and give is in the log.
    log = gateway.log.read_text()
    assert KEY not in log and "no weather today" not in log and "Reykjav" not in log


def listed(wire, headers):
    outcome = wire.send("GET", "/v1/tools", headers=headers)
    assert outcome.status == 200, outcome
    return {tool["name"]: tool for tool in outcome.body["items"]}


def run(wire, name, arguments=None, headers=APP):
    return wire.send("POST", "/v1/tools/execute", {"name": name, "arguments": arguments or {}}, headers)


def result_of(wire, name, arguments=None, is_error=False):
    outcome = run(wire, name, arguments)
    assert (outcome.status, outcome.body["name"], outcome.body["is_error"]) == (200, name, is_error), outcome
    return outcome.body["result"]


def answer_of(wire, text, **members):
    outcome = wire.turn(APP, "demo", text, **members)
    assert outcome.status == 200, outcome
    return outcome.body["choices"][0]["message"]["content"]


# === what is offered ===


def test_the_operator_says_which_tools_there_are_and_who_has_them(wire):
    tools = listed(wire, APP)
    assert sorted(tools) == sorted(f"kit__{name}" for name in ALLOWED if name != "late")
    assert tools["kit__weather"]["description"] == "Tells the weather of a city."
    parameters = tools["kit__weather"]["parameters"]
    assert (parameters["type"], parameters["required"]) == ("object", ["city"])
    assert [name for name in listed(wire, bearer(secret_of("few"))) if "__" in name] == ["kit__weather"]
    assert not [name for name in listed(wire, PLAIN) if "__" in name]


def test_what_is_not_offered_is_not_there(wire, kit):
    for headers, name in [(APP, "kit__erase"), (PLAIN, "kit__weather"), (bearer(secret_of("few")), "kit__huge")]:
        outcome = run(wire, name, headers=headers)
        assert (outcome.status, outcome.code, outcome.param) == (400, "invalid_field", "name"), outcome
    assert run(wire, "kit__weather", headers=bearer(secret_of("none"))).code == "forbidden"
    assert "erase" not in kit.called()


# === what they give ===


def test_a_tool_is_run(wire, kit):
    before = kit.called().count("weather")
    assert result_of(wire, "kit__weather", {"city": "Reykjavík"}) == "21 degrees in Reykjavík"
    assert kit.called().count("weather") == before + 1
    assert result_of(wire, "kit__forecast", {"city": "Oslo", "days": 3}) == {"Oslo": 23}
    assert result_of(wire, "kit__painting") == "Look:\n[image, not included: image/png]"
    assert result_of(wire, "kit__key") == "True"


def test_a_tool_that_fails_says_so(wire):
    assert "there is no weather today" in result_of(wire, "kit__fail", is_error=True)
    # Whether arguments fit is the server's to judge; that they are an object is the gateway's.
    assert result_of(wire, "kit__weather", {"town": "Oslo"}, is_error=True)
    outcome = run(wire, "kit__weather", [1])
    assert (outcome.status, outcome.code, outcome.param) == (400, "invalid_field", "arguments"), outcome


def test_a_tool_that_hangs_is_given_up(wire, kit):
    assert "did not finish within 2 s" in result_of(wire, "kit__hang", is_error=True)["error"]
    wait_until(lambda: "hang-ended" in kit.called(), "the server being told that nobody waits")
    assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"


def test_who_leaves_while_a_tool_hangs_ends_it_and_what_was_said_is_kept(wire, kit):
    ended = kit.called().count("hang-ended")
    begun = kit.called().count("hang")
    body = {"model": "demo", "message": "One moment. [tool:kit__hang]", "stream": True}
    answer = requests.post(f"http://{wire.address}/c1/chat", json=body, headers=APP, stream=True, timeout=30)
    conversation = answer.headers["x-conversation-id"]
    wait_until(lambda: kit.called().count("hang") > begun, "the tool running")
    answer.close()
    wait_until(lambda: kit.called().count("hang-ended") > ended, "the server being told that nobody waits", 1.5)

    def kept():
        found = wire.send("GET", f"/c1/conversations/{conversation}/messages", headers=APP)
        return found.body["items"] if found.status == 200 else None

    messages = wait_until(kept, "the turn being kept")
    assert [(message["role"], message["content"]) for message in messages] == [
        ("user", "One moment. [tool:kit__hang]"),
        ("assistant", "One moment."),
    ]
    assert {message["status"] for message in messages} == {"incomplete"}


@pytest.mark.parametrize("kib", [65, 1024, 16 * 1024])
def test_a_tool_that_says_too_much_is_not_listened_to(wire, kib):
    assert result_of(wire, "kit__huge", {"kib": 60}) == "x" * 60 * 1024
    outcome = run(wire, "kit__huge", {"kib": kib})
    assert outcome.status == 200 and outcome.body["is_error"] is True, outcome
    assert len(outcome.body["result"]["error"]) < 200
    assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"


# === in a chat ===


def test_a_model_uses_a_tool(wire):
    text = 'Let me look. [tool:kit__weather {"city": "Oslo"}] [tool:kit__forecast {"city": "Rome"}]'
    answer = answer_of(wire, text)
    assert "21 degrees in Oslo" in answer and '{"Rome":21}' in answer
    assert "there is no weather today" in answer_of(wire, "[tool:kit__fail {}]")
    # Whose token does not list them is not offered them.
    outcome = wire.turn(PLAIN, "demo", '[tool:kit__weather {"city": "Oslo"}]')
    assert "21 degrees" not in outcome.body["choices"][0]["message"]["content"]


def test_what_a_tool_says_stays_data(wire, kit):
    assert HOSTILE in answer_of(wire, "[tool:kit__hostile {}]")
    assert result_of(wire, "kit__hostile") == HOSTILE
    assert "erase" not in kit.called()


# === servers that come and go ===


def test_a_list_that_changes_is_read_again(wire):
    assert "kit__late" not in listed(wire, APP)
    assert result_of(wire, "kit__grow", {"name": "late"}) == "done"
    wait_until(lambda: "kit__late" in listed(wire, APP), "the tool that was added", RETRY_SECONDS - 2)
    assert result_of(wire, "kit__late") == "here I am"
    # What is added is subject to the operator's list as well.
    assert result_of(wire, "kit__grow", {"name": "unwanted"}) == "done"
    assert "kit__unwanted" not in listed(wire, APP)


def test_a_server_that_is_killed_and_comes_back(start, tmp_path):
    with McpServer(tmp_path / "server") as server:
        server.start()
        gateway = start(Gateway, **write_config(tmp_path, entry(server.url, tmp_path)))
        wire = HttpWire(gateway)
        assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"
        server.kill()
        # The connection may be found broken only by the first call.
        for _ in range(2):
            assert "The server of the tool" in result_of(wire, "kit__weather", {"city": "Oslo"}, is_error=True)["error"]
        assert "The server of the tool" in answer_of(wire, '[tool:kit__weather {"city": "Oslo"}]')
        assert "kit__weather" in listed(wire, APP)
        assert wire.chat(APP, "demo", "Hello").is_admitted
        server.start()
        assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"
        # Restarted while nobody looks: the session is gone, and nobody notices.
        server.kill()
        server.start()
        assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"


def test_a_server_that_stands_still(start, tmp_path):
    with McpServer(tmp_path / "server") as server:
        server.start()
        wire = HttpWire(start(Gateway, **write_config(tmp_path, entry(server.url, tmp_path))))
        server.process.send_signal(signal.SIGSTOP)
        assert "did not finish within 2 s" in result_of(wire, "kit__weather", {"city": "Oslo"}, is_error=True)["error"]
        server.process.send_signal(signal.SIGCONT)
        assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"


def test_many_calls_at_once(wire, kit):
    before = kit.called().count("weather")
    cities = [f"city-{number}" for number in range(64)]
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda city: result_of(wire, "kit__weather", {"city": city}), cities))
    assert results == [f"21 degrees in {city}" for city in cities]
    assert kit.called().count("weather") == before + len(cities)


def test_a_server_behind_tls(start, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    authority = certificate("authority", key, None, None, is_authority=True)
    (tmp_path / "ca.pem").write_bytes(pem(authority))
    own_key = ec.generate_private_key(ec.SECP256R1())
    own = certificate("server", own_key, authority.subject, key, is_authority=False)
    private = own_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(pem(own) + private)
    with McpServer(tmp_path / "server", tmp_path / "server.pem") as server:
        server.start()
        config = write_config(tmp_path, entry(server.url, tmp_path))
        wire = HttpWire(start(Gateway, **config, UPSTREAM_CA_FILE=tmp_path / "ca.pem"))
        assert result_of(wire, "kit__weather", {"city": "Oslo"}) == "21 degrees in Oslo"
        # An authority that is not known is not trusted.
        assert listed(HttpWire(start(Gateway, **config)), APP) == {}


def test_a_server_that_is_not_there_at_the_start(start, tmp_path):
    with McpServer(tmp_path / "server") as server:
        server.start().kill()
        gateway = start(Gateway, **write_config(tmp_path, entry(server.url, tmp_path)))
        wire = HttpWire(gateway)
        assert listed(wire, APP) == {}
        server.start()
        wait_until(lambda: "kit__weather" in listed(wire, APP), "the server's tools", RETRY_SECONDS + 10)


def test_no_redirect_is_followed(start, tmp_path, kit):
    asked = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_response(307)
            self.send_header("location", kit.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{elsewhere.server_port}/mcp"
        gateway = start(Gateway, **write_config(tmp_path, entry(url, tmp_path)))
        assert asked and listed(HttpWire(gateway), APP) == {}
        assert "could not be listed" in gateway.log.read_text()
        elsewhere.shutdown()


@pytest.mark.parametrize(
    "servers, reason",
    [
        ("mcp_servers: [{name: kit, url: 'http://127.0.0.1:1/mcp'}]", "missing field `allow`"),
        ("mcp_servers: [{name: kit, url: 'http://127.0.0.1:1/mcp', allow: ['*'], retries: 1}]", "unknown field `retries`"),
        ("mcp_servers: [{name: kit, url: 'http://u:p@127.0.0.1:1/mcp', allow: ['*']}]", "what is secret is a header"),
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path, servers, reason):
    (tmp_path / "tools.yaml").write_text(servers)
    with pytest.raises(AssertionError) as stopped:
        Gateway(tmp_path / "gateway", TOOLS_FILE=tmp_path / "tools.yaml")
    assert "TOOLS_FILE" in str(stopped.value) and reason in str(stopped.value)
