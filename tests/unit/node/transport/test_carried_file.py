"""The carried file as a format: whole or told, whatever the bytes, in bounded memory, and naming nobody."""

import io
import os
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import UserError
from node.transport import file as module
from node.transport.file import (
    MAGIC,
    MAX_ITEM_BYTES,
    Header,
    Item,
    Kind,
    LegDamaged,
    LegReader,
    default_name,
    open_leg,
    write_leg,
)

HEADER = Header("a" * 32, "b" * 32, "00112233445566778899aabbccddeeff", 3)
ITEMS: list[Item] = [(Kind.RECEIPTS, b"receipts"), (Kind.ENVELOPE, b"one"), (Kind.ENVELOPE, b"two" * 50)]


def written(folder: Path, items: list[Item] | None = None) -> bytes:
    path = folder / "leg"
    write_leg(path, HEADER, ITEMS if items is None else items)
    return path.read_bytes()


def read(data: bytes) -> tuple[Header, list[Item], str]:
    """Header, the items that came before anything was wrong, and the sentence if something was."""
    found: list[Item] = []
    leg = LegReader(io.BytesIO(data))
    try:
        for item in leg.items():
            found.append(item)
    except LegDamaged as error:
        return leg.header, found, error.sentence
    return leg.header, found, ""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path)) == (HEADER, ITEMS, "")
    assert stat.S_IMODE((tmp_path / "leg").stat().st_mode) == 0o600


@pytest.mark.tm("TM-118")
def test_a_file_cut_anywhere_gives_what_was_whole_and_a_sentence(tmp_path: Path) -> None:
    data = written(tmp_path)
    told = 0
    for size in range(len(data)):
        try:
            _, found, sentence = read(data[:size])
        except UserError:  # not even a header
            assert size < len(HEADER.to_bytes())
            told += 1
            continue
        assert found == ITEMS[: len(found)]
        assert "ends too early" in sentence
        told += 1
    assert told == len(data)
    assert read(data + b"\x00")[2]


@pytest.mark.tm("TM-118")
def test_a_file_changed_anywhere_is_never_taken_for_whole(tmp_path: Path) -> None:
    data = written(tmp_path)
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        try:
            _, _, sentence = read(bytes(changed))
        except UserError:
            continue
        assert sentence, f"bit {place} was changed and nobody noticed"


def test_without_the_digest_a_changed_file_would_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: what is inside an item shows nothing by its length."""

    class Blind:
        def update(self, _data: bytes) -> None: ...

        def digest(self) -> bytes:
            return bytes(32)

    monkeypatch.setattr(module.hashlib, "sha256", Blind)
    data = written(tmp_path)
    assert read(data.replace(b"one", b"0ne"))[2] == ""


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_give_items_or_our_error(data: bytes, with_head: bool) -> None:
    with suppress(UserError):
        read((HEADER.to_bytes() if with_head else b"") + data)


@pytest.mark.tm("TM-118")
def test_a_length_that_lies_takes_no_memory() -> None:
    """An item that says it has 4 GiB is refused by its length; one that says as much as it may is read as far as it
    goes."""
    tracemalloc.start()
    for kind, length in ((1, 2**32 - 1), (2, 2**32 - 1), (2, MAX_ITEM_BYTES[Kind.ENVELOPE])):
        _, found, sentence = read(HEADER.to_bytes() + bytes((kind,)) + length.to_bytes(4, "big") + bytes(1000))
        assert (found, bool(sentence)) == ([], True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_one_item_is_held_at_a_time() -> None:
    size = 256 * 1024
    item = bytes((Kind.ENVELOPE,)) + size.to_bytes(4, "big")

    class Endless(io.RawIOBase):
        """64 items, made as they are read."""

        def __init__(self) -> None:
            self._head, self._left = HEADER.to_bytes(), 64
            self._pending = b""

        def read(self, count: int = -1) -> bytes:
            if self._head:
                taken, self._head = self._head[:count], self._head[count:]
                return taken
            if not self._pending and self._left:
                self._left -= 1
                self._pending = item + bytes(size)
            taken, self._pending = self._pending[:count], self._pending[count:]
            return taken

    tracemalloc.start()
    seen = 0
    with suppress(LegDamaged):
        for _kind, data in LegReader(Endless()).items():  # type: ignore[arg-type]
            seen += len(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 64 * size
    assert peak < 8 * size


@pytest.mark.tm("TM-118")
def test_a_name_that_names_nobody() -> None:
    name = default_name(HEADER)
    assert name.startswith("blindmatch-00112233-3-")
    back = Header(HEADER.recipient, HEADER.sender, HEADER.round_id, HEADER.number)
    assert default_name(back) != name  # both directions may lie on one stick
    assert HEADER.sender not in name
    assert HEADER.recipient not in name


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    def items() -> Iterator[Item]:
        yield ITEMS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_leg(tmp_path / "leg", HEADER, items())
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="cannot be written"):
        write_leg(tmp_path / "nowhere" / "leg", HEADER, [])
    (tmp_path / "there").write_bytes(b"mine")
    with pytest.raises(UserError, match="already"):
        write_leg(tmp_path / "there", HEADER, [])
    assert (tmp_path / "there").read_bytes() == b"mine"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", MAGIC, MAGIC.replace(b"1", b"2") + bytes(100)])
def test_other_files_are_told_as_such(data: bytes) -> None:
    with pytest.raises(UserError):
        LegReader(io.BytesIO(data))


@pytest.mark.parametrize("what", ["pipe", "folder", "nothing", "device"])
def test_what_is_no_file_is_told_at_once(tmp_path: Path, what: str) -> None:
    """A pipe that nobody writes into, above all: opening it would take for ever."""
    path = Path("/dev/zero") if what == "device" else tmp_path / "x.leg"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    with pytest.raises(UserError), open_leg(path):
        pytest.fail("it was opened")


def test_a_file_is_opened(tmp_path: Path) -> None:
    data = written(tmp_path)
    with open_leg(tmp_path / "leg") as file:
        assert file.read() == data
