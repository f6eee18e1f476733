"""Secrets and what users say are not in the log, however much of it is written, nor in metrics and errors."""

import base64
import json
import subprocess
import urllib.request

import pytest

import echoing_server
from canaries import canary, found_in, forms_of
from echoing_server import EchoingServer
from postgres import Postgres
from programs import BIN_DIR, Core, Edge, Gateway, wait_until
from wires import bearer, replace_file, token, token_file

# What the operator keeps, and nobody may learn who does not know it already.
KEPT = ["token", "token-of-a-variable", "expired-token", "upstream-key", "key-in-a-file", "database-password"]
# What a stranger sends.
SENT = ["unknown-token", "basic-credential", "query-parameter"]
# What a user says.
SAID = ["message", "system-message", "turn", "idempotency-key", "title", "metadata", "image", "tool", "field"]
SAID += ["broken-json"]
NAMES = KEPT + SENT + SAID
CANARIES = {name: canary(number) for number, name in enumerate(NAMES)}
# What no error may hold. Of what its caller said, an error may tell which part is wrong.
UNTOLD = {name: CANARIES[name] for name in KEPT + ["unknown-token", "basic-credential"]}

# The head of an image of one pixel.
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
IMAGE = "data:image/png;base64," + base64.b64encode(PIXEL + CANARIES["image"].encode()).decode()
BAD_IMAGE = "data:image/png;base64," + base64.b64encode(CANARIES["image"].encode()).decode()


def test_a_canary_is_found_in_every_form():
    text = CANARIES["message"]
    for form in forms_of(text):
        assert found_in(f"a line\nbefore {form} after", CANARIES).keys() == {"message"}, form
    for shift in range(3):
        packed = base64.b64encode(b"x" * shift + text.encode() + b"tail").decode()
        assert "message" in found_in(packed, CANARIES)
    assert found_in("no secret here", CANARIES) == {}


class Serving:
    """A gateway, in one process or as two, and all that it has said."""

    def __init__(self, start, form, **settings):
        settings |= {"RUST_LOG": "trace", "RATE_LIMIT_PER_SECOND": 0, "RUST_API_BEARER": CANARIES["token-of-a-variable"]}
        if form == "one process":
            gateway = start(Gateway, **settings)
            self.http_url, self.grpc_address = gateway.http_url, gateway.grpc_address
            self.processes = [gateway]
        else:
            core = start(Core, **settings)
            edge = start(Edge, CORE_URL=core.url, RUST_LOG="trace")
            self.http_url, self.grpc_address = edge.http_url, core.grpc_address
            self.processes = [core, edge]
        # Bodies of errors and statuses, with all their headers.
        self.errors = []

    def log(self):
        return "\n".join(process.log.read_text() for process in self.processes)

    def metrics(self):
        urls = [
            getattr(process, "metrics_url", None) or process.find(r'"message":"metrics on ([^"]+)"', process.log)[0]
            for process in self.processes
        ]
        return "\n".join(urllib.request.urlopen(url, timeout=10).read().decode() for url in urls)

    def note(self, outcome):
        """Takes note of an error that a client saw."""
        if outcome is not None and outcome.code is not None:
            self.errors.append(f"{outcome.body} {outcome.headers} {outcome.message}")
        return outcome


def note_stream(serving, stream):
    if stream.refusal:
        serving.note(stream.refusal)
        return stream.refusal.code
    return stream.end()


def chat_with_both(serving, both, model, said):
    """Chats, turns and streams, those that are well and those that fail at the model server."""
    headers = bearer(CANARIES["token"])
    kinds = ["hello", *echoing_server.FAILURES, *echoing_server.OTHERS]
    codes = set()
    for kind in kinds:
        text = f"{kind} {said}"
        for wire in both:
            codes.add(serving.note(wire.chat(headers, model, text)).code)
            codes.add(serving.note(wire.turn(headers, model, text)).code)
            codes.add(note_stream(serving, wire.stream(headers, text, model)))
            codes.add(note_stream(serving, wire.stream_turn(headers, text, model)))
    return codes


