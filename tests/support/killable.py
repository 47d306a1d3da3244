"""Two nodes as processes that tests kill, hold and start again; each folder is set up in this process first."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.rpc.control_client import ControlClient
from tests.support.nodes import introduce, make_folder, run, wait_for
from tests.support.small_rounds import plant

__all__ = ["Killable", "killable_pair"]

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


@dataclass
class Killable:
    """A node in a process of its own. `environment`: what `tests.support.node_entry` reads."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def alias(self) -> str:
        return self.folder.name

    @property
    def port(self) -> int:
        """Where it listens."""
        (line,) = [one for one in (self.folder / "config.toml").read_text().splitlines() if one.startswith("listen")]
        return int(line.strip('"').rpartition(":")[2])

    def start(self, **environment: str) -> float:
        """Start it and wait until it answers; seconds that took."""
        began = time.monotonic()
        self.folder.with_suffix(".dumpable").unlink(missing_ok=True)
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.node_entry", str(self.folder)],
                cwd=ROOT,
                env=os.environ | self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        while not self.answers():
            assert self.process.poll() is None, self.folder.with_suffix(".log").read_text()
            assert time.monotonic() < began + START_SECONDS, "the node did not come up"
            time.sleep(0.02)
        return time.monotonic() - began

    def answers(self) -> bool:
        """Did it come up? Its last start says so with a file."""
        return self.folder.with_suffix(".dumpable").exists()

    def ask(self, operation: str, **request: Any) -> Any:
        with ControlClient(self.folder) as client:
            return client.call(operation, request, timeout_seconds=60)

    def state(self, round_id: str) -> str:
        """Read from the outside, which costs the node nothing and works while it is down."""
        return str(self.rows("select state from rounds where round_id = ?", round_id)[0][0])

    def events(self, round_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Events and facts of a round, in order."""
        entries = self.ask("audit.show", limit=1000)
        total = entries["total"]
        shown = entries["entries"]
        while len(shown) < total:
            shown += self.ask("audit.show", first=len(shown), limit=1000)["entries"]
        return [(entry["event"], entry["facts"]) for entry in shown if entry["facts"].get("round_id") == round_id]

    def rows(self, query: str, *values: object) -> list[Any]:
        """Look into the node's database from outside."""
        with sqlite3.connect(f"file:{self.folder / 'db'}?mode=ro", uri=True, timeout=10) as connection:
            return connection.execute(query, values).fetchall()

    def arm(self, what: str, name: str, count: int = 1) -> None:
        """Kill or hold the process when it comes to a failpoint for the `count`-th time."""
        assert self.process is not None
        armed = self.folder.with_suffix(".armed")
        armed.unlink(missing_ok=True)
        self.folder.with_suffix(".held").unlink(missing_ok=True)
        self.folder.with_suffix(".arm").write_text(f"{what} {name} {count}")
        self.process.send_signal(signal.SIGUSR1)
        wait_for(armed.exists, 10)

    def held(self) -> bool:
        return self.folder.with_suffix(".held").exists()

    def let_go(self) -> None:
        """Let a held process go on."""
        self.folder.with_suffix(".arm").unlink()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20.0) -> int:
        """End it with a signal; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode


@contextmanager
def killable_pair(folder: Path, settings: str = "") -> Iterator[tuple[Killable, Killable]]:
    """A shelter and a police unit, introduced, with data; running in two processes."""
    with ExitStack() as stack:
        folder.mkdir(exist_ok=True)
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class, settings)
            nodes.append(stack.enter_context(run(folder / alias, alias)))
        introduce(*nodes)
        plant(folder, *nodes)
        stack.close()
        shelter, police = Killable(folder / "shelter"), Killable(folder / "police")
        for node in (shelter, police):
            node.start()
            stack.callback(node.stop)
        yield shelter, police
