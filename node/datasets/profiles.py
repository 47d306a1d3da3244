"""Profiles: what the columns of a known program's export are, so that its file needs no mapping by hand.

A profile is a JSON file in the folder `profiles`: names of columns and their roles, the record class that such a file
usually holds, and, for JSON Lines, the list inside a record that becomes one row for each of its entries. The names
come from public documentation and source code where there are some, and are assumptions where there are none; the
notes of each profile say which. None has been tried on a partner's export yet, and each says so (`UNVERIFIED`).

A profile only proposes. A person looks at the preview, and what they say wins. Names are compared as headers
are (without case, accents and punctuation), first whole, then by the last part of a path: `person/first_name`.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from node.datasets.mapping import is_forbidden
from node.datasets.roles import read_role, slot, takes_several
from node.datasets.terms import RECORD_CLASSES
from node.datasets.words import fold
from node.errors import UserError

__all__ = ["UNVERIFIED", "Profile", "all_profiles", "find_profile", "parse_profile"]

UNVERIFIED = "unverified until tried on a partner's export"
"""The status of a profile that nobody has tried on a real file."""

MAX_PROFILE_COLUMNS = 200
"""Names of columns in one profile."""

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")]
_Text = Annotated[str, Field(min_length=1, max_length=400)]
_Format = Literal["csv", "xlsx", "xls", "ods", "parquet", "jsonl", "sql"]
_SEPARATORS = re.compile(r"[/.]")


class Profile(BaseModel):
    """One profile. `columns` is name of a column -> role; where only one column may have a role, the first that the
    file has gets it. `dashes` says that a dash parts the groups of a path, as a slash does."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: _Name
    title: _Text
    status: Literal["unverified until tried on a partner's export"]
    formats: Annotated[tuple[_Format, ...], Field(min_length=1)]
    record_class: str
    columns: Annotated[dict[_Text, str], Field(min_length=1, max_length=MAX_PROFILE_COLUMNS)]
    explode: Annotated[str, Field(max_length=200)] = ""
    dashes: bool = False
    notes: Annotated[tuple[_Text, ...], Field(min_length=1)]

    @field_validator("formats", "notes", mode="before")
    @classmethod
    def _tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _whole(self) -> "Profile":
        if self.explode and self.formats != ("jsonl",):
            raise ValueError("only JSON Lines has lists inside a record")
        return self

    @field_validator("record_class")
    @classmethod
    def _class(cls, value: str) -> str:
        if value not in RECORD_CLASSES:
            raise ValueError("no record class")
        return value

    @field_validator("columns")
    @classmethod
    def _columns(cls, columns: dict[str, str]) -> dict[str, str]:
        for name, text in columns.items():
            role = read_role(text)
            if role is None or role.text != text:
                raise ValueError("no role")
            if text != "ignore" and is_forbidden(name) is not None:
                raise ValueError("a refused column")
        if len({fold(name) for name in columns}) < len(columns):
            raise ValueError("a name stands twice")
        return columns

    def columns_of(self, header: Sequence[str]) -> dict[str, str]:
        """Column name (as the header spells it) -> role. Names that stand twice get none; `ignore` is said outright,
        so that no other rule gives such a column a role."""
        whole: dict[str, list[str]] = {}
        last: dict[str, list[str]] = {}
        for column in header:
            whole.setdefault(fold(column), []).append(column)
            last.setdefault(fold(self._last_part(column)), []).append(column)
        found: dict[str, str] = {}
        taken: set[str] = set()
        for name, role in self.columns.items():
            if slot(role) in taken and not takes_several(role):
                continue
            for places in (whole, last):
                columns = [column for column in places.get(fold(name), ()) if column not in found]
                if len(columns) == 1 and (role == "ignore" or is_forbidden(columns[0]) is None):
                    found[columns[0]] = role
                    taken.add(slot(role))
                    break
        return found

    def _last_part(self, column: str) -> str:
        text = column.replace("-", "/") if self.dashes else column
        return _SEPARATORS.split(text)[-1]


def parse_profile(data: bytes) -> Profile:
    """A profile from its JSON form. UserError if it is none; the sentence does not quote it."""
    try:
        return Profile.model_validate(json.loads(data))
    except (ValueError, ValidationError, RecursionError):
        raise UserError(
            "This is not a profile.",
            advice="It has the fields name, title, status, formats, record_class, columns and notes, and if need be "
            "explode and dashes; every column has a known role.",
        ) from None


def all_profiles() -> tuple[Profile, ...]:
    """The profiles that come with blindmatch, in the order of their names."""
    return _shipped()


def find_profile(name: str) -> Profile:
    """The profile of that name; UserError names those that there are."""
    for profile in _shipped():
        if profile.name == name:
            return profile
    raise UserError(
        "There is no profile of this name.", advice=f"There are: {', '.join(profile.name for profile in _shipped())}."
    )


@cache
def _shipped() -> tuple[Profile, ...]:
    folder = files("node.datasets") / "profiles"
    found = [parse_profile(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".json")]
    return tuple(sorted(found, key=lambda profile: profile.name))
