"""A program that runs with just the settings of a sample serves and ends well."""

import re
import shutil
import ssl
import subprocess
import time

import httpx
import openai
import pytest
import requests

from deploy_samples import DEPLOY, FORMS, KUBERNETES, UNITS, run, unit
from programs import BEARER, REPOSITORY, Core, Edge, Gateway


@pytest.fixture(params=FORMS)
def samples(request):
    return FORMS[request.param]()


class SampleGateway(Gateway):
    defaults = {}


class SampleCore(Core):
    defaults = {}


class SampleEdge(Edge):
    defaults = {}


CLASSES = {"chat-gateway": SampleGateway, "gateway-core": SampleCore, "gateway-edge": SampleEdge}


def put_the_files_there(folder):
    """The operator's files where the Deployments have them: a token file of their own, and the samples' ConfigMap."""
    made = run("chat-gateway", "token", "new", "--id", "app", "--tenant", "acme")
    (folder / "tokens").mkdir(parents=True)
    (folder / "tokens" / "tokens.yaml").write_text("tokens:\n" + made[made.index("  - id: app") :])
    shutil.copytree(KUBERNETES / "base" / "config", folder / "config")
    return re.search(r"sk-[0-9a-f]{64}", made)[0]


def put_certificates_there(folder, name):
    """Those of the script, under the names that they have in compose and systemd, and those of a Secret of cert-manager's."""
    made = folder.parent / "made"
    subprocess.run([DEPLOY / "tls" / "make-certificates", made, "core", "edge"], check=True, timeout=30)
    (folder / "tls").mkdir(parents=True)
    names = {"ca.crt": ["ca.crt"], f"{name}.crt": [f"{name}.crt", "tls.crt"], f"{name}.key": [f"{name}.key", "tls.key"]}
    for source, targets in names.items():
        for target in targets:
            shutil.copy(made / source, folder / "tls" / target)
    return made / "ca.crt"


def on_this_machine(name, value, folder, core):
    """A setting, but for where things are: folders below another one, ports that are free, on this machine alone."""
    if name.endswith("_LISTEN"):
        assert re.fullmatch(r"(0\.0\.0\.0|127\.0\.0\.1):\d+", value)
        return "127.0.0.1:0"
    if name == "CORE_URL":
        scheme = re.fullmatch(r"(dns:///|https?://)[\w.]+:50051", value)[1]
        return f"{scheme}127.0.0.1:{core.grpc_address.rsplit(':', 1)[1]}"
    for path in ["/etc/chat-gateway", "/var/lib/chat-gateway", "/data"]:
        if value == path or value.startswith(f"{path}/"):
            return str(folder / ("." if path.startswith("/etc") else "data")) + value[len(path) :]
    return value


def test_it_serves_and_ends(samples, start, tmp_path, postgres_url):
    """Each form with just its settings: it starts, its own health check is content, it answers, and it ends in time."""
    running, token, authority = {}, BEARER, True
    for name, sample in sorted(samples.items(), key=lambda item: item[0] == "edge"):
        folder = tmp_path / name
        if "TOKENS_FILE" in sample.settings:
            token = put_the_files_there(folder)
        if any("_TLS_" in key for key in sample.settings):
            authority = str(put_certificates_there(folder, name))
        core = running.get("core")
        settings = {key: on_this_machine(key, value, folder, core) for key, value in sample.settings.items()}
        # What an operator gives it besides.
        if "DATABASE_URL" in sample.secrets:
            settings["DATABASE_URL"] = postgres_url
        if "RUST_API_BEARER" in sample.secrets:
            settings["RUST_API_BEARER"] = BEARER
        assert {"METRICS_LISTEN", "DRAIN_DELAY_SECS"} <= settings.keys()
        program = start(CLASSES[sample.program], folder=name, **settings)
        running[name] = program

        addresses = {}
        if hasattr(program, "grpc_address"):
            addresses["GRPC_LISTEN"] = program.grpc_address
        if hasattr(program, "http_url"):
            addresses["HTTP_LISTEN"] = program.http_url.split("://")[1]
        checked = run(sample.program, "healthcheck", **{**settings, **addresses})
        assert checked.count("serves") == len(addresses)

    front = running.get("gateway") or running["edge"]
    if isinstance(front, Gateway) and front.token.startswith("sk-"):
        token = front.token
    assert front.http_url.startswith("https://" if isinstance(authority, str) else "http://")
    assert requests.get(f"{front.http_url}/readyz", timeout=30, verify=authority).status_code == 200
    talk(front.http_url, token, authority)

    begin = time.monotonic()
    for program in running.values():
        program.terminate()
    for name, program in running.items():
        assert program.process.wait(samples[name].grace_secs) == 0
        assert time.monotonic() - begin < samples[name].grace_secs


