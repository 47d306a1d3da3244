"""Rules and tokens: what becomes a token, what never does, and that sizes do not depend on data."""

import dataclasses
from math import comb

import pytest

from psi.identifiers import FLOOR_BITS, NEAR_VARIANTS, PERSON_FIELDS, Cell, Person, RefusedValue, Rule, Token, tokens
from psi.identifiers.match_keys import _keys
from psi.identifiers.weights import weigh

J1_FIELDS = (
    "given_name",
    "family_name",
    "birth_date",
    "birth_place",
    "sex",
    "nationality",
    "locality",
    "postcode",
)
J1 = Rule.person(J1_FIELDS, 3)


def person(**cells: str) -> Person:
    return Person.from_cells({name: Cell(text) for name, text in cells.items()})[0]


def test_cyrillic_latin_and_swapped_date_share_keys() -> None:
    first = person(given_name="Олена", family_name="Коваленко", birth_date="05.03.1987", locality="Львів")
    second = person(given_name="Kovalenko", family_name="Olena", birth_date="1987-05-03", locality="Odesa")
    shared = set(tokens(J1, {}, first)) & set(tokens(J1, {}, second))
    assert {token.key for token in shared} == {"person:birth_date+name+name"}


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Olena", "family_name": "Shevchenko", "birth_date": "1987-03-05"},
        {"given_name": "Olena", "family_name": "Kovalenko", "birth_date": "1987-03-06"},
        {"given_name": "Olena", "family_name": "Kovalenko", "birth_date": "1988-03-05"},
        {"given_name": "Olena", "family_name": "Kovalenko", "birth_date": "1987"},
        {"given_name": "Olena", "family_name": "Kovalenko"},
        {"given_name": "Olena", "birth_date": "1987-03-05"},
        {},
    ],
)
def test_two_of_three_are_not_enough(other: dict[str, str]) -> None:
    first = person(given_name="Olena", family_name="Kovalenko", birth_date="1987-03-05")
    assert not set(tokens(J1, {}, first)) & set(tokens(J1, {}, person(**other)))


@pytest.mark.tm("TM-86")
def test_missing_never_meets_missing() -> None:
    first = person(given_name="Olena", family_name="unknown", birth_date="-", postcode="000", locality="n/a")
    second = person(given_name="Olena", family_name="n/a", birth_date="", postcode="0", locality="none")
    assert tokens(J1, {}, first) == tokens(J1, {}, second) == ()
    assert tokens(J1, {}, None) == ()
    assert tokens(Rule("phone", 1), {"phone": ("",)}, None) == ()
    assert tokens(Rule("phone", 1), {}, None) == ()


def test_the_same_value_in_another_field_is_another_token() -> None:
    rule = Rule.person(("given_name", "father_name", "birth_date"), 2)
    first = person(given_name="Kovalenko", birth_date="1987-03-05")
    second = person(father_name="Kovalenko", birth_date="1987-03-05")
    assert not set(tokens(rule, {}, first)) & set(tokens(rule, {}, second))


@pytest.mark.tm("TM-86")
def test_no_key_is_under_the_floor() -> None:
    everything = Rule.person(tuple(name for name in PERSON_FIELDS if name != "full_name"), 2)
    assert "person:birth_date+name" in everything.key_ids()
    for weak in ("person:birth_date+sex", "person:name+name", "person:nationality+sex", "person:name+postcode"):
        assert weak not in everything.key_ids()


@pytest.mark.tm("TM-86")
def test_a_bare_year_weighs_as_a_year() -> None:
    rule = Rule.person(("given_name", "family_name", "birth_date"), 2)
    assert tokens(rule, {}, person(family_name="Kovalenko", birth_date="1987")) == ()
    assert tokens(rule, {}, person(family_name="Kovalenko", birth_date="01.01.1987")) == ()
    three = Rule.person(("given_name", "family_name", "birth_date"), 3)
    assert len(tokens(three, {}, person(family_name="Kovalenko", given_name="Olena", birth_date="1987"))) == 1


