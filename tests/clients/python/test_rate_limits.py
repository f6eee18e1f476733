"""How often and how much at once a token may call: to the request, over both wires together."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from programs import Gateway
from wires import GrpcWire, HttpWire, bearer, replace_file, secret_of, token, token_file

SECONDS = 60
PER_SECOND, BURST = 1, 30
# What a limiter that is exact admits in that time, and one more or less for the moments of its begin and end.
ADMITTED = range(89, 92)
CLIENTS = 8
# Each of so many clients on each wire asks that often, far beyond the rate.
PAUSE_SECONDS = 0.1

# The status of a refusal, over either wire.
REFUSED = (429, grpc.StatusCode.RESOURCE_EXHAUSTED)
MOST_SECONDS_TO_A_PLACE = 1

# Tokens whose clients wait for just as long as they are told.
PATIENT = {"patient-1": (0.4, 1), "patient-2": (0.7, 2), "patient-3": (1, 3), "patient-4": (0.13, 1)}


def at_rate(name, per_second, burst, **members):
    return token(name, secret_of(name), rate_limit={"per_second": per_second, "burst": burst}, **members)


@pytest.fixture
def gateway(start, tmp_path):
    tokens = [
        at_rate("busy", PER_SECOND, BURST),
        at_rate("bystander", PER_SECOND, BURST),
        *(at_rate(name, *rate) for name, rate in PATIENT.items()),
    ]
    replace_file(tmp_path / "tokens.yaml", token_file(*tokens))
    return start(Gateway, TOKENS_FILE=tmp_path / "tokens.yaml")


def check_refusal(refusal, burst):
    """A refusal says all that a client needs."""
    assert refusal.code == "rate_limit_exceeded", refusal
    assert refusal.status in REFUSED
    assert refusal.retry_after >= 1
    assert refusal.headers["x-ratelimit-limit-requests"] == str(burst)
    assert refusal.headers["x-ratelimit-remaining-requests"] == "0"
    assert refusal.message.endswith(f"try again in {refusal.retry_after} s.")


class Busy:
    """Clients of one token that ask as fast as they like for a minute, and count how often they are let in."""

    def __init__(self, wires):
        self.wires, self.end = wires, time.monotonic() + SECONDS
        self.lock = threading.Lock()
        self.admitted = {"http": 0, "grpc": 0}
        self.refused = 0

    def ask(self, make_wire):
        with make_wire() as wire:
            while time.monotonic() < self.end:
                outcome = wire.list_models(bearer(secret_of("busy")))
                with self.lock:
                    self.admitted[wire.name] += outcome.is_admitted
                    self.refused += not outcome.is_admitted
                if not outcome.is_admitted:
                    check_refusal(outcome, BURST)
                    # No more than a second from the next one, and a whole burst from a rested limiter.
                    assert outcome.retry_after == 1
                    assert outcome.headers["x-ratelimit-reset-requests"] == f"{BURST}s"
                time.sleep(random.uniform(0, 2 * PAUSE_SECONDS))  # The pace, so that the machine is not the limit.


def wait_as_told(make_wire, name, end):
    """A client that waits exactly as long as it is told, and is always let in after that; gives how often it waited."""
    per_second, burst = PATIENT[name]
    waits = 0
    with make_wire() as wire:
        for remaining in reversed(range(burst)):
            outcome = wire.list_models(bearer(secret_of(name)))
            assert outcome.is_admitted and outcome.headers["x-ratelimit-limit-requests"] == str(burst)
            assert outcome.headers["x-ratelimit-remaining-requests"] == str(remaining)
        while time.monotonic() < end:
            refusal = wire.list_models(bearer(secret_of(name)))
            told = time.monotonic()
            check_refusal(refusal, burst)
            if refusal.retry_after > 1:
                # Not a second more than it takes. A quarter, since the way there and back takes time too.
                time.sleep(max(0, told + refusal.retry_after - 1.25 - time.monotonic()))
                check_refusal(wire.list_models(bearer(secret_of(name))), burst)
            time.sleep(max(0, told + refusal.retry_after - time.monotonic()))  # The wait that is tested.
            assert wire.list_models(bearer(secret_of(name))).is_admitted, f"{name} came after {refusal.retry_after} s"
            waits += 1
            # What the seconds were rounded up by may have let the bucket gather one more.
            while wire.list_models(bearer(secret_of(name))).is_admitted:
                pass
    return waits


def stand_by(make_wire, end):
    """A client of another token, that keeps within its rate and is never refused."""
    calls = 0
    with make_wire() as wire:
        while time.monotonic() < end:
            outcome = wire.list_models(bearer(secret_of("bystander")))
            assert outcome.is_admitted, outcome
            calls += 1
            time.sleep(2.5 / PER_SECOND)
    return calls


def test_a_minute_of_many_clients_on_one_token(gateway, protos):
    ways = {"http": lambda: HttpWire(gateway), "grpc": lambda: GrpcWire(gateway, protos)}
    with ThreadPoolExecutor(4 * CLIENTS) as pool:
        busy = Busy(ways)
        clients = [pool.submit(busy.ask, way) for way in ways.values() for _ in range(CLIENTS)]
        standing_by = [pool.submit(stand_by, way, busy.end) for way in ways.values()]
        last_wait = busy.end - 8
        patient = [
            pool.submit(wait_as_told, way, name, last_wait)
            for name, way in zip(PATIENT, [ways["http"], ways["grpc"], ways["http"], ways["grpc"]])
        ]
        for future in clients:
            future.result()
        waits = sum(future.result() for future in patient)
        calls = sum(future.result() for future in standing_by)
    admitted = sum(busy.admitted.values())
    print(f"{admitted} of {admitted + busy.refused} admitted in {SECONDS} s, {busy.admitted}; {waits} waits as told")
    assert admitted in ADMITTED
    # Both wires had their share of the one bucket, and there was far too much for it.
    assert min(busy.admitted.values()) > 0 and busy.refused > 10 * admitted
    assert waits > 10 and calls > 2 * SECONDS / 3


def test_an_error_of_the_edge_costs_as_much_as_any_call(start, wires, tmp_path):
    """A body that is no JSON ends at the edge, and still spends the token's rate, once."""
    burst = 5
    replace_file(tmp_path / "tokens.yaml", token_file(at_rate("bad", 0.001, burst)))
    http, over_grpc = wires(start(Gateway, TOKENS_FILE=tmp_path / "tokens.yaml"))
    headers = bearer(secret_of("bad"))
    for remaining in reversed(range(burst)):
        refusal = http.send("POST", "/v1/chat/completions", b"{", headers)
        assert refusal.code == "invalid_json"
        assert refusal.headers["x-ratelimit-remaining-requests"] == str(remaining)
    refusals = [http.send("POST", "/v1/chat/completions", b"{", headers)]
    refusals += [wire.list_models(headers) for wire in (http, over_grpc)]
    for refusal in refusals:
        check_refusal(refusal, burst)
        assert refusal.retry_after in range(998, 1001)
        assert refusal.headers["x-ratelimit-reset-requests"] == "83m20s"


