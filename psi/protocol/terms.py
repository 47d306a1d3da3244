"""What a `pair` session is given: the terms of the agreement, the lists' places, and the voice of its owner."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from psi.errors import LocalError
from psi.matching import Scratch
from psi.messages import MAX_NAME_BYTES, RUN_BYTES, Checkpoint, is_name
from psi.padding import MAX_ELEMENTS
from psi.protocol.limits import MAX_RELEASED
from psi.protocol.states import Place, Reply
from psi.spool import MemorySpool, Spool
from psi.transcript import DIGEST_BYTES

__all__ = ["Band", "PairSpools", "PairTerms", "Voice", "band_of"]

Band = tuple[int, int]
"""From, to: both included."""


@dataclass(frozen=True)
class PairTerms:
    """The part of a signed agreement that the protocol needs, as one side sees it.

    `agreement` is the 64-byte digest of the manifest, `run` names this execution (16 bytes). `my_size` and `peer_size`
    are padded sizes in elements. `bands` are the only counts that may be said, from 0 up without gaps; empty means
    exact ones. LocalError for terms that no agreement can have.
    """

    me: str
    peer: str
    place: Place
    reply: Reply
    agreement: bytes
    run: bytes
    my_size: int
    peer_size: int
    bands: tuple[Band, ...] = ()
    max_released: int = MAX_RELEASED

    def __post_init__(self) -> None:
        sizes = (self.my_size, self.peer_size)
        starts = [low for low, _ in self.bands]
        follows = [0, *(high + 1 for _, high in self.bands)][: len(self.bands)]
        if (
            self.me == self.peer
            or not (is_name(self.me) and is_name(self.peer))
            or len(self.agreement) != DIGEST_BYTES
            or len(self.run) != RUN_BYTES
            or not all(0 < size <= MAX_ELEMENTS for size in sizes)
            or starts != follows
            or any(low > high for low, high in self.bands)
            or self.max_released < 0
        ):
            raise LocalError(
                "The terms of this round cannot be used by the protocol.",
                advice=f"Names are two different ones of at most {MAX_NAME_BYTES} plain characters, lists hold 1 to "
                f"{MAX_ELEMENTS:,} elements, and count bands follow each other from 0. Propose the round again.",
            )

    @property
    def release_cap(self) -> int:
        """Most answers that may be released in this round."""
        return min(self.max_released, MAX_RELEASED)

    def size(self, place: Place) -> int:
        """Padded size of the list of the side in `place`."""
        return self.my_size if place is self.place else self.peer_size

    def name(self, place: Place) -> str:
        return self.me if place is self.place else self.peer


class Voice(Protocol):
    """What the session says in its owner's name. The labels keep signatures of different uses apart."""

    def sign(self, label: bytes, data: bytes) -> bytes:
        """64 bytes, under the owner's identity key."""
        ...

    def verify_peer(self, label: bytes, data: bytes, signature: bytes) -> bool:
        """Did the peer's identity key sign this?"""
        ...

    def checkpoint(self) -> Checkpoint:
        """The owner's audit log as it stands now."""
        ...


@dataclass(frozen=True)
class PairSpools:
    """The lists of a session; widths in bytes a row.

    mine        32   own list, sorted           theirs     32   the peer's list
    evaluated   32   k times the peer's list    answers    16   tags of the answers to own list
    matches   8+8   (own position, peer position) that agree    release  8   peer positions we release
    released 8+16   (own position, tag) of what the peer released
    proofs      1   of `evaluated`: chunk n begins with the proof of its chunk n, and zeros fill it

    `proofs` saves work and nothing depends on it: a session that began under an earlier version has none, and makes a
    proof when it is asked for. So it may hold fewer chunks than `evaluated`, or none; never others.
    `scratch` makes lists for what is too long to be sorted in memory; they are gone after it, and after a crash.
    """

    mine: Spool
    theirs: Spool
    evaluated: Spool
    answers: Spool
    matches: Spool
    release: Spool
    released: Spool
    proofs: Spool
    scratch: Scratch = MemorySpool

    WIDTHS = {  # noqa: RUF012 - a table, not a field
        "mine": 32,
        "theirs": 32,
        "evaluated": 32,
        "answers": 16,
        "matches": 16,
        "release": 8,
        "released": 24,
        "proofs": 1,
    }

    @classmethod
    def make(cls, create: Callable[[str, int], Spool], scratch: Scratch = MemorySpool) -> "PairSpools":
        """All lists, each made by `create(name, width)`."""
        return cls(**{name: create(name, width) for name, width in cls.WIDTHS.items()}, scratch=scratch)


def band_of(count: int, bands: tuple[Band, ...]) -> Band:
    """The band that `count` falls into; (count, count) where the agreement asks for exact counts.

    LocalError for a count that the agreement has no band for.
    """
    for low, high in bands or ((count, count),):
        if 0 <= low <= count <= high:
            return low, high
    raise LocalError(
        "The number of agreeing records lies outside what the agreement provides for.",
        advice="This is a defect: report it. Nothing was declared to the other side.",
    )
