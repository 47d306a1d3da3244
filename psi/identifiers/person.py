"""A person as the comparison sees one: a single form per field, of names also a finer one, and nothing else.

Only forms are kept (`forms` says what each absorbs), because a prepared data set should hold no more of a person than
the comparison needs. A name column that holds the whole name is split here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.calendars import CALENDARS
from psi.identifiers.cells import Cell
from psi.identifiers.dates import date_form
from psi.identifiers.forms import PERSON_FIELDS, PERSON_FORMS, alias_letters, check_form, read_form
from psi.identifiers.names import split_family_name, split_full_name, split_given_name

__all__ = ["Person"]

_WHOLE: Final = "full_name"
_FIELDS: Final = frozenset(PERSON_FIELDS)


@dataclass(frozen=True, slots=True)
class Person:
    """The forms of one person by field; `repr` and errors never show them.

    Raises `RefusedValue` `person/not-a-form` when built from something that is no form of its field.
    """

    forms: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        for name, form in self.forms.items():
            check_form(name, form)
        ordered = {name: self.forms[name] for name in PERSON_FORMS if name in self.forms}
        object.__setattr__(self, "forms", MappingProxyType(ordered))

    @classmethod
    def from_cells(
        cls, cells: Mapping[str, Cell], *, calendar: str | None = None
    ) -> tuple["Person", dict[str, RefusedValue]]:
        """Read the cells of one person by field name; `calendar` is that of the birth dates, None for our own.

        Returns the person with every field that could be read, and the refusals by field. A blank or placeholder
        cell is in neither. Raises `RefusedValue` `person/unknown-field`, `person/unknown-calendar`.
        """
        if calendar is not None and calendar not in CALENDARS:
            raise RefusedValue(
                "A column of birth dates is mapped to a calendar that is not known here.",
                advice=f"Use one of: {', '.join(CALENDARS)}.",
                reason="person/unknown-calendar",
            )
        forms: dict[str, str] = {}
        patronymic = ""
        refused: dict[str, RefusedValue] = {}
        for name, cell in cells.items():
            if name not in _FIELDS:
                raise RefusedValue(
                    "A column is mapped to a person field that does not exist.",
                    advice=f"Use one of: {', '.join(PERSON_FIELDS)}.",
                    reason="person/unknown-field",
                )
            # A number is evidence, even without text; a cell without either has nothing to read.
            if not cell.text and cell.number is None:
                continue
            try:
                if name == "given_name":
                    parts = split_given_name(cell, cells.get("family_name"))
                    patronymic = parts.pop("father_name", "")
                    forms |= parts
                elif name == "family_name":
                    forms |= split_family_name(cell)
                elif name == "birth_date":
                    forms[name] = date_form(cell, calendar)
                elif name != _WHOLE:
                    forms[name] = read_form(name, cell)
                    if name == "alias":
                        forms["alias_letters"] = alias_letters(cell)
            except RefusedValue as refusal:
                refused[name] = refusal
        # The whole name comes last: it fills in only where the columns of its parts say nothing.
        if _WHOLE in cells and "given_name" not in forms and "family_name" not in forms:
            try:
                parts = split_full_name(cells[_WHOLE])
                patronymic = parts.pop("father_name", patronymic)
                forms |= parts
            except RefusedValue as refusal:
                refused[_WHOLE] = refusal
        if patronymic and not forms.get("father_name"):
            forms["father_name"] = patronymic
        return cls._made(forms), refused

    @classmethod
    def _made(cls, forms: Mapping[str, str]) -> "Person":
        """A person of forms that were read a moment ago: checking them again would cost as much as reading them."""
        person = object.__new__(cls)
        ordered = {name: forms[name] for name in PERSON_FORMS if forms.get(name)}
        object.__setattr__(person, "forms", MappingProxyType(ordered))
        return person

    def to_dict(self) -> dict[str, str]:
        """Plain data for JSON, in the order of `PERSON_FORMS`."""
        return dict(self.forms)

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Person":
        """The reverse of `to_dict`; refuses what `to_dict` cannot have made."""
        return cls(data)
