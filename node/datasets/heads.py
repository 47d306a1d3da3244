"""What stands before the JSON of a stored record: enough to take the row over unchanged when its file comes again.

    line  = head | JSON of the record                            one line of a record file, sealed with the others
    head  = digest "." outcomes "/" kinds "." past               the JSON begins at the first "{"

- `digest`: 32 hex digits, BLAKE2b (RFC 7693) of the row's mapped cells under a key. Empty: prepare this row every time.
- `outcomes`: a letter of `report` for each column of identifiers, then of person fields, in the order of the binding:
  accepted, repaired, or blank. `kinds`: what the record holds. The report of a row that is taken over is made of these.
- `past`: the rounds in which records of this reference took part, as a hexadecimal set of bits; bit n is the round
  number n in the list that stands in the details of the data set. "-" until that is looked up (`refresh`).

**What the digest stands for.** Everything that decides what becomes of a row is in it or in its key: the cells go into
the digest; mapping, terms, normaliser version and stop-list go into the key (`context_key`). If one of them changes,
no digest fits any more and every row is prepared again. What the clock decides is not in it: see `good_until`.

**Only clean rows have one.** A row with a finding (but for a repaired cell) is prepared again each time, so that a
refresh finds, reports and corrects the same as a first preparation would.
"""

import hashlib
import json
import re
from collections.abc import Mapping as AnyMapping
from datetime import date

from node.datasets.mapping import Binding
from node.datasets.records import PreparedRecord
from node.datasets.tables import Row, is_blank

__all__ = ["KEY_BYTES", "NO_PAST", "Head", "Heads", "context_key", "good_until"]

DIGEST_BYTES = 16
"""Bytes of a row's digest. Two different rows of one data set share one with probability 2^-128 a pair."""

KEY_BYTES = 32
"""Bytes of the key under which the rows of a data set are digested; made once, kept sealed in its details."""

NO_PAST = b"-"

_UNTIL = re.compile(rb'"until":"([0-9]{4}-[0-9]{2}-[0-9]{2})"')
_CHILD = b'{"child":true'
_URGENT = b'"urgent":true'
_IDENTIFIERS = b'"identifiers":'


def context_key(key: bytes, context: AnyMapping[str, object]) -> bytes:
    """The key of the row digests, from the data set's own key and everything else that decides about a row."""
    text = json.dumps(context, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(text, key=key, digest_size=KEY_BYTES, person=b"bm row context").digest()


class Heads:
    """Makes heads for the rows of one table. `key` comes from `context_key`; `width` is the number of header cells."""

    def __init__(self, key: bytes, binding: Binding, width: int) -> None:
        self._state = hashlib.blake2b(key=key, digest_size=DIGEST_BYTES, person=b"bm row digest")
        # In the order of the roles, so that a column that has moved within the table changes nothing.
        places = sorted((role, index) for index, role in binding.columns().items())
        self._indices = tuple(index for _, index in places)
        self._least = max(self._indices) + 1
        self._width = width

    def digest(self, row: Row) -> bytes:
        """Of the mapped cells; b"" for a row that has a finding by its mere shape."""
        cells = row.cells
        if row.problem or len(cells) < self._width or not all(map(is_blank, cells[self._width :])):
            return b""
        state = self._state.copy()
        # The text of a tuple tells a number from a text and cannot be read in two ways.
        state.update(repr([cells[index] for index in self._indices]).encode("utf-8", "surrogatepass"))
        return state.hexdigest().encode()

    def line(self, row: Row, record: PreparedRecord, outcomes: bytes | bytearray, *, clean: bool) -> bytes:
        """The line of a record that was just prepared. `outcomes` as above; `clean`: nothing was found but repairs."""
        kinds = [*record.identifiers, "person"] if record.person is not None else list(record.identifiers)
        digest = self.digest(row) if clean else b""
        return b"%s.%s/%s.%s%s" % (digest, outcomes, ",".join(kinds).encode(), NO_PAST, record.to_line())


class Head:
    """The head of a stored line, taken apart."""

    __slots__ = ("body", "digest", "past", "shape")

    def __init__(self, line: bytes) -> None:
        at = line.index(b"{")
        self.digest, self.shape, self.past = line[:at].split(b".")
        """`shape` is outcomes and kinds as they stand."""
        self.body = line[at:]

    def with_past(self, past: int) -> bytes:
        """The line with another past."""
        return b"%s.%s.%x%s" % (self.digest, self.shape, past, self.body)


def good_until(body: bytes) -> str:
    """The last day (ISO 8601) on which this JSON of a record comes out of the same row again; "" for never.

    Two things change by themselves: a consent ends, and a child grows up. And an urgent danger is confirmed by a second
    person each time. No string inside the JSON can look like a key, because a quotation mark in it has a backslash
    before it.
    """
    end = body.index(_IDENTIFIERS)
    if body.startswith(_CHILD) or body.find(_URGENT, 0, end) >= 0:
        return ""
    found = _UNTIL.search(body, 0, end)
    return found[1].decode() if found else date.max.isoformat()
