"""Metrics as a real Prometheus scrapes them: every query of the dashboard and of the alerts finds something, the alerts fire
when they should and not otherwise, and nothing that a caller sends makes one series more."""

import http.client
import json
import re
import signal
import urllib.error
import urllib.parse
import urllib.request
import uuid

import grpc
import pytest

from deploy_samples import DEPLOY
from programs import BEARER, Core, Edge, Gateway, wait_until
from prometheus_server import ALERTS, Prometheus, alerts, exposition, in_dashboard, panels, promtool, selectors
from test_reload import metric

# So many rounds of requests with values of their own, a dozen in each.
HOSTILE = 150

MODELS = """
upstreams:
  good: {{base_url: "{good}"}}
  dead: {{base_url: "http://127.0.0.1:9/v1", breaker: {{failures: 2, open_secs: 1}}}}
models:
  - {{alias: demo, upstream: demo}}
  - alias: priced
    tiers: [[{{upstream: dead, upstream_model: scripted}}], [{{upstream: good, upstream_model: scripted}}]]
    prices: {{input_per_million_usd: 10, output_per_million_usd: 30}}
  - {{alias: limited, upstream: demo}}
"""
BUDGETS = "budgets: [{name: little, models: [limited], window: month, requests: 1}]\n"
TOOLS = 'mcp_servers: [{name: gone, url: "http://127.0.0.1:9/mcp", allow: ["*"]}]\n'


class Serving:
    """One form of the gateway, with something behind every metric."""

    def __init__(self, http_url, grpc_address, metrics_urls, processes):
        self.http_url, self.grpc_address = http_url, grpc_address
        self.metrics_urls, self.processes = metrics_urls, processes

    def ask(self, method, path, body=None, headers=None, token=BEARER):
        """The status and the bytes of an answer."""
        headers = {"authorization": f"Bearer {token}", **(headers or {})}
        request = urllib.request.Request(self.http_url + path, method=method, headers=headers)
        if body is not None:
            request.add_header("content-type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def chat(self, model, text="Hello", **more):
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self.ask("POST", "/v1/chat/completions", body)

    def drive(self):
        """One of everything."""
        assert self.ask("GET", "/healthz")[0] == 200
        assert self.chat("demo")[0] == 200
        assert self.chat("demo", stream=True, stream_options={"include_usage": True})[0] == 200
        # The first server is not there.
        for _ in range(3):
            assert self.chat("priced")[0] == 200
            assert self.chat("priced", stream=True)[0] == 200
        assert self.chat("nothing")[0] == 400
        self.chat("limited")
        assert self.chat("limited")[0] == 429
        assert self.ask("GET", "/nothing")[0] == 404
        assert self.ask("GET", "/v1/models", token="wrong-" * 8)[0] == 401
        body = {"model": "demo", "message": "Please remember that my cat is called Mia"}
        assert self.ask("POST", "/c1/chat", body)[0] == 200
        assert self.ask("GET", "/v1/memory?visibility=private")[0] == 200
        assert self.ask("GET", "/c1/conversations")[0] == 200
        for process in self.processes:
            if process.name != "gateway-edge":
                process.process.send_signal(signal.SIGHUP)

    def series(self):
        """The names and labels of all series."""
        lines = "\n".join(exposition(url) for url in self.metrics_urls).splitlines()
        return {line.rsplit(" ", 1)[0] for line in lines if line and not line.startswith("#")}


def core_settings(folder, good):
    folder.mkdir()
    files = {"MODELS_FILE": MODELS.format(good=good), "BUDGETS_FILE": BUDGETS, "TOOLS_FILE": TOOLS}
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in files} | {"RUST_API_BEARER": BEARER}


