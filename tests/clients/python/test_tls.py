"""TLS over HTTP and gRPC, mutual between edge and core: who is let in, what is renewed, and what is refused at the start."""

import shutil
import socket
import ssl
import subprocess
from types import SimpleNamespace
from urllib.parse import urlsplit

import grpc
import httpx
import pytest
import requests

from deploy_samples import DEPLOY
from programs import BEARER, BIN_DIR, Core, Edge, Gateway, wait_until


class TlsCore(Core):
    @property
    def url(self):
        return f"https://{self.grpc_address}"


def made(folder, *names):
    subprocess.run([DEPLOY / "tls" / "make-certificates", folder, *names], check=True, timeout=30)
    return SimpleNamespace(
        ca=folder / "ca.crt",
        **{name: SimpleNamespace(cert=folder / f"{name}.crt", key=folder / f"{name}.key") for name in names},
    )


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return made(tmp_path_factory.mktemp("ours"), "core", "edge", "other")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Certificates of another authority, for the same names."""
    return made(tmp_path_factory.mktemp("foreign"), "core", "edge")


def https(pair):
    return {"HTTP_TLS_CERT_FILE": pair.cert, "HTTP_TLS_KEY_FILE": pair.key}


def grpcs(pair, **more):
    return {"GRPC_TLS_CERT_FILE": pair.cert, "GRPC_TLS_KEY_FILE": pair.key, **more}


def to_core(core, authority, pair=None):
    shown = {"CORE_TLS_CERT_FILE": pair.cert, "CORE_TLS_KEY_FILE": pair.key} if pair else {}
    return {"CORE_URL": core.url, "CORE_TLS_CA_FILE": authority, **shown}


def connection(url, timeout=10):
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout)


def served_certificate(url):
    """The certificate that a new connection is shown, in PEM."""
    address = urlsplit(url)
    return ssl.get_server_certificate((address.hostname, address.port))


def reload_failed(program, setting):
    """Whether the metrics say that a changed file cannot be used."""
    (port,) = program.find(r'"message":"metrics on http://[^"]*:(\d+)/metrics"', program.log)
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    return f'gateway_config_reload_failed{{setting="{setting}"}} 1' in text


def test_https_in_both_versions_of_http(start, ours):
    gateway = start(Gateway, **https(ours.edge))
    assert gateway.http_url.startswith("https://") and gateway.http_url in gateway.curl_line
    context = ssl.create_default_context(cafile=ours.ca)
    for offered in ("h2", "http/1.1"):
        context.set_alpn_protocols([offered])
        with context.wrap_socket(connection(gateway.http_url), server_hostname="localhost") as wrapped:
            assert (wrapped.selected_alpn_protocol(), wrapped.version()) == (offered, "TLSv1.3")
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    headers = {"Authorization": f"Bearer {gateway.token}"}
    with requests.Session() as session:
        told = {"verify": str(ours.ca), "timeout": 30}
        for _ in range(2):
            answer = session.post(f"{gateway.http_url}/v1/chat/completions", json=body, headers=headers, **told)
            assert answer.text.endswith("data: [DONE]\n\n")
        refused = session.get(f"{gateway.http_url}/v1/nothing", **told).json()["error"]
        assert refused["doc_url"].startswith(f"{gateway.http_url}/docs/errors#")
    curl = ["curl", "--silent", "--show-error", "--fail", "--cacert", ours.ca, "--http2", f"{gateway.http_url}/healthz"]
    assert subprocess.run(curl, capture_output=True, text=True, timeout=30).stdout == '{"status":"ok"}'
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{gateway.http_url}/healthz", timeout=30)


def test_an_upload_that_is_refused_is_told_why_over_https(start, ours):
    gateway = start(Gateway, MAX_BODY_BYTES=4096, **https(ours.edge))
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"}
    answer = requests.post(
        f"{gateway.http_url}/v1/chat/completions", data=b"x" * 400_000, headers=headers, verify=str(ours.ca), timeout=30
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_who_speaks_http_to_https_is_told_so(start, ours):
    gateway = start(Gateway, **https(ours.edge))
    answer = requests.get(gateway.http_url.replace("https", "http") + "/healthz", timeout=10)
    assert (answer.status_code, answer.text) == (400, "This port speaks HTTPS; use https:// to reach it.")


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"])
def test_a_handshake_that_does_not_go_on_is_closed(start, ours, said):
    gateway = start(Gateway, HEAD_TIMEOUT_SECS=1, **https(ours.edge))
    with connection(gateway.http_url) as stream:
        stream.sendall(said)
        assert stream.recv(100) == b""
    assert requests.get(f"{gateway.http_url}/healthz", verify=str(ours.ca), timeout=10).ok


def ask(core, protos, authority, pair=None):
    """Calls the core as a gRPC client that trusts this authority and shows this certificate."""
    key, cert = (pair.key.read_bytes(), pair.cert.read_bytes()) if pair else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.read_bytes(), key, cert)
    with grpc.secure_channel(core.grpc_address, credentials) as channel:
        metadata = [("authorization", f"Bearer {BEARER}")]
        service = protos.ModelServiceStub(channel)
        return service.ListModels(protos.ListModelsRequest(), metadata=metadata, timeout=10)


def test_grpc_with_a_certificate(start, ours, foreign, protos):
    core = start(Core, **grpcs(ours.core))
    assert ask(core, protos, ours.ca).models
    with pytest.raises(grpc.RpcError) as refused:
        ask(core, protos, foreign.ca)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_who_shows_no_certificate_is_not_let_in(start, ours, foreign, protos):
    core = start(Core, **grpcs(ours.core, GRPC_TLS_CLIENT_CA_FILE=ours.ca))
    assert ask(core, protos, ours.ca, ours.edge).models
    for pair in (None, foreign.edge):
        with pytest.raises(grpc.RpcError) as refused:
            ask(core, protos, ours.ca, pair)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_an_edge_that_the_core_does_not_know_or_that_does_not_know_the_core(start, ours, foreign):
    core = start(TlsCore, **grpcs(ours.core, GRPC_TLS_CLIENT_CA_FILE=ours.ca))
    good = start(Edge, **to_core(core, ours.ca, ours.edge))
    headers = {"Authorization": f"Bearer {BEARER}"}
    assert requests.get(f"{good.http_url}/v1/models", headers=headers, timeout=30).status_code == 200
    for bad in (
        to_core(core, ours.ca),
        to_core(core, ours.ca, foreign.edge),
        to_core(core, foreign.ca, ours.edge),
        {**to_core(core, ours.ca, ours.edge), "CORE_TLS_SERVER_NAME": "somebody.else"},
    ):
        edge = start(Edge, **bad)
        answer = requests.get(f"{edge.http_url}/v1/models", headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    named = start(Edge, **to_core(core, ours.ca, ours.edge), CORE_TLS_SERVER_NAME="core")
    assert requests.get(f"{named.http_url}/v1/models", headers=headers, timeout=30).status_code == 200


def replace(pair, new):
    """Puts other files in the place of a certificate and its key, as whoever renews them does."""
    for old, source in ((pair.cert, new.cert), (pair.key, new.key)):
        fresh = old.with_suffix(".new")
        shutil.copy(source, fresh)
        fresh.replace(old)


def test_certificates_are_renewed_without_a_restart(start, ours, tmp_path):
    pair = made(tmp_path / "own", "edge").edge
    edge = start(Edge, CORE_URL="http://127.0.0.1:1", **https(pair))
    before = served_certificate(edge.http_url)
    with httpx.Client(verify=False) as client:
        assert client.get(f"{edge.http_url}/healthz").status_code == 200
        replace(pair, ours.other)
        wait_until(lambda: served_certificate(edge.http_url) != before, "the new certificate is shown")
        # The connection that there was goes on.
        assert client.get(f"{edge.http_url}/healthz").status_code == 200
    renewed = served_certificate(edge.http_url)
    assert ssl.PEM_cert_to_DER_cert(renewed) == ssl.PEM_cert_to_DER_cert(ours.other.cert.read_text())

    pair.key.write_text("nothing of use")
    wait_until(lambda: reload_failed(edge, "HTTP_TLS_CERT_FILE"), "the failure is told")
    assert served_certificate(edge.http_url) == renewed
    replace(pair, ours.edge)
    wait_until(lambda: not reload_failed(edge, "HTTP_TLS_CERT_FILE"), "it is mended")
    assert served_certificate(edge.http_url) != renewed
    assert "nothing of use" not in edge.log.read_text()


def test_the_certificates_between_edge_and_core_are_renewed_too(start, ours, foreign, tmp_path):
    """The edge shows a new certificate to a core that is new as well."""
    authority = tmp_path / "both.crt"
    authority.write_text(ours.ca.read_text() + foreign.ca.read_text())
    own = made(tmp_path / "own", "core", "edge")
    replace(own.core, ours.core)
    replace(own.edge, ours.edge)
    core = start(TlsCore, **grpcs(own.core, GRPC_TLS_CLIENT_CA_FILE=authority))
    edge = start(Edge, **to_core(core, authority, own.edge))
    before = served_certificate(core.url)
    replace(own.core, foreign.core)
    replace(own.edge, foreign.edge)
    wait_until(lambda: served_certificate(core.url) != before, "the core shows the new certificate")
    edge.find("CORE_TLS_CERT_FILE: what the file says holds from now on", edge.log)
    answer = requests.get(f"{edge.http_url}/v1/models", headers={"Authorization": f"Bearer {BEARER}"}, timeout=30)
    assert answer.status_code == 200


def refusal(program, folder, **settings):
    """What a program says that does not start."""
    environment = {"METRICS_LISTEN": "127.0.0.1:0", "RUST_API_BEARER": BEARER, "HTTP_LISTEN": "127.0.0.1:0"}
    environment |= {"GRPC_LISTEN": "127.0.0.1:0", **{name: str(value) for name, value in settings.items()}}
    ran = subprocess.run(
        [BIN_DIR / program], cwd=folder, env=environment, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode != 0
    return ran.stderr


def test_what_cannot_be_used_stops_the_start(ours, foreign, tmp_path):
    empty, junk = tmp_path / "empty.pem", tmp_path / "junk.pem"
    empty.write_text("")
    junk.write_text("-----BEGIN PRIVATE KEY-----\nsecretsecret\n-----END PRIVATE KEY-----\n")
    url = {"CORE_URL": "https://127.0.0.1:1"}
    cases = [
        ("gateway-edge", {**url}, "CORE_TLS_CA_FILE: must be set"),
        ("gateway-edge", {**url, "CORE_TLS_CA_FILE": tmp_path / "no"}, "CORE_TLS_CA_FILE: the file cannot be read"),
        ("gateway-edge", {**url, "CORE_TLS_CA_FILE": empty}, "CORE_TLS_CA_FILE: the file holds no certificate"),
        (
            "gateway-edge",
            {"CORE_URL": "http://127.0.0.1:1", "CORE_TLS_CA_FILE": ours.ca},
            "CORE_URL: must be https://host:port or dns:///name:port",
        ),
        (
            "gateway-edge",
            {"CORE_URL": "http://127.0.0.1:1", "HTTP_TLS_CERT_FILE": ours.edge.cert},
            "HTTP_TLS_KEY_FILE: must be set as well, as HTTP_TLS_CERT_FILE is",
        ),
        (
            "gateway-edge",
            {**url, "CORE_TLS_CA_FILE": ours.ca, "CORE_TLS_KEY_FILE": ours.edge.key},
            "CORE_TLS_CERT_FILE: must be set as well, as CORE_TLS_KEY_FILE is",
        ),
        ("gateway-edge", {**url, "CORE_TLS_SERVER_NAME": "not a name"}, "must be a DNS name or an IP address"),
        (
            "gateway-core",
            {"GRPC_TLS_CERT_FILE": ours.core.cert, "GRPC_TLS_KEY_FILE": foreign.core.key},
            "GRPC_TLS_KEY_FILE: the key is not that of GRPC_TLS_CERT_FILE",
        ),
        (
            "gateway-core",
            {"GRPC_TLS_CERT_FILE": ours.core.cert, "GRPC_TLS_KEY_FILE": junk},
            "GRPC_TLS_KEY_FILE: the ",
        ),
        ("gateway-core", {"GRPC_TLS_CLIENT_CA_FILE": ours.ca}, "GRPC_TLS_CERT_FILE: must be set as well"),
        (
            "gateway-core",
            {**grpcs(ours.core), "GRPC_LISTEN": f"unix:{tmp_path}/core.sock"},
            "GRPC_TLS_CERT_FILE: a Unix socket is not encrypted",
        ),
        ("chat-gateway", {"HTTP_TLS_KEY_FILE": ours.edge.key}, "HTTP_TLS_CERT_FILE: must be set as well"),
    ]
    for program, settings, expected in cases:
        said = refusal(program, tmp_path, **settings)
        assert expected in said, (settings, said)
        assert "secretsecret" not in said


def test_a_key_that_all_can_read_and_a_plain_port_are_warned_of(start, ours, tmp_path):
    pair = made(tmp_path / "own", "edge").edge
    pair.key.chmod(0o644)
    edge = start(Edge, CORE_URL="http://127.0.0.1:1", **https(pair))
    edge.find("HTTP_TLS_KEY_FILE: everybody on this machine can read the key", edge.log)
    plain = start(Edge, CORE_URL="http://127.0.0.1:1", HTTP_LISTEN="0.0.0.0:0")
    plain.find("HTTP is served without TLS at 0.0.0.0", plain.log)
    core = start(Core, GRPC_LISTEN="0.0.0.0:0")
    core.find("gRPC is served without TLS at 0.0.0.0", core.log)
