"""One row read: second words from another column, calendars, urgent danger, the organisation's own contacts, counts."""

import pytest

from node.datasets import Mapping, Terms
from node.datasets.report import ACCEPTED, BLANK, REFUSED, REPAIRED, ColumnCount
from node.datasets.rows import MAX_WORDS_REMEMBERED, RowReader
from node.datasets.tables import Row
from psi.identifiers import Cell, Hints, identifiers_in
from tests.support.intake import TODAY

DUTY = Terms("contact", "legal_duty", "Act 1", "RO")


def reader(columns, terms=DUTY, stop=frozenset()):
    """A reader of a table whose columns are named after their roles."""
    mapping = Mapping.of({role: role for role in columns})
    return RowReader(mapping.bind(list(columns)), terms, len(columns), TODAY, stop)


def read(columns, *cells, **options):
    one = reader(columns, **options)
    return one.read(Row(2, cells)), one.take_counts()


def test_a_companion_column_gives_the_second_word_row_by_row():
    one = reader(("reference", "handle", "handle_platform"))
    for platform, value in (("telegram", "telegram:olena_demo"), ("Instagram", "instagram:olena_demo")):
        assert one.read(Row(2, ("1", "@olena_demo", platform))).record.identifiers == {"handle": (value,)}
    (problem, _) = one.read(Row(3, ("1", "@olena_demo", ""))).problems
    assert problem.address == "B3"
    assert problem.reason.startswith("handle/")


def test_a_column_with_a_second_word_of_its_own_ignores_the_companion():
    columns = ("reference", "handle:telegram", "handle", "handle_platform")
    reading, _ = read(columns, "1", "@olena_demo", "@olena_other", "instagram")
    assert reading.record.identifiers == {"handle": ("instagram:olena_other", "telegram:olena_demo")}


def test_a_telephone_number_among_accounts_is_one():
    reading, _ = read(("reference", "handle"), "1", "https://wa.me/40721123456")
    assert reading.record.identifiers == {"phone": ("+40721123456",)}


OUTCOMES = [
    ("0721123456", ACCEPTED),
    (721123456.0, REPAIRED),
    ("721123456.0", REPAIRED),
    ("7.21123456E+8", REPAIRED),
    ("12", REFUSED),
    (721123456.5, REFUSED),
    ("#REF!", REFUSED),
    ("", BLANK),
    ("   ", BLANK),
    ("n/a", BLANK),
    ("000", BLANK),
    (0.0, BLANK),
]


@pytest.mark.parametrize(("cell", "outcome"), OUTCOMES, ids=[str(cell) for cell, _ in OUTCOMES])
def test_what_became_of_a_cell_is_told_and_counted(cell, outcome):
    reading, counts = read(("reference", "phone", "email"), "1", cell, "a@example.org")
    assert reading.outcomes == bytes((outcome, ACCEPTED))
    fields = {ACCEPTED: "accepted", REPAIRED: "repaired", REFUSED: "refused", BLANK: "blank"}
    assert counts == {1: ColumnCount(**{fields[outcome]: 1}), 2: ColumnCount(accepted=1)}
    reasons = [problem.reason for problem in reading.problems]
    assert ("cell/repaired-number" in reasons) == (outcome == REPAIRED)
    assert bool(reasons) == (outcome in (REPAIRED, REFUSED))
    assert ("phone" in reading.record.identifiers) == (outcome in (ACCEPTED, REPAIRED))


def test_counts_start_again_for_each_batch():
    one = reader(("reference", "phone"))
    one.read(Row(2, ("1", "0721123456")))
    assert one.take_counts() == {1: ColumnCount(accepted=1)}
    one.read(Row(3, ("1", "12")))
    assert one.take_counts() == {1: ColumnCount(refused=1)}


def test_a_row_that_is_left_out_counts_the_cell_that_decided():
    columns = ("reference", "phone", "consent")
    for consent, count in (("no", ColumnCount(refused=1)), ("", ColumnCount(blank=1))):
        reading, counts = read(columns, "1", "0721123456", consent, terms=Terms("victim", region="RO"))
        assert reading.record is None
        assert counts == {1: ColumnCount(), 2: count}


STOP = frozenset({("phone", "+40721123456")})


@pytest.mark.parametrize(
    ("cell", "values", "outcome"),
    [
        ("0721 123 456", None, REFUSED),
        ("0721123457", ("+40721123457",), ACCEPTED),
        ("0721123456; 0721123457", ("+40721123457",), ACCEPTED),
    ],
)
def test_the_organisations_own_contacts_take_no_part(cell, values, outcome):
    reading, _ = read(("reference", "phone", "email"), "1", cell, "a@example.org", stop=STOP)
    assert reading.record.identifiers.get("phone") == values
    assert reading.outcomes[0] == outcome
    stopped = [problem.address for problem in reading.problems if problem.reason == "stop-list/own-contact"]
    assert stopped == (["B2"] if "456" in cell else [])


def test_a_row_of_nothing_but_own_contacts_is_left_out():
    reading, _ = read(("reference", "phone"), "1", "0721123456", stop=STOP)
    assert reading.record is None
    assert [problem.reason for problem in reading.problems] == ["stop-list/own-contact", "row/nothing-to-compare"]


URGENT = ("reference", "phone", "consent", "urgent_danger")


@pytest.mark.parametrize(
    ("consent", "urgent", "second", "reason"),
    [
        ("", "yes", "Ana P", ""),
        ("", "yes", "", "urgent/second-person-missing"),
        ("no", "yes", "Ana P", "urgent/person-said-no"),
        ("", "perhaps", "Ana P", "urgent/unknown-word"),
        ("", "no", "Ana P", "consent/blank"),
        ("", "", "Ana P", "consent/blank"),
    ],
)
def test_an_urgent_danger_needs_two_people(consent, urgent, second, reason):
    terms = Terms("victim", region="RO", urgent_second=second)
    reading, _ = read(URGENT, "1", "0721123456", consent, urgent, terms=terms)
    if not reason:
        assert reading.record.consent.urgent
        assert reading.problems == ()
        return
    assert reading.record is None
    (problem,) = reading.problems
    assert problem.reason == reason
    assert problem.address == ("D2" if reason.startswith("urgent/") else "C2")


def test_words_that_are_remembered_do_not_fill_the_memory():
    one = reader(("reference", "phone", "consent"), Terms("victim", region="RO"))
    for number in range(MAX_WORDS_REMEMBERED + 10):
        assert one.read(Row(2, ("1", "0721123456", f"word {number}"))).record is None
    assert len(one._consents) <= MAX_WORDS_REMEMBERED
    assert one.read(Row(2, ("1", "0721123456", "yes"))).record is not None


@pytest.mark.parametrize("kind", ["phone", "email", "handle"])
@pytest.mark.parametrize(
    "text", ["0721123456", "a@example.org", "telegram:olena_demo", "https://wa.me/40721123456", ""]
)
def test_the_reader_gives_what_the_door_of_psi_gives(kind, text):
    try:
        wanted = identifiers_in(kind, Cell(text), Hints("RO"))
    except Exception:  # noqa: BLE001 - refused here, refused there
        wanted = ()
    reading, _ = read(("reference", kind), "1", text)
    found = reading.record.identifiers if reading.record else {}
    assert [(name, value) for name, values in found.items() for value in values] == list(wanted)
