"""Numbers for identifiers, against a dictionary."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from node.rounds.numbering import DIGEST_BYTES, Numbering


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
