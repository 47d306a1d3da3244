"""Stop-lists: contacts of our own that stand on many records and say nothing about a person.

A shelter's hotline, the hotel where everybody is taken first, the outreach team's own account: compared, they would
make a match of every record with every other. A stop-list holds such values in their canonical form, sealed. When rows
are prepared, a value that is on one does not take part, and the report says so at its cell.

A list has a name that staff choose, and values of any kinds. What is shown of it is the name and how many values of
each kind it holds; the values themselves only when the owner asks for them.

    stop-list text, one entry a line       phone +49 30 90000000            the kind, then the value
                                           handle:telegram @harbour-desk    a kind with its second word
    or, with the kind said for all         +49 30 90000000

Values never come as arguments of a command, where other accounts of the computer could read them.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, insert, select

from node.clock import Clock, timestamp
from node.datasets.roles import IDENTIFIER_ROLES, Family, Role, read_role
from node.datasets.tables import listed
from node.errors import NotFound, UserError
from node.store import Store
from node.store.schema import stop_lists
from psi.errors import RefusedValue
from psi.identifiers import Cell, Hints, identifiers_in

__all__ = ["MAX_STOP_TEXT_BYTES", "MAX_STOP_VALUES", "Entry", "StopList", "StopLists", "read_entries", "stop_digest"]

MAX_STOP_VALUES = 10_000
"""Values on all stop-lists together. Own contacts are few; a longer list is somebody's data set."""

MAX_STOP_TEXT_BYTES = 1024 * 1024
"""Bytes of the text that is added at once."""

MAX_LINES_NAMED = 10
"""Lines that an error names."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")

Entry = tuple[str, str]
"""(kind, canonical value)"""


@dataclass(frozen=True, slots=True)
class StopList:
    """What may be shown of a list: `counts` is kind -> number of values."""

    name: str
    counts: dict[str, int]
    changed_at: str


class StopLists:
    """The stop-lists of a node, in its store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def add(self, tx: Connection, name: str, entries: Iterable[Entry]) -> int:
        """Put entries on a list, which is made if there is none of that name; how many of them are new there.

        UserError for an impossible name, or if the lists would become too long.
        """
        if not _NAME.fullmatch(name):
            raise UserError(
                "A stop-list's name has 1 to 64 small letters, digits and dashes.", advice="For example: own-contacts."
            )
        before = self._entries(tx, name)
        after = before | set(entries)
        others = sum(sum(found.counts.values()) for found in self.list() if found.name != name)
        if others + len(after) > MAX_STOP_VALUES:
            raise UserError(
                f"The stop-lists of a node hold at most {MAX_STOP_VALUES:,} values together.",
                advice="Put only contacts of your own on them.",
            )
        tx.execute(delete(stop_lists).where(stop_lists.c.name == name))
        body = json.dumps(sorted(after), ensure_ascii=False, separators=(",", ":")).encode()
        tx.execute(
            insert(stop_lists).values(
                name=name,
                counts=json.dumps(dict(sorted(Counter(kind for kind, _ in after).items()))),
                body=self._store.cells.seal("stop_lists", name, "body", body),
                changed_at=timestamp(self._clock.now()),
            )
        )
        return len(after) - len(before)

    def remove(self, tx: Connection, name: str) -> int:
        """Forget a list; how many values it held. NotFound."""
        held = len(self.values(name))
        tx.execute(delete(stop_lists).where(stop_lists.c.name == name))
        return held

    def list(self) -> tuple[StopList, ...]:
        """All lists in the order of their names, without their values."""
        with self._store.read() as connection:
            rows = connection.execute(select(stop_lists).order_by(stop_lists.c.name)).all()
        return tuple(StopList(row.name, json.loads(row.counts), row.changed_at) for row in rows)

    def values(self, name: str) -> tuple[Entry, ...]:
        """Every value of a list, for its owner's eyes. NotFound."""
        with self._store.read() as connection:
            row = connection.execute(select(stop_lists).where(stop_lists.c.name == name)).one_or_none()
        if row is None:
            raise NotFound("There is no such stop-list.", advice="`blindmatch dataset stop-list list` shows all.")
        return tuple(sorted(self._open(row)))

    def everything(self) -> frozenset[Entry]:
        """The values of all lists: what does not take part."""
        with self._store.read() as connection:
            rows = connection.execute(select(stop_lists)).all()
        return frozenset().union(*map(self._open, rows))

    def _entries(self, tx: Connection, name: str) -> frozenset[Entry]:
        row = tx.execute(select(stop_lists).where(stop_lists.c.name == name)).one_or_none()
        return frozenset() if row is None else self._open(row)

    def _open(self, row: "Row[tuple[object, ...]]") -> frozenset[Entry]:
        body = self._store.cells.unseal("stop_lists", row.name, "body", row.body)
        return frozenset((kind, value) for kind, value in json.loads(body))


