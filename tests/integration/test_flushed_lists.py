"""No snapshot of a round counts with rows that a power cut could take back.

The lists of a round are written in one thread, which also stores the snapshot. So per thread: which list files were
written to since they were flushed? None may be, whenever a snapshot is stored.
"""

import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from node.rounds.book import RoundBook
from node.rounds.conversation import Conversation
from node.store.spool import SUFFIX
from tests.support.small_rounds import run_through
from tests.support.two_nodes import two


class Watch:
    """Notes what is written and flushed, and what was not when a snapshot was stored."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.snapshots = 0
        self.flushes = 0
        self.lost: list[str] = []
        self._written: dict[int, set[str]] = defaultdict(set)
        write, flush, save = os.pwrite, os.fdatasync, RoundBook.save_snapshot

        def pwrite(descriptor: int, *rest: Any) -> int:
            self._written[threading.get_ident()].add(os.readlink(f"/proc/self/fd/{descriptor}"))
            return write(descriptor, *rest)

        def fdatasync(descriptor: int) -> None:
            flush(descriptor)
            self.flushes += 1
            self._written[threading.get_ident()].discard(os.readlink(f"/proc/self/fd/{descriptor}"))

        def save_snapshot(book: RoundBook, *rest: Any) -> None:
            self.snapshots += 1
            written = self._written[threading.get_ident()]
            self.lost += [Path(path).name for path in written if path.endswith(SUFFIX)]
            save(book, *rest)

        patch.setattr(os, "pwrite", pwrite)
        patch.setattr(os, "fdatasync", fdatasync)
        patch.setattr(RoundBook, "save_snapshot", save_snapshot)


@pytest.mark.tm("TM-148")
def test_every_row_that_a_snapshot_counts_with_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with two(tmp_path) as (shelter, police):
        watch = Watch(monkeypatch)
        run_through(shelter, shelter, police)
    assert watch.lost == []
    assert watch.snapshots > 6
    assert watch.flushes > 6


def test_twin_without_the_flush_a_snapshot_counts_with_rows_that_can_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Conversation, "flush", lambda self: None)
    with two(tmp_path) as (shelter, police):
        watch = Watch(monkeypatch)
        run_through(shelter, shelter, police)
    assert {name.split(".")[1] for name in watch.lost} >= {"mine", "order", "links", "theirs", "evaluated"}
