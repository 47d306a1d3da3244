"""The fast path of telephone numbers is the library's answer or none: held against it on generated cells.

Every region and every type of number, near-valid ones, all separators, prefixes, damage and two numbers in a cell. The
slow path, with the fast one taken out, is what is right; a cell counts only if the fast path gave an answer of its own.
"""

import random

import phonenumbers
import pytest

from psi.identifiers import Cell, Hints, RefusedValue, phone_fast
from psi.identifiers.phone import phone_numbers
from tests.support.phone_writings import TYPES, descriptions, writings

QUICK_CELLS = 40_000
SOAK_CELLS = 3_000_000
PARTS = 4
"""The quick cells are cut into so many tests, and so are the soak's: pytest-xdist spreads none smaller."""


def by_library(cell: Cell, hints: Hints, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...] | str:
    """What the slow path alone says: the values, or the reason of the refusal."""
    with monkeypatch.context() as patch:
        patch.setattr(phone_fast, "numbers", lambda text, region: None)
        patch.setattr(phone_fast, "readings", lambda text, region: None)
        return said(cell, hints)


def said(cell: Cell, hints: Hints) -> tuple[str, ...] | str:
    try:
        return phone_numbers(cell, hints)
    except RefusedValue as refusal:
        return refusal.reason


def compare(seed: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    answered = refused = 0
    for done, (text, region) in enumerate(writings(rng)):
        if done == cells:
            break
        hints = Hints(region)
        slow = by_library(Cell(text), hints, monkeypatch)
        quick = phone_fast.numbers(text, region)
        # Seeds and cells are printed, never real numbers: all of them are made up here.
        assert quick is None or quick == slow, (seed, text, region)
        assert said(Cell(text), hints) == slow, (seed, text, region)
        answered += quick is not None
        refused += isinstance(slow, str)
        if done % 8 == 0 and text.isdigit() and len(text) < 15:
            number = Cell(text, float(text))
            assert said(number, hints) == by_library(number, hints, monkeypatch), (seed, text, region)
    assert answered > cells // 4, "the fast path must answer for the common forms"
    assert refused > cells // 10, "near-valid numbers belong to the test"


@pytest.mark.parametrize("part", range(PARTS))
def test_the_fast_path_says_what_the_library_says(part, monkeypatch):
    compare(part, QUICK_CELLS // PARTS, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_fast_path_says_what_the_library_says_for_millions(part, monkeypatch):
    compare(1_000 + part, SOAK_CELLS // PARTS, monkeypatch)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("00478008833.0", "SJ"),  # damaged, although it begins with 00
        ("0721.000", "RO"),
        ("49 (0) 30 123456", "DE"),
        ("0 0 40 721 123 456", "RO"),
        ("+0721123456", "RO"),
        ("22 22 22 22", "DK"),
        ("030123456/7", "DE"),
    ],
)
def test_what_is_not_plainly_one_number_is_left_to_the_library(text, region):
    assert phone_fast.numbers(text, region) is None


def test_every_region_and_type_is_among_the_cells():
    assert {region for region, *_ in descriptions()} >= phonenumbers.SUPPORTED_REGIONS
    assert {name for _, _, name, *_ in descriptions()} == set(TYPES)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_usual_writings_of_every_region_are_read_fast(region):
    """The example numbers of every type, in the library's own formats."""
    formats = phonenumbers.PhoneNumberFormat
    for kind in phonenumbers.PhoneNumberType.values():
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        value = phonenumbers.format_number(number, formats.E164)
        international = phonenumbers.format_number(number, formats.INTERNATIONAL)
        for text in (value, international, value.replace("+", "00"), f" {international} "):
            assert phone_fast.numbers(text, None) in ((value,), None)
            assert phone_fast.numbers(text, None) == (value,) or len(value) < 7 or len(set(value[1:])) == 1


def test_a_sabotaged_table_is_caught(monkeypatch):
    """The comparison would see a fast path that takes the zero for part of the number."""
    monkeypatch.setattr(phone_fast._Prefix, "strip", lambda self, digits: digits)
    phone_fast._national.cache_clear()
    phone_fast._reader_of.cache_clear()
    phone_fast._starts.clear()
    try:
        with pytest.raises(AssertionError):
            compare(0, 2_000, monkeypatch)
    finally:
        monkeypatch.undo()
        phone_fast._national.cache_clear()
        phone_fast._reader_of.cache_clear()
        phone_fast._starts.clear()
