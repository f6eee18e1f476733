"""Storage that fails while the gateway runs: no turn is acknowledged that is not stored, and everything else goes on."""

import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from conversations import Account, Client, Refused
from mortal_gateway import check_database_file
from postgres import Postgres
from programs import BEARER, Gateway, wait_until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
# The contract's bound on the time from the database's return to the first turn.
MOST_SECONDS_TO_RECOVER = 2.0
OUTAGES = 10


def run_as_root(*command):
    """Some faults are root's to make."""
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), *map(str, command)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@contextmanager
def small_disk(size):
    """A file system of its own, in memory."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    run_as_root("mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", folder)
    try:
        yield folder
    finally:
        run_as_root("umount", "--lazy", folder)
        folder.rmdir()


def fill_disk(path):
    """Takes all the room that is left, and gives the file that does."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return path


class Bystander:
    """A user without history, to whom nothing may happen: chats from a thread of its own, until the end."""

    def __init__(self, gateway):
        self.client = Client(lambda: gateway.http_url)
        self.is_over = threading.Event()
        self.answered, self.failures = 0, []
        self.thread = threading.Thread(target=self.chat)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, failure, *_):
        self.is_over.set()
        self.thread.join()
        if failure is None:
            assert self.failures == [] and self.answered > 0

    def chat(self):
        while not self.is_over.is_set():
            try:
                self.client.say("a chat of its own", stream=self.answered % 2 == 0)
                self.answered += 1
            except Exception as failure:
                self.failures.append(repr(failure))

    def goes_on(self):
        """It is served now, not only before and after."""
        before = self.answered
        wait_until(lambda: self.answered > before + 2 or self.failures, "the chats go on")
        assert self.failures == []


@pytest.fixture
def serve(start, model_server):
    """Starts a gateway, and gives it with the account of a user of it."""

    def serve(database_url, **settings):
        gateway = start(
            Gateway,
            DATABASE_URL=database_url,
            UPSTREAM_BASE_URL=model_server.base_url(),
            RUST_API_BEARER=BEARER,
            RATE_LIMIT_PER_SECOND=0,
            **settings,
        )
        return gateway, Account(Client(lambda: gateway.http_url))

    return serve


def refusal_of(account, *arguments, **options):
    """The error that a turn ends with; None if it ends well."""
    try:
        account.turn(*arguments, **options)
        return None
    except Refused as refusal:
        return refusal


def check_that_storage_is_out(gateway, account, name, bystander=None):
    """Every kind of stateful call is refused in the way that the contract says."""
    for stream in (False, True):
        refusal = refusal_of(account, f"{name}, stream {stream}", stream=stream)
        assert refusal and (refusal.status, refusal.code) == (500, "storage_error"), refusal
    readiness = account.client.send("GET", "/readyz")
    assert (readiness[0], readiness[1]["status"]) == (200, "degraded"), readiness
    (part,) = [part for part in readiness[1]["parts"] if part["name"] == "storage"]
    assert not part["ok"] and part["error"]
    health = health_of(gateway)
    assert health["chatgateway.v1.ConversationService"] == NOT_SERVING
    assert health["chatgateway.v1.ChatService"] == SERVING
    if bystander:
        bystander.goes_on()


def health_of(gateway):
    services = ["chatgateway.v1.ConversationService", "chatgateway.v1.ChatService"]
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return {service: stub.Check(health_pb2.HealthCheckRequest(service=service)).status for service in services}


def check_that_it_recovers(gateway, account, name):
    """Turns work again, within the contract's time, and so does everything else."""
    begin = time.monotonic()
    tries = 0

    def works():
        nonlocal tries
        tries += 1
        return refusal_of(account, f"{name} again {tries}") is None

    wait_until(works, "turns work again", MOST_SECONDS_TO_RECOVER + 5)
    seconds = time.monotonic() - begin
    assert seconds <= MOST_SECONDS_TO_RECOVER, f"{seconds:.2f} s to the first turn"
    wait_until(lambda: health_of(gateway)["chatgateway.v1.ConversationService"] == SERVING, "health tells it")
    wait_until(lambda: account.client.get("/readyz")["status"] == "ok", "readiness tells it")
    return seconds


def fail_until_it_is_out(account, conversation_id, text):
    """Sends turns until one is refused: what a database has taken before may still have room for some."""
    number = 0

    def is_refused():
        nonlocal number
        number += 1
        refusal = refusal_of(account, f"{text} {number} " + "x" * 2000, conversation_id, stream=number % 2 == 0)
        if refusal:
            assert refusal.code == "storage_error" and refusal.status in (200, 500), refusal
        return refusal

    wait_until(is_refused, "a turn is refused", 30)


def test_a_full_disk(serve, model_server):
    with small_disk("2m") as disk:
        gateway, account = serve(f"sqlite:{disk}/gateway.db")
        try:
            conversation_id = account.turn("with room").conversation_id
            with Bystander(gateway) as bystander:
                ballast = fill_disk(disk / "ballast")
                fail_until_it_is_out(account, conversation_id, "without room")
                check_that_storage_is_out(gateway, account, "full", bystander)
                # What is there can be read.
                assert len(account.client.messages(conversation_id)) >= 2
                ballast.unlink()
                print(f"recovered in {check_that_it_recovers(gateway, account, 'with room'):.2f} s")
            assert account.check() == []
            gateway.stop()
            check_database_file(disk / "gateway.db", disk.parent)
        finally:
            gateway.kill()


