"""Persons and near matches under arbitrary input: bounds hold, one slip meets, exact and near never do."""

import string

from hypothesis import given
from hypothesis import strategies as st

from psi.identifiers import (
    CALENDARS,
    NEAR_VARIANTS,
    PERSON_FIELDS,
    Cell,
    Person,
    RefusedValue,
    Rule,
    Token,
    strength,
    tokens,
)
from psi.identifiers.near import LONGEST, SHORTEST, near_key, near_variants
from psi.identifiers.sounds import LETTERS, SOUND_CODE, letters, romanise, sound_code

DIGITS = st.text("0123456789", min_size=6, max_size=12)
ACCOUNTS = st.text(string.ascii_lowercase, min_size=SHORTEST + 1, max_size=LONGEST - 1)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text("абвгдежзийклмнопрстуфхцчшщъьюяєіїґ ", max_size=20),
    st.text("ابتثجحخدذرزسشصضطظعغفقكلمنهوي ", max_size=20),
)
DATES = st.from_regex(r"([0-9]{1,4}[-./ ]){2}[0-9]{1,4}( (AH|SH|BE|EC|هـ))?", fullmatch=True)
MIXED = ("called", "called_letters", "family_start", "family_letters", "birth_near", "birth_day")
FIELDS = tuple(name for name in PERSON_FIELDS if name != "full_name")


@st.composite
def slips(draw: st.DrawFn, values: st.SearchStrategy[str], alphabet: str) -> tuple[str, str]:
    """A value, and the same with one character wrong, one missing or two neighbours swapped."""
    text = draw(values)
    place = draw(st.integers(0, len(text) - 2))
    how = draw(st.sampled_from(["wrong", "missing", "swapped"]))
    if how == "swapped":
        return text, text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    other = draw(st.sampled_from(alphabet)) if how == "wrong" else ""
    return text, text[:place] + other + text[place + 1 :]


@given(slips(DIGITS, "0123456789").filter(lambda pair: len(pair[0]) == len(pair[1])))
def test_numbers_one_slip_apart_meet(pair: tuple[str, str]) -> None:
    first, second = (set(near_variants("phone", f"+40{number}")) for number in pair)
    assert first & second


@given(slips(ACCOUNTS, string.ascii_lowercase))
def test_names_one_slip_apart_meet(pair: tuple[str, str]) -> None:
    for kind, form in (("email", "{}@shelter.example"), ("handle", "instagram:{}"), ("alias", "{}")):
        first, second = (set(near_variants(kind, form.format(name))) for name in pair)
        assert first & second


@given(DIGITS, DIGITS)
def test_numbers_of_two_countries_never_meet(one: str, other: str) -> None:
    assert not set(near_variants("phone", f"+40{one}")) & set(near_variants("phone", f"+373{other}"))


@given(
    st.sampled_from(sorted(NEAR_VARIANTS)),
    st.text(min_size=1, max_size=60),
    st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3),
)
def test_bounds_hold_and_exact_never_meets_near(kind: str, value: str, values: list[str]) -> None:
    variants = near_variants(kind, value)
    assert len(variants) <= NEAR_VARIANTS[kind]
    assert list(variants) == sorted(set(variants))
    rule = Rule(kind, 3, near=True)
    made = tokens(rule, {kind: tuple(values)}, None)
    assert len(made) <= rule.tokens_per_record()
    assert {token.key for token in made} <= {kind, near_key(kind)}
    exact = {token for token in made if token.key == kind}
    assert exact == {Token(kind, one) for one in values}
    # The same text under the two keys is two tokens: what agrees nearly never counts as exact.
    assert not exact & {Token(near_key(kind), one) for one in values}


@given(TEXTS)
def test_sound_codes_have_one_shape_and_are_made_of_latin_letters(text: str) -> None:
    romanised = romanise(text)
    assert set(romanised) <= set(string.ascii_lowercase + string.digits + " ")
    for word in romanised.split():
        code = sound_code(word)
        assert code == "" or SOUND_CODE.fullmatch(code)
        assert letters(word) == "" or LETTERS.fullmatch(letters(word))
        assert bool(code) == bool(letters(word))


@given(
    st.dictionaries(st.sampled_from((*FIELDS, "full_name")), st.builds(Cell, st.one_of(TEXTS, DATES))),
    st.sampled_from((None, *CALENDARS)),
)
def test_any_cells_in_any_calendar_make_a_person(cells: dict[str, Cell], calendar: str | None) -> None:
    person, refused = Person.from_cells(cells, calendar=calendar)
    assert Person.from_dict(person.to_dict()) == person
    assert set(refused) <= set(cells)
    for rule in (
        Rule.person((*FIELDS[:8], "birth_year", "given_initial", "birth_check"), 3),
        Rule.person(("given_name", "family_name", "alias", "birth_date", "birth_year"), 2),
        Rule.person((*MIXED, "birth_year", "birth_check", "locality"), 3),
        Rule.person(("called", "family_slip", "birth_date", "birth_near", "sex_check", "given_initial"), 3),
    ):
        made = tokens(rule, {}, person)
        assert len(made) <= rule.tokens_per_record()
        assert {token.key for token in made} <= set(rule.key_ids())
        assert list(made) == sorted(set(made))
        if made:
            assert strength(token.key for token in made).fields


@given(DATES, st.sampled_from((None, *CALENDARS)))
def test_a_date_read_again_is_itself(text: str, calendar: str | None) -> None:
    try:
        form = Person.from_cells({"birth_date": Cell(text)}, calendar=calendar)[0].forms.get("birth_date")
    except RefusedValue:
        return
    if form:
        assert Person.from_cells({"birth_date": Cell(form)})[0].forms["birth_date"] == form


@given(
    st.lists(
        st.sampled_from(["Olena", "Kovalenko", "王", "小明", "Müller", "محمد"]), min_size=2, max_size=2, unique=True
    )
)
def test_names_agree_either_way_round(names: list[str]) -> None:
    rule = Rule.person(("given_name", "family_name", "birth_date"), 3)
    first, second = (
        Person.from_cells({"given_name": Cell(one), "family_name": Cell(two), "birth_date": Cell("1987-03-05")})[0]
        for one, two in (names, names[::-1])
    )
    assert tokens(rule, {}, first) == tokens(rule, {}, second)
