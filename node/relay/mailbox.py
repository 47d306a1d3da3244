"""Parcels that wait for their recipients.

    put   checks room, stores, and returns when what it stored is on the disk
    take  shows the oldest first, and changes nothing: a recipient that dies half-way finds everything again
    done  forgets what the recipient has on its own disk

Each parcel gets the next number of its recipient's; numbers are never used again, so that a late `done` cannot remove
another parcel, and tell a recipient nothing about others' traffic. The same content again (by the sender's mark) is
kept once while it lies there.

Room is bounded four ways: parcels and bytes for each pair of sender and recipient, so that a recipient that stays away
does not cost the sender its way to the others; bytes for each sender, so that no one's flood is everybody's lack; bytes
altogether; and what must stay free on the disk, where what is free inside the database counts as free. What is too old
is thrown away: the sender still has it, since a relay's word that it stored something is no receipt of the recipient.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from node.clock import Clock
from node.errors import NotAllowed
from node.relay.database import PARCEL_OVERHEAD_BYTES, STEP_PARCELS, RelayDatabase, drop_step
from node.relay.settings import RelayLimits
from node.wire.parcels import SealedParcel

__all__ = ["KEEP_FREE_BYTES", "TAKE_BYTES", "Fullness", "Mailbox", "Totals", "Trouble"]

KEEP_FREE_BYTES = 256 * 1024 * 1024
"""Bytes of the disk that a relay leaves free; it takes nothing that would go below."""
TAKE_BYTES = 16 * 1024 * 1024
"""Bytes after which one `take` ends, whatever its limit."""


class Trouble(Enum):
    """Why a parcel was not stored."""

    UNKNOWN_RECIPIENT = "unknown-recipient"
    PAIR_FULL = "pair-full"
    SENDER_FULL = "sender-full"
    RELAY_FULL = "relay-full"


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that lies there."""

    parcels: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Fullness:
    """How much of the room is taken, as shares of 1: of the fullest pair of sender and recipient, of the sender with
    the most, and altogether; `oldest_seconds`: how long the oldest parcel has waited, 0 if there is none."""

    pair: float
    sender: float
    total: float
    oldest_seconds: float