def test_a_very_short_code_weighs_little() -> None:
    assert weigh({"given_name": "L"}) < weigh({"given_name": "LN"}) < weigh({"given_name": "LNK"})
    assert weigh({"id_number": "17"}) < weigh({"id_number": "1712"}) < weigh({"id_number": "1234567890123"})
    assert weigh({"postcode": "1"}) == weigh({"postcode": "1067"})
    assert weigh({"sex": "F", "nationality": "UA"}) < FLOOR_BITS


def test_places_that_follow_from_one_another_are_not_weighed_twice() -> None:
    both = {"locality": "KLN", "postcode": "50667"}
    assert weigh({"locality": "KLN"}) < weigh(both) < weigh({"locality": "KLN"}) + weigh({"postcode": "50667"})
    assert weigh(both) == weigh(dict(reversed(both.items())))


@pytest.mark.tm("TM-87")
def test_size_depends_on_the_rule_alone() -> None:
    full = person(
        given_name="Olena",
        family_name="Kovalenko",
        birth_date="1987-03-05",
        birth_place="Kherson",
        sex="F",
        nationality="UA",
        locality="Bucharest",
        postcode="010101",
    )
    assert len(tokens(J1, {}, full)) == J1.tokens_per_record() == J1.per_record
    assert J1.tokens_per_record() <= comb(8, 3)
    assert len(tokens(J1, {}, person(given_name="Olena"))) == 0


@pytest.mark.tm("TM-87")
def test_too_many_values_are_an_error_and_none_is_dropped() -> None:
    values = {"phone": ("+40721123456", "+40722123456")}
    assert len(tokens(Rule("phone", 2), values, None)) == 2
    with pytest.raises(RefusedValue) as refusal:
        tokens(Rule("phone", 1), values, None)
    assert refusal.value.reason == "rule/too-many-values"
    assert "721123456" not in refusal.value.diagnostics()


def test_one_value_twice_is_one_token() -> None:
    values = {"phone": ("+40721123456", "+40721123456")}
    assert tokens(Rule("phone", 1), values, None) == (Token("phone", "+40721123456"),)


def test_key_ids_are_stable() -> None:
    """They are hashed into every token: renaming a slot or a field is a new normaliser version."""
    assert Rule("phone", 3).key_ids() == ("phone",)
    assert Rule.person(("address_2", "family_name", "birth_date", "given_name"), 3).key_ids() == (
        "person:address+birth_date+name",
        "person:address+name+name",
        "person:birth_date+name+name",
    )
    made = tokens(J1, {}, person(given_name="Olena", family_name="Kovalenko", birth_date="1987-03-05"))
    assert made == (Token("person:birth_date+name+name", "birth_date=1987-03-05|name=ALN|name=KFLN"),)


def test_order_of_fields_in_a_rule_does_not_matter() -> None:
    one = person(given_name="Olena", family_name="Kovalenko", birth_date="1987-03-05", sex="f")
    for fields in (J1_FIELDS, J1_FIELDS[::-1]):
        assert tokens(Rule.person(fields, 3), {}, one) == tokens(J1, {}, one)


def test_fields_of_one_slot_weigh_the_same() -> None:
    for first, second in (("given_name", "family_name"), ("given_name", "alias"), ("address_1", "address_2")):
        for form in ("A", "AL", "ALN", "ALNK"):
            assert weigh({first: form}) == weigh({second: form})


TWINS = (
    {"given_name": "Olena", "family_name": "Kovalenko", "birth_date": "1987-03-05", "birth_place": "Kherson"},
    {"given_name": "Maria", "family_name": "Kovalenko", "birth_date": "1987-03-05", "birth_place": "Kherson"},
)


@pytest.mark.tm("TM-86")
def test_twins_meet_without_the_initial_and_not_with_it() -> None:
    """The twin of this test is the rule without the initial: there two sisters are one person."""
    fields = ("given_name", "family_name", "birth_date", "birth_place")
    for extra, meet in (((), True), (("given_initial",), False)):
        rule = Rule.person((*fields, *extra), 3)
        first, second = (set(tokens(rule, {}, person(**cells))) for cells in TWINS)
        assert bool(first & second) is meet
        assert len(first) == 4 == rule.tokens_per_record()


