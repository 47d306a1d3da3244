"""Everything that is printed: results on standard output, the rest on standard error.

Much of what is shown was written by somebody else (names on cards, cells of files, sentences of peers). It is always
printed as data: no markup is read in it, and characters that could move the cursor or turn text around become "?".
Colour is a help and never the only sign; NO_COLOR and pipes switch it off.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

__all__ = ["DEFAULT_COLUMNS", "Printer", "Step", "note", "safe", "show", "show_line", "working"]

DEFAULT_COLUMNS = 80
"""Width of what is not printed to a terminal, in characters; COLUMNS says otherwise."""

DEFAULT_LINES = 25
"""Height of what is not printed to a terminal, in lines: nothing depends on it."""

MIN_COLUMNS, MAX_COLUMNS = 40, 1000
"""Bounds for COLUMNS, in characters."""

_WHOLE_CHARACTERS = 32

Reply = Mapping[str, Any]
Step = Callable[[Mapping[str, Any]], None]

_COLOURS = {
    "confirmed": "green", "finished": "green", "signed": "green", "released": "green", "ok": "green",
    "pending": "yellow", "deciding": "yellow", "lead": "yellow", "proposed": "yellow",
    "failed": "red", "refused": "red", "removed": "red", "cancelled": "red", "no": "red", "withheld": "red",
}  # fmt: skip


def safe(value: object) -> str:
    """One line that shows what is there and does nothing else."""
    line = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "?" for character in line)


class Printer:
    """Lays out a reply for a person."""

    def __init__(self) -> None:
        self._console = _console(sys.stdout)

    def line(self, text: str = "", *, style: str = "") -> None:
        """One paragraph, wrapped."""
        self._console.print(Text(safe(text), style=style))

    def raw(self, text: str) -> None:
        """Text of our own whose line ends count, for example a checkpoint."""
        sys.stdout.write(text)

    def bullets(self, lines: Iterable[str]) -> None:
        """A list of sentences."""
        for line in lines:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("-", Text(safe(line)))
            self._console.print(Padding(grid, (0, 0, 0, 2)))

    def facts(self, pairs: Mapping[str, object]) -> None:
        """Names and values, one a line."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in pairs.items():
            grid.add_row(Text(name), _cell(value))
        self._console.print(grid)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str, whole: Sequence[str] = ()
    ) -> None:
        """A table; long cells fold, nothing is cut. `empty` is said when there are no rows.

        The columns in `whole` hold what a person types again, so they stay on one line where there is room.
        """
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        cells = [[_cell(value) for value in row] for row in rows]
        for place, name in enumerate(columns):
            longest = max((len(row[place]) for row in cells), default=0)
            fits = longest <= min(_WHOLE_CHARACTERS, self._console.width // 3)
            table.add_column(name, overflow="fold", no_wrap=name in whole and fits)
        for row in cells:
            table.add_row(*row)
        if table.row_count:
            self._console.print(table)
        else:
            self.line(empty)


def show(reply: Reply, as_json: bool, people: Callable[[Printer, Any], None]) -> None:
    """Print a reply: as it is for programs, or laid out by `people`."""
    if as_json:
        # A terminal would obey what is in the text; a program reads the escapes as the same text.
        plain = sys.stdout.isatty() or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        sys.stdout.write(json.dumps(reply, ensure_ascii=plain, indent=2) + "\n")
    else:
        people(Printer(), reply)
    sys.stdout.flush()


def show_line(text: str) -> None:
    """One line for a program, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A message beside the result, on standard error."""
    sys.stderr.write(safe(text) + "\n")
    sys.stderr.flush()


@contextmanager
def working(what: str) -> Iterator[Step]:
    """Shows on standard error that and how far something goes on; only where a person watches."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    console = _console(sys.stderr)
    with console.status(Text(what)) as status:

        def step(said: Mapping[str, Any]) -> None:
            done = said.get("done")
            if says := said.get("says"):
                status.update(Text(safe(says)))
            else:
                known = isinstance(done, int)
                status.update(
                    Text(f"{what}: {done:,} {safe(said.get('what', 'steps'))}{_pace(said)}" if known else what)
                )

        yield step


def _pace(said: Mapping[str, Any]) -> str:
    """How fast, and how long yet, where that is known."""
    rate, left = said.get("records_per_second"), said.get("seconds_left")
    return f"{f', {rate:,.0f} a second' if rate else ''}{f', about {left:,.0f} seconds left' if left else ''}"


def _console(stream: Any) -> Console:
    if stream.isatty():
        return Console(file=stream, markup=False, emoji=False, highlight=False)
    # With both given, rich does not read COLUMNS itself, where some digits that are no numbers make it fail.
    width = _columns(os.environ.get("COLUMNS", ""))
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width, height=DEFAULT_LINES)


def _columns(said: str) -> int:
    fits = said.isascii() and said.isdigit() and MIN_COLUMNS <= int(said[:9]) <= MAX_COLUMNS
    return int(said) if fits else DEFAULT_COLUMNS


def _cell(value: object) -> Text:
    text = safe("yes" if value is True else "no" if value is False else "-" if value in (None, "") else value)
    return Text(text, style=_COLOURS.get(text, ""))
