"""The manifests for Kubernetes: every name in them finds what it stands for, and no pod may more than it needs."""

import re
import shutil
import subprocess

import pytest
import yaml

from deploy_samples import KUBERNETES, kubernetes_samples, kustomized, of_kind

OVERLAYS = ["edge-and-core", "one-process"]


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
