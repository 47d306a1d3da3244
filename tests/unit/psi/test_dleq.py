"""The batch proof: everything is bound, nothing bad passes, nonces never repeat. The seed has test_dleq_seed.py."""

import pytest

from psi import dleq
from psi.dleq import MAX_PAIRS, PROOF_BYTES, prove_composite, verify_composite
from psi.errors import BadProof, InvalidElement, LocalError, WrongState
from psi.group import GENERATOR, IDENTITY, ORDER
from tests.support import batches
from tests.support.backends import BACKENDS, backend_called, known_scalar, shown
from tests.support.batches import BACKEND, CONTEXT, LABEL, Batch, moved


@pytest.mark.parametrize("n", [1, 2, 3, 5, 64, 200])
def test_an_honest_batch_passes(n):
    batch = Batch(n)
    assert len(batch.proof) == PROOF_BYTES
    batch.verify()


def test_a_full_chunk_passes_and_one_wrong_answer_in_it_is_found():
    batch = Batch(MAX_PAIRS)
    batch.verify()
    with pytest.raises(BadProof):
        batch.verify(outputs=moved(batch.outputs, 4000))


# Everything is bound


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_changing_any_one_element_is_refused(n, side):
    batch = Batch(n)
    for index in range(n):
        with pytest.raises(BadProof):
            batch.verify(**{side: moved(getattr(batch, side), index)})


@pytest.mark.parametrize(
    "changes",
    [
        {"label": b"another"},
        {"label": b""},
        {"context": b"another"},
        {"context": b""},
        {"label": LABEL + CONTEXT[:1], "context": CONTEXT[1:]},
        {"label": CONTEXT, "context": LABEL},
        {"key": GENERATOR},
        {"key": Batch(1, key=7654321).key},
    ],
)
def test_another_label_context_or_key_is_refused(changes):
    with pytest.raises(BadProof):
        Batch(2).verify(**changes)


def test_every_bit_of_the_proof_counts():
    batch = Batch(2)
    for bit in range(8 * PROOF_BYTES):
        changed = bytearray(batch.proof)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadProof):
            batch.verify(proof=bytes(changed))


def test_a_pair_moved_together_by_the_same_key_is_still_another_statement():
    """inputs and outputs stay consistent under k, so only the seed can tell."""
    batch = Batch(3)
    inputs = moved(batch.inputs, 1)
    outputs = BACKEND.multiply(batch.scalar, inputs)
    with pytest.raises(BadProof):
        batch.verify(inputs=inputs, outputs=outputs)
    batch.verify(inputs=inputs, outputs=outputs, proof=batch.prove(inputs=inputs, outputs=outputs))


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_pairs_counts(order):
    batch = Batch(3)
    inputs, outputs = (b"".join(data[32 * i : 32 * i + 32] for i in order) for data in (batch.inputs, batch.outputs))
    with pytest.raises(BadProof):
        batch.verify(inputs=inputs, outputs=outputs)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_prover_who_answers_one_with_another_key_is_refused(wrong):
    batch = Batch(3)
    other = BACKEND.multiply(known_scalar(99), batch.inputs)
    at = 32 * wrong
    outputs = batch.outputs[:at] + other[at : at + 32] + batch.outputs[at + 32 :]
    with pytest.raises(BadProof):
        batch.verify(outputs=outputs, proof=batch.prove(outputs=outputs))


def test_a_prover_who_shows_another_key_is_refused():
    """Answers made with k, key shown for k': the commitment to a key means something."""
    batch = Batch(3)
    shown_key = BACKEND.base_multiply(known_scalar(99))
    with pytest.raises(BadProof):
        batch.verify(key=shown_key, proof=batch.prove(key=shown_key))


def test_errors_that_cancel_are_refused():
    """+G in one answer, -G in another: a plain sum would not see it."""
    batch = Batch(2)
    minus = BACKEND.base_multiply(known_scalar(ORDER - 1))
    outputs = BACKEND.sum(batch.outputs[:32] + GENERATOR) + BACKEND.sum(batch.outputs[32:] + minus)
    assert BACKEND.sum(outputs) == BACKEND.sum(batch.outputs)
    with pytest.raises(BadProof):
        batch.verify(outputs=outputs, proof=batch.prove(outputs=outputs))


# Nonces


