"""Gateways that share one PostgreSQL: the turns of a conversation stay in one order, whichever of them they came to."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conversations import Account, Client, Refused
from model_server import Behaviour, answer_to
from programs import BEARER, Gateway, wait_until

TURNS = 64
# The lease of a turn is 30 s; so is the longest time that a turn waits for those before it.
LEASE_SECONDS = 30
MOST_SECONDS = LEASE_SECONDS + 15


@pytest.fixture
def replica(start, postgres_url, model_server):
    """Starts a gateway on the database that all of them share."""

    def replica():
        return start(
            Gateway,
            DATABASE_URL=postgres_url,
            UPSTREAM_BASE_URL=model_server.base_url(),
            RUST_API_BEARER=BEARER,
            RATE_LIMIT_PER_SECOND=0,
        )

    return replica


def client_of(gateway):
    return Client(lambda: gateway.http_url)


def texts_of(client, conversation_id):
    """What was said in a conversation, in order."""
    return [message["content"] for message in client.messages(conversation_id)]


def test_each_turn_sees_all_earlier_ones(replica, model_server):
    model_server.behave = lambda _: Behaviour(wait=0.01, pause=0.001)
    clients = [client_of(replica()), client_of(replica())]
    account = Account(clients[0])
    first = account.turn("the first turn")
    texts = [f"turn {number}" for number in range(TURNS)]
    everyone_is_here = threading.Barrier(TURNS)

    def say(number):
        everyone_is_here.wait()
        return clients[number % 2].turn(texts[number], first.conversation_id, stream=number % 4 < 2)

    with ThreadPoolExecutor(TURNS) as pool:
        answers = list(pool.map(say, range(TURNS)))
    assert {answer.conversation_id for answer in answers} == {first.conversation_id}
    assert [answer.text for answer in answers] == [answer_to(text) for text in texts]

    said = texts_of(clients[0], first.conversation_id)
    assert said == texts_of(clients[1], first.conversation_id)
    questions = said[::2]
    assert questions[0] == "the first turn" and sorted(questions[1:]) == sorted(texts)
    assert said[1::2] == [answer_to(text) for text in questions]
    # To the model each of them came once, after all that came before it.
    assert len(model_server.calls) == TURNS + 1
    for call in model_server.calls:
        assert call.said == said[: said.index(call.text) + 1]

    for text in questions:
        account.note(text, first.conversation_id).is_acknowledged = True
    account.turns = {text: account.turns[text] for text in questions}
    assert account.check() == []


def test_a_gateway_that_dies_in_mid_turn_blocks_its_conversation_no_longer_than_its_lease(replica, model_server):
    """And one that lives keeps its conversation for as long as its turn takes, by renewing the lease."""
    dying, living, other = replica(), replica(), replica()
    clients = {gateway: client_of(gateway) for gateway in (dying, living, other)}
    orphan = clients[dying].turn("begins what is orphaned").conversation_id
    kept = clients[living].turn("begins what is kept").conversation_id
    for text in ("hangs and dies", "hangs and lives"):
        model_server.hold(text)

    with ThreadPoolExecutor() as pool:
        cut = pool.submit(clients[dying].turn, "hangs and dies", orphan, stream=True)
        slow = pool.submit(clients[living].turn, "hangs and lives", kept)
        for text in ("hangs and dies", "hangs and lives"):
            wait_until(lambda: model_server.calls_of(text), f"the model is asked: {text}")
        dying.kill()
        begin = time.monotonic()
        assert cut.exception() is not None

        def say_until_it_is_let_in():
            while True:
                try:
                    return clients[other].turn("after the orphan", orphan), time.monotonic() - begin
                except Refused as refusal:
                    assert (refusal.status, refusal.code) == (503, "overloaded"), refusal
                    assert time.monotonic() - begin < MOST_SECONDS

        after = pool.submit(say_until_it_is_let_in)
        too_early = pool.submit(clients[other].turn, "waits in vain", kept)
        # Nobody else waits for any of them.
        assert clients[other].turn("in between").text == answer_to("in between")

        answer, seconds = after.result()
        assert answer.text == answer_to("after the orphan")
        assert seconds < MOST_SECONDS
        refusal = too_early.exception()
        assert isinstance(refusal, Refused) and (refusal.status, refusal.code) == (503, "overloaded")
        assert not model_server.calls_of("waits in vain")
        # By now more than a lease has passed since this turn began.
        wait_until(lambda: time.monotonic() - begin > LEASE_SECONDS + 1, "the time of a lease", MOST_SECONDS)
        assert not slow.done()
        model_server.release("hangs and lives")
        assert slow.result().text == answer_to("hangs and lives")

    model_server.release("hangs and dies")
    begun = "begins what is orphaned"
    assert texts_of(clients[other], orphan) == [
        begun, answer_to(begun), "after the orphan", answer_to("after the orphan")
    ]  # fmt: skip
    begun = "begins what is kept"
    assert texts_of(clients[other], kept) == [
        begun, answer_to(begun), "hangs and lives", answer_to("hangs and lives")
    ]  # fmt: skip
    # What was cut was not shown to the model either.
    (call,) = model_server.calls_of("after the orphan")
    assert "hangs and dies" not in call.said
