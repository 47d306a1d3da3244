"""How much room on the disk a round needs at this node, and whether it is there.

With m elements on our list, t on theirs, l links (the tokens of our records before equal ones are put together), and a
row more for each 28 bytes of seal in a chunk of 4,096:

    spools      mine 32 m + order 8 m + links 12 l + theirs 32 t + evaluated 32 t
                + answers 16 m + matches 16 min(m, t)                  where this side is answered in order
                + proofs t, in whole chunks                            where this side answers in order
                + release 8 r + released 24 r                          r: what may be released, at most min(m, t)
    scratch     the larger of 40 m (our list is sorted) and 24 (m + t) + 16 min(m, t) (tags are compared);
                0 for what is done in memory                           (`psi.matching.RUN_ROWS`, `TAGS_IN_MEMORY`)
    mail        chunks that lie in the outbox and inbox at a time, each twice: in the table and in the write-ahead log
                of the database; and 1 KiB that stays of each message that was sent or came

An upper bound for agreed sizes, so it can be said before anything is read; what a small round really wrote lies within
a factor of 3 of it (`tests/integration/test_room.py`). `DISK_RESERVE_BYTES` stay free besides: the audit log, other
rounds' messages, the write-ahead log as far as all of them share it and the system go on when a round does not fit.
"""

import os
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.agreement.manifest import Manifest
from node.clock import Clock
from node.errors import Busy, StateDamaged, UserError
from node.rounds.book import Round, RoundBook
from node.rounds.preparing import LINK_BYTES
from node.rounds.states import RoundState
from psi.matching import RUN_ROWS, TAGS_IN_MEMORY
from psi.protocol.states import SCRIPTS, Leg, Place, Reply
from psi.protocol.terms import PairSpools
from psi.spool import CHUNK_ROWS, chunk_count

__all__ = ["DISK_RESERVE_BYTES", "MESSAGES_AT_ONCE", "Needs", "NoRoom", "Room", "needs", "volume"]

DISK_RESERVE_BYTES = 256 * 1024 * 1024
"""Left free for the audit log, the database and the system; a node with less is not ready either."""

MESSAGES_AT_ONCE = 32
"""Messages of one round that lie in outbox and inbox together while both sides keep pace, in number."""

LOOK_SECONDS = 2.0
"""How old the sum of what all rounds need may be: a thousand rounds that start together add it up once."""

_MESSAGE_BYTES = CHUNK_ROWS * 32 + 4096
"""A chunk with its proof, signature and seals."""
_KEPT_BYTES = 1024
"""What stays of a message in the database: digest, numbers, index."""
_SEAL_BYTES = 28
_HEADER_BYTES = 96
_ORDER_BYTES, _SORTED_BYTES, _TAGGED_BYTES, _PAIR_BYTES = 8, 40, 24, 16


class NoRoom(Busy):
    """There is not enough room on the disk now. Nothing is lost: it is tried again."""


@dataclass(frozen=True)
class Needs:
    """Bytes, by what they are for."""

    spools: int
    scratch: int
    mail: int

    @property
    def total(self) -> int:
        return self.spools + self.scratch + self.mail


def _file(rows: int, width: int) -> int:
    return rows * width + chunk_count(rows) * _SEAL_BYTES + _HEADER_BYTES


def needs(manifest: Manifest, me: str, *, links: int | None = None, messages: int = MESSAGES_AT_ONCE) -> Needs:
    """What a round takes at this member, at most. `links`: tokens of our records, if they are known to be more than the
    elements; `messages`: how many lie in the boxes at a time (a whole leg, where a file is carried)."""
    peer = manifest.other(me)
    mine, theirs = manifest.size_class(me), manifest.size_class(peer.member_id)
    both, widths = min(mine, theirs), PairSpools.WIDTHS
    place = Place.FIRST if manifest.position(me) == "first" else Place.SECOND
    reply = Reply.COUNT_RELEASED if manifest.reply.count_then_release else Reply(manifest.mode)
    said, heard = SCRIPTS[reply, place], SCRIPTS[reply, place.other]
    rows = {
        "mine": mine,
        "theirs": theirs,
        "evaluated": theirs,
        "answers": mine if Leg.ANSWER in heard else 0,
        "matches": both if Leg.ANSWER in heard else 0,
        "release": both if Leg.RELEASE in said else 0,
        "released": both if Leg.RELEASE in heard else 0,
        "proofs": chunk_count(theirs) * CHUNK_ROWS if Leg.ANSWER in said else 0,
    }
    spools = sum(_file(count, widths[name]) for name, count in rows.items())
    spools += _file(mine, _ORDER_BYTES) + _file(max(mine, links or 0), LINK_BYTES)
    sorting = _file(mine, _SORTED_BYTES) if mine > RUN_ROWS else 0
    matching = _file(mine + theirs, _TAGGED_BYTES) + _file(both, _PAIR_BYTES) if mine + theirs > TAGS_IN_MEMORY else 0
    sent = chunk_count(mine) + chunk_count(theirs)
    mail = 2 * min(messages, 2 * sent + 2) * _MESSAGE_BYTES + (2 * sent + 16) * _KEPT_BYTES
    return Needs(spools, max(sorting, matching if Leg.ANSWER in heard else 0), mail)


