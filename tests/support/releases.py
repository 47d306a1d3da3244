"""What earlier releases left on the disk (`tests/data/releases`), unpacked, and nodes that go on with it.

A recording stays as old as it is, while its rounds have deadlines: so whoever opens it gets the clock of that day.
"""

import io
import json
import lzma
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from node.app import open_node
from node.clock import Clock
from node.operations import OPERATIONS, Dispatcher, Parts
from node.store import UpgradeTold, untold

__all__ = [
    "PREVIOUS",
    "PREVIOUS_COMMIT",
    "RELEASES",
    "SCHEMAS",
    "Sleeping",
    "ThatDay",
    "about",
    "nodes",
    "snapshot",
    "unpacked",
]

RELEASES = Path(__file__).parents[1] / "data" / "releases"
PREVIOUS = "0.1.0"
"""The release before this one."""
PREVIOUS_COMMIT = "363d7a4f18ac4262093616a55fdad0cd3744c877"
"""Its code, for tests that let it run beside today's."""
SCHEMAS = tuple(sorted(path.name for path in RELEASES.glob("schema-*")))
"""Recordings of databases from the time before it, by the schema they have."""


class ThatDay:
    """The clock of an hour after a recording was made; it runs."""

    def __init__(self, recorded_at: str) -> None:
        made = datetime.strptime(recorded_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        self._ahead = made + timedelta(hours=1) - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()


def about(release: str) -> Any:
    """What the recording says of itself: when, by which versions, which rounds."""
    return json.loads((RELEASES / release / "about.json").read_text())


def unpacked(release: str, archive: str, folder: Path) -> Path:
    """The content of a recorded archive in `folder`, with the permissions that it had."""
    data = lzma.decompress((RELEASES / release / archive).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as content:
        # Ours, so nothing is left out. As an attribute: `extractall` takes no filter before Python 3.11.4.
        content.extraction_filter = lambda member, _path: member
        content.extractall(folder)
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    """Every file and folder, the folder itself too: when it was changed last, and what is in it."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None) for path in paths}


class Sleeping:
    """A recorded node that does not run: each request opens its folder and closes it, as a command does."""

    def __init__(self, folder: Path, clock: Clock, *, tell: UpgradeTold = untold) -> None:
        self.folder, self.alias = folder, folder.name
        self.clock, self.tell = clock, tell

    @contextmanager
    def opened(self) -> Iterator[Parts]:
        with open_node(self.folder, None, clock=self.clock, tell=self.tell) as parts:
            yield parts

    def ask(self, operation: str, **request: Any) -> Any:
        with self.opened() as parts:
            said = Dispatcher(parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _step: None)
            return json.loads(said)

    def round(self, round_id: str) -> Any:
        return self.ask("round.status", round=round_id)["round"]

    def state(self, round_id: str) -> str:
        return str(self.round(round_id)["state"])


def nodes(release: str, folder: Path) -> dict[str, Sleeping]:
    """The recorded nodes by their names."""
    unpacked(release, "nodes.tar.xz", folder)
    clock = ThatDay(about(release)["recorded_at"])
    return {path.name: Sleeping(path, clock) for path in sorted(folder.iterdir()) if (path / "key").exists()}
