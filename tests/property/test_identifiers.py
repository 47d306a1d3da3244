"""Identifiers under arbitrary input: only `RefusedValue` leaves, canonical values are fixed points, spellings agree."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psi.identifiers import PERSON_FIELDS, Cell, Person, RefusedValue, Rule, canonicalise, tokens

KINDS = ("phone", "email", "handle")
REGIONS = st.sampled_from([None, "RO", "DE", "IT", "UA", "US", "AR", "MX", "BR"])
PLATFORMS = st.sampled_from([None, "instagram", "facebook", "telegram", "tiktok", "x", "snapchat", "vk"])
PHONE_LIKE = st.text(alphabet="0123456789+-/() .;,xE٠٧", max_size=40)
ADDRESS_LIKE = st.from_regex(
    r"(https?://)?(www\.)?(x\.com|t\.me|fb\.com|vk\.com)/[@a-zA-Z0-9_.?=%/+]{0,20}", fullmatch=True
)
EMAIL_LIKE = st.from_regex(r"[\w.+-]{1,10}@[\w-]{1,8}\.(org|de|com)", fullmatch=True)
TEXTS = st.one_of(st.text(max_size=60), PHONE_LIKE, ADDRESS_LIKE, EMAIL_LIKE)
CELLS = st.builds(Cell, TEXTS, st.one_of(st.none(), st.floats(), st.integers(0, 10**13).map(float)))


def read(kind: str, cell: Cell, region: str | None, platform: str | None) -> tuple[str, ...]:
    """Canonical values, none where the cell is refused; everything but `RefusedValue` fails the test."""
    try:
        return canonicalise(kind, cell, region=region, qualifier=platform)
    except RefusedValue:
        return ()


@given(st.sampled_from(KINDS), CELLS, REGIONS, PLATFORMS)
def test_canonical_values_are_fixed_points(kind: str, cell: Cell, region: str | None, platform: str | None) -> None:
    for value in read(kind, cell, region, platform):
        assert value
        assert canonicalise(kind, Cell(value), region=region, qualifier=platform) == (value,)
        assert canonicalise(kind, Cell(value)) == (value,)


@given(st.dictionaries(st.sampled_from(PERSON_FIELDS), CELLS))
def test_any_cells_make_a_person_that_survives_storage(cells: dict[str, Cell]) -> None:
    person, refused = Person.from_cells(cells)
    assert Person.from_dict(person.to_dict()) == person
    assert set(refused) <= set(cells)
    rule = Rule.person(tuple(name for name in PERSON_FIELDS if name != "full_name")[:8], 3)
    made = tokens(rule, {}, person)
    assert len(made) <= rule.tokens_per_record()
    assert {token.key for token in made} <= set(rule.key_ids())
    assert list(made) == sorted(set(made))


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_spellings_of_one_number_are_one_value(region: str) -> None:
    """The example number of every country, in the ways people write it."""
    mobile = phonenumbers.PhoneNumberType.MOBILE
    number = phonenumbers.example_number_for_type(region, mobile) or phonenumbers.example_number(region)
    assert number is not None
    formats = phonenumbers.PhoneNumberFormat
    value = phonenumbers.format_number(number, formats.E164)
    international = phonenumbers.format_number(number, formats.INTERNATIONAL)
    for text in (value, international, value.replace("+", "00"), international.replace(" ", ".")):
        assert canonicalise("phone", Cell(text), region=None) == (value,)
    national = phonenumbers.format_number(number, formats.NATIONAL)
    assert canonicalise("phone", Cell(national), region=region) == (value,)


@given(st.integers(20_000_000, 89_999_999), st.sampled_from(["", ".0", ",0"]))
def test_a_damaged_number_is_the_number_or_refused(tail: int, ending: str) -> None:
    """A repaired number always ends in every digit that was there: nothing is invented, nothing dropped."""
    digits = f"7{tail}"
    for cell in (Cell(digits + ending), Cell("", float(digits))):
        for value in read("phone", cell, "RO", None):
            assert value == f"+40{digits}"


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1900, 2099))
def test_swapped_day_and_month_agree(day: int, month: int, year: int) -> None:
    spellings = (
        f"{year}-{month:02}-{day:02}",
        f"{year}-{day:02}-{month:02}",
        f"{day}.{month}.{year}",
        f"{month:02}/{day:02}/{year}",
        f"{year}{month:02}{day:02}",
    )
    forms = {Person.from_cells({"birth_date": Cell(text)})[0].to_dict()["birth_date"] for text in spellings}
    assert len(forms) == 1


@given(st.lists(st.sampled_from(["Olena", "Kovalenko", "Popescu", "Müller"]), min_size=2, max_size=2))
def test_names_agree_either_way_round(names: list[str]) -> None:
    rule = Rule.person(("given_name", "family_name", "birth_date"), 2)
    first, second = (
        Person.from_cells({"given_name": Cell(one), "family_name": Cell(two), "birth_date": Cell("1987-03-05")})[0]
        for one, two in (names, names[::-1])
    )
    assert tokens(rule, {}, first) == tokens(rule, {}, second) != ()
