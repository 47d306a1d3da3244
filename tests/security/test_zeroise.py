"""When a round is over, its scalar is nowhere in the memory of the node.

A real process is held while it makes its list, and its memory is searched from outside for the scalar that it just
made: that must find it. When the round is over, the same search must find nothing. The process tells its scalar through
a file, written straight from the buffer (`tests.support.node_entry`), so that telling leaves no copy.

Shown for this machine, this Python and these library versions. What the kernel did with a page before (swap, a
hypervisor's snapshot) is outside of it; the buffers are locked against swapping where the system allows it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from psi.secret import SecretBytes
from tests.support.killable import Killable, killable_pair
from tests.support.nodes import wait_for
from tests.support.small_rounds import agree, check, decide, go

SCALAR_BYTES = 32
_PIECE = 1 << 24


def copies(pid: int, secret: bytes) -> int:
    """How often `secret` stands in the memory of a process."""
    found = 0
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        pytest.skip("this system does not let us read the memory of another process")
    try:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_rest = line.split()
            if not rights.startswith("r") or line.endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            for at in range(start, end, _PIECE):
                try:
                    piece = os.pread(memory, min(_PIECE + SCALAR_BYTES - 1, end - at), at)
                except OSError:
                    break
                found += piece.count(secret)
    finally:
        os.close(memory)
    return found


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Killable, Killable]]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with killable_pair(tmp_path / "nodes") as nodes:
        yield nodes


def run_and_search(shelter: Killable, police: Killable, node: Killable, **environment: str) -> dict[str, int]:
    """One round; copies of `node`'s scalar in its memory while it makes the list, and when the round is over."""
    node.stop()
    node.start(BLINDMATCH_TEST_SCALAR="1", **environment)
    round_id = agree(shelter, shelter, police)
    node.arm("hold", "round.list-prepared")
    go(shelter, round_id)
    wait_for(node.held)
    scalar = node.folder.with_suffix(".scalar").read_bytes()
    assert len(scalar) == SCALAR_BYTES
    assert len(set(scalar)) > 8
    assert node.process is not None
    seen = {"while": copies(node.process.pid, scalar)}
    node.let_go()
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)
    wait_for(lambda: not any((node.folder / "spools").iterdir()))
    seen["after"] = copies(node.process.pid, scalar)
    return seen


@pytest.mark.tm("TM-48")
def test_the_scalar_of_a_round_is_gone_when_it_is_over(pair: tuple[Killable, Killable]) -> None:
    for node in pair:
        seen = run_and_search(*pair, node)
        assert seen["while"] >= 1, "the search does not find what is there"
        assert seen["after"] == 0


@pytest.mark.tm("TM-48")
def test_without_wiping_it_would_stay(pair: tuple[Killable, Killable]) -> None:
    """The sabotaged twin."""
    assert run_and_search(*pair, pair[1], BLINDMATCH_TEST_SABOTAGE="keep-scalars")["after"] >= 1


@pytest.mark.tm("TM-49")
def test_a_running_node_leaves_no_core(pair: tuple[Killable, Killable]) -> None:
    for node in pair:
        assert node.process is not None
        limits = Path(f"/proc/{node.process.pid}/limits").read_text().splitlines()
        (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
        assert core[4:6] == ["0", "0"]
        assert node.folder.with_suffix(".dumpable").read_text() == "0"


def test_this_process_could_be_dumped() -> None:
    """The sabotaged twin of the test above: without `harden` the same questions get other answers."""
    asked = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout == b"1\n"
    assert "wiped" not in repr(SecretBytes(1))
