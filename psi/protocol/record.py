"""The whole memory of a `pair` session, in a form that survives a crash.

`Record` is everything a session knows besides its terms, its lists and its scalar. `encode` writes it as bytes and
`decode` reads it back: that is the snapshot. It holds no secret - the scalar is kept elsewhere, sealed - and its size
does not grow with the lists: of the peer's list it keeps the last element and the right edge of the Merkle tree.

A snapshot is our own file, so damage to it is nobody's fault but ours: `decode` raises LocalError, never PeerError.
"""

from dataclasses import dataclass, field

from psi.codec import Reader, Writer
from psi.errors import LocalError, PeerError
from psi.group import ELEMENT_BYTES
from psi.messages import MAX_MESSAGE_BYTES, Open, decode
from psi.protocol.states import SCRIPTS, Gate, Leg, Place, Reply, Turns
from psi.protocol.terms import Band
from psi.transcript import DIGEST_BYTES, MerkleEdge

__all__ = ["Record", "damaged"]

_FORMAT = 1
_REPLY_BYTES = 32


def damaged() -> LocalError:
    return LocalError(
        "The saved state of this round is damaged or belongs to another round.",
        advice="Cancel the round and propose it again.",
    )


@dataclass
class Record:
    """Fields are named for what they mean to the side that holds them."""

    turns: Turns
    openings: dict[Place, bytes]
    said: dict[Place, bytes]
    edge: MerkleEdge = field(default_factory=MerkleEdge)
    last_element: bytes = b""
    gates: set[Gate] = field(default_factory=set)
    matches: int = 0
    to_release: int = 0
    released: int = 0
    count_said: Band | None = None
    count_heard: Band | None = None

    def encode(self) -> bytes:
        writer = Writer().uint(_FORMAT, 1).var(self.turns.reply.value.encode(), _REPLY_BYTES)
        for place in Place:
            writer.uint(self.turns.finished[place], 1).uint(self.turns.said[place], 4)
            writer.var(self.openings.get(place, b""), MAX_MESSAGE_BYTES).fixed(self.said[place], DIGEST_BYTES)
        writer.uint(self.edge.count, 4).uint(len(self.edge.edge), 1)
        for leaves, root in self.edge.edge:
            writer.uint(leaves, 4).fixed(root, DIGEST_BYTES)
        writer.var(self.last_element, ELEMENT_BYTES)
        for gate in Gate:
            writer.uint(gate in self.gates, 1)
        writer.uint(self.matches, 8).uint(self.to_release, 8).uint(self.released, 8)
        for band in (self.count_said, self.count_heard):
            low, high = band or (0, 0)
            writer.uint(band is not None, 1).uint(low, 8).uint(high, 8)
        return writer.bytes()

    @classmethod
    def decode(cls, data: bytes) -> "Record":
        """Reads what `encode` wrote; LocalError for anything else."""
        try:
            record = cls._read(Reader(data))
            if record.encode() == data:
                return record
        except (PeerError, ValueError, OverflowError):
            pass
        raise damaged()

    @classmethod
    def _read(cls, reader: Reader) -> "Record":
        if reader.uint(1) != _FORMAT:
            raise ValueError("a snapshot of another version")
        turns = Turns.start(Reply(reader.var(_REPLY_BYTES).decode()))
        openings: dict[Place, bytes] = {}
        said: dict[Place, bytes] = {}
        for place in Place:
            turns.finished[place], turns.said[place] = reader.uint(1), reader.uint(4)
            if opening := reader.var(MAX_MESSAGE_BYTES):
                openings[place] = opening
            said[place] = reader.fixed(DIGEST_BYTES)
        count = reader.uint(4)
        edge = MerkleEdge(count, [(reader.uint(4), reader.fixed(DIGEST_BYTES)) for _ in range(reader.uint(1))])
        record = cls(turns, openings, said, edge, reader.var(ELEMENT_BYTES))
        record.gates = {gate for gate in Gate if reader.uint(1)}
        record.matches, record.to_release, record.released = reader.uint(8), reader.uint(8), reader.uint(8)
        bands: list[Band | None] = []
        for _ in range(2):
            present, low, high = reader.uint(1), reader.uint(8), reader.uint(8)
            bands.append((low, high) if present else None)
        record.count_said, record.count_heard = bands
        reader.finish()
        record._check()
        return record

    def _check(self) -> None:
        """What any record of a real session has; ValueError otherwise."""
        turns = self.turns
        powers = [1 << bit for bit in reversed(range(self.edge.count.bit_length())) if self.edge.count >> bit & 1]
        if (
            any(turns.finished[place] > len(SCRIPTS[turns.reply, place]) for place in Place)
            or not all(isinstance(decode(opening), Open) for opening in self.openings.values())
            or any(turns.has_finished(place, Leg.OPEN) and place not in self.openings for place in Place)
            or [leaves for leaves, _ in self.edge.edge] != powers
            or len(self.last_element) != (ELEMENT_BYTES if self.edge.count else 0)
        ):
            raise ValueError("not the record of a session")
