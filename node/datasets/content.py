"""What the cells of a column look like: a proposal where its name says nothing, a doubt where the name says otherwise.

    first rows --sample--> up to 200 cells a column --look--> Look(role, refused)

A kind is proposed only if it has a form of its own (a check digit, a fixed length, a scheme) and nearly all cells pass
the very reader that will read them later. So a column of ten-digit case numbers is no transfer number and no phone
number: a form that any list of numbers can have proposes nothing, nor do numbers that count on from row to row.

Nothing is mapped by its content alone: a person has to say so. No cell leaves this module, only what a column seems
to be. What is refused outright by its content stands in `content_refused`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from node.datasets.content_refused import Refused, refused_content
from node.datasets.tables import Row, Value, is_blank, plain
from psi.errors import RefusedValue
from psi.identifiers import Cell, Hints
from psi.identifiers.canonical import reader_of

__all__ = ["SAMPLE_CELLS", "Look", "look", "readable_share", "sample"]

SAMPLE_CELLS = 200
"""Cells that are not blank, in each column, which are looked at."""

SAMPLE_ROWS = 2_000
"""Rows that are searched for them at most."""

MIN_CELLS = 5
"""Cells below which nothing is proposed."""

PROPOSED_SHARE = 0.9
"""Share of the cells that the reader of a kind must accept before that kind is proposed."""

MAX_STEP = 10
"""Numbers that rise by no more than this from row to row are counted, not given: case numbers, row numbers."""

_COUNTED_SHARE = 0.8
_CELL_CHARACTERS = 4_000
"""Characters of a cell that are looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a column's cells seem to be: a role, or "" if they have no form of their own; and if they seem to be about
    something that is refused. `cells` is how many were looked at."""

    role: str = ""
    refused: Refused | None = None
    cells: int = 0


def sample(rows: Iterable[Row], width: int) -> tuple[tuple[Value, ...], ...]:
    """The first cells of each of `width` columns that are not blank."""
    found: list[list[Value]] = [[] for _ in range(width)]
    for row in islice(rows, SAMPLE_ROWS):
        for column, value in zip(found, row.cells, strict=False):
            if len(column) < SAMPLE_CELLS and not is_blank(value):
                column.append(value[:_CELL_CHARACTERS] if isinstance(value, str) else value)
        if all(len(column) == SAMPLE_CELLS for column in found):
            break
    return tuple(tuple(column) for column in found)


def look(cells: Sequence[Value], *, region: str | None = None) -> Look:
    """What a column with these cells seems to be. `region` is that of the data set's telephone numbers."""
    texts = [plain(value) for value in cells]
    refused = refused_content(texts)
    if refused is not None and refused.strong:
        return Look("", refused, len(cells))
    return Look(_role(cells, texts, region), refused, len(cells))


def readable_share(
    cells: Sequence[Value], kind: str, *, region: str | None = None, qualifier: str | None = None
) -> float:
    """The share of the cells that the reader of a kind accepts; blanks and placeholders do not count. 1.0 if there are
    too few to tell."""
    read, blank = _accepted(kind, cells, Hints(region, qualifier))
    counted = len(cells) - blank
    return read / counted if counted >= MIN_CELLS else 1.0


def _role(cells: Sequence[Value], texts: Sequence[str], region: str | None) -> str:
    if len(cells) < MIN_CELLS or len(set(texts)) < MIN_CELLS:
        return ""
    counted = _counts_on(texts)
    for role, shape, is_number in _SHAPES:
        if is_number and counted:
            continue
        if sum(map(shape, texts)) < PROPOSED_SHARE * len(texts):
            continue
        kind, _, qualifier = role.partition(":")
        hints = Hints(region, _PROBE.get(kind, qualifier or None))
        read, blank = _accepted(kind, cells, hints)
        if len(cells) - blank >= MIN_CELLS and read >= PROPOSED_SHARE * (len(cells) - blank):
            return role
    return ""


def _accepted(kind: str, cells: Sequence[Value], hints: Hints) -> tuple[int, int]:
    """(cells that the reader accepts, blank ones)"""
    reader = reader_of(kind)
    read = blank = 0
    for value in cells:
        cell = Cell(plain(value), value) if isinstance(value, float) else Cell(value)
        try:
            if reader(cell, hints):
                read += 1
            else:
                blank += 1
        except RefusedValue:
            continue
    return read, blank


