"""Backup and restore of both databases, by the commands that the operator's guide gives."""

import re
import subprocess

import requests

from deploy_samples import DEPLOY
from programs import BEARER, BIN_DIR, Core, Edge, Gateway, wait_until

GUIDE = (DEPLOY / "README.md").read_text()


def sh(command, **environment):
    """Runs a command of the guide, which must be there as it is run but for where things are."""
    ran = subprocess.run(["sh", "-euc", command], capture_output=True, text=True, env=environment, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def of_guide(begin, **places):
    """The line of the guide that begins so, with other places in it."""
    (line,) = re.findall(rf"^{re.escape(begin)}.*$", GUIDE, re.MULTILINE)
    for place, value in places.items():
        assert place in line
        line = line.replace(place, str(value))
    return line


class Client:
    def __init__(self, url, token):
        self.url, self.headers = url, {"Authorization": f"Bearer {token}"}

    def begin_conversation(self):
        body = {"model": "demo", "message": "Hello"}
        answer = requests.post(f"{self.url}/c1/chat", json=body, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-conversation-id"]

    def has(self, conversation):
        answer = requests.get(f"{self.url}/c1/conversations/{conversation}", headers=self.headers, timeout=30)
        assert answer.status_code in (200, 404)
        return answer.status_code == 200

    def requests_booked(self):
        answer = requests.get(f"{self.url}/v1/usage", headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return sum(row["requests"] for row in answer.json()["items"])


def check_what_is_back(client, kept, lost, booked):
    assert client.has(kept) and not client.has(lost)
    # What is new is stored and counted again.
    assert client.has(client.begin_conversation())
    wait_until(lambda: client.requests_booked() >= booked + 1, "usage is booked again")


def test_sqlite(start, tmp_path):
    data, file = tmp_path / "data", tmp_path / "2026-11-26.db"
    gateway = start(Gateway, DATA_DIR=data)
    client = Client(gateway.http_url, gateway.token)
    kept = client.begin_conversation()
    wait_until(lambda: client.requests_booked() == 1, "usage is booked")
    backup = of_guide("chat-gateway backup", **{"chat-gateway ": f"{BIN_DIR}/chat-gateway ", "/backup/gateway.db": file})
    sh(backup, DATA_DIR=str(data))
    lost = client.begin_conversation()
    gateway.stop()
    sh(of_guide("rm -f /var/lib/chat-gateway/gateway.db-wal", **{"/var/lib/chat-gateway": data}))
    sh(of_guide("cp /backup/gateway.db", **{"/backup/gateway.db": file, "/var/lib/chat-gateway": data}))
    again = start(Gateway, DATA_DIR=data)
    check_what_is_back(Client(again.http_url, again.token), kept, lost, 1)


def test_postgres(start, tmp_path, postgres):
    file = tmp_path / "gateway.dump"
    url, empty = postgres.create_database("to_back_up"), postgres.create_database("restored")
    core = start(Core, DATABASE_URL=url)
    edge = start(Edge, CORE_URL=core.url)
    client = Client(edge.http_url, BEARER)
    kept = client.begin_conversation()
    wait_until(lambda: client.requests_booked() == 1, "usage is booked")
    path = {"PATH": "/usr/bin:/bin"}
    sh(of_guide("pg_dump", **{"/backup/gateway.dump": file}), DATABASE_URL=url, **path)
    lost = client.begin_conversation()
    edge.stop()
    core.stop()
    sh(of_guide("pg_restore", **{"/backup/gateway.dump": file}), DATABASE_URL=empty, **path)
    again = start(Core, folder=core.folder.name, DATABASE_URL=empty)
    edge = start(Edge, CORE_URL=again.url)
    check_what_is_back(Client(edge.http_url, BEARER), kept, lost, 1)
