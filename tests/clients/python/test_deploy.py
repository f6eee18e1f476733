"""Every sample of deploy/ as text: it is whole in itself, and says nothing that its program does not know."""

import json
import os
import re
import shutil
import subprocess

import pytest

from deploy_samples import (
    DEPLOY,
    FORMS,
    KUBERNETES,
    PROGRAMS,
    SYSTEMD,
    UNITS,
    compose,
    documents,
    env_file,
    kubernetes_samples,
    of_image,
    run,
    seconds,
    stages,
    systemd_sample,
    unit,
)
from programs import BIN_DIR, REPOSITORY

OVERLAYS = ["edge-and-core", "one-process"]
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
    for name in ["compose/core.env", "compose/gateway.env", "compose/postgres-password", "compose/tls/core.key"]:
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


def test_the_certificates_of_compose_can_be_read_by_its_user_and_no_other(tmp_path):
    shutil.copytree(DEPLOY / "tls", tmp_path / "deploy" / "tls")
    text = (DEPLOY / "compose" / "edge-and-core.tls.yaml").read_text()
    commands = "\n".join(re.findall(r"^#   (.*)$", text.split("\nservices:")[0], re.MULTILINE)).split("docker compose")[0]
    if os.geteuid() != 0:
        # Who is not root cannot give files away; what their modes are can be seen all the same.
        commands = commands.replace("chgrp 65532", "chgrp $(id -g)")
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, check=True, timeout=30)
    mounted = set(re.findall(r"- \./(tls/[\w.]+):", text))
    assert len(mounted) == 5
    for file in mounted:
        facts = (tmp_path / "deploy" / "compose" / file).stat()
        assert facts.st_mode & 0o040, file
        if file.endswith(".key"):
            assert facts.st_mode & 0o007 == 0 and facts.st_gid in (65532, os.getgid())
    assert (tmp_path / "deploy" / "compose" / "tls" / "ca.key").stat().st_mode & 0o077 == 0


def test_what_an_operator_may_add_to_one_process():
    settings = env_file(DEPLOY / "compose" / "gateway.env.example")
    assert settings.keys() <= settings_of("chat-gateway")
    assert settings["UPSTREAM_BASE_URL"].split("/")[2].split(":")[0] in {
        host.split(":")[0] for host in compose("one-process")["services"]["gateway"]["extra_hosts"]
    }
    run("chat-gateway", "config", "check", **settings)


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
        ours = target == "auth/tokens.yaml" or re.fullmatch(r"deploy/config(/\w+\.yaml)?", target)
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