@pytest.fixture(scope="module")
def servings(tmp_path_factory):
    """Both forms of the gateway: in one process, and edge and core apart."""
    from model_server import ModelServer

    folder, started = tmp_path_factory.mktemp("metrics"), []

    def start(program, name, **settings):
        started.append(program(folder / name, **settings))
        return started[-1]

    def metrics_of(process):
        return process.find(r'"message":"metrics on ([^"]+)"', process.log)[0]

    with ModelServer() as model_server:
        whole = start(Gateway, "one", **core_settings(folder / "files-one", model_server.base_url()))
        core = start(Core, "core", **core_settings(folder / "files-core", model_server.base_url()))
        edge = start(Edge, "edge", CORE_URL=core.url)
        yield {
            "one": Serving(whole.http_url, whole.grpc_address, [whole.metrics_url], [whole]),
            "apart": Serving(edge.http_url, core.grpc_address, [metrics_of(edge), metrics_of(core)], [edge, core]),
        }
        for process in reversed(started):
            process.stop()


@pytest.fixture(scope="module")
def prometheus(servings, tmp_path_factory):
    """Prometheus, once it has seen everything happen."""
    (one,), (edge, core) = servings["one"].metrics_urls, servings["apart"].metrics_urls
    targets = {"chat-gateway-one": one, "chat-gateway-edge": edge, "chat-gateway-core": core}
    with Prometheus(tmp_path_factory.mktemp("prometheus") / "server", targets) as prometheus:
        # What is told of from the first time on has no rate before the second.
        for _ in range(2):
            for serving in servings.values():
                serving.drive()
            prometheus.wait_until_scraped()
        yield prometheus


def test_every_query_of_the_dashboard_finds_series(prometheus):
    expressions = [in_dashboard(target["expr"]) for panel in panels() for target in panel["targets"]]
    assert len(expressions) > 50
    found = {expression: prometheus.query(expression) for expression in expressions}
    assert [expression for expression, series in found.items() if not series] == []


def test_every_panel_says_what_it_shows():
    for panel in panels():
        assert panel["title"] and panel["description"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)


def test_every_metric_is_on_the_dashboard():
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    told = re.findall(r"`(gateway_\w+[a-z])`", (DEPLOY / "README.md").read_text())
    assert len(told) > 30 and [name for name in told if name not in shown] == []


def test_every_selector_of_an_alert_finds_series(prometheus):
    wanted = {(name, selector) for name, rule in alerts().items() for selector in selectors(rule["expr"])}
    assert len(wanted) > 20
    assert [pair for pair in sorted(wanted) if not prometheus.query(pair[1])] == []


def test_the_rules_are_in_force_and_evaluated_without_a_fault(prometheus):
    with urllib.request.urlopen(prometheus.url + "/api/v1/rules", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules} == set(alerts())
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_nothing_is_wrong_with_the_exposition(servings, prometheus):
    for serving in servings.values():
        for url in serving.metrics_urls:
            assert promtool("check", "metrics", input=exposition(url)) == ""


def test_the_samples_of_prometheus_are_right():
    promtool("check", "rules", ALERTS)
    promtool("check", "config", "--syntax-only", DEPLOY / "prometheus" / "prometheus.example.yaml")


