"""Streams in numbers, against the gateway as a process: clients that leave at random moments, and clients that hardly read."""

import asyncio
import json
import random
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from programs import BEARER, Core, Edge, Gateway, wait_until

CLIENTS = 1000
AT_ONCE = 100
# The contract's bound on the time from a client's leaving to the end of the call upstream.
MOST_SECONDS = 1.0

READERS = 60
BYTES_PER_SECOND = 1024
READ_SECONDS = 5
MOST_BYTES_HELD = 256 * 1024


class ModelServer:
    """A model server that streams as it is told by the chat's text, and notes when calls end."""

    def __init__(self):
        self.open = set()
        self.ended = {}
        self.began = {}

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.base_url = "http://127.0.0.1:{}/v1".format(self.server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                if not head.startswith(b"POST"):
                    models = b'{"object":"list","data":[{"id":"m","object":"model"}]}'
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(models), models))
                    continue
                await self.stream(json.loads(body)["messages"][0]["content"], reader, writer)
                return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def stream(self, text, reader, writer):
        """Streams chunks without end; `text` names the call, the time to the head and the time between chunks."""
        name, wait, pause, size = text.split()
        self.open.add(name)
        self.began.setdefault(name, asyncio.Event()).set()
        gone = asyncio.ensure_future(reader.read(1))
        chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * int(size)}}]}).encode()
        try:
            await asyncio.wait([gone], timeout=float(wait))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            while not gone.done():
                writer.write(b"data: %s\n\n" % chunk)
                drained = asyncio.ensure_future(writer.drain())
                await asyncio.wait([gone, drained], return_when=asyncio.FIRST_COMPLETED)
                if float(pause):
                    await asyncio.wait([gone], timeout=float(pause))
        except ConnectionError:
            pass
        finally:
            self.open.discard(name)
            self.ended.setdefault(name, asyncio.get_running_loop().create_future()).set_result(
                asyncio.get_running_loop().time()
            )


def start_gateway(start, form, base_url):
    """The server to speak to, and all processes of the gateway."""
    if form == "one process":
        gateway = start(Gateway, UPSTREAM_BASE_URL=base_url, RUST_API_BEARER=BEARER, RATE_LIMIT_PER_SECOND=0)
        return gateway, [gateway]
    core = start(Core, UPSTREAM_BASE_URL=base_url, RATE_LIMIT_PER_SECOND=0)
    edge = start(Edge, CORE_URL=core.url)
    return edge, [edge, core]


async def connect(server, text, limit=2**16):
    """A connection on which a stream was asked for."""
    address = urlsplit(server.http_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=limit)
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]})
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {BEARER}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return reader, writer


def descriptors(processes):
    return sum(len(list(Path(f"/proc/{process.pid}/fd").iterdir())) for process in processes)


def memory(processes):
    """What the processes hold, in bytes."""
    sizes = [Path(f"/proc/{process.pid}/status").read_text() for process in processes]
    return sum(int(re.search(r"VmRSS:\s+(\d+) kB", size)[1]) for size in sizes) * 1024


@pytest.mark.parametrize("form", ["one process", "apart"])
def test_a_thousand_clients_leave_at_random_moments(start, form):
    late = []

    async def come_and_leave(server, upstream, number, slots):
        async with slots:
            chance = random.Random(number)
            # Before the head, before the first chunk is through, or in mid-stream.
            wait = chance.choice([0, 0, 0.05, 30])
            text = f"call-{number} {wait} {chance.choice([0.001, 0.01])} {chance.choice([1, 1000])}"
            upstream.ended[f"call-{number}"] = asyncio.get_running_loop().create_future()
            began = upstream.began.setdefault(f"call-{number}", asyncio.Event())
            reader, writer = await connect(server, text)
            await began.wait()
            if wait < 1:
                await reader.readexactly(chance.randrange(1, 400))
            if chance.random() < 0.5:
                writer.transport.abort()
            else:
                writer.close()
            left = asyncio.get_running_loop().time()
            ended = await asyncio.wait_for(upstream.ended[f"call-{number}"], 10)
            if ended - left > MOST_SECONDS:
                late.append((number, ended - left))

    async def run():
        async with ModelServer() as upstream:
            server, processes = await asyncio.to_thread(start_gateway, start, form, upstream.base_url)
            base = descriptors(processes)
            slots = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(come_and_leave(server, upstream, number, slots) for number in range(CLIENTS)))
            assert not upstream.open
            return base, processes

    base, processes = asyncio.run(run())
    assert late == []
    # What is kept for the next call is bounded; what belonged to the calls is given back.
    wait_until(lambda: descriptors(processes) <= base + 8, "descriptors are given back")
    # In good order, and without waiting for anything: nothing is in flight.
    for process in processes:
        process.stop()
        assert "cut" not in process.log.read_text()


@pytest.mark.parametrize("form", ["one process", "apart"])
def test_a_reader_of_one_kilobyte_a_second_fills_no_memory(start, form):
    async def read_slowly(reader):
        for _ in range(READ_SECONDS):
            assert await reader.read(BYTES_PER_SECOND)
            await asyncio.sleep(1)  # This is the speed that is tested, not a wait for something.

    async def run():
        async with ModelServer() as upstream:
            server, processes = await asyncio.to_thread(start_gateway, start, form, upstream.base_url)
            warm = [await connect(server, f"warm-{number} 0 0 1000", limit=4096) for number in range(4)]
            await asyncio.gather(*(reader.readexactly(100_000) for reader, _ in warm))
            for _, writer in warm:
                writer.transport.abort()
            before = memory(processes)
            readers = [await connect(server, f"slow-{number} 0 0 1000", limit=1024) for number in range(READERS)]
            await asyncio.gather(*(read_slowly(reader) for reader, _ in readers))
            held = (memory(processes) - before) / READERS
            for _, writer in readers:
                writer.transport.abort()
            return held

    held = asyncio.run(run())
    assert held <= MOST_BYTES_HELD, f"{held / 1024:.0f} KiB for each reader"
