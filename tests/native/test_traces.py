"""Constant time of the machine's real code, AVX-512 included, where valgrind cannot go.

Every instruction of an operation is stepped through, with its memory operands, for scalars and identifiers that differ
in everything. The way and the addresses must be the same, instruction for instruction. Unlike memcheck this compares
runs: a leak shows if the chosen secrets differ in what leaks, so each scalar here differs from the first in every digit
that it can. A step costs some ten microseconds; two secrets run on every submission, 64 before a release.
"""

import pytest

from psi.group import ORDER
from tests.native.test_ctime import SCALARS, scalars
from tests.support.leaks import LEAKS, LEAKS_IN_HASHING
from tests.support.machine_steps import Trace, traces
from tests.support.native_build import CHECKED, RELEASE, Way, need_ifma, program

pytestmark = pytest.mark.tm("TM-99")

LINK = ("-static", "-no-pie")
TWO = [number.to_bytes(32, "little").hex() for number in (1, ORDER - 2)]
"""Halved, one is odd over L and one is not; their digits differ nearly everywhere."""
HASHED_ROWS = 9
"""Eight lanes of SHA-512, and one of the next eight."""


def followed(core: str, operation: str, secrets: list[str], way: Way = RELEASE, rows: int = 1) -> list[Trace]:
    if core == "avx512ifma":
        need_ifma()
    stepped = program("ctime", way, ("watched_in_steps",), LINK)
    found = traces(stepped, core, operation, str(rows), *secrets)
    assert len(found) == len(secrets)
    assert min(one.steps for one in found) > 100_000
    assert {one.unseen for one in found} == {0}
    return found


@pytest.mark.ci
@pytest.mark.parametrize(
    ("operation", "rows"),
    [("multiply_each", 1), ("map_and_multiply", 1), ("hash_to_group", HASHED_ROWS)],
)
def test_the_released_code_takes_one_way_and_touches_the_same_memory(operation: str, rows: int) -> None:
    assert len(set(followed("avx512ifma", operation, TWO, rows=rows))) == 1


@pytest.mark.ci
def test_a_leak_is_seen() -> None:
    """The sabotaged twin: a branch changes the way, a look into a table the addresses."""
    one, other = followed("portable", "multiply", TWO, Way("gcc", CHECKED, sabotage=LEAKS))
    assert one.flow != other.flow
    assert one.addresses != other.addresses


@pytest.mark.ci
def test_a_leak_in_hashing_is_seen() -> None:
    """The same in the real AVX-512 code, for eight lanes of SHA-512, and for identifiers: no scalar takes part."""
    way = RELEASE.but(sabotage=LEAKS_IN_HASHING)
    one, other = followed("avx512ifma", "hash_to_group", TWO, way, HASHED_ROWS)
    assert one.flow != other.flow


@pytest.mark.soak
@pytest.mark.parametrize(
    ("operation", "rows"),
    [("multiply", 1), ("multiply_each", 1), ("map_and_multiply", 1), ("hash_to_group", HASHED_ROWS)],
)
@pytest.mark.parametrize("core", ["portable", "avx512ifma"])
def test_the_same_for_many_secrets(core: str, operation: str, rows: int) -> None:
    some = scalars(SCALARS)
    for start in range(0, SCALARS, 8):
        assert len(set(followed(core, operation, [some[0], *some[start : start + 8]], rows=rows))) == 1
