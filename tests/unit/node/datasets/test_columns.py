"""Before a mapping is whole: what is still needed, what is warned of, and which row names the columns."""

import pytest

from node.datasets import Mapping, Terms, glance, open_table, suggest
from node.datasets.columns import ORIGINS, merged, needed, placed, propose, warnings
from node.datasets.header import guess_header
from node.datasets.report import USUAL_ROOM
from node.datasets.tables import Row
from node.errors import UserError
from node.rounds.jobs import TEMPLATES
from tests.support.intake import write_csv, write_xlsx

VICTIMS = Terms("victim", region="RO")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"Telf": "phone"}, 'no column "Telf"'),
        ({"Tel": "fone"}, "role that does not exist"),
        ({"Religion": "handle"}, "is about religion"),
        ({"Tel": "phone", "TEL": "email"}, "given two roles"),
    ],
)
def test_what_was_said_of_a_column_that_cannot_be_is_refused(said, sentence):
    with pytest.raises(UserError, match=sentence):
        merged(["Ref", "Tel", "Religion"], {}, said)


def test_what_was_said_wins_and_takes_a_role_that_only_one_column_has():
    header = ["Ref", "Nr", "Tel", "Tel 2"]
    base = {"Ref": "reference", "Tel": "phone"}
    assert merged(header, base, {"NR": "reference", "tel 2": "phone", "gone": "ignore"}) == {
        "Nr": "reference", "Tel": "phone", "Tel 2": "phone", "gone": "ignore",
    }  # fmt: skip
    assert placed(header, {"Nr": "reference", "gone": "ignore"}) == {1: "reference"}


@pytest.mark.parametrize(
    ("columns", "terms", "words"),
    [
        ({}, VICTIMS, ["=reference", "=phone", "=consent"]),
        ({"r": "reference", "t": "phone"}, VICTIMS, ["--basis legal_duty"]),
        ({"r": "reference", "t": "phone", "c": "consent"}, Terms("victim"), ["--region"]),
        ({"r": "reference", "c": "consent", "k": "child"}, VICTIMS, ["at least one column to compare"]),
        ({"r": "reference", "e": "email", "u": "consent_until"}, Terms("victim", "legal_duty", "x"), ["=consent"]),
    ],
)
def test_what_is_still_needed_is_named(columns, terms, words):
    found = needed(columns, terms)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_nothing_is_needed_of_a_whole_mapping():
    assert needed({"r": "reference", "e": "email", "c": "consent"}, Terms("victim")) == ()


@pytest.mark.parametrize("record_class", ["victim", "missing", "mixed"])
def test_without_a_column_that_says_who_is_a_child_there_is_a_warning(record_class):
    terms = Terms(record_class, region="RO")
    (said,) = warnings({"r": "reference", "n": "full_name", "age": "ignore"}, terms)
    assert said.startswith("No column says who is a child, so nobody can be left out as one.")
    assert warnings({"r": "reference", "b": "birth_date"}, terms) == ()
    assert warnings({"r": "reference", "b": "child"}, terms) == ()


def test_advertisements_have_no_children_to_leave_out():
    assert warnings({"r": "reference", "t": "phone"}, Terms("advert", region="RO")) == ()


HEADER = ("Ref", "Name", "Telefon", "Einwilligung")
PERSON = ("HS-1", "Novak", "0721 123 456", "ja")


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        ([], None),
        ([("", " ")], None),
        ([HEADER, PERSON], 1),
        ([("Clients 2026",), HEADER, PERSON], 2),
        ([("Clients", "", "", ""), (), ("as of", "1 March"), HEADER, PERSON], 4),
        ([("Office", "North", "", ""), HEADER, PERSON], 2),
        ([("a", "b"), PERSON], 1),
        ([("ref",), ("1",)], 1),
        ([("ref", "tel"), ("1", "2", "phone", "name", "x")], 1),
    ],
)
def test_the_header_is_the_first_row_that_is_no_title(rows, number):
    assert guess_header(Row(place, cells) for place, cells in enumerate(rows, start=1)) == number


def test_a_first_row_that_cannot_be_read_is_not_passed_over():
    assert guess_header([Row(1, (), "row/quotation-mark"), Row(2, HEADER)]) == 1


def test_a_row_of_a_million_cells_takes_no_time():
    assert guess_header([Row(1, tuple(f"c{i}" for i in range(1_000_000)))]) == 1


def test_titles_above_the_header_hide_neither_it_nor_the_delimiter(tmp_path):
    csv = write_csv(tmp_path, "Clients of the north office\n\nref;name\n1;Novak, Ana\n2;Pop, Ion\n")
    with open_table(csv) as table:
        assert (table.facts.delimiter, table.facts.header_row, table.header) == (";", 3, ("ref", "name"))
    with open_table(write_xlsx(tmp_path, [["Clients"], [], list(HEADER), list(PERSON)])) as table:
        assert (table.facts.header_row, table.header) == (3, HEADER)


def test_a_glance_shows_a_cell_of_each_column_but_of_those_that_are_refused(tmp_path):
    with open_table(write_csv(tmp_path, "Ref,Colour,Religion\n,,\n1,,CANARY\n2,red,CANARY\n")) as table:
        seen = glance(table, placed(table.header, suggest(table.header)))
    assert [(c.letter, c.role, c.example) for c in seen] == [
        ("A", "reference", "1"), ("B", "ignore", "red"), ("C", "ignore", ""),
    ]  # fmt: skip
    assert "red" not in repr(seen)


