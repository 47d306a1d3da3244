"""What `tests/fault/test_syscalls.py` breaks at every system call: a small process that writes as a node does.

    python -m tests.support.durable_child DESCRIPTOR [no-fsync | no-commit-flush]

It runs under strace, loads everything once, and then forks a child for each order that comes over the socket
DESCRIPTOR; a child does the same work every time, in a folder of its own, and says over the socket what it has got to
the disk, each thing only after the call that promises it has returned. So a hundred faults cost a hundred forks and
not a hundred starts of Python.

A fault is placed by counting. strace counts each system call of each process for itself and strikes at one fixed number
for all of them, so a child that is to be struck at its k-th call of a kind first makes that many idle ones
(`BURNERS`) that k of its own are left. What it says goes by `sendto`, which is not a system call that writes to a disk.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.agreement.manifest import Manifest
from node.audit import AuditLog, NoteKey, NoteSigner
from node.clock import ManualClock
from node.datasets.recordfile import RecordWriter
from node.errors import NodeError
from node.policy.budgets import Budget, Limits
from node.rounds.book import RoundBook
from node.rounds.mailbox import PROTOCOL_LINE, Inbox, Outbox
from node.rounds.states import RoundState
from node.store import KeyRing, SpoolFolder, StateDir, Store
from node.store.files import replace_file
from node.wire.envelope import Envelope, EnvelopeKind
from psi.spool import CHUNK_ROWS
from tests.support.agreements import NGO, POLICE, agreement
from tests.support.stores import CHEAP, secret

__all__ = ["BURNERS", "CHUNK", "SIGNER", "STEPS", "VERSIONS", "Desk", "furnish", "letter", "small_content"]

MOMENT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
MANIFEST = "manifest"
VERSIONS = 3
"""How often the small file is replaced."""
CHUNK = bytes(range(256)) * (CHUNK_ROWS // 8)
"""A whole chunk of rows of 32 bytes."""
LAST_ROWS = 7
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = NoteSigner(NoteKey.of_member(NGO.member_id, _KEY.public_key().public_bytes_raw()), _KEY.sign)


class _Self:
    """Signs and seals for this node. How that is done writes nothing: other tests look at it."""

    member_id = NGO.member_id

    def sign(self, label: bytes, data: bytes) -> bytes:
        return _KEY.sign(label + data)

    def sealer(self, *_about: object) -> Callable[[object, bytes], bytes]:
        return self._sealed

    @staticmethod
    def _sealed(_place: object, plaintext: bytes) -> bytes:
        return plaintext


def small_content(version: int) -> bytes:
    """What the small file holds in one of its versions: longer than a page, and different throughout."""
    return bytes([version]) * (5000 + version)


def furnish(folder: Path) -> None:
    """Make the folder that all children begin with. The agreement lies in it, since cards differ from process to
    process: ECDSA signatures are random."""
    state = StateDir(folder)
    state.create()
    (folder / "datasets").mkdir(mode=0o700)
    (folder / MANIFEST).write_bytes(agreement(now=MOMENT).canonical())
    KeyRing.create(state.key, secret(), os.urandom, cost=CHEAP).close()
    Desk(folder).close()


class Desk:
    """A node's store and what writes to it, in `folder`; opening it is part of what is broken."""

    def __init__(self, folder: Path) -> None:
        state = StateDir(folder)
        state.check()
        self.folder = folder
        self.clock = ManualClock(MOMENT)
        self.keys = KeyRing.open(state.key, secret())
        self.store = Store.open(state.database_url, self.keys, clock=self.clock)
        self.audit = AuditLog(self.store, SIGNER, self.clock)
        self.book = RoundBook(self.store)
        self.inbox = Inbox(self.store, most_waiting=100)
        self.outbox = Outbox(self.store, _Self(), _Self())  # type: ignore[arg-type]
        self.budget = Budget(self.store, self.clock, Limits(20_000, 100_000, 10))
        self.spools = SpoolFolder(state.spools, self.keys.subkey(b"spools"))
        self.manifest = Manifest.parse((folder / MANIFEST).read_bytes())
        self.round_id = self.manifest.digest()[:16].hex()

    def close(self) -> None:
        self.store.close()
        self.keys.close()


