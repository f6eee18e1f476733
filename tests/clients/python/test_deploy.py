"""Every sample of deploy/: it is whole in itself, and a program that runs with just its settings serves and ends well."""

import json
import re
import shutil
import subprocess
import time

import pytest
import requests
import yaml

from deploy_samples import (
    DEPLOY,
    KUBERNETES,
    PROGRAMS,
    SYSTEMD,
    compose,
    compose_samples,
    documents,
    env_file,
    kubernetes_samples,
    kustomized,
    of_image,
    of_kind,
    seconds,
    stages,
    systemd_sample,
    unit,
)
from programs import BEARER, BIN_DIR, REPOSITORY, Core, Edge, Gateway

UNITS = ["chat-gateway", "gateway-core", "gateway-edge"]
OVERLAYS = ["edge-and-core", "one-process"]
FORMS = {
    "compose one-process": lambda: compose_samples("one-process"),
    "compose edge-and-core": lambda: compose_samples("edge-and-core"),
    "kubernetes one-process": lambda: kubernetes_samples("one-process"),
    "kubernetes edge-and-core": lambda: kubernetes_samples("edge-and-core"),
    "systemd one process": lambda: {"gateway": systemd_sample("chat-gateway")},
    "systemd edge and core": lambda: {name: systemd_sample(f"gateway-{name}") for name in ("core", "edge")},
}
# What no file that is committed may set: its value is a secret, or has one in it.
SECRET = {"DATABASE_URL", "RUST_API_BEARER", "UPSTREAM_API_KEY"}
# The highest exposure that `systemd-analyze security` may find, of 100; without any hardening it is 96.
MOST_EXPOSURE = 15


@pytest.fixture(params=FORMS)
def samples(request):
    return FORMS[request.param]()


def settings_of(program):
    """The settings that a program knows, by its committed --help."""
    return set(re.findall(r"\[env: (\w+)\]", (DEPLOY / "help" / f"{program}.txt").read_text()))


# === as text ===


def test_every_yaml_file_can_be_read():
    files = sorted(DEPLOY.rglob("*.yaml"))
    assert len(files) > 15
    for file in files:
        assert all(isinstance(document, dict) for document in documents(file)), file


def test_every_setting_is_one_of_its_program(samples):
    for sample in samples.values():
        assert (sample.settings.keys() | sample.secrets.keys()) <= settings_of(sample.program)


def test_no_secret_is_committed(samples):
    for sample in samples.values():
        assert not sample.settings.keys() & SECRET
    for name in ["compose/core.env", "compose/gateway.env", "compose/postgres-password"]:
        ignored = subprocess.run(["git", "check-ignore", "--quiet", "--no-index", DEPLOY / name], cwd=REPOSITORY)
        assert ignored.returncode == 0, name


def test_nobody_is_killed_who_still_drains(samples):
    for sample in samples.values():
        drain = int(sample.settings["DRAIN_DELAY_SECS"]) + int(sample.settings["DRAIN_TIMEOUT_SECS"])
        assert drain + 5 <= sample.grace_secs


@pytest.mark.parametrize("stage", PROGRAMS)
def test_an_image(stage):
    program = f"/usr/local/bin/{PROGRAMS[stage]}"
    assert json.loads(of_image(stage, "ENTRYPOINT")[-1]) == [program]
    (check,) = of_image(stage, "HEALTHCHECK")
    assert json.loads(check.split(" CMD ")[1]) == [program, "healthcheck"]
    assert of_image(stage, "USER") == ["65532:65532"]
    assert of_image(stage, "STOPSIGNAL") == ["SIGTERM"]
    assert of_image(stage, "RUN") == []
    copied = [argument.split()[-2:] for argument in of_image(stage, "COPY")]
    assert [f"/programs/{PROGRAMS[stage]}", program] in copied
    keeps = ["/data"] if stage != "edge" else []
    assert of_image(stage, "VOLUME") == keeps
    assert [source for source, _ in copied if source == "/data"] == keeps


