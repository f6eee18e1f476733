"""Ten thousand things that are no credential, in the place of one, over both wires.

GATEWAY_TEST_SEED repeats the choices of a run.
"""

import base64
import hashlib
import os
import random
import socket
from collections import Counter
from urllib.parse import quote, urlsplit

import pytest

from programs import Gateway
from raw_http2 import RawHttp2
from wires import bearer, replace_file, secret_of, token, token_file

VALUES = 10_000
SEED = os.environ.get("GATEWAY_TEST_SEED") or str(random.randrange(10**9))
PLAIN, DIGESTED = secret_of("plain"), secret_of("digested")
DIGEST = hashlib.sha256(DIGESTED.encode()).hexdigest()
CALLS_OF_A_CONNECTION = 100
# What the gateway's HTTP takes at most of a head, on either port, with room for the rest of it.
LONGEST_OVER_HTTP, LONGEST_OVER_GRPC = 60_000, 15_000

SQL = ["' OR '1'='1", "'; DROP TABLE conversations; --", '" OR ""="', "1 UNION SELECT * FROM idempotency_keys", "\\'; --"]
TEXTS = ["", " ", "null", "undefined", "true", "0", "*", "%", "{}", "[]", "${jndi:ldap://x}", "{{7*7}}", "%00", "%s%n%x"]
TEXTS += ["../../auth/tokens.yaml", "file:///etc/passwd", "<script>", "$(id)", "`id`", "acme", "plain", "root", "bearer"]
SCHEMES = ["bearer", "BEARER", "bEARER", "Basic", "Digest", "Token", "ApiKey", "Bear", "Bearerer"]
SCHEMES += ["Bearer:", "Bearer=", "Bearer,", '"Bearer"']
LOOK_ALIKES = str.maketrans({"e": "е", "o": "о", "a": "а", "s": "ѕ", "-": "‐", "c": "с", "p": "р", "t": "ｔ"})


def bearer_of(text):
    return b"Bearer " + (text if isinstance(text, bytes) else text.encode())


def fixed_values():
    """What is worth trying by itself."""
    raw = bytes.fromhex(DIGEST)
    for secret in (PLAIN, DIGESTED):
        yield from (bearer_of(secret[:length]) for length in range(len(secret)))
        yield from (bearer_of(secret + chr(byte)) for byte in range(0x21, 0x7F))
        yield from (bearer_of(chr(byte) + secret) for byte in range(0x21, 0x7F))
        yield from (f"{scheme} {secret}".encode() for scheme in SCHEMES)
        yield from (text.encode() for text in (secret, f"Bearer{secret}", f"Bearer\t{secret}", f'"Bearer {secret}"'))
        # A header folded over two lines, as nobody may send one any more.
        yield from (f"Bearer\r\n {secret}".encode(), f"Bearer {secret[:9]}\r\n {secret[9:]}".encode())
        changed = [secret.upper(), secret.swapcase(), secret[::-1], f'"{secret}"', f"<{secret}>", secret.translate(LOOK_ALIKES)]
        changed += [f"Bearer {secret}", f"{secret}, {secret}", f"{secret},Bearer {secret}", f"{secret} {secret}"]
        changed += [secret.replace("-", "%2D"), base64.b64encode(secret.encode()), secret.encode("utf-16")]
        changed += [f"\u200b{secret}", f"{secret}\u200b", f"\ufeff{secret}"]
        changed += [f"{secret}\0", f"\0{secret}", secret.replace("-", "\0", 1), f"{secret}\x01", f"{secret}\x7f"]
        yield from map(bearer_of, changed)
    digests = [DIGEST, DIGEST.upper(), *(f"sha256:{digest}" for digest in (DIGEST, DIGEST.upper()))]
    for digest in [*digests, f"SHA256:{DIGEST}", f"sha256-{DIGEST}"]:
        yield from (bearer_of(digest), digest.encode(), bearer_of(hashlib.sha256(digest.encode()).hexdigest()))
    yield from map(bearer_of, (raw, base64.b64encode(raw), base64.urlsafe_b64encode(raw), quote(raw), b"sha256:" + raw))
    yield from (f"Bearer {' ' * count}".encode() for count in range(4))
    yield from (b"", b"Bearer", b"Bearer ", b"bearer ", b"\xff", b"Bearer \xff\xfe", b"Bearer \xc0\xaf", b"Bearer \xed\xa0\x80")
    for length in (511, 512, 513, 4096, 14_000, 15_500, 16_500, 59_000, 65_000, 66_000, 1 << 20, (1 << 20) + 1):
        yield from (bearer_of(b"x" * length), bearer_of(PLAIN.encode() + b"x" * length), b"x" * length)


