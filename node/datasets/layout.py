"""What a block of a record file holds before it is sealed: lines, or the columns of lines that differ in little.

    lines     line "\n" line "\n" ... line                        a line begins with a head (`heads`) or with "{"
    columns   0xFF | lengths "\n" | texts between, each "\n" | column | column | ...

Most large data sets are lists of one thing: telephone numbers, each with a reference, all under the same consent. Such
lines are the same but for a value here and there, in the same places:

    a line          9f..e2.a/phone.-{"child":false, ... {"phone":["+40721123456"]},"person":null,"reference":"A-1"}
    columns         digest                                        value                                      reference
    texts between         .a/phone.-{"child":false, ... {"phone":["            "]},"person":null,"reference":"   "}

`lengths` are those of the columns in bytes, as decimal numbers with spaces between them; behind each column comes its
text between. A column is the texts of all lines with 0xFF between them (`node.texts`). No line begins with that byte,
which UTF-8 does not have, so the two forms are told apart by the first one. Rounds read columns as they are, without a
parser; the lines come out of them byte for byte. The first column is the digest where what follows it in the head is
the same in all lines, else the whole head.

Lines are written as lines where one differs in anything else: it names a person, holds two values of a kind or none,
has another consent, or a value with a quote or a backslash, which JSON writes with an escape. Version 0.1.0 knew lines
alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from node.texts import SEPARATOR, Texts

__all__ = ["Columns", "columns_of", "is_line", "pack", "unpack"]

_VALUE = rb'[^"\\\n\xff]+'
_HEAD = rb'[^"\\{\n\xff]*'
_LIST = rb'"[^"\\]+":\["' + _VALUE + rb'"\]'
# No string inside the JSON can look like a key, because a quotation mark in it has a backslash before it.
_LINE = re.compile(
    rb"(" + _HEAD + rb')(\{"child":(?:true|false),"consent":\{.*?\},"identifiers":\{)'
    rb"((?:" + _LIST + rb"(?:," + _LIST + rb')*)?)\},"person":null,"reference":"(' + _VALUE + rb')"\}',
    re.DOTALL,
)
_NOT_IN_VALUES = (b'"', b"\\")
"""With an escape in it, the text in the line is not the value."""

_VALUES = re.compile(rb'\["(' + _VALUE + rb')"\]')
_LENGTHS = re.compile(rb"(?:0|[1-9][0-9]{0,8})(?: (?:0|[1-9][0-9]{0,8}))*")


@dataclass(frozen=True, slots=True)
class Columns:
    """Lines that differ in the columns alone: `between[n]` follows the text of `columns[n]` in each of them. The first
    column is what each line begins with, the last one the references, those between them the values by kind."""

    between: tuple[bytes, ...]
    columns: tuple[Texts, ...] = field(repr=False)

    def __len__(self) -> int:
        """How many lines."""
        return len(self.columns[0])

    def lines(self) -> list[bytes]:
        """The lines as they were."""
        each = b"".join(b"%s" + text.replace(b"%", b"%%") for text in self.between)
        return [each % row for row in zip(*(column.encoded for column in self.columns), strict=True)]

    def packed(self) -> bytes:
        """What is sealed."""
        lengths = b" ".join(b"%d" % len(column.joined) for column in self.columns)
        front = b"\n".join((SEPARATOR + lengths, *self.between, b""))
        return front + b"".join(column.joined for column in self.columns)

    @classmethod
    def unpacked(cls, plain: bytes) -> Self:
        """The reverse of `packed`; ValueError for what it never gives."""
        lengths = plain[1 : plain.index(b"\n")]
        if plain[:1] != SEPARATOR or _LENGTHS.fullmatch(lengths) is None:
            raise ValueError("not columns")
        sizes = list(map(int, lengths.split(b" ")))
        *between, rest = plain[len(lengths) + 2 :].split(b"\n", len(sizes))
        if len(between) != len(sizes) or len(rest) != sum(sizes):
            raise ValueError("not columns")
        columns, at = [], 0
        for size in sizes:
            joined = rest[at : at + size]
            columns.append(Texts(joined, joined.count(SEPARATOR) + 1))
            at += size
        if len(set(map(len, columns))) != 1:
            raise ValueError("columns of different lengths")
        return cls(tuple(between), tuple(columns))


def is_line(data: bytes) -> bool:
    """Can this be one line of a block?"""
    return b"\n" not in data and not data.startswith(SEPARATOR)


def pack(lines: Sequence[bytes]) -> bytes:
    """What is sealed of these lines: their columns if there are any and they are shorter."""
    plain = b"\n".join(lines)
    found = columns_of(lines)
    packed = plain if found is None else found.packed()
    return packed if len(packed) < len(plain) else plain


def unpack(plain: bytes) -> "Columns | list[bytes]":
    """The reverse of `pack`, as it is stored. ValueError for what `pack` never gives."""
    return Columns.unpacked(plain) if plain.startswith(SEPARATOR) else plain.split(b"\n")


def columns_of(lines: Sequence[bytes]) -> Columns | None:
    """The columns of lines that differ in nothing else; None for others.

    The lines are cut at the texts between, all at once, and what comes of it is put together again: only what gives the
    same lines counts.
    """
    cuts = [_between(line) for line in (lines[0], lines[len(lines) // 2], lines[-1])] if lines else [None]
    if cuts[0] is None or cuts[1:] != cuts[:-1]:
        return None  # mixed, mostly: found out without a look at each
    heads = {line[: line.index(b"{")].partition(b".")[1:] for line in (lines[0], lines[-1])}
    same = b"".join(heads.pop()) if len(heads) == 1 else b""
    return _cut(lines, (same + cuts[0][0], *cuts[0][1:])) or (_cut(lines, cuts[0]) if same else None)


def _between(line: bytes) -> tuple[bytes, ...] | None:
    """What stands behind the head of a line, between its values and behind the reference; None if it cannot be cut."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    spans = [value.span(1) for value in _VALUES.finditer(line, *found.span(3))]
    spans.append(found.span(4))
    ends = [found.end(1), *(stop for _start, stop in spans)]
    return tuple(
        line[end:start] for end, start in zip(ends, [*(start for start, _stop in spans), len(line)], strict=True)
    )


def _cut(lines: Sequence[bytes], between: tuple[bytes, ...]) -> Columns | None:
    text = b"\n".join((*lines, b""))
    if SEPARATOR in text:
        return None
    for part in (*between[:-1], between[-1] + b"\n"):
        text = text.replace(part, SEPARATOR)
    pieces = text.split(SEPARATOR)
    if len(pieces) != len(lines) * len(between) + 1:
        return None
    columns = [pieces[at : -1 : len(between)] for at in range(len(between))]
    found = Columns(between, tuple(map(Texts.of_encoded, columns)))
    heads = found.columns[0].joined
    if b"{" in heads or any(mark in column.joined for mark in _NOT_IN_VALUES for column in found.columns):
        return None
    if any(b"" in column for column in columns[1:]):
        return None
    return found if found.lines() == list(lines) else None
