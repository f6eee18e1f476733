"""The Python client, as its one command generates it: the example and the constants against a real gateway."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from programs import Gateway

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, FOLDER / "generate.py", folder], check=True, timeout=60)
    return folder


@pytest.fixture
def run_example(generated):
    def run_example(gateway):
        environment = {"GATEWAY": gateway.grpc_address, "TOKEN": gateway.token, "PYTHONPATH": str(generated)}
        environment |= {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, FOLDER / "example.py"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run_example


def test_the_example_says_what_every_example_says(gateway, run_example):
    ran = run_example(gateway)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, (FOLDER.parent / "example.txt").read_text(), "")


def test_an_error_tells_its_code_and_when_to_come_back(start, run_example):
    ran = run_example(start(Gateway, RATE_LIMIT_BURST=1, RATE_LIMIT_PER_SECOND=0.1))
    assert ran.returncode == 1
    (delay,) = re.fullmatch(r"failed: rate_limit_exceeded retry in (\d+) ms\n", ran.stderr).groups()
    assert 0 < int(delay) <= 10_000


def test_the_constants_are_the_catalog(gateway, protos):
    # Imports what `protos` generated: two copies of the protos cannot be in one process.
    import gateway_errors
    from google.rpc import code_pb2

    served = httpx.get(f"{gateway.http_url}/errors").json()["entries"]
    generated = []
    for code in gateway_errors.CODES:
        spec = gateway_errors.spec(code)
        facts = {
            "code": gateway_errors.text(code),
            "type": protos.ErrorType.Name(spec.type).removeprefix("ERROR_TYPE_").lower(),
            "http_status": spec.http_status,
            "grpc_status": code_pb2.Code.Name(spec.grpc_code),
            "title": spec.title,
            "remediation": spec.remediation,
            "retryable": spec.retryable,
        }
        generated.append(facts)
    assert generated
    assert generated == [{name: entry[name] for name in generated[0]} for entry in served]


def test_a_code_that_is_newer_than_the_client_is_no_known_one(protos):
    import gateway_errors

    assert gateway_errors.code_of("FROM_THE_FUTURE") == protos.ERROR_CODE_UNSPECIFIED
    assert gateway_errors.code_of("INVALID_FIELD") == protos.ERROR_CODE_INVALID_FIELD