def random_values(chance):
    """Without end: pieces of all that, put together by chance."""
    pieces = [*SQL, *TEXTS, *SCHEMES, PLAIN[:20], PLAIN[1:], DIGEST, f"sha256:{DIGEST}", "Bearer "]
    pieces = [piece.encode() for piece in pieces]
    every_byte = [bytes([byte]) for byte in range(256) if byte not in b"\r\n"]
    beyond_ascii = [bytes([byte]) for byte in range(0x80, 256)]
    while True:
        kind = chance.randrange(5)
        if kind == 0:
            yield bearer_of(b"".join(chance.choices(pieces, k=chance.randint(1, 4))))
        elif kind == 1:
            yield bearer_of(b"".join(chance.choices(beyond_ascii, k=chance.randint(1, 60))))
        elif kind == 2:
            yield b"".join(chance.choices(every_byte, k=chance.randint(1, 60)))
        elif kind == 3:
            # The good one with a single character changed.
            secret = bytearray(chance.choice((PLAIN, DIGESTED)).encode())
            secret[chance.randrange(len(secret))] ^= 1 << chance.randrange(7)
            yield bearer_of(bytes(secret))
        else:
            yield bearer_of("".join(chr(chance.randrange(0x20, 0x2FFF)) for _ in range(chance.randint(1, 40))))


def hostile_values():
    """All different, and none of them what a good client could mean."""
    values = dict.fromkeys(value for value in fixed_values() if is_hostile(value))
    for value in random_values(random.Random(SEED)):
        if len(values) == VALUES:
            return list(values)
        if is_hostile(value):
            values[value] = None


def is_hostile(value):
    """HTTP takes blanks around a value for nothing."""
    scheme, _, secret = value.strip(b" \t").partition(b" ")
    return scheme != b"Bearer" or secret.strip(b" ") not in (PLAIN.encode(), DIGESTED.encode())


def can_be_sent(value):
    """Whether it is a value of a header at all: without control characters."""
    return all(byte >= 0x20 and byte != 0x7F or byte == 0x09 for byte in value)


@pytest.fixture
def gateway(start, tmp_path):
    tokens = [token("plain", PLAIN), token("digested", {"digest": f"sha256:{DIGEST}"})]
    replace_file(tmp_path / "tokens.yaml", token_file(*tokens))
    return start(Gateway, TOKENS_FILE=tmp_path / "tokens.yaml")


BODY = b'{"model":"demo","messages":[{"role":"user","content":"x"}]}'
REQUESTS = [
    b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\nAuthorization: %s\r\n\r\n",
    b"GET /c1/conversations HTTP/1.1\r\nAuthorization: %s\r\nHost: gateway\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    b"Content-Length: 59\r\nAuthorization: %s\r\n\r\n" + BODY,
]
# None has a field that it needs, so that whoever is let in is told of that.
PATHS = [
    b"/chatgateway.v1.ModelService/ListModels",
    b"/chatgateway.v1.ConversationService/ListConversations",
    b"/chatgateway.v1.ChatService/CreateChatCompletion",
    b"/chatgateway.v1.ChatService/StreamChatCompletion",
    b"/chatgateway.v1.IdentityService/WhoAmI",
]


class RawHttp:
    """A connection on which requests are written as they are; made anew when the gateway ends it."""

    def __init__(self, gateway):
        url = urlsplit(gateway.http_url)
        self.address = url.hostname, url.port
        self.socket = None

    def ask(self, request):
        """The status of the answer, and its body."""
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=30)
            self.file = self.socket.makefile("rb")
        try:
            self.socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It was refused before its end; the answer is there to be read.
        line = self.file.readline()
        assert line.startswith(b"HTTP/1.1 "), f"no answer but {line!r} to {request[:200]!r}"
        length, is_closed = 0, False
        while header := self.file.readline().strip().lower():
            if header.startswith(b"content-length:"):
                length = int(header.split(b":")[1])
            is_closed |= header == b"connection: close"
        body = self.file.read(length)
        if is_closed:
            self.close()
        return int(line.split()[1]), body

    def close(self):
        self.file.close()
        self.socket.close()
        self.socket = None


