"""The previous release and today's code as two processes in one round, either way round, and over an update of one.

The code of the previous release comes out of this repository's history; in a checkout without it these tests skip. Both
run on the packages that are installed here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.rpc.control_client import ControlClient
from tests.support import node_life
from tests.support.nodes import introduce, wait_for
from tests.support.ports import free_port
from tests.support.releases import PREVIOUS, PREVIOUS_COMMIT, snapshot
from tests.support.small_rounds import agree, check, decide, go, plant
from tests.support.tree import ROOT

pytestmark = [pytest.mark.ci, pytest.mark.tm("TM-261")]

START_SECONDS = 120.0
STOP_SECONDS = 20.0


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the previous release."""
    folder = tmp_path_factory.mktemp("earlier")
    try:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", PREVIOUS_COMMIT], capture_output=True, check=True, timeout=60
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"the history of this checkout does not hold {PREVIOUS} ({PREVIOUS_COMMIT[:7]})")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True, timeout=60)
    return folder


@dataclass
class Office:
    """A node that runs with the code in `tree`."""

    alias: str
    folder: Path
    tree: Path
    client: ControlClient = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cli", "node", *words, "--folder", str(self.folder)]

    @property
    def _place(self) -> dict[str, Any]:
        # -m looks in the current folder first, and an editable installation only after PYTHONPATH.
        return {"cwd": self.tree, "env": os.environ | {"PYTHONPATH": str(self.tree)}, "stdin": subprocess.DEVNULL}

    def make(self, member_class: str) -> None:
        words = ["--name", self.alias.capitalize(), "--class", member_class, "--country", "DE", "--language", "de",
                 "--contact", "The office", "--endpoint", f"127.0.0.1:{free_port()}", "--no-passphrase"]  # fmt: skip
        subprocess.run(self._command("init", *words), **self._place, check=True, capture_output=True, timeout=120)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command("run"), **self._place, stdout=log, stderr=subprocess.STDOUT)
        node_life.wait_until_up(self.process, self.ask, self._log, seconds=START_SECONDS)

    def stop(self) -> None:
        node_life.stop(self.process, seconds=STOP_SECONDS)

    def ask(self, operation: str, **request: Any) -> Any:
        return self.client.call(operation, request, timeout_seconds=300)

    def state(self, round_id: str) -> str:
        return str(self.ask("round.status", round=round_id)["round"]["state"])


@contextmanager
def offices(folder: Path, trees: dict[str, Path]) -> Iterator[tuple[Office, Office]]:
    """A shelter and a police unit, running, each with its code; introduced and with data."""
    with ExitStack() as stack:
        made = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            office = Office(alias, folder / alias, trees[alias])
            office.make(member_class)
            office.client = stack.enter_context(ControlClient(office.folder))
            office.start()
            stack.callback(office.stop)
            made.append(office)
        shelter, police = made
        introduce(shelter, police)  # type: ignore[arg-type]
        plant(folder, shelter, police)
        yield shelter, police


def versions(office: Office) -> dict[str, str]:
    return dict(office.ask("node.status")["versions"])


def to_the_end(shelter: Office, police: Office, round_id: str) -> None:
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)
    for office in (shelter, police):
        assert office.ask("audit.verify")["ok"]


@pytest.mark.parametrize("older", ["shelter", "police"])
def test_two_releases_finish_a_round_and_the_older_one_is_updated_in_the_next(
    earlier: Path, tmp_path: Path, older: str, record_property: Any
) -> None:
    """One round with the old code on one side; another in whose middle that side is updated."""
    trees = {"shelter": ROOT, "police": ROOT} | {older: earlier}
    with offices(tmp_path, trees) as (shelter, police):
        side = shelter if older == "shelter" else police
        assert versions(side)["software"] == PREVIOUS
        same = versions(shelter)["normaliser"] == versions(police)["normaliser"]
        if older == "shelter":  # the code that asks is today's
            assert bool(police.ask("member.check", name="shelter")["apart"]) is not same
        round_id = agree(shelter, shelter, police) if same else refused_by_both(shelter, police)
        if not same:
            return
        go(shelter, round_id)
        to_the_end(shelter, police, round_id)
        second = agree(shelter, shelter, police)
        go(shelter, second)
        wait_for(lambda: shelter.state(second) == "deciding")
        side.stop()
        side.tree = ROOT
        side.start()
        assert versions(side)["software"] != PREVIOUS
        to_the_end(shelter, police, second)
        record_property("ran", f"two rounds between {PREVIOUS} (the {older}) and today's code, one over its update")


def test_the_older_code_refuses_what_the_newer_one_has_opened(earlier: Path, tmp_path: Path) -> None:
    """What the new one stores from then on the old one would take for damage, and end a round or lose a data set."""
    office = Office("shelter", tmp_path / "shelter", earlier)
    office.make("ngo")
    for tree in (earlier, ROOT):
        office.tree = tree
        with ControlClient(office.folder) as office.client:
            office.start()
            office.stop()
    before = files(office.folder)
    office.tree = earlier
    with (
        ControlClient(office.folder) as office.client,
        pytest.raises(AssertionError, match=r"was written by a newer blindmatch\. Nothing was changed"),
    ):
        office.start()
    assert files(office.folder) == before


def files(folder: Path) -> dict[str, bytes | None]:
    return {path: content for path, (_time, content) in snapshot(folder).items()}


def refused_by_both(shelter: Office, police: Office) -> str:
    """With another normaliser there is no round, and whoever signs first reads who is to update."""
    from node.errors import RefusedByPolicy

    with pytest.raises(RefusedByPolicy, match="normaliser") as caught:
        agree(shelter, shelter, police)
    assert "update" in caught.value.diagnostics()
    return ""
