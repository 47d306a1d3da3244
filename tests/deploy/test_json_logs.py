"""A node and a relay in processes of their own, told to log as JSON: every line is an object of listed fields.

The names of the organisations and the people in the data are canaries: they may be in none of them.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from node.facts import FACTS
from tests.support.canaries import Search
from tests.support.canary_watch import canaries
from tests.support.node_process import two_offices
from tests.support.relays import make_relay
from tests.support.small_rounds import OURS, THEIRS, plant, run_through
from tests.support.tree import ROOT

pytestmark = pytest.mark.tm("TM-254")

FIELDS = frozenset({*FACTS, "at", "level", "part", "event", "error", "library", "seconds"})
SLUG = re.compile(r"[a-z]+(-[a-z]+)*")


def problems(text: str, private: Iterable[str]) -> list[str]:
    """Why this is no log of listed fields; empty if it is."""
    found = [f"{word!r} is said" for word in private if word.lower() in text.lower()]
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            found.append(f"no JSON: {line[:60]}")
            continue
        if not isinstance(said, dict) or not {"at", "level", "event", "part"} <= set(said):
            found.append(f"no line of a log: {sorted(said)}")
            continue
        found += [f"the field {name} is not listed" for name in said if name not in FIELDS]
        found += [] if SLUG.fullmatch(said["event"]) else [f"the event {said['event']} is no fixed word"]
    return found


def test_a_relay_that_logs_json_says_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "relay"
    make_relay(folder)
    settings = folder / "relay.toml"
    settings.write_text(settings.read_text().replace("[relay]", '[relay]\nlog = "json"', 1))
    for words, is_json in (((), True), (("--log", "console"), False)):
        command = [sys.executable, "-m", "cli", "relay", "run", "--folder", str(folder), *words]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            first = process.stderr.readline()
        finally:
            process.send_signal(signal.SIGTERM)
            text = first + process.communicate(timeout=60)[1]
        assert process.returncode == 0
        assert (problems(text, ["joint relay"]) == []) is is_json, text
        if is_json:
            events = [json.loads(line)["event"] for line in text.splitlines()]
            assert (events[0], events[-1]) == ("relay-started", "relay-stopped")


@pytest.mark.ci
def test_a_whole_round_of_two_nodes_that_log_json(tmp_path: Path, record_property: Any) -> None:
    with two_offices(tmp_path, one="ngo", other="police", settings='log = "json"\n') as (one, other, _):
        plant(tmp_path, one, other)
        round_id = run_through(one, one, other)
        one.process.kill()  # a line that is broken off would be found
        one.process.wait()
        one.start()
        one.wait()
        assert one.state(round_id) == "finished"
        assert (one.stop(), other.stop()) == (0, 0)
    private = ["the office", *OURS, *THEIRS, "3090180", "9018 00"]
    lines = 0
    for alias in ("one", "other"):
        text = (tmp_path / f"{alias}.log").read_text()
        assert problems(text, private) == []
        assert Search(canaries()).findings("the log", text.encode()) == []
        lines += len(text.splitlines())
        assert json.loads(text.splitlines()[0])["event"] == "node-started"
        assert json.loads(text.splitlines()[-1])["event"] == "node-stopped"
    record_property("ran", f"a round of two nodes, {lines} lines of their logs")


GOOD = '{"at": "2026-01-02T03:04:05Z", "level": "info", "part": "node", "event": "node-started", "port": 7443}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Harbour House is running at 127.0.0.1:7443. Ctrl-C stops it.", "no JSON"),
        (GOOD.replace('"port"', '"phone"'), "the field phone is not listed"),
        (GOOD.replace("node-started", "Ioana came"), "the event Ioana came is no fixed word"),
        (GOOD.replace("7443", '"S-1"'), "'S-1' is said"),
        ('["node-started"]', "no line of a log"),
    ],
)
def test_twin_a_line_that_says_more_is_found(text: str, said: str) -> None:
    assert problems(GOOD, ["S-1"]) == []
    assert any(found.startswith(said) for found in problems(text, ["S-1"]))
