"""The compliance officer's hour: the commands of README, as they stand there, on a node with a year behind it.

The node is made by rounds of which the test knows what is true (`tests/support/busy_node.py`); each answer is compared
with that. Twelve rounds in `make test`, two hundred in `.ci/run`.
"""

import contextlib
import io
import json
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cli._exit import Exit
from cli.main import main
from node.agreement.terms import moment
from node.store.schema import audit_entries
from tests.support.busy_node import CLIENTS, RELEASED, Year, busy_year
from tests.support.sought import places_of
from tests.support.tree import ROOT

pytestmark = pytest.mark.tm("TM-241")

HEADING = "## The compliance officer's hour"
LONGEST_SECONDS = 30.0
"""Longest that one answer may take, in seconds, on a machine that does other things as well."""


def script() -> list[str]:
    """The commands of the section, in order."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for line in block.splitlines() if line.startswith("blindmatch ")]


@dataclass
class Said:
    code: int
    text: str
    seconds: float

    @property
    def line(self) -> str:
        """All of it on one line: where lines break says nothing."""
        return " ".join(self.text.split())


@dataclass
class Officer:
    """Runs commands at one node as a person does, and keeps what was said."""

    year: Year
    folder: Path
    said: dict[str, Said]

    def run(self, *words: str) -> Said:
        output, began = io.StringIO(), time.monotonic()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main([*words])
        return Said(code, output.getvalue(), time.monotonic() - began)

    def answer(self, begins: str) -> Said:
        """The answer to the only command of the script that begins so."""
        (found,) = [said for line, said in self.said.items() if line.startswith(f"blindmatch {begins}")]
        return found


def as_meant(line: str, year: Year, folder: Path) -> list[str]:
    """The words of a command, with the round, the days and the files of this node in the places of README's."""
    today = datetime.now(UTC).date()
    places = {
        "4f1c": year.truth.finished[-1][:8],
        "2026-07-01": (today - timedelta(days=91)).isoformat(),
        "2026-10-01": (today + timedelta(days=1)).isoformat(),
        "our-log.jsonl": str(folder / "our-log.jsonl"),
        "their-log.jsonl": str(folder / "their-log.jsonl"),
    }
    return [places.get(word, word) for word in shlex.split(line, comments=True)[1:]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(12, id="12 rounds"),
        pytest.param(200, id="200 rounds", marks=[pytest.mark.ci, pytest.mark.timeout(900)]),
    ],
)
def officer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Officer]:
    folder = tmp_path_factory.mktemp("hour")
    with pytest.MonkeyPatch.context() as patch, busy_year(folder, request.param) as year:
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "200")
        year.river.ask("audit.share", member="harbour", file=str(folder / "their-log.jsonl"), by="vera")
        patch.setenv("BLINDMATCH_STATE", str(folder / "harbour"))
        made = Officer(year, folder, {})
        for line in script():
            made.said[line] = made.run(*as_meant(line, year, folder))
        yield made


def test_the_script_answers_everything_in_time(officer: Officer, record_property: Any) -> None:
    truth = officer.year.truth
    assert len(officer.year.harbour.parts.book.all()) == truth.rounds
    # One rule says no today: River is frozen.
    failed = {line: said for line, said in officer.said.items() if said.code}
    assert set(failed) == {the_line("policy explain")}
    assert failed[the_line("policy explain")].code == Exit.NOT_ALLOWED
    assert "frozen" in officer.answer("policy explain").line
    assert len(officer.said) == len(script()) >= 16
    assert max(said.seconds for said in officer.said.values()) < LONGEST_SECONDS
    slowest = max(officer.said.values(), key=lambda said: said.seconds).seconds
    record_property(
        "ran",
        f"{len(officer.said)} commands on a node with {truth.rounds} rounds and "
        f"{officer.year.harbour.parts.audit.size()} entries; the slowest took {slowest:.1f} s",
    )


def test_no_answer_shows_a_person(officer: Officer) -> None:
    shown = {line for line, said in officer.said.items() for name in CLIENTS if name in said.text}
    assert shown == set()
    assert not [line for line, said in officer.said.items() if "9018" in said.text.replace(" ", "")]


def test_1_and_2_who_approved_and_on_what_basis(officer: Officer) -> None:
    report = officer.answer("report round").line
    assert "the basis of consent" in report
    assert "the basis of legal duty" in report
    signed = officer.answer("audit show --round").line
    assert "anna" in signed
    assert "bela" in signed
    assert "approvers" in officer.answer("policy explain").line


def test_3_and_4_how_many_took_part_and_whose_consent_lapsed(officer: Officer) -> None:
    found = json.loads(officer.run("round", "coverage", officer.year.truth.finished[-1][:8], "--json").text)["coverage"]
    # Two of fourteen were left out of the data set itself (no, ended), one was erased since.
    assert (found["records"], found["taking_part"]) == (len(CLIENTS) - 3, len(CLIENTS) - 5)
    assert {reason: number for reason, number in found["out"].items() if number} == {"withdrawn": 1, "receiver": 1}
    assert "the consent was taken back" in officer.answer("round coverage").line
    report = officer.answer("dataset report").line
    assert "The consent in this row has ended" in report
    assert "The person did not agree" in report


def test_5_both_logs_agree_and_a_changed_one_does_not(officer: Officer) -> None:
    assert officer.answer("audit reconcile").code == 0
    theirs = (officer.folder / "their-log.jsonl").read_text(encoding="utf-8")
    (officer.folder / "forged.jsonl").write_text(theirs.replace("finished", "cancelled", 1), encoding="utf-8")
    assert theirs != (officer.folder / "forged.jsonl").read_text(encoding="utf-8") or "finished" not in theirs
    lines = theirs.splitlines(keepends=True)
    cut = officer.folder / "cut.jsonl"
    cut.write_text("".join(lines[:3] + lines[4:]), encoding="utf-8")
    assert officer.run("audit", "reconcile", str(cut), "--by", "dpo").code != 0


