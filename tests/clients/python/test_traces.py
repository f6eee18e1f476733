"""Traces: one tree from the client to the model server and the tool, sent to a collector that notes it."""

import json
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from canaries import canary, found_in
from collector import Collector
from mcp_server import McpServer
from programs import BEARER, Core, Edge, Gateway
from test_mcp import APP, entry, write_config

MODEL = "traced"
KEY, PROMPT, ANSWER, ARGUMENT, HEADER = (canary(number) for number in range(100, 105))
SECRETS = {"key": KEY, "prompt": PROMPT, "answer": ANSWER, "argument": ARGUMENT, "header": HEADER, "token": BEARER}
TOOL = "memory_remember"
ROUTE = "/c1/chat"
RPC = "chatgateway.v1.ConversationService/CreateTurn"
CHAT, RUN = f"chat {MODEL}", f"execute_tool {TOOL}"


class ToolModel:
    """A model server that asks for a tool once, then answers; and notes the headers of each call."""

    def __enter__(self):
        self.heads = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.write(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                model.heads.append(dict(self.headers))
                last = request["messages"][-1]
                if "fail" in str(last["content"]):
                    self.write(500, {"error": {"message": f"{KEY} {PROMPT}"}})
                elif request.get("tools") and last["role"] == "user":
                    function = {"name": TOOL, "arguments": json.dumps({"key": "cat", "value": ARGUMENT, "visibility": "private"})}
                    call = {"id": "call_1", "index": 0, "type": "function", "function": function}
                    self.answer(request, {"role": "assistant", "tool_calls": [call]}, "tool_calls")
                else:
                    self.answer(request, {"role": "assistant", "content": ANSWER}, "stop")

            def answer(self, request, message, reason):
                usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
                base = {"id": "chatcmpl-traced", "created": 1, "model": MODEL, "usage": usage}
                if not request.get("stream"):
                    choice = {"index": 0, "message": message, "finish_reason": reason}
                    return self.write(200, {**base, "object": "chat.completion", "choices": [choice]})
                choice = {"index": 0, "delta": message, "finish_reason": reason}
                chunk = {**base, "object": "chat.completion.chunk", "choices": [choice]}
                self.write(200, b"data: %s\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode(), "text/event-stream")

            def write(self, status, body, kind="application/json"):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address, self.port = self.server.server_address
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}/v1"

    def parents(self):
        return [head.get("traceparent") for head in self.heads]


@pytest.fixture
def model():
    with ToolModel() as model:
        yield model


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


class Serving:
    """A gateway in one of its two forms, with these settings."""

    def __init__(self, start, form, model, **settings):
        of_core = {"UPSTREAM_BASE_URL": model.url, "UPSTREAM_API_KEY": KEY, "RUST_API_BEARER": BEARER}
        if form == "one process":
            gateway = start(Gateway, **of_core, **settings)
            self.http_url, self.programs = gateway.http_url, [gateway]
            self.services = ["chat-gateway"] * 2
        else:
            core = start(Core, **of_core, **settings)
            edge = start(Edge, CORE_URL=core.url, **settings)
            self.http_url, self.programs = edge.http_url, [core, edge]
            self.services = ["gateway-edge", "gateway-core"]

    def post(self, path, headers=None, **body):
        headers = {"authorization": f"Bearer {BEARER}", **(headers or {})}
        return requests.post(self.http_url + path, json={"model": MODEL, **body}, headers=headers, timeout=30)

    def turn(self, headers=None, message=PROMPT, **body):
        return self.post(ROUTE, headers, message=message, **body)

    def log(self):
        return "\n".join(program.log.read_text() for program in self.programs)


@pytest.fixture(params=["one process", "apart"])
def serve(request, start, model):
    return lambda **settings: Serving(start, request.param, model, **settings)


def traceparent(flags="01"):
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, f"00-{trace_id}-{span_id}-{flags}"


def one(spans, name):
    (span,) = [span for span in spans if span.name == name]
    return span


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_with_a_tool_is_one_trace(serve, collector, model, stream):
    serving = serve(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS=f"x-collector-key={HEADER}",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.namespace=a%2Cb",
        # Also what the libraries write of the way to the collector.
        RUST_LOG="trace",
    )
    trace_id, client, parent = traceparent()
    answer = serving.turn({"traceparent": parent, "tracestate": "vendor=1"}, stream=stream)
    assert answer.status_code == 200 and ANSWER in answer.text
    rpc_name = "chatgateway.v1.ConversationService/StreamTurn" if stream else RPC
    spans = collector.trace(trace_id, f"POST {ROUTE}", rpc_name, CHAT, CHAT, RUN)

    edge, rpc = one(spans, f"POST {ROUTE}"), one(spans, rpc_name)
    assert [edge.service, rpc.service] == serving.services
    assert (edge.kind, edge.parent, edge.scope, edge.has_failed) == ("SERVER", client, "gateway-edge", False)
    assert edge.trace_state == "vendor=1"
    assert edge.attributes == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    assert edge.resource["deployment.environment.name"] == "test"
    assert edge.resource["service.namespace"] == "a,b"

    assert (rpc.kind, rpc.parent, rpc.scope, rpc.has_failed) == ("SERVER", edge.id, "gateway-core", False)
    assert rpc.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": rpc_name,
        "rpc.response.status_code": "OK",
        "gen_ai.conversation.id": answer.headers["x-conversation-id"],
    }

    chats = [span for span in spans if span.name == CHAT]
    assert len(chats) == 2
    for chat, reason in zip(chats, ["tool_calls", "stop"]):
        assert (chat.kind, chat.parent, chat.has_failed) == ("CLIENT", rpc.id, False)
        streamed = {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"} if stream else set()
        assert {name: value for name, value in chat.attributes.items() if name not in streamed} == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "upstream",
            "gen_ai.request.model": MODEL,
            "gen_ai.response.id": "chatcmpl-traced",
            "gen_ai.response.finish_reasons": [reason],
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 3,
            "server.address": model.address,
            "server.port": model.port,
        }
        assert streamed <= chat.attributes.keys()
    # The model server goes on from the span of its own call, with what others keep in the trace.
    assert model.parents() == [f"00-{trace_id}-{chat.id}-01" for chat in chats]
    assert [head["tracestate"] for head in model.heads] == ["vendor=1"] * 2

    tool = one(spans, RUN)
    assert (tool.kind, tool.parent, tool.has_failed) == ("INTERNAL", rpc.id, False)
    assert tool.attributes == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": TOOL,
        "gen_ai.tool.call.id": "call_1",
    }
    assert chats[0].end <= tool.begin and tool.end <= chats[1].begin
    assert edge.begin <= rpc.begin and chats[1].end <= rpc.end
    assert len(spans) == 5

    assert collector.metadata[0]["x-collector-key"] == HEADER
    for program in serving.programs:
        program.stop()
    for data in collector.bytes:
        assert found_in(data.decode(errors="replace"), SECRETS) == {}
    assert found_in(serving.log(), SECRETS) == {}


