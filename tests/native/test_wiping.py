"""After an operation no word of the scalar, of its half or of its digits is left in the memory of the process.

`test_leftovers.py` shows it through the extension, as users have it. This is the C alone, with the twin in which
`wipe` does nothing, and with the question how deep the cores use the stack: batch.c cleans a fixed length below itself.
"""

import re

import pytest

from tests.support.leaks import NO_WIPE, STACK_NOT_CLEANED
from tests.support.native_build import CHECKED, NATIVE, RELEASE, Way, need_ifma, program, run

CORES = ("portable", "avx512ifma")
OPERATIONS = ("multiply", "multiply_each", "map_and_multiply", "hash_and_multiply")
ROWS = 17
"""Two groups of eight, and one lane more."""

DEEPEST = 225 * 1024
"""What batch.c says of the deepest operation, in bytes."""

OWN_FRAMES = 8 * 1024
"""What the thread's start and its local storage take of the stack, at most, in bytes."""

pytestmark = [pytest.mark.tm("TM-100"), pytest.mark.ci]


def residue(core: str, operation: str, way: Way = RELEASE) -> dict[str, int]:
    if core == "avx512ifma":
        need_ifma()
    result = run([program("wiping", way), core, operation, str(ROWS)])
    assert result.returncode == 0, (result.returncode, result.stderr)
    found = {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", result.stdout)}
    assert found.pop("searched") > 1 << 20
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("core", CORES)
def test_nothing_of_the_scalar_is_left(core: str, operation: str) -> None:
    found = residue(core, operation)
    assert (found["scalar"], found["halved"], found["digits"]) == (0, 0, 0)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("core", CORES)
def test_without_wiping_it_would_be(core: str, operation: str) -> None:
    """The sabotaged twin. The IFMA core halves a scalar that all rows share in registers, and leaves no half."""
    found = residue(core, operation, RELEASE.but(sabotage=NO_WIPE))
    assert found["scalar"] >= 1
    assert found["digits"] >= 1
    assert found["halved"] >= (core == "portable" or operation == "multiply_each")


def cleaned_depth() -> int:
    """STACK_BYTES of batch.c."""
    found = re.search(r"^#define STACK_BYTES \((\d+) \* 1024\)", (NATIVE / "batch.c").read_text(), re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("core", CORES)
def test_no_operation_goes_deeper_than_what_is_cleaned(core: str, operation: str) -> None:
    """Optimised much or little. Only without the cleaning the depth shows."""
    for way in (RELEASE, Way("gcc", CHECKED)):
        depth = residue(core, operation, way.but(sabotage=STACK_NOT_CLEANED))["stack"]
        assert OWN_FRAMES < depth < DEEPEST
    assert DEEPEST < cleaned_depth() < residue(core, operation)["stack"]
