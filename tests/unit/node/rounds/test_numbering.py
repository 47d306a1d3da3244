"""Numbers for identifiers, against a dictionary."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.rounds.numbering import DIGEST_BYTES, MAX_IDENTIFIERS, Numbering
from psi.errors import ListDoesNotFit


def check(batches: list[list[bytes]]) -> None:
    """Equal digests have one number, new ones the next, and each is new once."""
    numbering, known = Numbering(), dict[bytes, int]()
    for batch in batches:
        expected, fresh = [], []
        for place, digest in enumerate(batch):
            if digest not in known:
                fresh.append(place)
            expected.append(known.setdefault(digest, len(known)))
        numbers, new = numbering.number(b"".join(batch))
        assert (numbers.tolist(), new) == (expected, fresh)
        assert numbering.count == len(known)


halves = st.sampled_from([bytes(8), b"\x01" * 8, bytes(7) + b"\x01", b"\x01" + bytes(7), b"\xff" * 8])


@given(st.lists(st.lists(st.tuples(halves, halves).map(b"".join), max_size=12), max_size=12))
def test_digests_of_which_many_agree_in_half(batches: list[list[bytes]]) -> None:
    check(batches)


def test_many_batches_that_overlap() -> None:
    digests = [hashlib.sha256(b"%d" % number).digest()[:DIGEST_BYTES] for number in range(3_000)]
    check([digests[at % 700 : at % 700 + at % 97] + digests[: at % 5] for at in range(0, 20_000, 131)])


def test_the_last_number_is_given_and_none_that_begins_again_at_zero() -> None:
    a, b, c = (bytes([letter]) * DIGEST_BYTES for letter in b"abc")
    numbering = Numbering()
    numbering.count = MAX_IDENTIFIERS - 1
    with pytest.raises(ListDoesNotFit, match="4294967296"):
        numbering.number(a + b)
    assert numbering.count == MAX_IDENTIFIERS - 1
    for _ in range(2):  # the second time it is known, and nothing is new
        assert numbering.number(a)[0].tolist() == [MAX_IDENTIFIERS - 1]
    assert numbering.count == MAX_IDENTIFIERS
    with pytest.raises(ListDoesNotFit):
        numbering.number(a + c)
    assert numbering.number(a + a)[0].tolist() == [MAX_IDENTIFIERS - 1] * 2
