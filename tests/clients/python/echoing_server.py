"""A model server that fails in every way, and says in its errors all that it was sent: its key and the whole request."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

MODEL = "echoing"
# What the last message begins with chooses how the call goes; any other is answered.
FAILURES = {"fail-400": 400, "fail-401": 401, "fail-403": 403, "fail-404": 404, "fail-429": 429, "fail-500": 500}
OTHERS = ["garbage", "break", "inside", "late"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.write(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = request["messages"][-1]["content"]
        text = content if isinstance(content, str) else content[0].get("text", "")
        key = self.headers["authorization"].removeprefix("Bearer ")
        # First the key alone, since only the beginning of a long text goes any further.
        told = f"{key} is no good: Authorization: Bearer {key}; api_key={key}, you sent {json.dumps(request)}"
        error = {"error": {"message": told, "param": key, "code": key, "type": text}}
        kind = text.split(" ")[0]
        if kind in FAILURES:
            self.write(FAILURES[kind], error, {"x-key": key, "retry-after": "1"})
        elif kind == "garbage":
            self.write(200, told)
        elif kind == "inside":
            self.write(200, error)
        elif kind == "break":
            self.begin(200, {"content-length": "100000"})
            self.wfile.write(told.encode())
            self.close_connection = True
        elif request.get("stream"):
            self.stream(text, error if kind == "late" else None)
        else:
            message = {"role": "assistant", "content": f"Answer to {text}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.write(200, {"id": "x", "object": "chat.completion", "model": MODEL, "created": 1, "choices": [choice]})

    def stream(self, text, error):
        self.begin(200, {"content-type": "text/event-stream", "connection": "close"})
        self.close_connection = True
        deltas = [{"role": "assistant", "content": f"Answer to {text}"}, {}]
        for delta in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            chunk = error if error and not delta else {"id": "x", "object": "chat.completion.chunk", "choices": [choice]}
            self.wfile.write(b"data: %s\n\n" % json.dumps(chunk).encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def write(self, status, body, headers=None):
        data = json.dumps(body).encode()
        self.begin(status, {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})})
        self.wfile.write(data)

    def begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


class EchoingServer:
    """Serves in threads of its own."""

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base_url = "http://127.0.0.1:{}/v1".format(self.server.server_address[1])
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
