"""Other ways to compare names, dates and sex: what meets by them, what does not, and what they cost."""

import pytest

from psi.identifiers import FLOOR_BITS, Cell, Person, RefusedValue, Rule, strength, tokens
from psi.identifiers.finer import FINER_FIELDS, MOST_VALUES, SAME_FACT, finer_values
from psi.identifiers.match_keys import _keys
from psi.identifiers.weights import greatest_bits


def person(**cells: str) -> Person:
    return Person.from_cells({name: Cell(text) for name, text in cells.items()})[0]


def meet(rule: Rule, first: Person, second: Person) -> bool:
    return bool(set(tokens(rule, {}, first)) & set(tokens(rule, {}, second)))


BORN = {"birth_date": "1987-03-05"}
CALLED = Rule.person(("called", "family_name", "birth_date"), 3)
LETTERS = Rule.person(("called_letters", "family_letters", "birth_near"), 3)
SLIP = Rule.person(("given_slip", "family_name", "birth_date"), 3)
MIXED = Rule.person(("called", "called_letters", "family_start", "family_letters", "birth_near", "birth_day"), 3)


def test_one_sides_alias_meets_the_others_given_name() -> None:
    known = person(given_name="Олена", alias="Bella", family_name="Коваленко", **BORN)
    assert meet(CALLED, known, person(given_name="Bella", family_name="Kovalenko", **BORN))
    assert meet(CALLED, known, person(given_name="Olena", family_name="Kovalenko", **BORN))
    assert meet(CALLED, known, person(given_name="Kovalenko", family_name="Olena", **BORN))
    assert not meet(CALLED, known, person(given_name="Bella", family_name="Shevchenko", **BORN))


def test_called_makes_the_tokens_of_a_given_name() -> None:
    one = person(given_name="Olena", family_name="Kovalenko", **BORN)
    assert tokens(CALLED, {}, one) == tokens(Rule.person(("given_name", "family_name", "birth_date"), 3), {}, one)


@pytest.mark.parametrize(
    ("given", "born", "same"),
    [
        ("Мария", "1987-03-05", True),
        ("Mariya", "1988", True),  # a year off
        ("Maria", "1986-11-01", True),
        ("Maria", "1989", False),
        ("Miruna", "1987", False),
        ("Mara", "1987-03-05", False),  # the sounds agree, the letters do not
    ],
)
def test_letters_are_finer_than_sounds(given: str, born: str, same: bool) -> None:
    first = person(given_name="Maria", family_name="Popescu", **BORN)
    assert meet(LETTERS, first, person(given_name=given, family_name="Popesku", birth_date=born)) is same


@pytest.mark.parametrize("given", ["Andrea", "Anrea", "Andreea", "Ahdrea", "Adnrea", "Андреа"])
def test_one_slip_is_forgiven(given: str) -> None:
    first = person(given_name="Andrea", family_name="Popescu", **BORN)
    assert meet(SLIP, first, person(given_name=given, family_name="Popescu", **BORN))


@pytest.mark.parametrize("given", ["Alina", "Loredana", "", "unknown"])
def test_a_twin_is_no_slip(given: str) -> None:
    first = person(given_name="Andrea", family_name="Popescu", **BORN)
    assert not meet(SLIP, first, person(given_name=given, family_name="Popescu", **BORN))


def test_a_name_of_two_letters_has_no_slips() -> None:
    assert finer_values("given_slip", person(given_name="Li").forms) == ()
    assert finer_values("given_slip", person(given_name="Lin").forms) == ("LN", "Li", "LiN", "iN")


@pytest.mark.tm("TM-86")
@pytest.mark.parametrize("name", [name for name in FINER_FIELDS if name != "sex_check"])
def test_a_missing_value_gives_none(name: str) -> None:
    assert finer_values(name, {}) == ()


def test_a_sex_can_only_speak_against() -> None:
    rule = Rule.person(("called", "family_name", "birth_date", "sex_check"), 4)
    she, he, nobody = (
        person(given_name="Sasha", family_name="Popescu", sex=sex, **BORN) for sex in ("F", "M", "unknown")
    )
    assert not meet(rule, she, he)
    assert meet(rule, she, nobody)
    assert meet(rule, nobody, he)


@pytest.mark.parametrize("rule", [CALLED, LETTERS, SLIP, MIXED])
def test_no_key_states_one_fact_twice_or_weighs_too_little(rule: Rule) -> None:
    for key in _keys(rule.fields, rule.at_least):
        assert not [same for same in SAME_FACT if len(same.intersection(key.fields)) > 1]
        assert greatest_bits(key.fields) >= FLOOR_BITS
    full = person(
        given_name="Aleksandrina", alias="Esmeralda", family_name="Konstantinopolska", birth_date="1987-03-05"
    )
    assert len(tokens(rule, {}, full)) <= rule.tokens_per_record()


def test_a_short_name_weighs_little_by_its_letters_too() -> None:
    born = {"birth_date": "1990"}
    assert tokens(LETTERS, {}, person(given_name="Na", family_name="Li", **born)) == ()
    assert tokens(LETTERS, {}, person(given_name="Xiaoming", family_name="Wang", **born))


def test_an_alias_that_sounds_like_the_family_name_is_no_second_fact() -> None:
    rule = Rule.person(("called", "family_name", "birth_year", "nationality"), 4)
    assert tokens(rule, {}, person(given_name="Popescu", family_name="Popesku", nationality="RO", **BORN)) == ()
    assert tokens(rule, {}, person(given_name="Olena", family_name="Popesku", nationality="RO", **BORN))


def test_two_forms_of_one_name_alone_are_refused() -> None:
    with pytest.raises(RefusedValue, match="no key"):
        Rule.person(("called", "called_letters"), 2)


def test_every_field_has_words_and_a_cost() -> None:
    assert set(MOST_VALUES) <= set(FINER_FIELDS)
    for name in FINER_FIELDS:
        others = [one for one in ("locality", "id_number") if one != name]
        keys = Rule.person((name, *others), 3).key_ids()
        assert all(strength([key]).fields for key in keys)
