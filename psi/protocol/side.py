"""What one side of `pair` holds while the round runs, and the values that follow from it.

`sending` and `receiving` work on a `Side`; `pair.PairSession` is a Side that takes turns. Nothing here decides: turns
are in `states`, checks are in `receiving`.
"""

from psi.backend import Backend, RandomBytes
from psi.errors import WrongState
from psi.messages import Open, decode
from psi.protocol.record import Record
from psi.protocol.states import Place
from psi.protocol.terms import PairSpools, PairTerms, Voice
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS, Spool, chunk_count
from psi.transcript import Label, digest

__all__ = ["Side", "row"]


class Side:
    """Terms, memory, lists, key and voice of one side."""

    def __init__(
        self,
        terms: PairTerms,
        record: Record,
        *,
        scalar: SecretBytes | None,
        spools: PairSpools,
        voice: Voice,
        backend: Backend,
        random_bytes: RandomBytes,
    ) -> None:
        self.terms = terms
        self.record = record
        self.spools = spools
        self.voice = voice
        self.backend = backend
        self.random_bytes = random_bytes
        self._scalar = scalar
        self._decoded: dict[Place, Open] = {}

    @property
    def scalar(self) -> SecretBytes:
        if self._scalar is None or self._scalar.wiped:
            raise WrongState("The key of this round has already been destroyed.", advice="Start a new round.")
        return self._scalar

    def opening(self, place: Place) -> Open:
        """The opening of a side; WrongState while it has not opened."""
        if place not in self._decoded:
            if place not in self.record.openings:
                raise WrongState("The other side has not opened the round yet.", advice="Wait for its answer.")
            message = decode(self.record.openings[place])
            assert isinstance(message, Open)  # nothing else is ever put there
            self._decoded[place] = message
        return self._decoded[place]

    @property
    def context(self) -> bytes:
        """64 bytes that bind a value to this agreement and both openings, in order of member id."""
        ordered = [self.opening(place).encode() for place in sorted(Place, key=self.terms.name)]
        return digest(Label.CONTEXT, self.terms.agreement, *ordered)

    def transcript(self) -> bytes:
        """Digest of all that was said before the closings, in order of member id: the same on both sides."""
        ordered = sorted(Place, key=self.terms.name)
        return digest(Label.TRANSCRIPT, self.context, *(self.record.said[place] for place in ordered))

    def chunk_total(self, place: Place) -> int:
        """Number of chunks in the list of the side in `place`."""
        return chunk_count(self.terms.size(place))


def row(spool: Spool, index: int) -> bytes:
    """One row of a spool. Reads its whole chunk: for single rows only."""
    at = index % CHUNK_ROWS * spool.width
    return spool.read(index // CHUNK_ROWS)[at : at + spool.width]
