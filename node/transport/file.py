"""The carried file: one leg of a round from one member to another, for units without a link.

    file   = MAGIC || sender (32) || recipient (32) || round id (16) || number (4) || items || END || SHA-256 (32)
    item   = kind (1) || length (4) || bytes         kind 1: receipts, 2: an envelope; numbers big-endian
    SHA-256 over everything before it, END (one byte) included

A file holds everything of a round that its recipient has not acknowledged, so a lost or damaged one costs a journey and
nothing else: the next one holds the same again, byte for byte, and what was taken already is recognised. Each envelope
is sealed and signed by itself, so the file needs no secrecy and no trust of its own; the digest is there to tell a copy
that went wrong from a whole one. Whoever finds a file sees the two member ids, the round's id, and sizes.

Reading takes one item at a time, so memory is bounded by the largest item, whatever the file says about lengths.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from node.errors import UserError
from node.store.files import new_file
from node.wire.envelope import MAX_ENVELOPE_OVERHEAD_BYTES, MAX_PAYLOAD_BYTES, MEMBER_ID_CHARACTERS, ROUND_ID_CHARACTERS
from node.wire.older import reader_is_older
from node.wire.receipts import MAX_RECEIPTS_BYTES

__all__ = ["MAGIC", "Header", "Item", "Kind", "LegDamaged", "LegReader", "default_name", "open_leg", "write_leg"]

MAGIC = b"blindmatch-leg/1\n"
_NUMBER = 1
_END = 0xFF
_DIGEST_BYTES = 32
_HEADER_BYTES = 2 * MEMBER_ID_CHARACTERS + ROUND_ID_CHARACTERS // 2 + 4
_MEMBER_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz234567")


class Kind(IntEnum):
    """What an item is. The numbers are in files: never reuse one."""

    RECEIPTS = 1
    ENVELOPE = 2


MAX_ITEM_BYTES = {Kind.RECEIPTS: MAX_RECEIPTS_BYTES, Kind.ENVELOPE: MAX_PAYLOAD_BYTES + MAX_ENVELOPE_OVERHEAD_BYTES}
"""Longest item of each kind, in bytes."""

Item = tuple[Kind, bytes]


class LegDamaged(UserError):
    """The file is not whole. What came out of it before this was raised is good."""


@dataclass(frozen=True, slots=True)
class Header:
    """`number`: which file of this round from this sender to this recipient it is, counted from 1."""

    sender: str
    recipient: str
    round_id: str
    number: int

    def to_bytes(self) -> bytes:
        return b"".join((
            MAGIC,
            self.sender.encode("ascii"),
            self.recipient.encode("ascii"),
            bytes.fromhex(self.round_id),
            self.number.to_bytes(4, "big"),
        ))  # fmt: skip


def default_name(header: Header) -> str:
    """A file name that tells nobody who sends something to whom, and differs for the two directions."""
    tag = hashlib.sha256(header.to_bytes()).hexdigest()[:6]
    return f"blindmatch-{header.round_id[:8]}-{header.number}-{tag}.leg"


def write_leg(path: Path, header: Header, items: Iterable[Item]) -> int:
    """Write a whole file that does not exist yet, readable by its owner only, and bring it to the disk. Gives its size
    in bytes. If anything goes wrong no file is left. UserError if there is a file already, or no room."""
    digest, size = hashlib.sha256(), 0
    with new_file(path) as file:

        def put(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            size += file.write(data)

        put(header.to_bytes())
        for kind, data in items:
            assert len(data) <= MAX_ITEM_BYTES[kind]
            put(bytes((kind,)) + len(data).to_bytes(4, "big"))
            put(data)
        put(bytes((_END,)))
        size += file.write(digest.digest())
    return size


@contextmanager
def open_leg(path: Path) -> Iterator[BinaryIO]:
    """A file to be read; UserError for what is none (a pipe would keep us waiting for whoever writes into it)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserError(f"{path} is not a file.", advice="Check its name.")
            yield file
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", advice="Check its name.") from None


class LegReader:
    """Reads a leg from `file`, which is at its beginning. Raises LegDamaged, or UserError for what is no leg at all."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        if (first := self._read(len(MAGIC))) != MAGIC:
            raise _other_file(first)
        head = self._read(_HEADER_BYTES)
        if len(head) < _HEADER_BYTES or not _MEMBER_CHARACTERS.issuperset(head[: 2 * MEMBER_ID_CHARACTERS]):
            raise _damaged("ends too early")
        names, rest = head[: 2 * MEMBER_ID_CHARACTERS].decode("ascii"), head[2 * MEMBER_ID_CHARACTERS :]
        self.header = Header(
            names[:MEMBER_ID_CHARACTERS],
            names[MEMBER_ID_CHARACTERS:],
            rest[:-4].hex(),
            int.from_bytes(rest[-4:], "big"),
        )

    def items(self) -> Iterator[Item]:
        """The items, one at a time. Each is as long as it said; LegDamaged as soon as the file is not what it was."""
        while (mark := self._read(1)) != bytes((_END,)):
            if mark not in (b"\x01", b"\x02"):
                raise _damaged("ends too early" if not mark else "was altered")
            kind = Kind(mark[0])
            length = self._read(4)
            size = int.from_bytes(length, "big")
            if len(length) == 4 and size > MAX_ITEM_BYTES[kind]:
                raise _damaged("was altered")
            data = self._read(size)
            if len(length) < 4 or len(data) < size:
                raise _damaged("ends too early")
            yield kind, data
        expected = self._digest.digest()
        found = self._file_read(_DIGEST_BYTES + 1)
        if found != expected:
            raise _damaged("ends too early" if len(found) < _DIGEST_BYTES else "was altered")

    def _read(self, size: int) -> bytes:
        data = self._file_read(size)
        self._digest.update(data)
        return data

    def _file_read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise LegDamaged(f"The file cannot be read to its end: {error.strerror}.", advice=_AGAIN) from None


def _other_file(first: bytes) -> UserError:
    """`first`: as many bytes of it as a file of ours begins with."""
    stem = MAGIC[: MAGIC.index(b"/") + 1]
    number = first[len(stem) :].rstrip(b"\n")
    if not first.startswith(stem) or not number.isdigit():
        return UserError(
            "This is not a file that `blindmatch round export` has written.", advice="Check that it is the right file."
        )
    if reader_is_older(int(number), _NUMBER):
        return UserError(
            "This file was written by a newer blindmatch than this one, which cannot read it.",
            advice="Update blindmatch at this node, then import the file again.",
        )
    return UserError(
        "This file was written by an older blindmatch, in a form that is not read any more.",
        advice="The organisation that wrote it should update blindmatch and export the round again.",
    )


_AGAIN = (
    "Copy it again and import it once more; what was taken already is recognised. If it stays like this, ask for a new "
    "one: `blindmatch round export` at the other node writes everything again."
)


def _damaged(how: str) -> LegDamaged:
    return LegDamaged(f"The file {how}: it is not as it was written.", advice=_AGAIN)
