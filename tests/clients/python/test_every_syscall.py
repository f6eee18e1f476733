"""A gateway on SQLite is killed at every single write to its database, from the first one on."""

import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from conversations import Account, Client, Cut
from mortal_gateway import check_database_file
from programs import BEARER, Gateway, wait_until

# All by which a file can be changed.
CALLS = [
    "pwrite64", "pwritev", "write", "writev", "fsync", "fdatasync", "ftruncate", "fallocate", "msync",
    "unlink", "unlinkat", "rename", "renameat2", "link", "linkat",
]  # fmt: skip
# The database's files, and the one that says that there is a database. Strace counts for each thread of its own, and
# each of the two is written by one thread.
DATABASE = ["", "-wal", "-shm", "-journal"]
MARKER = [".lock"]
# As many runs at once as tests/run can count on processors.
AT_ONCE = 2


class TracedGateway(Gateway):
    """A gateway whose calls that change some files are written to a log, and which dies of one of them."""

    def __init__(self, folder, files, death=None, **settings):
        self.calls = folder / "calls"
        # Not with --seccomp-bpf, by which strace 6.1 kills nothing. As a grandchild, so that the gateway is our own child and strace does not stand between.
        self.wrapper = ["strace", "-D", "-f", "-qq", "-o", self.calls, "-e", "signal=none"]
        self.wrapper += ["-e", f"trace={','.join(CALLS)}", *(f"-P{file}" for file in files)]
        if death:
            name, number = death
            self.wrapper += ["-e", f"inject={name}:signal=SIGKILL:when={number}"]
        super().__init__(folder, **settings)


def calls_in(log):
    """The calls in a log of strace, in their order, with the threads that made them."""
    calls, before = [], None
    for thread, text, name in re.findall(r"^(\d+) +((\w+)\(.*)$", log.read_text(), re.MULTILINE):
        # The call in which a process dies may be told twice, the second time as one of the process's first thread.
        if text != before or not text.endswith("<unfinished ...>"):
            calls.append((thread, name))
        before = text
    return calls


class Run:
    """One run of the script on a database of its own."""

    def __init__(self, folder, model_server, files):
        folder.mkdir()
        self.folder, self.database = folder, folder / "gateway.db"
        self.files = [f"{self.database}{suffix}" for suffix in files]
        self.settings = {
            "DATABASE_URL": f"sqlite:{self.database}",
            "UPSTREAM_BASE_URL": model_server.base_url(),
            "RUST_API_BEARER": BEARER,
            "RATE_LIMIT_PER_SECOND": 0,
        }
        self.account = Account(Client(lambda: self.gateway.http_url))

    def script(self):
        """Makes a conversation, goes on with it, makes another, and deletes that."""
        begun = self.account.turn("begins")
        self.account.turn("goes on", begun.conversation_id, stream=True)
        self.account.delete(self.account.turn("is deleted", stream=True).conversation_id)

    def trace(self, death=None):
        """Runs the script; gives all traced calls, and whether the gateway died of one."""
        log = self.folder / "traced" / "calls"
        try:
            self.gateway = TracedGateway(self.folder / "traced", self.files, death, **self.settings)
        except AssertionError as failure:
            assert death and "ended with -9" in str(failure), failure
            died = True
        else:
            try:
                self.script()
                died = False
            except Cut:
                died = True
            assert not died or self.gateway.wait() == -9
            self.gateway.kill()
        wait_until(lambda: self.is_whole(log, died), "strace has written its log")
        return calls_in(log), died

    def is_whole(self, log, died):
        """Strace is done when it has told the end of the thread that died in the call."""
        return log.exists() and (not died or "= ?" in log.read_text())

    def check(self):
        """A gateway that is started on what is left has kept every promise, and works."""
        self.gateway = Gateway(self.folder / "restarted", **self.settings)
        try:
            violations = self.account.check()
            # Whatever was going on, the conversation can be gone on with.
            begun = self.account.turns.get("begins")
            self.account.turn("after the end", begun and begun.conversation_id)
            violations += self.account.check()
        finally:
            self.gateway.kill()
        check_database_file(self.database, self.folder)
        return violations


def test_a_kill_at_every_write(tmp_path, model_server):
    begin = time.monotonic()
    points = []
    for part, files in [("database", DATABASE), ("marker", MARKER)]:
        run = Run(tmp_path / part, model_server, files)
        calls, died = run.trace()
        assert calls and not died and run.check() == []
        # Otherwise strace's own count is not that of all calls.
        assert len({thread for thread, _ in calls}) == 1, set(calls)
        names = [name for _, name in calls]
        # Some more, since a run may make a few calls more or less than another.
        points += [(part, files, name, number + 1) for name in set(names) for number in range(names.count(name) + 3)]

    def kill(point):
        part, files, name, number = point
        run = Run(tmp_path / f"{part}-{name}-{number}", model_server, files)
        calls, died = run.trace((name, number))
        if died:
            # It was this call, and no other: of the thread that died with it, since strace counts for each of its own.
            thread, last = calls[-1]
            counts = Counter(calls)
            assert last == name and counts[thread, name] == number, (point, calls[-1], counts)
        return died, point, run.check()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(kill, points))
    deaths = [point for died, point, _ in ended if died]
    print(f"{len(deaths)} points in {time.monotonic() - begin:.0f} s")
    assert [(point, violations) for _, point, violations in ended if violations] == []
    # For each call there was a run that had no more of them: none is left out.
    for part, name in {(part, name) for part, _, name, _ in points}:
        numbers = sorted(point[3] for point in deaths if (point[0], point[2]) == (part, name))
        assert numbers and numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) < sum((point[0], point[2]) == (part, name) for point in points), f"{part}, {name}"
