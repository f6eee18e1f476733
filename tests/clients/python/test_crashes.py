"""The gateway is killed at random moments while many write: what was acknowledged is there, whole and once.

GATEWAY_TEST_KILLS sets the number of kills on each database, GATEWAY_TEST_SEED repeats the choices of a run.
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from conversations import Account, Client, Cut, Refused, Violation
from lying_proxy import LyingProxy
from model_server import Behaviour
from mortal_gateway import MortalGateway

KILLS = int(os.environ.get("GATEWAY_TEST_KILLS", 100))
SEED = os.environ.get("GATEWAY_TEST_SEED") or str(random.randrange(10**9))
WRITERS = 8
# Histories stay short, so that the time goes into turns and not into reading old ones.
TURNS_OF_A_CONVERSATION = 20
# After so many kills everything is read back; in any case in the end.
KILLS_PER_CHECK = 20
# A kill comes at any moment within this time after the first answer of a round.
LONGEST_ROUND_SECONDS = 0.5
MOST_SECONDS_TO_READY = 5
PATIENCE_SECONDS = 60

# What a text may hold beside its number.
PASSAGES = ["", "für immer 🦀", "a\0b", "\u2028\u0085", '"quoted\\', "long " * 400]


class Driver:
    """Writers, and a gateway under them that is killed and started again."""

    def __init__(self, gateway, seed, proxy=None, kills_per_check=KILLS_PER_CHECK):
        self.gateway, self.seed, self.kills_per_check = gateway, seed, kills_per_check
        self.proxy = proxy(gateway.url) if proxy else None
        self.is_over, self.first_answer = threading.Event(), threading.Event()
        self.violations = []
        self.writers = [Writer(self, number) for number in range(WRITERS)]

    def url(self):
        return self.proxy.url if self.proxy else self.gateway.url()

    def run(self, kills):
        """Kills so many times; everything is read back in the end."""
        chance = random.Random(f"{self.seed} kills")
        self.gateway.begin()
        with ThreadPoolExecutor(WRITERS) as pool:
            try:
                writing = [pool.submit(writer.write) for writer in self.writers]
                for _ in range(kills):
                    self.wait_for_an_answer(writing)
                    time.sleep(chance.uniform(0, LONGEST_ROUND_SECONDS))  # The moment of the kill.
                    self.gateway.kill()
                    self.first_answer.clear()
                    self.gateway.begin()
            finally:
                self.is_over.set()
                self.gateway.is_up.set()
            for writer in writing:
                writer.result()
            list(pool.map(lambda writer: writer.go_on_everywhere(), self.writers))
            list(pool.map(lambda writer: writer.check(), self.writers))

    def wait_for_an_answer(self, writing):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.first_answer.wait(0.5):
            for writer in writing:
                if writer.done():
                    writer.result()
            assert time.monotonic() < deadline, f"no answer from start {self.gateway.starts}; violations: {self.violations}"

    def note(self, kind, detail):
        self.violations.append(Violation(kind, f"start {self.gateway.starts}: {detail}"))

    def report(self, kills):
        turns = [turn for writer in self.writers for turn in writer.account.turns.values()]
        seconds = sorted(self.gateway.seconds_to_ready) or [0]
        print(
            f"seed={self.seed} kills={kills} turns={len(turns)} acknowledged={sum(t.is_acknowledged for t in turns)}"
            f" violations={len(self.violations)}"
            f" ready_p50={seconds[len(seconds) // 2]:.3f}s ready_p99={seconds[int(len(seconds) * 0.99)]:.3f}s"
        )


class Writer:
    """One user, who says one thing after the other."""

    def __init__(self, driver, number):
        self.driver, self.number = driver, number
        self.chance = random.Random(f"{driver.seed} writer {number}")
        self.account = Account(Client(driver.url, f"writer-{number}"))
        self.conversation = None
        self.turns_there = 0
        # Conversations in which a turn was cut by a kill.
        self.cut = []
        self.checked = 0

    def write(self):
        while self.driver.gateway.is_up.wait(PATIENCE_SECONDS) and not self.driver.is_over.is_set():
            start = self.driver.gateway.starts
            try:
                if start - self.checked > self.driver.kills_per_check:
                    self.checked = start
                    self.check()
                self.say()
                if start == self.driver.gateway.starts:
                    self.driver.first_answer.set()
            except Cut as failure:
                if self.driver.gateway.killed < start:
                    self.driver.note("cut", f"nobody killed the gateway: {failure!r}")
                self.turn_was_cut()

    def say(self):
        text = f"{self.number}-{len(self.account.turns)} {self.chance.choice(PASSAGES)}"
        try:
            answer = self.account.turn(text, self.conversation, stream=self.chance.random() < 0.5)
        except Refused as refusal:
            # Whatever it is, nothing was wrong with the turn.
            self.driver.note("lost" if refusal.code == "conversation_not_found" else "refused", repr(refusal))
            self.conversation = None
            return
        self.turns_there = self.turns_there + 1 if self.conversation else 1
        is_full = self.turns_there >= TURNS_OF_A_CONVERSATION
        self.conversation = None if is_full else answer.conversation_id

    def turn_was_cut(self):
        if self.conversation and not self.driver.gateway.is_sqlite:
            # Another process might still hold it, so that it is closed for as long as the lease lasts.
            self.cut.append(self.conversation)
            self.conversation = None

    def go_on_everywhere(self):
        for self.conversation in self.cut:
            self.turns_there = 0
            self.say()

    def check(self):
        self.driver.violations += self.account.check()


def pace_of(text):
    """Some answers come at once, some take their time, so that a kill finds turns in every phase."""
    chance = random.Random(text)
    return Behaviour(wait=chance.choice([0, 0, 0.02]), pause=chance.choice([0, 0, 0.002, 0.01]))


def test_what_was_acknowledged_is_there_after_a_kill(start, tmp_path, database_url, model_server):
    model_server.behave = pace_of
    gateway = MortalGateway(start, tmp_path, database_url, model_server)
    driver = Driver(gateway, SEED)
    try:
        driver.run(KILLS)
    finally:
        driver.report(KILLS)
    assert driver.violations == []
    assert max(gateway.seconds_to_ready) < MOST_SECONDS_TO_READY
    gateway.stop()


def test_an_acknowledgement_before_the_commit_is_found(start, tmp_path, sqlite_url, model_server):
    """The same driver, and before the gateway a proxy that lies: the test above can fail."""
    most_kills = 5
    # An answer takes long enough for a lie to be told in the middle of it.
    model_server.behave = lambda _: Behaviour(pause=0.03)
    gateway = MortalGateway(start, tmp_path, sqlite_url, model_server)
    driver = Driver(gateway, SEED, proxy=LyingProxy, kills_per_check=1)
    with driver.proxy:
        driver.run(most_kills)
    driver.report(most_kills)
    assert driver.proxy.lies > 0
    assert {violation.kind for violation in driver.violations} >= {"lost"}