def test_streams_at_once(start, wires, tmp_path):
    """They count together whatever they came by, and are told from those of another token."""
    tokens = [
        token("two", secret_of("two"), secret_of("two-again"), max_streams=2),
        token("other", secret_of("other"), max_streams=2),
    ]
    replace_file(tmp_path / "tokens.yaml", token_file(*tokens))
    http, over_grpc = wires(start(Gateway, TOKENS_FILE=tmp_path / "tokens.yaml"))
    openers = [
        lambda name: http.stream(bearer(secret_of(name)), "/drip 60 still there"),
        lambda name: over_grpc.stream(bearer(secret_of(name)), "/drip 60 still there"),
        lambda name: http.stream_turn(bearer(secret_of(name)), "/drip 60 still there"),
        lambda name: over_grpc.stream_turn(bearer(secret_of(name)), "/drip 60 still there"),
    ]
    seconds = []

    def once_free(opener, name):
        """Opens a stream as soon as the place of one that was closed is free."""
        begin = time.monotonic()
        while (stream := opener(name)).refusal:
            assert time.monotonic() - begin < MOST_SECONDS_TO_A_PLACE, f"{name} has no place"
        seconds.append(time.monotonic() - begin)
        return stream

    for first in openers:
        for second in openers:
            opened = [once_free(first, "two"), once_free(second, "two-again")]
            for third in openers:
                refusal = third("two").refusal
                assert refusal.code == "rate_limit_exceeded", refusal
                assert refusal.status in REFUSED
                assert refusal.retry_after == 1 and "2 streams" in refusal.message
            # What is no stream goes on, and so does the other token.
            assert http.chat(bearer(secret_of("two")), "demo", "Hello").is_admitted
            opened += [once_free(first, "other"), once_free(second, "other")]
            assert first("other").refusal.code == "rate_limit_exceeded"
            opened.pop(0).close()
            opened.append(once_free(first, "two"))
            for stream in opened:
                stream.close()
    print(f"the place of a stream was free after at most {max(seconds) * 1000:.0f} ms")
