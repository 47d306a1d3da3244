"""What others wrote is printed as data, and it fits a narrow terminal."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from cli._output import Printer, safe, show
from cli._rounds_shown import agreement_words, show_results


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


def test_a_wide_table_fits_80_columns_and_loses_nothing() -> None:
    cells = ["x" * 50, "y" * 50, "z" * 50]
    text = printed(lambda p, r: p.table(["a", "b", "c"], [cells], empty=""), {})
    assert max(len(line) for line in text.splitlines()) <= 80
    assert [text.count(letter) for letter in "xyz"] == [50, 50, 50]


def test_results_show_what_agrees_and_what_a_hit_is() -> None:
    lead = {"number": 1, "reference": "A-1", "status": "lead", "agreements": [
        {"key": "phone", "handle": "bb"}, {"key": "person:birth_date+name+sex", "handle": "aa"}]}  # fmt: skip
    reply = {"round": {"round_id": "f" * 32, "turn": "Over."}, "learned": True, "leads": [lead], "count": [1, 4],
             "note": "A hit is a lead."}  # fmt: skip
    text = printed(show_results, reply)
    assert all(words in text for words in ("A-1", "phone", "date of birth", "aa", "1 to 4", "A hit is a lead."))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], ""),
        (["phone", "phone", "email"], "phone; email"),
        (["person:name+name+sex"], "person: 2 names, sex (1 match key)"),
        (["person:birth_date+sex", "person:name+sex"], "person: date of birth, name, sex (2 match keys)"),
    ],
)
def test_agreements_in_words(keys: list[str], words: str) -> None:
    assert agreement_words(keys) == words


def test_a_printer_needs_no_terminal() -> None:
    with redirect_stdout(io.StringIO()) as out:
        Printer().line("plain", style="red")
    assert "\x1b" not in out.getvalue()
