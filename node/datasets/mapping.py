"""What each column of a table is: a small document that is made once and remembered by the header's fingerprint.

A mapping gives a column a role (`roles`): exactly one column is the reference, at least one is compared, and a column
that gives a second word row by row (`document_issuer`) stands beside a column of its kind.

A column that is *about* something refused outright (health, religion, notes ...) takes no role but `ignore`, and the
refusal says why. Columns without a role are never read (a preview shows the first cell of each to their owner, and a
proposal looks at the shape of the first cells: `content`). `suggest` proposes from the names alone; only a person
decides.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node.datasets.header_words import FORBIDDEN_PARTS, FORBIDDEN_WORDS, HEADER_WORDS
from node.datasets.roles import (
    COMPANIONS,
    IDENTIFIER_ROLES,
    ROLES,
    ROW_ROLES,
    Family,
    Role,
    qualifier_advice,
    read_role,
    slot,
    takes_several,
)
from node.datasets.tables import column_letter
from node.datasets.words import fold
from node.errors import UserError
from psi.identifiers import FORBIDDEN, PERSON_FIELDS, PLATFORMS

__all__ = [
    "IDENTIFIER_ROLES",
    "ROLES",
    "ROW_ROLES",
    "Binding",
    "Mapping",
    "check_column",
    "find_column",
    "fingerprint",
    "is_forbidden",
    "refusal",
    "suggest",
]

MAX_MAPPED_COLUMNS = 200
"""Columns in one mapping."""

MAX_HEADER_CHARACTERS = 200
"""Characters in the name of a mapped column."""

_HALF_NAMES = frozenset(("name", "nume", "naam", "nom"))
"""Beside a column of first names these mean the family name: Vorname and Name, prenume and nume, prénom and nom."""
_QUALIFIER = re.compile(r"\([^)]*\)|[0-9]+\s*$")
"""What may stand beside a known word: "Phone 2", "phone (mother)"."""
_ACCOUNTS = """
    account handle id link name nick page profile url user username konto benutzername nutzername profil cont nume
    utilizator профил потребител акаунт gebruikersnaam profiel compte utilisateur lien pseudo
"""
_ACCOUNT_WORDS = frozenset(_ACCOUNTS.split())
"""What stands beside the name of a platform: "Telegram username", "cont Instagram"."""
_ORDINARY = frozenset(("line", "signal", "steam", "threads"))
"""Platforms whose names are ordinary words: alone, they are no column of accounts."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Between the words of "firstName"."""
_WORDS_READ = 40
"""Words of a column's name that are looked at."""
_LONGEST_PART = max(part.count(" ") + 1 for part in FORBIDDEN_PARTS)


