"""Where a secret goes, no branch and no address depends on it, and the count of instructions is one.

Three watchers, because none sees everything:

  memcheck   (here) the secret's bytes are marked as never written, and valgrind reports any branch or address that
             depends on one. It follows the secret through every operation, whatever its value.
  callgrind  (here) the same number of instructions for 64 scalars, to the last one.
  steps      (test_traces.py) the real AVX-512 code, which valgrind does not know, one instruction at a time.

The portable core is watched as it is released (gcc -O3). valgrind stops at AVX-512, so of the IFMA core the same
source is watched with its vector instructions emulated in plain C; that shows the source, not the compiler's use of the
real instructions. Secret are scalars, identifiers, and what these were hashed to; elements and verdicts are public.
"""

import re
import tempfile
from pathlib import Path

import pytest

from psi.group import ORDER
from tests.support.leaks import LEAKS, LEAKS_IN_LANES
from tests.support.native_build import EMULATED, RELEASE, Way, need, program, run

pytestmark = [pytest.mark.tm("TM-99"), pytest.mark.ci]

WAYS = {"portable": RELEASE, "avx512ifma": EMULATED}
OPERATIONS = (
    "multiply",
    "multiply_keeping",
    "multiply_each",
    "map",
    "map_and_multiply",
    "hash_to_group",
    "check_scalars",
)
ROWS = 9
"""A group of eight and one lane of the next."""

FOUND = 99
"""valgrind's exit code when it has reported something."""

SCALARS = 64
BRANCH, ADDRESS = "Conditional jump or move depends on uninitialised", "Use of uninitialised value of size"


def watched(way: Way) -> Path:
    return program("ctime", way, ("watched_plainly",))


def memcheck(way: Way, core: str, operation: str) -> tuple[int, str]:
    """valgrind's verdict on one operation: its exit code and its report."""
    need("valgrind")
    result = run(["valgrind", "-q", f"--error-exitcode={FOUND}", watched(way), core, operation, str(ROWS)])
    if "unmarked" in result.stdout:
        pytest.skip("valgrind's headers are not installed")
    if result.returncode not in (0, FOUND) or "done 1" not in result.stdout:
        pytest.fail(f"the program did not do its work: {result.returncode}\n{result.stderr}")
    return result.returncode, result.stderr


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("core", WAYS)
def test_no_branch_and_no_address_depends_on_a_secret(core: str, operation: str) -> None:
    assert memcheck(WAYS[core], core, operation) == (0, "")


@pytest.mark.parametrize("operation", ["multiply", "multiply_each", "map_and_multiply"])
@pytest.mark.parametrize("core", WAYS)
def test_a_leak_is_reported(core: str, operation: str) -> None:
    """The sabotaged twin: both kinds of leak, in all that cuts a scalar into digits."""
    code, report = memcheck(EMULATED.but(sabotage=LEAKS), core, operation)
    assert code == FOUND
    assert BRANCH in report
    assert ADDRESS in report
    assert "halve" in report


@pytest.mark.parametrize(
    ("operation", "kind", "function"),
    [("multiply", ADDRESS, "looked_up"), ("map", BRANCH, "map_to_curve_ways")],
)
def test_a_leak_in_lanes_is_reported(operation: str, kind: str, function: str) -> None:
    """The twin for the places of the IFMA core where a table is read and where a case is decided."""
    code, report = memcheck(EMULATED.but(sabotage=LEAKS_IN_LANES), "avx512ifma", operation)
    assert code == FOUND
    assert kind in report
    assert function in report


def scalars(count: int) -> list[str]:
    """The edges of the range and of the digits, then others; in hexadecimal as they lie in memory."""
    edges = [1, 2, 3, 8, 15, 16, ORDER - 1, ORDER - 2, ORDER // 2, ORDER // 2 + 1, 2**252 - 1, 2**252]
    edges += [int(nibble * 63, 16) for nibble in "124789abcde"] + [int("78" * 31, 16), int("80" * 31, 16)]
    others = [pow(7, 1_000 + index, ORDER) for index in range(count)]
    made = [number.to_bytes(32, "little").hex() for number in [*edges, *others][:count]]
    assert len(set(made)) == count
    return made


def counts(way: Way, core: str, operation: str) -> list[int]:
    """Instructions of one operation for each scalar, in callgrind's exact count."""
    need("valgrind")
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "-q", "--tool=callgrind", "--toggle-collect=watched", "--dump-after=watched"]
        file = f"--callgrind-out-file={folder}/out"
        result = run([*command, file, watched(way), core, operation, "1", *scalars(SCALARS)])
        assert result.returncode == 0, result.stderr
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        found = [re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE) for dump in dumps]
    return [int(one.group(1)) for one in found if one is not None][:SCALARS]


@pytest.mark.parametrize(
    ("core", "operation"),
    [
        ("portable", "multiply"),
        pytest.param("portable", "multiply_each", marks=pytest.mark.soak),
        ("portable", "map_and_multiply"),
        ("avx512ifma", "multiply_each"),
        # Slow to emulate, and single steps follow them too.
        pytest.param("avx512ifma", "multiply", marks=pytest.mark.soak),
        pytest.param("avx512ifma", "map_and_multiply", marks=pytest.mark.soak),
    ],
)
def test_every_scalar_takes_the_same_number_of_instructions(core: str, operation: str) -> None:
    found = counts(WAYS[core], core, operation)
    assert len(found) == SCALARS
    assert min(found) > 100_000
    assert len(set(found)) == 1


def test_a_leak_changes_the_number_of_instructions() -> None:
    """The sabotaged twin."""
    found = counts(EMULATED.but(sabotage=LEAKS), "portable", "multiply")
    assert len(found) == SCALARS
    assert len(set(found)) > 2
