"""Whatever bytes come in, only errors of psi leave the decoders; and there is one form of each message.

Two decoders stand before everything a peer says: that of the envelope and that of the protocol's messages. Both get the
same mutated bytes: 100,000 on every submission, 10 million before a release, none for longer than 100 ms, and without
keeping anything.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire import peer_pb2
from node.wire.envelope import MOST_IN_BATCH, Envelope, EnvelopeKind, batch_of
from psi import messages
from psi.errors import MalformedMessage, PeerError
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

MUTATIONS, SOAK_MUTATIONS = 100_000, 10_000_000
SLOWEST_SECONDS = 0.1
"""Of processor time, so that a busy machine fails nothing."""
GROWTH_MIB = 32.0

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


def memory_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    pytest.skip("this system does not tell the memory of a process")


def envelopes(source: random.Random) -> list[bytes]:
    """One of each kind, with contents of several lengths."""
    return [
        Envelope(
            source.randbytes(16).hex(), "a" * 32, "b" * 32, source.randrange(2**32), kind, source.randbytes(size)
        ).to_bytes()
        for kind, size in zip(EnvelopeKind, (0, 1, 50, 200, 400, 800, 2000, 4096, 100, 8192), strict=True)
    ]


def read_envelope(data: bytes) -> None:
    # Protobuf has more than one form of a message; what is signed has one, and no field out of its shape.
    envelope = Envelope.from_bytes(data)
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope


def batches(source: random.Random) -> list[bytes]:
    """Of one round each, with one envelope and more."""
    made = []
    for count in (1, 2, 5, 8):
        here = (source.randbytes(16).hex(), "a" * 32, "b" * 32)
        said = [Envelope(*here, number, EnvelopeKind.ROUND, source.randbytes(100 * number)) for number in range(count)]
        made.append(peer_pb2.Batch(envelopes=[one.to_proto() for one in said]).SerializeToString())
    return made


def read_batch(data: bytes) -> None:
    try:
        message = peer_pb2.Batch.FromString(data)
    except DecodeError:
        raise MalformedMessage("The message is damaged.") from None  # as `node.rpc.interceptors` does
    envelopes = batch_of(message)
    assert 0 < len(envelopes) <= MOST_IN_BATCH
    assert {(one.round_id, one.kind) for one in envelopes} == {(envelopes[0].round_id, EnvelopeKind.ROUND)}


def read_message(data: bytes) -> None:
    assert decode(data).encode() == data


def fuzz(
    count: int,
    read: Callable[[bytes], None] = read_message,
    made: Callable[[random.Random], list[bytes]] = examples,
) -> tuple[int, int]:
    """How many mutated messages were refused and how many were messages; anything else fails."""
    source = random.Random(2)
    samples = made(source)
    refused = accepted = 0
    slowest = before = 0.0
    for number in range(count):
        data = source.choice(samples)
        for _ in range(source.randrange(1, 4)):
            data = mutated(source, data) or b"\0"
        started = time.thread_time()
        try:
            read(data)
        except PeerError:
            refused += 1
        else:
            accepted += 1
        slowest = max(slowest, time.thread_time() - started)
        if number == count // 100:  # everything is loaded
            before = memory_mib()
    assert slowest < SLOWEST_SECONDS, "a message took too long"
    assert memory_mib() - before < GROWTH_MIB, "something is kept"
    return refused, accepted


SIZES = [MUTATIONS, pytest.param(SOAK_MUTATIONS, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])]


@pytest.mark.tm("TM-17")
@pytest.mark.parametrize("count", SIZES)
def test_only_our_errors_leave_the_decoder(count: int, record_property: Callable[[str, object], None]) -> None:
    refused, accepted = fuzz(count)
    assert refused + accepted == count
    assert refused > count // 4
    assert accepted > count // 20
    record_property("ran", f"{count:,} mutated messages")


@pytest.mark.tm("TM-154")
@pytest.mark.parametrize("count", [MUTATIONS // 5, pytest.param(MUTATIONS, marks=pytest.mark.ci), *SIZES[1:]])
def test_only_our_errors_leave_the_reading_of_an_envelope(
    count: int, record_property: Callable[[str, object], None]
) -> None:
    refused, accepted = fuzz(count, read_envelope, envelopes)
    assert refused + accepted == count
    assert refused > count // 4
    assert accepted > count // 20
    record_property("ran", f"{count:,} mutated envelopes")


@pytest.mark.tm("TM-154")
@pytest.mark.parametrize("count", [MUTATIONS // 5, *SIZES[1:]])
def test_only_our_errors_leave_the_reading_of_a_batch(
    count: int, record_property: Callable[[str, object], None]
) -> None:
    refused, accepted = fuzz(count, read_batch, batches)
    assert refused + accepted == count
    assert refused > count // 4
    assert accepted > count // 20
    record_property("ran", f"{count:,} mutated batches")


@pytest.mark.tm("TM-17")
def test_a_decoder_without_its_check_of_names_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_name", lambda reader: reader.var(MAX_NAME_BYTES).decode())
    monkeypatch.setitem(messages._READERS, Open.TYPE, Open._read)
    with pytest.raises(UnicodeDecodeError):
        fuzz(MUTATIONS // 10)


@pytest.mark.tm("TM-154")
def test_an_envelope_without_the_check_of_its_kind_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.wire.envelope._malformed", lambda what: KeyError(what))
    with pytest.raises(KeyError):
        fuzz(MUTATIONS // 100, read_envelope, envelopes)


@pytest.mark.tm("TM-154")
def test_a_decoder_that_keeps_or_dawdles_is_caught() -> None:
    """The sabotaged twins of the two limits."""
    kept: list[bytes] = []

    def keep(data: bytes) -> None:
        kept.append(random.Random(data).randbytes(32_768))  # more than memory that was free before can hold
        read_message(data)

    with pytest.raises(AssertionError, match="something is kept"):
        fuzz(5_000, keep)

    once = iter([2 * SLOWEST_SECONDS])

    def dawdle(data: bytes) -> None:
        limit = time.thread_time() + next(once, 0)
        while time.thread_time() < limit:
            pass
        read_message(data)

    with pytest.raises(AssertionError, match="took too long"):
        fuzz(100, dawdle)
