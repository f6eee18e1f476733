"""The token file and the models file are read again while the gateway serves: whole or not at all, unnoticed by callers."""

import json
import re
import signal
import statistics
import threading
import time
import urllib.request

import pytest

from programs import Gateway, wait_until
from wires import GrpcWire, HttpWire, bearer, replace_file, secret_of, token, token_file

ROTATIONS = 100
# So many of them are told by nothing but the file; the others by SIGHUP, which takes no time.
UNTOLD_EVERY = 10
CLIENTS = 3
# The contract's bound on the time from the removal of a secret to its last use.
MOST_SECONDS = 5
# Two looks at a file that has come to rest take at least this, and a signal must not wait for them.
TWO_LOOKS_SECONDS = 0.5


def metrics(gateway):
    with urllib.request.urlopen(gateway.metrics_url, timeout=10) as answer:
        return answer.read().decode()


def metric(gateway, name, **labels):
    """The value of a metric with at least these labels; 0 when it was never touched."""
    total = 0.0
    for found, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics(gateway), re.MULTILINE):
        if all(f'{label}="{text}"' in found for label, text in labels.items()):
            total += float(value)
    return total


def has_failed(gateway, setting="TOKENS_FILE"):
    return metric(gateway, "gateway_config_reload_failed", setting=setting) == 1


def reloads(gateway, outcome, setting="TOKENS_FILE"):
    return metric(gateway, "gateway_config_reloads_total", setting=setting, outcome=outcome)


def audit_lines(gateway, action):
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    return [line for line in lines if line["target"] == "audit" and line.get("action") == action]


def hang_up(gateway):
    gateway.process.send_signal(signal.SIGHUP)