def send_what_is_wrong(serving, http, grpc):
    """Requests that end in the gateway, at each place where one can."""

    def send(*arguments):
        return serving.note(http.send(*arguments))

    good = bearer(CANARIES["token"])
    chat, said = "/v1/chat/completions", CANARIES["message"]
    strange = [
        bearer(CANARIES["unknown-token"]),
        bearer(CANARIES["expired-token"]),
        {"authorization": f"Basic {CANARIES['basic-credential']}"},
        {"authorization": CANARIES["token"]},
        {"authorization": f"bearer {CANARIES['token']}"},
        good | {"x-tenant-id": CANARIES["unknown-token"]},
        {},
    ]
    for headers in strange:
        for wire in (http, grpc):
            assert serving.note(wire.list_models(headers)).code
            assert serving.note(wire.chat(headers, "echoing", said)).code
            assert serving.note(wire.turn(headers, "echoing", said)).code

    def image(url):
        return [{"type": "image_url", "image_url": {"url": url}}]

    messages = [{"role": "system", "content": CANARIES["system-message"]}, {"role": "user", "content": said}]
    body = {"model": "echoing", "messages": messages}
    tools = [{"type": "function", "function": {"name": CANARIES["tool"], "parameters": {"type": "object"}}}]
    assert send("POST", chat, {**body, "tools": tools, "x": CANARIES["field"]}, good).is_admitted
    assert send("POST", chat, {**body, "messages": [{"role": "user", "content": image(IMAGE)}]}, good)
    refused = [
        {**body, "messages": [{"role": "user", "content": image(BAD_IMAGE)}]},
        {**body, "messages": [{"role": "user", "content": image(f"https://example.com/{CANARIES['image']}")}]},
        {**body, "n": 0},
        {**body, "model": "unknown"},
        {**body, "max_tokens": -1},
        {**body, "messages": [{"role": "emperor", "content": said}]},
        {**body, "messages": [{"role": "user", "content": 5, "name": said}]},
        {**body, "tools": [{"type": "function", "function": {"parameters": CANARIES["tool"]}}]},
    ]
    for wrong in refused:
        for stream in (False, True):
            assert send("POST", chat, {**wrong, "stream": stream}, good).code, wrong
    for broken in ('{"model":"echoing","messages":"CANARY', '{"CANARY":1,"CANARY":2}', "CANARY", '{"a":1e999,"b":"CANARY"}'):
        broken = broken.replace("CANARY", CANARIES["broken-json"]).encode()
        assert send("POST", chat, broken, good).code
        assert send("POST", "/c1/chat", broken, good).code
    for path in ("/v1/models", "/nothing", "/c1/conversations"):
        for headers in (good, {}):
            send("GET", f"{path}?limit={CANARIES['query-parameter']}", None, headers)
    send("POST", chat, b"x", good | {"content-type": "text/plain"})
    send("POST", chat, b"x", good | {"content-encoding": "gzip"})


def use_conversations(serving, http, grpc):
    """A conversation with all that can be kept of one, asked for twice under a key, and in the wrong ways."""

    def send(*arguments):
        return serving.note(http.send(*arguments))

    good = bearer(CANARIES["token"])
    keyed = good | {"idempotency-key": CANARIES["idempotency-key"]}
    first = http.turn(keyed, "echoing", CANARIES["turn"])
    assert first.is_admitted and http.turn(keyed, "echoing", CANARIES["turn"]).body == first.body
    assert send("POST", "/c1/chat", {"model": "echoing", "message": "other"}, keyed).code == "invalid_field"
    conversation_id = first.headers["x-conversation-id"]
    path = f"/c1/conversations/{conversation_id}"
    change = {"title": CANARIES["title"], "metadata": {"about": CANARIES["metadata"]}}
    assert send("PATCH", path, change, good).is_admitted
    assert CANARIES["title"] in json.dumps(send("GET", path, None, good).body)
    assert send("PATCH", path, {"title": 5, "metadata": [CANARIES["metadata"]]}, good).code
    assert send("PATCH", path, {"title": CANARIES["title"] * 1000}, good).code
    for wire in (http, grpc):
        assert serving.note(wire.get_conversation(good, conversation_id)).is_admitted
        assert serving.note(wire.list_conversations(good)).is_admitted
        assert serving.note(wire.get_conversation(good, CANARIES["turn"])).code
        assert serving.note(wire.get_conversation(bearer(CANARIES["token-of-a-variable"]), conversation_id)).code
    assert send("GET", f"{path}/export", None, good).is_admitted
    return conversation_id