def test_a_server_of_tools_goes_on_from_the_run_of_its_tool(start, collector, tmp_path):
    with McpServer(tmp_path / "kit") as kit:
        kit.start()
        settings = write_config(tmp_path, entry(kit.url, tmp_path, allow=["place"]))
        gateway = start(Gateway, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **settings)
        trace_id, _, parent = traceparent()
        body = {"name": "kit__place", "arguments": {}}
        headers = {**APP, "traceparent": parent, "tracestate": "vendor=1"}
        answer = requests.post(f"{gateway.http_url}/v1/tools/execute", json=body, headers=headers, timeout=30)
        run = one(collector.trace(trace_id, "execute_tool kit__place"), "execute_tool kit__place")
        assert f"00-{trace_id}-{run.id}-01" in answer.text and "vendor=1" in answer.text
        gateway.stop()


def test_what_fails_is_marked_in_the_trace_and_the_log_tells_which(serve, collector, model):
    serving = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    trace_id, _, parent = traceparent()
    answer = serving.turn({"traceparent": parent}, message=f"fail {PROMPT}")
    assert answer.status_code == 502, answer.text
    spans = collector.trace(trace_id, f"POST {ROUTE}", RPC, CHAT)
    edge, rpc, chat = one(spans, f"POST {ROUTE}"), one(spans, RPC), one(spans, CHAT)
    assert edge.has_failed and rpc.has_failed and chat.has_failed
    assert edge.attributes["http.response.status_code"] == 502
    assert edge.attributes["error.type"] == answer.json()["error"]["code"]
    assert rpc.attributes["error.type"] == rpc.attributes["rpc.response.status_code"]
    assert (chat.attributes["error.type"], chat.attributes["http.response.status_code"]) == ("refused", 500)
    failed = [json.loads(line) for line in serving.log().splitlines() if "failed" in line and "request_id" in line]
    assert {line["trace_id"] for line in failed} == {trace_id}

    # A refusal is the client's to mend, and no fault.
    trace_id, _, parent = traceparent()
    assert serving.post("/v1/chat/completions", {"traceparent": parent}, messages=[]).status_code == 400
    edge = one(collector.trace(trace_id, "POST /v1/chat/completions"), "POST /v1/chat/completions")
    assert (edge.has_failed, edge.attributes["http.response.status_code"]) == (False, 400)
    for program in serving.programs:
        program.stop()
    for data in collector.bytes:
        assert found_in(data.decode(errors="replace"), SECRETS) == {}