class Mailbox:
    """All parcels of one relay. Safe for several threads and processes."""

    def __init__(self, database: RelayDatabase, limits: RelayLimits, clock: Clock) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock

    def put(self, parcels: Sequence[SealedParcel]) -> tuple[int, int, Trouble | None]:
        """Store parcels in order, up to the first one that cannot be.

        Gives how many of them, from the front, lie on the disk now; how many of these lay there before; and why the
        next one does not. Raises Busy if the disk is full, NotAllowed for a sender that is not served (any more).
        """
        known = 0
        self._look_for_room(sum(_size(parcel) for parcel in parcels))
        with self._database.transaction() as connection:
            self._expire(connection)
            for place, parcel in enumerate(parcels):
                trouble = self._room(connection, parcel)
                if trouble is not None and not self._lies_there(connection, parcel):
                    return place, known, trouble
                known += not self._store(connection, parcel)
        return len(parcels), known, None

    def take(self, recipient: str, limit: int) -> Iterator[SealedParcel]:
        """What lies there for a member, oldest first: at most `limit` parcels, and one that goes over TAKE_BYTES."""
        last = given = 0
        for _ in range(limit):
            with self._database.reading() as connection:
                row = connection.execute(
                    """SELECT number, sender, mark, content FROM parcels
                       WHERE recipient = ? AND number > ? AND arrived >= ? ORDER BY number LIMIT 1""",
                    (recipient, last, self._oldest_kept()),
                ).fetchone()
            if row is None:
                return
            last, sender, mark, content = row
            yield SealedParcel(sender, recipient, mark, content, last)
            given += len(content)
            if given >= TAKE_BYTES:
                return

    def done(self, recipient: str, numbers: Sequence[int]) -> int:
        """Forget parcels of this recipient's; how many there were. Numbers that are none of its are passed over."""
        removed, named = 0, list(set(numbers))
        for start in range(0, len(named), STEP_PARCELS):
            with self._database.transaction() as connection:
                removed += sum(
                    connection.execute(
                        "DELETE FROM parcels WHERE recipient = ? AND number = ?", (recipient, number)
                    ).rowcount
                    for number in named[start : start + STEP_PARCELS]
                )
        return removed

    def expire(self) -> int:
        """Throw away what is too old, and give free room back to the disk; how many parcels."""
        expired = self._database.drop_parcels("arrived < ?", self._oldest_kept())
        self._database.give_back()
        return expired

    def totals(self) -> Totals:
        with self._database.reading() as connection:
            return Totals(*connection.execute("SELECT parcels, bytes FROM totals").fetchone())

    def fullness(self) -> Fullness:
        """How full it is, without saying of whom."""
        with self._database.reading() as connection:
            parcels, size = connection.execute("SELECT max(parcels), max(bytes) FROM pairs").fetchone()
            by_sender = "SELECT max(sent) FROM (SELECT sum(bytes) AS sent FROM pairs GROUP BY sender)"
            (sent,) = connection.execute(by_sender).fetchone()
            (total,) = connection.execute("SELECT bytes FROM totals").fetchone()
            (oldest,) = connection.execute("SELECT min(arrived) FROM parcels").fetchone()
        limits = self._limits
        return Fullness(
            max((parcels or 0) / limits.pair_parcels, (size or 0) / limits.pair_bytes),
            (sent or 0) / limits.sender_bytes,
            total / limits.total_bytes,
            0.0 if oldest is None else max(0.0, float(self._now() - oldest)),
        )

    def free(self) -> int:
        """Bytes that parcels could take, what has to stay free included; never less than 0."""
        with self._database.reading() as connection:
            return max(0, self._free(connection))

    def _room(self, connection: sqlite3.Connection, parcel: SealedParcel) -> Trouble | None:
        serves = "SELECT 1 FROM members WHERE member_id = ? AND state = 'confirmed'"
        if connection.execute(serves, (parcel.sender,)).fetchone() is None:
            # Removed while its call was under way: what it brings now would lie there after all of its own has gone.
            raise NotAllowed("Your organisation is not a confirmed member here.")
        if connection.execute(serves, (parcel.recipient,)).fetchone() is None:
            return Trouble.UNKNOWN_RECIPIENT
        size = _size(parcel)
        pair = "SELECT parcels, bytes FROM pairs WHERE sender = ? AND recipient = ?"
        parcels, used = connection.execute(pair, (parcel.sender, parcel.recipient)).fetchone() or (0, 0)
        if parcels >= self._limits.pair_parcels or used + size > self._limits.pair_bytes:
            return Trouble.PAIR_FULL
        of_sender = "SELECT coalesce(sum(bytes), 0) FROM pairs WHERE sender = ?"
        (used,) = connection.execute(of_sender, (parcel.sender,)).fetchone()
        if used + size > self._limits.sender_bytes:
            return Trouble.SENDER_FULL
        (used,) = connection.execute("SELECT bytes FROM totals").fetchone()
        if used + size > self._limits.total_bytes or self._free(connection) < KEEP_FREE_BYTES + size:
            return Trouble.RELAY_FULL
        return None

    def _look_for_room(self, size: int) -> None:
        """If the disk looks short of room for so many bytes more: cut the log, which may be long and say nothing."""
        with self._database.reading() as connection:
            free = self._free(connection)
        if free < KEEP_FREE_BYTES + size:
            self._database.cut_log()

    def _free(self, connection: sqlite3.Connection) -> int:
        """Bytes that parcels could take: on the disk, and in the database."""
        return shutil.disk_usage(self._database.path.parent).free + self._database.spare_bytes(connection)

    @staticmethod
    def _lies_there(connection: sqlite3.Connection, parcel: SealedParcel) -> bool:
        query = "SELECT 1 FROM parcels WHERE sender = ? AND recipient = ? AND mark = ?"
        return connection.execute(query, (parcel.sender, parcel.recipient, parcel.mark)).fetchone() is not None

    def _store(self, connection: sqlite3.Connection, parcel: SealedParcel) -> bool:
        if self._lies_there(connection, parcel):
            return False
        (number,) = connection.execute(
            "UPDATE members SET last_number = last_number + 1 WHERE member_id = ? RETURNING last_number",
            (parcel.recipient,),
        ).fetchone()
        connection.execute(
            """INSERT INTO parcels (recipient, number, sender, mark, size, arrived, content)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (parcel.recipient, number, parcel.sender, parcel.mark, _size(parcel), self._now(), parcel.content),
        )
        return True

    def _expire(self, connection: sqlite3.Connection) -> int:
        return drop_step(connection, "arrived < ?", self._oldest_kept())

    def _oldest_kept(self) -> int:
        return self._now() - self._limits.keep_seconds

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _size(parcel: SealedParcel) -> int:
    return len(parcel.content) + PARCEL_OVERHEAD_BYTES