@pytest.mark.parametrize("form", ["one process", "apart"])
def test_nothing_secret_is_told(start, wires, tmp_path, form):
    expired = {"value": CANARIES["expired-token"], "expires_at": "2020-01-01T00:00:00Z"}
    tokens, models, key = tmp_path / "tokens.yaml", tmp_path / "models.yaml", tmp_path / "key"
    replace_file(tokens, token_file(token("app", CANARIES["token"], expired)))
    replace_file(key, CANARIES["key-in-a-file"] + "\n")
    with EchoingServer() as server:
        upstreams = {
            "echoing": {"base_url": server.base_url, "api_key_file": str(key)},
            "dead": {"base_url": "http://127.0.0.1:1/v1"},
        }
        served = [
            {"alias": "filed", "upstream": "echoing", "upstream_model": "echoing"},
            {"alias": "dead", "upstream": "dead"},
        ]
        replace_file(models, json.dumps({"upstreams": upstreams, "models": served}))
        postgres = Postgres()
        try:
            database_url = f"{postgres.create_database('gateway')}&password={CANARIES['database-password']}"
            serving = Serving(
                start,
                form,
                TOKENS_FILE=tokens,
                MODELS_FILE=models,
                UPSTREAM_BASE_URL=server.base_url,
                UPSTREAM_API_KEY=CANARIES["upstream-key"],
                DATABASE_URL=database_url,
            )
            http, grpc = both = wires(serving)
            codes = chat_with_both(serving, both, "echoing", CANARIES["message"])
            codes |= chat_with_both(serving, both, "filed", CANARIES["message"])
            for wire in both:
                codes.add(serving.note(wire.chat(bearer(CANARIES["token"]), "dead", CANARIES["message"])).code)
            assert codes >= {None, "upstream_error", "model_quota_exhausted", "upstream_unavailable"}
            send_what_is_wrong(serving, http, grpc)
            use_conversations(serving, http, grpc)
            # A token file that is broken, with a secret on the line that is at fault.
            replace_file(tokens, token_file(token("app", CANARIES["token"])) + f"\n  {CANARIES['token']}: [")
            failed = 'gateway_config_reload_failed{setting="TOKENS_FILE"} 1'
            wait_until(lambda: failed in serving.metrics(), "the broken file is told of")
            postgres.stop()
            for wire in both:
                outcome = serving.note(wire.turn(bearer(CANARIES["token"]), "echoing", CANARIES["turn"]))
                assert outcome.code == "storage_error"
                assert serving.note(wire.list_conversations(bearer(CANARIES["token"]))).code == "storage_error"
            postgres.start()
            wait_until(lambda: http.list_conversations(bearer(CANARIES["token"])).is_admitted, "storage is back")
            metrics = serving.metrics()
        finally:
            for process in reversed(serving.processes):
                process.stop()
            postgres.close()
    log = serving.log()
    errors = "\n".join(serving.errors)
    print(f"{len(log) >> 10} KiB of log, {len(serving.errors)} errors, {len(codes)} codes")
    # It was written in earnest.
    assert '"level":"TRACE"' in log and len(serving.errors) > 150
    assert found_in(log, CANARIES) == {}
    assert "gateway_" in metrics and found_in(metrics, CANARIES) == {}
    assert found_in(errors, UNTOLD) == {}


