"""The PostgreSQL server of the tests: it keeps what it holds, and nothing of it outlives who started it."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postgres import SCRIPT, Postgres
from programs import wait_until

# A program that starts a server, says where it is, and waits for its end.
STARTER = """
import signal
from postgres import Postgres

postgres = Postgres()
print(postgres.folder, flush=True)
signal.pause()
"""


def processes_in(folder):
    """The processes that work in the folder: those of its server."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                found.append(int(process.name))
        except OSError:  # It has ended, or is none of ours.
            pass
    return found


def check_that_it_is_gone(folder):
    wait_until(lambda: not processes_in(folder), "no process of the server is left")


@pytest.fixture
def server():
    servers = []

    def server(*settings):
        servers.append(Postgres(*settings))
        return servers[-1]

    yield server
    for started in servers:
        started.close()


def test_what_it_holds_outlives_it(server):
    postgres = server()
    postgres.create_database("kept")
    postgres.psql("CREATE TABLE word (text text)", "kept")
    postgres.psql("INSERT INTO word VALUES ('für'), ('immer')", "kept")
    for _ in range(3):
        postgres.restart()
    assert postgres.psql("SELECT text FROM word ORDER BY text", "kept") == "für\nimmer"
    assert postgres.psql("SHOW server_encoding") == "UTF8"
    postgres.stop()
    check_that_it_is_gone(postgres.folder)


def test_settings(server):
    postgres = server("max_connections=23")
    shown = [postgres.psql(f"SHOW {name}") for name in ("max_connections", "listen_addresses", "fsync")]
    assert shown == ["23", "", "off"]


def test_three_at_once():
    with ThreadPoolExecutor(3) as pool:
        servers = [started.result() for started in [pool.submit(Postgres) for _ in range(3)]]
    try:
        folders = {server.psql("SHOW data_directory") for server in servers}
        assert folders == {f"{server.folder}/data" for server in servers}
    finally:
        for server in servers:
            server.close()


def test_it_ends_with_who_started_it():
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True
    )
    with starter:
        folder = Path(starter.stdout.readline().strip())
        assert processes_in(folder)
        starter.kill()
    check_that_it_is_gone(folder)
    subprocess.run(["rm", "-r", folder], check=True)


def test_it_ends_with_its_script(server):
    postgres = server()
    postgres.process.send_signal(signal.SIGKILL)
    postgres.process.wait()
    check_that_it_is_gone(postgres.folder)
    postgres.start()


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "precious").touch()
    before = tmp_path.stat()
    answer = subprocess.run([SCRIPT, tmp_path], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"tests/postgres: {tmp_path} holds something else already\n"
    assert tmp_path.stat() == before


def test_a_path_that_is_too_long_for_a_socket(tmp_path):
    folder = tmp_path / ("x" * 120)
    answer = subprocess.run([SCRIPT, folder], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (1, "", 1)
    assert "is too long: a socket in it must not exceed 107 bytes" in answer.stderr
