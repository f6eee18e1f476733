"""The first five minutes: start it, copy the line that it prints, get an answer."""

import json
import subprocess

from programs import Gateway


def test_the_printed_curl_line_gives_an_answer(gateway):
    ran = subprocess.run(["bash", "-c", gateway.curl_line], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"].endswith("You said: Hello")


def test_a_second_start_shows_the_same_token(start):
    first = start(Gateway, folder="one")
    first.stop()
    second = start(Gateway, folder="one")
    assert first.token.startswith("sk-")
    assert second.token == first.token


def test_another_data_folder_has_another_token(start, gateway):
    assert start(Gateway).token != gateway.token


def test_no_secret_is_logged(gateway):
    subprocess.run(["bash", "-c", gateway.curl_line], capture_output=True, check=True, timeout=30)
    assert gateway.token not in gateway.log.read_text()
