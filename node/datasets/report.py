"""What happened to each row, told so that a caseworker can correct it: the cell's address, the reason, the fix.

Never the value. Counts are kept for every reason; the single cells are listed up to `MAX_REPORTED_CELLS`, because a
column that was mapped wrongly fails in every row and the first thousand say all there is to say.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.datasets.records import PreparedRecord

__all__ = ["MAX_REPORTED_CELLS", "ROW_REASONS", "USUAL_ROOM", "Problem", "Report"]

MAX_REPORTED_CELLS = 1_000
"""Entries in the list of a report; counts go on beyond it."""

USUAL_ROOM: Mapping[str, tuple[int, str]] = {
    "phone": (3, "telephone numbers"),
    "email": (2, "e-mail addresses"),
    "handle": (2, "accounts"),
}
"""Values of each kind for which the usual agreements have room in one record (`node.rounds.jobs`), and their name."""

# Reasons of whole rows: code -> (sentence, fix). Reasons of single identifier cells come from psi.identifiers.
ROW_REASONS: Mapping[str, tuple[str, str]] = {
    "cell/too-long": (
        "A cell in this row is longer than any spreadsheet allows, so the row was left out.",
        "Shorten the cell, or look for a missing quotation mark.",
    ),
    "cell/spreadsheet-error": (
        "This cell shows a spreadsheet error or was too narrow when the file was saved; it counts as empty.",
        "Correct the formula or widen the column, then save the file again.",
    ),
    "row/quotation-mark": (
        "The quotation marks in this row are wrong, so the row was left out.",
        "Double each quotation mark inside a cell, or save the table as XLSX.",
    ),
    "row/too-many-cells": (
        "This row has more cells than the header, so its values may stand in the wrong columns; it was left out.",
        "Look for a delimiter inside a value and put that value in quotation marks.",
    ),
    "row/too-few-cells": (
        "This row has fewer cells than the header; the missing ones count as empty.",
        "Check that the row was not broken in two.",
    ),
    "row/too-large": ("This row holds too much to be stored, so it was left out.", "Keep one value in a cell."),
    "row/nothing-to-compare": (
        "Nothing in this row can be compared, so it was left out.",
        "Fill in at least one of the mapped columns.",
    ),
    **{
        f"row/many-{kind}": (
            f"This row holds more than {room} {words}. Most agreements have room for {room}; a data set with more "
            "cannot be signed for them.",
            "Keep the ones that matter, or agree on more room.",
        )
        for kind, (room, words) in USUAL_ROOM.items()
    },
    "reference/blank": (
        "This row has no case number, so it was left out.",
        "Give the row a case number: results name your records by it.",
    ),
    "reference/unusable": (
        "The case number in this row is too long, broken or a rounded number, so the row was left out.",
        "Use a short case number and format its column as text.",
    ),
    "reference/repeated": (
        "This case number stands on more than one row; each row takes part on its own, under the same number.",
        "If the rows are about different people, give each its own case number.",
    ),
    "consent/blank": ("No consent is noted in this row, so it was left out.", "Write yes only if the person agreed."),
    "consent/no": ("The person did not agree, so the row was left out.", ""),
    "consent/unknown-word": (
        "The consent cell of this row holds another word than yes or no, so the row was left out.",
        "Write yes or no, in English, German, Romanian, Bulgarian, Dutch or French.",
    ),
    "consent/until-not-a-date": (
        "The end of the consent in this row is not a date, so the row was left out.",
        "Write it as year-month-day, for example 2027-12-31.",
    ),
    "consent/expired": ("The consent in this row has ended, so it was left out.", "Ask the person again."),
    "consent/unknown-kind": (
        "The consent in this row names something that is not a kind of identifier, so the row was left out.",
        "Use phone, email, handle or person, separated by semicolons; or leave the cell empty for all.",
    ),
    "consent/unknown-receiver": (
        "The consent in this row names an unknown kind of organisation, so the row was left out.",
        "Use for example ngo, shelter or police, separated by semicolons; or leave the cell empty for all.",
    ),
    "child/blank": (
        "This row does not say whether it is about a child, so it was left out.",
        "Write yes or no in the child column.",
    ),
    "child/unknown-word": (
        "The child cell of this row holds another word than yes or no, so the row was left out.",
        "Write yes or no.",
    ),
    "child/born-recently": (
        "By the date of birth the person may be under 18: it is kept out of rounds (only agreements for children could "
        "include it).",
        "Check the date of birth.",
    ),
    "class/blank": ("This row does not say what kind of record it is, so it was left out.", "Fill in the cell."),
    "class/unknown-word": (
        "The kind of record in this row is not a known word, so the row was left out.",
        "Use for example victim, suspect or contact.",
    ),
    "class/other": ("This row is another kind of record than this data set holds, so it was left out.", ""),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where (`C17`, or `row 17`), a stable reason code, a sentence, and what to do."""

    address: str
    reason: str
    sentence: str
    fix: str

    @classmethod
    def of(cls, reason: str, address: str) -> "Problem":
        sentence, fix = ROW_REASONS[reason]
        return cls(address, reason, sentence, fix)

    def to_dict(self) -> dict[str, str]:
        return {"address": self.address, "reason": self.reason, "sentence": self.sentence, "fix": self.fix}


@dataclass(slots=True)
class Report:
    """The quality report of one preparation. `rows` is every row that is not blank, `usable` what was
    prepared; the `children` among those are kept out of rounds."""

    rows: int = 0
    usable: int = 0
    children: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    identifiers: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        return self.rows - self.usable

    def add(self, problem: Problem) -> None:
        self.reasons[problem.reason] += 1
        if len(self.problems) < MAX_REPORTED_CELLS:
            self.problems.append(problem)

    def take(self, record: PreparedRecord) -> None:
        """Count a prepared record."""
        self.usable += 1
        self.children += record.child
        self.identifiers.update(record.identifiers.keys())
        self.identifiers["person"] += record.person is not None

    def counts(self) -> dict[str, Any]:
        """Numbers only: what may stand in the clear in the database."""
        return {
            "rows": self.rows,
            "usable": self.usable,
            "left_out": self.left_out,
            "children": self.children,
            "reasons": dict(sorted(self.reasons.items())),
            "identifiers": dict(sorted(self.identifiers.items())),
        }
