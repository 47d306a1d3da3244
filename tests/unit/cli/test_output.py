"""What others wrote is printed as data, and it fits a narrow terminal."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from cli._output import Printer, safe, show
from cli._rounds_shown import (
    agreement_words,
    next_after,
    show_contacts,
    show_released,
    show_results,
    show_round,
    show_terms,
)
from cli._witness import _witnessed
from cli.member import _list
from cli.round import _moment, _moved_on


def printed(people: Any, reply: dict[str, Any], *, as_json: bool = False) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        show(reply, as_json, people)
    return out.getvalue()


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "two\u202eenil", "bell\x07", "zero\u200bwidth", "a\x9bm"])
def test_nothing_that_moves_the_cursor_or_turns_text_is_printed(text: str) -> None:
    def everything(printer: Printer, reply: dict[str, Any]) -> None:
        printer.line(reply["text"])
        printer.facts(reply)
        printer.bullets([reply["text"]])
        printer.table(["t"], [[reply["text"]]], empty="")

    assert safe(text).isprintable()
    assert all(character.isprintable() or character == "\n" for character in printed(everything, {"text": text}))


@pytest.mark.parametrize("text", ["[bold red]Harbour[/]", "[link=http://x]Harbour[/link]", ":smile:"])
def test_markup_in_data_is_data(text: str) -> None:
    assert text in printed(lambda p, r: p.line(r["text"]), {"text": text})
    assert text in printed(lambda p, r: p.facts(r), {"text": text})
    assert text in printed(lambda p, r: p.table(["t"], [[r["text"]]], empty=""), {"text": text})


def test_json_is_the_reply() -> None:
    reply = {"name": "Олена \x1b[2J", "list": [1, None, True]}
    assert json.loads(printed(lambda p, r: None, reply, as_json=True)) == reply


class Screen(io.StringIO):
    """A terminal that shows UTF-8, as nearly all do."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_json_on_a_terminal_holds_nothing_that_it_would_obey() -> None:
    reply = {"name": "a\x9b2Jb\u202ec \u200b\x7f Олена"}
    with redirect_stdout(Screen()) as out:
        show(reply, True, lambda p, r: None)
    assert out.getvalue().replace("\n", "").replace("\\", "").isascii()
    assert not set(out.getvalue()) & set("\x9b\u202e\u200b\x7f")
    assert json.loads(out.getvalue()) == reply


def test_a_wide_table_fits_80_columns_and_loses_nothing() -> None:
    cells = ["x" * 50, "y" * 50, "z" * 50]
    text = printed(lambda p, r: p.table(["a", "b", "c"], [cells], empty=""), {})
    assert max(len(line) for line in text.splitlines()) <= 80
    assert [text.count(letter) for letter in "xyz"] == [50, 50, 50]


def test_results_show_what_agrees_and_what_a_hit_is() -> None:
    lead = {"number": 1, "reference": "A-1", "status": "lead", "shares_with": [], "strength": "few fields",
            "household": True, "agrees_in": ["one name", "date of birth"], "agreements": [
        {"key": "phone", "handle": "bb"}, {"key": "person:birth_date+name+sex", "handle": "aa"}]}  # fmt: skip
    reply = {"round": {"round_id": "f" * 32, "turn": "Over.", "failure": None}, "deleted_at": None, "advice": [],
             "learned": True, "leads": [lead], "count": [1, 4],
             "note": "A hit is a lead."}  # fmt: skip
    text = printed(show_results, reply)
    text = " ".join(text.split())
    assert all(words in text for words in ("A-1", "date of", "relative", "aa", "1 to 4", "A hit is a lead."))


def test_results_before_there_are_any_give_no_advice_on_leads() -> None:
    reply = {"round": {"round_id": "f" * 32, "turn": "Running.", "failure": None}, "deleted_at": None, "advice": [],
             "learned": False, "leads": [], "count": None,
             "note": "A hit is a lead."}  # fmt: skip
    text = printed(show_results, reply)
    assert "Nothing was learned yet." in text
    assert "A hit is a lead." not in text


ROUND = {"round_id": "4f1c2d3e" * 4, "template": "J1", "title": "The same person", "turn": "Somebody must.",
         "position": "first", "convener": "you", "members": [], "deadline": "", "expires_at": "", "failure": None,
         "blamed": None, "reports": {}, "whose": "you", "since": "2026-01-02T03:04:05Z", "time_left": "3 days until",
         "seconds_left": 259200.0, "parties": [], "progress": [], "shown_before": "", "approval": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "command"),
    [
        ({"state": "agreed"}, "`blindmatch round start 4f1c2d3e --by NAME`"),
        ({"state": "deciding"}, "`blindmatch round release 4f1c2d3e --lead NUMBER --by NAME`"),
        ({"state": "agreed", "convener": "a" * 32}, ""),
        ({"state": "running"}, ""),
    ],
)
def test_whose_turn_it_is_reads_the_command_for_it(found: dict[str, Any], command: str) -> None:
    text = " ".join(printed(show_round, {"round": {**ROUND, **found}}).split())
    assert command in text
    assert ("next" in text) == bool(command)


