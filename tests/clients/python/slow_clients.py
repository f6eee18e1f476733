"""Slow clients, in a process of their own, so that they slow nothing down but what they connect to."""

import asyncio
import random
import resource
import subprocess
import sys
from urllib.parse import urlsplit

# From so many addresses of this machine, since one has only so many ports.
ADDRESSES = 8
DRIBBLE_SECONDS = 2
END_SECONDS = 30

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class SlowClients:
    """So many of them on each port of a gateway, until this is left."""

    def __init__(self, gateway, http, grpc):
        self.arguments = [gateway.http_url, gateway.grpc_address, gateway.token, str(http), str(grpc)]

    def __enter__(self):
        command = [sys.executable, __file__, *self.arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(END_SECONDS)
        self.process.stdout.close()
        assert code == 0


def places_of(http_url, grpc_address):
    url = urlsplit(http_url)
    host, port = grpc_address.rsplit(":", 1)
    return (url.hostname, url.port), (host, int(port))


async def connect(place, number=0):
    return await asyncio.open_connection(*place, local_addr=(f"127.0.0.{number % ADDRESSES + 2}", 0))


def said_over_http(token):
    """What is said at once, and what byte by byte: nothing, half a head, a head, a value, or a body."""
    good = HEAD + f"Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n".encode()
    value = HEAD + b"Authorization: "
    return [(b"", b""), (HEAD[:40], b""), (HEAD[:1], HEAD[1:]), (value, b"B" * 200), (good, b" " * 200)]


SAID_OVER_GRPC = [(b"", b""), (PREFACE[:10], b""), (PREFACE[:1], PREFACE[1:]), (PREFACE, b""), (PREFACE, bytes(200))]


async def dribble(place, number, said, connected):
    """Comes back when it is sent away."""
    first, rest = said
    while True:
        writer = None
        try:
            reader, writer = await connect(place, number)
            connected.add(number)
            writer.write(first)
            gone = asyncio.ensure_future(reader.read())
            for byte in rest:
                # The pace of a slow client.
                done, _ = await asyncio.wait([gone], timeout=DRIBBLE_SECONDS * random.uniform(0.5, 1.5))
                if done:
                    break
                writer.write(bytes([byte]))
            await gone
        except ConnectionError:
            pass
        finally:
            if writer:
                writer.transport.abort()


async def main(http_url, grpc_address, token, http, grpc):
    places = places_of(http_url, grpc_address)
    connected = set()
    kinds = [said_over_http(token), SAID_OVER_GRPC]
    entries = [
        (place, said[number % len(said)])
        for place, said, count in zip(places, kinds, (http, grpc))
        for number in range(count)
    ]
    tasks = []
    for number, (place, said) in enumerate(entries):
        tasks.append(asyncio.ensure_future(dribble(place, number, said, connected)))
        # No more at once than wait to be accepted.
        while len(connected) + 200 < number:
            await asyncio.sleep(0.01)
    while len(connected) < len(entries):
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def allow_descriptors(needed):
    """As many files as that for this process and for those it starts; gives what was allowed before."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < needed:
        # Only root may go beyond; for anybody else it fails, and says so.
        hard = hard if hard == resource.RLIM_INFINITY else max(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return before


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
