"""Edge and core as processes of their own, and the end of both forms in good order."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from programs import Core, Edge, Gateway, wait_until

# Every request takes one from the bucket and hardly any comes back, so that what is left tells how many were let in.
COUNTABLE = {"RATE_LIMIT_PER_SECOND": "0.001", "RATE_LIMIT_BURST": "100000"}


@pytest.fixture(params=["tcp", "unix"])
def core_settings(request):
    """Where a core listens. A socket's path must be short, which pytest's own folders are not."""
    if request.param == "tcp":
        yield {"GRPC_LISTEN": "127.0.0.1:0"}
        return
    with tempfile.TemporaryDirectory() as folder:
        yield {"GRPC_LISTEN": f"unix:{folder}/core.sock"}


@pytest.fixture
def apart(start, core_settings):
    """An edge and its core."""
    core = start(Core, **core_settings)
    return start(Edge, CORE_URL=core.url), core


def get(server, path):
    return requests.get(server.http_url + path, headers={"Authorization": f"Bearer {server.token}"}, timeout=30)


def say(server, text):
    return requests.post(
        f"{server.http_url}/v1/chat/completions",
        json={"model": "demo", "messages": [{"role": "user", "content": text}]},
        headers={"Authorization": f"Bearer {server.token}"},
        timeout=30,
    )


def text_of(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"]


def check_that_the_core_is_missing(edge):
    answer = say(edge, "x")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (503, "upstream_unavailable", "upstream_error")
    assert answer.headers["x-should-retry"] == "true"
    assert int(answer.headers["retry-after"]) >= 1
    assert "/readyz" in error["message"]

    readiness = get(edge, "/readyz")
    assert (readiness.status_code, readiness.json()["status"]) == (503, "degraded")
    (part,) = [part for part in readiness.json()["parts"] if part["name"] == "core"]
    assert not part["ok"] and part["error"]
    # Where the core should be is nothing for the public.
    assert "127.0.0.1" not in part["error"] and "sock" not in part["error"]

    assert get(edge, "/healthz").json() == {"status": "ok"}


def wait_for_the_core(edge):
    wait_until(lambda: get(edge, "/readyz").status_code == 200, "the edge is ready again", 10)
    assert text_of(say(edge, "Back")).endswith("You said: Back")


def test_chat(apart):
    edge, _ = apart
    assert text_of(say(edge, "Good morning")).endswith("You said: Good morning")
    readiness = get(edge, "/readyz")
    assert (readiness.status_code, readiness.json()["status"]) == (200, "ok")
    assert [model["id"] for model in get(edge, "/v1/models").json()["data"]] == ["demo"]


def test_errors_are_those_of_one_process(apart, gateway):
    edge, _ = apart
    for request in [{"temperature": 7}, {"model": "no-such-model"}, {"messages": [{"role": "wizard"}]}, {"messages": 1}]:
        answers = [
            requests.post(
                f"{server.http_url}/v1/chat/completions",
                json={"model": "demo", "messages": [{"role": "user", "content": "x"}], **request},
                headers={"Authorization": f"Bearer {server.token}", "x-request-id": "same"},
                timeout=30,
            )
            for server in (edge, gateway)
        ]
        ours, theirs = ({**answer.json()["error"], "doc_url": ""} for answer in answers)
        assert ours == theirs
        assert answers[0].json()["error"]["doc_url"].startswith(edge.http_url)


def test_a_large_body_crosses(apart):
    edge, _ = apart
    text = "word " * (4 << 20)
    assert text_of(say(edge, text)).endswith(text)


def test_a_core_that_dies_and_comes_back(apart, start):
    edge, core = apart
    assert say(edge, "x").status_code == 200
    core.kill()
    check_that_the_core_is_missing(edge)
    start(Core, GRPC_LISTEN=core.grpc_address)
    wait_for_the_core(edge)


def test_an_edge_that_starts_first(start, core_settings):
    # A core that was there for a moment finds out which port is free.
    core = start(Core, **core_settings)
    core.stop()
    edge = start(Edge, CORE_URL=core.url)
    check_that_the_core_is_missing(edge)
    start(Core, GRPC_LISTEN=core.grpc_address)
    wait_for_the_core(edge)


# === the end ===


def remaining(server):
    return int(get(server, "/v1/models").headers["x-ratelimit-remaining-requests"])


def with_a_slow_request_in_flight(server, then):
    """Does something while a request runs, and gives the request's answer."""
    with ThreadPoolExecutor(1) as pool:
        # Once more than our own asking is gone from the bucket, the request has been let in.
        expected = remaining(server) - 1

        def is_in_flight():
            nonlocal expected
            left = remaining(server)
            expected, was_let_in = expected - 1, left < expected
            return was_let_in

        answer = pool.submit(say, server, "/slow 2")
        wait_until(is_in_flight, "the slow request is in flight")
        assert not answer.done()
        then()
        return answer.result()


