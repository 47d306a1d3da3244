"""Figure C1: whatever bytes come in, only errors of psi leave `decode`; and there is one form of each message."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psi import messages
from psi.errors import PeerError
from psi.messages import (
    MAX_NAME_BYTES,
    MAX_TREE_SIZE,
    Blinded,
    Checkpoint,
    Close,
    Count,
    Evaluated,
    Message,
    Open,
    Release,
    Released,
    decode,
)

MUTATIONS = 100_000
SLOWEST_SECONDS = 0.1
"""Of processor time, so that a busy machine fails nothing."""

names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=MAX_NAME_BYTES)
numbers = st.integers(0, 2**64 - 1)
small = st.integers(0, 2**32 - 1)
elements = st.integers(1, 8).flatmap(lambda n: st.binary(min_size=32 * n, max_size=32 * n))


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


checkpoints = st.builds(Checkpoint, st.integers(0, MAX_TREE_SIZE), exactly(32), exactly(64))
releases = st.builds(Release, numbers, exactly(32), exactly(64))
any_message: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Open,
        names,
        names,
        exactly(16),
        exactly(32),
        exactly(64),
        names,
        exactly(32),
        numbers,
        checkpoints,
        exactly(64),
    ),
    st.builds(Blinded, small, elements),
    st.builds(Evaluated, small, elements, exactly(64)),
    st.builds(Count, numbers, numbers, exactly(64)),
    st.builds(Released, small, st.booleans(), st.lists(releases, max_size=4).map(tuple)),
    st.builds(Close, checkpoints, exactly(64), exactly(64)),
)


@given(any_message)
def test_decode_undoes_encode(message: Message) -> None:
    assert decode(message.encode()) == message


@given(st.binary(max_size=600) | st.builds(lambda kind, rest: bytes([1, kind]) + rest, st.integers(0, 7), st.binary()))
@settings(max_examples=500)
def test_any_bytes_decode_to_their_one_form_or_are_refused(data: bytes) -> None:
    try:
        message = decode(data)
    except PeerError:
        return
    assert message.encode() == data


def examples(source: random.Random) -> list[bytes]:
    def some(size: int) -> bytes:
        return source.randbytes(size)

    checkpoint = Checkpoint(3, some(32), some(64))
    release = Release(1, some(32), some(64))
    opening = Open("alder", "birch", some(16), some(32), some(64), "suite", some(32), 64, checkpoint, some(64))
    made: list[Message] = [
        opening,
        Blinded(0, some(64)),
        Evaluated(1, some(64), some(64)),
        Count(1, 4, some(64)),
        Released(0, True, (release, release)),
        Close(checkpoint, some(64), some(64)),
    ]
    return [message.encode() for message in made]


def mutated(source: random.Random, data: bytes) -> bytes:
    """One of: flip a bit, set a byte, cut, repeat a part, insert noise, set a length field to something large."""
    at = source.randrange(len(data))
    match source.randrange(6):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([source.choice([0, 1, 0x7F, 0x80, 0xFF])]) + data[at + 1 :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[source.randrange(at + 1) :]
        case 4:
            return data[:at] + source.randbytes(source.randrange(1, 40)) + data[at:]
        case _:
            return data[:at] + source.randrange(2**32).to_bytes(4, "big") + data[at + 4 :]


def fuzz(count: int) -> tuple[int, int]:
    """How many mutated messages were refused and how many were messages; anything else fails."""
    source = random.Random(2)
    samples = examples(source)
    refused = accepted = 0
    slowest = 0.0
    for _ in range(count):
        data = source.choice(samples)
        for _ in range(source.randrange(1, 4)):
            data = mutated(source, data) or b"\0"
        started = time.thread_time()
        try:
            message = decode(data)
        except PeerError:
            refused += 1
        else:
            accepted += 1
            assert message.encode() == data
        slowest = max(slowest, time.thread_time() - started)
    assert slowest < SLOWEST_SECONDS
    return refused, accepted


@pytest.mark.tm("TM-17")
def test_only_our_errors_leave_the_decoder() -> None:
    refused, accepted = fuzz(MUTATIONS)
    assert refused + accepted == MUTATIONS
    assert refused > MUTATIONS // 4
    assert accepted > MUTATIONS // 20


@pytest.mark.tm("TM-17")
def test_a_decoder_without_its_check_of_names_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_name", lambda reader: reader.var(MAX_NAME_BYTES).decode())
    monkeypatch.setitem(messages._READERS, Open.TYPE, Open._read)
    with pytest.raises(UnicodeDecodeError):
        fuzz(MUTATIONS // 10)
