"""Everything that is printed: results on standard output, the rest on standard error.

Much of what is shown was written by somebody else (names on cards, cells of files, sentences of peers). It is always
printed as data: no markup is read in it, and characters that could move the cursor or turn text around become "?".
Colour is a help and never the only sign; NO_COLOR and pipes switch it off.

A command that is printed is there to be copied, so no line end is put into it: one that is longer than a line stands
on a line of its own and goes on past the edge, where a terminal that wraps it still copies it as one.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console
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

_NARROW = 8
"""What a column may be narrowed to so that another one stays whole, in characters."""

_BETWEEN = 3
"""What lies between two columns, in characters."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")

_WORDS = re.compile(
    r"(?P<command>(?:[^\s`]*`[^`]+`)+[^\s`]*"  # in backticks, with what clings to it
    r"|(?:^|(?<=: ))(?:blindmatch|export) (?>'[^']*'|.)+?(?:\.?$|\.(?= [A-Z])))"  # after a colon, to the sentence's end
    r"|\S+"
)

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
        self._lines(_wrapped(safe(text), self._console.width), style=style)

    def raw(self, text: str) -> None:
        """Text of our own whose line ends count, for example a checkpoint."""
        sys.stdout.write(text)

    def bullets(self, lines: Iterable[str]) -> None:
        """A list of sentences."""
        for line in lines:
            self._lines(_wrapped(safe(line), self._console.width - 4), first="  - ")

    def facts(self, pairs: Mapping[str, object]) -> None:
        """Names and values, one a line."""
        longest = max(map(cell_len, pairs), default=0)
        for name, value in pairs.items():
            first = name + " " * (longest - cell_len(name) + 2)
            cell = _cell(value)
            self._lines(_wrapped(cell.plain, self._console.width - longest - 2), first=first, style=str(cell.style))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str, whole: Sequence[str] = ()
    ) -> None:
        """A table; long cells fold, nothing is cut. `empty` is said when there are no rows.

        The columns in `whole` hold what a person types again, so they stay on one line where there is room, the first
        named first; then days and times.
        """
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        cells = [[_cell(value) for value in row] for row in rows]
        days = [place for place in range(len(columns)) if _days(row[place].plain for row in cells)]
        firm = [*(columns.index(name) for name in whole if name in columns), *days]
        widths = _widths([[name, *(row[place].plain for row in cells)] for place, name in enumerate(columns)],
                         firm, self._console.width)  # fmt: skip
        for place, name in enumerate(columns):
            table.add_column(name, overflow="fold", width=widths[place] if widths else None)
            if widths and place in days and widths[place] < len("2026-01-31T00:00:00Z"):
                for row in cells:  # the day and the time below each other
                    row[place] = Text(row[place].plain.replace("T", " "))
        for row in cells:
            table.add_row(*row)
        if table.row_count:
            self._console.print(table)
        else:
            self.line(empty)

    def _lines(self, lines: Sequence[str], *, first: str = "", style: str = "") -> None:
        """Lines as they are, below each other behind `first`; a longer one is neither cut nor broken."""
        for number, line in enumerate(lines):
            before = " " * cell_len(first) if number else first
            self._console.print(Text.assemble(before, (line, style)), soft_wrap=True)


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


def _wrapped(line: str, width: int) -> list[str]:
    """Lines of at most `width` characters, at least one. A command is never broken: one that is longer stays longer."""
    lines = [""]
    for word in _WORDS.finditer(line):
        whole = word.group()
        parts = [whole] if word["command"] or cell_len(whole) <= width else chop_cells(whole, max(width, 1))
        for part in parts:
            if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(part) <= width:
                lines[-1] += f" {part}"
            elif lines[-1]:
                lines.append(part)
            else:
                lines[-1] = part
    return lines


def _widths(columns: Sequence[Sequence[str]], firm: Sequence[int], width: int) -> list[int]:
    """How wide each column is, its cells given; none if all have what they need, or nothing helps.

    Room goes to the columns in `firm` until they are whole, then to the longest word of each, short ones first,
    then to the narrowest.
    """
    needs = [max(map(cell_len, cells)) for cells in columns]
    widths = [min(need, _NARROW) for need in needs]
    between = _BETWEEN * (len(columns) - 1)
    room = width - between - sum(widths)
    if room < 0 or sum(needs) + between <= width:
        return []
    words = [max((cell_len(part) for part in _parts(cells)), default=0) for cells in columns]
    wishes = [(place, max(map(cell_len, columns[place][1:]), default=0)) for place in firm]
    wishes += [(place, words[place]) for place in firm]
    wishes += sorted(enumerate(words), key=lambda wish: wish[1])
    for place, wish in wishes:
        more = wish - widths[place]
        if 0 < more <= room and wish <= _WHOLE_CHARACTERS:
            widths[place] += more
            room -= more
    while room and (short := [place for place, need in enumerate(needs) if widths[place] < need]):
        widths[min(short, key=widths.__getitem__)] += 1
        room -= 1
    return widths


def _parts(cells: Iterable[str]) -> Iterator[str]:
    """What a line end may stand between: words, and the day and the time of a moment."""
    for cell in cells:
        yield from (cell.replace("T", " ") if _DAY.fullmatch(cell) else cell).split()


def _days(cells: Iterable[str]) -> bool:
    """Does a column hold days or times, and nothing else?"""
    seen = [cell for cell in cells if cell != "-"]
    return bool(seen) and all(map(_DAY.fullmatch, seen))


def _cell(value: object) -> Text:
    text = safe("yes" if value is True else "no" if value is False else "-" if value in (None, "") else value)
    return Text(text, style=_COLOURS.get(text, ""))