class Mapping(BaseModel):
    """Column name -> role. Two mappings with the same content have the same canonical bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    columns: Annotated[dict[str, str], Field(max_length=MAX_MAPPED_COLUMNS)]

    @field_validator("columns")
    @classmethod
    def _check(cls, columns: dict[str, str]) -> dict[str, str]:
        roles = {name: check_column(name, text) for name, text in columns.items()}
        used: dict[str, str] = {}
        for name, role in roles.items():
            place = slot(role.text)
            if not takes_several(role.text) and used.setdefault(place, name) != name:
                raise UserError(
                    f'The columns "{used[place]}" and "{name}" are both mapped to {place}.', advice="Keep one of them."
                )
        if "reference" not in used:
            raise UserError(
                "No column is mapped to reference.",
                advice="Map the column with your own case numbers: results name your records by it. "
                "It never leaves this node.",
            )
        if not any(role.compared for role in roles.values()):
            raise UserError(
                "No column is mapped to anything that could be compared.",
                advice="Map at least one column to a kind such as phone, email, handle, or to person fields.",
            )
        open_kinds = {role.name for role in roles.values() if role.family is Family.IDENTIFIER and not role.qualifier}
        for name, role in roles.items():
            if role.family is Family.COMPANION and (kind := COMPANIONS[role.name]) not in open_kinds:
                raise UserError(
                    f'The column "{name}" is mapped to {role.name}, but no column is mapped to {kind}.',
                    advice=f"Map the column that it belongs to as {kind}, or leave this one out.",
                )
        return {name: role.text for name, role in roles.items()}

    @classmethod
    def of(cls, columns: dict[str, str]) -> "Mapping":
        """A checked mapping; UserError with a sentence for every mistake."""
        try:
            return cls(columns=columns)
        except ValidationError:
            raise UserError(
                "This mapping is not a list of column names and roles.",
                advice=f"It holds at most {MAX_MAPPED_COLUMNS} entries of the form column name: role.",
            ) from None

    @classmethod
    def parse(cls, data: bytes) -> "Mapping":
        """From the JSON form."""
        try:
            found = json.loads(data)
            columns = found["columns"]
            if set(found) != {"columns"} or not isinstance(columns, dict):
                raise ValueError
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UserError(
                "This is not a mapping file.", advice='It reads {"columns": {"Column name": "role", ...}}.'
            ) from None
        return cls.of(columns)

    def canonical(self) -> bytes:
        """RFC 8785 JSON."""
        return rfc8785.dumps(self.model_dump())

    def roles(self) -> frozenset[str]:
        return frozenset(self.columns.values()) - {"ignore"}

    def bind(self, header: Sequence[str]) -> "Binding":
        """Find the mapped columns in a header. UserError names the column that is missing and the closest there is."""
        places: dict[str, list[int]] = {}
        owners: dict[int, str] = {}
        for name, role in self.columns.items():
            if role == "ignore":
                continue
            index = find_column(name, header)
            if owners.setdefault(index, name) != name:
                raise UserError(
                    f'The mapping names column {column_letter(index)} twice, as "{owners[index]}" and as "{name}".',
                    advice="Keep one of them.",
                )
            places.setdefault(role, []).append(index)
        return Binding({role: tuple(sorted(found)) for role, found in places.items()})


class Binding:
    """A mapping bound to one header: role -> column indices, 0 is column A.

    `identifiers`  (kind, qualifier of the whole column or None, index) for every column that holds identifiers
    `companions`   kind -> the column that gives the qualifier row by row, for the columns that have none themselves
    `person`       (field, index) for every field of a person
    `calendar`     how the birth dates are counted, None for the usual way
    """

    def __init__(self, places: dict[str, tuple[int, ...]]) -> None:
        self._places = places
        roles = {text: role for text in places if (role := read_role(text)) is not None}
        order = {name: number for number, name in enumerate(IDENTIFIER_ROLES)}
        kinds = sorted(
            (role for role in roles.values() if role.family is Family.IDENTIFIER),
            key=lambda role: (order[role.name], role.qualifier or ""),
        )
        self.identifiers = tuple((role.name, role.qualifier, index) for role in kinds for index in places[role.text])
        self.companions = {
            COMPANIONS[role.name]: places[text][0] for text, role in roles.items() if role.family is Family.COMPANION
        }
        fields = {role.name: role for role in roles.values()}
        # A kind that is also a field (alias) may stand in several columns: the first of them is the person's.
        self.person = tuple((field, places[fields[field].text][0]) for field in PERSON_FIELDS if field in fields)
        born = fields.get("birth_date")
        self.calendar = born.qualifier if born is not None else None

    def one(self, role: str) -> int | None:
        """The column of a role that has at most one."""
        found = self._places.get(role)
        return found[0] if found else None

    def columns(self) -> dict[int, str]:
        """Every mapped column and its role, from left to right."""
        return dict(sorted((index, role) for role, found in self._places.items() for index in found))


def fingerprint(header: Sequence[str]) -> str:
    """SHA-256 of the folded column names in order: the same export next month has the same one."""
    return hashlib.sha256(json.dumps([fold(name) for name in header]).encode()).hexdigest()


_RUNNING_NUMBER = "nr"
"""A name that is the case number only where no other column is: as often it counts the rows."""


def suggest(header: Sequence[str]) -> dict[str, str]:
    """A proposed role for the columns whose names are known words; the first column wins a role that has only one.

    Names that stand twice, and names of refused columns, get none, and a column with the second word of a kind only
    beside a column of that kind. The result need not be a whole mapping.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    names = [fold(name) for name in header]
    apart = {HEADER_WORDS.get(name) for name in names}
    half_names = _HALF_NAMES if "given_name" in apart and "family_name" not in apart else frozenset()
    numbered = any(HEADER_WORDS.get(name) == "reference" for name in names if name != _RUNNING_NUMBER)
    for name, folded in zip(header, names, strict=True):
        role = _proposed(name, half_names)
        if role is None or (numbered and folded == _RUNNING_NUMBER):
            continue
        if names.count(folded) > 1 or is_forbidden(name) is not None:
            continue
        place = slot(role)
        if place in taken and not takes_several(role):
            continue
        taken.add(place)
        found[name] = role
    kinds = {role for role in found.values() if ":" not in role}
    return {name: role for name, role in found.items() if COMPANIONS.get(role) in (None, *kinds)}


