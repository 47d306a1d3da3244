"""For the C core: any bytes as a list of elements give the same verdict and the same results on both cores.

libFuzzer (clang) makes the inputs and follows the branches they take; AddressSanitizer watches. The seeds are RFC
9496's good and bad encodings, alone and in lists, with the same random seed every time: 100,000 inputs on every
submission, a quarter of an hour before a release. The twin, a core that takes negative encodings, must be found.
"""

import json
import re
from pathlib import Path

import pytest

from tests.support.leaks import ACCEPTS_NEGATIVE
from tests.support.native_build import CHECKED, Way, has_ifma, need, program, run

pytestmark = pytest.mark.tm("TM-101")

INPUTS = 100_000
SOAK_SECONDS = 900
MAX_BYTES = 1 + 9 * 32
SEED = 20_260_101
FUZZED = Way("clang", (*CHECKED, "-fsanitize=fuzzer-no-link,address"), emulated=not has_ifma())
FIGURES = json.loads((Path(__file__).parents[1] / "vectors" / "rfc9496.json").read_text())


def corpus(folder: Path, *, bad_ones: bool) -> Path:
    """Good and bad encodings, alone and as the last and the middle one of a list; under each operation."""
    good = [bytes.fromhex(case["element"]) for case in FIGURES["multiples"][1:]]
    bad = [bytes.fromhex(case["element"]) for case in FIGURES["bad_encodings"]] if bad_ones else []
    lists = [[row] for row in good + bad]
    lists += [[*good[:8], row] for row in bad] + [[*good[:3], row, *good[3:6]] for row in bad]
    lists += [[bytes.fromhex(case["uniform"])] for case in FIGURES["one_way_map"]]
    folder.mkdir()
    for number, rows in enumerate(lists):
        (folder / str(number)).write_bytes(bytes([number % 48]) + b"".join(rows))
    return folder


def need_fuzzer(folder: Path) -> None:
    """clang with libFuzzer; some systems package that apart."""
    source = folder / "empty.c"
    source.write_text("int LLVMFuzzerTestOneInput(const char *data, long size) { return data == 0 && size > 0; }\n")
    if run([need("clang"), "-fsanitize=fuzzer,address", source, "-o", folder / "empty"]).returncode:
        pytest.skip("clang has no libFuzzer (on Debian and Ubuntu: libclang-rt-dev)")


def fuzz(way: Way, folder: Path, *limits: str, bad_ones: bool = True, timeout: int = 280) -> tuple[int, str]:
    need_fuzzer(folder)
    fuzzer = program("fuzz_decode", way, link=("-fsanitize=fuzzer,address",))
    seeds = corpus(folder / "corpus", bad_ones=bad_ones)
    options = [f"-seed={SEED}", f"-max_len={MAX_BYTES}", f"-artifact_prefix={folder}/", "-print_final_stats=1", *limits]
    result = run([fuzzer, *options, seeds], timeout=timeout)
    return result.returncode, result.stderr


def inputs(report: str) -> int:
    found = re.search(r"number_of_executed_units: +(\d+)", report)
    return int(found.group(1)) if found else 0


@pytest.mark.ci
def test_both_cores_judge_and_compute_alike(tmp_path: Path) -> None:
    code, report = fuzz(FUZZED, tmp_path, f"-runs={INPUTS}")
    assert code == 0, report
    assert inputs(report) >= INPUTS


@pytest.mark.ci
def test_a_core_that_accepts_too_much_is_found(tmp_path: Path) -> None:
    """The sabotaged twin, without the seeds that would show it at once."""
    code, report = fuzz(FUZZED.but(sabotage=ACCEPTS_NEGATIVE), tmp_path, f"-runs={INPUTS}", bad_ones=False)
    assert code != 0
    assert "DISAGREE" in report


@pytest.mark.soak
@pytest.mark.timeout(SOAK_SECONDS + 600)
def test_the_same_for_longer(tmp_path: Path) -> None:
    code, report = fuzz(FUZZED, tmp_path, f"-max_total_time={SOAK_SECONDS}", timeout=SOAK_SECONDS + 300)
    assert code == 0, report
    assert inputs(report) >= INPUTS