def test_a_panic_tells_nothing(start, wires, tmp_path):
    tokens = tmp_path / "tokens.yaml"
    replace_file(tokens, token_file(token("app", CANARIES["token"])))
    serving = Serving(start, "one process", TOKENS_FILE=tokens)
    headers, text = bearer(CANARIES["token"]), "/error internal_error"
    keyed = headers | {"idempotency-key": CANARIES["idempotency-key"]}
    http, grpc = wires(serving)
    system = {"role": "system", "content": CANARIES["system-message"]}
    body = {"model": "demo", "messages": [system, {"role": "user", "content": text}], "user": CANARIES["message"]}
    assert serving.note(http.send("POST", "/v1/chat/completions", body, keyed)).code == "internal_error"
    for wire in (http, grpc):
        assert serving.note(wire.chat(headers, "demo", text)).code == "internal_error"
        keyed = headers | {"idempotency-key": CANARIES["idempotency-key"] + wire.name}
        assert serving.note(wire.turn(keyed, "demo", text)).code == "internal_error"
        assert note_stream(serving, wire.stream(headers, text)) == "internal_error"
    assert "panic at" in serving.log()
    assert found_in(serving.log(), CANARIES) == {}
    assert found_in("\n".join(serving.errors), CANARIES) == {}


# === starts that fail ===


