"""What happened to each row and each cell, told so that a caseworker can correct it: the address, the reason, the fix.

    columns    what became of the cells of each mapped column: accepted, repaired, refused, blank (numbers)
    problems   what cost something: a cell that does not take part, a row that was left out
    repairs    what was read although a spreadsheet had damaged it: it takes part, and its owner should look at it
    reasons    how often each reason code was met, beyond what the two lists hold

Never the value. Counts are kept for every reason; the single cells are listed up to `MAX_REPORTED_CELLS`, because a
column that was mapped wrongly fails in every row and the first thousand say all there is to say (the marked copy of
the sheet, `marked_copy`, shows every one in its place).

A table is prepared in batches, by several processes: each batch makes a report of its own (it crosses a process
boundary by pickle), and `Report.merge` joins them in the order of the rows. The result is the same as if one report
had seen every row.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.datasets.records import PreparedRecord
from node.datasets.room import USUAL_ROOM

__all__ = [
    "ACCEPTED",
    "BLANK",
    "MAX_REPORTED_CELLS",
    "REFUSED",
    "REPAIRED",
    "REPAIRS",
    "ROW_REASONS",
    "ColumnCount",
    "Problem",
    "Report",
]

MAX_REPORTED_CELLS = 1_000
"""Entries in each list of a report; counts go on beyond it."""

# Reasons of rows and of what is particular to a table: code -> (sentence, fix). Those of single identifier cells come
# from psi.identifiers.
ROW_REASONS: Mapping[str, tuple[str, str]] = {
    "cell/too-long": (
        "A cell in this row is longer than any spreadsheet allows, so the row was left out.",
        "Shorten the cell, or look for a missing quotation mark.",
    ),
    "cell/spreadsheet-error": (
        "This cell shows a spreadsheet error or was too narrow when the file was saved; it counts as empty.",
        "Correct the formula or widen the column, then save the file again.",
    ),
    "cell/repaired-number": (
        "A spreadsheet had made a number of this cell; it was read as what it must have been.",
        "Look at the value in the preview. Format the column as text, so that no digit gets lost.",
    ),
    "stop-list/own-contact": (
        "This is a contact of your own (a hotline, a shelter, an account of yours), so it does not take part.",
        "Nothing to do. If it belongs to the person all the same, take it off the stop-list.",
    ),
    "urgent/second-person-missing": (
        "This row says that someone is in urgent danger, but nobody confirmed it as a second person, so the row was "
        "left out for want of consent.",
        "Let a second person of your organisation look at it, and prepare the file again with --second NAME.",
    ),
    "urgent/person-said-no": (
        "This row says that someone is in urgent danger, but the person said no, and that stands: it was left out.",
        "Ask the person again if you can. What a law obliges or allows you to report goes to the authority directly.",
    ),
    "urgent/unknown-word": (
        "The urgent-danger cell of this row holds another word than yes or no; it counts as no.",
        "Write yes or no.",
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
    "cell/not-text": (
        "A cell in this row holds bytes or broken characters instead of text, so the row was left out.",
        "Export the table again, without columns of pictures or other files, as UTF-8.",
    ),
    "row/not-json": (
        "This line is not one JSON object, so it was left out.",
        "Write one object on each line, without line breaks inside it.",
    ),
    "row/repeated-key": (
        "A name stands twice in this line, so it is not clear which value counts; it was left out.",
        "Keep one of the two.",
    ),
    "row/late-field": (
        "This line has a field that none of the first 10,000 lines has, so nobody said what it means; it was left out.",
        "Put a line with every field at the beginning of the file, look at the preview and say what the field holds.",
    ),
    "row/nested-too-deep": (
        "The objects and lists in this line are nested too deep to be a row of a table, so it was left out.",
        "Export the fields that are needed, or as CSV.",
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
    "row/erased": (
        "This record was erased here at the person's request, so it was left out.",
        "Take the row out of the source. If the person has agreed anew, give it a new case number.",
    ),
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
    "consent/cut-off": (
        "This row ends before the columns of its consent, so nobody knows what stood there; it was left out.",
        "Check that the row was not broken in two, and save the table again with every column.",
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
    "consent/unknown-purpose": (
        "The consent in this row names a purpose that no round has, so the row was left out.",
        "Use for example protect victims or find missing persons, separated by semicolons; or leave the cell empty for "
        "all.",
    ),
    "child/blank": (
        "This row does not say whether it is about a child, so it was left out.",
        "Write yes or no in the child column.",
    ),
    "child/unknown-word": (
        "The child cell of this row holds another word than yes or no, so the row was left out.",
        "Write yes or no.",
    ),
    "child/date-unreadable": (
        "The date of birth in this row cannot be read and may be that of someone under 18: it is kept out of rounds.",
        "Correct the date, or add a column that says yes or no to: is this a child.",
    ),
    "child/born-recently": (
        "By the date of birth the person may be under 18: it is kept out of every round that is not about "
        "children alone.",
        "Check the date of birth.",
    ),
    "class/blank": ("This row does not say what kind of record it is, so it was left out.", "Fill in the cell."),
    "class/unknown-word": (
        "The kind of record in this row is not a known word, so the row was left out.",
        "Use for example victim, suspect or contact.",
    ),
    "class/other": ("This row is another kind of record than this data set holds, so it was left out.", ""),
}


ACCEPTED, REPAIRED, REFUSED, BLANK = b"arxb"
"""What became of a cell, as a letter: a row's outcomes are a text with one for each of its columns."""

