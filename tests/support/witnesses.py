"""Two audit logs whose owners witness each other, without rounds and nodes around them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from node.audit import AuditLog, Checkpoint, NoteKey, NoteSigner
from node.audit.witness import ShrunkenLog, Witness
from node.audit.witness_notes import Ask, Cannot, Cosigned, Note, Show, read_note
from node.identity.cards import member_id_of
from node.store.schema import audit_entries, checkpoints, cosignatures
from tests.support.stores import SmallNode, small_node

__all__ = ["Office", "meet", "office", "rows_of"]


@dataclass
class Office:
    """A log, its owner's key, and what it witnesses."""

    node: SmallNode
    signer: NoteSigner
    audit: AuditLog = field(init=False)
    witness: Witness = field(init=False)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """As after a start: nothing in memory."""
        self.audit = AuditLog(self.node.store, self.signer, self.node.clock)
        self.witness = Witness(self.audit, self.signer, self.node.clock)

    @property
    def member_id(self) -> str:
        return self.signer.key.name.removeprefix("blindmatch/")

    @property
    def card(self) -> Any:
        """As the other side has it."""
        return SimpleNamespace(member_id=self.member_id, identity_key=self.signer.key.public_key)

    def grow(self, entries: int = 3) -> None:
        with self.node.store.transaction() as tx:
            for number in range(entries):
                self.node.clock.advance(60)
                self.audit.append(tx, "budget-charged", elements=number)

    def checkpoint(self) -> Checkpoint:
        with self.node.store.transaction() as tx:
            return self.audit.checkpoint(tx)

    def show(self, other: "Office", moment: str, checkpoint: Checkpoint) -> Show:
        with self.node.store.read() as connection:
            return self.witness.showing(connection, other.member_id, moment, checkpoint)

    def cut(self, size: int) -> None:
        """Somebody who can write the database takes everything after `size` entries away."""
        with self.node.store.transaction() as tx:
            tx.execute(audit_entries.delete().where(audit_entries.c.position >= size))
            tx.execute(checkpoints.delete().where(checkpoints.c.tree_size > size))
        self.reopen()

    def restore(self, size: int) -> None:
        """As `node.keeping.restore` leaves a log."""
        self.cut(size)
        with self.node.store.transaction() as tx:
            tx.execute(cosignatures.delete().where(cosignatures.c.log == "ours", cosignatures.c.tree_size > size))
            self.audit.append(tx, "node-restored", by="anna", tree_size=size, digest="0" * 64, rounds=0)

    def size(self) -> int:
        return self.audit.size()


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    signer = NoteSigner(NoteKey.of_member(member_id_of(public), public), key.sign)
    with small_node(folder, signer=signer) as node:
        yield Office(node, signer)


def meet(owner: Office, watcher: Office, round_id: str, moment: str = "open", note: Note | None = None) -> str:
    """The owner shows its log as it stands (or `note`); both talk until nobody has anything to say.

    How it ended: "cosigned", or "unproven"; ShrunkenLog if the watcher refuses it, with the evidence kept.
    """
    note = note or owner.show(watcher, moment, owner.checkpoint())
    for _turn in range(4):
        note = read_note(note.to_bytes())
        answer: Note | None = None
        try:
            with watcher.node.store.transaction() as tx:
                if isinstance(note, Show):
                    answer = watcher.witness.shown(tx, owner.card, round_id, note)
                else:
                    assert isinstance(note, Cannot)
                    watcher.witness.cannot(tx, owner.card, round_id, note)
        except ShrunkenLog as error:
            with watcher.node.store.transaction() as tx:
                watcher.witness.keep_evidence(tx, owner.member_id, round_id, error)
            raise
        if answer is None:
            return "known"
        answer = read_note(answer.to_bytes())
        if isinstance(answer, Cosigned):
            with owner.node.store.transaction() as tx:
                owner.witness.received(tx, watcher.card, round_id, answer)
            return "cosigned"
        assert isinstance(answer, Ask)
        with owner.node.store.read() as connection:
            again = owner.witness.asked(connection, answer)
        if again is None:
            return "unproven"
        note = again
    return "unproven"


def rows_of(here: Office, log: str) -> list[Any]:
    with here.node.store.read() as connection:
        return list(connection.execute(select(cosignatures).where(cosignatures.c.log == log)))
