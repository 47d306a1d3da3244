"""Strength in words: which label, which fields, and the two cautions."""

import pytest

from psi.errors import RefusedValue
from psi.identifiers import RULE_FIELDS, STRENGTHS, Rule, strength
from psi.identifiers.strength import Strength


@pytest.mark.parametrize(
    ("keys", "label", "fields", "near", "household"),
    [
        (["phone"], "exact identifier", ("telephone number",), False, False),
        (["phone", "phone:near"], "exact identifier", ("telephone number",), False, False),
        (["phone:near"], "near", ("telephone number, nearly",), True, False),
        (["email:near", "phone"], "exact identifier", ("telephone number", "e-mail address, nearly"), False, False),
        (["person:birth_date+name+name"], "few fields", ("two names", "date of birth"), False, False),
        (["person:birth_date+birth_place+name"], "few fields", ("one name", "date of birth", "place of birth"),
         False, True),
        (["person:birth_year+locality+name+name"], "several fields", ("two names", "year of birth", "town"),
         False, False),
        (["person:address+locality+name+name"], "several fields", ("two names", "address", "town"), False, True),
        (
            ["person:birth_date+given_initial+name"],
            "few fields",
            ("one name", "first sound of the given name", "date of birth"),
            False,
            True,
        ),
        (["person:id_number+name"], "few fields", ("personal number", "one name"), False, False),
        (["person:birth_date+locality+name", "alias:near"], "few fields",
         ("one name", "date of birth", "town", "alias or working name, nearly"), False, True),
        (["phone", "person:birth_date+locality+name"], "exact identifier",
         ("telephone number", "one name", "date of birth", "town"), False, False),
        (["person:address+address+birth_date"], "few fields", ("date of birth", "both address lines"), False, True),
    ],
)  # fmt: skip
def test_labels(keys: list[str], label: str, fields: tuple[str, ...], near: bool, household: bool) -> None:
    expected = Strength(label, fields, near, household)
    assert strength(keys) == strength(iter(reversed(keys))) == expected
    assert label in STRENGTHS


def test_two_keys_add_up() -> None:
    together = strength(["person:birth_date+locality+name", "person:birth_date+name+name"])
    assert together == Strength("several fields", ("two names", "date of birth", "town"), near=False, household=False)


def test_every_key_of_every_rule_has_words() -> None:
    fields = tuple(name for name in RULE_FIELDS if name not in ("address_2", "region", "street_number"))
    for key in Rule.person(fields[:12], 3).key_ids() + Rule.person(RULE_FIELDS, 2).key_ids():
        assert all(strength([key]).fields)


def test_it_is_never_a_probability() -> None:
    for keys in (["phone"], ["person:birth_date+name+name"], ["handle:near"]):
        shown = strength(keys)
        assert not any(
            character.isdigit() or character == "%" for word in (shown.label, *shown.fields) for character in word
        )


def test_what_is_no_agreement() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        strength([])
    with pytest.raises(ValueError, match="no person key"):
        strength(["person:birth_date+shoe_size"])
    with pytest.raises(RefusedValue):
        strength(["shoe_size"])
