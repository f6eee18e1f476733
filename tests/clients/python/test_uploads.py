"""Uploads that the gateway refuses: the client can read why, and the gateway does not choke on them."""

import json
import re
import select
import socket
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
import requests
import zstandard

from programs import Gateway

CHAT = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "packed"}]}).encode()
HUGE = 32 << 20
PIECE = 16 << 10
LIMIT = 1 << 20


def chunk(size):
    return b"%x\r\n%s\r\n" % (size, b" " * size)


# Ways to send a large body: a header, and what is sent after it again and again.
FRAMINGS = {
    "length": (f"Content-Length: {HUGE}", b" " * PIECE),
    "chunks": ("Transfer-Encoding: chunked", chunk(PIECE)),
    "small chunks": ("Transfer-Encoding: chunked", chunk(500)),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A gateway that takes bodies of up to 1 MiB."""
    gateway = Gateway(tmp_path_factory.mktemp("small"), MAX_BODY_BYTES=LIMIT)
    yield gateway
    gateway.stop()


def head(*lines, token=None):
    authorization = [f"Authorization: Bearer {token}"] if token else []
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: gateway", "Content-Type: application/json", *lines]
    return "\r\n".join([*lines, *authorization, "", ""]).encode()


def connect(gateway):
    url = urlsplit(gateway.http_url)
    return socket.create_connection((url.hostname, url.port), timeout=10)


def is_readable(connection, seconds):
    return bool(select.select([connection], [], [], seconds)[0])


def read_response(connection):
    """One response: status, headers in lower case, body as JSON."""
    file = connection.makefile("rb")
    status_line = file.readline()
    assert status_line.startswith(b"HTTP/1.1 "), f"no response, but {status_line!r}"
    status = int(status_line.split()[1])
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers["content-length"]))
    assert len(body) == int(headers["content-length"])
    return status, headers, json.loads(body)


def check(response, status, code):
    assert response[0] == status
    assert response[1]["x-error-code"] == response[2]["error"]["code"] == code


def post(gateway, body, **headers):
    headers = {
        "Authorization": f"Bearer {gateway.token}",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return requests.post(f"{gateway.http_url}/v1/chat/completions", data=body, headers=headers, timeout=60)


def check_answer(response, status, code):
    assert (response.status_code, response.headers["x-error-code"]) == (status, code)
    assert response.json()["error"]["code"] == code


# === without a token ===


def test_a_refusal_comes_before_the_body(gateway):
    """The answer is there after at most 64 KiB of 32 MiB."""
    with connect(gateway) as connection:
        connection.sendall(head(f"Content-Length: {HUGE}"))
        sent = 0
        # An answer to the head alone takes a moment; a quarter of a second for each piece is a slow upload.
        while sent < 64 << 10 and not is_readable(connection, 0.25):
            connection.sendall(b" " * PIECE)
            sent += PIECE
        assert is_readable(connection, 5), "no answer after 64 KiB"
        response = read_response(connection)
        check(response, 401, "missing_authorization")
        assert response[1]["www-authenticate"] == "Bearer"
        # Nothing else follows on this connection.
        assert connection.recv(1) == b""


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [256 << 10, HUGE])
def test_a_client_that_does_not_look_still_finds_the_refusal(gateway, framing, size):
    """As plain clients do, it sends what it has, or as much as is taken, and only then reads."""
    header, piece = FRAMINGS[framing]
    with connect(gateway) as connection:
        try:
            connection.sendall(head(header))
            for _ in range(0, size, len(piece)):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            assert size == HUGE, "an upload of this size is to be taken to its end"
        check(read_response(connection), 401, "missing_authorization")


@pytest.mark.parametrize("token", [None, "sk-not-the-key"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_requests_reads_the_refusal_of_a_huge_upload(gateway, token, is_chunked):
    body = (b" " * PIECE for _ in range(HUGE // PIECE)) if is_chunked else b" " * HUGE
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = requests.post(f"{gateway.http_url}/v1/chat/completions", data=body, headers=headers, timeout=30)
    check_answer(answer, 401, "invalid_authorization" if token else "missing_authorization")


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_nobody_is_asked_for_a_body_that_will_be_refused(gateway, framing):
    with connect(gateway) as connection:
        connection.sendall(head(FRAMINGS[framing][0], "Expect: 100-continue"))
        check(read_response(connection), 401, "missing_authorization")


# === too large ===


def test_a_welcome_body_is_asked_for(small):
    with connect(small) as connection:
        connection.sendall(head(f"Content-Length: {len(CHAT)}", "Expect: 100-continue", token=small.token))
        assert connection.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(CHAT)
        status, _, body = read_response(connection)
        assert (status, body["object"]) == (200, "chat.completion")


def test_a_too_large_body_is_not_asked_for(small):
    with connect(small) as connection:
        connection.sendall(head(f"Content-Length: {LIMIT + 1}", "Expect: 100-continue", token=small.token))
        check(read_response(connection), 413, "body_too_large")


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT, HUGE])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_requests_reads_the_refusal_of_a_too_large_body(small, size, is_chunked):
    body = b" " * size
    pieces = (body[start : start + PIECE] for start in range(0, size, PIECE))
    answer = post(small, pieces if is_chunked else body)
    check_answer(answer, 413, "body_too_large")
    assert answer.headers["x-should-retry"] == "false"
    assert str(LIMIT) in answer.json()["error"]["message"]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_that_does_not_look_finds_that_it_was_too_large(small, framing):
    header, piece = FRAMINGS[framing]
    # A length is refused at once, chunks when they are too many; half a MiB beyond that is always taken.
    size = (0 if framing == "length" else LIMIT) + (512 << 10)
    with connect(small) as connection:
        connection.sendall(head(header, token=small.token))
        for _ in range(0, size, len(piece)):
            connection.sendall(piece)
        check(read_response(connection), 413, "body_too_large")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_at_the_limit_is_taken(small, is_chunked):
    body = CHAT + b" " * (LIMIT - len(CHAT))
    answer = post(small, iter([body]) if is_chunked else body)
    assert (answer.status_code, len(body)) == (200, LIMIT)


def test_the_gateway_serves_on_after_all_that(small):
    assert post(small, CHAT).status_code == 200


# === packed ===


def gzip(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip, "br": brotli.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("encoding", PACKERS)
def test_packed_bodies(gateway, encoding):
    answer = post(gateway, PACKERS[encoding](CHAT), Content_Encoding=encoding)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"].endswith("You said: packed")


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_packed_body_is_counted_unpacked(small, encoding):
    at_limit = CHAT + b" " * (LIMIT - len(CHAT))
    assert post(small, PACKERS[encoding](at_limit), Content_Encoding=encoding).status_code == 200
    check_answer(post(small, PACKERS[encoding](at_limit + b" "), Content_Encoding=encoding), 413, "body_too_large")


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_body_that_is_not_packed_as_it_says(gateway, encoding):
    check_answer(post(gateway, CHAT, Content_Encoding=encoding), 400, "invalid_json")
    cut = PACKERS[encoding](CHAT)[:-5]
    check_answer(post(gateway, cut, Content_Encoding=encoding), 400, "invalid_json")


def test_an_unknown_packing(gateway):
    answer = post(gateway, CHAT, Content_Encoding="rot13")
    check_answer(answer, 400, "invalid_json")
    assert answer.json()["error"]["param"] == "headers.content-encoding"


def memory(gateway, line):
    """A figure of the process in bytes: VmRSS is the memory in use, VmHWM the most that ever was."""
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    return int(re.search(rf"^{line}:\s+(\d+) kB$", status, re.MULTILINE)[1]) << 10


def bomb_of_gzip():
    """1 GB of spaces in 1 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    spaces = b" " * (1 << 20)
    packed = b"".join(packer.compress(spaces) for _ in range(1000)) + packer.flush()
    assert len(packed) < 1.2e6
    return packed


def bomb_of_brotli():
    packer = brotli.Compressor(quality=1)
    spaces = b" " * (1 << 20)
    return b"".join(packer.process(spaces) for _ in range(1000)) + packer.finish()


def bomb_of_zstd():
    packer = zstandard.ZstdCompressor().compressobj()
    spaces = b" " * (1 << 20)
    return b"".join(packer.compress(spaces) for _ in range(1000)) + packer.flush()


BOMBS = {"gzip": bomb_of_gzip, "br": bomb_of_brotli, "zstd": bomb_of_zstd}


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_bomb_does_not_go_off(start, encoding):
    gateway = start(Gateway)
    packed = BOMBS[encoding]()
    before = memory(gateway, "VmRSS")
    check_answer(post(gateway, packed, Content_Encoding=encoding), 413, "body_too_large")
    assert memory(gateway, "VmHWM") - before < 300 << 20
    assert post(gateway, CHAT).status_code == 200


def test_a_million_brackets(gateway):
    begin = time.monotonic()
    answer = post(gateway, b"[" * 1_000_000)
    check_answer(answer, 400, "invalid_json")
    assert time.monotonic() - begin < 2
    in_a_member = b'{"model":"demo","messages":[],"x":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
    check_answer(post(gateway, in_a_member), 400, "invalid_json")
