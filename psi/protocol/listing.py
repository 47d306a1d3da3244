"""From identifiers to the list that goes out: blinded, padded, sorted, committed to.

    identifier   m = length-prefixed (scope, kind with match-key id, normaliser version, value)
    element      k * H(m)                                   one per distinct identifier
    padding      map_to_group(64 random bytes)              up to the size class; nobody knows an identifier for it
    order        ascending by encoding                      a secret shuffle, since k is secret; shows duplicates

The scope is the digest of the agreement, so the same value under another agreement, kind or normaliser is another
element. Nothing in the list tells how many of its elements stand for identifiers: k*H(m) and a random element cannot be
told apart without k (decisional Diffie-Hellman in ristretto255).

Each element is sorted with its number behind it: in memory, and in runs on the disk where there are many
(`psi.matching`). The rows of `order` say, for each place of the sorted list, which identifier stands there (its number
in the order given), or `PADDING`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from psi.backend import Backend, RandomBytes
from psi.codec import length_prefixed
from psi.errors import ListDoesNotFit, LocalError
from psi.group import ELEMENT_BYTES, WIDE_BYTES
from psi.hash_to_group import DST
from psi.matching import Scratch, first_disorder, sorted_rows
from psi.messages import Open
from psi.padding import MAX_ELEMENTS
from psi.secret import SecretBytes
from psi.spool import CHUNK_ROWS, MemorySpool, Spool
from psi.transcript import Label, MerkleEdge, digest

__all__ = [
    "LENGTH_BYTES",
    "PADDING",
    "Listing",
    "blind_list",
    "commitment",
    "identifier_front",
    "identifier_message",
    "with_value",
    "with_values",
]

PADDING = (1 << 64) - 1
"""In the order spool: no identifier stands here."""

LENGTH_BYTES = 4
"""Bytes of the length that stands before each part of a message, big-endian."""

NUMBER_BYTES = 8
"""Bytes of an identifier's number in the order spool, big-endian."""


@dataclass(frozen=True)
class Listing:
    """A finished list: `size` elements, of which `identifiers` stand for something; `root` over its chunks."""

    size: int
    identifiers: int
    root: bytes


def identifier_message(scope: bytes, kind: str, normaliser: str, value: str) -> bytes:
    """The bytes that are hashed to the group for one identifier."""
    return with_value(identifier_front(scope, kind, normaliser), value)


def identifier_front(scope: bytes, kind: str, normaliser: str) -> bytes:
    """What stands before the length-prefixed value: the same for all identifiers of a kind."""
    return length_prefixed(Label.IDENTIFIER, scope, kind.encode(), normaliser.encode())


def with_value(front: bytes, value: str) -> bytes:
    """The message of one identifier of that kind."""
    data = value.encode()
    return front + len(data).to_bytes(LENGTH_BYTES, "big") + data


def with_values(front: bytes, values: Sequence[bytes]) -> list[bytes]:
    """The messages of identifiers of that kind, from their values in UTF-8."""
    heads = {length: front + length.to_bytes(LENGTH_BYTES, "big") for length in set(map(len, values))}
    if len(heads) == 1:  # as long as one another, as most numbers are
        (head,) = heads.values()
        return [head + data for data in values]
    return [heads[len(data)] + data for data in values]


def commitment(opening: Open, root: bytes) -> bytes:
    """What binds a list to its opening; `opening.commitment` itself is not read. 64 bytes."""
    return digest(
        Label.COMMITMENT,
        opening.sender.encode(),
        opening.recipient.encode(),
        opening.agreement,
        opening.run,
        opening.nonce,
        opening.public_key,
        opening.size.to_bytes(8, "big"),
        root,
    )


def blind_list(
    batches: Iterable[Sequence[bytes]],
    *,
    size: int,
    scalar: SecretBytes,
    backend: Backend,
    random_bytes: RandomBytes,
    mine: Spool,
    order: Spool,
    scratch: Scratch = MemorySpool,
) -> Listing:
    """Write the blinded list of `size` elements to `mine` (32-byte rows) and its `order` (8-byte rows).

    `batches` gives distinct identifier messages, at most CHUNK_ROWS at a time. Raises ListDoesNotFit if there are more
    than `size`, LocalError if two messages are the same. `scratch` is where a list goes that is too long to be sorted
    in memory.
    """
    if not 0 < size <= MAX_ELEMENTS:
        raise ListDoesNotFit(
            f"A list of {size} elements is outside what the protocol allows (1 to {MAX_ELEMENTS}).",
            advice="Agree on a smaller record class or fewer tokens per record.",
        )
    identifiers = 0

    def numbered() -> Iterator[bytes]:
        nonlocal identifiers
        for messages in batches:
            if identifiers + len(messages) > size:
                raise ListDoesNotFit(
                    f"The data set gives more identifiers than the {size} that the agreement declares for this side.",
                    advice="Nothing was sent. Propose a round with a larger record class, or take out records.",
                )
            elements = backend.hash_and_multiply(scalar, messages, DST)
            yield _with_numbers(elements, np.arange(identifiers, identifiers + len(messages), dtype=">u8"))
            identifiers += len(messages)
        for start in range(identifiers, size, CHUNK_ROWS):
            count = min(CHUNK_ROWS, size - start)
            elements = backend.map_to_group(random_bytes(WIDE_BYTES * count))
            yield _with_numbers(elements, np.full(count, PADDING, dtype=">u8"))

    edge, last = MerkleEdge(), b""
    for both in sorted_rows(numbered(), ELEMENT_BYTES + NUMBER_BYTES, scratch):
        rows = np.frombuffer(both, dtype=np.uint8).reshape(-1, ELEMENT_BYTES + NUMBER_BYTES)
        chunk = rows[:, :ELEMENT_BYTES].tobytes()
        if first_disorder(chunk, ELEMENT_BYTES, last) is not None:
            raise LocalError("The same identifier was given twice for one list.", advice="This is a defect: report it.")
        last = chunk[-ELEMENT_BYTES:]
        edge.add(chunk)
        mine.append(chunk)
        order.append(rows[:, ELEMENT_BYTES:].tobytes())
    return Listing(size, identifiers, edge.root())


def _with_numbers(elements: bytes, numbers: NDArray[np.uint64]) -> bytes:
    """Each element with its number behind it: rows of 40 bytes."""
    rows = np.frombuffer(elements, dtype=np.uint8).reshape(-1, ELEMENT_BYTES)
    return np.hstack([rows, numbers.view(np.uint8).reshape(-1, NUMBER_BYTES)]).tobytes()
