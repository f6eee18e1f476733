"""A PostgreSQL server of the tests' own, run by tests/postgres."""

import os
import selectors
import shutil
import subprocess
import tempfile
from pathlib import Path

from programs import END_SECONDS, REPOSITORY

SCRIPT = REPOSITORY / "tests" / "postgres"
START_SECONDS = 90


class Postgres:
    """A server on a Unix socket. It ends with this process, in whatever way that ends."""

    def __init__(self, *settings):
        """Starts a server; a setting is `name=value`, as in postgresql.conf."""
        self.settings = settings
        # The path of a socket must be short, and open to the server's user, which pytest's own folders are not.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.process = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        """Starts the server and waits until it accepts connections."""
        arguments = [argument for setting in self.settings for argument in ("-c", setting)]
        self.process = subprocess.Popen(
            [SCRIPT, self.folder, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(START_SECONDS) else b""
        if not line.startswith(b"ready "):
            self.process.stdin.close()
            raise AssertionError(f"PostgreSQL did not start: {self.process.stderr.read().decode()}")

    def stop(self):
        """Stops the server, and whatever is connected to it; what it holds stays."""
        self.process.stdin.close()
        code = self.process.wait(END_SECONDS)
        assert code == 0, f"tests/postgres ended with {code}: {self.process.stderr.read().decode()}"
        self.process.stdout.close()
        self.process.stderr.close()

    def restart(self):
        self.stop()
        self.start()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Stops the server for good and removes what it held."""
        if self.is_running():
            self.stop()
        shutil.rmtree(self.folder)

    def url(self, database):
        """The gateway's DATABASE_URL for a database of this server."""
        return f"postgres:///{database}?host={self.folder}&user=postgres"

    def create_database(self, name):
        """Makes an empty database and gives its DATABASE_URL."""
        self.psql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def psql(self, sql, database="postgres"):
        """Runs SQL and gives what it yields: a line for each row, `|` between the columns."""
        command = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        command += [f"--host={self.folder}", "--username=postgres", f"--dbname={database}", f"--command={sql}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        answer = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert answer.returncode == 0, f"psql: {answer.stderr}"
        return answer.stdout.removesuffix("\n")