def test_no_image_is_whatever_is_newest():
    images = {image for stage in stages() for image in of_image(stage, "FROM")} - stages().keys()
    images |= {facts["image"] for name in OVERLAYS for facts in compose(name)["services"].values()}
    for name in OVERLAYS:
        (facts,) = documents(KUBERNETES / name / "kustomization.yaml")
        pinned = {image["name"]: image["newTag"] for image in facts["images"]}
        assert pinned.keys() == {sample.program for sample in kubernetes_samples(name).values()}
        images |= {f"{image}:{tag}" for image, tag in pinned.items()}
    for image in images:
        assert re.fullmatch(r"\S+:(?!latest)[\w.-]+", image), image
    (version,) = re.findall(r'^version = "(.*)"', (REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
    ours = {image for image in images if image.split(":")[0] in PROGRAMS.values()}
    assert {image.split(":")[1] for image in ours} == {version} and len(ours) == 3


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_compose_file(name):
    facts = compose(name)
    for service in facts["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"] and service["pids_limit"] and seconds(service["stop_grace_period"]) > 30
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            assert source in facts["volumes"] or ((DEPLOY / "compose" / source).is_dir() and mode == ["ro"])
        assert set(service.get("networks", [])) <= facts.get("networks", {}).keys()
        assert set(service.get("secrets", [])) <= facts.get("secrets", {}).keys()
        for before, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            awaited = facts["services"][before]
            assert "healthcheck" in awaited or of_image(awaited["build"]["target"], "HEALTHCHECK")
        # Only this machine is let in.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_secrets_of_compose_are_made_as_it_says(tmp_path):
    shutil.copytree(DEPLOY / "compose", tmp_path / "deploy" / "compose")
    head = (DEPLOY / "compose" / "edge-and-core.yaml").read_text().split("\nname:")[0]
    commands = "\n".join(re.findall(r"^#   (.*)$", head, re.MULTILINE)).split("docker compose")[0]
    assert commands.count("deploy/compose/core.env") == 2
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, check=True, timeout=30)
    made = tmp_path / "deploy" / "compose" / "core.env"
    password = (tmp_path / "deploy" / "compose" / "postgres-password").read_text().strip()
    assert made.stat().st_mode & 0o077 == 0 and len(password) == 64
    postgres = compose("edge-and-core")["services"]["postgres"]["environment"]
    user, database = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
    settings = env_file(made)
    assert settings["DATABASE_URL"] == f"postgres://{user}:{password}@postgres:5432/{database}"
    assert settings["RUST_API_BEARER"] != password
    run("gateway-core", "config", "check", **settings)


def test_what_an_operator_may_add_to_one_process():
    settings = env_file(DEPLOY / "compose" / "gateway.env.example")
    assert settings.keys() <= settings_of("chat-gateway")
    assert settings["UPSTREAM_BASE_URL"].split("/")[2].split(":")[0] in {
        host.split(":")[0] for host in compose("one-process")["services"]["gateway"]["extra_hosts"]
    }
    run("chat-gateway", "config", "check", **settings)


@pytest.mark.parametrize("name", OVERLAYS)
def test_kubernetes_objects_find_each_other(name):
    objects = kustomized(KUBERNETES / name)
    deployments, services = of_kind(objects, "Deployment"), of_kind(objects, "Service")
    pods = {deployment: facts["spec"]["template"] for deployment, facts in deployments.items()}

    def selected(labels):
        found = [pod for pod in pods.values() if labels.items() <= pod["metadata"]["labels"].items()]
        assert len(found) == 1, labels
        return found[0]["spec"]["containers"][0]

    def check_ports(labels, ports):
        listed = {port["name"]: port["containerPort"] for port in selected(labels)["ports"]}
        assert set(ports) <= listed.keys() | set(listed.values())

    for deployment, facts in deployments.items():
        assert selected(facts["spec"]["selector"]["matchLabels"]) is pods[deployment]["spec"]["containers"][0]
    for facts in services.values():
        check_ports(facts["spec"]["selector"], [port["targetPort"] for port in facts["spec"]["ports"]])
    for facts in of_kind(objects, "PodDisruptionBudget").values():
        selected(facts["spec"]["selector"]["matchLabels"])
    for facts in of_kind(objects, "HorizontalPodAutoscaler").values():
        assert facts["spec"]["scaleTargetRef"]["name"] in deployments
    policies = of_kind(objects, "NetworkPolicy")
    assert policies.pop("default-deny")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert len(policies) == len(deployments)
    for facts in policies.values():
        ports = [port["port"] for rule in facts["spec"]["ingress"] for port in rule["ports"]]
        check_ports(facts["spec"]["podSelector"]["matchLabels"], ports)
        for rule in facts["spec"].get("egress", []):
            for peer in rule["to"]:
                if "podSelector" in peer:
                    check_ports(peer["podSelector"]["matchLabels"], [port["port"] for port in rule["ports"]])

    for deployment, sample in kubernetes_samples(name).items():
        (container,) = pods[deployment]["spec"]["containers"]
        listed = {port["name"]: port["containerPort"] for port in container["ports"]}
        for setting, port in [("HTTP_LISTEN", "http"), ("GRPC_LISTEN", "grpc"), ("METRICS_LISTEN", "metrics")]:
            if setting in sample.settings:
                assert sample.settings[setting] == f"0.0.0.0:{listed[port]}"
        if core_url := sample.settings.get("CORE_URL"):
            host, port = re.fullmatch(r"dns:///(\w+):(\d+)", core_url).groups()
            service = services[host]["spec"]
            assert service["clusterIP"] == "None" and service["ports"][0]["port"] == int(port)


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_a_pod_may_do_and_holds(name):
    objects = kustomized(KUBERNETES / name)
    (namespace,) = of_kind(objects, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for facts in of_kind(objects, "Deployment").values():
        pod = facts["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["serviceAccountName"] in of_kind(objects, "ServiceAccount")
        assert pod["automountServiceAccountToken"] is False
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 65532, 65532)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        inner = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert container["securityContext"] == inner
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        for probe, path in [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]:
            asked = container[probe].get("httpGet")
            if "http" in ports:
                assert asked == {"path": path, "port": "http"}
            else:
                assert container[probe]["grpc"] == {"port": ports["grpc"]}
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container.get("volumeMounts", [])}
        assert len(mounts) == len(volumes)
        for setting, path in [(entry["name"], entry.get("value", "")) for entry in container["env"]]:
            if not setting.endswith("_FILE"):
                continue
            folder, file = path.rsplit("/", 1)
            if setting == "TOKENS_FILE":
                assert mounts[folder]["secret"]["secretName"] == "gateway-tokens" and file == "tokens.yaml"
            else:
                assert file in of_kind(objects, "ConfigMap")[mounts[folder]["configMap"]["name"]]["data"]
        for volume in volumes.values():
            if claim := volume.get("persistentVolumeClaim"):
                assert claim["claimName"] in of_kind(objects, "PersistentVolumeClaim")
                # The file of a database is never that of two.
                assert facts["spec"]["strategy"] == {"type": "Recreate"} and facts["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", OVERLAYS)
def test_kustomize_says_the_same(name):
    """Where there is a kubectl it builds what our own reading of the files came to; elsewhere this reading must do."""
    objects = kustomized(KUBERNETES / name)
    names = sorted((each["kind"], each["metadata"]["name"]) for each in objects)
    assert len(set(names)) == len(names) >= 8
    if not shutil.which("kubectl"):
        return
    built = subprocess.run(["kubectl", "kustomize", KUBERNETES / name], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    built = [each for each in yaml.safe_load_all(built.stdout)]
    without_digest = [
        (each["kind"], re.sub(r"(gateway-config)-\w+$", r"\1", each["metadata"]["name"])) for each in built
    ]
    assert sorted(without_digest) == names


def test_systemd_finds_no_fault_with_the_units(tmp_path):
    for name in UNITS:
        text = (SYSTEMD / f"{name}.service").read_text()
        # Where it looks for what a unit starts, there are no programs of ours on this machine.
        (tmp_path / f"{name}.service").write_text(text.replace("/usr/local/bin/", f"{BIN_DIR}/"))
    files = sorted(tmp_path.glob("*.service"))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    for file in files:
        command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager", file]
        judged = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert judged.returncode == 0, judged.stdout


def test_the_guide_tells_of_every_metric():
    sources = [path.read_text() for room in ("core", "rest-edge") for path in (REPOSITORY / room / "src").rglob("*.rs")]
    recorded = re.findall(r'\b(?:counter|gauge|histogram)!\(\s*"(gateway_\w+)"', "".join(sources))
    told = re.findall(r"`(gateway_\w+[a-z])`", (DEPLOY / "README.md").read_text())
    assert set(told) == set(recorded) and len(set(told)) > 10


def test_the_guide_names_what_is_there():
    guide = (DEPLOY / "README.md").read_text()
    for target in re.findall(r"\]\(([^)#]+)", guide) + re.findall(r"\b(?:deploy|tests)/[\w./-]+\w", guide):
        path = DEPLOY / target if (DEPLOY / target).exists() else REPOSITORY / target
        ours = target in {"deploy/config", "auth/tokens.yaml"}
        assert ours or path.exists(), target


def test_the_units_agree_with_each_other():
    core, edge = systemd_sample("gateway-core").settings, systemd_sample("gateway-edge").settings
    assert edge["CORE_URL"] == f"http://{core['GRPC_LISTEN']}"
    assert edge["METRICS_LISTEN"] != core["METRICS_LISTEN"]
    for name in UNITS:
        lines = unit(name)
        user = lines.get("User", ["dynamic"])[0]
        assert f"u {user} - " in (SYSTEMD / "chat-gateway.sysusers.conf").read_text() or lines["DynamicUser"] == ["yes"]
        data = systemd_sample(name).settings.get("DATA_DIR")
        assert data == (f"/var/lib/{lines['StateDirectory'][0]}" if data else None)


# === running ===


class SampleGateway(Gateway):
    defaults = {}


class SampleCore(Core):
    defaults = {}


class SampleEdge(Edge):
    defaults = {}


CLASSES = {"chat-gateway": SampleGateway, "gateway-core": SampleCore, "gateway-edge": SampleEdge}


def run(program, *arguments, **settings):
    ran = subprocess.run([BIN_DIR / program, *arguments], capture_output=True, text=True, env=settings, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def put_the_files_there(folder):
    """The operator's files where the Deployments have them: a token file of their own, and the samples' ConfigMap."""
    made = run("chat-gateway", "token", "new", "--id", "app", "--tenant", "acme")
    (folder / "tokens").mkdir(parents=True)
    (folder / "tokens" / "tokens.yaml").write_text("tokens:\n" + made[made.index("  - id: app") :])
    shutil.copytree(KUBERNETES / "base" / "config", folder / "config")
    return re.search(r"sk-[0-9a-f]{64}", made)[0]


def on_this_machine(name, value, folder, core):
    """A setting, but for where things are: folders below another one, ports that are free, on this machine alone."""
    if name.endswith("_LISTEN"):
        assert re.fullmatch(r"(0\.0\.0\.0|127\.0\.0\.1):\d+", value)
        return "127.0.0.1:0"
    if name == "CORE_URL":
        scheme = re.fullmatch(r"(dns:///|http://)[\w.]+:50051", value)[1]
        return f"{scheme}127.0.0.1:{core.grpc_address.rsplit(':', 1)[1]}"
    for path in ["/etc/chat-gateway", "/var/lib/chat-gateway", "/data"]:
        if value == path or value.startswith(f"{path}/"):
            return str(folder / ("." if path.startswith("/etc") else "data")) + value[len(path) :]
    return value


def test_it_serves_and_ends(samples, start, tmp_path, postgres_url):
    """Each form with just its settings: it starts, its own health check is content, it answers, and it ends in time."""
    running, token = {}, BEARER
    for name, sample in sorted(samples.items(), key=lambda item: item[0] == "edge"):
        folder = tmp_path / name
        if "TOKENS_FILE" in sample.settings:
            token = put_the_files_there(folder)
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
            addresses["HTTP_LISTEN"] = program.http_url.removeprefix("http://")
        checked = run(sample.program, "healthcheck", **{**settings, **addresses})
        assert checked.count("serves") == len(addresses)

    front = running.get("gateway") or running["edge"]
    if isinstance(front, Gateway) and front.token.startswith("sk-"):
        token = front.token
    assert requests.get(f"{front.http_url}/readyz", timeout=30).status_code == 200
    listed = requests.get(f"{front.http_url}/v1/models", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert listed.status_code == 200 and listed.json()["data"]

    begin = time.monotonic()
    for program in running.values():
        program.terminate()
    for name, program in running.items():
        assert program.process.wait(samples[name].grace_secs) == 0
        assert time.monotonic() - begin < samples[name].grace_secs


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
