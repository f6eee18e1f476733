"""What the programs say of themselves, and whether the README says the same.

With UPDATE_SNAPSHOTS=1 in the environment the committed texts are written anew.
"""

import os
import re
import subprocess

import pytest

from programs import BIN_DIR, REPOSITORY

HELP = REPOSITORY / "deploy" / "help"
PROGRAMS = ["chat-gateway", "gateway-core", "gateway-edge"]
SETTING = re.compile(r"\[env: (\w+)\](?:\s+\[default: (.*)\])?")


def said_by(program):
    environment = {"PATH": os.environ["PATH"]}
    ran = subprocess.run([BIN_DIR / program, "--help"], capture_output=True, text=True, env=environment, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_help_is_as_committed(program):
    committed, text = HELP / f"{program}.txt", said_by(program)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        committed.parent.mkdir(exist_ok=True)
        committed.write_text(text)
    assert committed.read_text() == text, "UPDATE_SNAPSHOTS=1 in the environment of this test writes it anew"


def test_the_readme_lists_every_setting_with_its_default():
    settings = {}
    for program in PROGRAMS:
        settings.update(SETTING.findall(said_by(program)))
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    listed = {name: re.sub(r"^`(.*)`$", r"\1", default) for name, default in rows}
    assert len(settings) > 25
    assert sorted(listed) == sorted(settings)
    # Without a default of its own a setting tells in words what happens.
    for name, default in settings.items():
        if default not in ("", '""'):
            assert listed[name] == default, name
