"""The node's side of the process that reads workbooks and Parquet files (`reading_child`, which says why there is one).

What comes back is taken as data of an unknown sender: an answer longer than agreed, or of another shape, ends the
reading as an abort does, with a sentence. The process is asked batch by batch, so that it is never ahead by more than
one answer, lives as long as the table is open, and is killed when it is closed.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from node.datasets import reading_child
from node.datasets.reading_child import MAX_ANSWER_BYTES
from node.datasets.sourcefile import SourceFile
from node.datasets.tables import MAX_CELL_CHARACTERS, Row, cut
from node.errors import UserError
from psi.secret import SecretBytes

__all__ = ["ReadingProcess"]

_ROW_PROBLEMS = frozenset(("cell/not-text",))


class ReadingProcess:
    """One running reader (`workbook_reader` or `parquet_reader`) of one open file.

    `gave_up` makes the error for whenever it dies, is stopped by its limits, or says what was not agreed.
    `cut_long_cells`: a cell that is longer than a spreadsheet allows is cut; otherwise it costs its row.
    """

    def __init__(
        self,
        reader: str,
        parser: str,
        source: SourceFile,
        gave_up: Callable[[], UserError],
        *,
        cut_long_cells: bool = False,
    ) -> None:
        self._gave_up = gave_up
        self._cut = cut_long_cells
        found = importlib.util.find_spec(parser)
        assert found is not None
        assert found.origin is not None
        packages = Path(found.origin).parent.parent
        # Isolated and without site: no path but the standard library's, and the parsers' behind it; no cache written.
        options = ("-I", "-S", "-B", reading_child.__file__)
        command = [sys.executable, *options, str(source.descriptor), reader, str(packages)]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file, arguments of our own making
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(source.descriptor,),
                env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
            )
        except OSError:
            raise UserError(
                "The program that reads such files could not be started.",
                advice="Try again later, or save the table as CSV and add that.",
            ) from None

    @property
    def pid(self) -> int:
        """The number the system knows it by."""
        return self._process.pid

    def close(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        # Leaving the process waits for it and closes the pipes; there may be a request that it never read.
        with contextlib.suppress(BrokenPipeError):
            self._process.__exit__(None, None, None)

    def open(self, request: dict[str, Any], password: SecretBytes | bytes | None = None) -> dict[str, Any]:
        """The first request. The password goes into the pipe and is in no request, argument or variable of ours."""
        if password is None:
            answer = self._ask(request)
        else:
            secret = password.view() if isinstance(password, SecretBytes) else memoryview(password)
            answer = self._ask({**request, "secret": len(secret)}, secret)
        if not isinstance(answer, dict):
            raise self._gave_up()
        return answer

    def rows(self, after: int) -> Iterator[Row]:
        """Every row with a number above `after`."""
        number = after
        while rows := self._ask({"after": number}):
            if not isinstance(rows, list):
                raise self._gave_up()
            for cells in rows:
                number += 1
                yield self._row(number, cells)

    def _row(self, number: int, cells: Any) -> Row:
        if isinstance(cells, list):
            long = False
            for cell in cells:
                if isinstance(cell, str):
                    long = long or len(cell) > MAX_CELL_CHARACTERS
                elif not isinstance(cell, float):
                    raise self._gave_up()
            if not long:
                return Row(number, tuple(cells))
            return Row(number, cut(cells)) if self._cut else Row(number, (), "cell/too-long")
        if cells is None:
            return Row(number, (), "cell/too-long")
        if cells in _ROW_PROBLEMS:
            return Row(number, (), cells)
        raise self._gave_up()

    def _ask(self, request: dict[str, Any], secret: memoryview | None = None) -> Any:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
            while secret:
                secret = secret[os.write(requests.fileno(), secret) :]
            line = answers.readline(MAX_ANSWER_BYTES)
            if line.endswith(b"\n"):
                return json.loads(line)
        except (OSError, ValueError, RecursionError):
            pass  # it is dead, or says what is not JSON
        raise self._gave_up()
