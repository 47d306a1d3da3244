"""Constant time of the machine's real code, AVX-512 included: figure B1 where valgrind cannot go.

Every instruction of an operation is stepped through, with its memory operands, for scalars and identifiers that differ
in everything. The way and the addresses must be the same, instruction for instruction. Unlike memcheck this compares
runs: a leak shows if the chosen secrets differ in what leaks, so each scalar here differs from the first in every digit
that it can. A step costs some ten microseconds; two secrets run on every submission, 64 before a release.
"""

import pytest

from psi.group import ORDER
from tests.native.test_ctime import SCALARS, scalars
from tests.support.leaks import LEAKS
from tests.support.machine_steps import Trace, traces
from tests.support.native_build import CHECKED, RELEASE, Way, has_ifma, need_ifma, program

FIXED = ("-fno-pie",)
LINK = ("-static", "-no-pie")
TWO = [number.to_bytes(32, "little").hex() for number in (1, ORDER - 2)]
"""Halved, one is odd over L and one is not; their digits differ nearly everywhere."""


def followed(core: str, operation: str, secrets: list[str], way: Way = RELEASE, rows: int = 1) -> list[Trace]:
    if core == "avx512ifma":
        need_ifma()
    stepped = program("ctime", way.but(*FIXED), ("watched_in_steps",), LINK)
    found = traces(stepped, core, operation, str(rows), *secrets)
    assert len(found) == len(secrets)
    assert min(one.steps for one in found) > 100_000
    assert {one.unseen for one in found} == {0}
    return found


@pytest.mark.parametrize("operation", ["multiply_each", "map_and_multiply"])
def test_the_released_code_takes_one_way_and_touches_the_same_memory(operation: str) -> None:
    assert len(set(followed("avx512ifma", operation, TWO))) == 1


def test_a_leak_is_seen() -> None:
    """The sabotaged twin: a branch changes the way, a look into a table the addresses."""
    core = "avx512ifma" if has_ifma() else "portable"
    one, other = followed(core, "multiply", TWO, Way("gcc", CHECKED, sabotage=LEAKS))
    assert one.flow != other.flow
    assert one.addresses != other.addresses


@pytest.mark.soak
@pytest.mark.parametrize("operation", ["multiply", "multiply_each", "map_and_multiply"])
@pytest.mark.parametrize("core", ["portable", "avx512ifma"])
def test_the_same_for_many_scalars(core: str, operation: str) -> None:
    some = scalars(SCALARS)
    for start in range(0, SCALARS, 8):
        assert len(set(followed(core, operation, [some[0], *some[start : start + 8]]))) == 1
