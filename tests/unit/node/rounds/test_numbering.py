"""Numbers for identifiers, against a dictionary."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.rounds.numbering import DIGEST_BYTES, Numbering
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


def test_many_more_than_the_first_table_holds() -> None:
    digests = [hashlib.sha256(b"%d" % number).digest()[:DIGEST_BYTES] for number in range(40_000)]
    check([digests[:9_000], digests[8_000:20_000], digests[:40_000], digests[::-1]])


def test_the_last_number_is_given_and_none_above_the_limit() -> None:
    a, b, c, d = (bytes([letter]) * DIGEST_BYTES for letter in b"abcd")
    numbering = Numbering(limit=3)
    assert numbering.number(a + b)[0].tolist() == [0, 1]
    with pytest.raises(ListDoesNotFit, match="more than 3 different"):
        numbering.number(c + b + d)
    assert numbering.count == 2
    for expected in ([1], []):  # the second time it is known, and nothing is new
        numbers, fresh = numbering.number(b + d)
        assert (numbers.tolist(), fresh) == ([1, 2], expected)
    assert numbering.count == 3
    with pytest.raises(ListDoesNotFit):
        numbering.number(a + c)
    numbers, fresh = numbering.number(d + a + d)
    assert (numbers.tolist(), fresh, numbering.count) == ([2, 0, 2], [], 3)