def volume(size: int) -> str:
    """A number of bytes for a person: "3.1 GB"."""
    for unit, step in (("GB", 10**9), ("MB", 10**6)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{max(size, 0) / 1000:.0f} kB"


def _free_bytes(path: Path) -> int:
    """What this account may still write on the disk of `path`; StateDamaged if that cannot be told."""
    try:
        found = os.statvfs(path)
    except OSError:
        raise StateDamaged(
            "The disk of the node's folder does not answer.", advice="Check that it is there and not read-only."
        ) from None
    return found.f_bavail * found.f_frsize


class Room:
    """The disk under one node's folder. `free` is a function so that a test can say how much there is; `window(member)`
    says how many messages may lie unacknowledged for a member."""

    def __init__(
        self, folder: Path, book: RoundBook, me: str, clock: Clock, free: Callable[[Path], int] = _free_bytes
    ) -> None:
        self._folder = folder
        self._book = book
        self._me = me
        self._clock = clock
        self._free = free
        self._lock = threading.Lock()
        self._looked = -LOOK_SECONDS
        self._owed: dict[str, int] = {}
        self._waiting: dict[str, str] = {}
        self.window: Callable[[str], int] = lambda _member_id: MESSAGES_AT_ONCE

    def free(self) -> int:
        """Bytes that may still be written, the reserve included."""
        return self._free(self._folder)

    def low(self) -> bool:
        """Is less than the reserve free?"""
        return self.free() < DISK_RESERVE_BYTES

    def needs(self, found: Round, *, links: int | None = None) -> int:
        """Bytes that a round of ours takes at most, reached as its other member is."""
        messages = MESSAGES_AT_ONCE if found.peer is None else max(MESSAGES_AT_ONCE, self.window(found.peer))
        return needs(found.manifest, self._me, links=links, messages=messages).total

    def shortage(self, found: Round, *, links: int | None = None) -> str:
        """A sentence with the figures if a round does not fit beside those that are under way; else empty."""
        needed = self.needs(found, links=links)
        taken = self._promised(found.round_id)
        left = self.free() - DISK_RESERVE_BYTES - taken
        if needed <= left:
            return ""
        others = f", and rounds that are under way will take {volume(taken)} of that" if taken else ""
        return (
            f"The round needs about {volume(needed)} of disk, {volume(self.free())} are free in {self._folder}{others};"
            f" {volume(DISK_RESERVE_BYTES)} must stay free."
        )

    def check_before(self, found: Round, what: str) -> None:
        """UserError, with the figures, if the round would not fit; `what` a person wants to be done: "signed"."""
        if said := self.shortage(found):
            raise UserError(
                f"{said} Nothing was {what}.", advice="Free some space, or ask the convener for a smaller round."
            )

    def check(self, found: Round) -> None:
        """NoRoom, with the figures, if the round does not fit now: it waits, and `waits` says so."""
        said = self.shortage(found)
        with self._lock:
            self._waiting.pop(found.round_id, None)
            if said:
                self._waiting[found.round_id] = said
        if said:
            raise NoRoom(said, advice="Free some space: the round then goes on by itself.")

    def waits(self, round_id: str) -> str:
        """Why a round waits for room, as of its last try; empty if it does not."""
        with self._lock:
            return self._waiting.get(round_id, "")

    def waiting(self, open_rounds: Collection[str]) -> int:
        """How many of these rounds wait for room, as of their last try."""
        with self._lock:
            return sum(round_id in self._waiting for round_id in open_rounds)

    def _promised(self, but: str) -> int:
        """What the other rounds that are under way may still write: their needs without what they have."""
        with self._lock:
            now = self._clock.monotonic()
            if now >= self._looked + LOOK_SECONDS:
                self._looked, self._owed = now, self._look()
            return sum(owed for round_id, owed in self._owed.items() if round_id != but)

    def _look(self) -> dict[str, int]:
        there = _written(self._folder)
        live = self._book.all((RoundState.PREPARING, RoundState.RUNNING))
        return {
            one.round_id: max(0, self.needs(one) - there.get(one.round_id, 0)) for one in live if one.position != "none"
        }


def _written(folder: Path) -> dict[str, int]:
    """Bytes of each round's lists on the disk."""
    found: dict[str, int] = {}
    with suppress(OSError), os.scandir(folder / "spools") as entries:
        for entry in entries:
            with suppress(OSError):  # deleted since it was listed
                round_id = entry.name.partition(".")[0]
                found[round_id] = found.get(round_id, 0) + entry.stat().st_size
    return found