def test_a_trace_that_the_caller_does_not_keep_is_not_kept(serve, collector, model):
    serving = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    trace_id, _, parent = traceparent("00")
    assert serving.turn({"traceparent": parent}).status_code == 200
    assert all(told.startswith(f"00-{trace_id}-") and told.endswith("-00") for told in model.parents())
    model.heads.clear()

    # What is no traceparent counts for nothing: the trace begins here.
    bad = f"00-{secrets.token_hex(16).upper()}-{secrets.token_hex(8)}-01"
    assert serving.turn({"traceparent": bad, "tracestate": "vendor=1"}).status_code == 200
    _, begun, span_id, flags = model.parents()[0].split("-")
    assert begun.upper() not in bad and flags == "01"
    spans = collector.trace(begun, f"POST {ROUTE}", RPC, CHAT, CHAT, RUN)
    assert one(spans, f"POST {ROUTE}").parent == ""
    assert span_id in {span.id for span in spans}
    assert not any("tracestate" in head for head in model.heads)
    assert trace_id not in {span.trace_id for span in collector.spans}


@pytest.mark.parametrize("sampler, flags", [("always_off", "00"), ("traceidratio", "00"), ("parentbased_always_off", "01")])
def test_the_operator_chooses_what_is_kept(start, collector, model, sampler, flags):
    settings = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0"}
    serving = Serving(start, "one process", model, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.url, **settings)
    _, _, parent = traceparent("01")
    assert serving.turn({"traceparent": parent}).status_code == 200
    assert {told[-2:] for told in model.parents()} == {flags}
    serving.programs[0].stop()
    assert bool(collector.spans) == (flags == "01")


def test_without_a_collector_the_context_goes_through(serve, model):
    serving = serve()
    _, _, parent = traceparent()
    assert serving.turn({"traceparent": parent, "tracestate": "vendor=1,other=2"}).status_code == 200
    assert [(head["traceparent"], head["tracestate"]) for head in model.heads] == [(parent, "vendor=1,other=2")] * 2
    model.heads.clear()
    for headers in [{}, {"traceparent": f"{parent}-more"}, {"tracestate": "vendor=1"}]:
        assert serving.turn(headers).status_code == 200
    assert not any({"traceparent", "tracestate"} & head.keys() for head in model.heads)


def test_a_collector_that_is_not_there_costs_nothing(serve):
    # One that accepts and never answers is worse than none.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        serving = serve(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:{}".format(silent.getsockname()[1]))
        for _ in range(3):
            assert serving.turn().status_code == 200
        for program in reversed(serving.programs):
            begin = time.monotonic()
            program.stop()
            assert time.monotonic() - begin < 4
    assert "the last spans could not be sent" in serving.log()


def test_a_collector_that_refuses_is_told_of_once(serve):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    serving = serve(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    for _ in range(3):
        assert serving.turn().status_code == 200
    for program in serving.programs:
        program.find("spans could not be sent to the collector", program.log)
        begin = time.monotonic()
        program.stop()
        assert time.monotonic() - begin < 4
        assert program.log.read_text().count("could not be sent to the collector") == 1


@pytest.mark.parametrize(
    "name, value",
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", KEY),
        ("OTEL_RESOURCE_ATTRIBUTES", "nothing"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ],
)
@pytest.mark.parametrize("program, settings", [(Gateway, {}), (Core, {}), (Edge, {"CORE_URL": "http://127.0.0.1:1"})])
def test_a_bad_setting_stops_the_start_and_is_named(start, program, settings, name, value):
    with pytest.raises(AssertionError) as failure:
        start(program, **{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", **settings, name: value})
    assert name in str(failure.value)
    assert KEY not in str(failure.value)
