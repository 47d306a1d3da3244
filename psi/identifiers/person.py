"""A person as the comparison sees one: a single form per field, and nothing else.

Only forms are kept (`forms` says what each absorbs), because a prepared data set should hold no more of a person than
the comparison needs. A name column that holds the whole name is split here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell
from psi.identifiers.forms import PERSON_FIELDS, check_form, read_form
from psi.identifiers.names import split_full_name, split_given_name

__all__ = ["Person"]


@dataclass(frozen=True, slots=True)
class Person:
    """The forms of one person by field; `repr` and errors never show them.

    Raises `RefusedValue` `person/not-a-form` when built from something that is no form of its field.
    """

    forms: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        for name, form in self.forms.items():
            check_form(name, form)
        ordered = {name: self.forms[name] for name in PERSON_FIELDS if name in self.forms}
        object.__setattr__(self, "forms", MappingProxyType(ordered))

    @classmethod
    def from_cells(cls, cells: Mapping[str, Cell]) -> tuple["Person", dict[str, RefusedValue]]:
        """Read the cells of one person by field name.

        Returns the person with every field that could be read, and the refusals by field. A blank or placeholder
        cell is in neither. An unknown field name raises `RefusedValue` `person/unknown-field`.
        """
        forms: dict[str, str] = {}
        refused: dict[str, RefusedValue] = {}
        for name, cell in sorted(cells.items(), key=lambda item: item[0] == "full_name"):
            if name not in PERSON_FIELDS:
                raise RefusedValue(
                    "A column is mapped to a person field that does not exist.",
                    advice=f"Use one of: {', '.join(PERSON_FIELDS)}.",
                    reason="person/unknown-field",
                )
            try:
                if name == "full_name":
                    if "given_name" in forms or "family_name" in forms:
                        continue
                    parts = split_full_name(cell)
                elif name == "given_name":
                    parts = split_given_name(cell)
                else:
                    form = read_form(name, cell)
                    parts = {name: form} if form else {}
            except RefusedValue as refusal:
                refused[name] = refusal
                continue
            for part, form in parts.items():
                if part == name or part not in forms:
                    forms[part] = form
        return cls(forms), refused

    def to_dict(self) -> dict[str, str]:
        """Plain data for JSON, in the order of `PERSON_FIELDS`."""
        return dict(self.forms)

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Person":
        """The reverse of `to_dict`; refuses what `to_dict` cannot have made."""
        return cls(data)