def test_ten_thousand_hostile_values_over_http(gateway, wires):
    http, _ = wires(gateway)
    print(f"GATEWAY_TEST_SEED={SEED}")
    assert len(BODY) == 59
    raw, answers = RawHttp(gateway), Counter()
    for number, value in enumerate(hostile_values()):
        status, body = raw.ask(REQUESTS[number % len(REQUESTS)] % value)
        answers[status] += 1
        if can_be_sent(value) and len(value) <= LONGEST_OVER_HTTP:
            assert status == 401, f"{status} {body} to {value[:200]!r}"
            code = b"invalid_authorization"
            assert b'"code":"%s"' % code in body, f"{body} to {value[:200]!r}"
            # Not even a part of it comes back.
            assert len(value) < 16 or value not in body
        else:
            assert status in (400, 401, 431), f"{status} {body} to {value[:200]!r}"
        if number % 500 == 0:
            assert http.list_models(bearer(PLAIN)).is_admitted and http.list_models(bearer(DIGESTED)).is_admitted
    print(dict(answers))
    assert answers[401] > VALUES / 2 and answers[400] > 0 and answers[431] > 0
    check_that_it_serves(gateway, wires)


def test_ten_thousand_hostile_values_over_grpc(gateway, wires):
    print(f"GATEWAY_TEST_SEED={SEED}")
    values, answers = hostile_values(), Counter()
    is_http = {value: can_be_sent(value) and len(value) <= LONGEST_OVER_GRPC for value in values}
    # What HTTP forbids may end its connection, and comes alone.
    batches = [[value] for value in values if not is_http[value]]
    others = [value for value in values if is_http[value]]
    batches += [others[begin : begin + CALLS_OF_A_CONNECTION] for begin in range(0, len(others), CALLS_OF_A_CONNECTION)]
    for batch in batches:
        with RawHttp2(gateway.grpc_address) as raw:
            calls = {}
            for number, value in enumerate(batch):
                calls[raw.call(PATHS[number % len(PATHS)], [(b"authorization", value)])] = value
            outcomes = raw.outcomes()
        assert outcomes.keys() == calls.keys()
        for stream, value in calls.items():
            headers = outcomes[stream]
            answer = headers.get(b"grpc-status") or headers.get(b"reset") or headers[b":status"]
            answers[answer.decode()] += 1
            if is_http[value]:
                assert headers.get(b"grpc-status") == b"16", f"{headers} to {value[:200]!r}"
                assert len(value) < 16 or value not in headers[b"grpc-message"]
            else:
                assert answer in (b"16", b"stream", b"connection", b"431"), f"{headers} to {value[:200]!r}"
    print(dict(answers))
    assert answers["16"] > VALUES / 2 and sum(answers.values()) == VALUES
    check_that_it_serves(gateway, wires)


def test_more_than_one_credential(gateway, wires):
    """Whichever of them is good: it could be another one that somebody else looks at."""
    raw = RawHttp(gateway)
    bad = [PLAIN, DIGESTED, "unknown", ""]
    for second in bad:
        for pair in ((PLAIN, second), (second, PLAIN)):
            lines = "".join(f"Authorization: Bearer {secret}\r\n" for secret in pair)
            status, body = raw.ask(f"GET /v1/models HTTP/1.1\r\nHost: gateway\r\n{lines}\r\n".encode())
            assert status == 401 and b"invalid_authorization" in body, pair
            with RawHttp2(gateway.grpc_address) as connection:
                headers = [(b"authorization", f"Bearer {secret}".encode()) for secret in pair]
                stream = connection.call(PATHS[0], headers)
                assert connection.outcomes()[stream][b"grpc-status"] == b"16", pair
    check_that_it_serves(gateway, wires)


def check_that_it_serves(gateway, wires):
    """It is the same process, it has not panicked, and a good token is good."""
    for wire in wires(gateway):
        for secret in (PLAIN, DIGESTED):
            assert wire.list_models(bearer(secret)).is_admitted
        # The digest, once more, as a client of good manners would send it.
        for digest in (DIGEST, f"sha256:{DIGEST}"):
            assert wire.list_models(bearer(digest)).code == "invalid_authorization"
    log = gateway.log.read_text()
    assert "panic" not in log and '"level":"ERROR"' not in log
