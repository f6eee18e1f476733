"""Turns that are sent three times each under one key, while clients reset connections and the gateway is killed.

GATEWAY_TEST_SEED repeats the choices of a run.
"""

import json
import os
import queue
import random
import socket
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from conversations import Account, Client, Cut, Refused
from model_server import MODEL, Behaviour
from mortal_gateway import MortalGateway
from programs import wait_until

SEED = os.environ.get("GATEWAY_TEST_SEED") or str(random.randrange(10**9))
SENDS = 3
WORKERS = 8
# How long until a key is tried again whose first request still runs.
RETRY_SECONDS = 0.25
# On PostgreSQL a key that was in flight at a kill is closed for as long as its lease lasts: 30 s.
PATIENCE_SECONDS = 90
# A reset within as many bytes of an answer; some are longer, and some answers are shorter.
MOST_BYTES_READ = 2500


@dataclass
class Job:
    """A key and what is asked under it; its turn begins a conversation, or goes on with the one of the job before."""

    key: str
    text: str
    stream: bool
    chance: random.Random
    next: "Job | None" = None
    conversation_id: str | None = None
    sends: int = 0
    answers: list = field(default_factory=list)
    # The start of the gateway that gave the first answer.
    answered_in: int | None = None


class Keys:
    """Workers that take jobs in turn and send each until it was sent often enough, and answered."""

    def __init__(self, gateway, number, kills):
        self.gateway, self.number, self.kills = gateway, number, kills
        self.client = Client(gateway.url, "keeper-of-keys")
        self.account = Account(self.client)
        self.due = queue.PriorityQueue()
        self.done = []
        self.failures = []
        self.outcomes = Counter()
        self.lock = threading.Lock()
        chance = random.Random(f"{SEED} keys")
        for pair in range(number // 2):
            first, second = (
                Job(f"key-{n}", f"text {n}", chance.random() < 0.5, random.Random(f"{SEED} key {n}"))
                for n in (2 * pair, 2 * pair + 1)
            )
            first.next = second
            self.put(first)

    def put(self, job, seconds=0.0):
        self.due.put((time.monotonic() + seconds, job.key, job))

    def is_over(self):
        return len(self.done) == self.number or bool(self.failures)

    def work(self):
        while not self.is_over():
            try:
                due, _, job = self.due.get(timeout=0.1)
            except queue.Empty:
                continue
            time.sleep(max(0, due - time.monotonic()))
            assert self.gateway.is_up.wait(PATIENCE_SECONDS)
            try:
                self.send_some(job)
            except Exception as failure:
                self.failures.append(f"{job}: {failure!r}")
                raise

    def send_some(self, job):
        """Sends a key once, or several times at once."""
        at_once = job.chance.randint(1, max(1, SENDS - job.sends))
        with ThreadPoolExecutor(at_once) as pool:
            sendings = [
                pool.submit(self.send, job, random.Random(job.chance.random())) for _ in range(at_once)
            ]
        for sending in sendings:
            sending.result()
        job.sends += at_once
        if job.sends < SENDS or not job.answers:
            self.put(job, RETRY_SECONDS)
            return
        if job.next:
            job.next.conversation_id = job.answers[0].conversation_id
            self.put(job.next)
        self.done.append(job)

    def send(self, job, chance):
        start = self.gateway.starts
        fault = chance.choice(["none", "none", "request", "answer"])
        try:
            if fault == "none":
                self.take(job, start, self.account.turn(job.text, job.conversation_id, job.stream, job.key))
            else:
                self.send_and_reset(job, chance, in_request=fault == "request")
            outcome = f"{fault}: sent"
        except Cut as failure:
            outcome = f"{fault}: killed"
            if fault == "none":
                assert self.gateway.killed >= start, f"nobody killed the gateway: {failure!r}"
        except OSError:
            outcome = f"{fault}: killed"
        except Refused as refusal:
            assert (refusal.status, refusal.code) == (409, "idempotency_conflict"), refusal
            outcome = f"{fault}: conflict"
        with self.lock:
            self.outcomes[outcome] += 1

    def take(self, job, start, answer):
        with self.lock:
            job.answers.append(answer)
            if job.answered_in is None:
                # A gateway that began since then would have given a higher number.
                job.answered_in = max(start, self.gateway.starts)

    def send_and_reset(self, job, chance, in_request):
        """Leaves at some byte, without a farewell."""
        body = {"model": MODEL, "message": job.text, "stream": job.stream}
        if job.conversation_id:
            body["conversation_id"] = job.conversation_id
        body = json.dumps(body).encode()
        headers = {**self.client.headers, "Idempotency-Key": job.key, "Host": "x", "Content-Length": len(body)}
        lines = ["POST /c1/chat HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        # Whoever gets the answer to its end must not wait for another one.
        request = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body
        address = urlsplit(self.gateway.url())
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if in_request:
                connection.sendall(request[: chance.randrange(len(request))])
                return
            # The turn counts as sent, whether it will be stored or not.
            self.account.note(job.text, job.conversation_id)
            connection.sendall(request)
            left = chance.randrange(MOST_BYTES_READ)
            while left > 0 and (data := connection.recv(left)):
                left -= len(data)

    def run(self):
        chance = random.Random(f"{SEED} kills")
        self.gateway.begin()
        with ThreadPoolExecutor(WORKERS) as pool:
            working = [pool.submit(self.work) for _ in range(WORKERS)]
            try:
                for kill in range(self.kills):
                    goal = (kill + 1) * self.number * 9 // 10 // (self.kills + 1)
                    wait_until(lambda: len(self.done) >= goal or self.failures, f"{goal} keys", PATIENCE_SECONDS)
                    time.sleep(chance.uniform(0, 0.05))  # The moment of the kill.
                    self.gateway.kill()
                    self.gateway.begin()
                wait_until(self.is_over, f"all keys; {self.number - len(self.done)} are left", PATIENCE_SECONDS)
            except BaseException as failure:
                self.failures.append(repr(failure))
                self.gateway.is_up.set()
                raise
            finally:
                print(f"seed={SEED} keys={self.number} done={len(self.done)} {dict(self.outcomes)}")
            for worker in working:
                worker.result()


@pytest.mark.parametrize(
    "database_url, number, kills", [("sqlite", 1000, 20), ("postgres", 300, 10)], indirect=["database_url"]
)
def test_a_key_yields_one_turn(start, tmp_path, database_url, model_server, number, kills):
    # A call takes long enough to be in the way of a kill, a reset, or the same key.
    model_server.behave = lambda text: Behaviour(wait=random.Random(text).choice([0, 0.01, 0.03]), pause=0.001)
    gateway = MortalGateway(start, tmp_path, database_url, model_server)
    keys = Keys(gateway, number, kills)
    keys.run()

    # Every send of a key that was answered got the same answer.
    assert [job for job in keys.done if len(set(job.answers)) != 1] == []
    # One turn for each key, whole, and no others: a text that is there twice is a duplicate.
    assert keys.account.check() == []
    messages = sum(row["message_count"] for row in keys.client.conversations()[0])
    assert messages == 2 * number

    calls = Counter((call.text, int(call.prefix)) for call in model_server.calls)
    # One gateway calls once for a key, whatever clients do.
    assert [call for call, times in calls.items() if times != 1] == []
    # The next one calls again only if no answer was stored, which is so when somebody has seen one.
    answered_in = {job.text: job.answered_in for job in keys.done}
    assert [call for call in calls if call[1] > answered_in[call[0]]] == []
    asked_again = len(calls) - len(answered_in)
    print(f"model calls={len(calls)}, of which {asked_again} because of {kills} kills")
    assert {text for text, _ in calls} == set(answered_in)
    gateway.stop()