def test_the_guide_explains_every_alert():
    explained = re.findall(r"^\| `(ChatGateway\w+)` \|", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(alerts())
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert rule["annotations"].keys() == {"summary", "runbook_url"}, name


def test_figures_are_what_happened(servings, prometheus):
    """Of one process, of which all that happened is known: two rounds of `drive`."""
    (whole,) = servings["one"].processes

    def count(name, **labels):
        return metric(whole, name, **labels)

    chats = {"route": "/v1/chat/completions", "method": "POST"}
    assert count("gateway_http_requests_total", status="2xx", **chats) == 17
    assert count("gateway_http_requests_total", status="4xx", **chats) == 5
    assert count("gateway_http_requests_total", route="other", status="4xx") == 2
    assert count("gateway_rpc_requests_total", rpc="StreamChatCompletion", code="ok") == 8
    assert count("gateway_rpc_requests_total", rpc="ListModels", code="unauthenticated") == 2
    assert count("gateway_time_to_first_token_seconds_count", model="priced") == 6
    assert count("gateway_time_per_chunk_seconds_count", model="priced") == 6
    assert count("gateway_budget_refusals_total", window="month", unit="requests") == 3
    assert count("gateway_overhead_seconds_count", answer="stream") == 8
    assert count("gateway_http_overhead_seconds_count") > 20
    # One token in and one out at 10 and 30 dollars a million, said by the server for those in one piece.
    assert count("gateway_cost_usd_total", model="priced") >= 6 * 0.00004
    assert count("gateway_storage_up") == 1
    assert 0 < count("process_resident_memory_bytes") < 4 << 30
    # All that was begun has ended.
    for what in ["http_requests", "http_streams", "calls", "streams"]:
        wait_until(lambda: count(f"gateway_{what}_in_flight") == 0, f"no {what} are in flight")


@pytest.mark.parametrize("form", ["one", "apart"])
def test_nothing_that_a_caller_sends_makes_a_series(servings, prometheus, form):
    serving = servings[form]
    channel = grpc.insecure_channel(serving.grpc_address)

    def hostile(text):
        path = urllib.parse.quote(text)
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(f"/chatgateway.v1.ChatService/{uuid.uuid4().hex}")(b"", timeout=30)
        serving.ask("GET", f"/{path}")
        serving.ask("GET", f"/v1/models/{path}")
        serving.ask("GET", f"/errors/{path}")
        serving.ask(f"M{uuid.uuid4().hex[:8]}".upper(), "/v1/models")
        serving.chat(text)
        serving.ask("GET", "/v1/models", token=uuid.uuid4().hex)
        for header in ["spass-tenant-id", "spass-user-id", "spass-scope-id", "x-request-id"]:
            serving.ask("GET", "/v1/models", headers={header: uuid.uuid4().hex})
        serving.ask("POST", "/v1/tools/execute", {"name": uuid.uuid4().hex, "arguments": {}})
        serving.ask("POST", "/v1/memory", {"key": uuid.uuid4().hex, "value": text, "visibility": uuid.uuid4().hex})

    hostile('a"} 1\nhostile_series{x="')
    before = serving.series()
    for number in range(HOSTILE):
        hostile(f"{number}-{uuid.uuid4().hex}\\\"}}")
    channel.close()
    assert serving.series() == before
    assert "hostile" not in "".join(before)


# Of each alert: series with the values of every minute that make it fire, and such that do not.
CASES = {
    "Down": ({'up{job="chat-gateway"}': "0x30"}, {'up{job="chat-gateway"}': "1x30", 'up{job="other"}': "0x30"}),
    "Restarts": (
        {'process_start_time_seconds{job="chat-gateway"}': "1+1x30"},
        {'process_start_time_seconds{job="chat-gateway"}': "1x10 2x20", 'process_start_time_seconds{job="other"}': "1+1x30"},
    ),
    "FilesRunOut": (
        {'process_open_fds{job="chat-gateway"}': "900x30", 'process_max_fds{job="chat-gateway"}': "1000x30"},
        {'process_open_fds{job="chat-gateway"}': "700x30", 'process_max_fds{job="chat-gateway"}': "1000x30"},
    ),
    "ConfigBroken": ({"gateway_config_reload_failed": "1x30"}, {"gateway_config_reload_failed": "0x30"}),
    "Errors": (
        {'gateway_http_requests_total{status="5xx"}': "0+10x30", 'gateway_http_requests_total{status="2xx"}': "0+100x30"},
        {'gateway_http_requests_total{status="5xx"}': "0+1x30", 'gateway_http_requests_total{status="2xx"}': "0+100x30"},
    ),
    "InternalErrors": (
        {'gateway_errors_total{code="internal_error"}': "0x25 1x5"},
        {'gateway_errors_total{code="internal_error"}': "7x30", 'gateway_errors_total{code="invalid_json"}': "0+9x30"},
    ),
    "Overloaded": (
        {'gateway_http_errors_total{code="overloaded"}': "0+1x30"},
        {'gateway_http_errors_total{code="overloaded"}': "9x30", "gateway_grpc_connections_refused_total": "3x30"},
    ),
    "RateLimited": (
        {'gateway_rate_limited_total{limit="rate"}': "0+20x30", "gateway_rpc_requests_total": "0+100x30"},
        {'gateway_rate_limited_total{limit="rate"}': "0+5x30", "gateway_rpc_requests_total": "0+100x30"},
    ),
    "BudgetRefusals": (
        {'gateway_budget_refusals_total{window="day", unit="cost"}': "0+1x30"},
        {'gateway_budget_refusals_total{window="day", unit="cost"}': "5x30"},
    ),
    "SlowItself": (
        {'gateway_overhead_seconds_bucket{le="0.1"}': "0x30", 'gateway_overhead_seconds_bucket{le="+Inf"}': "0+9x30"},
        {'gateway_overhead_seconds_bucket{le="0.001"}': "0+9x30", 'gateway_overhead_seconds_bucket{le="+Inf"}': "0+9x30"},
    ),
    "ModelServerFails": (
        {
            'gateway_upstream_attempts_total{upstream="a", outcome="answered"}': "0+10x30",
            'gateway_upstream_attempts_total{upstream="a", outcome="broken"}': "0+5x30",
        },
        {
            'gateway_upstream_attempts_total{upstream="a", outcome="answered"}': "0+10x30",
            'gateway_upstream_attempts_total{upstream="a", outcome="broken"}': "0+1x30",
        },
    ),
    "CircuitOpen": ({"gateway_circuit_state": "2x28 1x2"}, {"gateway_circuit_state": "2x3 0x27"}),
    "SlowFirstToken": (
        {
            'gateway_time_to_first_token_seconds_bucket{model="m", le="10"}': "0x30",
            'gateway_time_to_first_token_seconds_bucket{model="m", le="30"}': "0+9x30",
            'gateway_time_to_first_token_seconds_bucket{model="m", le="+Inf"}': "0+9x30",
        },
        {
            'gateway_time_to_first_token_seconds_bucket{model="m", le="1"}': "0+9x30",
            'gateway_time_to_first_token_seconds_bucket{model="m", le="+Inf"}': "0+9x30",
        },
    ),
    "ToolServerDown": ({'gateway_mcp_server_up{server="s"}': "0x30"}, {'gateway_mcp_server_up{server="s"}': "1x30"}),
    "StorageDown": ({"gateway_storage_up": "0x30"}, {"gateway_storage_up": "1x30"}),
    "StorageSlow": (
        {'gateway_storage_probe_seconds_bucket{le="0.5"}': "0x30", 'gateway_storage_probe_seconds_bucket{le="+Inf"}': "0+9x30"},
        {'gateway_storage_probe_seconds_bucket{le="0.1"}': "0+9x30", 'gateway_storage_probe_seconds_bucket{le="+Inf"}': "0+9x30"},
    ),
    "StorageQueue": ({"gateway_storage_queue_depth": "200x30"}, {"gateway_storage_queue_depth": "20x30"}),
    "UsageLost": ({"gateway_usage_records_lost_total": "0x25 1x5"}, {"gateway_usage_records_lost_total": "0x30"}),
    "AugmentSkipped": ({"gateway_augment_skipped_total": "0x25 1x5"}, {"gateway_augment_skipped_total": "2x30"}),
}


def test_every_alert_has_its_case():
    assert {f"ChatGateway{name}" for name in CASES} == set(alerts())


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_on_what_is_bad_and_on_nothing_else(name, tmp_path):
    def judged(series, firing):
        expected = [{"labels": "{}", "value": 1}] if firing else []
        firing_now = f'count(ALERTS{{alertname="ChatGateway{name}", alertstate="firing"}})'
        return {
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in series.items()],
            "promql_expr_test": [{"expr": firing_now, "eval_time": "28m", "exp_samples": expected}],
        }

    bad, good = CASES[name]
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [judged(bad, True), judged(good, False)]}
    (tmp_path / "tests.yaml").write_text(json.dumps(tests))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "tests.yaml")


