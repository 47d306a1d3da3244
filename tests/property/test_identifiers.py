"""Identifiers under arbitrary input: only `RefusedValue` leaves, canonical values are fixed points, spellings agree.

The cells are made in two ways: text of any kind, and the cells of the house vectors with a few characters changed,
which come much further into each reader than chance would.
"""

from datetime import UTC, datetime, timedelta, timezone

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from psi.identifiers import (
    MAX_CELL_CHARACTERS,
    PERSON_FIELDS,
    PLATFORMS,
    Cell,
    Hints,
    Person,
    RefusedValue,
    Rule,
    canonicalise,
    identifiers_in,
    tokens,
)
from tests.support.damage import damaged
from tests.support.identifier_seeds import KINDS, SEEDS, VECTORS

MOST_VALUES = 16
"""Values of one cell: eight, and two windows for each IP address."""

QUALIFIERS = {
    kind: sorted(
        {row["qualifier"] for row in VECTORS.values() if row.get("kind") == kind and row["qualifier"] is not None}
    )
    for kind in KINDS
}
QUALIFIERS["handle"] = [*PLATFORMS, "whatsapp"]
REGIONS = st.sampled_from([None, "RO", "DE", "IT", "UA", "US", "AR", "MX", "BR", "GB", "NL", "FR", "BG", "PL"])
PHONE_LIKE = st.text(alphabet="0123456789+-/() .;,xE٠٧", max_size=40)
ADDRESS_LIKE = st.from_regex(
    r"(https?://)?(www\.)?(x\.com|t\.me|fb\.com|vk\.com|wa\.me)/[@a-zA-Z0-9_.?=%/+]{0,20}", fullmatch=True
)
EMAIL_LIKE = st.from_regex(r"[\w.+-]{1,10}@[\w-]{1,8}\.(org|de|com)", fullmatch=True)
TEXTS = st.one_of(st.text(max_size=60), PHONE_LIKE, ADDRESS_LIKE, EMAIL_LIKE)
NUMBERS = st.one_of(st.none(), st.none(), st.floats(), st.integers(0, 10**13).map(float))
CELLS = st.builds(Cell, TEXTS, NUMBERS)
INSERTS = st.one_of(
    st.text(max_size=3), st.sampled_from([" ", ";", ",", "-", ".", "%", "/", "@", ":", "0", "а", "١", "\u200e", "|"])
)


@st.composite
def cells_near(draw: st.DrawFn, kind: str) -> Cell:
    """A cell of the kind's vectors with up to three stretches replaced by something else."""
    text = draw(st.sampled_from(SEEDS[kind]))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(INSERTS) + text[start + draw(st.integers(0, 3)) :]
    return Cell(text, draw(NUMBERS))


def read(kind: str, cell: Cell, region: str | None, qualifier: str | None) -> tuple[str, ...]:
    """Canonical values, none where the cell is refused; everything but `RefusedValue` fails the test."""
    try:
        return canonicalise(kind, cell, region=region, qualifier=qualifier)
    except RefusedValue as refusal:
        family = refusal.reason.partition("/")[0]
    assert family in (kind, "cell")
    return ()


def fixed_points(kind: str, cell: Cell, region: str | None, qualifier: str | None) -> int:
    """How many values the cell has; each of them read again must be itself, with the same hints and with none."""
    values = read(kind, cell, region, qualifier)
    assert len(values) == len(set(values)) <= MOST_VALUES
    for value in values:
        assert 0 < len(value) <= MAX_CELL_CHARACTERS
        assert canonicalise(kind, Cell(value), region=region, qualifier=qualifier) == (value,)
        assert canonicalise(kind, Cell(value)) == (value,)
    return len(values)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), region=REGIONS)
def test_canonical_values_are_fixed_points(kind: str, data: st.DataObject, region: str | None) -> None:
    cell = data.draw(st.one_of(cells_near(kind), cells_near(kind), CELLS))
    qualifier = data.draw(st.one_of(st.none(), st.sampled_from(QUALIFIERS[kind] or ["x"]), st.text(max_size=8)))
    fixed_points(kind, cell, region, qualifier)