REPAIRS = frozenset(("cell/repaired-number",))
"""Reasons that cost nothing: the cell takes part."""


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
class ColumnCount:
    """What became of the cells of one mapped column, in the rows that were read that far.

    A row is left out before its identifiers are read if it has no consent, so the four numbers need not add up to the
    rows of the table. Every cell counts once: `repaired` ones are not among the `accepted`.

    A reader holds the object and adds to its fields, which is all that a cell costs.
    """

    accepted: int = 0
    repaired: int = 0
    refused: int = 0
    blank: int = 0

    def merge(self, other: "ColumnCount") -> None:
        self.accepted += other.accepted
        self.repaired += other.repaired
        self.refused += other.refused
        self.blank += other.blank

    def to_dict(self) -> dict[str, int]:
        return {"accepted": self.accepted, "repaired": self.repaired, "refused": self.refused, "blank": self.blank}


@dataclass(slots=True)
class Report:
    """The quality report of one preparation. `rows` is every row that is not blank, `usable` what was prepared; the
    `children` among those are kept out of rounds, the `urgent` ones take part without a consent."""

    rows: int = 0
    usable: int = 0
    children: int = 0
    urgent: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    identifiers: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    repairs: list[Problem] = field(default_factory=list)
    columns: dict[int, ColumnCount] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        return self.rows - self.usable

    def column(self, index: int) -> ColumnCount:
        """The count of a column (0 is A), made when first asked for."""
        found = self.columns.get(index)
        if found is None:
            found = self.columns[index] = ColumnCount()
        return found

    def add(self, problem: Problem) -> None:
        """One finding. Columns are not counted by it: whoever reads the cell does that."""
        self.reasons[problem.reason] += 1
        kept = self.repairs if problem.reason in REPAIRS else self.problems
        if len(kept) < MAX_REPORTED_CELLS:
            kept.append(problem)

    def take(self, record: PreparedRecord) -> None:
        """Count a prepared record."""
        self.usable += 1
        self.children += record.child
        self.urgent += record.consent.urgent
        identifiers = self.identifiers
        for kind in record.identifiers:
            identifiers[kind] += 1
        identifiers["person"] += record.person is not None

    def merge(self, other: "Report") -> None:
        """Take in what was found in the rows that follow. `other` stays as it is."""
        self.rows += other.rows
        self.usable += other.usable
        self.children += other.children
        self.urgent += other.urgent
        self.reasons.update(other.reasons)
        self.identifiers.update(other.identifiers)
        self.problems.extend(other.problems[: MAX_REPORTED_CELLS - len(self.problems)])
        self.repairs.extend(other.repairs[: MAX_REPORTED_CELLS - len(self.repairs)])
        for index, count in other.columns.items():
            self.column(index).merge(count)

    def counts(self) -> dict[str, Any]:
        """Numbers only: what may stand in the clear in the database. Columns go by their index."""
        return {
            "rows": self.rows,
            "usable": self.usable,
            "left_out": self.left_out,
            "children": self.children,
            "urgent": self.urgent,
            "reasons": dict(sorted(self.reasons.items())),
            "identifiers": dict(sorted(self.identifiers.items())),
            "columns": {str(index): count.to_dict() for index, count in sorted(self.columns.items())},
        }
