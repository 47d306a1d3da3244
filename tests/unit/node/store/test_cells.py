import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import StateDamaged
from node.store import Cells, KeyRing
from psi.secret import MAX_SECRET_BYTES


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    keys = KeyRing.create(tmp_path_factory.mktemp("cells") / "key", None, os.urandom)
    yield Cells(keys, os.urandom)
    keys.close()


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_is_sealed_comes_back(cells: Cells, plaintext: bytes, row: str) -> None:
    sealed = cells.seal("rounds", row, "snapshot", plaintext)
    assert cells.unseal("rounds", row, "snapshot", sealed) == plaintext
    assert len(sealed) == len(plaintext) + 33
    assert cells.seal("rounds", row, "snapshot", plaintext) != sealed


@settings(max_examples=300)
@given(st.integers(0, 8 * 40 - 1))
def test_any_changed_bit_is_refused(cells: Cells, bit: int) -> None:
    sealed = bytearray(cells.seal("t", "r", "c", b"seven b"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StateDamaged):
        cells.unseal("t", "r", "c", bytes(sealed))


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_damage_and_nothing_else(cells: Cells, data: bytes) -> None:
    for unseal in (cells.unseal, cells.unseal_secret):
        with pytest.raises(StateDamaged):
            unseal("t", "r", "c", data)


@pytest.mark.parametrize("length", range(33))
def test_a_cut_cell_is_refused(cells: Cells, length: int) -> None:
    sealed = cells.seal("t", "r", "c", b"")
    with pytest.raises(StateDamaged):
        cells.unseal("t", "r", "c", sealed[:length])


def test_a_cell_of_a_newer_version_says_so(cells: Cells) -> None:
    sealed = cells.seal("t", "r", "c", b"x")
    with pytest.raises(StateDamaged, match="newer"):
        cells.unseal("t", "r", "c", b"\2" + sealed[1:])


def test_a_secret_comes_back_in_a_buffer_of_its_own(cells: Cells) -> None:
    with cells.unseal_secret("t", "r", "c", cells.seal("t", "r", "c", memoryview(b"k" * 32))) as secret:
        assert bytes(secret.view()) == b"k" * 32


@pytest.mark.parametrize("size", [0, MAX_SECRET_BYTES + 1])
def test_a_secret_of_impossible_size_is_refused(cells: Cells, size: int) -> None:
    with pytest.raises(StateDamaged):
        cells.unseal_secret("t", "r", "c", cells.seal("t", "r", "c", bytes(size)))


def test_a_moved_secret_is_refused_without_naming_the_row(cells: Cells, tmp_path: Path) -> None:
    sealed = cells.seal("t", "CASE-42", "c", bytes(32))
    with pytest.raises(StateDamaged) as caught:
        cells.unseal_secret("t", "CASE-43", "c", sealed)
    assert "CASE" not in caught.value.diagnostics()
