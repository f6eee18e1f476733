"""Runs the samples of the documentation, those of each language against a gateway of their own.

A sample stands in a file for each language, `chat/first.py` and its like. What it prints is in `chat/first.expect`: a
regular expression in each line, which each language must print; `[sh py]` before one names the only languages that do.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from programs import REPOSITORY, Gateway

DOCS = REPOSITORY / "rest-edge" / "web" / "docs"
SAMPLES = DOCS / "samples"
LANGUAGES = ["sh", "py", "ts", "grpc.sh"]
NODE_CLIENTS = REPOSITORY / "tests" / "clients" / "node" / "node_modules"
TYPESCRIPT_CLIENT = REPOSITORY / "tests" / "clients" / "typescript"
TYPESCRIPT_MODULES = TYPESCRIPT_CLIENT / "node_modules"
TSCONFIG = {
    "compilerOptions": {
        "target": "es2022",
        "module": "nodenext",
        "strict": True,
        "noUnusedLocals": True,
        "rootDir": ".",
        "outDir": "build",
        "types": ["node"],
        "skipLibCheck": True,
    }
}
# What is about gRPC alone has no sample for curl.
WITHOUT_HTTP = {"grpc/errors", "grpc/stream", "grpc/who-am-i"}
# No sample takes a second of its own; what is left is for a machine that is busy.
SAMPLE_SECONDS = 60


@dataclass(frozen=True)
class Sample:
    """A sample in one language."""

    group: str  # As a page names it: `chat/first`.
    language: str

    @property
    def file(self):
        return SAMPLES / f"{self.group}.{self.language}"

    def __str__(self):
        return f"{self.group}.{self.language}"


def all_files():
    return sorted(path.relative_to(SAMPLES) for path in SAMPLES.rglob("*") if path.is_file())


def groups():
    """The names of all samples, whichever file of theirs there is."""
    return sorted({str(path.parent / path.name.partition(".")[0]) for path in all_files()})


def languages_of(group):
    return [language for language in LANGUAGES if not (language == "sh" and group in WITHOUT_HTTP)]


def samples():
    return [Sample(group, language) for group in groups() for language in languages_of(group)]


def expected(sample):
    """What the sample must print: a list of regular expressions."""
    patterns = []
    for line in (SAMPLES / f"{sample.group}.expect").read_text().splitlines():
        languages, pattern = re.fullmatch(r"(?:\[([a-z ]+)\] )?(.+)", line).groups()
        if languages is None or sample.language.partition(".")[0] in languages.split():
            patterns.append(pattern)
    return patterns


def run_all(language, samples, folder):
    """Runs the samples of a language one after the other, and gives for each the exit code and what it printed."""
    runners = {"sh": ShellRunner, "py": PythonRunner, "ts": TypeScriptRunner, "grpc.sh": GrpcRunner}
    gateway = Gateway(folder / "gateway", RATE_LIMIT_PER_SECOND=0)
    try:
        runner = runners[language](gateway, folder / "samples")
        return runner.run(samples)
    finally:
        gateway.stop()


class Runner:
    """Copies samples into one folder, with the addresses of the gateway put in, and runs them there."""

    suffix = ""

    def __init__(self, gateway, folder):
        self.gateway, self.folder = gateway, folder
        folder.mkdir()
        self.environment = {**os.environ, "TOKEN": gateway.token}

    def run(self, samples):
        for sample in samples:
            self.path(sample).write_text(self.text(sample))
        self.prepare()
        return {sample: self.call(*self.command(sample)) for sample in samples}

    def path(self, sample):
        return self.folder / f"{sample.group.replace('/', '-')}{self.suffix}"

    def text(self, sample):
        text = sample.file.read_text()
        for old, new in {"http://127.0.0.1:8080": self.gateway.http_url, "127.0.0.1:50051": self.gateway.grpc_address}.items():
            text = text.replace(old, new)
        return text

    def prepare(self):
        pass

    def command(self, sample):
        raise NotImplementedError

    def call(self, *command, folder=None):
        """Runs a command to its end. Both of its outputs count as printed: an error of buf is on the second."""
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder or self.folder,
            env=self.environment,
            timeout=SAMPLE_SECONDS,
        )
        return ran.returncode, ran.stdout

    def must(self, *command, folder=None):
        code, printed = self.call(*command, folder=folder)
        assert code == 0, printed


class ShellRunner(Runner):
    suffix = ".sh"

    def command(self, sample):
        return "bash", "-eu", self.path(sample)


class GrpcRunner(ShellRunner):
    def prepare(self):
        # Starts what is installed, as npx does, without npm, which would take most of the time.
        npx = self.folder / "bin" / "npx"
        npx.parent.mkdir()
        npx.write_text(f'#!/bin/sh\nprogram=$1\nshift\nexec "{NODE_CLIENTS}/.bin/$program" "$@"\n')
        npx.chmod(0o755)
        self.environment["PATH"] = f"{npx.parent}:{self.environment['PATH']}"


class PythonRunner(Runner):
    suffix = ".py"

    def prepare(self):
        self.must(sys.executable, Path(__file__).parent / "generate.py", self.folder / "generated")
        self.environment["PYTHONPATH"] = str(self.folder / "generated")

    def command(self, sample):
        return sys.executable, self.path(sample)


class TypeScriptRunner(Runner):
    """Type-checks all samples in one call, which also writes the JavaScript that is run."""

    suffix = ".ts"

    def prepare(self):
        modules = self.folder / "node_modules"
        modules.mkdir()
        (modules / "openai").symlink_to(NODE_CLIENTS / "openai")
        for name in ["@bufbuild", "@connectrpc", "@types"]:
            (modules / name).symlink_to(TYPESCRIPT_MODULES / name)
        (self.folder / "package.json").write_text('{"type": "module"}')
        (self.folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
        commands = TYPESCRIPT_MODULES / ".bin"
        self.environment["PATH"] = f"{commands}:{self.environment['PATH']}"
        self.must(commands / "buf", "generate", "--output", self.folder, folder=TYPESCRIPT_CLIENT)
        self.must(commands / "tsc")

    def command(self, sample):
        return "node", self.folder / "build" / self.path(sample).with_suffix(".js").name