def test_two_proofs_of_one_statement_differ_and_both_hold():
    batch = Batch(2)
    again = batch.prove()
    assert again != batch.proof
    batch.verify(proof=again)


class Watched:
    """A backend that notes the nonces it derives."""

    def __init__(self) -> None:
        self.nonces = []

    def __getattr__(self, name):
        return getattr(BACKEND, name)

    def derive_nonce(self, *given):
        nonce = BACKEND.derive_nonce(*given)
        self.nonces.append((nonce, shown(nonce)))
        return nonce


def test_a_stuck_random_source_never_repeats_a_nonce_for_another_statement(monkeypatch):
    watched = Watched()
    monkeypatch.setattr(batches, "BACKEND", watched)
    batch = Batch(2)
    watched.nonces.clear()
    for changes in ({}, {"label": b"x"}, {"context": b"x"}, {"outputs": batch.inputs}, {"key": GENERATOR}):
        batch.prove(bytes, **changes)
    assert len({value for _, value in watched.nonces}) == 5
    assert all(nonce.wiped for nonce, _ in watched.nonces)


def test_a_twin_with_nonces_from_randomness_alone_gives_its_key_away():
    """What the derivation prevents: one nonce under two challenges is two equations in two unknowns."""
    batch = Batch(2)
    answers = []
    for element in (batch.inputs[:32], batch.inputs[32:]):
        proof = prove_composite(BACKEND, batch.scalar, known_scalar(4242), batch.key, element, b"context")
        answers.append([int.from_bytes(part, "little") for part in (proof[:32], proof[32:])])
    (c1, s1), (c2, s2) = answers
    assert (s1 - s2) * pow(c2 - c1, -1, ORDER) % ORDER == 1234567


# What is refused before any arithmetic


@pytest.mark.parametrize("n", [0, MAX_PAIRS + 1])
def test_no_pairs_and_too_many_pairs_are_our_own_mistake(n):
    batch, elements = Batch(1), GENERATOR * n
    with pytest.raises(LocalError):
        batch.prove(inputs=elements, outputs=elements)
    with pytest.raises(LocalError):
        batch.verify(inputs=elements, outputs=elements)


@pytest.mark.parametrize(
    "changes",
    [{"outputs": GENERATOR}, {"outputs": GENERATOR * 3}, {"outputs": b""}, {"inputs": bytes(63)}, {"key": b""}],
)
def test_lists_that_do_not_fit_are_not_proven(changes):
    with pytest.raises(LocalError):
        Batch(2).prove(**changes)


@pytest.mark.parametrize("outputs", [b"", GENERATOR, GENERATOR * 3, GENERATOR * 2 + b"\0"])
def test_an_answer_of_another_length_is_the_peers_fault(outputs):
    with pytest.raises(BadProof):
        Batch(2).verify(outputs=outputs)


@pytest.mark.parametrize("bad", [IDENTITY, b"\xff" * 32, GENERATOR[:-1] + b"\xf6", b"\x01" + bytes(31)])
@pytest.mark.parametrize("index", [0, 2])
def test_an_answer_that_is_no_element_is_named_by_its_place(bad, index):
    batch = Batch(3)
    outputs = batch.outputs[: 32 * index] + bad + batch.outputs[32 * index + 32 :]
    with pytest.raises(InvalidElement) as refusal:
        batch.verify(outputs=outputs)
    assert refusal.value.index == index


@pytest.mark.parametrize("bad", [IDENTITY, b"\xff" * 32, GENERATOR[:-1] + b"\xf6", b"", GENERATOR[:31], GENERATOR * 2])
def test_a_key_that_is_no_element_is_refused_without_a_place(bad):
    with pytest.raises(InvalidElement) as refusal:
        Batch(2).verify(key=bad)
    assert refusal.value.index is None


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 96, 128])
def test_a_proof_of_another_length_is_refused(length):
    batch = Batch(1)
    with pytest.raises(BadProof):
        batch.verify(proof=(batch.proof * 2)[:length])


@pytest.mark.parametrize("half", [0, 1])
def test_a_proof_has_one_form_only(half):
    """c + L or s + L would satisfy the same equations."""
    batch = Batch(1)
    parts = [int.from_bytes(batch.proof[at : at + 32], "little") for at in (0, 32)]
    parts[half] += ORDER
    with pytest.raises(BadProof):
        batch.verify(proof=b"".join(part.to_bytes(32, "little") for part in parts))