@pytest.mark.parametrize(
    ("found", "more", "said"),
    [
        ({"state": "deciding"}, {"leads": [{}]}, "`blindmatch round release 4f1c2d3e --lead NUMBER --by NAME`"),
        ({"state": "finished"}, {"leads": [{}]}, "`blindmatch lead list 4f1c2d3e`"),
        ({"state": "running"}, {}, "`blindmatch round status 4f1c2d3e`"),
        ({"state": "finished"}, {}, ""),
        ({"state": "failed"}, {}, ""),
        ({"state": "finished"}, {"leads": [{}], "deleted_at": "2026-05-01T00:00:00Z"}, ""),
    ],
)
def test_after_the_results_comes_the_next_command(found: dict[str, Any], more: dict[str, Any], said: str) -> None:
    then = next_after({"round": {**ROUND, **found}, "leads": [], "deleted_at": None, **more})
    assert said in then
    assert bool(then) == bool(said)


@pytest.mark.parametrize(
    ("oks", "said"),
    [
        ([True, True, False], "2 agree, 1 objects"),
        ([True, False, False], "1 agrees, 2 object"),
        ([True, True], "2 agree, 0 object"),
    ],
)
def test_rules_agree_and_object_in_the_right_number(oks: list[bool], said: str) -> None:
    verdicts = [{"ok": ok, "rule": "times", "sentence": "It is over.", "advice": ""} for ok in oks]
    reply = {"round": None, "sentences": [], "verdicts": verdicts, "manifest": {"members": []}, "elements": {}}
    assert f"What the rules of this node say: {said}\n" in printed(show_terms, reply)


def test_what_logs_say_of_each_other_is_explained_below_the_table() -> None:
    member = {"alias": "river", "name": "River", "ours": 12, "theirs": 7, "unproven": 1, "restored": 0, "refused": 0}
    text = " ".join(printed(_witnessed, {"entries": 1, "members": [member]}).split())
    assert "This log has 1 entry." in text
    for column in ("our entries it signed", "its entries we signed", "proof awaited", "backups restored",
                   "other log shown"):  # fmt: skip
        assert f"- {column}: " in text
    assert "river River 12 7 1 0 0" in text
    text = printed(_witnessed, {"entries": 2, "members": []})
    assert "proof awaited" not in text


def test_before_the_end_nothing_is_said_of_what_both_hold() -> None:
    for state, told in (("running", "has not come to its end"), ("finished", "more than one record of yours")):
        reply = {"round": {**ROUND, "state": state}, "contacts": [], "note": ""}
        assert told in " ".join(printed(show_contacts, reply).split())


@pytest.mark.parametrize(("position", "said"), [("first", True), ("second", False)])
def test_only_who_releases_is_told_what_leaves_together(position: str, said: bool) -> None:
    lead = {"number": 1, "reference": "A-1", "status": "lead", "shares_with": [2], "strength": "exact identifier",
            "household": False, "agrees_in": ["telephone number"],
            "agreements": [{"key": "phone", "handle": "0123456789abcdef"}]}  # fmt: skip
    reply = {"round": {**ROUND, "state": "deciding", "position": position}, "deleted_at": None, "advice": [],
             "learned": True, "leads": [lead],
             "count": None, "note": ""}  # fmt: skip
    text = printed(show_results, reply)
    assert "0123456789abcdef" in text  # read out to the other side, so in one piece
    assert ("what is released of the one" in " ".join(text.split())) is said


def test_what_was_released_is_said_and_nobody_is_asked_to_decide_again() -> None:
    reply = {"round": {"round_id": "4f1c" * 8, "turn": "A person at this node must decide what is released."},
             "seen_with": [2]}  # fmt: skip
    text = " ".join(printed(lambda p, r: show_released(p, r, "2 of 3 leads (1, 3)"), reply).split())
    assert "Round 4f1c4f1c: 2 of 3 leads (1, 3) will be released to the other side." in text
    assert "holding an identifier that leaves with a released lead: 2." in text
    assert "cannot be changed" in text
    assert "must decide" not in text


