"""`blindmatch demo` for real: it finds the three planted people, and it leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.make_demo_data import PLANTED
from tests.support.tree import ROOT

DEMO_SECONDS = 60
"""Longest time that one demo may take."""
STOP_SECONDS = 20
STOPPED_AT = (
    "1. Three", "police$ blindmatch node init", "shelter$ blindmatch node run", "coordinator$ blindmatch node run",
    "2. They", "member add", "3. Each", "4. The", "5. The", "6. A person",
)  # fmt: skip
"""Moments, by the words with which they begin; SIGINT and SIGTERM take turns."""


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A demo whose temporary folder is `folder`; killed at the end if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if "--json" not in options else subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def children_of(demo: subprocess.Popen[str]) -> list[int]:
    """Node processes that this demo started and that still run."""
    mark = f"cli.demo.child\0{demo.pid}\0".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


def left_of(demo: subprocess.Popen[str], seconds: float = 5.0) -> list[int]:
    until = time.monotonic() + seconds
    while (left := children_of(demo)) and time.monotonic() < until:
        time.sleep(0.1)
    return left


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of our own, so that it can be seen what a demo leaves there."""
    with tempfile.TemporaryDirectory(prefix="bm") as folder:
        yield Path(folder)


@pytest.mark.ci
def test_two_demos_at_once_find_exactly_the_planted_people_and_leave_nothing(place: Path) -> None:
    kept = place / "kept"

    def run(name: str, *options: str) -> Any:
        with running_demo(place / name, "--json", *options) as process:
            out, err = process.communicate(timeout=2 * DEMO_SECONDS)
            assert process.returncode == 0, err
            assert left_of(process) == []
            assert "Traceback" not in err
            assert "round release" in err
            return json.loads(out)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(run, "one"), pool.submit(run, "two", "--keep", str(kept))
    for found in (one.result(), two.result()):
        members = found["members"]
        shelter = {record["reference"]: record["status"] for record in members["shelter"]["records"]}
        assert shelter == {"HS-01": "released", "HS-02": "released", "HS-03": "withheld"}
        assert set(shelter) == set(PLANTED)
        assert {record["reference"] for record in members["police"]["records"]} == {
            PLANTED["HS-01"],
            PLANTED["HS-02"],
        }
        assert members["police"]["count"][0] <= 3 <= members["police"]["count"][1]
        assert members["coordinator"]["records"] == []
        assert members["shelter"]["bytes_to_it"] > 2 * 32 * 64 * 34  # a list and the answers to ours
    assert [list((place / name).iterdir()) for name in ("one", "two")] == [[], []]
    environment = os.environ | {
        "BLINDMATCH_STATE": str(kept / "shelter"),
        "BLINDMATCH_PASSPHRASE_FILE": str(kept / "shelter.passphrase"),
    }
    for words in (["audit", "verify"], ["round", "list"], ["node", "status"]):
        done = subprocess.run([sys.executable, "-m", "cli", *words], cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_one_demo_takes_less_than_a_minute(place: Path) -> None:
    with running_demo(place / "tmp", "--json") as process:
        out, err = process.communicate(timeout=2 * DEMO_SECONDS)
    assert process.returncode == 0, err
    assert json.loads(out)["seconds"] < DEMO_SECONDS


def stop_at(folder: Path, words: str, number: signal.Signals) -> tuple[int, str, list[int], list[Path]]:
    """Run a demo until it says `words`, send the signal; exit code, what it said, what is left of it."""
    with running_demo(folder) as process:
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if words in line:
                process.send_signal(number)
                break
        rest, _ = process.communicate(timeout=STOP_SECONDS)
    return process.returncode, "".join(said) + rest, left_of(process), list(folder.iterdir())


@pytest.mark.ci
def test_a_signal_at_ten_moments_stops_everything(place: Path) -> None:
    def stop(at: int) -> tuple[int, str, list[int], list[Path]]:
        return stop_at(place / str(at), STOPPED_AT[at], (signal.SIGINT, signal.SIGTERM)[at % 2])

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(stop, reversed(range(len(STOPPED_AT)))))
    for at, (code, said, processes, files) in enumerate(reversed(outcomes)):
        assert code == (130, 143)[at % 2], f"{STOPPED_AT[at]}: {said}"
        assert "Traceback" not in said
        assert (STOPPED_AT[at], processes, files) == (STOPPED_AT[at], [], [])


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.3, 0.6])
def test_a_signal_while_it_starts_ends_it_quietly(place: Path, delay: float) -> None:
    with running_demo(place / "tmp") as process:
        time.sleep(delay)  # no event is meant: it has to end quietly whatever it is at
        process.terminate()
        said, _ = process.communicate(timeout=STOP_SECONDS)
        # Before Python runs our code, the system's own answer to the signal stands.
        assert process.returncode in (143, -signal.SIGTERM)
    assert "Traceback" not in said
    assert left_of(process) == []
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.ci
def test_no_node_outlives_a_demo_that_is_killed(place: Path) -> None:
    with running_demo(place / "tmp") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("2. They"):
                break
        assert len(children_of(process)) == 3
        process.kill()
        process.wait()
        assert left_of(process) == []


def test_a_folder_to_keep_that_is_not_empty_is_refused(place: Path) -> None:
    (place / "kept").mkdir()
    (place / "kept" / "mine").write_text("precious")
    with running_demo(place / "tmp", "--keep", str(place / "kept")) as process:
        said, _ = process.communicate(timeout=DEMO_SECONDS)
    assert process.returncode == 3
    assert "is not empty" in said
    assert [path.name for path in (place / "kept").iterdir()] == ["mine"]
