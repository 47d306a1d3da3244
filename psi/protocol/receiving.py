"""How each leg of `pair` is heard: one taker a message type.

A taker returns whether the message ends its leg and raises a PeerError that names what the peer did wrong. What can be
judged from one message is judged before anything of it is kept. What only the whole leg shows (a list's commitment, a
release that is no agreement) is judged at its last message; rows kept until then count for nothing, because nothing of
ours depends on a leg that has not ended, and a session that refused is over: it says nothing and saves nothing more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from psi import dleq
from psi.codec import Writer
from psi.errors import (
    BadSignature,
    BrokenCommitment,
    ForgedRelease,
    InvalidElement,
    ListOutOfOrder,
    ReflectedKey,
    SharedElement,
    TranscriptMismatch,
    UnexpectedMessage,
    VersionMismatch,
    WrongCount,
    WrongParty,
)
from psi.group import ELEMENT_BYTES
from psi.matching import first_disorder, match, shared_row
from psi.messages import RELEASES_PER_MESSAGE, SUITE, Blinded, Close, Count, Evaluated, Open, Released
from psi.protocol.listing import commitment
from psi.protocol.proofs import answer_context, keep_proof, release_context, signed_close, signed_count
from psi.protocol.side import Side, row
from psi.protocol.states import Leg, Place
from psi.spool import CHUNK_ROWS, chunk_rows, chunks
from psi.transcript import Label, tags

__all__ = ["TAKERS", "check_turn"]


def check_turn(side: Side, peer: Place, leg: Leg) -> None:
    if not side.record.turns.may(peer, leg):
        raise UnexpectedMessage(f"The other side sent a message of the part “{leg.name.lower()}” out of turn.")


def _open(side: Side, message: Open) -> bool:
    terms = side.terms
    if (message.sender, message.recipient) != (terms.peer, terms.me):
        raise WrongParty("The other side opened the round in another name, or for somebody else.")
    if (message.run, message.agreement) != (terms.run, terms.agreement):
        raise WrongParty("The other side opened the round under another agreement.")
    if message.suite != SUITE:
        raise VersionMismatch(
            "The other side uses another cryptographic suite.",
            advice="Compare `blindmatch --version` on both sides: the one with the lower version should update it.",
        )
    if message.size != terms.peer_size:
        raise WrongCount("The other side opened the round with another list size than it signed.")
    _check_key(side, message.public_key)
    side.record.openings[terms.place.other] = message.encode()
    return True


def _check_key(side: Side, key: bytes) -> None:
    """Under our own key all of ours would pass for theirs: lists, answers and proofs could be sent back to us."""
    if key == side.opening(side.terms.place).public_key:
        raise ReflectedKey("The other side shows a copy of our own key.")
    try:
        side.backend.validate(key)
    except InvalidElement as error:
        raise InvalidElement(error.sentence, advice=error.advice) from None  # stands in no list: no index


def _list(side: Side, message: Blinded) -> bool:
    record, size = side.record, side.terms.peer_size
    chunk = record.turns.said[side.terms.place.other]
    _check_chunk(message.chunk, chunk, message.elements, size)
    disorder = first_disorder(message.elements, ELEMENT_BYTES, record.last_element)
    if disorder is not None:
        raise ListOutOfOrder(
            "The other side's list is not in strictly ascending order, or holds an element twice.",
            index=chunk * CHUNK_ROWS + disorder,
        )
    _evaluate(side, chunk, message.elements)
    record.edge.add(message.elements)
    record.last_element = message.elements[-ELEMENT_BYTES:]
    last = chunk + 1 == side.chunk_total(side.terms.place.other)
    if last:
        _check_whole_list(side)
    return last


def _evaluate(side: Side, chunk: int, elements: bytes) -> None:
    """Keep a chunk of the peer's list and what our key makes of it, with the proof where we are to answer: now the
    elements are decoded anyway. It waits with the evaluated elements, and leaves with them or never."""
    proof = None
    with _counted_from(chunk * CHUNK_ROWS):
        if Leg.ANSWER in side.record.turns.remaining(side.terms.place):
            evaluated, proof = dleq.evaluate_batch(
                side.backend,
                side.scalar,
                side.opening(side.terms.place).public_key,
                elements,
                label=Label.PROOF_ANSWER,
                context=answer_context(side.context, side.terms.me, side.terms.peer, chunk),
                random_bytes=side.random_bytes,
            )
        else:
            evaluated = side.backend.multiply(side.scalar, elements)
    side.spools.theirs.append(elements)
    side.spools.evaluated.append(evaluated)
    if proof is not None:
        keep_proof(side.spools.proofs, chunk, proof)


def _check_whole_list(side: Side) -> None:
    theirs = side.opening(side.terms.place.other)
    if commitment(theirs, side.record.edge.root()) != theirs.commitment:
        raise BrokenCommitment("The other side's list is not the one it committed to.")
    shared = shared_row(side.spools.theirs, side.spools.mine)
    if shared is not None:
        raise SharedElement("The other side's list holds an element of our own list: a copy.", index=shared)


def _answer(side: Side, message: Evaluated) -> bool:
    terms, peer = side.terms, side.terms.place.other
    chunk = side.record.turns.said[peer]
    _check_chunk(message.chunk, chunk, message.elements, terms.my_size)
    with _counted_from(chunk * CHUNK_ROWS):
        dleq.verify_batch(
            side.backend,
            side.opening(peer).public_key,
            side.spools.mine.read(chunk),
            message.elements,
            message.proof,
            label=Label.PROOF_ANSWER,
            context=answer_context(side.context, terms.peer, terms.me, chunk),
        )
    side.spools.answers.append(tags(side.backend, side.context, message.elements))
    last = chunk + 1 == side.chunk_total(terms.place)
    if last:
        for pairs in match(chunks(side.spools.answers), _own_tags(side), side.spools.scratch):
            side.spools.matches.append(pairs)
        side.record.matches = side.spools.matches.rows
    return last


def _count(side: Side, message: Count) -> bool:
    band = (message.low, message.high)
    agreed = band in side.terms.bands if side.terms.bands else message.low == message.high
    # Its records are no more than its elements, so a larger count says nothing true.
    if not agreed or message.low > side.terms.peer_size:
        raise WrongCount("The other side gave a count in a form that was not agreed.")
    data = signed_count(side.context, side.terms.peer, *band)
    if not side.voice.verify_peer(Label.SIGN_COUNT, data, message.signature):
        raise BadSignature("The other side's count is not signed by it.")
    side.record.count_heard = band
    return True


def _released(side: Side, message: Released) -> bool:
    terms, record, peer = side.terms, side.record, side.terms.place.other
    if message.number != record.turns.said[peer]:
        raise UnexpectedMessage("The other side sent its releases out of order.")
    full, needless = len(message.items) == RELEASES_PER_MESSAGE, message.number > 0 and not message.items
    if needless or not (full or message.last):
        raise UnexpectedMessage("The other side cut its releases into messages in another way than the protocol does.")
    if record.released + len(message.items) > terms.release_cap:
        raise WrongCount("The other side released more answers than agreed.")
    held = side.spools.released
    previous = int.from_bytes(row(held, record.released - 1)[:8], "big") if record.released else -1
    rows = bytearray()
    for item in message.items:
        if not previous < item.index < terms.my_size:
            raise ForgedRelease("The other side released an answer twice or to an element that does not exist.")
        previous = item.index
        with _counted_from(item.index):
            dleq.verify_batch(
                side.backend,
                side.opening(peer).public_key,
                row(side.spools.mine, item.index),
                item.element,
                item.proof,
                label=Label.PROOF_RELEASE,
                context=release_context(side.context, terms.peer, terms.me, item.index),
            )
        rows += item.index.to_bytes(8, "big") + tags(side.backend, side.context, item.element)
    if rows:
        held.append(bytes(rows))
        record.released += len(message.items)
    if message.last:
        _match_released(side)
    return message.last


def _match_released(side: Side) -> None:
    """A released answer counts only if it is also one of our own evaluations: then both sides hold the identifier."""
    held = side.spools.released
    released = (np.frombuffer(chunk, dtype=np.uint8).reshape(-1, held.width) for chunk in chunks(held))
    found = match((rows[:, 8:].tobytes() for rows in released), _own_tags(side), side.spools.scratch)
    matched = 0
    for number, pairs in enumerate(found):
        rows = np.frombuffer(pairs, dtype=np.uint64).reshape(-1, 2).copy()
        due = np.arange(matched, matched + len(rows), dtype=">u8").view(np.uint64)
        missing = np.flatnonzero(rows[:, 0] != due)
        if len(missing):
            raise _forged(matched + int(missing[0]))
        matched += len(rows)
        rows[:, 0] = np.frombuffer(held.read(number), dtype=np.uint64).reshape(-1, 3)[:, 0]
        side.spools.matches.append(rows.tobytes())
    if matched != held.rows:
        raise _forged(matched)
    side.record.matches = matched


def _forged(number: int) -> ForgedRelease:
    return ForgedRelease("The other side released an answer to something it does not hold itself.", index=number)


def _close(side: Side, message: Close) -> bool:
    if message.transcript != side.transcript():
        raise TranscriptMismatch("The other side closed the round over another course of events than ours.")
    checkpoint = message.checkpoint.write(Writer()).bytes()
    data = signed_close(side.context, side.terms.peer, message.transcript, checkpoint)
    if not side.voice.verify_peer(Label.SIGN_CLOSE, data, message.signature):
        raise BadSignature("The other side's closing is not signed by it.")
    return True


def _own_tags(side: Side) -> Iterator[bytes]:
    """The tags of the peer's list under both scalars, in its order."""
    return (tags(side.backend, side.context, chunk) for chunk in chunks(side.spools.evaluated))


def _check_chunk(number: int, expected: int, elements: bytes, size: int) -> None:
    """The chunk that is due, exactly as long as the agreed size makes it: too many and too few are the same mistake."""
    if number != expected:
        raise UnexpectedMessage("The other side sent the chunks of its list out of order.")
    if len(elements) != chunk_rows(size, number) * ELEMENT_BYTES:
        raise WrongCount("The other side sent more or fewer elements than it committed to.")


@contextmanager
def _counted_from(first: int) -> Iterator[None]:
    """An invalid element is reported by its place in the whole list, of which this part begins at `first`."""
    try:
        yield
    except InvalidElement as error:
        place = None if error.index is None else first + error.index
        raise InvalidElement(error.sentence, advice=error.advice, index=place) from None


TAKERS: dict[type, tuple[Leg, Callable[[Side, Any], bool]]] = {
    Open: (Leg.OPEN, _open),
    Blinded: (Leg.LIST, _list),
    Evaluated: (Leg.ANSWER, _answer),
    Count: (Leg.COUNT, _count),
    Released: (Leg.RELEASE, _released),
    Close: (Leg.CLOSE, _close),
}
