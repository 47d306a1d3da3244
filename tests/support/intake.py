"""What the tests of `node.datasets` share: files to read, a store on disk, an audit log that only remembers."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl

from node.audit import Event
from node.clock import ManualClock
from node.datasets import DatasetBook, Mapping, Terms
from node.facts import check_fact
from node.store import KeyRing, StateDir, Store

__all__ = ["CANARIES", "NOW", "PHONES", "PHONE_TERMS", "TODAY", "Recorder", "make_book", "write_csv", "write_xlsx"]

TODAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

CANARIES = ("CANARY-REF-7741", "Canarynamova", "0721555777", "canary.mail@example.org")
"""Values that may stand in a source file and nowhere in an error, report, log or audit entry."""

PHONES = Mapping.of({"ref": "reference", "tel": "phone"})
PHONE_TERMS = Terms("contact", "legal_duty", "Act 1, section 2", "RO")


class Recorder:
    """Stands for the audit log: takes only what that takes, and keeps it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def append(self, _tx: object, event: str, **facts: Any) -> int:
        for name, value in facts.items():
            check_fact(name, value)
        self.entries.append((Event(event).value, facts))
        return len(self.entries) - 1


def write_csv(folder: Path, text: str | bytes, *, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def write_xlsx(folder: Path, rows: list[list[Any]], *, name: str = "table.xlsx", sheet: str = "People") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(folder / name)
    return folder / name


def make_book(folder: Path, *, audit: Any = None, clock: Any = None) -> DatasetBook:
    """A book on a fresh state folder, or on the one that is there."""
    clock = clock or ManualClock(NOW)
    state = StateDir(folder / "state")
    if state.key.exists():
        ring = KeyRing.open(state.key, None)
    else:
        state.create()
        ring = KeyRing.create(state.key, None, os.urandom)
    store = Store.open(state.database_url, ring, clock=clock)
    return DatasetBook(store, state.path / "datasets", audit or Recorder(), clock, os.urandom)
