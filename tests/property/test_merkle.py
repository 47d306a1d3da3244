"""Every proof of trees up to 256 leaves holds, and no proof with one bit changed does.

The expected roots come from the definition in RFC 6962, section 2.1, written out again below.
"""

import random
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.audit import merkle
from node.audit.merkle import EMPTY_ROOT, RightEdge, Tree, leaf_hash, verify_consistency, verify_inclusion

LEAVES = [leaf_hash(b"entry %d" % number) for number in range(256)]
TREE = Tree(LEAVES)
ALL_PAIRS = 33_153
CHANGED_PROOFS = 10_000


@cache
def defined_root(start: int, end: int) -> bytes:
    if start == end:
        return sha256(b"").digest()
    if end - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < end - start:
        split *= 2
    return sha256(b"\x01" + defined_root(start, start + split) + defined_root(start + split, end)).digest()


ROOTS = [defined_root(0, size) for size in range(257)]


def test_the_two_ways_to_a_root_agree_with_the_definition() -> None:
    edge = RightEdge()
    for size in range(257):
        assert edge.size == size
        assert edge.root() == TREE.root(size) == ROOTS[size]
        if size < 256:
            edge.append(LEAVES[size])


def test_every_consistency_proof_holds() -> None:
    held = sum(
        verify_consistency(old, new, ROOTS[old], ROOTS[new], TREE.consistency(old, new))
        for new in range(257)
        for old in range(new + 1)
    )
    assert held == ALL_PAIRS


def test_every_inclusion_proof_holds() -> None:
    pairs = held = 0
    for size in range(257):
        for index in range(size + 1):
            pairs += 1
            if index == size:
                # The pair that no tree has: there is no proof, and none can be made up.
                with pytest.raises(IndexError):
                    TREE.inclusion(index, size)
                held += not verify_inclusion(EMPTY_ROOT, index, size, [], ROOTS[size])
            else:
                held += verify_inclusion(LEAVES[index], index, size, TREE.inclusion(index, size), ROOTS[size])
    assert held == pairs == ALL_PAIRS


def changed(proof: list[bytes], bit: int) -> list[bytes]:
    number, rest = divmod(bit, 256)
    part = bytearray(proof[number])
    part[rest // 8] ^= 1 << rest % 8
    return [*proof[:number], bytes(part), *proof[number + 1 :]]


def accepted_changes() -> int:
    """How many of CHANGED_PROOFS proofs with one bit changed are accepted; half of each kind."""
    choose = random.Random(20260102)
    tried = accepted = 0
    while tried < CHANGED_PROOFS:
        new = choose.randint(2, 256)
        old = choose.randint(1, new - 1)
        proof = TREE.consistency(old, new)
        proof = changed(proof, choose.randrange(256 * len(proof)))
        accepted += verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)
        proof = TREE.inclusion(old, new)
        proof = changed(proof, choose.randrange(256 * len(proof)))
        accepted += verify_inclusion(LEAVES[old], old, new, proof, ROOTS[new])
        tried += 2
    assert tried == CHANGED_PROOFS
    return accepted


def test_no_proof_with_one_bit_changed_is_accepted() -> None:
    assert accepted_changes() == 0


def test_twin_a_node_hash_that_leaves_out_a_byte_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(left: bytes, right: bytes) -> bytes:
        return sha256(b"\x01" + left[:-1] + right[:-1]).digest()

    monkeypatch.setattr(merkle, "_node", careless)
    tree = Tree(LEAVES)
    monkeypatch.setitem(globals(), "TREE", tree)
    monkeypatch.setitem(globals(), "ROOTS", [tree.root(size) for size in range(257)])
    assert accepted_changes() > 0


@given(st.integers(1, 255), st.integers(1, 256), st.integers(0, 300), st.data())
def test_a_proof_of_something_else_is_refused(old: int, new: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((old, new))
    proof = TREE.consistency(old, new)
    if other not in (old, new):
        assert not verify_consistency(other, new, ROOTS[old], ROOTS[new], proof)
    wrong = data.draw(st.binary(min_size=32, max_size=32))
    assert not verify_consistency(old, new, wrong, ROOTS[new], proof)
    assert not verify_consistency(old, new, ROOTS[old], wrong, proof)
    assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], [*proof, wrong])
    if proof:
        assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], proof[:-1])
        assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], [*proof[:-1], proof[-1][:31]])


@given(st.integers(0, 255), st.integers(1, 256), st.integers(-2, 300), st.data())
def test_an_inclusion_proof_of_something_else_is_refused(
    index: int, size: int, other: int, data: st.DataObject
) -> None:
    index = index % size
    proof = TREE.inclusion(index, size)
    wrong = data.draw(st.binary(min_size=32, max_size=32))
    assert not verify_inclusion(wrong, index, size, proof, ROOTS[size])
    assert not verify_inclusion(LEAVES[index], index, size, proof, wrong)
    assert not verify_inclusion(LEAVES[index], index, size, [*proof, wrong], ROOTS[size])
    assert not verify_inclusion(LEAVES[index], index, size, [*proof, wrong[:31]], ROOTS[size])
    if other != index:
        assert not verify_inclusion(LEAVES[index], other, size, proof, ROOTS[size])
    if proof:
        assert not verify_inclusion(LEAVES[index], index, size, proof[1:], ROOTS[size])


@pytest.mark.parametrize(("old", "new"), [(-1, 4), (5, 4), (0, 257), (257, 257)])
def test_a_proof_that_cannot_be_is_not_made(old: int, new: int) -> None:
    with pytest.raises(IndexError):
        TREE.consistency(old, new)


def test_trees_of_different_size_with_the_empty_proof_are_refused() -> None:
    assert not verify_consistency(3, 5, ROOTS[3], ROOTS[5], [])
    assert not verify_consistency(0, 5, ROOTS[1], ROOTS[5], [])
    assert not verify_consistency(0, 5, EMPTY_ROOT, ROOTS[5], [ROOTS[1]])
    assert not verify_consistency(5, 5, ROOTS[5], ROOTS[5], [ROOTS[5]])
    assert not verify_consistency(5, 3, ROOTS[5], ROOTS[3], [])