def _counts_on(texts: Sequence[str]) -> bool:
    """Do the numbers rise from row to row by small steps? Letters and punctuation around them do not matter."""
    numbers = [int(digits) for text in texts if 0 < len(digits := _NOT_DIGIT.sub("", text)) <= _MAX_DIGITS]
    steps = [0 < later - earlier <= MAX_STEP for earlier, later in pairwise(numbers)]
    return len(numbers) >= MIN_CELLS and sum(steps) >= _COUNTED_SHARE * len(steps)


_NOT_DIGIT = re.compile(r"[^0-9]+")
_MAX_DIGITS = 25


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text.strip()) is not None


def _phone(text: str) -> bool:
    """Written as people write telephone numbers: a plus sign, a leading zero or brackets; never a date or an address
    of a computer."""
    text = text.strip()
    return _PHONE.fullmatch(text) is not None and _DATE.fullmatch(text) is None and _IPV4.fullmatch(text) is None


_PHONE = re.compile(
    r"(?:(?:tel|Tel|TEL)[.:]?\s*)?(?:\+|00|\(0?|0)[0-9][0-9 ()./–-]{5,24}(?:\s*[;,|]\s*[+(0][0-9 ()./–-]{6,24})*"
)
_DATE = re.compile(r"[0-9]{1,4}([./-])[0-9]{1,2}\1[0-9]{1,4}(?:[ T].*)?")
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_HOST = r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"

_PROBE = {"ip_window": "2026-01-01T00:00Z"}
"""Kinds whose cells are looked at without their second word, and one that stands in for it."""

# (role, the form of a cell, is it a bare number): the first whose form nearly all cells have, and whose reader takes
# them. Forms that any list of words or numbers can have are missing on purpose.
_SHAPES: tuple[tuple[str, Callable[[str], bool], bool], ...] = (
    ("email", _matches(r"(?:mailto:)?[^\s@]{1,64}@[^\s@]+\.[^\s@]+(?:\s*[;,]\s*\S+@\S+)*"), False),
    ("handle", _matches(rf"(?:https?://)?(?:www\.|m\.|mobile\.)?(?:{_HOST})/@?[\w.%@/?=&-]{{1,200}}"), False),
    ("handle", _matches(r"[a-z]{1,12}\s*[:@]\s*@?[\w.-]{2,60}"), False),
    ("url", _matches(rf"https?://\S{{4,2000}}|www\.{_HOST}\S{{0,2000}}"), False),
    ("iban", _matches(r"[A-Za-z]{2}[0-9]{2}[ 0-9A-Za-z-]{11,40}"), False),
    (
        "wallet",
        _matches(
            r"(?:bitcoin:|ethereum:)?(?:0x[0-9a-fA-F]{40}|[13LMDT4r][1-9A-HJ-NP-Za-km-z]{24,105}|(?:bc1|ltc1|BC1)\w{20,90})"
        ),
        False,
    ),
    ("image_hash", _matches(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})"), False),
    ("mac", _matches(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"), False),
    ("ip_window", _matches(rf"{_IPV4.pattern}|[0-9A-Fa-f:]{{3,39}}:[0-9A-Fa-f:.]{{0,20}}"), False),
    ("vin", _matches(r"(?=.*[A-HJ-NPR-Z].*[A-HJ-NPR-Z])(?=(?:.*[0-9]){4})[A-HJ-NPR-Z0-9]{17}"), False),
    ("document", _matches(r"[A-Z0-9<]{30,44}(?:\s+[A-Z0-9<]{30,44}){1,2}"), False),
    ("domain", _matches(_HOST), False),
    ("national_id:RO", _matches(r"[1-9][0-9]{12}"), True),
    ("imei", _matches(r"[0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{6}[ -]?[0-9]"), True),
    ("card", _matches(r"[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}"), True),
    ("national_id:FR", _matches(r"[12][0-9 ]{12,20}"), True),
    ("national_id:BG", _matches(r"[0-9]{10}"), True),
    ("national_id:DE", _matches(r"[1-9][0-9 ]{10,14}"), True),
    ("national_id:NL", _matches(r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}"), True),
    ("phone", _phone, True),
)
