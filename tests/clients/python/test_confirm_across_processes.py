"""The confirm step of public memory: a token outlives its process, counts in another one, and counts once."""

from concurrent.futures import ThreadPoolExecutor

import requests

from programs import BEARER, Gateway


def run_tool(gateway, arguments):
    headers = {"Authorization": f"Bearer {gateway.token}", "SPASS-User-Id": "ann"}
    body = {"name": "memory_remember", "arguments": arguments}
    return requests.post(f"{gateway.http_url}/v1/tools/execute", json=body, headers=headers, timeout=30)


def ask(gateway, key):
    arguments = {"key": key, "value": "v", "visibility": "public"}
    answer = run_tool(gateway, arguments)
    assert answer.status_code == 200, answer.text
    return {**arguments, "confirm_token": answer.json()["result"]["confirm_token"]}


def refusal(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_a_token_outlives_a_kill(start):
    first = start(Gateway, "gateway")
    confirmed = ask(first, "k")
    first.kill()
    second = start(Gateway, "gateway")
    assert run_tool(second, confirmed).json()["result"]["stored"] is True
    assert refusal(run_tool(second, confirmed)) == (400, "memory_confirm_required")


def test_two_processes_on_one_database_have_one_winner(start, postgres_url):
    shared = {"DATABASE_URL": postgres_url, "RUST_API_BEARER": BEARER}
    gateways = [start(Gateway, f"gateway-{number}", **shared) for number in (1, 2)]
    for gateway in gateways:
        gateway.token = BEARER
    with ThreadPoolExecutor(8) as pool:
        for round_number in range(10):
            confirmed = ask(gateways[round_number % 2], f"k{round_number}")
            at_once = [pool.submit(run_tool, gateways[number % 2], confirmed) for number in range(8)]
            statuses = sorted(answer.result().status_code for answer in at_once)
            assert statuses == [200] + [400] * 7
