"""How each leg of `pair` is said: one maker a leg, each giving the next message and whether it ends the leg."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from psi import dleq
from psi.codec import Writer
from psi.errors import LocalError
from psi.messages import (
    RELEASES_PER_MESSAGE,
    Blinded,
    Close,
    Count,
    Evaluated,
    Message,
    Release,
    Released,
)
from psi.protocol.proofs import answer_context, kept_proof, release_context, signed_close, signed_count
from psi.protocol.side import Side, row
from psi.protocol.states import Leg
from psi.spool import Spool, chunks
from psi.transcript import Label

__all__ = ["MAKERS", "check_release"]

_Maker = Callable[[Side], tuple[Message, bool]]


def check_release(side: Side) -> None:
    """Only what agrees may be released, once, ascending, and no more than agreed: else we would answer a guess."""
    if side.spools.release.rows > side.terms.release_cap:
        raise LocalError(
            f"The agreement lets this side release at most {side.terms.release_cap} answers.",
            advice="Release fewer records in this round.",
        )
    positions = _column(side.spools.release, 0)
    if not (positions[1:] > positions[:-1]).all() or not np.isin(positions, _column(side.spools.matches, 1)).all():
        raise LocalError(
            "A release may only name elements that agree, each once.", advice="This is a defect: report it."
        )


def _column(spool: Spool, at: int) -> NDArray[np.uint64]:
    """The number at place `at` of every row; a row is made of 8-byte numbers."""
    data = b"".join(chunks(spool))
    return np.frombuffer(data, dtype=">u8").reshape(-1, spool.width // 8)[:, at].astype(np.uint64)


def _open(side: Side) -> tuple[Message, bool]:
    return side.opening(side.terms.place), True


def _list(side: Side) -> tuple[Message, bool]:
    place = side.terms.place
    chunk = side.record.turns.said[place]
    return Blinded(chunk, side.spools.mine.read(chunk)), chunk + 1 == side.chunk_total(place)


def _answer(side: Side) -> tuple[Message, bool]:
    terms, place = side.terms, side.terms.place
    chunk = side.record.turns.said[place]
    evaluated = side.spools.evaluated.read(chunk)
    scalar = side.scalar  # also where the proof is kept: with its key destroyed, a round answers nothing
    proof = kept_proof(side.spools.proofs, chunk) or dleq.prove_batch(
        side.backend,
        scalar,
        side.opening(place).public_key,
        side.spools.theirs.read(chunk),
        evaluated,
        label=Label.PROOF_ANSWER,
        context=answer_context(side.context, terms.me, terms.peer, chunk),
        random_bytes=side.random_bytes,
    )
    return Evaluated(chunk, evaluated, proof), chunk + 1 == side.chunk_total(place.other)


def _count(side: Side) -> tuple[Message, bool]:
    assert side.record.count_said is not None  # the gate was opened with it
    low, high = side.record.count_said
    data = signed_count(side.context, side.terms.me, low, high)
    return Count(low, high, side.voice.sign(Label.SIGN_COUNT, data)), True


def _release(side: Side) -> tuple[Message, bool]:
    number = side.record.turns.said[side.terms.place]
    total = side.record.to_release
    start = number * RELEASES_PER_MESSAGE
    stop = min(start + RELEASES_PER_MESSAGE, total)
    items = tuple(_release_one(side, int.from_bytes(row(side.spools.release, at), "big")) for at in range(start, stop))
    return Released(number, stop == total, items), stop == total


def _release_one(side: Side, index: int) -> Release:
    terms = side.terms
    element = row(side.spools.evaluated, index)
    proof = dleq.prove_batch(
        side.backend,
        side.scalar,
        side.opening(terms.place).public_key,
        row(side.spools.theirs, index),
        element,
        label=Label.PROOF_RELEASE,
        context=release_context(side.context, terms.me, terms.peer, index),
        random_bytes=side.random_bytes,
    )
    return Release(index, element, proof)


def _close(side: Side) -> tuple[Message, bool]:
    checkpoint = side.voice.checkpoint()
    transcript = side.transcript()
    data = signed_close(side.context, side.terms.me, transcript, checkpoint.write(Writer()).bytes())
    return Close(checkpoint, transcript, side.voice.sign(Label.SIGN_CLOSE, data)), True


MAKERS: dict[Leg, _Maker] = {
    Leg.OPEN: _open,
    Leg.LIST: _list,
    Leg.ANSWER: _answer,
    Leg.COUNT: _count,
    Leg.RELEASE: _release,
    Leg.CLOSE: _close,
}
