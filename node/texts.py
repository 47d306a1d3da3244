"""Many texts as one run of bytes, so that what is done to all of them needs no object for each.

    joined    text | 0xFF | text | 0xFF | ... | text            UTF-8, in which the byte 0xFF never stands

Values of telephone numbers, references and the like come by the million, and making, looking at and freeing a Python
object of each costs more than what is done to it. Rows of bytes can be handed to numpy and to the curve core as they
are; whoever needs the texts one by one still gets them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from psi.group import Backend

__all__ = ["SEPARATOR", "Texts", "hashed"]

SEPARATOR = b"\xff"
"""Stands between two texts, and fills up the rows that are made of them."""

_FILL = SEPARATOR[0]

_MOST_BYTES = 1 << 18
"""Bytes of rows of different lengths that are made at a time; one row may be longer."""

_HASHED_STEP_BYTES = 16
"""Texts are hashed in rows of a multiple of this many bytes. It is part of what `hashed` gives."""

_MOST_ROWS = 4096
"""Rows that are given at a time, in number."""


class Texts:
    """Texts in order. They cannot be changed."""

    __slots__ = ("_count", "_encoded", "joined")

    def __init__(self, joined: bytes, count: int) -> None:
        """`joined` as above, of `count` texts: an empty one of one text is not that of none."""
        self.joined = joined
        self._count = count
        self._encoded: list[bytes] | None = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Of texts that can be written in UTF-8."""
        return cls.of_encoded([text.encode() for text in texts])

    @classmethod
    def of_encoded(cls, encoded: list[bytes]) -> Self:
        """Of texts in UTF-8. The list is kept."""
        made = cls(SEPARATOR.join(encoded), len(encoded))
        made._encoded = encoded
        return made

    def __repr__(self) -> str:
        # What they say stays out of logs and tracebacks.
        return f"<Texts {len(self)}>"

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return map(bytes.decode, self.encoded)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Texts) and (self.joined, self._count) == (other.joined, other._count)

    __hash__ = None  # type: ignore[assignment]

    @property
    def encoded(self) -> list[bytes]:
        """The texts in UTF-8, one by one. Not to be changed."""
        if self._encoded is None:
            self._encoded = self.joined.split(SEPARATOR) if self._count else []
        return self._encoded

    def only(self, places: Sequence[int]) -> Self:
        """Those at these places, which are ascending."""
        encoded = self.encoded
        return self.of_encoded([encoded[at] for at in places])

    def rows(self, step: int) -> Iterator[tuple[NDArray[np.intp] | slice, NDArray[np.uint8]]]:
        """The texts as rows of bytes: their places, and a row of each, one byte longer than the text at least.

        Rows are filled up with 0xFF to a multiple of `step` bytes, so that two texts never have the same row, and texts
        of about one length stand together: every place comes once. At most 4,096 rows at a time.
        """
        if not self._count:
            return
        held = np.frombuffer(self.joined + SEPARATOR, dtype=np.uint8)
        width, rest = divmod(len(held), self._count)
        if not rest and bool((held[width - 1 :: width] == _FILL).all()):  # all of one length, as most numbers are
            yield from _one_length(held.reshape(-1, width), step)
            return
        ends = np.flatnonzero(held == _FILL)
        starts = np.concatenate(([0], ends[:-1] + 1))
        widths = ends - starts + 1
        steps = -(-widths // step)
        for count in np.flatnonzero(np.bincount(steps)).tolist():
            inside = np.arange(count * step)
            alike = np.flatnonzero(steps == count)
            many = max(1, min(_MOST_ROWS, _MOST_BYTES // len(inside)))
            for at in range(0, len(alike), many):
                places = alike[at : at + many]
                rows = held.take(starts[places, None] + inside, mode="clip")
                rows[inside >= widths[places, None]] = _FILL
                yield places, rows


def hashed(texts: Texts, backend: Backend, front: bytes, length: int) -> NDArray[np.uint8]:
    """The first `length` (1..64) bytes of SHA-512 of each text, many at a time: n rows of `length` bytes.

    What is hashed is `front` and the text's row (see `Texts.rows`): two texts never give the same bytes. No two fronts
    that are used with one key, or with none, may begin each other.
    """
    digests = np.empty((len(texts), length), dtype=np.uint8)
    for places, rows in texts.rows(_HASHED_STEP_BYTES):
        made = backend.hash_rows(front, rows.tobytes(), rows.shape[1], length)
        digests[places] = np.frombuffer(made, dtype=np.uint8).reshape(-1, length)
    return digests


def _one_length(texts: NDArray[np.uint8], step: int) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    width = texts.shape[1]
    whole = -(-width // step) * step
    for at in range(0, len(texts), _MOST_ROWS):
        part = texts[at : at + _MOST_ROWS]
        if whole != width:
            rows = np.full((len(part), whole), _FILL, dtype=np.uint8)
            rows[:, :width] = part
            part = rows
        yield slice(at, at + len(part)), part
