"""Labels, digests, tags and the root over a list's chunks."""

import hashlib

import pytest

from psi.backend import choose
from psi.transcript import TAG_BYTES, Label, MerkleEdge, digest, tags
from tests.support.backends import BACKENDS, backend_called


def labels() -> dict[str, bytes]:
    return {name: value for name, value in vars(Label).items() if name.isupper()}


def test_labels_differ_and_name_the_protocol_version() -> None:
    values = list(labels().values())
    assert len(set(values)) == len(values) >= 14
    assert all(value.startswith(b"blindmatch/1 ") for value in values)


def test_a_digest_is_sha512_over_length_prefixed_parts() -> None:
    expected = hashlib.sha512(b"\0\0\0\x05label" + b"\0\0\0\x02ab" + b"\0\0\0\0").digest()
    assert digest(b"label", b"ab", b"") == expected


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("name", BACKENDS)
def test_tags_are_cut_from_the_digest_of_each_element(name: str, count: int) -> None:
    elements = bytes(range(32)) * count
    each = digest(Label.TAG, b"context", bytes(range(32)))[:TAG_BYTES]
    assert tags(backend_called(name), b"context", elements) == each * count


def test_a_tag_means_nothing_in_another_context() -> None:
    assert tags(choose(), b"one", bytes(32)) != tags(choose(), b"two", bytes(32))


def root_by_definition(chunks: list[bytes], first: int = 0) -> bytes:
    """The recursion of RFC 9162 section 2.1.1, with our labels."""
    if len(chunks) == 1:
        return digest(Label.LEAF, first.to_bytes(4, "big"), chunks[0])
    split = 1
    while split * 2 < len(chunks):
        split *= 2
    left, right = root_by_definition(chunks[:split], first), root_by_definition(chunks[split:], first + split)
    return digest(Label.NODE, left, right)


@pytest.mark.parametrize("count", range(1, 34))
def test_the_right_edge_gives_the_root_of_the_definition(count: int) -> None:
    chunks = [bytes([number]) * 32 for number in range(count)]
    edge = MerkleEdge()
    for chunk in chunks:
        edge.add(chunk)
    assert edge.root() == root_by_definition(chunks)
    assert edge.count == count
    assert sum(leaves for leaves, _ in edge.edge) == count


def root(*chunks: bytes) -> bytes:
    edge = MerkleEdge()
    for chunk in chunks:
        edge.add(chunk)
    return edge.root()


def test_the_root_depends_on_every_chunk_their_order_and_their_number() -> None:
    a, b = b"a" * 32, b"b" * 32
    roots = [root(), root(a), root(a, a), root(a, b), root(b, a), root(a + b), root(a, b, b), root(a, b, a, b)]
    assert len(set(roots)) == len(roots)


def test_an_inner_node_is_not_a_leaf() -> None:
    a, b = b"a" * 32, b"b" * 32
    inside = digest(Label.LEAF, bytes(4), a) + digest(Label.LEAF, (1).to_bytes(4, "big"), b)
    assert root(inside) != root(a, b)
