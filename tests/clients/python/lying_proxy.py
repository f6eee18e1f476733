"""A proxy that acknowledges what the gateway has not stored yet: the defect that the crash tests must find."""

import json
import re
import select
import socket
import threading
from urllib.parse import urlsplit

from model_server import MODEL, answer_to


class LyingProxy:
    """Sits before the gateway; `server` gives the URL of the one that serves now.

    With the first piece of a streamed answer it makes up the rest, and says that all went well.
    """

    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:{}".format(self.listener.getsockname()[1])
        self.lies = 0

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Closing alone does not wake up who accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        address = urlsplit(self.server())
        try:
            with client, socket.create_connection((address.hostname, address.port)) as gateway:
                request = self.read_request(client)
                gateway.sendall(request)
                body = request.partition(b"\r\n\r\n")[2]
                if body and json.loads(body).get("stream"):
                    self.lie(client, gateway, json.loads(body)["message"])
                else:
                    self.relay(client, gateway)
        except OSError:
            pass

    def read_request(self, client):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.receive(client)
        length = re.search(rb"(?i)^content-length: *(\d+)", data, re.MULTILINE)
        whole = data.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
        while len(data) < whole:
            data += self.receive(client)
        return data

    def receive(self, connection):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("closed")
        return data

    def relay(self, client, gateway):
        other = {client: gateway, gateway: client}
        while True:
            for ready in select.select(list(other), [], [])[0]:
                other[ready].sendall(self.receive(ready))

    def lie(self, client, gateway, text):
        answer = b""
        while not re.search(rb'"content": ?"[^"]', answer):
            try:
                answer += self.receive(gateway)
            except OSError:
                client.sendall(answer)
                raise
            if not answer.startswith(b"HTTP/1.1 200") and b"\r\n\r\n" in answer:
                client.sendall(answer)
                return self.relay(client, gateway)
        head = answer.partition(b"\r\n\r\n")[0]
        choice = {"index": 0, "delta": {"content": answer_to(text)}, "finish_reason": "stop"}
        chunk = {"id": "a-lie", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
        events = b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
        client.sendall(head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(events), events))
        self.lies += 1
        # To the gateway nothing has happened: somebody reads to the end.
        while not answer.endswith(b"0\r\n\r\n"):
            answer += self.receive(gateway)
