"""Gateways that are killed while they serve from a budget: it is used up to its last request, and never beyond."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from model_server import Behaviour
from programs import BEARER, Gateway, wait_until

WRITERS = 8
KILLS = 6
HEADERS = {"Authorization": f"Bearer {BEARER}"}
# After a lease has gone back there must be no more of the budget anywhere.
MOST_SECONDS = 60


class Replica:
    """A gateway that is killed and started again, always on the same database and in the same folder."""

    def __init__(self, begin):
        self.begin = begin
        self.gateway = begin()

    def kill(self):
        self.gateway.kill()
        self.gateway = self.begin()

    def chat(self, client, stream=False):
        """The status of a chat; none when the gateway died meanwhile."""
        body = {"model": "scripted", "max_tokens": 5, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
        try:
            response = client.post(f"{self.gateway.http_url}/v1/chat/completions", json=body, headers=HEADERS)
            return response.status_code
        except httpx.TransportError:
            return None

    def usage(self):
        response = httpx.get(f"{self.gateway.http_url}/v1/usage?granularity=month", headers=HEADERS)
        assert response.status_code == 200, response.text
        return response.json()["items"]


@pytest.fixture
def replicas(start, tmp_path, model_server):
    """Starts so many gateways with a budget of so many requests."""

    def replicas(database_url, count, limit):
        budgets = tmp_path / "budgets.yaml"
        budgets.write_text(f"budgets: [{{name: b, window: month, requests: {limit}}}]\n")
        starts = iter(range(10_000))

        def begin_of(number):
            return lambda: start(
                Gateway,
                f"gateway-{number}-{next(starts)}",
                DATABASE_URL=database_url,
                DATA_DIR=tmp_path / f"data-{number}",
                BUDGETS_FILE=budgets,
                UPSTREAM_BASE_URL=model_server.base_url(),
                RUST_API_BEARER=BEARER,
                RATE_LIMIT_PER_SECOND=0,
            )

        return [Replica(begin_of(number)) for number in range(count)]

    return replicas


def use_up(replicas, kills):
    """Chats until nothing is left, while gateways are killed. Returns how many were answered, and how many were sent."""
    answered, sent = [], []

    def write(number):
        replica = replicas[number % len(replicas)]
        refused_since = None
        with httpx.Client(timeout=30) as client:
            while refused_since is None or time.monotonic() - refused_since < 4:
                sent.append(number)
                status = replica.chat(client, stream=number % 4 == 0)
                if status == 200:
                    answered.append(number)
                if status == 429:
                    refused_since = refused_since or time.monotonic()
                    # What another gateway has leased and does not use goes back after 2 s.
                    time.sleep(0.05)
                else:
                    assert status in (200, None), status
                    refused_since = None

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        for number in range(kills):
            enough = len(answered) + 10
            wait_until(lambda: len(answered) >= enough or any(each.done() for each in writing), "calls are answered")
            replicas[number % len(replicas)].kill()
        for each in writing:
            each.result()
    return len(answered), len(sent)


@pytest.mark.parametrize(
    ("database", "count", "limit"),
    # Below a thousand requests a window is asked for call by call, from there on it is leased.
    [("sqlite", 1, 300), ("sqlite", 1, 1000), ("postgres", 2, 300), ("postgres", 2, 1000)],
)
def test_a_budget_is_used_up_and_never_exceeded(request, replicas, model_server, database, count, limit):
    model_server.behave = lambda _: Behaviour(wait=0.005)
    replicas = replicas(request.getfixturevalue(f"{database}_url"), count, limit)
    answered, sent = use_up(replicas, KILLS)
    # What a process leased that was killed comes back with its journal, and what ran is booked at its reservation: each
    # of so many requests is booked, whatever became of its answer.
    booked = lambda: sum(row["requests"] for row in replicas[0].usage())
    wait_until(lambda: booked() >= limit, f"{limit} requests are booked, not {booked()}", MOST_SECONDS)
    assert booked() == limit
    assert answered <= len(model_server.calls) <= limit < sent
    # Only those that were cut by a kill are unanswered.
    assert limit - answered <= KILLS * WRITERS
