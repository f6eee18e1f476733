"""A model server behind TLS, with a certificate of a private authority."""

import datetime
import http.server
import ipaddress
import json
import ssl
import threading

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from programs import Gateway

CHOICE = {"index": 0, "finish_reason": "stop"}


def certificate(name, key, issuer, issuer_key, is_authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
    )
    return builder.sign(issuer_key or key, hashes.SHA256())


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class ModelServer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer("application/json", b'{"data":[{"id":"m"}]}')

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "over TLS"}
        if request.get("stream"):
            chunk = json.dumps({"choices": [{**CHOICE, "delta": message}]}).encode()
            self.answer("text/event-stream", b"data: %s\n\ndata: [DONE]\n\n" % chunk)
        else:
            self.answer("application/json", json.dumps({"choices": [{**CHOICE, "message": message}]}).encode())


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """The base URL of a server, and the file of the authority that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = certificate("A test authority", authority_key, None, None, True)
    own = certificate("A model server", key, authority.subject, authority_key, False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "authority.pem").write_bytes(pem(authority))
    (folder / "own.pem").write_bytes(private + pem(own))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/v1", folder / "authority.pem"
    server.shutdown()
    thread.join()


def say(gateway, **members):
    return requests.post(
        f"{gateway.http_url}/v1/chat/completions",
        json={"model": "m", "messages": [{"role": "user", "content": "x"}], **members},
        headers={"Authorization": f"Bearer {gateway.token}"},
        timeout=30,
    )


def test_a_private_authority_can_be_trusted(start, tls_server):
    base_url, authority = tls_server
    gateway = start(Gateway, UPSTREAM_BASE_URL=base_url, UPSTREAM_CA_FILE=authority)
    assert say(gateway).json()["choices"][0]["message"]["content"] == "over TLS"
    assert "over TLS" in say(gateway, stream=True).text


def test_an_unknown_authority_is_not_trusted(start, tls_server):
    base_url, _ = tls_server
    gateway = start(Gateway, UPSTREAM_BASE_URL=base_url)
    answer = say(gateway)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    # The operator is told why.
    assert "UnknownIssuer" in gateway.log.read_text()
