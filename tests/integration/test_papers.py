"""What a compliance officer takes out of two nodes after a round: the log in words, exports, certificates, reports.

The nodes are real and have had one round; the files are checked as a stranger checks them, from their bytes alone.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.audit.certificate import verify_certificate
from node.audit.export import verify_export
from node.audit.verdicts import export_page
from node.errors import NotFound, UserError
from node.operations import person_report
from tests.support.nodes import Running, three
from tests.support.small_rounds import plant, run_through

REFERENCE = "S-8"
"""One of the three that both sides hold."""


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running, str]]:
    folder = tmp_path_factory.mktemp("papers")
    with three(folder) as (shelter, police, board):
        plant(folder, shelter, police)
        round_id = run_through(board, shelter, police)
        yield shelter, police, round_id


def handles(node: Running, round_id: str) -> set[str]:
    leads = node.ask("round.results", round=round_id)["leads"]
    return {agreement["handle"] for lead in leads for agreement in lead["agreements"]}


def files(folder: Path) -> Path:
    """A name that does not exist yet."""
    return folder / "log.jsonl"


def test_what_happened_is_told_in_two_languages_and_found_by_filters(trio: tuple[Running, Running, str]) -> None:
    shelter, police, round_id = trio
    shown = shelter.ask("audit.show", round=round_id[:8], event=["round-signed"], lang="de")["entries"]
    assert len(shown) == 2
    assert all("Die Vereinbarung der Runde" in one["sentence"] and round_id[:8] in one["sentence"] for one in shown)
    assert {"Shelter", "Police"} == {
        one["sentence"].split("unterschrieben für ")[1].split(",")[0].rstrip(".") for one in shown
    }
    by_ada = shelter.ask("audit.show", staff="ada")["entries"]
    assert by_ada
    assert all("ada" in (one["facts"].get("by"), one["facts"].get("second")) for one in by_ada)
    with_police = shelter.ask("audit.show", member="police")["entries"]
    member_id = police.parts.identity.member_id
    assert with_police
    assert all(member_id in (one["facts"].get("member"), one["facts"].get("peer")) for one in with_police)
    assert shelter.ask("audit.show", since="2999-01-01")["entries"] == []
    assert shelter.ask("audit.show", until="2000-01-01")["entries"] == []
    first = shelter.ask("audit.show", limit=1)
    assert len(first["entries"]) == 1
    assert first["next"] == 1


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"event": ["no-such-event"]}, UserError),
        ({"since": "yesterday"}, UserError),
        ({"until": "2026-13-01"}, UserError),
        ({"member": "nobody"}, NotFound),
        ({"round": "ffff"}, NotFound),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    trio: tuple[Running, Running, str], asked: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        trio[0].ask("audit.show", **asked)


@pytest.mark.tm("TM-223")
def test_whatever_is_read_or_taken_away_stands_in_the_log_first(
    trio: tuple[Running, Running, str], tmp_path: Path
) -> None:
    shelter, _police, round_id = trio
    taken = {
        "audit-read": lambda: shelter.ask("audit.show", by="dora"),
        "audit-exported": lambda: shelter.ask("audit.export", file=str(files(tmp_path)), by="dora"),
        "certificate-made": lambda: shelter.ask("audit.certificate", round=round_id, by="dora"),
        "report-made": lambda: shelter.ask("report.round", round=round_id, by="dora"),
    }
    for event, take in taken.items():
        before = shelter.parts.audit.size()
        take()
        (entry,) = [one for one in shelter.parts.audit.entries(first=before) if one.event == event]
        assert entry.facts["by"] == "dora"


@pytest.mark.tm("TM-223")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_what_cannot_be_noted_is_not_given_out(
    trio: tuple[Running, Running, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotaged: bool
) -> None:
    """With the twin, which does not note what it gives away, everything is given out."""
    shelter, _police, round_id = trio

    def refused(*_arguments: Any, **_facts: Any) -> int:
        if sabotaged:
            return 0
        raise OSError("disk full")

    monkeypatch.setattr(shelter.parts.audit, "append", refused)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("audit.show", {"by": "eve"}),
        ("audit.export", {"file": str(files(tmp_path)), "by": "eve"}),
        ("report.round", {"round": round_id, "by": "eve"}),
        ("report.person", {"record": REFERENCE, "by": "eve"}),
        ("report.period", {"since": "2000-01-01", "until": "2999-01-01", "by": "eve"}),
    ]
    for operation, request in asked:
        if sabotaged:
            assert shelter.ask(operation, **request)
        else:
            with pytest.raises(OSError, match="disk full"):
                shelter.ask(operation, **request)
    assert files(tmp_path).exists() is sabotaged


def test_reading_an_unchanged_log_again_is_one_reading(trio: tuple[Running, Running, str]) -> None:
    shelter, *_ = trio
    shelter.ask("audit.show", by="dora")
    size = shelter.parts.audit.size()
    shelter.ask("audit.show", by="dora")
    assert shelter.parts.audit.size() == size
    shelter.ask("audit.show", by="emil")
    assert shelter.parts.audit.size() == size + 1


def test_the_export_of_a_log_holds_for_a_stranger(trio: tuple[Running, Running, str], tmp_path: Path) -> None:
    shelter, police, _round_id = trio
    reply = shelter.ask("audit.export", file=str(files(tmp_path)), by="dora")
    lines = files(tmp_path).read_bytes().splitlines()
    seen: list[Any] = []
    report = verify_export(lines, seen.append)
    assert report.ok, report.problems
    assert len(seen) == reply["entries"] == report.size
    assert seen[-1]["event"] == "audit-exported"
    assert f"entries 0 to {len(seen) - 1} (" in str(export_page(report, "en"))
    assert f"Einträge 0 bis {len(seen) - 1} (" in str(export_page(report, "de"))
    assert {one.other.member_id for one in report.cosigned} == {police.parts.identity.member_id}
    with pytest.raises(UserError, match="already a file"):
        shelter.ask("audit.export", file=str(files(tmp_path)), by="dora")
    shared = tmp_path / "shared.jsonl"
    shelter.ask("audit.share", file=str(shared), member="police", by="dora")
    of_share = verify_export(shared.read_bytes().splitlines())
    assert of_share.ok
    assert of_share.hidden
    assert "by their hash alone" in str(export_page(of_share, "en"))
    assert "nur mit ihrer Prüfsumme" in str(export_page(of_share, "de"))
    part = tmp_path / "part.jsonl"
    shelter.ask("audit.export", file=str(part), by="dora", first=5)
    assert verify_export(part.read_bytes().splitlines()).ok


@pytest.mark.tm("TM-221")
def test_both_sides_certify_the_same_lead(trio: tuple[Running, Running, str]) -> None:
    shelter, police, round_id = trio
    shared = handles(shelter, round_id)
    assert shared == handles(police, round_id)
    handle = min(shared)
    for node in (shelter, police):
        made = node.ask("audit.certificate", round=round_id, handle=handle, by="dora", lang="de")
        report = verify_certificate(made["text"].encode())
        assert report.ok, report.problems
        assert report.statement["handle"] == handle
        assert report.statement["keys"] == ["phone"]
        assert len(report.signed) == 2
        assert 0 < report.covered() < len(report.entries)
        assert "Hält stand, und ein anderes Mitglied bürgt dafür" in made["page"]["title"]
        assert REFERENCE not in made["text"]
    with pytest.raises(NotFound, match="match handle"):
        shelter.ask("audit.certificate", round=round_id, handle="0" * 16, by="dora")


@pytest.mark.tm("TM-224")
def test_only_a_full_certificate_tells_how_many_records_agreed(trio: tuple[Running, Running, str]) -> None:
    shelter, _police, round_id = trio
    told = {"hits", "released", "withheld", "records"}
    for full in (False, True):
        made = shelter.ask("audit.certificate", round=round_id, by="dora", full=full)
        report = verify_certificate(made["text"].encode())
        assert report.ok
        facts = {name for entry in report.entries for name in entry["facts"]}
        assert bool(facts & told) is full
        events = {entry["event"] for entry in report.entries}
        assert ("overlap-learned" in events) is full


@pytest.mark.tm("TM-226")
@pytest.mark.parametrize("lang", ["en", "de"])
def test_a_person_is_told_what_was_done_and_shown_no_identifier(trio: tuple[Running, Running, str], lang: str) -> None:
    shelter, police, round_id = trio
    before = shelter.parts.audit.size()
    reply = shelter.ask("report.person", record=REFERENCE, by="dora", lang=lang)
    text = json.dumps(reply["page"], ensure_ascii=False)
    assert reply["figures"]["datasets"] == 1
    (one,) = reply["figures"]["rounds"]
    assert one["round_id"] == round_id
    assert one["with"] == police.parts.identity.member_id
    assert [lead["status"] for lead in one["leads"]] == ["released"]
    assert "Police" in text
    assert ("freigegeben" if lang == "de" else "released") in text
    assert "+49309018" not in text
    assert REFERENCE not in text
    entries = shelter.parts.audit.entries(first=before)
    assert [entry.event for entry in entries] == ["report-made"]
    assert REFERENCE not in str(entries[0].facts)


@pytest.mark.tm("TM-226")
def test_a_report_that_named_an_identifier_would_be_found(
    trio: tuple[Running, Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: a report that shows what is held fails the check above."""
    monkeypatch.setattr(person_report, "_consent", lambda record, _language: [str(record.identifiers)])
    reply = trio[0].ask("report.person", record=REFERENCE, by="dora")
    assert "+49309018" in json.dumps(reply["page"])


