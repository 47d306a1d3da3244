"""Linking quality on the shipped sample of FEBRL 4, 500 x 500; the full set is `make bench`."""

import pytest

from psi.identifiers import Cell, Person
from tests.support import febrl


def test_the_sample_is_linked() -> None:
    found = febrl.evaluate(febrl.SAMPLE, febrl.RULE)
    assert found.true_pairs == 500
    assert found.tokens_per_record == 17
    assert found.f1 >= 0.97
    assert found.precision >= 0.99


def test_truth_is_no_input() -> None:
    assert not {"rec_id", "soc_sec_id"} & set(febrl.FIELDS)
    rows = febrl.read_rows(febrl.SAMPLE / febrl.FILES[0])
    assert all(set(row) == set(febrl.FIELDS) for row in rows.values())


def test_strangers_do_not_match() -> None:
    """The sabotaged twin: against the wrong people the same evaluation finds next to nothing."""
    first, second = (febrl.read_persons(febrl.SAMPLE / name) for name in febrl.FILES)
    shifted = dict(zip(list(second)[1:] + list(second)[:1], second.values(), strict=True))
    pairs, _ = febrl.matches(first, shifted, febrl.RULE)
    assert sum(febrl.true_match(*pair) for pair in pairs) <= 5


@pytest.mark.parametrize("column", febrl.FIELDS)
def test_every_column_is_read(column: str) -> None:
    persons = febrl.read_persons(febrl.SAMPLE / febrl.FILES[0]).values()
    assert sum(febrl.FIELDS[column] in person.to_dict() for person in persons) > 400


def test_an_empty_person_never_matches() -> None:
    nobody, refused = Person.from_cells({name: Cell("") for name in febrl.FIELDS.values()})
    assert (nobody.to_dict(), refused) == ({}, {})
    assert febrl.matches({"rec-1-org": nobody}, {"rec-1-dup-0": nobody}, febrl.RULE) == (set(), 0.0)
