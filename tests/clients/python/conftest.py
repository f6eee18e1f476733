"""What all tests share: running programs that end in good order."""

import itertools
import os
from types import SimpleNamespace

import httpx
import pytest

pytest.register_assert_rewrite("openai_client")

from model_server import ModelServer
from openai_client import client_of
from postgres import Postgres
from programs import Gateway

# Everything here is on this machine: a proxy that the environment may name has no part in it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """A gateway with nothing but the built-in demo, for all tests that leave it as it is."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    yield gateway
    gateway.stop()


@pytest.fixture
def start(tmp_path):
    """Starts programs for one test: `start(Gateway, MAX_BODY_BYTES=65536)`. Whatever still runs is ended after it."""
    started = []

    def start(program, folder="", **settings):
        started.append(program(tmp_path / (folder or f"{program.name}-{len(started)}"), **settings))
        return started[-1]

    yield start
    failures = []
    for program in reversed(started):
        if program.is_running():
            try:
                program.stop()
            except Exception as failure:  # The others must end all the same.
                failures.append(failure)
    assert not failures, failures


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for all tests that leave it as it is, with a database for each."""
    postgres = Postgres()
    yield postgres
    postgres.close()


database_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(postgres):
    """The DATABASE_URL of an empty database on PostgreSQL."""
    return postgres.create_database(f"test_{next(database_numbers)}")


@pytest.fixture
def sqlite_url(tmp_path):
    """The DATABASE_URL of a file that is not there yet."""
    return f"sqlite:{tmp_path / 'gateway.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """The DATABASE_URL of an empty database, on SQLite and on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def model_server():
    with ModelServer() as model_server:
        yield model_server


@pytest.fixture
def client(gateway):
    with client_of(gateway) as client:
        yield client


@pytest.fixture
def counted(gateway):
    """A client that retries as SDKs do by default, and the requests that it sent."""
    sent = []
    with httpx.Client(event_hooks={"request": [sent.append]}) as http_client:
        yield client_of(gateway, max_retries=2, http_client=http_client), sent


@pytest.fixture(scope="session")
def protos(tmp_path_factory):
    """Every message and stub of the contract under one name."""
    # The folders of the other OpenAI SDKs have no gRPC.
    from generated_client import generate

    modules = generate(tmp_path_factory.mktemp("generated"))
    return SimpleNamespace(**{name: value for module in modules.values() for name, value in vars(module).items()})


@pytest.fixture
def wires(protos):
    """Both ways to a gateway, which are closed after the test: `http, grpc = wires(gateway)`."""
    from wires import GrpcWire, HttpWire

    opened = []

    def wires(gateway):
        pair = HttpWire(gateway), GrpcWire(gateway, protos)
        opened.extend(pair)
        return pair

    yield wires
    for wire in opened:
        wire.close()