def test_6_what_river_learned_this_quarter(officer: Officer) -> None:
    truth = officer.year.truth
    said = json.loads(officer.run(*as_meant(f"{the_line('report period')} --json", officer.year, officer.folder)).text)
    (figures,) = said["figures"]["members"].values()
    within = sum(started_within(officer, round_id) for round_id in truth.finished)
    assert figures["records_released"] == within * RELEASED
    assert f"{within * RELEASED}" in officer.answer("report period").line


def the_line(begins: str) -> str:
    (line,) = [line for line in script() if line.startswith(f"blindmatch {begins}")]
    return line


def started_within(officer: Officer, round_id: str) -> bool:
    first = datetime.now(UTC).date() - timedelta(days=91)
    ended = officer.year.harbour.parts.book.get(round_id).ended_at
    return ended is not None and ended[:10] >= first.isoformat()


def test_7_what_budget_is_left(officer: Officer) -> None:
    (member,) = json.loads(officer.run("budget", "show", "--json").text)["members"]
    assert member["member"] == "river"
    assert f"{officer.year.harbour.parts.budget.remaining(officer.year.river.parts.identity.member_id):,}" in (
        officer.answer("budget show").line
    )


def test_8_what_was_released_and_by_whom(officer: Officer) -> None:
    entries = json.loads(officer.run("audit", "show", "--event", "release-decided", "--limit", "1000", "--json").text)[
        "entries"
    ]
    assert [entry["facts"]["round_id"] for entry in entries] == officer.year.truth.finished
    assert {(entry["facts"]["by"], entry["facts"]["released"]) for entry in entries} == {("bela", RELEASED)}
    assert "bela" in officer.answer("audit show --event release-decided").line


def test_9_the_log_is_whole_and_river_vouches_for_it(officer: Officer) -> None:
    assert officer.answer("audit verify").code == 0
    assert "River" in officer.answer("audit witness").line or "river" in officer.answer("audit witness").line


def test_10_what_was_erased_and_when(officer: Officer) -> None:
    said = json.loads(officer.run("retention", "show", "--json").text)
    (erased,) = said["erasures"]
    assert (erased["by"], erased["second"], erased["counts"]["datasets"]) == ("anna", "bela", 1)
    # The oldest rounds gave leads too; their ninety days are over, and the node has deleted them.
    kept, deleted = ({one["round_id"] for one in said[name]} for name in ("kept", "deleted"))
    finished = officer.year.truth.finished
    assert kept == {round_id for round_id in finished if not outdated(officer, round_id)}
    assert kept | deleted >= set(finished)
    assert finished[0] in deleted
    assert "anna" in officer.answer("retention show").line


def outdated(officer: Officer, round_id: str) -> bool:
    found = officer.year.harbour.parts.book.get(round_id)
    days = found.manifest.member(officer.year.harbour.parts.identity.member_id).retention_days
    return found.ended_at is not None and moment(found.ended_at) + timedelta(days=days) <= datetime.now(UTC)


def test_what_waits_is_overdue_or_frozen(officer: Officer) -> None:
    truth = officer.year.truth
    waiting = officer.answer("approval list").line
    assert truth.waiting[:8] in waiting
    assert truth.urgent[:8] in waiting
    assert "FROZEN" in officer.answer("member list").line
    listed = officer.answer("round list").line
    assert truth.waiting[:8] in listed
    assert truth.frozen[:8] in listed


@pytest.mark.tm("TM-70")
def test_nothing_at_rest_and_no_backup_shows_a_person(officer: Officer) -> None:
    backup = officer.folder / "backup"
    officer.year.harbour.ask("node.backup", path=str(backup), by="anna")
    files = [path for path in (officer.folder / "harbour").rglob("*") if path.is_file()]
    assert {"db", "db-wal", "key"} <= {path.name for path in files}
    sought = [name.encode() for name in CLIENTS] + [b"+49309018", b"+49 30 9018"]
    assert [(path.name, one) for path in (*files, backup) for one in sought if one in path.read_bytes()] == []
    # The twin: in what the node itself reads there, they are.
    assert places_of(officer.year.harbour.parts, CLIENTS[9]) >= {"records", "results.body"}


@pytest.mark.tm("TM-237")
def test_a_record_is_erased_by_a_command_that_does_not_name_it(
    officer: Officer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for name, reference in (("there", CLIENTS[1]), ("not", "HS-99"), ("two", "HS-02\nHS-03")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{reference}\n".encode())))
        said[name] = officer.run("erase", "--record", "-", "--by", "anna", "--second", "bela")
    assert [one.code for one in said.values()] == [Exit.OK, Exit.NOT_FOUND, Exit.USER]
    assert said["there"].text.startswith("Erased.")
    assert "1 in data sets" in said["there"].line
    assert not [name for name in CLIENTS if name in "".join(one.text for one in said.values())]
    assert places_of(officer.year.harbour.parts, CLIENTS[1]) == set()


def test_a_log_that_was_touched_is_not_called_whole(officer: Officer) -> None:
    """The sabotaged twin, last: one entry is changed, and the same script says so."""
    with officer.year.harbour.parts.store.transaction() as tx:
        at = audit_entries.c.position == 3
        tx.execute(update(audit_entries).where(at).values(body=audit_entries.c.body + " "))
    assert officer.run("audit", "verify").code != 0
