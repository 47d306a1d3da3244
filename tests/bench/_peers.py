"""The same two sets through other programs: what a round of theirs costs.

    cost = run("spu-rr22", folder, one_csv, other_csv)

Each party is a process of its own in the peer's environment (`peers/`); the two talk over the loopback through a relay
that counts bytes, as our nodes do. The clocks run from two connected parties with their lists at hand to the result.
`Absent` says what is missing.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench._bench import ROOT
from tests.support.node_process import Relay
from tests.support.ports import free_port

__all__ = ["PEERS", "Absent", "PeerCost", "run"]

PEERS = {
    "openmined": "both lists blinded and answered with NIST P-256; one side learns; no TLS, no proofs",
    "spu-ecdh": "both lists blinded and answered with CURVE_25519, eight at a time with AVX-512; no TLS, no proofs",
    "spu-kkrt": "oblivious transfer, no elliptic curves per identifier; no TLS, no proofs",
    "spu-rr22": "oblivious linear evaluation, no elliptic curves per identifier; no TLS, no proofs",
}
"""Name -> what it does, for the reader of the table."""

_PLACE = ROOT / "build" / "peers"
_SCRIPTS = Path(__file__).parent / "peers"
_SECONDS = 3600
_LOOK_SECONDS = 0.1
_REPORT = re.compile(r'\{"cpu_seconds".*?\}')
# spu writes a trace of each run to /tmp, whatever TMPDIR says, and names it in its log.
_TRACE = re.compile(r"Trace has been written to (/tmp/psi_\w+\.trace)")


class Absent(Exception):
    """The peer cannot run here; the text says why."""


@dataclass(frozen=True)
class PeerCost:
    """Of one round: processor seconds of both parties, wall seconds, peak of each in MiB, bytes between them."""

    version: str
    cpu_seconds: float
    wall_seconds: float
    peak_mib: tuple[float, ...]
    wire_bytes: int
    found: int


def run(peer: str, folder: Path, one: Path, other: Path) -> PeerCost:
    """One round of `peer` over two CSV files with the column `id`."""
    name = peer.partition("-")[0]
    if not (_PLACE / name / "blindmatch-stamp").exists():
        raise Absent("make bench-peers makes its environment")
    python = str(_PLACE / name / "bin" / "python")
    with ExitStack() as stack:
        relays, commands = (_openmined if name == "openmined" else _spu)(stack, peer, folder, (one, other))
        logs = [folder / f"{peer}.{side}.log" for side in range(2)]
        processes: list[subprocess.Popen[bytes]] = []
        for command, log in zip(commands, logs, strict=True):
            with log.open("wb") as out:
                processes.append(
                    subprocess.Popen(
                        [python, *command],
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, "TMPDIR": str(folder)},
                    )
                )
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].kill)
        _wait(processes, logs)
    said = [_report(log) for log in logs]
    return PeerCost(
        version=said[0]["version"],
        cpu_seconds=sum(party["cpu_seconds"] for party in said),
        wall_seconds=max(party["wall_seconds"] for party in said),
        peak_mib=tuple(party["peak_mib"] for party in said),
        wire_bytes=sum(relay.bytes for relay in relays),
        found=max(party["found"] for party in said),
    )


_Parties = tuple[list[Relay], list[list[str]]]
"""The relays, and the two commands without the interpreter."""


def _openmined(stack: ExitStack, peer: str, _folder: Path, sources: tuple[Path, Path]) -> _Parties:
    """The server holds the first list, the client the second and learns."""
    port = free_port()
    relay = stack.enter_context(closing(Relay(port)))
    script = str(_SCRIPTS / "openmined_party.py")
    roles = (("server", port), ("client", relay.port))
    return [relay], [[script, role, str(at), str(source)] for (role, at), source in zip(roles, sources, strict=True)]


def _spu(stack: ExitStack, peer: str, folder: Path, sources: tuple[Path, Path]) -> _Parties:
    """Each party listens on a port of its own and knows the other one by its relay."""
    ports = [free_port(), free_port()]
    relays = [stack.enter_context(closing(Relay(port))) for port in ports]
    protocol = peer.partition("-")[2]
    commands = []
    for rank, source in enumerate(sources):
        hosts = [f"127.0.0.1:{ports[to] if to == rank else relays[to].port}" for to in range(2)]
        result = folder / f"{peer}.{rank}.csv"
        commands.append([str(_SCRIPTS / "spu_party.py"), protocol, str(rank), *hosts, str(source), str(result)])
    return relays, commands


def _wait(processes: Sequence["subprocess.Popen[bytes]"], logs: Sequence[Path]) -> None:
    """Until both have ended well; the first that fails is told, and the other one not waited for."""
    limit = time.monotonic() + _SECONDS
    while any(process.poll() is None for process in processes):
        for process, log in zip(processes, logs, strict=True):
            if process.poll():
                raise Absent(f"it failed: {_last_words(log)}")
        if time.monotonic() > limit:
            raise Absent(f"it did not end within {_SECONDS} seconds")
        time.sleep(_LOOK_SECONDS)
    for process, log in zip(processes, logs, strict=True):
        if process.returncode:
            raise Absent(f"it failed: {_last_words(log)}")


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _report(log: Path) -> Any:
    """The party's line of JSON. Its traces in /tmp go."""
    text = log.read_text(errors="replace")
    for trace in _TRACE.findall(text):
        Path(trace).unlink(missing_ok=True)
    found = _REPORT.search(text)
    if found is None:
        raise Absent(f"it did not say what it cost: {_last_words(log)}")
    return json.loads(found[0])