@pytest.mark.parametrize("proof", [bytes(64), bytes(32) + b"\x01" + bytes(31), b"\x01" + bytes(63)])
def test_a_proof_of_zeros_is_refused(proof):
    with pytest.raises(BadProof):
        Batch(1).verify(proof=proof)


@pytest.mark.parametrize(("m", "z"), [(IDENTITY, GENERATOR), (GENERATOR, IDENTITY), (IDENTITY, IDENTITY)])
def test_composites_that_vanish_are_refused(m, z):
    batch = Batch(1)
    with pytest.raises(BadProof):
        verify_composite(BACKEND, batch.key, m, z, batch.proof, b"context")


def test_a_wiped_key_proves_nothing():
    batch = Batch(1)
    batch.scalar.wipe()
    with pytest.raises(WrongState):
        batch.prove()


def test_no_refusal_shows_a_value():
    batch = Batch(1)
    for changes in ({"label": b"x"}, {"outputs": IDENTITY}, {"key": IDENTITY}):
        with pytest.raises((BadProof, InvalidElement)) as refusal:
            batch.verify(**changes)
        text = refusal.value.diagnostics()
        assert refusal.value.advice
        assert not any(data.hex()[:8] in text for data in (batch.key, batch.inputs, batch.outputs, batch.proof))


def test_a_twin_that_does_not_compare_the_challenge_is_noticed(monkeypatch):
    batch = Batch(1)
    monkeypatch.setattr(dleq, "challenge", lambda *_: batch.proof[:32])
    batch.verify(label=b"another")  # accepted: so the comparison is what refuses it above


def test_the_core_alone_refuses_a_bad_key_without_a_place():
    batch = Batch(1)
    with pytest.raises(InvalidElement) as refusal:
        verify_composite(BACKEND, IDENTITY, GENERATOR, GENERATOR, batch.proof, b"context")
    assert refusal.value.index is None


def test_a_malformed_proof_costs_no_arithmetic(monkeypatch):
    """A peer cannot make us multiply a whole chunk with a proof that no one needs to compute."""
    batch = Batch(3)
    monkeypatch.setattr(type(BACKEND), "multi_scalar", lambda *_: pytest.fail("the list was multiplied first"))
    for proof in (b"", b"\xff" * PROOF_BYTES):
        with pytest.raises(BadProof):
            batch.verify(proof=proof)


# Evaluating and proving at once


@pytest.mark.parametrize("n", [1, 2, 9, 130, MAX_PAIRS])
def test_a_proof_made_while_evaluating_is_the_proof_made_after_it(n):
    batch = Batch(n)
    said = {"label": LABEL, "context": CONTEXT, "random_bytes": lambda size: bytes(range(size))}
    outputs, proof = dleq.evaluate_batch(BACKEND, batch.scalar, batch.key, bytearray(batch.inputs), **said)
    assert outputs == batch.outputs
    assert proof == dleq.prove_batch(BACKEND, batch.scalar, batch.key, batch.inputs, outputs, **said)
    batch.verify(proof=proof)


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_evaluates_and_proves_the_same(name):
    batch = Batch(3)
    backend = backend_called(name)
    said = {"label": LABEL, "context": CONTEXT, "random_bytes": lambda size: bytes(range(size))}
    outputs, proof = dleq.evaluate_batch(backend, batch.scalar, batch.key, batch.inputs, **said)
    assert outputs == batch.outputs
    assert proof == dleq.prove_batch(BACKEND, batch.scalar, batch.key, batch.inputs, outputs, **said)


def test_what_is_evaluated_and_proven_is_checked_as_ever():
    batch = Batch(5)
    said = {"label": LABEL, "context": CONTEXT, "random_bytes": bytes}
    for inputs in (b"", GENERATOR * (MAX_PAIRS + 1), GENERATOR[:-1]):
        with pytest.raises(LocalError):
            dleq.evaluate_batch(BACKEND, batch.scalar, batch.key, inputs, **said)
    with pytest.raises(LocalError):
        dleq.evaluate_batch(BACKEND, batch.scalar, batch.key[:-1], batch.inputs, **said)
    with pytest.raises(InvalidElement) as refusal:
        dleq.evaluate_batch(BACKEND, batch.scalar, batch.key, batch.inputs[:64] + IDENTITY + batch.inputs, **said)
    assert refusal.value.index == 2
