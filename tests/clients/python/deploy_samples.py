"""What stands under deploy/, read as those who run it would: which program runs with which settings, and how it ends."""

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from programs import BIN_DIR, REPOSITORY

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
# The stage of the Dockerfile that an image is made of, and the program in it.
PROGRAMS = {"gateway": "chat-gateway", "core": "gateway-core", "edge": "gateway-edge"}


@dataclass
class Sample:
    """One program as a sample runs it. What is secret is not among the settings, only by which file it would come."""

    program: str
    settings: dict
    grace_secs: float
    secrets: dict


def documents(path):
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def seconds(text):
    """`40s` of compose and of systemd."""
    return float(re.fullmatch(r"(\d+)s", text)[1])


def run(program, *arguments, **settings):
    """Has a program do something else than serve, and gives what it says."""
    ran = subprocess.run([BIN_DIR / program, *arguments], capture_output=True, text=True, env=settings, timeout=30)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# === the Dockerfile ===


def stages():
    """The instructions of each stage of the Dockerfile, those of the stage that it is built on first."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    read, name = {}, None
    for line in filter(str.strip, text.splitlines()):
        instruction, argument = line.split(maxsplit=1)
        if instruction == "FROM":
            image, name = re.fullmatch(r"(\S+) AS (\S+)", argument).groups()
            read[name] = [*read.get(image, []), (instruction, image)]
        else:
            read[name].append((instruction, argument.strip()))
    return read


def of_image(stage, instruction):
    """What a stage says by an instruction, as often as it does."""
    return [argument for name, argument in stages()[stage] if name == instruction]


def image_settings(stage):
    """The settings that an image brings along."""
    return dict(pair.split("=", 1) for argument in of_image(stage, "ENV") for pair in shlex.split(argument))


# === compose ===


def env_file(path):
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose(name):
    return documents(DEPLOY / "compose" / f"{name}.yaml")[0]


def compose_samples(name, *overrides):
    """The services that are made of our images, by their names."""
    samples = {}
    services = compose(name)["services"]
    for override in overrides:
        services = merged(services, compose(override)["services"])
    for service, facts in services.items():
        if "build" not in facts:
            continue
        stage = facts["build"]["target"]
        secrets = {}
        for entry in facts.get("env_file", []):
            # What is not required is not there at first.
            if isinstance(entry, str):
                secrets.update(env_file(DEPLOY / "compose" / f"{entry}.example"))
        settings = {**image_settings(stage), **facts["environment"]}
        samples[service] = Sample(PROGRAMS[stage], settings, seconds(facts["stop_grace_period"]), secrets)
    return samples


# === Kubernetes ===


def merged(base, patch):
    """A value with a patch, by the rules that compose and kustomize share: lists grow, by names where these have them."""
    if isinstance(base, dict) and isinstance(patch, dict):
        both = {key: merged(base.get(key), value) for key, value in patch.items() if value is not None}
        return {**{key: value for key, value in base.items() if key not in patch}, **both}
    if isinstance(base, list) and isinstance(patch, list):
        if not all(isinstance(entry, dict) for entry in [*base, *patch]):
            return [*base, *(entry for entry in patch if entry not in base)]
        key = "mountPath" if any("mountPath" in entry for entry in patch) else "name"
        new = {entry[key]: entry for entry in patch}
        old = [merged(entry, new.pop(entry.get(key), {})) for entry in base]
        return [*old, *new.values()]
    return patch


def kustomized(folder):
    """The objects of a kustomization, as `kubectl kustomize` puts them together, but for names of generated ones."""
    (facts,) = documents(folder / "kustomization.yaml")
    objects = []
    for resource in facts["resources"]:
        path = folder / resource
        objects += kustomized(path.resolve()) if path.is_dir() else documents(path)
    for patch in facts.get("patches", []):
        (patch,) = documents(folder / patch["path"])
        (target,) = [each for each in objects if is_the_same(each, patch)]
        objects[objects.index(target)] = merged(target, patch)
    for generated in facts.get("configMapGenerator", []):
        data = {Path(file).name: (folder / file).read_text() for file in generated["files"]}
        objects.append({"kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data})
    return objects


def is_the_same(one, other):
    return one["kind"] == other["kind"] and one["metadata"]["name"] == other["metadata"]["name"]


def of_kind(objects, kind):
    """The objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def kubernetes_samples(name):
    """The containers of the Deployments, by the names of these."""
    samples = {}
    for deployment, facts in of_kind(kustomized(KUBERNETES / name), "Deployment").items():
        pod = facts["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        (stage,) = [stage for stage, program in PROGRAMS.items() if program == container["image"]]
        settings = image_settings(stage)
        settings.update({entry["name"]: entry["value"] for entry in container["env"] if "value" in entry})
        secrets = {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in container["env"] if "value" not in entry}
        samples[deployment] = Sample(container["image"], settings, pod["terminationGracePeriodSeconds"], secrets)
    return samples


# === systemd ===


def unit(name, *drop_ins):
    """The lines of a unit and of what is dropped in: `{"ExecStart": ["..."], ...}`."""
    read = {}
    for path in [SYSTEMD / f"{name}.service", *drop_ins]:
        for line in path.read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                read.setdefault(key, []).append(value)
    return read


def systemd_sample(name, *drop_ins):
    lines = unit(name, *drop_ins)
    settings = dict(line.split("=", 1) for line in lines["Environment"])
    required = [file for file in lines.get("EnvironmentFile", []) if not file.startswith("-")]
    (start,) = lines["ExecStart"]
    secrets = {"DATABASE_URL": "", "RUST_API_BEARER": ""} if required else {}
    return Sample(Path(start).name, settings, seconds(lines["TimeoutStopSec"][0]), secrets)


# === all of them ===

UNITS = ["chat-gateway", "gateway-core", "gateway-edge"]
# Every way that a sample has to run the gateway.
FORMS = {
    "compose one-process": lambda: compose_samples("one-process"),
    "compose edge-and-core": lambda: compose_samples("edge-and-core"),
    "kubernetes one-process": lambda: kubernetes_samples("one-process"),
    "kubernetes edge-and-core": lambda: kubernetes_samples("edge-and-core"),
    "systemd one process": lambda: {"gateway": systemd_sample("chat-gateway")},
    "compose edge-and-core with TLS": lambda: compose_samples("edge-and-core", "edge-and-core.tls"),
    "kubernetes edge-and-core with TLS": lambda: kubernetes_samples("edge-and-core-tls"),
    "systemd edge and core with TLS": lambda: {
        name: systemd_sample(f"gateway-{name}", SYSTEMD / "tls" / f"gateway-{name}.conf") for name in ("core", "edge")
    },
    "systemd edge and core": lambda: {name: systemd_sample(f"gateway-{name}") for name in ("core", "edge")},
}