@pytest.mark.parametrize("lang", ["en", "de"])
def test_a_person_of_whom_nothing_is_known_and_one_who_agreed_with_nobody(
    trio: tuple[Running, Running, str], lang: str
) -> None:
    shelter, *_ = trio
    nothing = shelter.ask("report.person", record="S-4711", by="dora", lang=lang)
    assert nothing["figures"] == {"datasets": 0, "rounds": [], "erased_at": None}
    text = json.dumps(nothing["page"], ensure_ascii=False)
    assert ("nichts" if lang == "de" else "holds nothing") in text
    alone = shelter.ask("report.person", record="S-0", by="dora", lang=lang)
    assert [one["leads"] for one in alone["figures"]["rounds"]] == [[]]


def test_a_round_and_a_period_say_who_learned_what(trio: tuple[Running, Running, str]) -> None:
    shelter, police, round_id = trio
    member_id = police.parts.identity.member_id
    of_round = shelter.ask("report.round", round=round_id, by="dora")
    assert of_round["figures"]["we_learned_records"] == 3
    assert of_round["figures"]["records_released"] == 3
    text = json.dumps(of_round["page"], ensure_ascii=False)
    assert "3 of its own records agree" in text
    assert "A person here released 3 records to Police" in text
    period = shelter.ask("report.period", since="2000-01-01", until="2999-01-01", member="police", by="dora")
    assert period["figures"]["members"][member_id]["rounds"] == 1
    assert period["figures"]["members"][member_id]["records_released"] == 3
    empty = shelter.ask("report.period", since="2000-01-01", until="2000-01-02", by="dora", lang="de")
    assert empty["figures"]["members"] == {}
    assert "Niemand erfuhr etwas" in json.dumps(empty["page"])
    with pytest.raises(UserError, match="before it begins"):
        shelter.ask("report.period", since="2026-02-01", until="2026-01-01", by="dora")
