"""A backup file opens as it was written or not at all."""

import errno
import hashlib
import io
import os
import random
from pathlib import Path

import pytest

from node.errors import StateDamaged, UserError
from node.keeping import sealedfile as module
from node.keeping.sealedfile import MAGIC, Reader, Writer, read_header
from node.store import KeyRing
from tests.support.stores import CHEAP, secret

SEED = 20260102
CONTENTS = [b"first", b"", b"x" * 300, b"last"]


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "key", secret(), os.urandom, cost=CHEAP)


def written(tmp_path: Path, keys: KeyRing) -> bytes:
    path = tmp_path / "backup"
    with Writer(path, keys, (tmp_path / "key").read_bytes(), os.urandom) as writer:
        for content in CONTENTS[:-1]:
            writer.frame(content)
        writer.frame(CONTENTS[-1], last=True)
        writer.finish()
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_bytes()


def read(data: bytes, path: Path) -> list[bytes]:
    file = io.BytesIO(data)
    header = read_header(file)
    with_keys = KeyRing.from_bytes(path, header.key_file, secret())
    return list(Reader(file, header, with_keys).frames())


def frames_of(data: bytes, key_file: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the frames, and the frames with their lengths."""
    at = len(MAGIC) + 32 + 4 + len(key_file)
    frames, start = [], at
    while at < len(data):
        size = 4 + int.from_bytes(data[at : at + 4], "big")
        frames.append(data[at : at + size])
        at += size
    return data[:start], frames


def test_what_was_written_is_read(tmp_path: Path, keys: KeyRing) -> None:
    assert read(written(tmp_path, keys), tmp_path) == CONTENTS


@pytest.mark.tm("TM-132")
def test_no_changed_bit_no_cut_and_no_exchange_of_frames_opens(tmp_path: Path, keys: KeyRing) -> None:
    """A bit flipped in every byte of the frames and in 20 of the salt; 62 cuts; frames exchanged, doubled, left out."""
    data = written(tmp_path, keys)
    key_file = (tmp_path / "key").read_bytes()
    head, frames = frames_of(data, key_file)
    assert len(frames) == len(CONTENTS)
    draw = random.Random(SEED)
    refused = 0
    with Reads(tmp_path) as reads:
        places = [*range(len(head), len(data)), *draw.sample(range(len(MAGIC), len(MAGIC) + 32), 20)]
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << draw.randrange(8)
            refused += reads.refuses(bytes(changed))
        assert refused == len(places) > 400
        cuts = [len(head), *draw.sample(range(len(head), len(data)), 60), len(data) - 1]
        assert sum(reads.refuses(data[:cut]) for cut in cuts) == len(cuts)
        orders = [[0, 2, 1, 3], [1, 2, 3], [0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 3], [3]]
        for order in orders:
            assert reads.refuses(head + b"".join(frames[at] for at in order)), order
        assert reads.refuses(data + b"\0")
        assert not reads.refuses(data)


class Reads:
    """Reads backups of one key ring without paying for the passphrase each time."""

    def __init__(self, tmp_path: Path) -> None:
        self._keys = KeyRing.open(tmp_path / "key", secret())

    def __enter__(self) -> "Reads":
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.close()

    def refuses(self, data: bytes) -> bool:
        file = io.BytesIO(data)
        try:
            header = read_header(file)
            list(Reader(file, header, self._keys).frames())
        except (StateDamaged, UserError):
            return True
        return False


@pytest.mark.tm("TM-132")
def test_twin_without_the_number_in_the_nonce_takes_exchanged_frames(
    tmp_path: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Same:
        def pack(self, _number: int, last: bool) -> bytes:
            return bytes(11) + bytes([last])

    monkeypatch.setattr("node.keeping.sealedfile._NONCE", Same())
    data = written(tmp_path, keys)
    head, frames = frames_of(data, (tmp_path / "key").read_bytes())
    with Reads(tmp_path) as reads:
        assert not reads.refuses(head + b"".join(frames[at] for at in (0, 2, 1, 3)))


def test_a_file_that_is_no_backup_or_of_another_format_is_refused_in_words(tmp_path: Path, keys: KeyRing) -> None:
    data = written(tmp_path, keys)
    with pytest.raises(UserError, match="not a backup"):
        read_header(io.BytesIO(b"PK\x03\x04 something else"))
    with pytest.raises(UserError, match="newer blindmatch"):
        read_header(io.BytesIO(data.replace(b"backup/1", b"backup/2", 1)))
    with pytest.raises(StateDamaged, match="damaged"):
        read_header(io.BytesIO(data[: len(MAGIC) + 10]))


def known(size: int) -> bytes:
    """No randomness: the name of the unfinished file can be foreseen."""
    return b"\7" * size


@pytest.mark.tm("TM-180")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(
    tmp_path: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch, twin: bool
) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / f".b.{'07' * 8}.part").symlink_to(tmp_path / "precious")
    if twin:
        monkeypatch.setattr(module, "_NEW_FILE", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        Writer(tmp_path / "b", keys, b"k", known).discard()
    else:
        with pytest.raises(UserError, match="cannot be written"):
            Writer(tmp_path / "b", keys, b"k", known)
    assert ((tmp_path / "precious").read_bytes() == b"mine") is not twin


def finished(path: Path, keys: KeyRing) -> Writer:
    """One whose content is whole."""
    writer = Writer(path, keys, b"k", os.urandom)
    writer.frame(b"x", last=True)
    return writer


def no_links(_path: Path, _target: Path) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.tm("TM-180")
@pytest.mark.parametrize("links", [True, False], ids=["links", "no-links"])
def test_of_two_backups_with_one_name_one_is_made_and_stays_whole(
    tmp_path: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = tmp_path / "b"
    with finished(path, keys) as one, finished(path, keys) as other:
        digest = one.finish()
        with pytest.raises(UserError, match="already a file"):
            other.finish()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(found.name for found in tmp_path.iterdir()) == ["b", "key"]


@pytest.mark.tm("TM-180")
def test_twin_that_renames_goes_over_the_other_one(
    tmp_path: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_name_it", lambda part, path: part.replace(path))
    with finished(tmp_path / "b", keys) as one, finished(tmp_path / "b", keys) as other:
        digest = one.finish()
        other.finish()
    assert hashlib.sha256((tmp_path / "b").read_bytes()).hexdigest() != digest


def test_a_backup_whose_name_the_disk_does_not_confirm_is_told_so(
    tmp_path: Path, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unconfirmed(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "sync_folder", unconfirmed)
    with finished(tmp_path / "b", keys) as writer, pytest.raises(UserError, match="did not confirm its name"):
        writer.finish()
    assert (tmp_path / "b").exists()


def test_nothing_is_left_of_a_backup_that_was_not_finished(tmp_path: Path, keys: KeyRing) -> None:
    writer = Writer(tmp_path / "b", keys, b"k", os.urandom)
    with writer:
        writer.frame(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_backup_goes_over_no_file(tmp_path: Path, keys: KeyRing) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(UserError, match="already a file"):
        Writer(tmp_path / "b", keys, b"k", os.urandom)
    assert (tmp_path / "b").read_text() == "mine"