# The work. Each step gives what it has got to the disk, as a word and a number, when the call that promises it is back.
# A step that was refused may be taken once more, so each leaves alone what is there already.


def _enter(desk: Desk, number: int) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        position = desk.audit.append(tx, "results-read", round_id=f"{number:032x}", by="ada")
    return "entry", position


def _round(desk: Desk) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        desk.book.add(tx, desk.manifest, me=NGO.member_id)
        desk.audit.append(tx, "round-proposed", round_id=desk.round_id, by="ada")
    return "round", 1


def _receive(desk: Desk, sequence: int) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        desk.inbox.put(tx, letter(desk.round_id, sequence), lambda envelope: envelope.payload)
    return "inbox", sequence


def letter(round_id: str, sequence: int) -> Envelope:
    """As it came; who signed is checked at the door, which is not a part of this."""
    payload = bytes([sequence]) * 3000
    return Envelope(round_id, POLICE.member_id, NGO.member_id, sequence, EnvelopeKind.SIGNATURE, payload)


def _say(desk: Desk, number: int) -> tuple[str, int]:
    """The snapshot and the message that it made, together, as the engine stores them."""
    sequence = PROTOCOL_LINE + number
    with desk.store.transaction() as tx:
        desk.book.save_snapshot(tx, desk.round_id, bytes([number]) * 500)
        desk.outbox.put(
            tx,
            round_id=desk.round_id,
            recipient=POLICE.member_id,
            kind=EnvelopeKind.ROUND,
            payload=bytes([number]) * 9000,
        )
    ((_row, said),) = [one for one in desk.outbox.next(desk.round_id, POLICE.member_id) if one[1].sequence == sequence]
    return "outbox", said.sequence - PROTOCOL_LINE


def _move(desk: Desk) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        if desk.book.state(tx, desk.round_id) is RoundState.PROPOSED:
            desk.book.move(tx, desk.round_id, RoundState.AGREED)
            desk.audit.append(tx, "round-signed", round_id=desk.round_id, by="ada")
    return "agreed", 1


def _charge(desk: Desk) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        if desk.budget.charge(tx, POLICE.member_id, desk.round_id, "answer", 64, cap=20_000):
            desk.audit.append(tx, "budget-charged", round_id=desk.round_id, peer=POLICE.member_id, elements=64)
    return "charge", 64


def _checkpoint(desk: Desk) -> tuple[str, int]:
    with desk.store.transaction() as tx:
        return "checkpoint", desk.audit.checkpoint(tx).tree_size


def _new_list(desk: Desk) -> tuple[str, int]:
    if "round.mine" not in desk.spools.names():
        desk.spools.create("round.mine", 32).close()
    return "list", 0


def _write_list(desk: Desk, rows: int) -> tuple[str, int]:
    spool = desk.spools.open("round.mine")
    try:
        if spool.rows < rows:
            spool.append(CHUNK if rows == CHUNK_ROWS else CHUNK[: 32 * LAST_ROWS])
            spool.flush()
        return "list", spool.rows
    finally:
        spool.close()


def _cut_list(desk: Desk) -> tuple[str, int]:
    spool = desk.spools.open("round.mine")
    try:
        spool.truncate(CHUNK_ROWS)
        return "list", spool.rows
    finally:
        spool.close()


def _drop_list(desk: Desk) -> tuple[str, int]:
    desk.spools.delete("round.mine")
    return "dropped", 1


def _replace(desk: Desk, version: int) -> tuple[str, int]:
    replace_file(desk.folder / "small", small_content(version))
    return "small", version


def _records(desk: Desk) -> tuple[str, int]:
    """A prepared data set's file, which is not a spool."""
    with RecordWriter(desk.folder / "datasets", "0001", desk.store.cells) as writer:
        for number in range(300):
            writer.append(b'{"number":%d}' % number)
        writer.finish()
    return "records", 300