@pytest.mark.parametrize(
    ("before", "now", "over"),
    [
        (("running", {}), ("running", {}), False),
        (("agreed", {}), ("running", {}), False),
        (("deciding", {}), ("deciding", {}), False),
        (("running", {"x": "deciding"}), ("running", {"x": "deciding"}), False),
        (("agreed", {}), ("running", {"x": "deciding"}), True),
        (("running", {}), ("deciding", {}), True),
        (("finished", {}), ("finished", {}), True),
    ],
)
def test_waiting_ends_when_any_person_must_decide(before: Any, now: Any, over: bool) -> None:
    first, reply = ({"round": {"state": state, "reports": reports}} for state, reports in (before, now))
    assert _moved_on(reply, _moment(first)) is over


@pytest.mark.parametrize(
    ("said", "width"), [("", 80), ("wide", 80), ("-5", 80), ("9", 80), ("99999999999", 80), ("²", 80), ("120", 120)]
)
def test_the_width_of_what_is_no_terminal_follows_columns(
    said: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", said)
    text = printed(lambda p, r: p.line("x" * 300), {})
    assert max(map(len, text.splitlines())) == width


def test_what_is_typed_again_stays_on_one_line() -> None:
    rows = [["harbour-shelter-north", "long words " * 9, "more words " * 9, "node.example.org:7443"]]
    text = printed(lambda p, r: p.table(["alias", "a", "b", "c"], rows, empty="", whole=["alias"]), {})
    assert "harbour-shelter-north" in text
    assert max(map(len, text.splitlines())) <= 80


NAMED = "blindmatch member confirm coordinator-of-the-north --by NAME"
LONG = f"blindmatch node run --folder '/tmp/my files. And/{'long ' * 20}folder'"


@pytest.mark.parametrize("command", [NAMED, LONG, f"export BLINDMATCH_STATE='{'a b ' * 30}c'"])
@pytest.mark.parametrize(
    "sentence",
    ["{}", "Then a colleague who did not add the card of it runs: {}", "A colleague runs: {}. It asks for eight words.",
     "Then somebody else should run `{}`, and after it ring up.", "Then somebody else (`{}`) should run it."],
)  # fmt: skip
def test_no_line_ends_inside_a_command(command: str, sentence: str) -> None:
    text = sentence.format(command)
    for people in (lambda p, r: p.line(text), lambda p, r: p.bullets([text]), lambda p, r: p.facts({"do": text})):
        lines = printed(people, {}).splitlines()
        assert any(command in line for line in lines)
        assert all(len(line) <= 80 for line in lines if command not in line)
        if len(command) > 80:  # nothing else gets wide by it
            (wide,) = (line for line in lines if command in line)
            assert len(wide) <= len(command) + len("do  (``),")


def test_words_around_a_command_are_wrapped_and_none_is_lost() -> None:
    text = f"The node's `ticks` and: {'word ' * 40}`blindmatch node run` an `open tick {'x' * 200} end"
    lines = printed(lambda p, r: p.bullets([text]), {}).splitlines()
    assert max(map(len, lines)) <= 80
    assert "".join("".join(lines).removeprefix("  - ").split()) == "".join(text.split())
    assert all(line.startswith("  - " if not number else "    ") for number, line in enumerate(lines))


def test_days_and_times_are_not_broken() -> None:
    at = "2026-11-23T08:03:56Z"
    columns = ["label", "roles", "state", "registered by", "at", "removed"]
    row = ["anna-of-the-office", "operator, approver, reviewer", "removed", "benedikt", at, at]
    for rows in ([[*row[:5], None]], [row, [*row[:5], None]]):
        text = printed(lambda p, r, rows=rows: p.table(columns, rows, empty="", whole=["label"]), {})
        assert text.count("2026-11-23") == text.count("08:03:56Z") == sum(cell == at for one in rows for cell in one)
        assert max(map(len, text.splitlines())) <= 80
        assert "anna-of-the-office" in text


def test_members_are_listed_without_broken_words() -> None:
    card = {"name": "Border Office of the North", "member_class": "labour_inspectorate", "country": "RO",
            "endpoint": "127.0.0.1:4700", "expires_at": "2029-11-22T08:03:56Z"}  # fmt: skip
    member = {"alias": "coordinator", "state": "confirmed", "frozen": True, "card": card, "reach": "direct"}
    text = printed(_list, {"members": [member]})
    for whole in ("coordinator", "confirmed", "FROZEN", "labour", "inspectorate", "2029-11-22", "direct"):
        assert whole in text, text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["phone", "phone", "email"], "e-mail address, telephone number"),
        (["phone:near"], "telephone number, nearly"),
        (["person:name+name+sex"], "two names, sex"),
        (["person:birth_date+sex", "person:name+sex"], "one name, date of birth, sex"),
    ],
)
def test_agreements_in_words(keys: list[str], words: str) -> None:
    assert agreement_words(keys) == words


def test_a_printer_needs_no_terminal() -> None:
    with redirect_stdout(io.StringIO()) as out:
        Printer().line("plain", style="red")
    assert "\x1b" not in out.getvalue()