def test_the_initial_forgives_a_slip_in_the_given_name() -> None:
    rule = Rule.person(("given_name", "family_name", "birth_date", "given_initial"), 2)
    first, second = (person(**{**TWINS[0], "given_name": name}) for name in ("Olena", "Olema"))
    assert {token.key for token in set(tokens(rule, {}, first)) & set(tokens(rule, {}, second))} == {
        "person:birth_date+given_initial+name"
    }


def test_without_a_given_name_no_key_has_an_initial() -> None:
    rule = Rule.person(("family_name", "birth_date", "given_initial"), 2)
    assert tokens(rule, {}, person(family_name="Kovalenko", birth_date="1987-03-05")) == ()
    assert len(tokens(rule, {}, person(**TWINS[0]))) == 1


def test_a_year_meets_a_full_date() -> None:
    rule = Rule.person(("given_name", "family_name", "birth_date", "birth_year"), 3)
    full, bare = (tokens(rule, {}, person(**{**TWINS[0], "birth_date": date})) for date in ("05.03.1987", "01.01.1987"))
    assert {token.key for token in set(full) & set(bare)} == {"person:birth_year+name+name"}
    assert {token.key for token in bare} == {"person:birth_year+name+name"}
    assert (len(full), len(bare)) == (2, 5)
    assert rule.tokens_per_record() == 6
    assert not set(bare) & set(tokens(rule, {}, person(**{**TWINS[0], "birth_date": "1988"})))


def test_namesakes_of_one_year_meet_once_in_five_times() -> None:
    rule = Rule.person(("given_name", "family_name", "birth_year"), 3)
    dates = [f"1987-{month:02}-{day:02}" for month in range(1, 13) for day in range(2, 28)]
    made = [tokens(rule, {}, person(**{**TWINS[0], "birth_date": date})) for date in dates]
    assert all(len(one) == 1 for one in made)
    assert 0.15 < sum(one == made[0] for one in made) / len(made) < 0.25
    swapped = [person(**{**TWINS[0], "birth_date": date}) for date in ("1987-03-05", "1987-05-03")]
    assert tokens(rule, {}, swapped[0]) == tokens(rule, {}, swapped[1])


def test_a_known_year_speaks_against_a_namesake() -> None:
    fields = ("given_name", "family_name", "birth_place", "birth_check")
    rule = Rule.person(fields, 3)
    assert rule.key_ids() == ("person:birth_check+birth_place+name+name",)
    first, other, unknown = (
        set(tokens(rule, {}, person(**{**TWINS[0], "birth_date": date}))) for date in ("1987-03-05", "1988-03-05", "")
    )
    assert not first & other
    assert first < unknown
    assert other < unknown
    assert len(unknown) == rule.tokens_per_record() == 5


@pytest.mark.tm("TM-86")
def test_the_check_makes_no_key_of_a_missing_value() -> None:
    """A record without a date gives a key's tokens only where all of the key's own fields are there."""
    rule = Rule.person(("given_name", "family_name", "birth_place", "birth_check"), 3)
    assert tokens(rule, {}, person(given_name="Olena", family_name="Kovalenko", birth_place="unknown")) == ()
    with pytest.raises(RefusedValue) as refusal:
        Rule.person(("birth_check", "given_initial"), 1)
    assert refusal.value.reason == "rule/at-least"


def test_the_date_and_its_year_are_one_field() -> None:
    with pytest.raises(RefusedValue) as refusal:
        Rule.person(("given_name", "birth_date", "birth_year"), 3)
    assert refusal.value.reason == "rule/at-least"


def test_an_alias_meets_a_given_name() -> None:
    rule = Rule.person(("given_name", "alias", "birth_date"), 2)
    first = person(given_name="Izabela", alias="Melissa", birth_date="1987-03-05")
    second = person(given_name="Мелисса", birth_date="1987-03-05")
    assert set(tokens(rule, {}, first)) & set(tokens(rule, {}, second))


