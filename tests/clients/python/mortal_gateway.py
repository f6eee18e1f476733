"""A gateway that is killed and started again, always on the same database."""

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from conversations import Client
from programs import BEARER, Gateway


class MortalGateway:
    """The gateway that serves now; `starts` and `killed` count, so that one start can be told from the next."""

    def __init__(self, start, folder, database_url, model_server):
        self.start, self.folder, self.database_url, self.model_server = start, folder, database_url, model_server
        self.starts = self.killed = 0
        self.is_up = threading.Event()
        self.seconds_to_ready = []

    @property
    def is_sqlite(self):
        return self.database_url.startswith("sqlite:")

    def url(self):
        return self.process.http_url

    def begin(self):
        """Starts it, and waits until it has read from its database."""
        begin = time.monotonic()
        number = self.starts + 1
        self.process = self.start(
            Gateway,
            f"gateway-{number}",
            DATABASE_URL=self.database_url,
            DATA_DIR=self.folder / "data",
            # Tells the calls of one start from those of the next.
            UPSTREAM_BASE_URL=self.model_server.base_url(f"{number}"),
            RUST_API_BEARER=BEARER,
            RATE_LIMIT_PER_SECOND=0,
        )
        Client(self.url).get("/c1/conversations?limit=1")
        self.seconds_to_ready.append(time.monotonic() - begin)
        self.starts = number
        self.is_up.set()

    def kill(self):
        self.is_up.clear()
        self.killed = self.starts
        self.process.kill()
        self.check_file()

    def stop(self):
        self.is_up.clear()
        self.process.stop()
        self.check_file()

    def check_file(self):
        """Opens a copy of what the gateway left on SQLite, as the next one will."""
        if self.is_sqlite:
            check_database_file(self.database_url.removeprefix("sqlite:"), self.folder)


def check_database_file(path, folder):
    """Whether SQLite itself finds fault with a copy of a database that nobody uses now."""
    copy = Path(folder) / "copy.db"
    for suffix in ("", "-wal"):
        if os.path.exists(f"{path}{suffix}"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    for left in Path(folder).glob("copy.db*"):
        left.unlink()
