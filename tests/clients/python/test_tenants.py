"""Who may do what, by the token file: end users that must be named, models, scopes, and the time of a secret."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from programs import Gateway
from wires import bearer, replace_file, secret_of, token, token_file

TENANTS = [
    {"id": "named", "require_user_id": True},
    {"id": "few", "models": {"allow": ["scripted"]}},
    {"id": "most", "models": {"deny": ["dem*"]}},
    {"id": "right", "models": {"allow": ["other", "dem*"]}},
]
USER = {"spass-user-id": "ann"}
# The contract's bound on the time that a secret lives on.
MOST_SECONDS = 5


def moment(seconds):
    """So many seconds from now, as the file has it."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tenants")
    tokens = [
        token("app", secret_of("app"), bound_tenant="named"),
        token("boss", secret_of("boss"), bound_tenant="named", role="tenant_admin"),
        token("any", secret_of("any"), bound_tenant=None),
        token("few", secret_of("few"), bound_tenant="few"),
        token("most", secret_of("most"), bound_tenant="most"),
        token("right", secret_of("right"), bound_tenant="right"),
        token("rooms", secret_of("rooms"), scope_ids=["lobby", "room-*"]),
        token(
            "times",
            {"value": secret_of("before"), "not_before": moment(3600)},
            {"value": secret_of("after"), "not_before": moment(-7200), "expires_at": moment(-3600)},
            {"value": secret_of("within"), "not_before": moment(-3600), "expires_at": moment(3600)},
        ),
    ]
    replace_file(folder / "tokens.yaml", token_file(*tokens, tenants=TENANTS))
    gateway = Gateway(folder / "gateway", TOKENS_FILE=folder / "tokens.yaml")
    yield gateway
    gateway.stop()


@pytest.fixture
def both(wires, serving):
    return wires(serving)


def check(outcomes, status, code, param=None):
    """The same refusal over both wires."""
    http, grpc = outcomes
    assert (http.status, http.code, http.param) == (status, code, param), http
    assert http.told == grpc.told


# === end users ===


def test_a_user_must_be_named(both):
    headers = bearer(secret_of("app"))
    missing = (400, "missing_field", "headers.spass-user-id")
    check([wire.list_conversations(headers) for wire in both], *missing)
    check([wire.turn(headers, "demo", "who am I") for wire in both], *missing)
    check([wire.chat(headers, "demo", "who am I") for wire in both], *missing)
    check([wire.stream(headers, "who am I").refusal for wire in both], *missing)
    check([wire.stream_turn(headers, "who am I").refusal for wire in both], *missing)
    check([wire.list_models(headers) for wire in both], *missing)


def test_a_user_who_is_named(both):
    headers = bearer(secret_of("app"))
    for wire in both:
        assert wire.list_models(headers | USER).is_admitted
        assert wire.chat(headers | USER, "demo", "Hello").is_admitted
        # In the message, where it has room for one.
        begun = wire.turn(headers, "demo", "by the body", user_id="ann")
        assert begun.is_admitted
        listed = wire.list_conversations(headers | USER)
        found = [row["id"] for row in listed.body["items"]] if wire is both[0] else [row.id for row in listed.body.items]
        assert begun.headers["x-conversation-id"] in found


def test_an_administrator_may_read_without_a_user(both):
    http, _ = both
    begun = http.turn(bearer(secret_of("app")) | USER, "demo", "Ann's")
    conversation_id = begun.headers["x-conversation-id"]
    headers = bearer(secret_of("boss"))
    for wire in both:
        assert wire.list_conversations(headers).is_admitted
        assert wire.get_conversation(headers, conversation_id).is_admitted
    listed = http.list_conversations(headers).body["items"]
    assert {"ann"} == {row["user_id"] for row in listed}
    # It reads, and no more than that.
    missing = (400, "missing_field", "headers.spass-user-id")
    check([wire.delete_conversation(headers, conversation_id) for wire in both], *missing)
    check([wire.turn(headers, "demo", "for nobody") for wire in both], *missing)


def test_what_holds_for_a_tenant_holds_for_whoever_chooses_it(both):
    headers = bearer(secret_of("any"))
    check([wire.list_models(headers) for wire in both], 400, "missing_field", "headers.x-tenant-id")
    named = headers | {"x-tenant-id": "named"}
    check([wire.list_models(named) for wire in both], 400, "missing_field", "headers.spass-user-id")
    few = headers | {"x-tenant-id": "few"}
    check([wire.get_model(few, "demo") for wire in both], 400, "model_not_in_allowlist", "model")
    for wire in both:
        assert wire.get_model(headers | {"x-tenant-id": "nobody-wrote-of-it"}, "demo").is_admitted


