"""Before a mapping is whole: what is still needed, what is warned of, and which row names the columns."""

import pytest

from node.datasets import Terms, glance, open_table, suggest
from node.datasets.columns import merged, needed, placed, warnings
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
    assert {kind: room for kind, (room, _) in USUAL_ROOM.items()} == {
        rule.kind: rule.per_record for rule in TEMPLATES["J1"].match if rule.kind != "person"
    }
