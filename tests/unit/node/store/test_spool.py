import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import Busy, NodeError, NotFound, StateDamaged
from node.store import SpoolFolder
from node.store import spool as module
from psi.spool import CHUNK_ROWS, MemorySpool, chunks
from tests.support.stores import secret

WIDTH = 8
FULL = bytes(range(256)) * (WIDTH * CHUNK_ROWS // 256)
HEADER = 96
SLOT = WIDTH * CHUNK_ROWS + 28


@pytest.fixture
def folder(tmp_path: Path) -> SpoolFolder:
    return SpoolFolder(tmp_path / "spools", secret(b"k" * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spools" / "list.spool"


@pytest.fixture
def filled(folder: SpoolFolder) -> SpoolFolder:
    """Two full chunks and five rows more."""
    spool = folder.create("list", WIDTH)
    for data in (FULL, FULL[::-1], FULL[: 5 * WIDTH]):
        spool.append(data)
    spool.close()
    return folder


def opened_rows(folder: SpoolFolder) -> int:
    spool = folder.open("list")
    try:
        for number in range(-(-spool.rows // CHUNK_ROWS)):
            spool.read(number)
        return spool.rows
    finally:
        spool.close()


def test_a_scratch_spool_has_no_name_shows_nothing_and_goes_by_itself(folder: SpoolFolder, path: Path) -> None:
    spool = folder.scratch(WIDTH)
    for data in (FULL, FULL[::-1], FULL[: 5 * WIDTH]):
        spool.append(data)
    assert b"".join(chunks(spool)) == FULL + FULL[::-1] + FULL[: 5 * WIDTH]
    assert folder.names() == []
    assert list(path.parent.iterdir()) == []
    number = spool._descriptor
    assert str(path.parent) in os.readlink(f"/proc/self/fd/{number}")
    raw = os.pread(number, 1 << 20, 0)
    assert len(raw) > 2 * len(FULL)
    assert FULL[:64] not in raw
    del spool
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_two_scratch_spools_share_no_key(folder: SpoolFolder) -> None:
    one, other = folder.scratch(WIDTH), folder.scratch(WIDTH)
    one.append(FULL)
    other.append(FULL)
    os.pwrite(one._descriptor, os.pread(other._descriptor, 1 << 20, 0), 0)
    with pytest.raises(StateDamaged):
        one.read(0)


def test_it_behaves_as_the_spool_in_memory(filled: SpoolFolder) -> None:
    model = MemorySpool(WIDTH)
    for data in (FULL, FULL[::-1], FULL[: 5 * WIDTH]):
        model.append(data)
    spool = filled.open("list")
    assert (spool.rows, spool.width) == (model.rows, model.width)
    assert list(chunks(spool)) == list(chunks(model))
    for missing in (-1, 3, 10**6):
        with pytest.raises(IndexError):
            spool.read(missing)
    spool.close()


@pytest.mark.parametrize("data", [b"", b"x", FULL + bytes(WIDTH), bytes(WIDTH + 1)])
def test_what_is_not_a_chunk_is_refused(folder: SpoolFolder, data: bytes) -> None:
    spool = folder.create("list", WIDTH)
    with pytest.raises(ValueError, match="chunk"):
        spool.append(data)
    assert spool.rows == 0
    spool.close()


def test_nothing_follows_a_short_chunk(filled: SpoolFolder) -> None:
    spool = filled.open("list")
    with pytest.raises(ValueError, match="last"):
        spool.append(FULL)
    spool.close()


@pytest.mark.parametrize("cut", [1, 27, 28, 29, 5 * WIDTH, 5 * WIDTH + 28 + 1, SLOT - 1])
def test_a_torn_last_chunk_is_not_counted(filled: SpoolFolder, path: Path, cut: int) -> None:
    os.truncate(path, path.stat().st_size - cut)
    # Cutting more than the short chunk tears the full one before it.
    assert opened_rows(filled) == (2 * CHUNK_ROWS if cut <= 5 * WIDTH + 28 else CHUNK_ROWS)


def test_a_length_without_its_content_is_not_counted(filled: SpoolFolder, path: Path) -> None:
    os.truncate(path, HEADER + SLOT)
    os.truncate(path, HEADER + 2 * SLOT)
    assert opened_rows(filled) == CHUNK_ROWS


def test_a_torn_chunk_is_replaced_and_nothing_of_it_stays(filled: SpoolFolder, path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)
    spool = filled.open("list")
    spool.append(FULL[:WIDTH])
    spool.close()
    assert opened_rows(filled) == 2 * CHUNK_ROWS + 1
    assert path.stat().st_size == HEADER + 2 * SLOT + WIDTH + 28


def test_opening_changes_nothing(filled: SpoolFolder, path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)
    before = path.read_bytes()
    opened_rows(filled)
    assert path.read_bytes() == before


def test_resume_cuts_what_was_not_remembered_and_appends_again(filled: SpoolFolder) -> None:
    spool = filled.open("list")
    spool.truncate(2 * CHUNK_ROWS + 5)
    spool.truncate(CHUNK_ROWS)
    spool.append(FULL)
    assert (spool.rows, spool.read(1)) == (2 * CHUNK_ROWS, FULL)
    with pytest.raises(ValueError, match="between chunks"):
        spool.truncate(CHUNK_ROWS + 1)
    with pytest.raises(ValueError, match="between chunks"):
        spool.truncate(-CHUNK_ROWS)
    with pytest.raises(StateDamaged, match="shorter"):
        spool.truncate(2 * CHUNK_ROWS + 1)
    spool.close()


@settings(max_examples=60, deadline=None)
@given(where=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_changed_bit_is_never_read_as_data(tmp_path_factory: pytest.TempPathFactory, where: int, bit: int) -> None:
    base = tmp_path_factory.mktemp("spool")
    folder = SpoolFolder(base / "spools", secret(b"k" * 32))
    spool = folder.create("list", WIDTH)
    written = [FULL, FULL[: 3 * WIDTH]]
    for data in written:
        spool.append(data)
    spool.close()
    path = base / "spools" / "list.spool"
    content = bytearray(path.read_bytes())
    content[where % len(content)] ^= 1 << bit
    path.write_bytes(bytes(content))
    try:
        spool = folder.open("list")
    except StateDamaged:
        return
    # What opens is what was written; the changed chunk is refused, or as the last one not counted.
    assert spool.rows < CHUNK_ROWS + 3 or where % len(content) < HEADER + SLOT
    for number in range(-(-spool.rows // CHUNK_ROWS)):
        try:
            assert spool.read(number) == written[number]
        except StateDamaged:
            assert number == 0
    spool.close()


def swapped_chunk_is_refused(filled: SpoolFolder, path: Path) -> bool:
    content = bytearray(path.read_bytes())
    first = bytes(content[HEADER : HEADER + SLOT])
    content[HEADER : HEADER + SLOT] = content[HEADER + SLOT : HEADER + 2 * SLOT]
    content[HEADER + SLOT : HEADER + 2 * SLOT] = first
    path.write_bytes(bytes(content))
    spool = filled.open("list")
    try:
        spool.read(0)
    except StateDamaged:
        return True
    finally:
        spool.close()
    return False


def test_swapped_chunks_are_refused(filled: SpoolFolder, path: Path) -> None:
    assert swapped_chunk_is_refused(filled, path)


def test_twin_without_a_place_swapped_chunks_are_read(
    folder: SpoolFolder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.SealedSpool, "_place", lambda self, chunk, rows: b"")
    spool = folder.create("list", WIDTH)
    spool.append(FULL)
    spool.append(FULL[::-1])
    spool.close()
    assert not swapped_chunk_is_refused(folder, path)


def test_a_spool_does_not_open_under_another_name_or_key(filled: SpoolFolder, path: Path, tmp_path: Path) -> None:
    path.with_name("other.spool").write_bytes(path.read_bytes())
    with pytest.raises(StateDamaged):
        filled.open("other")
    with pytest.raises(StateDamaged):
        SpoolFolder(tmp_path / "spools", secret(b"j" * 32)).open("list")


@pytest.mark.parametrize("content", [b"", b"BMSPOOL1", bytes(96), b"BMSPOOL2" + bytes(88)])
def test_what_is_not_a_spool_is_damage(filled: SpoolFolder, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StateDamaged):
        filled.open("list")


def test_a_full_disk_leaves_the_spool_as_it_was(
    filled: SpoolFolder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = filled.open("list")
    spool.truncate(CHUNK_ROWS)
    real = os.pwrite

    def half_then_full(descriptor: int, data: bytes, offset: int) -> int:
        if offset > HEADER + SLOT:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:1000], offset)

    monkeypatch.setattr(os, "pwrite", half_then_full)
    with pytest.raises(Busy, match="full"):
        spool.append(FULL)
    monkeypatch.undo()
    assert path.stat().st_size == HEADER + SLOT
    spool.append(FULL)
    assert spool.read(1) == FULL
    spool.close()


def test_a_failing_disk_is_damage(filled: SpoolFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = filled.open("list")
    spool.truncate(CHUNK_ROWS)

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    spool.append(FULL)
    with pytest.raises(StateDamaged, match="could not be written"):
        spool.flush()
    spool.close()


REFUSALS = [(28, Busy), (122, Busy), (24, Busy), (23, Busy), (5, StateDamaged), (13, StateDamaged), (30, StateDamaged)]


@pytest.mark.parametrize(("number", "kind"), REFUSALS)
@pytest.mark.parametrize("call", ["ftruncate", "pwrite"])
def test_whatever_the_system_refuses_has_a_sentence(
    filled: SpoolFolder, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[NodeError]
) -> None:
    spool = filled.create("new", WIDTH)
    monkeypatch.setattr(os, call, refusing(number))
    with pytest.raises(kind) as caught:
        spool.append(FULL)
    monkeypatch.undo()
    assert "Errno" not in caught.value.diagnostics()
    assert spool.rows == 0
    spool.close()


@pytest.mark.parametrize(("number", "kind"), REFUSALS)
def test_so_it_has_in_every_other_method(
    filled: SpoolFolder, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[NodeError]
) -> None:
    spool = filled.open("list")
    refused: list[tuple[object, str, Callable[[], object]]] = [
        (module, "replace_file", lambda: filled.create("other", WIDTH)),
        (os, "open", lambda: filled.open("list")),
        (os, "pread", lambda: filled.open("list")),
        (os, "fstat", lambda: filled.open("list")),
        (os, "pread", lambda: spool.read(0)),
        (os, "fdatasync", lambda: (spool.truncate(CHUNK_ROWS), spool.append(FULL), spool.flush())),
        (os, "ftruncate", lambda: spool.truncate(CHUNK_ROWS)),
        (os, "fsync", lambda: spool.truncate(CHUNK_ROWS)),
        (Path, "unlink", lambda: filled.delete("list")),
        (module, "sync_folder", lambda: filled.delete("list")),
        (os, "close", spool.close),
    ]
    for owner, name, action in refused:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refusing(number))
            with pytest.raises(kind) as caught:
                action()
            assert caught.value.sentence.endswith(".")
    spool.close()


def test_a_spool_that_does_not_open_keeps_no_file_open(filled: SpoolFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in ("pread", "fstat"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refusing(5))
            with pytest.raises(StateDamaged):
                filled.open("list")
    assert len(os.listdir("/proc/self/fd")) == before


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_arguments: object, **_keywords: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_one_flush_for_all_that_was_appended(folder: SpoolFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_write, real_sync = os.pwrite, os.fdatasync
    spool = folder.create("list", WIDTH)
    monkeypatch.setattr(os, "pwrite", lambda *args: steps.append("write") or real_write(*args))
    monkeypatch.setattr(os, "fdatasync", lambda fd: steps.append("flush") or real_sync(fd))
    spool.append(FULL)
    spool.append(FULL)
    spool.flush()
    spool.flush()
    assert steps == ["write", "write", "flush"]
    spool.append(FULL)
    spool.flush()
    spool.close()
    assert steps[3:] == ["write", "flush"]


def test_a_flush_that_failed_is_never_said_to_be_done(filled: SpoolFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux reports a write that was lost once: a second call for the same file says that all is well."""
    spool = filled.create("new", WIDTH)
    spool.append(FULL)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refusing(28))
        with pytest.raises(Busy):
            spool.flush()
    for _ in range(2):
        with pytest.raises(StateDamaged):
            spool.flush()
    spool.close()
    again = filled.open("new")
    again.flush()
    again.close()


def test_a_scratch_list_is_never_flushed(folder: SpoolFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = folder.scratch(WIDTH)
    monkeypatch.setattr(os, "fdatasync", refusing(5))
    spool.append(FULL)
    spool.flush()
    spool.close()


@pytest.mark.parametrize("torn", [(1,), (2,), (1, 2), (2, 3), (1, 2, 3)])
def test_what_was_flushed_is_there_whatever_else_a_power_cut_tears(
    folder: SpoolFolder, path: Path, torn: tuple[int, ...]
) -> None:
    """Without a flush between them, later chunks may be on the disk and earlier ones not."""
    spool = folder.create("list", WIDTH)
    spool.append(FULL)
    spool.flush()
    for _ in range(3):
        spool.append(FULL[::-1])
    spool.close()
    content = bytearray(path.read_bytes())
    for slot in torn:
        content[HEADER + slot * SLOT : HEADER + (slot + 1) * SLOT] = bytes(SLOT)
    path.write_bytes(bytes(content))
    spool = folder.open("list")
    assert spool.rows >= CHUNK_ROWS
    spool.truncate(CHUNK_ROWS)
    assert spool.read(0) == FULL
    spool.append(FULL[::-1])
    assert spool.read(1) == FULL[::-1]
    spool.close()
    assert path.stat().st_size == HEADER + 2 * SLOT


def test_a_nonce_is_never_used_twice(filled: SpoolFolder, path: Path) -> None:
    nonces = set()
    for _ in range(20):
        spool = filled.open("list")
        spool.truncate(CHUNK_ROWS)
        spool.append(FULL)
        spool.close()
        nonces.add(path.read_bytes()[HEADER + SLOT : HEADER + SLOT + 12])
    assert len(nonces) == 20


def test_create_open_delete_and_names(folder: SpoolFolder, tmp_path: Path) -> None:
    folder.create("b.own", WIDTH).close()
    folder.create("a.own", WIDTH).close()
    (tmp_path / "spools" / "something.records").write_bytes(b"")
    assert folder.names() == ["a.own", "b.own"]
    with pytest.raises(FileExistsError):
        folder.create("a.own", WIDTH)
    folder.delete("a.own")
    folder.delete("a.own")
    assert folder.names() == ["b.own"]
    with pytest.raises(NotFound):
        folder.open("a.own")


@pytest.mark.parametrize("name", ["", "../key", "a/b", ".hidden", "UPPER", "x" * 101, "a\n", "ä"])
def test_a_name_that_is_not_ours_is_a_mistake(folder: SpoolFolder, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        folder.create(name, WIDTH)


@pytest.mark.parametrize("width", [0, -1, 4097])
def test_a_width_out_of_bounds_is_a_mistake(folder: SpoolFolder, width: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        folder.create("list", width)