# === models ===


@pytest.mark.parametrize("name", ["few", "most"])
def test_a_model_that_is_not_for_a_tenant_looks_like_none(both, name):
    headers = bearer(secret_of(name))
    http, grpc = both
    assert http.list_models(headers).body["data"] == [] and list(grpc.list_models(headers).body.models) == []
    assert http.send("GET", "/v1/info", headers=headers).body["models"] == []
    calls = [
        lambda wire, model: wire.get_model(headers, model),
        lambda wire, model: wire.chat(headers, model, "Hello"),
        lambda wire, model: wire.turn(headers, model, "Hello"),
        lambda wire, model: wire.stream(headers, "Hello", model).refusal,
        lambda wire, model: wire.stream_turn(headers, "Hello", model).refusal,
    ]
    for call in calls:
        forbidden = [call(wire, "demo") for wire in both]
        check(forbidden, 400, "model_not_in_allowlist", "model")
        for wire, refusal in zip(both, forbidden):
            # But for its name there is nothing to tell them apart by.
            unknown = call(wire, "omed")
            assert (refusal.status, refusal.code, refusal.param) == (unknown.status, unknown.code, unknown.param)
            assert refusal.message.replace("demo", "omed") == unknown.message


def test_a_model_that_is_for_a_tenant(both):
    headers = bearer(secret_of("right"))
    http, grpc = both
    assert [model["id"] for model in http.list_models(headers).body["data"]] == ["demo"]
    assert [model.alias for model in grpc.list_models(headers).body.models] == ["demo"]
    for wire in both:
        assert wire.chat(headers, "demo", "Hello").is_admitted


# === scopes of memory and prompts ===


def test_scope_ids(both):
    headers = bearer(secret_of("rooms"))
    calls = [
        lambda wire, scope: wire.list_models(headers | scope),
        lambda wire, scope: wire.chat(headers | scope, "demo", "Hello"),
        lambda wire, scope: wire.turn(headers | scope, "demo", "Hello"),
    ]
    for call in calls:
        for scope in ["room-1", "room-", "lobby"]:
            for wire in both:
                assert call(wire, {"spass-scope-id": scope}).is_admitted, scope
        for scope in ["lobby-2", "room", "Room-1", "attic"]:
            check([call(wire, {"spass-scope-id": scope}) for wire in both], 403, "forbidden")


# === times ===


def test_a_secret_has_its_time(both):
    for wire in both:
        assert wire.list_models(bearer(secret_of("within"))).is_admitted
    refused = [wire.list_models(bearer(secret_of(name))) for name in ("before", "after", "nobody") for wire in both]
    # Which of the three it was is not told.
    assert {refusal.told for refusal in refused} == {
        ("invalid_authorization", "headers.authorization", "The token is not accepted.")
    }


def test_a_secret_that_expires_while_its_streams_are_open(start, wires, tmp_path):
    seconds = 2
    file = tmp_path / "tokens.yaml"
    usual = {"value": secret_of("steady")}
    replace_file(file, token_file(token("app", {"value": secret_of("short"), "expires_at": moment(30)}, usual)))
    gateway = start(Gateway, TOKENS_FILE=file)
    both = wires(gateway)
    headers = bearer(secret_of("short"))
    # Only now is it known how long the start took.
    begin = time.monotonic()
    expiry = {"value": secret_of("short"), "expires_at": moment(seconds)}
    replace_file(file, token_file(token("app", expiry, usual)))
    streams = [wire.stream(headers, "/drip 60 still there") for wire in both]
    streams += [wire.stream_turn(headers, "/drip 60 still there") for wire in both]
    steady = [wire.stream(bearer(secret_of("steady")), "/drip 60 still there") for wire in both]
    assert all(stream.refusal is None for stream in streams + steady)
    assert time.monotonic() - begin < seconds, "the streams were to be open before the end"
    ends = [stream.end() for stream in streams]
    ended = time.monotonic() - begin
    assert ends == ["invalid_authorization"] * len(streams)
    assert seconds <= ended <= seconds + MOST_SECONDS, f"{ended:.2f} s"
    print(f"streams ended {ended - seconds:.2f} s after their secret expired")
    for wire in both:
        assert wire.list_models(headers).code == "invalid_authorization"
        assert wire.list_models(bearer(secret_of("steady"))).is_admitted
    for stream in steady:
        stream.close()