def test_the_usual_room_is_that_of_the_first_job():
    rules = [rule for rule in TEMPLATES["J1"].match if rule.kind != "person"]
    assert rules
    assert {rule.kind: USUAL_ROOM[rule.kind][0] for rule in rules} == {rule.kind: rule.per_record for rule in rules}


MAILS = [f"person{n}@example.org" for n in range(9)]
WORDS = [f"word {n}" for n in range(9)]


def test_every_role_says_where_it_comes_from_and_what_was_said_wins():
    header = ["Ref", "Tel", "Mail", "Info"]
    samples = [WORDS, WORDS, MAILS, MAILS]
    seen = propose(header, samples, said={"tel": "alias"})
    assert seen.columns == {"Ref": "reference", "Tel": "alias", "Mail": "email"}
    assert seen.origins == {"Ref": "header", "Tel": "said", "Mail": "header"}
    assert seen.hints == {"Info": "email"}
    assert set(seen.origins.values()) <= set(ORIGINS)


def test_what_is_remembered_stands_for_the_words_of_the_header():
    seen = propose(
        ["REF", "Tel", "Info"], [WORDS, WORDS, MAILS], said={}, remembered={"ref": "reference", "info": "ignore"}
    )
    assert seen.columns == {"REF": "reference", "info": "ignore"}
    assert set(seen.origins.values()) == {"remembered"}


def test_a_hint_is_no_role_until_a_person_says_so():
    seen = propose(["Ref", "Info"], [WORDS, MAILS], said={})
    assert "Info" not in seen.columns
    with pytest.raises(UserError, match="anything that could be compared"):
        Mapping.of(seen.columns)
    said = propose(["Ref", "Info"], [WORDS, MAILS], said={"Info": "email"})
    assert (said.columns["Info"], said.origins["Info"], said.hints) == ("email", "said", {})


def test_no_hint_for_a_column_that_was_left_out_has_no_name_or_stands_twice():
    header = ["Ref", "Info", "", "x", "X", "Religion"]
    seen = propose(header, [WORDS, MAILS, MAILS, MAILS, MAILS, MAILS], said={"Info": "ignore"})
    assert seen.hints == {}


@pytest.mark.parametrize(
    ("role", "cells", "words"),
    [
        ("phone", MAILS, ["mapped to phone", "look like email", "--map 'Tel=email'"]),
        ("alias", MAILS, ["mapped to alias", "look like email"]),
        ("family_name", MAILS, ["mapped to family_name", "look like email"]),
        ("phone", WORDS, ["hardly any", "(0 %)"]),
    ],
)
def test_cells_that_are_something_else_are_told_without_being_shown(role, cells, words):
    seen = propose(["Ref", "Tel"], [WORDS, cells], said={"Tel": role}, region="RO")
    (doubt,) = seen.doubts
    assert all(word in doubt for word in words)
    assert not any(cell in doubt for cell in cells)
    assert seen.columns["Tel"] == role
    seen.check()


@pytest.mark.parametrize(
    ("role", "cells"),
    [
        ("email", MAILS),
        ("url", [f"https://t.me/example_{n}" for n in range(9)]),  # a profile's address is a web address too
        ("advert", [f"https://www.example.org/ad/123456{n}" for n in range(9)]),
        ("handle:telegram", [f"@example_{n}" for n in range(9)]),
        ("family_name", WORDS),
        ("phone", ["unknown"] * 9),
        ("ignore", MAILS),
        ("consent_kinds", MAILS),
    ],
)
def test_cells_that_are_what_they_are_said_to_be_raise_no_doubt(role, cells):
    assert propose(["Ref", "Tel"], [WORDS, cells], said={"Tel": role}).doubts == ()


def test_phones_without_a_region_raise_no_doubt_as_the_region_is_asked_for():
    seen = propose(["Ref", "Tel"], [WORDS, ["0721 123 456"] * 9], said={"Tel": "phone"})
    assert seen.doubts == ()
    assert any("--region" in sentence for sentence in needed(seen.columns, Terms("victim")))


def test_a_second_word_that_nothing_says_is_asked_for():
    accounts = [f"@example_{n}" for n in range(9)]
    (doubt,) = propose(["Ref", "Acc"], [WORDS, accounts], said={"Acc": "handle"}).doubts
    assert "says its platform" in doubt
    assert "handle_platform" in doubt
    assert "--map 'Acc=handle:telegram'" in doubt
    platforms = ["telegram", "instagram"] * 5
    said = {"Acc": "handle", "App": "handle_platform"}
    assert propose(["Ref", "Acc", "App"], [WORDS, accounts, platforms], said=said).doubts == ()


def test_a_second_spelling_of_a_name_does_not_hide_what_the_cells_are_about():
    """Each of the two can be mapped by its exact spelling, so each is looked at."""
    diagnoses = ["hepatitis c", "depression", "pregnant", "tuberculosis"]
    seen = propose(["Ref", "Info", "INFO"], [WORDS, diagnoses, WORDS], said={"Ref": "reference", "Info": "alias"})
    with pytest.raises(UserError, match='column "Info" look like health'):
        seen.check()