@pytest.mark.parametrize("kind", KINDS)
def test_so_are_those_of_damaged_cells_whose_source_is_known(kind: str) -> None:
    """With the vector's own region and qualifier many are accepted: counted, so that this cannot pass on refusals."""
    accepted = 0

    @given(damaged(kind))
    def check(found: tuple[Cell, Hints]) -> None:
        nonlocal accepted
        cell, hints = found
        accepted += fixed_points(kind, cell, hints.region, hints.qualifier)

    check()
    assert accepted > 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_vector_is_a_fixed_point_too(kind: str) -> None:
    rows = [row for row in VECTORS.values() if row.get("kind") == kind]
    for row in rows:
        fixed_points(kind, Cell(row["cell"]["text"], row["cell"]["number"]), row["region"], row["qualifier"])
    assert rows


@given(cell=st.one_of(cells_near("handle"), cells_near("url"), cells_near("phone"), CELLS), region=REGIONS)
def test_an_account_or_a_page_can_be_a_phone(cell: Cell, region: str | None) -> None:
    for kind in ("handle", "url"):
        try:
            found = identifiers_in(kind, cell, Hints(region))
        except RefusedValue:
            continue
        for other, value in found:
            assert other in (kind, "phone")
            assert canonicalise(other, Cell(value)) == (value,)


MOMENTS = st.integers(8_000 * 86_400, 46_000 * 86_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ZONES = st.integers(-14 * 60, 14 * 60)


@given(MOMENTS, st.integers(0, 3 * 3600), ZONES)
def test_windows_are_shared_within_half_an_hour_and_never_after_an_hour(
    moment: datetime, apart: int, zone: int
) -> None:
    """The library's calendar agrees with ours, whatever zone a time is written in."""
    second = moment + timedelta(seconds=apart)
    windows = [
        set(canonicalise("ip_window", Cell(f"203.0.113.7 {time.isoformat()}")))
        for time in (moment, second.astimezone(timezone(timedelta(minutes=zone))))
    ]
    assert all(len(found) == 2 for found in windows)
    starts = sorted(datetime.fromisoformat(value.split("@")[1].removesuffix("/60")) for value in windows[0])
    assert starts[1] <= moment < starts[1] + timedelta(minutes=30)
    assert starts[0] == starts[1] - timedelta(minutes=30)
    if apart <= 30 * 60:
        assert windows[0] & windows[1]
    if apart >= 60 * 60:
        assert not windows[0] & windows[1]


@given(st.lists(st.sampled_from(["Estrella", "Muster", "Зірка", "Beispiel", "Zirkania"]), min_size=2, max_size=4))
def test_an_alias_has_no_order(words: list[str]) -> None:
    assert read("alias", Cell(" ".join(words)), None, None) == read("alias", Cell("-".join(words[::-1])), None, None)


@given(st.permutations(["Bl. A3", "Str. Exemplului nr. 5", "ap. 14", "010101 București", "sc. B"]))
def test_the_parts_of_an_address_have_no_order(parts: list[str]) -> None:
    assert canonicalise("address", Cell(", ".join(parts)), region="RO") == (
        "RO|010101|eksemplului|5 block-a3 flat-14 stair-b",
    )


@given(st.permutations(["a=1", "b=%C3%BC", "c", "utm_source=x"]), st.sampled_from(["http://www.", "https://", ""]))
def test_the_parts_of_a_query_have_no_order(parts: list[str], start: str) -> None:
    found = canonicalise("url", Cell(f"{start}example.com/x?{'&'.join(parts)}"))
    assert found == ("https://example.com/x?a=1&b=%C3%BC&c",)


@given(
    st.sampled_from(["fr.siren:732829320", "de.vat:136695976", "it.iva:00743110157", "hr.oib:33392005961"]), st.data()
)
def test_one_wrong_digit_is_no_company(value: str, data: st.DataObject) -> None:
    """Luhn's and ISO 7064's check digits find every one; those modulo 11 with ten as nought miss a few."""
    assert read("employer", Cell(value), None, None) == (value,)
    place = data.draw(st.integers(value.index(":") + 1, len(value) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    assume(digit != value[place])
    assert read("employer", Cell(value[:place] + digit + value[place + 1 :]), None, None) == ()


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
