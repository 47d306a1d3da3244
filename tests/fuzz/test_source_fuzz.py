"""Any bytes as a source: rows or a sentence, within bounds of time and memory.

Text sources: atheris makes the inputs and follows the branches they take (its process may use no more than MEMORY_MB).
Workbooks and Parquet files, whose parsers are not ours: seeded changes of small valid files, in the packed bytes and in
the parts inside, read by the very process that reads them in a node. Short on every submission, long before a release.
"""

import os
import random
import re
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.support.small_parent import through_a_shell
from tests.support.source_fuzz import PASSWORD, TEXT_SEEDS, attempt, binary_seeds, repack
from tests.support.tree import ROOT

INPUTS = 5_000
SOAK_INPUTS = 2_000_000
CHANGED = 50
SOAK_CHANGED = 20_000
MEMORY_MB = 512
SEED = 20_260_101


def fuzz(folder: Path, inputs: int, *options: str, timeout: int) -> subprocess.CompletedProcess[str]:
    """Run the target on so many inputs. Its first byte says how a seed is read."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this Python or system")
    seeds = folder / "corpus"
    seeds.mkdir()
    marks = {"jsonl": b"\x81", "toml": b"\xf0", "utf16": b"\x02"}
    for name, data in TEXT_SEEDS.items():
        (seeds / name).write_bytes(marks.get(name, b"\0") + data)
    limits = (f"-runs={inputs}", f"-seed={SEED}", "-max_len=2000", "-timeout=20", f"-rss_limit_mb={MEMORY_MB}")
    target = Path(__file__).with_name("source_target.py")
    command = [sys.executable, target, *options, *limits, f"-artifact_prefix={folder}/", seeds]
    return subprocess.run(
        through_a_shell(command),
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip


def inputs_of(report: str) -> int:
    found = re.search(r"Done (\d+) runs", report)
    return int(found[1]) if found else 0


@pytest.mark.tm("TM-96")
def test_any_text_is_rows_or_a_sentence(tmp_path: Path) -> None:
    done = fuzz(tmp_path, INPUTS, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    assert inputs_of(done.stderr + done.stdout) >= INPUTS, done.stderr[-1000:]


@pytest.mark.tm("TM-96")
def test_a_reader_that_lets_an_error_through_is_found(tmp_path: Path) -> None:
    """The sabotaged twin."""
    done = fuzz(tmp_path, INPUTS, "--twin", timeout=280)
    assert done.returncode != 0
    assert "UnicodeDecodeError" in done.stderr + done.stdout


def changed(random_: random.Random, seeds: dict[str, bytes]) -> tuple[str, bytes]:
    """A seed with a few bytes turned, cut, doubled or put in; half of the zip archives in one of their parts."""
    name = random_.choice(sorted(seeds))
    data = seeds[name]
    if zipfile.is_zipfile(BytesIO(data)) and random_.random() < 0.5:
        part = random_.choice(zipfile.ZipFile(BytesIO(data)).namelist())
        return name, repack(data, part, _turned(random_, zipfile.ZipFile(BytesIO(data)).read(part)))
    return name, _turned(random_, data)


def _turned(random_: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 5, 20))):
        place = random_.randrange(len(found) + 1)
        match random_.randrange(5):
            case 0 if place < len(found):
                found[place] ^= 1 << random_.randrange(8)
            case 1:
                found[place : place + 4] = random_.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"9999"))
            case 2:
                del found[place : place + random_.randrange(1, 40)]
            case 3:
                found[place:place] = found[place : place + random_.randrange(1, 200)]
            case _:
                found[place : place + 1] = random_.randbytes(random_.randrange(3))
    return bytes(found)


def try_changed(folder: Path, count: int) -> int:
    seeds = binary_seeds(folder)
    random_ = random.Random(SEED)
    refused = 0
    for number in range(count):
        name, data = changed(random_, seeds)
        path = folder / "changed"
        path.write_bytes(data)
        try:
            refused += not attempt(path, **({"password": PASSWORD} if name.startswith("locked") else {}))
        except Exception as error:
            raise AssertionError(f"change {number} of {name}, seed {SEED}") from error
    return refused


@pytest.mark.tm("TM-96")
def test_a_changed_workbook_or_parquet_file_is_rows_or_a_sentence(tmp_path: Path) -> None:
    refused = try_changed(tmp_path, CHANGED)
    assert CHANGED // 5 < refused < CHANGED  # some are still readable, and some are not


@pytest.mark.soak
@pytest.mark.timeout(7000)
def test_any_text_for_longer(tmp_path: Path) -> None:
    done = fuzz(tmp_path, SOAK_INPUTS, timeout=6900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert inputs_of(done.stderr + done.stdout) >= SOAK_INPUTS


@pytest.mark.soak
@pytest.mark.timeout(7000)
def test_more_changed_workbooks_and_parquet_files(tmp_path: Path) -> None:
    assert try_changed(tmp_path, SOAK_CHANGED) < SOAK_CHANGED
