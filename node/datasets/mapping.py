"""What each column of a table is: a small document that is made once and remembered by the header's fingerprint.

    role                                            columns
    reference                                       exactly one: the organisation's own case number
    phone email handle handle:telegram ...          any number each (a platform where cells hold bare accounts)
    given_name family_name ... region               at most one column each (psi.identifiers.PERSON_FIELDS)
    consent consent_until consent_kinds consent_receivers child record_class     at most one each
    ignore                                          the same as leaving the column out

A column that is *about* something refused outright (health, religion, notes ...) takes no role but `ignore`, and the
refusal says why. Columns without a role are never read (a preview shows the first cell of each to their owner).
`suggest` proposes; only a person decides.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node.datasets.tables import column_letter
from node.datasets.words import FORBIDDEN_WORDS, HEADER_WORDS, fold
from node.errors import UserError
from psi.identifiers import CATALOGUE, FORBIDDEN, PERSON_FIELDS, PLATFORMS

__all__ = [
    "IDENTIFIER_ROLES",
    "ROLES",
    "ROW_ROLES",
    "SEVERAL",
    "Binding",
    "Mapping",
    "check_column",
    "find_column",
    "fingerprint",
    "is_forbidden",
    "suggest",
]

IDENTIFIER_ROLES = (
    *(name for name in CATALOGUE if name != "person"),
    *(f"handle:{platform}" for platform in PLATFORMS),
)
"""The kinds that a column can hold by itself, a handle also with its platform. Person fields are mapped one by one."""

ROW_ROLES = ("consent", "consent_until", "consent_kinds", "consent_receivers", "child", "record_class")

ROLES = ("reference", *IDENTIFIER_ROLES, *PERSON_FIELDS, *ROW_ROLES, "ignore")

MAX_MAPPED_COLUMNS = 200
"""Columns in one mapping."""

MAX_HEADER_CHARACTERS = 200
"""Characters in the name of a mapped column."""

SEVERAL = frozenset((*IDENTIFIER_ROLES, "ignore"))
"""Roles that more than one column may have."""
_HALF_NAMES = frozenset(("name", "nume", "naam", "nom"))
"""Beside a column of first names these mean the family name: Vorname and Name, prenume and nume, prénom and nom."""
_QUALIFIER = re.compile(r"\([^)]*\)|[0-9]+\s*$")


class Mapping(BaseModel):
    """Column name -> role. Two mappings with the same content have the same canonical bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    columns: Annotated[dict[str, str], Field(max_length=MAX_MAPPED_COLUMNS)]

    @field_validator("columns")
    @classmethod
    def _check(cls, columns: dict[str, str]) -> dict[str, str]:
        used: dict[str, str] = {}
        for name, role in columns.items():
            check_column(name, role)
            if role not in SEVERAL and used.setdefault(role, name) != name:
                raise UserError(
                    f'The columns "{used[role]}" and "{name}" are both mapped to {role}.', advice="Keep one of them."
                )
        if "reference" not in used:
            raise UserError(
                "No column is mapped to reference.",
                advice="Map the column with your own case numbers: results name your records by it. "
                "It never leaves this node.",
            )
        if all(role in ("reference", "ignore", *ROW_ROLES) for role in columns.values()):
            raise UserError(
                "No column is mapped to anything that could be compared.",
                advice="Map at least one column to a kind such as phone, email, handle, or to person fields.",
            )
        return columns

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
    """A mapping bound to one header: role -> column indices, 0 is column A."""

    def __init__(self, places: dict[str, tuple[int, ...]]) -> None:
        self._places = places
        self.identifiers = tuple((*_split(role), index) for role in IDENTIFIER_ROLES for index in places.get(role, ()))
        """(kind, platform or None, column) for every column that holds identifiers."""
        self.person = tuple((field, places[field][0]) for field in PERSON_FIELDS if field in places)

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


def suggest(header: Sequence[str]) -> dict[str, str]:
    """A proposed role for the columns whose names are known words; the first column wins a role that has only one.

    Names that stand twice, and names of refused columns, get none. The result need not be a whole mapping.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    names = [fold(name) for name in header]
    apart = {HEADER_WORDS.get(name) for name in names}
    half_names = _HALF_NAMES if "given_name" in apart and "family_name" not in apart else frozenset()
    for name, folded in zip(header, names, strict=True):
        plain = fold(_QUALIFIER.sub(" ", name))
        role = HEADER_WORDS.get(folded) or HEADER_WORDS.get(plain)
        if role is None and plain in PLATFORMS:
            role = f"handle:{plain}"
        if role is None and folded.replace(" ", "_") in ROLES:
            role = folded.replace(" ", "_")
        if role == "full_name" and plain in half_names:
            role = "family_name"
        if role is None or role == "ignore" or names.count(folded) > 1 or is_forbidden(name) or role in taken - SEVERAL:
            continue
        taken.add(role)
        found[name] = role
    return found


def _split(role: str) -> tuple[str, str | None]:
    kind, _, platform = role.partition(":")
    return kind, platform or None


def check_column(name: str, role: str) -> None:
    """UserError if a column of this name cannot have this role."""
    if not name.strip() or len(name) > MAX_HEADER_CHARACTERS:
        raise UserError(
            f"A mapped column needs a name of 1 to {MAX_HEADER_CHARACTERS} characters.",
            advice="Give the column a name in the header row of the file.",
        )
    if role == "ignore":
        return
    about = role if role in FORBIDDEN else FORBIDDEN_WORDS.get(fold(role)) or is_forbidden(name)
    if about is not None:
        raise UserError(_refusal(name, about), advice="Leave the column out; it is then never read.")
    if role not in ROLES:
        close = difflib.get_close_matches(role, ROLES, n=1)
        raise UserError(
            f'The column "{name}" is mapped to a role that does not exist.',
            advice=(f"Did you mean {close[0]}? " if close else "") + f"The roles are: {', '.join(ROLES)}.",
        )


def is_forbidden(name: str) -> str | None:
    """What a column of this name is about, if that is refused whatever its role."""
    return FORBIDDEN_WORDS.get(fold(name)) or FORBIDDEN_WORDS.get(fold(_QUALIFIER.sub(" ", name)))


def _refusal(name: str, about: str) -> str:
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
        else "Correct the mapping, or check that the first row of the table names its columns.",
    )
