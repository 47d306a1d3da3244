"""Other ways to compare a name, a date or a sex: fields of a rule that no column holds, beside those that one does.

    called           the given name or the alias: whichever of them the other side has in either place
    called_letters   the same by their letters, vowels and all (`sounds.letters`): finer, so that a key needs less else
    family_letters   the family name by its letters
    given_slip       the given name by its letters, with one slip: every string that is left when one letter of it is
                     deleted, and itself (as in `near`). Two names meet that differ by one letter
    family_slip      the family name with one slip
    family_start     the first two sounds of the family name, for a slip behind them and for cut or joined names
    birth_near       the year of birth or the one beside it: ages are often told a year off
    birth_day        day and month without the year
    sex_check        the sex where it is known; who has none gives both. It can only speak against a key

A key holds at most one field of those that state the same fact (`SAME_FACT`). What a record gives several values of
costs as many tokens (`MOST_VALUES`); a name of which too little is left gives none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from psi.identifiers.sounds import LETTERS_KEPT

__all__ = ["FINER_FIELDS", "MOST_VALUES", "SAME_FACT", "finer_values", "names_apart"]

SHORTEST: Final = 3
"""Letters of a name below which no slip is forgiven: half the world is one letter away."""

FINER_FIELDS: Final = (
    "called", "called_letters", "family_letters", "given_slip", "family_slip", "family_start", "birth_near",
    "birth_day", "sex_check",
)  # fmt: skip

MOST_VALUES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "called": 2,
        "called_letters": 2,
        "given_slip": 1 + LETTERS_KEPT,
        "family_slip": 1 + LETTERS_KEPT,
        "birth_near": 2,
        "sex_check": 2,
    }
)
"""The most values of one record, of fields that can give more than one."""

SAME_FACT: Final = (
    frozenset(("given_name", "called", "called_letters", "given_slip")),
    frozenset(("alias", "called", "called_letters")),
    frozenset(("family_name", "family_letters", "family_slip", "family_start")),
    frozenset(("birth_date", "birth_year", "birth_near")),
    frozenset(("birth_date", "birth_day")),
    frozenset(("sex", "sex_check")),
)

_START: Final = 2
_SEXES: Final = ("F", "M")


def finer_values(name: str, forms: Mapping[str, str]) -> tuple[str, ...]:
    """The values of one of these fields for the forms of a person: sorted, unique, () where nothing is known."""
    match name:
        case "called":
            return _known(forms, "given_name", "alias")
        case "called_letters":
            return _known(forms, "given_letters", "alias_letters")
        case "family_letters":
            return _known(forms, "family_letters")
        case "given_slip":
            return _slips(forms.get("given_letters", ""))
        case "family_slip":
            return _slips(forms.get("family_letters", ""))
        case "family_start":
            return (forms["family_name"][:_START],) if "family_name" in forms else ()
    if name == "sex_check":
        sex = forms.get("sex", "")
        return (sex,) if sex in _SEXES else _SEXES
    born = forms.get("birth_date", "")
    if name == "birth_day":
        return (born[5:],) if "-" in born else ()
    return (born[:4], str(int(born[:4]) + 1)) if born else ()


def names_apart(name: str, values: tuple[str, ...], forms: Mapping[str, str]) -> bool:
    """Whether no value of a field of the given name is the family name too, with which it would be one fact."""
    other = {"called": "family_name", "called_letters": "family_letters"}.get(name, "")
    return forms.get(other, "") not in values


def _known(forms: Mapping[str, str], *names: str) -> tuple[str, ...]:
    return tuple(sorted({forms[name] for name in names if name in forms}))


def _slips(name: str) -> tuple[str, ...]:
    if len(name) < SHORTEST:
        return ()
    return tuple(sorted({name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}))
