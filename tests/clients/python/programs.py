"""Starts the gateway's own programs, waits until they serve, and ends them by their process id."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BIN_DIR = Path(os.environ.get("GATEWAY_BIN_DIR", REPOSITORY / "target" / "release")).resolve()
# Generous, since other work may keep the machine busy; nothing waits longer than it needs.
START_SECONDS = 30
END_SECONDS = 45

# A token for programs that are not allowed to make one up.
BEARER = "a-bearer-of-the-python-tests-with-48-characters-"


def wait_until(condition, what, seconds=10.0):
    """Asks again and again until the answer is truthy, and gives it back."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Program:
    """A running program of the gateway. Its settings are environment variables, and it inherits none."""

    name = ""
    defaults = {}
    # What the program is run by; it must become the program's own process in the end.
    wrapper = ()

    def __init__(self, folder, **settings):
        folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "METRICS_LISTEN": "127.0.0.1:0",
            "DRAIN_DELAY_SECS": "0",
            "LOG_FORMAT": "json",
            **self.defaults,
            **{name: str(value) for name, value in settings.items()},
        }
        self.folder = folder
        self.output, self.log = folder / f"{self.name}.out", folder / f"{self.name}.log"
        with self.output.open("wb") as output, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, BIN_DIR / self.name], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=log
            )
        try:
            self.wait_until_it_serves()
        except BaseException:
            self.kill()
            raise

    def wait_until_it_serves(self):
        raise NotImplementedError

    def find(self, pattern, file):
        """Waits until the program has written what the pattern describes, and gives its groups."""

        def match():
            text = file.read_text()
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.log.read_text()}")
            return re.search(pattern, text, re.MULTILINE)

        return wait_until(match, f"{pattern!r} in {file}", START_SECONDS).groups()

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process.poll() is None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        """Waits for the end and gives the exit code."""
        return self.process.wait(END_SECONDS)

    def stop(self):
        """Ends the program in good order; it must say that all went well."""
        if self.is_running():
            self.terminate()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert code == 0, f"{self.name} ended with {code}: {self.log.read_text()}"

    def kill(self):
        """Ends the program at once, as a crash would."""
        self.process.kill()
        self.process.wait()


class Gateway(Program):
    """`chat-gateway`: edge and core in one process."""

    name = "chat-gateway"
    defaults = {
        "HTTP_LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "DATA_DIR": "data",
        "RATE_LIMIT_PER_SECOND": "1000",
        "RATE_LIMIT_BURST": "1000",
    }

    def wait_until_it_serves(self):
        (self.curl_line,) = self.find(r"^ *(curl .*)$", self.output)
        (self.http_url,) = self.find(r"^ *HTTP +(\S+)$", self.output)
        (self.grpc_address,) = self.find(r"^ *gRPC +(\S+)$", self.output)
        (self.metrics_url,) = self.find(r"^ *metrics +(\S+)$", self.output)
        (self.token,) = self.find(r"^ *token +(\S.*)$", self.output)


class Core(Program):
    """`gateway-core`: the core as a process of its own."""

    name = "gateway-core"
    defaults = {
        "GRPC_LISTEN": "127.0.0.1:0",
        "DATA_DIR": "data",
        "RUST_API_BEARER": BEARER,
        "RATE_LIMIT_PER_SECOND": "1000",
        "RATE_LIMIT_BURST": "1000",
    }

    def wait_until_it_serves(self):
        (self.grpc_address,) = self.find(r'"message":"gRPC on ([^"]+)"', self.log)

    @property
    def url(self):
        """The address in the form that the edge's CORE_URL has."""
        return self.grpc_address if self.grpc_address.startswith("unix:") else f"http://{self.grpc_address}"


class Edge(Program):
    """`gateway-edge`: the edge as a process of its own."""

    name = "gateway-edge"
    defaults = {"HTTP_LISTEN": "127.0.0.1:0"}
    token = BEARER

    def wait_until_it_serves(self):
        (self.http_url,) = self.find(r'"message":"HTTP on ([^"]+)"', self.log)