def test_an_alias_that_repeats_the_name_is_one_fact() -> None:
    rule = Rule.person(("given_name", "alias", "locality"), 3)
    assert rule.tokens_per_record() == 1
    assert len(tokens(rule, {}, person(given_name="Olena", alias="Melissa", locality="Kherson"))) == 1
    assert tokens(rule, {}, person(given_name="Olena", alias="Олена", locality="Kherson")) == ()


@pytest.mark.tm("TM-86")
def test_left_out_keys_name_how_many_people_share_them() -> None:
    rule = Rule.person(("family_name", "birth_year", "birth_date"), 2)
    assert rule.left_out() == (("person:birth_year+name", 1_200),)
    assert Rule.person(J1_FIELDS, 3).left_out()[-1][0] not in J1.key_ids()
    assert Rule("phone", 1).left_out() == ()
    with pytest.raises(RefusedValue, match="about 1,200 people of a country of 10 million share birth year"):
        Rule.person(("family_name", "birth_year"), 2)


def test_near_tokens_stand_beside_the_exact_one() -> None:
    plain, near = Rule("phone", 2), Rule("phone", 2, near=True)
    assert near.key_ids() == ("phone", "phone:near")
    assert near.tokens_per_record() == 2 * (1 + NEAR_VARIANTS["phone"])
    values = {"phone": ("+40721123456", "+40722123457")}
    made = tokens(near, values, None)
    assert set(tokens(plain, values, None)) < set(made)
    assert len(made) <= near.tokens_per_record()
    assert list(made) == sorted(set(made))


@pytest.mark.tm("TM-83")
def test_nothing_shows_a_value() -> None:
    one = person(given_name="Kovalenko", birth_date="1987-03-05")
    shown = repr((one, Cell("Kovalenko", 5.0), tokens(Rule.person(("given_name", "birth_date"), 2), {}, one)))
    assert "person:birth_date+name" in shown
    for value in ("KFLN", "Kovalenko", "1987", "5.0"):
        assert value not in shown


def test_no_form_holds_a_separator() -> None:
    """`|` and `=` separate the parts of a token; a form with one could imitate another combination."""
    for name, text in (("given_name", "a|b=c"), ("postcode", "1|2=3"), ("address_1", "4|5=6"), ("sex", "f")):
        for form in person(**{name: text}).to_dict().values():
            assert not set("|=") & set(form)


@pytest.mark.parametrize(
    "data",
    [
        {"given_name": ""},
        {"given_name": "Olena"},
        {"given_name": "ALN|name=KFLN"},
        {"full_name": "ALN"},
        {"religion": "ALN"},
        {"birth_date": "1987-3-5"},
        {"sex": "Q"},
    ],
)
def test_a_stored_person_is_checked(data: dict[str, str]) -> None:
    with pytest.raises(RefusedValue) as refusal:
        Person.from_dict(data)
    assert refusal.value.reason == "person/not-a-form"


def test_an_unknown_person_column_is_refused() -> None:
    with pytest.raises(RefusedValue) as refusal:
        Person.from_cells({"religion": Cell("x")})
    assert refusal.value.reason == "person/unknown-field"


def test_whole_names_only_fill_what_is_missing() -> None:
    both = person(full_name="Maria Popescu", given_name="Olena", family_name="Kovalenko")
    assert both == person(given_name="Olena", family_name="Kovalenko")


def test_rules_are_frozen_values() -> None:
    assert Rule.person(J1_FIELDS, 3) == J1
    with pytest.raises(dataclasses.FrozenInstanceError):
        J1.at_least = 1  # type: ignore[misc]


@pytest.mark.tm("TM-86")
def test_without_the_floor_strangers_would_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: with the floor off, two women of one town and nationality are the same person."""
    first, second = (
        person(given_name=name, sex="f", nationality="UA", locality="Lviv", birth_date=date)
        for name, date in (("Olena", "1987-03-05"), ("Maria", "1990-07-11"))
    )
    assert not set(tokens(J1, {}, first)) & set(tokens(J1, {}, second))
    monkeypatch.setattr("psi.identifiers.match_keys.FLOOR_BITS", 0)
    _keys.cache_clear()
    try:
        assert set(tokens(J1, {}, first)) & set(tokens(J1, {}, second))
    finally:
        _keys.cache_clear()
