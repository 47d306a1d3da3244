"""Whole nodes as processes of their own, for what only shows there: wall time, CPU time, memory, bytes on the wire.

    with two_offices(folder, one="police", other="police", settings="[budget]\\n...") as (first, second):
        first.ask("dataset.add", ...)

Each node is `blindmatch node run` on a folder of its own and is spoken to over its control socket, as the command line
does. With `relay=True` the nodes reach each other through a `Relay`, which counts what goes by.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from node.app import create_node
from node.identity.cards import Profile
from node.rpc.control_client import ControlClient
from tests.support import node_life
from tests.support.nodes import approve_limits
from tests.support.ports import free_port

__all__ = ["NodeProcess", "Relay", "two_offices"]

ROOT = Path(__file__).parents[2]
ENTRY = ("-m", "cli", "node", "run", "--folder")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
_PIECE_BYTES = 1 << 16
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class NodeProcess:
    """One running node. What it prints goes to a file beside its folder."""

    alias: str
    folder: Path
    client: ControlClient
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start the process; `wait` waits until it answers."""
        # Anew: a call over the connection to a process that was killed would be told of its end.
        self.client.close()
        self.client = ControlClient(self.folder)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *ENTRY, str(self.folder)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        node_life.wait_until_up(self.process, self.ask, self._log, seconds=START_SECONDS)

    @property
    def _log(self) -> Path:
        return self.folder.with_suffix(".log")

    def ask(self, operation: str, **request: Any) -> Any:
        return self.client.call(operation, request, timeout_seconds=600)

    def state(self, round_id: str) -> str:
        return str(self.ask("round.status", round=round_id)["round"]["state"])

    def cpu_seconds(self) -> float:
        """User and system time of the process and all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_mib(self) -> float:
        """The most memory that the process had resident since it started."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the kernel does not tell the peak memory")

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit code."""
        return node_life.stop(self.process, seconds=STOP_SECONDS)


class Relay:
    """Passes TCP connections on to a node and counts the bytes in each direction: what TLS sends, handshakes and all,
    without the headers of TCP and IP. Connections that begin while `delay_seconds` is set are as slow as a long line:
    every byte arrives so much later, in each direction."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self.bytes = 0
        self.delay_seconds = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._server.accept()
                try:
                    there = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    here.close()
                    continue
                self._ends += [here, there]
                for source, sink in ((here, there), (there, here)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        delay = self.delay_seconds
        with suppress(OSError), self._line(sink, delay) if delay else nullcontext(sink.sendall) as give:
            while piece := source.recv(_PIECE_BYTES):
                with self._lock:
                    self.bytes += len(piece)
                give(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    @staticmethod
    @contextmanager
    def _line(sink: socket.socket, delay: float) -> Iterator[Callable[[bytes], None]]:
        """Where pieces are put in that reach `sink` later; at the end of the block, return when all have."""
        under_way: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

        def arrive() -> None:
            with suppress(OSError):
                while True:
                    due, piece = under_way.get()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not piece:
                        return
                    sink.sendall(piece)

        far_end = threading.Thread(target=arrive, daemon=True)
        far_end.start()
        try:
            yield lambda piece: under_way.put((time.monotonic() + delay, piece))
        finally:
            under_way.put((time.monotonic() + delay, b""))
            far_end.join()

    def close(self) -> None:
        self._server.close()
        for end in self._ends:
            end.close()


@contextmanager
def two_offices(
    folder: Path, one: str, other: str, *, settings: str = "", relay: bool = False
) -> Iterator[tuple[NodeProcess, NodeProcess, list[Relay]]]:
    """Two nodes of these member classes, named `one` and `other`, running and introduced to each other."""
    with ExitStack() as stack:
        relays: list[Relay] = []
        nodes: list[NodeProcess] = []
        for alias, member_class in (("one", one), ("other", other)):
            port = free_port()
            if relay:
                relays.append(stack.enter_context(closing(Relay(port))))
            nodes.append(
                _start(stack, folder / alias, alias, member_class, port, relays[-1].port if relay else port, settings)
            )
        for node in nodes:
            node.wait()
        for here, there in (nodes, nodes[::-1]):
            card = there.ask("card.show")["file"]
            words = here.ask("member.add", file=card, by="ada", alias=there.alias)["words"]
            here.ask("member.confirm", name=there.alias, words=" ".join(words), by="ben")
        yield nodes[0], nodes[1], relays


def _start(
    stack: ExitStack, folder: Path, alias: str, member_class: str, port: int, advertised: int, settings: str
) -> NodeProcess:
    profile = Profile.of(
        {
            "name": alias.capitalize(),
            "member_class": member_class,
            "country": "DE",
            "languages": ["de"],
            "contact": "The office",
            "endpoint": f"127.0.0.1:{advertised}",
        }
    )
    create_node(folder, profile, None, listen=f"127.0.0.1:{port}")
    (folder / "config.toml").write_text(f'[node]\nlisten = "127.0.0.1:{port}"\n{settings}')
    approve_limits(folder)
    node = NodeProcess(alias, folder, ControlClient(folder))
    stack.callback(lambda: node.client.close())  # the one that it has by then
    node.start()
    stack.callback(node.stop)
    return node
