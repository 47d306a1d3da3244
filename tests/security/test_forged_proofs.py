"""Answers that do not belong to the announced key, or to this question, are refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from psi import dleq
from psi.backend import choose
from psi.errors import BadProof
from psi.group import GENERATOR, ORDER
from psi.messages import Evaluated
from psi.protocol import receiving
from psi.protocol.states import Place
from psi.spool import chunks
from psi.transcript import Label
from tests.support.attacks import MINE, SHARED, THEIRS, no_check, refused, scalar_of, take_any_closing
from tests.support.pairs import counting_random, elements_of, make_pair, run, swap, until

Patch = pytest.MonkeyPatch


def one_bad_pair(message: Evaluated) -> Evaluated:
    rows = elements_of(message.elements)
    rows[17] = choose().sum(rows[17] + GENERATOR)
    return replace(message, elements=b"".join(rows))


def two_rows_swapped(message: Evaluated) -> Evaluated:
    rows = elements_of(message.elements)
    rows[3], rows[40] = rows[40], rows[3]
    return replace(message, elements=b"".join(rows))


def two_errors_that_cancel(message: Evaluated) -> Evaluated:
    """Sum and product over the batch stay the same: only fresh coefficients a row tell."""
    rows = elements_of(message.elements)
    minus = choose().multi_scalar((ORDER - 1).to_bytes(32, "little"), GENERATOR)
    rows[3], rows[40] = choose().sum(rows[3] + GENERATOR), choose().sum(rows[40] + minus)
    return replace(message, elements=b"".join(rows))


def another_key(message: Evaluated) -> Evaluated:
    scalar = scalar_of("another key")
    return replace(message, elements=choose().multiply(scalar, message.elements))


def proof_bit(message: Evaluated) -> Evaluated:
    return replace(message, proof=bytes([message.proof[0] ^ 1]) + message.proof[1:])


def proof_above_the_order(message: Evaluated) -> Evaluated:
    """The same response plus the group order: would be a second form of a true proof."""
    response = int.from_bytes(message.proof[32:], "little") + ORDER
    return replace(message, proof=message.proof[:32] + response.to_bytes(32, "little"))


FORGERIES: list[Callable[[Evaluated], Evaluated]] = [
    one_bad_pair,
    two_rows_swapped,
    two_errors_that_cancel,
    another_key,
    proof_bit,
    proof_above_the_order,
]


@pytest.mark.tm("TM-06")
@pytest.mark.parametrize("forge", FORGERIES)
@pytest.mark.parametrize("liar", list(Place))
def test_a_forged_batch_is_refused(forge: Callable[[Evaluated], Evaluated], liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    refused(BadProof, first, second, swap(Evaluated, forge, liar), victim=victim)
    assert victim.learned() == set()


@pytest.mark.tm("TM-06")
@pytest.mark.parametrize("forge", FORGERIES)
def test_without_proofs_a_forged_batch_changes_the_result_in_silence(
    monkeypatch: Patch, forge: Callable[[Evaluated], Evaluated]
) -> None:
    everything = [f"+1{number}" for number in range(64)]
    monkeypatch.setattr(dleq, "verify_batch", no_check)
    take_any_closing(monkeypatch)  # a cheat signs whatever its victim saw
    first, second = make_pair(everything, everything)
    run(first, second, change=swap(Evaluated, forge, Place.SECOND))
    assert first.session.finished
    true = [row.to_bytes(8, "big") for row in range(64)]
    found = b"".join(chunks(first.session.spools.matches))
    right = found == b"".join(row + at for row, at in zip(true, true_places(everything), strict=True))
    assert right == (forge in (proof_bit, proof_above_the_order))


def true_places(everything: list[str]) -> list[bytes]:
    first, second = make_pair(everything, everything)
    run(first, second)
    found = b"".join(chunks(first.session.spools.matches))
    return [found[at + 8 : at + 16] for at in range(0, len(found), 16)]


@pytest.mark.tm("TM-06")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_proof_of_another_round_is_refused(monkeypatch: Patch, *, sabotaged: bool) -> None:
    """The same lists and keys under the same agreement, but other nonces: another context, so another proof."""
    first, second = make_pair(MINE, THEIRS)
    true = until(first, second, Evaluated, Place.SECOND)
    assert isinstance(true, Evaluated)
    context = b"" if sabotaged else bytes(64)
    proof = dleq.prove_batch(
        choose(),
        second.scalar,
        second.session.opening(Place.SECOND).public_key,
        second.session.spools.theirs.read(0),
        true.elements,
        label=Label.PROOF_ANSWER,
        context=context,
        random_bytes=counting_random("replay"),
    )
    if sabotaged:
        monkeypatch.setattr(receiving, "answer_context", lambda *_parts: b"")
        first.session.receive(replace(true, proof=proof))
        assert first.learned() == SHARED
    else:
        with pytest.raises(BadProof):
            first.session.receive(replace(true, proof=proof))