def test_files_that_cannot_be_written(serve, tmp_path):
    """Not even by root, who may do what permissions forbid: they are made immutable.

    All but the index that SQLite maps into memory: there the kernel does not refuse a write, it ends the process.
    """
    folder = tmp_path / "database"
    gateway, account = serve(f"sqlite:{folder}/gateway.db")
    conversation_id = account.turn("writable").conversation_id
    immutable = [folder / "gateway.db", folder / "gateway.db-wal", folder]
    run_as_root("chattr", "+i", *immutable)
    try:
        with Bystander(gateway) as bystander:
            fail_until_it_is_out(account, conversation_id, "immutable")
            check_that_storage_is_out(gateway, account, "immutable", bystander)
            assert len(account.client.messages(conversation_id)) == 2
            run_as_root("chattr", "-i", *immutable)
            print(f"recovered in {check_that_it_recovers(gateway, account, 'writable'):.2f} s")
    finally:
        run_as_root("chattr", "-i", *immutable)
    assert account.check() == []
    gateway.stop()
    check_database_file(folder / "gateway.db", tmp_path)


def test_a_file_that_is_gone(serve, tmp_path):
    folder = tmp_path / "database"
    path = folder / "gateway.db"
    gateway, account = serve(f"sqlite:{path}")
    account.turn("while it was there")
    files = [folder / f"gateway.db{suffix}" for suffix in ("", "-wal", "-shm")]
    for file in files:
        file.unlink(missing_ok=True)
    with Bystander(gateway) as bystander:
        check_that_storage_is_out(gateway, account, "gone", bystander)
        # Nothing comes back by itself, also when the gateway has tried to.
        for number in range(10):
            refusal = refusal_of(account, f"still gone {number}")
            assert refusal and refusal.code == "storage_error"
    assert not path.exists()
    gateway.stop()
    assert not path.exists()
    check_that_none_starts(serve, path)
    assert not path.exists()


def check_that_none_starts(serve, path):
    """A gateway ends at once, and says which file is the reason."""
    with pytest.raises(AssertionError) as failure:
        serve(f"sqlite:{path}")
    message = str(failure.value)
    assert "chat-gateway ended with 1" in message and "panicked" not in message, message
    assert str(path) in message, message


def test_a_file_that_another_gateway_serves_from(serve, tmp_path):
    path = tmp_path / "gateway.db"
    gateway, account = serve(f"sqlite:{path}")
    account.turn("before the other one")
    check_that_none_starts(serve, path)
    account.turn("after the other one")
    assert account.check() == []
    # It frees the file however it ends.
    gateway.kill()
    gateway, account_after = serve(f"sqlite:{path}")
    account.client = account_after.client
    assert account.check() == []
    gateway.stop()


def test_a_postgres_that_comes_and_goes(serve):
    postgres = Postgres()
    try:
        gateway, account = serve(postgres.create_database("gateway"))
        conversation_id = account.turn("before").conversation_id
        seconds = []
        with Bystander(gateway) as bystander, Prober(gateway) as prober:
            for outage in range(OUTAGES):
                postgres.stop()
                check_that_storage_is_out(gateway, account, f"outage {outage}", bystander)
                postgres.start()
                seconds.append(check_that_it_recovers(gateway, account, f"outage {outage}"))
                account.turn(f"after outage {outage}", conversation_id)
        print("recovered in", ", ".join(f"{second:.2f}" for second in seconds), "s")
        # A valid token is never doubted, whatever fails.
        assert prober.answers <= {(200, None), (500, "storage_error")}, prober.answers
        assert account.check() == []
        gateway.stop()
    finally:
        postgres.close()


class Prober:
    """Reads what is stored, again and again, and notes how that ends."""

    def __init__(self, gateway):
        self.client = Client(lambda: gateway.http_url)
        self.is_over = threading.Event()
        self.answers = set()
        self.thread = threading.Thread(target=self.probe)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def probe(self):
        while not self.is_over.is_set():
            status, body, _ = self.client.send("GET", "/c1/conversations")
            self.answers.add((status, body["error"]["code"] if status != 200 else None))


def test_a_file_that_somebody_else_holds(serve, tmp_path):
    seconds = 3
    path = tmp_path / "gateway.db"
    gateway, account = serve(f"sqlite:{path}")
    conversation_id = account.turn("before").conversation_id
    with Bystander(gateway) as bystander, closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        turn = threading.Thread(target=account.turn, args=["meanwhile", conversation_id])
        turn.start()
        bystander.goes_on()
        time.sleep(max(0, seconds - (time.monotonic() - begin)))  # The fault lasts this long.
        holder.execute("ROLLBACK")
        turn.join()
        assert time.monotonic() - begin >= seconds
    assert account.turns["meanwhile"].is_acknowledged
    assert account.check() == []
    gateway.stop()