class Load:
    """Clients on both wires that call without a pause, each time with the secret of the moment."""

    def __init__(self, gateway, protos, secret):
        self.secret = secret
        self.is_over = threading.Event()
        self.answered, self.refusals = 0, []
        makers = [lambda: HttpWire(gateway), lambda: GrpcWire(gateway, protos)] * CLIENTS
        # What each client uses now; what it used before is not in flight any more.
        self.used = [secret] * len(makers)
        self.threads = [threading.Thread(target=self.call, args=entry) for entry in enumerate(makers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def call(self, number, make_wire):
        with make_wire() as wire:
            while not self.is_over.is_set():
                self.used[number] = secret = self.secret
                outcome = wire.list_models(bearer(secret))
                self.answered += 1
                if not outcome.is_admitted:
                    self.refusals.append((secret, outcome))

    def move_to(self, secret):
        """Gives all clients another secret, and waits until none uses any other."""
        self.secret = secret
        wait_until(lambda: set(self.used) == {secret}, "all clients have moved")


def test_a_hundred_rotations_under_load(start, protos, wires, tmp_path):
    file = tmp_path / "tokens.yaml"
    secrets = [secret_of(f"rotation-{number}") for number in range(ROTATIONS + 1)]

    def write(*secrets):
        replace_file(file, token_file(token("app", *secrets), token("steady", secret_of("steady"))))

    write(secrets[0])
    gateway = start(Gateway, TOKENS_FILE=file)
    both = wires(gateway)
    to_refusal, to_end = [], []
    with Load(gateway, protos, secrets[0]) as load, Load(gateway, protos, secret_of("steady")) as steady:
        kept = [wire.stream(bearer(secret_of("steady")), "/drip 60 still there") for wire in both]
        for number, (old, new) in enumerate(zip(secrets, secrets[1:])):
            is_told = number % UNTOLD_EVERY != 0
            write(old, new)
            if is_told:
                hang_up(gateway)
            for wire in both:
                wait_until(lambda: wire.list_models(bearer(new)).is_admitted, "the new one is taken")
            load.move_to(new)
            # One that is silent, and one that never is.
            streams = [] if is_told else [
                opener(bearer(old), text)
                for wire in both
                for opener in (wire.stream, wire.stream_turn)
                for text in ("/drip 60 still there", "/drip 0.02 " + "word " * 2000)
            ]
            begin = time.monotonic()
            write(new)
            if is_told:
                hang_up(gateway)
            for wire in both:
                wait_until(lambda: not wire.list_models(bearer(old)).is_admitted, "the old one is refused")
                assert wire.list_models(bearer(old)).code == "invalid_authorization"
            to_refusal.append(time.monotonic() - begin)
            if streams:
                assert {stream.end() for stream in streams} == {"invalid_authorization"}
                to_end.append(time.monotonic() - begin)
        # Nobody else's streams have ended.
        assert all(stream.next() for stream in kept)
        for stream in kept:
            stream.close()
    print(
        f"{ROTATIONS} rotations under {load.answered + steady.answered} calls; a removed secret is refused after at most "
        f"{max(to_refusal):.2f} s, its streams end after {max(to_end):.2f} s"
    )
    assert load.refusals == [] and steady.refusals == []
    assert load.answered > ROTATIONS and steady.answered > ROTATIONS
    assert max(to_refusal) <= MOST_SECONDS and max(to_end) <= MOST_SECONDS
    assert reloads(gateway, "ok") >= 2 * ROTATIONS and reloads(gateway, "failed") == 0
    log = gateway.log.read_text()
    assert not any(secret in log for secret in secrets)


# === files that cannot be used ===


GOOD = token_file(
    token("app", secret_of("app"), rate_limit={"per_second": 0.001, "burst": 2}), token("steady", secret_of("steady"))
)
# A secret that is nowhere but in broken files.
CANARY = secret_of("canary-in-a-broken-file")


def in_place(text):
    def write(file):
        file.write_text(text)

    return write


def broken(members):
    return token_file(token("app", CANARY, **members), token("steady", secret_of("steady")))


BROKEN = {
    "no YAML": in_place(f"tokens:\n  - id: app\n    secrets: [{{value: {CANARY}}}\n  role: : ["),
    "a tab": in_place(f"tokens:\n\t- id: {CANARY}"),
    "an unknown key": in_place(broken({"secret": CANARY})),
    "an unknown role": in_place(broken({"role": "emperor"})),
    "an unknown scope": in_place(broken({"extra_scopes": ["chat:shout"]})),
    "a weak secret": in_place(token_file(token("app", "weak-canary"), token("steady", secret_of("steady")))),
    "a published secret": in_place(token_file(token("app", "replace-this-with-a-secret-of-32-characters-or-more"))),
    "a secret given twice": in_place(token_file(token("app", CANARY), token("steady", CANARY))),
    "a digest that is none": in_place(token_file(token("app", {"digest": CANARY}))),
    "a secret in the place of the id": in_place(token_file(token(f"{CANARY} ", secret_of("other")))),
    "another shape": in_place(json.dumps([CANARY])),
    "no UTF-8": lambda file: file.write_bytes(b"tokens:\n  - id: \xff" + CANARY.encode()),
    "half of it": lambda file: file.write_text(GOOD.replace(secret_of("app"), CANARY)[: len(GOOD) // 2]),
    "nothing": in_place(""),
    "a comment": in_place(f"# {CANARY}\n"),
    "no file": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("is_told", [False, True], ids=["by itself", "by SIGHUP"])
def test_a_token_file_that_cannot_be_used_changes_nothing(start, wires, tmp_path, is_told):
    file = tmp_path / "tokens.yaml"
    replace_file(file, GOOD)
    gateway = start(Gateway, TOKENS_FILE=file)
    both = wires(gateway)
    assert not has_failed(gateway)
    # Its rate is used up, and stays so.
    for wire in both:
        assert wire.list_models(bearer(secret_of("app"))).is_admitted
    # By itself it takes two looks each time, which for all kinds would be long; a few are enough to show it.
    kinds = {name: BROKEN[name] for name in (BROKEN if is_told else ["no YAML", "half of it", "nothing", "no file"])}
    stream = both[1].stream(bearer(secret_of("steady")), "/drip 60 still there")
    for number, (name, break_it) in enumerate(kinds.items(), 1):
        break_it(file)
        if is_told:
            hang_up(gateway)
        wait_until(lambda: has_failed(gateway), f"{name} is told of")
        assert reloads(gateway, "failed") == number, name
        for wire in both:
            assert wire.list_models(bearer(secret_of("steady"))).is_admitted, name
            assert wire.list_models(bearer(secret_of("app"))).code == "rate_limit_exceeded", name
            assert wire.list_models(bearer(CANARY)).code == "invalid_authorization", name
        lines = audit_lines(gateway, "config.reload_failed")
        assert len(lines) == number and lines[-1]["setting"] == "TOKENS_FILE" and lines[-1]["reason"], name
        if file.is_dir():
            file.rmdir()
        taken = reloads(gateway, "ok")
        replace_file(file, GOOD + "\n" * number)
        if is_told:
            hang_up(gateway)
        wait_until(lambda: not has_failed(gateway), f"{name} is mended")
        assert reloads(gateway, "ok") == taken + 1 and reloads(gateway, "failed") == number
        assert len(audit_lines(gateway, "config.reloaded")) == taken + 1
        for wire in both:
            assert wire.list_models(bearer(secret_of("app"))).code == "rate_limit_exceeded", name
    assert stream.next()
    stream.close()
    # Not even a bit of a secret, with which a file's line could be shown.
    log = gateway.log.read_text()
    for part in (CANARY, CANARY[:20], secret_of("app"), "weak-canary"):
        assert part not in log


def test_a_file_that_is_written_slowly_in_its_place(start, wires, tmp_path):
    """Whatever is seen of it meanwhile, what it said before goes on until it is whole."""
    file = tmp_path / "tokens.yaml"
    replace_file(file, token_file(token("steady", secret_of("steady"))))
    gateway = start(Gateway, TOKENS_FILE=file)
    both = wires(gateway)
    text = token_file(token("new", secret_of("new")), token("steady", secret_of("steady")))
    with file.open("w") as writer:
        for begin in range(0, len(text), 64):
            writer.write(text[begin : begin + 64])
            writer.flush()
            until = time.monotonic() + 0.3  # The speed of the writer.
            while time.monotonic() < until:
                for wire in both:
                    assert wire.list_models(bearer(secret_of("steady"))).is_admitted
    for wire in both:
        wait_until(lambda: wire.list_models(bearer(secret_of("new"))).is_admitted, "it is taken")
    assert not has_failed(gateway)


def test_sighup_takes_effect_without_waiting(start, wires, tmp_path):
    file = tmp_path / "tokens.yaml"
    steady = token("steady", secret_of("steady"))
    replace_file(file, token_file(steady))
    gateway = start(Gateway, TOKENS_FILE=file)
    http, _ = wires(gateway)
    seconds = []
    for number in range(10):
        new = secret_of(f"new-{number}")
        replace_file(file, token_file(steady, token("new", new)))
        begin = time.monotonic()
        hang_up(gateway)
        wait_until(lambda: http.list_models(bearer(new)).is_admitted, "the new token is known")
        seconds.append(time.monotonic() - begin)
    print(f"SIGHUP takes effect after {statistics.median(seconds) * 1000:.0f} ms, at most {max(seconds) * 1000:.0f} ms")
    assert statistics.median(seconds) < TWO_LOOKS_SECONDS / 2
    # It is told of also where nothing has changed.
    taken = reloads(gateway, "ok")
    hang_up(gateway)
    wait_until(lambda: reloads(gateway, "ok") == taken + 1, "it is told of")
    assert gateway.is_running()


# === models ===


def models_file(model_server, *aliases, **members):
    upstreams = {"scripted": {"base_url": model_server.base_url("file")}}
    models = [{"alias": alias, "upstream": "scripted", "upstream_model": "scripted"} for alias in aliases]
    return json.dumps({"upstreams": upstreams, "models": models, **members})


def aliases_of(wire):
    outcome = wire.list_models(bearer(secret_of("steady")))
    if wire.name == "http":
        return sorted(model["id"] for model in outcome.body["data"])
    return sorted(model.alias for model in outcome.body.models)


def test_the_models_file(start, wires, tmp_path, model_server):
    """A model comes and goes with it, one that a server lists stays, and a broken file changes nothing."""
    tokens, file = tmp_path / "tokens.yaml", tmp_path / "models.yaml"
    replace_file(tokens, token_file(token("steady", secret_of("steady"))))
    replace_file(file, models_file(model_server, "first"))
    gateway = start(Gateway, TOKENS_FILE=tokens, MODELS_FILE=file, UPSTREAM_BASE_URL=model_server.base_url("listed"))
    both = wires(gateway)
    headers = bearer(secret_of("steady"))

    def offers(*aliases):
        return lambda: all(aliases_of(wire) == sorted(aliases) for wire in both)

    wait_until(offers("first", "scripted"), "what is there at the start")
    # A stream on a model that goes ends well all the same.
    model_server.hold("to the end")
    ends = []

    def stream_to_the_end(wire):
        ends.append(wire.stream(headers, "to the end", "first").end())

    threads = [threading.Thread(target=stream_to_the_end, args=[wire]) for wire in both]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(model_server.calls_of("to the end")) == 2, "the streams are asked for")
    replace_file(file, models_file(model_server, "second", "third"))
    wait_until(offers("second", "third", "scripted"), "what the file says now")
    model_server.release("to the end")
    for thread in threads:
        thread.join()
    assert ends == [None, None]
    for wire in both:
        for alias in ("second", "scripted"):
            assert wire.chat(headers, alias, "Hello").is_admitted
        assert wire.chat(headers, "first", "Hello").code == "model_not_in_allowlist"
    broken_files = [
        "{",
        models_file(model_server, "second", unknown=1),
        models_file(model_server, "second", "second"),
        models_file(model_server, "second").replace("http:", "gopher:"),
        models_file(model_server, "second").replace('"upstream": "scripted"', '"upstream": "nobody"'),
        None,
    ]
    for number, text in enumerate(broken_files, 1):
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        hang_up(gateway)
        wait_until(lambda: has_failed(gateway, "MODELS_FILE"), f"{text} is told of")
        assert not has_failed(gateway, "TOKENS_FILE")
        assert offers("second", "third", "scripted")(), text
        assert audit_lines(gateway, "config.reload_failed")[-1]["setting"] == "MODELS_FILE"
        for wire in both:
            assert wire.chat(headers, "second", "Hello").is_admitted
        replace_file(file, models_file(model_server, "second", "third"))
        hang_up(gateway)
        wait_until(lambda: not has_failed(gateway, "MODELS_FILE"), f"{text} is mended")
        assert reloads(gateway, "failed", "MODELS_FILE") == number
    # Where both name a model the file wins, and when it lets go of it the server's is there again.
    replace_file(file, models_file(model_server, "scripted"))
    wait_until(offers("scripted"), "the file's own")
    both[0].chat(headers, "scripted", "whose is it")
    assert model_server.calls_of("whose is it")[-1].prefix == "file"
    replace_file(file, models_file(model_server, "last"))
    wait_until(offers("last", "scripted"), "the server's own")
    both[0].chat(headers, "scripted", "whose is it now")
    assert model_server.calls_of("whose is it now")[-1].prefix == "listed"
