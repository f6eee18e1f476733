"""A model server whose answers follow from what the user said last, and which notes every call."""

import asyncio
import hashlib
import json
import re
import threading
from dataclasses import dataclass

MODEL = "scripted"


def chunks_of(text):
    """The answer to a text, in the pieces in which it is streamed."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ["Answer", " für 🦀\u2028 ", *(digest[begin : begin + 16] for begin in range(0, 64, 16)), "\0 end"]


def answer_to(text):
    return "".join(chunks_of(text))


@dataclass
class Behaviour:
    """How one call goes, in seconds: until the answer begins, and before each chunk of a stream."""

    wait: float = 0
    pause: float = 0


@dataclass
class Call:
    """One call, as it came in."""

    # What the path begins with: tells the starts of a gateway apart.
    prefix: str
    # All that the user and the model said, in order; the last is what is to be answered.
    said: list
    # Whether the whole answer was written.
    is_answered: bool = False

    @property
    def text(self):
        return self.said[-1]


class ModelServer:
    """Serves in a thread of its own. `behave` tells from a text how the call goes."""

    def __init__(self, behave=lambda text: Behaviour()):
        self.behave = behave
        self.calls = []
        self.holds = {}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop)
        self.server = started.result()
        self.address = "127.0.0.1:{}".format(self.server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_):
        async def end():
            self.server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def base_url(self, prefix="start"):
        """The UPSTREAM_BASE_URL for a gateway, whose calls are noted with this prefix."""
        return f"http://{self.address}/{prefix}/v1"

    def calls_of(self, text):
        return [call for call in list(self.calls) if call.text == text]

    def hold(self, text):
        """Calls with this text are not answered until they are released."""
        self.holds[text] = asyncio.Event()

    def release(self, text):
        self.loop.call_soon_threadsafe(self.holds.pop(text).set)

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
                body = await reader.readexactly(int(length[1])) if length else b""
                method, path = head.decode().split(" ", 2)[:2]
                if method == "POST":
                    await self.answer(path, json.loads(body), writer)
                else:
                    self.write_whole(writer, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, path, request, writer):
        said = [message["content"] for message in request["messages"] if message["role"] in ("user", "assistant")]
        call = Call(prefix=path.split("/")[1], said=said)
        self.calls.append(call)
        behaviour = self.behave(call.text)
        if call.text in self.holds:
            await self.holds[call.text].wait()
        if behaviour.wait:
            await asyncio.sleep(behaviour.wait)
        if request.get("stream"):
            await self.stream(call, behaviour, writer)
        else:
            message = {"role": "assistant", "content": answer_to(call.text)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            self.write_whole(writer, {**BASE, "object": "chat.completion", "choices": [choice], "usage": usage})
        await writer.drain()
        call.is_answered = not writer.is_closing()

    async def stream(self, call, behaviour, writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in chunks_of(call.text)), {}]
        for delta in deltas:
            if behaviour.pause:
                await asyncio.sleep(behaviour.pause)
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            chunk = {**BASE, "object": "chat.completion.chunk", "choices": [choice]}
            self.write_chunk(writer, b"data: %s\n\n" % json.dumps(chunk).encode())
            await writer.drain()
        self.write_chunk(writer, b"data: [DONE]\n\n")
        self.write_chunk(writer, b"")

    def write_chunk(self, writer, data):
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def write_whole(self, writer, body):
        body = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


BASE = {"id": "chatcmpl-scripted", "created": 1700000000, "model": MODEL}
