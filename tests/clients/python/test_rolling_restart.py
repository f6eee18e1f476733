"""Cores are replaced one after the other behind an edge and under load, as an upgrade does it: nobody notices."""

import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conversations import Account, Client
from model_server import Behaviour, answer_to
from programs import Core, Edge, wait_until

NAME = "cores"
WORKERS = 6
STREAMS = 8
# So many requests go well under each set of cores before the next one changes.
ROUND = 60
# The edge asks for the name every 5 s.
LOOKUP_SECONDS = 15


class Cores:
    """The cores behind one name, each at an address of its own, as the pods of a headless service are."""

    def __init__(self, start, hosts, **settings):
        self.start, self.hosts, self.settings = start, hosts, settings
        self.addresses = (f"127.0.0.{number}" for number in itertools.count(2))
        # The edge knows one port for all of them.
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.running = {}

    def add(self, model_server):
        address = next(self.addresses)
        self.running[address] = self.start(
            Core,
            folder=f"core-{address}",
            GRPC_LISTEN=f"{address}:{self.port}",
            UPSTREAM_BASE_URL=model_server.base_url(address),
            **self.settings,
        )
        self.tell()
        return address

    def end(self, address):
        """Asks a core to end, and takes it from the name, as Kubernetes does with a pod."""
        core = self.running.pop(address)
        core.terminate()
        self.tell()
        return core

    def tell(self):
        new = self.hosts.with_suffix(".new")
        new.write_text("".join(f"{address} {NAME}\n" for address in self.running))
        new.replace(self.hosts)


class Load:
    """Requests of all kinds, one after the other for each worker, none of which is sent twice."""

    def __init__(self, edge):
        self.accounts = [Account(Client(lambda: edge.http_url, user=f"worker-{number}")) for number in range(WORKERS)]
        self.done = 0
        self.errors = []
        self.is_over = threading.Event()
        self.pool = ThreadPoolExecutor(WORKERS)

    def __enter__(self):
        self.workers = [self.pool.submit(self.work, *each) for each in enumerate(self.accounts)]
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.pool.shutdown()
        for worker in self.workers:
            worker.result()

    def work(self, number, account):
        client, conversation_id = account.client, None
        for step in itertools.count():
            text = f"worker {number}, step {step}"
            for request in (
                lambda: client.get("/v1/models"),
                lambda: client.say(text),
                lambda: client.say(text, stream=True),
                lambda: account.turn(text, conversation_id, key=text.replace(" ", "-")),
            ):
                if self.is_over.is_set():
                    return
                try:
                    answer = request()
                    self.done += 1
                except Exception as error:  # Every one of them counts.
                    self.errors.append(f"{text}: {error!r}")
            conversation_id = answer.conversation_id

    def wait_for_more(self):
        begin = self.done
        wait_until(lambda: self.done > begin + ROUND or self.errors, "requests are answered", 60)


@pytest.fixture
def hosts(tmp_path):
    return tmp_path / "hosts"


def test_a_rolling_restart_fails_no_request_and_cuts_no_stream(start, hosts, postgres_url, model_server):
    model_server.behave = lambda text: Behaviour(pause=0.4) if text.startswith("long") else Behaviour(pause=0.005)
    cores = Cores(start, hosts, DATABASE_URL=postgres_url, RATE_LIMIT_PER_SECOND=0, DRAIN_DELAY_SECS=1)
    old = [cores.add(model_server), cores.add(model_server)]
    # The edge looks the name up in a file of the test's own.
    names = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": hosts}
    edge = start(Edge, CORE_URL=f"dns:///{NAME}:{cores.port}", **names)
    client = Client(lambda: edge.http_url)

    def served_by(address):
        return any(call.prefix == address for call in list(model_server.calls))

    with Load(edge) as load, ThreadPoolExecutor(STREAMS) as pool:
        load.wait_for_more()
        assert all(served_by(address) for address in old)
        for round, address in enumerate(old):
            texts = [f"long {round}.{number}" for number in range(STREAMS)]
            streams = [pool.submit(client.say, text, stream=True) for text in texts]
            wait_until(lambda: all(model_server.calls_of(text) for text in texts), "the streams have begun", 30)
            assert any(model_server.calls_of(text)[0].prefix == address for text in texts)
            core = cores.end(address)
            # It ends only once what it carries has ended.
            assert [stream.result().text for stream in streams] == [answer_to(text) for text in texts]
            assert core.wait() == 0
            assert "were cut" not in core.log.read_text()
            new = cores.add(model_server)
            wait_until(lambda: served_by(new), "the new core is asked", LOOKUP_SECONDS)
            load.wait_for_more()
    assert load.errors == []
    for account in load.accounts:
        assert account.check() == []
