"""The bench: named measurements, one table, one file.

    make bench                          all of them; writes build/bench.json
    make bench ONLY=core                those whose name holds the word; prints, writes nothing
    make bench ONLY=round.pair.10000    exactly that one, where the word is a whole name (and what lies under it, if
                                        there is anything: ONLY=identifiers runs identifiers.prepare too)
    make bench ONLY=core.evaluate.ifma  the measurement that yields this row; prints the rows whose name holds the word

A module tests/bench/bench_*.py registers measurements:

    @measurement("core.evaluate")
    def evaluate() -> Iterator[Line]:
        with one_core():
            ours, theirs = in_turns(partial(cpu_seconds, subject), reference.seconds)
        yield Result("core.evaluate.sodium", N / ours, "/s", N / theirs, n=N, runs=RUNS, at_least=0.4)

One measurement may yield several results, a `Skip` for a row that this machine cannot measure, and a `Note` that says
what a reference is. build/bench.json is a list of

    {"name", "value", "unit", "reference", "ratio", "n", "runs"}

`value` comes from the best of `runs` runs, each over `n` items, in `unit`: whatever else runs on a machine only ever
makes a run longer. `reference` is what it is held against, in the same unit: another implementation measured in the
same run, turn by turn, so that a busy machine slows both, or a figure that we promised; null when there is none.
`ratio` is value / reference. Absolute values belong to the machine that measured them; ratios travel.

The table adds the ratio to reach, where there is one, and whether it was reached. A figure that was not reached fails
nothing, since one bad moment of a busy machine is enough for that; it is for a person to look at. A measurement that
fails is reported and the others still run; the exit code is then 1 and the file is not written.
"""

import importlib
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ROOT", "Line", "Note", "Outcome", "Result", "Skip", "chosen", "main", "measurement", "run", "table"]

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "bench.json"


@dataclass(frozen=True)
class Result:
    """One row. `n` is the number of items of one run, `runs` how many runs the value is the best of; `at_least` and
    `at_most` bound the ratio."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    n: int = 1
    runs: int = 1
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None

    def row(self) -> dict[str, str | float | int | None]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "ratio": self.ratio,
            "n": self.n,
            "runs": self.runs,
        }

    def verdict(self) -> str:
        """The ratio to reach and whether it was, in words; empty where nothing is to be reached."""
        if self.ratio is None or (self.at_least is None and self.at_most is None):
            return ""
        good = (self.at_least is None or self.ratio >= self.at_least) and (
            self.at_most is None or self.ratio <= self.at_most
        )
        bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", self.at_least), ("<=", self.at_most)) if bound]
        return f"{', '.join(bounds)}: {'reached' if good else 'NOT reached'}"


@dataclass(frozen=True)
class Skip:
    """A row that is not measured here, and what is missing."""

    name: str
    reason: str


@dataclass(frozen=True)
class Note:
    """What a reference is, with its version. Printed above the table, once."""

    text: str


Line = Result | Skip | Note
Measurement = Callable[[], Iterable[Line]]
_registered: dict[str, Measurement] = {}
_by_name: set[str] = set()


def measurement(name: str, *, by_name: bool = False) -> Callable[[Measurement], Measurement]:
    """Register a function that yields lines under `name`; two of one name are an error. `by_name`: it takes so long
    that it runs only where ONLY is its whole name."""

    def register(function: Measurement) -> Measurement:
        if name in _registered:
            raise ValueError(f"two measurements are called {name}")
        _registered[name] = function
        if by_name:
            _by_name.add(name)
        return function

    return register


@dataclass
class Outcome:
    """What a run of measurements gave; `failed` names those that broke."""

    results: list[Result] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def narrow(self, only: str) -> None:
        """Leave the rows whose name holds the word."""
        self.results = [result for result in self.results if only in result.name]
        self.skips = [skip for skip in self.skips if only in skip.name]

    def add(self, line: Line) -> None:
        if isinstance(line, Result):
            self.results.append(line)
        elif isinstance(line, Skip):
            self.skips.append(line)
        elif line not in self.notes:
            self.notes.append(line)


def run(measurements: dict[str, Measurement]) -> Outcome:
    """Run them in order (the traceback of one that fails goes to stderr)."""
    outcome = Outcome()
    for name, function in measurements.items():
        print(f"... {name}", file=sys.stderr, flush=True)
        try:
            for line in function():
                outcome.add(line)
        except Exception:  # noqa: BLE001 - one broken measurement must not hide the others
            traceback.print_exc()
            outcome.failed.append(name)
    return outcome


def table(results: list[Result]) -> str:
    columns = ("value", "unit", "reference", "ratio", "n", "runs")
    cells = [("", *columns, "to reach")]
    for result in results:
        row = result.row()
        cells.append((result.name, *(_figure(row[column]) for column in columns), result.verdict()))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    left = {0, 2, 7}
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


def chosen(only: str) -> dict[str, Measurement]:
    """The measurement of that name, or else all whose name holds the word, or else the one that yields that row. A
    name with others under it is a word; one that runs `by_name` is found by that alone."""
    usual = {name: function for name, function in _registered.items() if name not in _by_name}
    holding = {name: function for name, function in usual.items() if only in name}
    if only in _registered and (only in _by_name or not any(name.startswith(f"{only}.") for name in holding)):
        return {only: _registered[only]}
    return holding or {name: function for name, function in usual.items() if only.startswith((f"{name}.", f"{name},"))}


def main() -> None:
    only = " ".join(sys.argv[1:])
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        importlib.import_module(f"tests.bench.{path.stem}")
    measurements = chosen(only)
    if not measurements:
        sys.exit(f"No measurement is called like '{only}'. There are: {', '.join(_registered) or 'none'}.")
    outcome = run(measurements)
    if not any(only in name for name in measurements):  # it named a row
        rows = ", ".join(line.name for line in (*outcome.results, *outcome.skips))
        outcome.narrow(only)
        if not (outcome.results or outcome.skips or outcome.failed):
            sys.exit(f"No row is called like '{only}'. There are: {rows or 'none'}.")
    print(f"{_processor()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    for note in outcome.notes:
        print(note.text)
    print(table(outcome.results))
    for skip in outcome.skips:
        print(f"Skipped: {skip.name}: {skip.reason}")
    if outcome.failed:
        sys.exit(f"Failed: {', '.join(outcome.failed)}. Nothing was written.")
    if not only:
        OUTPUT.parent.mkdir(exist_ok=True)
        half = OUTPUT.with_suffix(".half")
        half.write_text(json.dumps([result.row() for result in outcome.results], indent=1) + "\n", encoding="utf-8")
        half.replace(OUTPUT)
        print(f"Written to {OUTPUT.relative_to(ROOT)}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.machine()}, {names[0]}" if names else platform.machine()
