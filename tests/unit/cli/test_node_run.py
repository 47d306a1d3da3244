"""Who starts a node and at once thinks better of it is heard, also while it waits for its folder."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

CODE = """
import signal, sys
from pathlib import Path
import node.app, node.hardening
from cli.node import run
from cli._session import Session
from node.errors import Busy

attempts = 0

def struck(where):
    if where == "{where}" and attempts == 1:
        signal.raise_signal(signal.{name})

def run_node(*_arguments, **_named):
    global attempts
    attempts += 1
    struck("attempt")
    if attempts > 2:
        print("serves")
        sys.exit(1)
    raise Busy("Another command has the folder.")

def node_answers(_session):
    struck("question")
    return False

node.app.run_node = run_node
Session.node_answers = node_answers
Session.passphrase = lambda _session, starts: None
{sabotage}
run(Path("{folder}"), None, None)
print(attempts)
"""


def said(folder: Path, where: str, name: str, sabotage: str = "") -> str:
    code = CODE.format(where=where, name=name, folder=folder, sabotage=sabotage)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.tm("TM-141")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("where", ["attempt", "question"])
def test_a_node_that_waits_for_its_folder_is_ended(tmp_path: Path, where: str, name: str) -> None:
    assert said(tmp_path, where, name) == "1\n"


def test_sabotaged_twin_that_does_not_listen_between_two_attempts_serves_all_the_same(tmp_path: Path) -> None:
    deaf = "node.hardening.Told.wait = lambda *_: False"
    assert said(tmp_path, "attempt", "SIGTERM", deaf) == "serves\n"