def access_lines(process):
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    return [line for line in lines if line["target"] == "access"]


def test_the_access_log_has_one_line_for_each_request(start, protos):
    gateway = start(Gateway, ACCESS_LOG="on", RUST_LOG="warn", RUST_API_BEARER=BEARER)
    serving = Serving(gateway.http_url, gateway.grpc_address, [], [gateway])
    secret = "a-text-that-nobody-is-to-read"
    chat = {"model": "demo", "messages": [{"role": "user", "content": secret}]}
    sent = [
        ("chat", "POST", "/v1/chat/completions", chat),
        ("stream", "POST", "/v1/chat/completions", {**chat, "stream": True}),
        ("absent", "GET", f"/{secret}?key={secret}", None),
        ("model", "GET", f"/v1/models/{secret}", None),
        ("health", "GET", "/healthz", None),
    ]
    answers = {id: serving.ask(method, path, body, {"x-request-id": id}) for id, method, path, body in sent}
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        stub = protos.ModelServiceStub(channel)
        metadata = [("authorization", f"Bearer {BEARER}"), ("x-request-id", "rpc")]
        stub.ListModels(protos.ListModelsRequest(), metadata=metadata)
    wait_until(lambda: len(access_lines(gateway)) > len(sent), "the lines are written")
    lines = access_lines(gateway)
    by_id = {line["request_id"]: line for line in lines}
    # None is written twice, for the edge and for the core.
    assert len(lines) == len(by_id) == len(sent) + 1

    def told(id, *names):
        return tuple(by_id[id].get(name) for name in names)

    assert told("chat", "method", "route", "status", "streamed", "cut") == ("POST", "/v1/chat/completions", 200, False, False)
    assert told("chat", "model", "backend", "bytes") == ("demo", "demo", len(answers["chat"][1]))
    assert 0 < by_id["chat"]["first_byte_ms"] <= by_id["chat"]["duration_ms"]
    assert told("stream", "status", "streamed", "cut", "bytes") == (200, True, False, len(answers["stream"][1]))
    assert told("absent", "method", "route", "status", "code") == ("other", "other", 404, "route_not_found")
    assert told("model", "route", "status", "code") == ("/v1/models/{alias=**}", 400, "model_not_in_allowlist")
    assert told("health", "route", "status", "code") == ("/healthz", 200, None)
    assert told("rpc", "rpc", "code", "streamed", "cut") == ("ListModels", "ok", False, False)
    assert secret not in gateway.log.read_text() and BEARER not in gateway.log.read_text()


