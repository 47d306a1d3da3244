"""One JSON object becomes flat cells: what its names, its lists and its numbers turn into.

    {"ref": "A1", "contact": {"phone": "..."}}         ref, contact.phone          dots join the names on the way down
    {"tags": ["a", "b"]}                               tags = "a; b"               a list of plain values is one cell
    {"members": [{"name": "x"}, {"name": "y"}]}        one row for each entry, if `explode` says "members": the cells
                                                       of the entry (members.name) beside those of the line
                                                       otherwise `members` is left out, and named

A name that stands twice in one object is refused (RFC 8259, section 4, leaves it open which of the two counts: another
program might have read the other). Numbers keep every digit (`reading_child.as_cell`).
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from node.datasets.reading_child import MAX_EXACT_NUMBER, as_cell
from node.datasets.tables import MAX_CELL_CHARACTERS, Value, plain

__all__ = ["MAX_DEPTH", "Unreadable", "flat_rows", "parse_object"]

MAX_DEPTH = 20
"""Objects and lists within each other, in one line."""

MAX_NAME_CHARACTERS = 1_000
"""Characters of a name, with those above it. Every cell keeps its whole name: a long one above many would fill the
memory with one line."""

MAX_EXPLODED_CELLS = 1_000_000
"""Cells that one line may become where its list is taken apart: each entry repeats those of the line."""

_SEPARATOR = "; "
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class Unreadable(Exception):
    """A line that is no row; the argument is its reason code, never anything of the line."""


def parse_object(line: bytes) -> dict[str, Any]:
    """The object on one line. `Unreadable`."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise Unreadable("cell/not-text") from None
    try:
        found = _decode(text)
        if _HALF_PAIR.search(text):
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no character
    except RecursionError:
        raise Unreadable("row/nested-too-deep") from None
    except UnicodeEncodeError:
        raise Unreadable("cell/not-text") from None
    except ValueError:
        raise Unreadable("row/not-json") from None
    if not isinstance(found, dict):
        raise Unreadable("row/not-json")
    return found


def flat_rows(found: dict[str, Any], explode: str, left_out: set[str]) -> Iterator[dict[str, Value]]:
    """The rows of one object: one, or one for each entry of the list named `explode` if that is there and not empty.

    Names of lists that hold more than plain values, and are not taken apart, are added to `left_out`. `Unreadable`.
    """
    cells: dict[str, Value] = {}
    entries: list[Any] = []
    _flatten(found, "", cells, entries, explode, left_out, 1)
    if not entries:
        yield cells
    if len(entries) * (len(cells) + 1) > MAX_EXPLODED_CELLS:
        raise Unreadable("row/too-large")
    for entry in entries:
        row = dict(cells)
        _flatten(entry, explode, row, [], "", left_out, explode.count(".") + 3)
        yield row


def _flatten(
    value: Any, name: str, cells: dict[str, Value], entries: list[Any], explode: str, left_out: set[str], depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise Unreadable("row/nested-too-deep")
    if isinstance(value, dict):
        before = f"{name}." if name else ""
        for key, inside in value.items():
            if len(before) + len(key) > MAX_NAME_CHARACTERS:
                raise Unreadable("row/too-large")
            _flatten(inside, before + key, cells, entries, explode, left_out, depth + 1)
        return
    if isinstance(value, list):
        if name and name == explode:
            entries.extend(value)
            return
        if any(isinstance(one, dict | list) for one in value):
            left_out.add(name)
            return
        found = [cell for one in value if (cell := as_cell(one)) != ""]
        # An empty list is no empty cell: as the limit of a consent it says "nothing", never "no limit".
        value = found[0] if len(found) == 1 else _SEPARATOR.join(map(plain, found)) or "[]"
    if name in cells:
        raise Unreadable("row/repeated-key")
    cell = as_cell(value)
    cells[name] = cell if isinstance(cell, float) or len(cell) <= MAX_CELL_CHARACTERS else cell[:MAX_CELL_CHARACTERS]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("row/repeated-key")
    return found


def _whole(digits: str) -> float | str:
    return float(digits) if len(digits) < 20 and abs(int(digits)) < MAX_EXACT_NUMBER else digits


def _broken(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _refuse(_name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_broken, parse_constant=_refuse
).decode