STEPS: tuple[Callable[[Desk], tuple[str, int]], ...] = (
    partial(_enter, number=1),
    _round,
    partial(_receive, sequence=1),
    partial(_receive, sequence=2),
    _move,
    _new_list,
    partial(_write_list, rows=CHUNK_ROWS),
    partial(_write_list, rows=CHUNK_ROWS + LAST_ROWS),
    _cut_list,
    partial(_say, number=1),
    _charge,
    partial(_say, number=2),
    *(partial(_replace, version=version) for version in range(1, VERSIONS + 1)),
    _records,
    partial(_enter, number=2),
    _checkpoint,
    _drop_list,
    partial(_enter, number=3),
)
MAY_SAY_OSERROR = (_replace,)
"""`replace_file` leaves the sentence to its callers, and says so."""


def _work(folder: Path, say: Callable[..., None]) -> None:
    desk = _again_if_refused(lambda: Desk(folder), say, NodeError)
    for step in STEPS:
        plain = getattr(step, "func", step)
        errors = (NodeError, OSError) if plain in MAY_SAY_OSERROR else NodeError
        try:
            said = _again_if_refused(partial(step, desk), say, errors)
        except NodeError:
            # A connection that could open its file for reading only stays like that. The node starts anew.
            say(restarted=True)
            desk.close()
            desk = Desk(folder)
            said = step(desk)
        say(done=said)
    desk.close()
    say(done=("closed", 1))


def _again_if_refused(act: Callable[[], Any], say: Callable[..., None], errors: Any) -> Any:
    """Once more if the disk refused: by then it is well again."""
    try:
        return act()
    except errors as error:
        sentence = error.diagnostics() if isinstance(error, NodeError) else "OSError"
        say(refused=type(error).__name__, sentence=sentence)
        return act()


def _fails(act: Callable[[], object]) -> Callable[[], None]:
    def burn() -> None:
        with suppress(OSError):
            act()

    return burn


def _burners() -> dict[str, Callable[[], None]]:
    """An idle call of each kind: on /dev/null, or on a name that is not there."""
    nothing = os.open("/dev/null", os.O_WRONLY)
    nowhere = "/proc/self/nowhere"
    calls: dict[str, Callable[[], object]] = {
        "write": lambda: os.write(nothing, b""),
        "pwrite64": lambda: os.pwrite(nothing, b"", 0),
        "fsync": lambda: os.fsync(nothing),
        "fdatasync": lambda: os.fdatasync(nothing),
        "ftruncate": lambda: os.ftruncate(nothing, 0),
        "rename": lambda: os.rename(nowhere, nowhere),
        "unlink": lambda: os.unlink(nowhere),
        "openat": lambda: os.open(nowhere, os.O_RDONLY),
    }
    return {name: _fails(call) for name, call in calls.items()}


BURNERS = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "openat")


def _serve(link: socket.socket, sabotage: list[str]) -> Iterator[tuple[int, int]]:
    burners = _burners()
    if "no-fsync" in sabotage:
        os.fsync = lambda _descriptor: None
    if "no-commit-flush" in sabotage:
        import node.store._sqlite as sqlite

        settings = tuple(one.replace("synchronous=FULL", "synchronous=OFF") for one in sqlite._WRITER_SETTINGS)
        sqlite._WRITER_SETTINGS = settings
    while order := link.recv(1 << 16):
        asked = json.loads(order)
        child = os.fork()
        if child == 0:
            try:
                for name, count in asked["burn"].items():
                    for _ in range(count):
                        burners[name]()
                _work(Path(asked["folder"]), lambda **words: _tell(link, words))
            except BaseException as error:  # noqa: BLE001 - told, and then over
                _tell(link, {"broke": f"{type(error).__name__}: {error}"})
                os._exit(3)
            os._exit(0)
        yield child, os.waitpid(child, 0)[1]


def _tell(link: socket.socket, words: dict[str, Any]) -> None:
    link.send(json.dumps(words).encode())


def main(descriptor: int, sabotage: list[str]) -> None:
    """Serve orders until the other end hangs up."""
    with socket.socket(fileno=descriptor) as link:
        for child, status in _serve(link, sabotage):
            _tell(link, {"ended": os.waitstatus_to_exitcode(status), "child": child})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