def stop_digest(entries: frozenset[Entry]) -> str:
    """Tells one state of the stop-lists from another: BLAKE2b of the values. Kept sealed, as values can be guessed."""
    text = json.dumps(sorted(entries), ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.blake2b(text, digest_size=16, person=b"bm stop-list").hexdigest()


def read_entries(text: str, *, kind: str | None = None, region: str | None = None) -> frozenset[Entry]:
    """The canonical values of a text with one entry a line; `kind` is the role (`phone`, `handle:telegram`) of all.

    Blank lines do not count. All or nothing: UserError names the lines that cannot be read, and why, never the value.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_STOP_TEXT_BYTES:
        raise UserError("This list is too long.", advice=f"It may have {MAX_STOP_TEXT_BYTES // 1024:,} KiB.")
    if kind is not None and _kind(kind) is None:
        raise UserError(
            "--kind names no kind of identifier.",
            advice=f"For example phone, email, iban or handle:telegram. The kinds are: {', '.join(IDENTIFIER_ROLES)}.",
        )
    found: set[Entry] = set()
    wrong: list[tuple[int, str]] = []
    for number, role, value in _lines(text, kind):
        try:
            values = _canonical(role, value, region)
        except (RefusedValue, UserError) as error:
            wrong.append((number, f"{error.sentence} {error.advice}".strip()))
        else:
            found.update(values)
            if not values:
                wrong.append((number, "There is no value in it."))
    if wrong:
        named = listed([str(number) for number, _ in wrong], MAX_LINES_NAMED)
        raise UserError(
            f"Nothing was added: line{'s' if len(wrong) > 1 else ''} {named} cannot be read. "
            f"Line {wrong[0][0]}: {wrong[0][1]}",
            advice="Each line holds a kind and a value (phone +40 721 123 456), or only a value with --kind.",
        )
    if not found:
        raise UserError("There is nothing in this list.", advice="Write one value on each line.")
    return frozenset(found)


def _lines(text: str, kind: str | None) -> Iterator[tuple[int, str, str]]:
    """(line number, role, value) of every line that is not blank."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        if kind is not None:
            yield number, kind, line.strip()
        else:
            role, _, value = line.strip().partition(" ")
            yield number, role, value.strip()


def _kind(role: str) -> Role | None:
    """The role of this name, if its cells are identifiers."""
    known = read_role(role)
    return known if known is not None and known.family is Family.IDENTIFIER else None


def _canonical(role: str, value: str, region: str | None) -> tuple[Entry, ...]:
    known = _kind(role)
    if known is None:
        raise UserError("A line begins with a kind of identifier that exists.", advice="For example phone or email.")
    if known.name == "phone" and region is None and not value.startswith("+"):
        raise UserError(
            "A telephone number without its country needs a region.", advice="Begin it with +, or give --region CC."
        )
    return identifiers_in(known.name, Cell(value), Hints(region, known.qualifier))
