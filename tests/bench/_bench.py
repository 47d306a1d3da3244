"""The bench: named measurements, one table, one file.

    make bench                 all of them; writes build/bench.json
    make bench ONLY=core       those whose name holds the word; prints, writes nothing

A module tests/bench/bench_*.py registers measurements:

    @measurement("core: multiply")
    def multiply() -> Iterator[Result]:
        yield interleaved("sodium: multiply, against X25519", "/s", 4096, subject, reference)

One measurement may yield several results (precision, recall, time). build/bench.json is a list of

    {"name", "value", "unit", "reference", "ratio", "n", "runs"}

`value` is the median over `runs` runs, each over `n` items, in `unit`. `reference` is what it is held against, in the
same unit: another implementation measured in the same run, turn by turn, so that a busy machine slows both, or a
figure that we promised; null when there is none. `ratio` is value / reference. Absolute values belong to the machine
that measured them; ratios travel.

A measurement that fails is reported and the others still run; the exit code is then 1 and the file is not written.
"""

import gc
import importlib
import json
import os
import platform
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Result", "interleaved", "main", "measurement", "run", "seconds"]

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "bench.json"


@dataclass(frozen=True)
class Result:
    """One row of the table. `n` is the number of items of one run, `runs` how many runs the value is the median of."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    n: int = 1
    runs: int = 1

    def row(self) -> dict[str, str | float | int | None]:
        ratio = self.value / self.reference if self.reference else None
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "ratio": ratio,
            "n": self.n,
            "runs": self.runs,
        }


Measurement = Callable[[], Iterable[Result]]
_registered: dict[str, Measurement] = {}


def measurement(name: str) -> Callable[[Measurement], Measurement]:
    """Register a function that yields results under `name`; two of one name are an error."""

    def register(function: Measurement) -> Measurement:
        if name in _registered:
            raise ValueError(f"two measurements are called {name}")
        _registered[name] = function
        return function

    return register


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call, with the garbage collector held back."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        action()
        return time.perf_counter() - begin
    finally:
        if was_on:
            gc.enable()


def interleaved(
    name: str,
    unit: str,
    n: int,
    subject: Callable[[], object],
    reference: Callable[[], object],
    *,
    reference_n: int | None = None,
    runs: int = 5,
) -> Result:
    """Items per second of `subject` (n items a call) against `reference` (`reference_n` items, default n), by turns.

    One call of each goes unmeasured first: it fills caches and loads what loads late.
    """
    subject()
    reference()
    pairs = [(seconds(subject), seconds(reference)) for _ in range(runs)]
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    return Result(name, n / ours, unit, (reference_n or n) / theirs, n, runs)


def run(measurements: dict[str, Measurement]) -> tuple[list[Result], list[str]]:
    """Run them in order; the results, and the names of those that failed (their traceback goes to stderr)."""
    results: list[Result] = []
    failed: list[str] = []
    for name, function in measurements.items():
        print(f"... {name}", file=sys.stderr, flush=True)
        try:
            results.extend(function())
        except Exception:  # noqa: BLE001 - one broken measurement must not hide the others
            traceback.print_exc()
            failed.append(name)
    return results, failed


def table(results: list[Result]) -> str:
    cells = [("", "value", "unit", "reference", "ratio", "n", "runs")]
    for result in results:
        row = result.row()
        cells.append(tuple(_figure(row[key]) for key in ("name", *cells[0][1:])))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    left = {0, 2}
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def _figure(value: str | float | int | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value


def main() -> None:
    only = " ".join(sys.argv[1:])
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.bench.{path.stem}")
    chosen = {name: function for name, function in _registered.items() if only in name}
    if not chosen:
        sys.exit(f"No measurement is called like '{only}'. There are: {', '.join(_registered) or 'none'}.")
    results, failed = run(chosen)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    print(table(results))
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}. Nothing was written.")
    if not only:
        OUTPUT.parent.mkdir(exist_ok=True)
        half = OUTPUT.with_suffix(".half")
        half.write_text(json.dumps([result.row() for result in results], indent=1) + "\n", encoding="utf-8")
        half.replace(OUTPUT)
        print(f"Written to {OUTPUT.relative_to(ROOT)}")