def talk(url, token, authority):
    """What an SDK does: it lists models, and asks the first, in one piece, as a stream and in a conversation."""
    context = ssl.create_default_context(cafile=authority) if isinstance(authority, str) else True
    with httpx.Client(verify=context) as http_client:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=token, http_client=http_client, max_retries=0)
        model = client.models.list().data[0].id
        if model != "demo":
            # A sample's model server is nowhere.
            return
        messages = [{"role": "user", "content": "Hello"}]
        whole = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
        assert whole.endswith("You said: Hello")
        stream = client.chat.completions.create(model=model, messages=messages, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == whole
        kept = openai.OpenAI(base_url=f"{url}/c1", api_key=token, http_client=http_client, max_retries=0)
        answer = kept.chat.completions.with_raw_response.create(model=model, messages=messages)
        conversation = {"conversation_id": answer.headers["x-conversation-id"]}
        recalled = kept.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "/recall"}], extra_body=conversation
        )
        assert recalled.choices[0].message.content == "You said before: Hello"


class TracedGateway(SampleGateway):
    # Its calls go to a file each, so that lines of threads do not mix.
    wrapper = ("strace", "-DDD", "-ff", "-qq", "-e", "signal=none", "-o", "trace")


def calls_of(filters, sets):
    """What a filter of systemd stands for: the calls, those of the sets in it as well."""
    return {call for name in filters for call in (calls_of(sets[name], sets) if name in sets else [name])}


def test_the_units_let_through_every_call(start, tmp_path):
    """What a gateway asks of the kernel from its start to its end, with a conversation on disk, passes the units' filter."""
    gateway = start(TracedGateway, folder="traced", DATA_DIR="data", HTTP_LISTEN="127.0.0.1:0", GRPC_LISTEN="127.0.0.1:0")
    headers = {"Authorization": f"Bearer {gateway.token}"}
    body = {"model": "demo", "message": "Hello", "stream": True}
    assert requests.post(f"{gateway.http_url}/c1/chat", json=body, headers=headers, timeout=30).status_code == 200
    gateway.stop()
    traces = "".join(path.read_text() for path in gateway.folder.glob("trace.*"))
    made = set(re.findall(r"^(\w+)\(", traces, re.MULTILINE))
    assert len(made) > 40 and {"accept4", "fdatasync", "pwrite64"} & made

    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, timeout=60)
    sets = {}
    for line in listed.stdout.splitlines():
        if line.startswith("@"):
            inner = sets.setdefault(line.strip(), [])
        elif line.startswith(" ") and not line.strip().startswith("#"):
            inner.append(line.strip())
    for name in UNITS:
        allowed, denied = unit(name)["SystemCallFilter"]
        let_through = calls_of(allowed.split(), sets) - calls_of(denied.removeprefix("~").split(), sets)
        # SQLite gives a new file to the owner of the database only where it runs as root, as a test may.
        assert made - let_through <= {"fchown"}
        # Nothing of memory is both written and run.
        assert unit(name)["MemoryDenyWriteExecute"] == ["yes"]
    assert not re.search(r"PROT_WRITE\|PROT_EXEC", traces)


def test_the_sample_files_together(start, tmp_path):
    """All four samples as they would be copied, but for the secrets that must be one's own."""
    sample = (REPOSITORY / "auth" / "tokens.example.yaml").read_text()
    (tmp_path / "tokens.yaml").write_text(sample.replace("replace-this-with-a-secret", BEARER))
    files = {
        f"{name.upper()}_FILE": DEPLOY / "config" / f"{name}.example.yaml" for name in ("models", "budgets", "tools")
    }
    keys = {"LITELLM_API_KEY": "a-key", "TICKETS_AUTHORIZATION": "Bearer a-key"}
    gateway = start(Gateway, TOKENS_FILE=tmp_path / "tokens.yaml", **files, **keys)
    secret = f"{BEARER}-of-32-characters-or-more"
    listed = requests.get(f"{gateway.http_url}/v1/models", headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    assert listed.status_code == 200
    assert "flagship" in [model["id"] for model in listed.json()["data"]]