@pytest.mark.parametrize("delay", [0, 1])
def test_one_process_drains(start, delay):
    gateway = start(Gateway, DRAIN_DELAY_SECS=delay, **COUNTABLE)
    answer = with_a_slow_request_in_flight(gateway, gateway.terminate)
    assert text_of(answer) == "The demo took its time."
    assert gateway.wait() == 0


@pytest.mark.parametrize("ended", ["edge", "core", "both"])
def test_two_processes_drain(start, core_settings, ended):
    core = start(Core, **core_settings, **COUNTABLE)
    edge = start(Edge, CORE_URL=core.url)
    programs = {"edge": [edge], "core": [core], "both": [core, edge]}[ended]
    answer = with_a_slow_request_in_flight(edge, lambda: [program.terminate() for program in programs])
    assert text_of(answer) == "The demo took its time."
    assert [program.wait() for program in programs] == [0] * len(programs)


def test_who_is_not_waited_for_is_told(start):
    """A stream, a stream without its head and a whole answer that outlast the time for the end."""
    gateway = start(Gateway, DRAIN_TIMEOUT_SECS=3, STREAM_HEAD_WAIT_SECS=1)
    outlasting = {"/drip 2 a b c d e f g h": True, "/slow 30": True, "/slow 31": False}

    def ask(text, stream):
        return requests.post(
            f"{gateway.http_url}/v1/chat/completions",
            json={"model": "demo", "stream": stream, "messages": [{"role": "user", "content": text}]},
            headers={"Authorization": f"Bearer {gateway.token}"},
            stream=True,
            timeout=30,
        )

    with ThreadPoolExecutor() as pool:
        asked = {text: pool.submit(ask, text, stream) for text, stream in outlasting.items()}
        streams = [asked[text].result() for text, stream in outlasting.items() if stream]
        begin = time.monotonic()
        gateway.terminate()
        for answer in streams:
            *_, error, done = [line for line in answer.text.splitlines() if line.startswith("data: ")]
            assert json.loads(error.removeprefix("data: "))["error"]["code"] == "overloaded"
            assert done == "data: [DONE]"
        refused = asked["/slow 31"].result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert refused.headers["x-should-retry"] == "false"
    assert gateway.wait() == 0
    # The time for the end runs once, not once for each half of the gateway.
    assert 3 <= time.monotonic() - begin < 5.5


def test_the_end_is_announced_before_it_comes(start):
    gateway = start(Gateway, DRAIN_DELAY_SECS=2)
    assert get(gateway, "/readyz").status_code == 200
    gateway.terminate()
    wait_until(lambda: get(gateway, "/readyz").status_code == 503, "readiness tells the end", 1.5)
    # Who has not looked yet is still served.
    assert text_of(say(gateway, "Late")).endswith("You said: Late")
    assert get(gateway, "/healthz").status_code == 200
    assert gateway.wait() == 0


def test_the_socket_file_goes_with_the_core(start):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "core.sock"
        core = start(Core, GRPC_LISTEN=f"unix:{path}")
        assert path.is_socket()
        core.stop()
        assert not path.exists()