def ran(*arguments, **settings):
    """Runs the gateway with settings that it cannot serve with, and gives all that it printed."""
    usual = {"HTTP_LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "METRICS_LISTEN": "127.0.0.1:0"}
    environment = {"RUST_LOG": "trace", "LOG_FORMAT": "json", **usual, **settings}
    environment = {name: str(value) for name, value in environment.items()}
    command = [BIN_DIR / "chat-gateway", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10)
    return done.returncode, done.stdout + done.stderr


PASSWORD, KEY, TOKEN = CANARIES["database-password"], CANARIES["upstream-key"], CANARIES["token"]
# Databases that may come yet: the gateway serves without.
ABSENT_DATABASES = {
    "nobody listens": f"postgres://user:{PASSWORD}@127.0.0.1:1/gateway",
    "no socket": f"postgres:///gateway?host=/nowhere&user=postgres&password={PASSWORD}",
}
BAD_DATABASES = {
    "a bad port": f"postgres://user:{PASSWORD}@127.0.0.1:99999/gateway",
    "an unknown option": f"postgres://user:{PASSWORD}@127.0.0.1:1/gateway?sslmode={PASSWORD}",
    "another database": f"mysql://user:{PASSWORD}@127.0.0.1:1/gateway",
    "no address": f"user:{PASSWORD}@gateway",
}


@pytest.mark.parametrize("name", ABSENT_DATABASES)
def test_a_database_that_is_not_there(start, wires, name):
    serving = Serving(start, "one process", DATABASE_URL=ABSENT_DATABASES[name])
    for wire in wires(serving):
        refusal = serving.note(wire.turn(bearer(CANARIES["token-of-a-variable"]), "demo", CANARIES["turn"]))
        assert refusal.code == "storage_error"
    readiness = urllib.request.urlopen(f"{serving.http_url}/readyz", timeout=10).read().decode()
    assert '"storage"' in readiness
    assert found_in(serving.log() + readiness + serving.metrics() + "".join(serving.errors), CANARIES) == {}


@pytest.mark.parametrize("name", BAD_DATABASES)
def test_the_address_of_no_database(tmp_path, name):
    code, said = ran(DATABASE_URL=BAD_DATABASES[name], DATA_DIR=tmp_path / "data")
    assert code != 0 and "DATABASE_URL" in said, said
    assert found_in(said, CANARIES) == {}


BAD_SETTINGS = {
    "RUST_API_BEARER": [TOKEN[:31], f"sha256:{TOKEN}", f"{TOKEN} {TOKEN}", f"{TOKEN}\xe4"],
    "UPSTREAM_API_KEY": [f"{KEY}\n{KEY}", f"{KEY}\x01"],
    "UPSTREAM_BASE_URL": [f"http://user:{KEY}@127.0.0.1:99999/v1", f"http://user:{KEY}@/v1", f"gopher://user:{KEY}@x/v1"],
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_bad_setting_is_named_and_not_shown(tmp_path, name):
    for value in BAD_SETTINGS[name]:
        usual = {"DATA_DIR": tmp_path / "data", "UPSTREAM_BASE_URL": "http://127.0.0.1:1/v1"}
        code, said = ran(**(usual | {name: value}))
        assert code != 0 and name in said, said
        # The beginning of it would be enough to know it by.
        assert TOKEN[:20] not in said and KEY[:20] not in said, said
        flag = "--" + name.lower().replace("_", "-")
        code, said = ran(flag, value, **{setting: text for setting, text in usual.items() if setting != name})
        assert code != 0 and name in said, said
        assert TOKEN[:20] not in said and KEY[:20] not in said, said


BAD_FILES = {
    "TOKENS_FILE": [
        f"tokens:\n  - id: app\n    role: user\n    secrets: [{{value: {TOKEN} x}}]\n",
        f"tokens:\n  - id: app\n    role: user\n    secrets: [{{secret: {TOKEN}}}]\n",
        f"tokens:\n  - id: app\n    role: user\n    secrets: [{TOKEN}]\n",
        f"tokens:\n  - id: app\n    role: user\n    secrets: {TOKEN}\n",
        f"tokens: {TOKEN}\n",
        f"{TOKEN}\n",
        f"- {TOKEN}: [\n",
        f"tokens:\n  - id: {TOKEN} \u00e4\n    role: user\n    secrets: [{{value: {KEY}}}]\n",
        f"tokens:\n  - id: app\n    role: user\n    secrets: [{{value: {TOKEN}, expires_at: {TOKEN}}}]\n",
        f"tokens:\n  - id: app\n    {TOKEN}: user\n",
        f"tokens:\n  - id: app\n    role: user\n    secrets: [{{value:{TOKEN}}}]\n",
    ],
    "MODELS_FILE": [
        f"upstreams:\n  a: {{base_url: http://127.0.0.1:1/v1, api_key: {KEY}}}\n",
        f"upstreams:\n  a: {{base_url: http://127.0.0.1:1/v1, api_key_env: {{key: {KEY}}}}}\n",
        f"upstreams:\n  a: {{base_url: 'http://user:{KEY}@127.0.0.1:99999/v1'}}\n",
        f"upstreams:\n  a: {{base_url: 'gopher://user:{KEY}@127.0.0.1/v1'}}\n",
        f"upstreams: {KEY}\n",
    ],
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_and_not_shown(tmp_path, name):
    file = tmp_path / "file.yaml"
    for text in BAD_FILES[name]:
        replace_file(file, text)
        code, said = ran(DATA_DIR=tmp_path / "data", **{name: file})
        assert code != 0 and name in said, f"{text} {said}"
        assert found_in(said, CANARIES) == {}, text


@pytest.mark.parametrize("program", ["chat-gateway", "gateway-core", "gateway-edge"])
def test_help_shows_no_secret(program):
    secrets = {
        "RUST_API_BEARER": TOKEN,
        "UPSTREAM_API_KEY": KEY,
        "DATABASE_URL": ABSENT_DATABASES["nobody listens"],
        "UPSTREAM_BASE_URL": f"http://user:{KEY}@127.0.0.1/v1",
    }
    for flag in ("--help", "-h", "--version", "--no-such-flag"):
        done = subprocess.run([BIN_DIR / program, flag], env=secrets, capture_output=True, text=True, timeout=30)
        assert found_in(done.stdout + done.stderr, CANARIES) == {}