def test_the_access_log_tells_who_left(start, model_server):
    gateway = start(Gateway, ACCESS_LOG="on", RUST_API_BEARER=BEARER, UPSTREAM_BASE_URL=model_server.base_url())
    model_server.hold("held")
    body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "held"}]}).encode()
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(gateway.http_url).netloc, timeout=30)
    headers = {"authorization": f"Bearer {BEARER}", "content-type": "application/json", "x-request-id": "left"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    wait_until(lambda: model_server.calls_of("held"), "the model server is asked")
    connection.close()
    (line,) = wait_until(lambda: access_lines(gateway), "the line is written")
    assert (line["request_id"], line.get("status"), line["cut"]) == ("left", None, True)
    wait_until(lambda: metric(gateway, "gateway_http_requests_total", status="cut") == 1, "it is counted")
    wait_until(lambda: metric(gateway, "gateway_calls_in_flight") == 0, "the call has ended")
    assert metric(gateway, "gateway_rpc_requests_total", rpc="CreateChatCompletion", code="cancelled") == 1


def test_the_access_log_is_off_unless_it_is_asked_for(start):
    gateway = start(Gateway, RUST_API_BEARER=BEARER)
    serving = Serving(gateway.http_url, gateway.grpc_address, [], [gateway])
    assert serving.chat("demo")[0] == 200
    gateway.stop()
    assert access_lines(gateway) == []
