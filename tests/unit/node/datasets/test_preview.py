"""The preview: exactly which cells take part, what becomes of the others, and where the mapping comes from."""

import pytest

from node.datasets import Mapping, Terms, open_table
from node.datasets.columns import propose
from node.datasets.content import sample
from node.datasets.preview import FATES, glance, preview
from tests.support.intake import TODAY, write_csv, write_xlsx

TERMS = Terms("victim", region="DE")
HEADER = ["Ref", "Tel", "Mail", "Consent", "Urgent", "Info"]
COLUMNS = {"Ref": "reference", "Tel": "phone", "Mail": "email", "Consent": "consent", "Urgent": "urgent_danger"}
ROWS = [
    ["HS-1", "0171 3920061", "a@example.org", "yes", "", "x1@example.org"],
    ["HS-2", 1713920062, "no address", "yes", "", "x2@example.org"],
    ["HS-3", "0171 3920063", "", "no", "", "x3@example.org"],
    ["HS-4", "0171 3920064", "unknown", "", "yes", "x4@example.org"],
    ["HS-5", "030 23125065; 0171 3920066", "b@example.org", "yes", "", "x5@example.org"],
]
HOTLINE = frozenset({("phone", "+493023125065"), ("email", "b@example.org")})


@pytest.fixture
def table(tmp_path):
    with open_table(write_xlsx(tmp_path, [HEADER, *ROWS])) as opened:
        yield opened


def fates(seen):
    return [{letter: cell.fate for letter, cell in row.cells.items()} for row in seen.rows]


def test_every_cell_says_what_becomes_of_it(table):
    seen = preview(table, Mapping.of(COLUMNS), TERMS, today=TODAY, stop=HOTLINE)
    first, second, third, fourth, fifth = fates(seen)
    assert first == {"A": "", "B": "compared", "C": "compared", "D": "", "E": ""}
    assert (second["B"], second["C"]) == ("repaired", "refused")
    # A row without consent is not read, so nothing became of its cells.
    assert set(third.values()) == {""}
    assert set(fourth.values()) == {""}
    assert (fifth["B"], fifth["C"]) == ("stopped", "stopped")
    assert {fate for row in fates(seen) for fate in row.values()} <= {"", *FATES}
    assert [row.takes_part for row in seen.rows] == [True, True, False, False, True]


def test_a_contact_of_ones_own_is_not_among_what_is_compared(table):
    seen = preview(table, Mapping.of(COLUMNS), TERMS, today=TODAY, stop=HOTLINE)
    fifth = seen.rows[4]
    assert fifth.cells["B"].forms == ("+491713920066",)
    assert fifth.cells["C"].forms == ()
    assert seen.rows[1].cells["B"].forms == ("+491713920062",)
    assert any("contact of your own" in note for note in fifth.notes)


def test_a_second_person_lets_an_urgent_row_take_part(table):
    alone = preview(table, Mapping.of(COLUMNS), TERMS, today=TODAY)
    assert not alone.rows[3].takes_part
    assert "second person" in alone.rows[3].notes[0]
    terms = Terms("victim", region="DE", urgent_second="Mira K")
    assert preview(table, Mapping.of(COLUMNS), terms, today=TODAY).rows[3].takes_part


def test_a_glance_says_where_each_role_comes_from_and_what_the_others_look_like(table):
    samples = sample(table.rows(), len(table.header))
    proposal = propose(table.header, samples, said={"mail": "email"}, region="DE")
    shown = {column.name: column for column in glance(table, {0: "reference", 1: "phone", 2: "email"}, proposal)}
    assert (shown["Ref"].origin, shown["Mail"].origin, shown["Info"].origin) == ("header", "said", "")
    assert (shown["Info"].role, shown["Info"].hint) == ("ignore", "email")
    assert "example.org" not in repr(shown["Info"])


def test_a_column_that_is_refused_by_its_cells_shows_none(tmp_path):
    rows = "".join(f"{n},F43.{n},x\n" for n in range(1, 9))
    with open_table(write_csv(tmp_path, f"Ref,Info,Colour\n{rows}")) as opened:
        proposal = propose(opened.header, sample(opened.rows(), 3), said={})
        shown = {column.name: column.example for column in glance(opened, {0: "reference"}, proposal)}
    assert shown == {"Ref": "1", "Info": "", "Colour": "x"}


def test_second_words_and_calendars_are_part_of_what_is_compared(tmp_path):
    text = "Ref,Doc,Land,Born\nA,123456789,RO,1366-12-14\nB,987654321,,1400-01-01\n"
    roles = {"Ref": "reference", "Doc": "document", "Land": "document_issuer", "Born": "birth_date:jalali"}
    with open_table(write_csv(tmp_path, text)) as opened:
        seen = preview(opened, Mapping.of(roles), Terms("contact", "legal_duty", "Act 1"), today=TODAY)
    first, second = seen.rows
    assert first.cells["B"].forms == ("RO:123456789",)
    assert first.cells["D"].forms == ("1988-03-04",)
    assert (second.cells["B"].fate, second.cells["B"].forms) == ("refused", ())
