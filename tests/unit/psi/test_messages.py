"""The byte layouts of PROTOCOL.md, and bytes that are not a message."""

from dataclasses import replace

import pytest

from psi.errors import MalformedMessage, VersionMismatch
from psi.messages import (
    MAX_MESSAGE_BYTES,
    MAX_NAME_BYTES,
    RELEASES_PER_MESSAGE,
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
    is_name,
)
from psi.spool import CHUNK_ROWS

CHECKPOINT = Checkpoint(5, b"\x05" * 32, b"\x06" * 64)
OPEN = Open(
    sender="alder",
    recipient="birch",
    run=b"\x01" * 16,
    nonce=b"\x02" * 32,
    agreement=b"\x03" * 64,
    suite="ristretto255-SHA512",
    public_key=b"\x04" * 32,
    size=64,
    checkpoint=CHECKPOINT,
    commitment=b"\x07" * 64,
)
ITEM = Release(9, b"\x08" * 32, b"\x09" * 64)
MESSAGES: list[Message] = [
    OPEN,
    Blinded(1, bytes(64)),
    Evaluated(2, bytes(32), bytes(64)),
    Count(1, 4, bytes(64)),
    Released(0, True, ()),
    Released(1, False, (ITEM, ITEM)),
    Close(CHECKPOINT, bytes(64), bytes(64)),
]
NAME_AT = 2 + 4  # version, type, length of the name


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert decode(message.encode()) == message


def test_the_lengths_are_those_of_the_specification() -> None:
    names = len("alder") + len("birch") + len("ristretto255-SHA512")
    assert [len(message.encode()) for message in MESSAGES] == [
        2 + 3 * 4 + names + 16 + 32 + 64 + 32 + 8 + 104 + 64,
        2 + 4 + 4 + 64,
        2 + 4 + 4 + 32 + 64,
        2 + 8 + 8 + 64,
        2 + 4 + 1 + 4,
        2 + 4 + 1 + 4 + 2 * 104,
        2 + 104 + 64 + 64,
    ]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_shorter_and_a_longer_form_is_malformed(message: Message) -> None:
    data = message.encode()
    for end in range(len(data)):
        with pytest.raises(MalformedMessage):
            decode(data[:end])
    with pytest.raises(MalformedMessage):
        decode(data + b"\x00")


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x01", "no type"),
        (b"\x01\x00", "type 0"),
        (b"\x01\x07", "type 7"),
        (b"\x01\xff", "type 255"),
        (changed(OPEN.encode(), NAME_AT, b" "), "a blank in a name"),
        (changed(OPEN.encode(), NAME_AT, b"\x00"), "a control character in a name"),
        (changed(OPEN.encode(), NAME_AT, b"\x7f"), "a control character in a name"),
        (changed(OPEN.encode(), NAME_AT, b"\xc3\xa4"), "a letter that is not ASCII in a name"),
        (replace(OPEN, sender="").encode(), "an empty name"),
        (Blinded(0, b"").encode(), "an empty chunk"),
        (Blinded(0, bytes(33)).encode(), "half an element"),
        (Evaluated(0, b"", bytes(64)).encode(), "an empty answer"),
        (Evaluated(0, bytes(31), bytes(64)).encode(), "half an answer"),
        (changed(Released(0, True, ()).encode(), 6, b"\x02"), "a truth value of 2"),
        (changed(Released(0, True, ()).encode(), 7, b"\x00\x00\x00\x01"), "fewer items than said"),
        (changed(Released(0, True, ()).encode(), 7, b"\xff\xff\xff\xff"), "a huge number of items"),
        (bytes([1, 2]) + bytes(MAX_MESSAGE_BYTES), "longer than any message"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bytes_that_are_no_message_are_malformed(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage):
        decode(data)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_says_so(version: int) -> None:
    with pytest.raises(VersionMismatch, match=f"version {version}"):
        decode(bytes([version]) + OPEN.encode()[1:])


def test_the_longest_messages_fit_and_one_row_more_does_not() -> None:
    full = Released(0, False, (ITEM,) * RELEASES_PER_MESSAGE)
    assert len(full.encode()) <= MAX_MESSAGE_BYTES
    assert decode(full.encode()) == full
    with pytest.raises(MalformedMessage):
        decode(Released(0, False, (ITEM,) * (RELEASES_PER_MESSAGE + 1)).encode())
    chunk = Blinded(0, bytes(32 * CHUNK_ROWS)).encode()
    assert decode(chunk).encode() == chunk
    longer = changed(chunk + bytes(32), 6, (32 * (CHUNK_ROWS + 1)).to_bytes(4, "big"))
    with pytest.raises(MalformedMessage):
        decode(longer)


@pytest.mark.parametrize("name", ["", "a b", "\x1f", "ä", "a" * (MAX_NAME_BYTES + 1), "\ud800"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["a", "~", "a" * MAX_NAME_BYTES])
def test_what_is_a_name(name: str) -> None:
    assert is_name(name)