def _proposed(name: str, half_names: frozenset[str]) -> str | None:
    """The role that a column's name stands for, None if it is no known word."""
    plain = fold(_QUALIFIER.sub(" ", name))
    if plain in half_names:
        return "family_name"
    for form in (fold(name), plain, fold(_CAMEL.sub(" ", name))):
        role = HEADER_WORDS.get(form) or (form.replace(" ", "_") if form.replace(" ", "_") in ROLES else None)
        if role is not None and role != "ignore" and read_role(role) is not None:
            return role
    words = plain.split()
    platforms = [word for word in words if word in PLATFORMS]
    rest = [word for word in words if word not in PLATFORMS]
    if len(platforms) == 1 and all(word in _ACCOUNT_WORDS for word in rest) and (rest or platforms[0] not in _ORDINARY):
        return f"handle:{platforms[0]}"
    return None


def check_column(name: str, text: str) -> Role:
    """The role that a column of this name is given. UserError if it cannot have it, or if there is no such role."""
    if not name.strip() or len(name) > MAX_HEADER_CHARACTERS:
        raise UserError(
            f"A mapped column needs a name of 1 to {MAX_HEADER_CHARACTERS} characters.",
            advice="Give the column a name in the header row of the file.",
        )
    role = read_role(text)
    if role is not None and role.family is Family.IGNORE:
        return role
    about = text if text in FORBIDDEN else FORBIDDEN_WORDS.get(fold(text)) or is_forbidden(name)
    if about is not None:
        raise UserError(refusal(name, about), advice="Leave the column out; it is then never read.")
    if role is None:
        close = difflib.get_close_matches(text, ROLES, n=1)
        raise UserError(
            f'The column "{name}" is mapped to a role that does not exist.',
            advice=qualifier_advice(text)
            or (f"Did you mean {close[0]}? " if close else "")
            + "The end of `blindmatch dataset preview --help` lists all roles, and what each is for.",
        )
    return role


def is_forbidden(name: str) -> str | None:
    """What a column of this name is about, if that is refused whatever its role."""
    for form in dict.fromkeys((fold(name), fold(_QUALIFIER.sub(" ", name)), fold(_CAMEL.sub(" ", name)))):
        if form in FORBIDDEN_WORDS:
            return FORBIDDEN_WORDS[form]
        if form in HEADER_WORDS:
            continue
        words = form.split()[:_WORDS_READ]
        for length in range(_LONGEST_PART, 0, -1):
            for start in range(len(words) - length + 1):
                if about := FORBIDDEN_PARTS.get(" ".join(words[start : start + length])):
                    return about
    return None


def refusal(name: str, about: str) -> str:
    """Why a column of that name takes no part."""
    return f'The column "{name}" is about {about.replace("_", " ")}, which is refused: {FORBIDDEN[about]}.'


def find_column(name: str, header: Sequence[str]) -> int:
    """The column of that name: exactly, else without case, accents and punctuation."""
    for wanted, known in ((name, list(header)), (fold(name), [fold(column) for column in header])):
        places = [index for index, column in enumerate(known) if wanted and column == wanted]
        if len(places) > 1:
            letters = " and ".join(column_letter(index) for index in places[:3])
            raise UserError(
                f'The name "{name}" stands over more than one column ({letters}): it is not clear which is meant.',
                advice="Give the columns different names in a copy of the file.",
            )
        if places:
            return places[0]
    folded = {fold(column): column for column in reversed(header) if column}
    close = difflib.get_close_matches(fold(name), folded, n=1)
    raise UserError(
        f'The file has no column "{name}".',
        advice=f'The closest is "{folded[close[0]]}". Correct the mapping or the header row.'
        if close
        else "Give the name that stands in the header row, not a letter. Without this --map, the preview shows every "
        "column and which row was taken for the header.",
    )
