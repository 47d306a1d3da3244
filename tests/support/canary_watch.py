"""Over a whole run of tests: what leaves a node in words, searched for the people it was about.

Nearly every test with whole nodes uses the same made-up people and telephone numbers (`people`, `small_rounds`): these
are the canaries. While a run lasts, everything is noted that a node says beside its results:

    errors      sentence and advice of every NodeError and PsiError, as it is made
    audit log   every fact of every entry, as it is written
    logs        every line that `node.logs` lets through, and every `.log` file of a node in a process of its own
    metrics     every page of figures

At the end of the run nothing of it may hold a canary, in any of the disguises of `canaries.Search`. `conftest.py` does
that for each process that runs tests, so it fails whatever test was its last: the finding says where it stood.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import structlog

from node import logs
from node.audit import AuditLog
from node.errors import NodeError
from node.metrics import Metrics
from psi.errors import PsiError
from tests.support.canaries import Search, phone_spellings
from tests.support.people import MOST_ROWS, MOST_SHARED, people, values_of

__all__ = ["Watch", "canaries", "watching"]

MOST_LOG_BYTES = 32 << 20
"""Of one log file; no test's node writes that much."""
SMALL_NUMBERS = range(10_000, 10_020)
"""The last digits, with a one in front, of the numbers in `small_rounds`."""

_watches: list["Watch"] = []


def canaries() -> dict[str, str]:
    """What must not be said: what it is -> value. Dates of birth are left out, since other tests say dates, too."""
    values: dict[str, str] = {}
    for office in ("shelter", "police"):
        known = values_of(people(office, MOST_ROWS, MOST_SHARED))
        values |= {name: value for name, value in known.items() if not name.startswith(("birth_date", "locality"))}
    for number in SMALL_NUMBERS:
        for spelling in (f"+49 30 9018 {number - 10_000:04}", *phone_spellings(f"0309018{number - 10_000:04}")):
            values[f"a small round's number {spelling}"] = spelling
    return values


class Watch:
    """Notes what is said, each thing once, by where it stood."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, None]] = {"an error": {}, "the audit log": {}, "a log line": {}, "a figure": {}}

    def note(self, where: str, text: str) -> None:
        self.said[where][text] = None

    def findings(self, search: Search, folder: Path | None = None) -> list[str]:
        """What of the canaries was said; `folder`: where nodes in processes of their own have their log files."""
        found = []
        for where, texts in self.said.items():
            found += search.findings(where, "\n".join(texts).encode(errors="replace"))
        for path in sorted(folder.rglob("*.log")) if folder is not None else ():
            if path.is_file() and path.stat().st_size <= MOST_LOG_BYTES:
                found += search.findings(f"the log file {path.name}", path.read_bytes())
        return found


@contextmanager
def watching() -> Iterator[Watch]:
    """Note everything until the block ends. Inside another watch, it is this one alone that notes."""
    watch = Watch()
    first = not _watches
    with pytest.MonkeyPatch.context() as patch:
        if first:
            _listen(patch)
        _watches.append(watch)
        try:
            yield watch
        finally:
            _watches.remove(watch)


def _note(where: str, text: str) -> None:
    _watches[-1].note(where, text)


def _listen(patch: pytest.MonkeyPatch) -> None:
    def also(kind: type, method: str, tell: Callable[..., None]) -> None:
        honest = getattr(kind, method)

        @wraps(honest)
        def noting(self: Any, *arguments: Any, **keywords: Any) -> Any:
            made = honest(self, *arguments, **keywords)
            tell(self, made, *arguments, **keywords)
            return made

        patch.setattr(kind, method, noting)

    for kind in (NodeError, PsiError):
        also(kind, "__init__", lambda error, _made, *_rest, **_words: _note("an error", error.diagnostics()))
    also(AuditLog, "append", lambda _log, _made, _tx, event, **facts: _note("the audit log", f"{event} {facts}"))
    also(Metrics, "page", lambda _metrics, page: _note("a figure", page.decode()))
    only_facts = logs.only_facts

    def noting_facts(logger: Any, method: str, event: Any) -> Any:
        kept = only_facts(logger, method, event)
        _note("a log line", repr(sorted(kept.items())))
        return kept

    patch.setattr(logs, "only_facts", noting_facts)
    if not structlog.is_configured():
        # A test that sets up no logging still has what a node would have said looked at.
        structlog.configure(processors=[noting_facts, structlog.processors.JSONRenderer()])
