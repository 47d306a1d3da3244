"""expand_message: limits, and the batch form against the single one. The RFC's figures are in tests/vectors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi._reference import expand_message_xmd
from psi.errors import LocalError
from psi.hash_to_group import DST, MAX_DST_BYTES, MAX_EXPANDED_BYTES, expand_message, expand_messages

tags = st.binary(min_size=1, max_size=MAX_DST_BYTES)


@given(st.binary(max_size=300), tags, st.integers(1, 400))
@settings(max_examples=150)
def test_it_agrees_with_the_slow_twin(message, dst, length):
    assert expand_message(message, dst, length) == expand_message_xmd(message, dst, length)


@given(st.lists(st.binary(max_size=200), max_size=6), tags)
def test_a_batch_is_the_single_results_in_order(messages, dst):
    assert expand_messages(messages, dst) == b"".join(expand_message(message, dst, 64) for message in messages)


@pytest.mark.parametrize("dst", [b"", b"x" * (MAX_DST_BYTES + 1)])
def test_a_tag_of_the_wrong_length_is_refused(dst):
    with pytest.raises(LocalError, match="label"):
        expand_message(b"", dst, 64)
    with pytest.raises(LocalError, match="label"):
        expand_messages([], dst)


@pytest.mark.parametrize("length", [0, -1, MAX_EXPANDED_BYTES + 1])
def test_an_impossible_length_is_refused(length):
    with pytest.raises(LocalError, match="amount"):
        expand_message(b"", b"tag", length)


def test_the_limits_themselves_are_allowed():
    longest = b"x" * MAX_DST_BYTES
    assert expand_message(b"m", longest, MAX_EXPANDED_BYTES) == expand_message_xmd(b"m", longest, MAX_EXPANDED_BYTES)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((b"m", b"tag", 64), (b"m", b"tag2", 64)),
        ((b"m", b"tag", 64), (b"mt", b"ag", 64)),  # the border between message and tag counts
        ((b"m", b"tag", 64), (b"m\0", b"tag", 64)),
    ],
)
def test_another_tag_or_message_gives_other_bytes(first, second):
    assert expand_message(*first) != expand_message(*second)


def test_a_shorter_output_is_no_prefix_of_a_longer_one():
    assert expand_message(b"m", b"tag", 64)[:32] != expand_message(b"m", b"tag", 32)


def test_our_own_tag_names_version_use_and_suite():
    """RFC 9380 section 3.1: at least 16 bytes, with the protocol, its version and the suite."""
    assert DST.startswith(b"blindmatch/1 ")
    assert DST.endswith(b"ristretto255_XMD:SHA-512_R255MAP_RO_")
    assert 16 <= len(DST) <= MAX_DST_BYTES


@pytest.mark.parametrize(("dst", "length"), [(b"", 64), (b"x" * 256, 64), (b"tag", MAX_EXPANDED_BYTES + 1)])
def test_the_slow_twin_has_the_same_limits(dst, length):
    with pytest.raises(ValueError, match=r"5\.3\.1"):
        expand_message_xmd(b"", dst, length)
