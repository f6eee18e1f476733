"""A real Prometheus that scrapes gateways, and the expressions of the files that come with the gateway."""

import json
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

from deploy_samples import DEPLOY
from programs import wait_until

ALERTS = DEPLOY / "prometheus" / "alerts.yaml"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
# What Grafana would put in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}
# Of two scrapes of a target, with something to spare.
MOST_SECONDS_APART = 1.5
SELECTOR = re.compile(r"\b((?:gateway|process)_\w+|up\b)(\{[^}]*\})?")


class Prometheus:
    """The server of Debian's package, which scrapes these addresses every second."""

    def __init__(self, folder, targets):
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = "http://127.0.0.1:{}".format(free.getsockname()[1])
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [urllib.parse.urlsplit(url).netloc]}]}
            for job, url in targets.items()
        ]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": jobs}
        config["rule_files"] = [str(ALERTS)]
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.targets = targets
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--web.listen-address=" + urllib.parse.urlsplit(self.url).netloc], stdout=log, stderr=log
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def query(self, expression):
        """The series that an expression finds now."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    def wait_until_scraped(self):
        """Waits until every target was scraped twice from now on: what happened before is known, with what was before it."""
        began = float(self.query_patiently("time()")[1])

        def is_scraped():
            at = self.query("min(timestamp(up))")
            ups = self.query("sum(up)")
            value = lambda found: float(found[0]["value"][1]) if found else 0
            return value(ups) == len(self.targets) and value(at) > began + MOST_SECONDS_APART

        wait_until(is_scraped, "Prometheus scrapes", 60)

    def query_patiently(self, expression):
        def answer():
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self.query(expression)
            except (urllib.error.URLError, ConnectionError):
                return None

        return wait_until(answer, "Prometheus answers", 60)


def in_dashboard(expression):
    """An expression of the dashboard as Grafana would send it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def panels():
    """The panels of the dashboard that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def alerts():
    """The alerts by name."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def selectors(expression):
    """The selectors within an expression, without the time that they look back."""
    return {name + (labels or "") for name, labels in SELECTOR.findall(re.sub(r"\bby \([^)]*\)", "", expression))}


def promtool(*arguments, input=None):
    """Runs Prometheus's own tool, and gives what it says; it must find nothing wrong."""
    ran = subprocess.run(["promtool", *map(str, arguments)], input=input, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def exposition(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()
