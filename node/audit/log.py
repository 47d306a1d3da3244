"""The audit log: what this node did, in order, in a form that cannot be changed unnoticed.

Life of an entry:

    append(tx, event, facts)  in the transaction of the step it records, before anything is disclosed
      body = canonical JSON (RFC 8785) of position, time, event, facts; leaf = RFC 6962 leaf hash of the body
      among the facts a salt of 16 random bytes: proofs show hashes of neighbouring entries to other members, and
      without it who knows the form of an entry could find its numbers by trying
    checkpoint(tx)            signs (number of entries, root); goes to the peer in Open and Close of a round
    verify()                  recomputes everything from the bodies: see verify.py

Events are a closed list (`Event`), facts too (`node.facts`): no entry can hold an identifier, a record reference or
free text. An entry is in the same transaction as the change it records, so neither exists without the other.

Not promised: that the node tells the truth about itself. Whoever has the node's keys can rewrite its log, all of it
after the last checkpoint that a peer keeps; what lies before that checkpoint they cannot.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import rfc8785
from sqlalchemy import Connection, func, select

from node.audit.checkpoint import Checkpoint, NoteKey, NoteSigner
from node.audit.merkle import RightEdge, Tree, leaf_hash
from node.audit.verify import Report, verify_log
from node.clock import Clock, timestamp
from node.errors import UserError
from node.facts import Fact, check_fact, is_staff_label
from node.ids import RandomBytes, new_id
from node.store import Store
from node.store.schema import audit_entries, checkpoints

__all__ = ["MAX_ENTRIES_READ", "SALT", "AuditLog", "Entry", "Event"]

MAX_ENTRIES_READ = 1000
"""Entries given out at once, in number."""

SALT = "salt"
"""The fact that every entry has and that says nothing."""

# Made once: every entry begins with it.
_LAST = select(audit_entries.c.position, audit_entries.c.leaf_hash).order_by(audit_entries.c.position.desc()).limit(1)


class Event(StrEnum):
    """Everything the log can say."""

    NODE_CREATED = "node-created"
    NODE_STARTED = "node-started"
    NODE_STOPPED = "node-stopped"
    NODE_RESTORED = "node-restored"
    NODE_UPGRADED = "node-upgraded"
    DATABASE_MOVED = "database-moved"
    BACKUP_MADE = "backup-made"
    PASSPHRASE_CHANGED = "passphrase-changed"  # noqa: S105  the name of an event
    KEY_SPLIT = "key-split"
    KEY_RECOVERED = "key-recovered"
    KEY_ROTATED = "key-rotated"
    STAFF_HANDOVER = "staff-handover"
    CARD_RENEWED = "card-renewed"
    MEMBER_ADDED = "member-added"
    MEMBER_CONFIRMED = "member-confirmed"
    MEMBER_RENEWAL_ADDED = "member-renewal-added"
    MEMBER_RENEWED = "member-renewed"
    MEMBER_REMOVED = "member-removed"
    MEMBER_LEFT = "member-left"
    MEMBER_REACH_SET = "member-reach-set"
    DATASET_ADDED = "dataset-added"
    DATASET_REFRESHED = "dataset-refreshed"
    DATASET_REMOVED = "dataset-removed"
    STOP_LIST_CHANGED = "stop-list-changed"
    STOP_LIST_READ = "stop-list-read"
    ROUND_PROPOSED = "round-proposed"
    ROUND_RECEIVED = "round-received"
    ROUND_SIGNED = "round-signed"
    ROUND_REFUSED = "round-refused"
    ROUND_STARTED = "round-started"
    LIST_COMMITTED = "list-committed"
    BUDGET_CHARGED = "budget-charged"
    ANSWER_SENT = "answer-sent"
    OVERLAP_LEARNED = "overlap-learned"
    COUNT_SENT = "count-sent"
    COUNT_RECEIVED = "count-received"
    RELEASE_DECIDED = "release-decided"
    RELEASE_SENT = "release-sent"
    RELEASE_RECEIVED = "release-received"
    ROUND_CLOSED = "round-closed"
    ROUND_FAILED = "round-failed"
    ROUND_CANCELLED = "round-cancelled"
    RESULTS_READ = "results-read"
    PEER_BLAMED = "peer-blamed"
    CALL_REFUSED = "call-refused"
    POLICY_REFUSED = "policy-refused"
    STAFF_ADDED = "staff-added"
    STAFF_REMOVED = "staff-removed"
    STAFF_SIGNED_IN = "staff-signed-in"
    STAFF_REFUSED = "staff-refused"
    APPROVAL_ASKED = "approval-asked"
    APPROVAL_GIVEN = "approval-given"
    APPROVAL_DECLINED = "approval-declined"
    APPROVAL_OVERRIDDEN = "approval-overridden"
    SETTINGS_CHANGED = "settings-changed"
    POLICY_CHANGED = "policy-changed"
    MEMBER_CHILDREN_SET = "member-children-set"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    RECORDS_WITHHELD = "records-withheld"
    GRANT_ASKED = "grant-asked"
    GRANT_APPROVED = "grant-approved"
    GRANT_REVOKED = "grant-revoked"
    LIST_REFUSED = "list-refused"
    RECORDS_EXPOSED_AGAIN = "records-exposed-again"
    TRIPWIRE_HIT = "tripwire-hit"
    MEMBER_FROZEN = "member-frozen"
    MEMBER_UNFROZEN = "member-unfrozen"
    CHECKPOINT_COSIGNED = "checkpoint-cosigned"
    COSIGNATURE_RECEIVED = "cosignature-received"
    COSIGNATURE_REFUSED = "cosignature-refused"
    CHECKPOINT_STAMPED = "checkpoint-stamped"
    AUDIT_READ = "audit-read"
    AUDIT_EXPORTED = "audit-exported"
    AUDIT_RECONCILED = "audit-reconciled"
    CERTIFICATE_MADE = "certificate-made"
    REPORT_MADE = "report-made"
    LEAD_REVIEWED = "lead-reviewed"
    FEEDBACK_SENT = "feedback-sent"
    FEEDBACK_RECEIVED = "feedback-received"
    DIFFERENT_NOTED = "different-noted"
    CONTACT_OFFERED = "contact-offered"
    CONTACT_GIVEN = "contact-given"
    CONTACT_RECEIVED = "contact-received"
    CONTACT_WITHDRAWN = "contact-withdrawn"
    RESULTS_ERASED = "results-erased"
    RECORD_ERASED = "record-erased"


@dataclass(frozen=True)
class Entry:
    """One entry as it was written."""

    position: int
    time: str
    event: Event
    facts: Mapping[str, Fact]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Entry":
        """The entry of a body that was read, without its salt."""
        facts = {name: value for name, value in body["facts"].items() if name != SALT}
        return cls(body["position"], body["time"], Event(body["event"]), facts)


class AuditLog:
    """The log of one node. Appending and checkpointing happen inside the caller's transaction."""

    def __init__(self, store: Store, signer: NoteSigner, clock: Clock, random_bytes: RandomBytes = os.urandom) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._random_bytes = random_bytes
        # The right edge of the tree after the entry with this leaf hash; see _edge_of.
        self._edge = RightEdge()
        self._last_leaf: bytes | None = None

    def append(self, tx: Connection, event: str, **facts: Fact) -> int:
        """Write an entry and give its position.

        Raises ValueError for an event or fact that is not on the list or does not have its shape (a mistake in the
        code), UserError for a staff label that cannot be one.
        """
        labels = [facts[name] for name in ("by", "second", "leaving", "joining") if name in facts]
        if any(isinstance(label, str) and not is_staff_label(label) for label in labels):
            raise UserError(
                "A staff label must begin with a letter and hold letters, points, dashes and at most four digits.",
                advice="Use a short label that your organisation knows, such as a first name or a role.",
            )
        for name, value in facts.items():
            check_fact(name, value)
        edge = self._edge_of(tx)
        position, time = edge.size, timestamp(self._clock.now())
        salted = {**facts, SALT: new_id(self._random_bytes)}
        body = rfc8785.dumps({"position": position, "time": time, "event": Event(event).value, "facts": salted})
        leaf = leaf_hash(body)
        tx.execute(audit_entries.insert().values(position=position, at=time, body=body.decode(), leaf_hash=leaf))
        edge.append(leaf)
        self._last_leaf = leaf
        return position

    def checkpoint(self, tx: Connection) -> Checkpoint:
        """A signed checkpoint of the log as it stands in this transaction; the stored one if nothing was added."""
        edge = self._edge_of(tx)
        stored = tx.execute(select(checkpoints).where(checkpoints.c.tree_size == edge.size)).first()
        if stored is not None:
            return Checkpoint(stored.tree_size, stored.root, stored.signature)
        made = Checkpoint.signed(edge.size, edge.root(), self._signer)
        tx.execute(
            checkpoints.insert().values(
                tree_size=made.tree_size,
                root=made.root,
                signature=made.signature,
                at=timestamp(self._clock.now()),
            )
        )
        return made

    @property
    def key(self) -> NoteKey:
        """Whose log it is."""
        return self._signer.key

    def tree(self, connection: Connection) -> Tree:
        """The whole tree, to make proofs from: some 100 bytes of memory for each entry, for as long as it is kept."""
        leaves = select(audit_entries.c.leaf_hash).order_by(audit_entries.c.position)
        return Tree(connection.execute(leaves).scalars().all())

    def size(self) -> int:
        """Entries in the log."""
        with self._store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(audit_entries)).scalar_one())

    def entries(self, *, first: int = 0, limit: int = MAX_ENTRIES_READ) -> list[Entry]:
        """Entries from position `first` on, at most `limit` of them, as they stand: `verify` says if they are sound."""
        rows = (
            select(audit_entries.c.body)
            .where(audit_entries.c.position >= first)
            .order_by(audit_entries.c.position)
            .limit(min(limit, MAX_ENTRIES_READ))
        )
        with self._store.read() as connection:
            bodies = [json.loads(body) for body in connection.execute(rows).scalars()]
        return [Entry.of(body) for body in bodies]

    def verify(self, remembered: Iterable[Checkpoint] = ()) -> Report:
        """Recompute the log and compare it with its checkpoints, and with those that others remember of it."""
        with self._store.read() as connection:
            return verify_log(connection, self._signer.key, remembered)

    def _edge_of(self, tx: Connection) -> RightEdge:
        """The right edge of the log in this transaction.

        The one in memory is right unless the transaction that wrote it was rolled back (or the node just started).
        Position and hash of the last entry tell: an entry holds its position and a log only grows.
        """
        last = tx.execute(_LAST).first()
        found = (last.position + 1, last.leaf_hash) if last else (0, None)
        if found != (self._edge.size, self._last_leaf):
            edge = RightEdge()
            leaves = select(audit_entries.c.leaf_hash).order_by(audit_entries.c.position)
            for leaf in tx.execute(leaves).scalars():
                edge.append(leaf)
            self._edge, self._last_leaf = edge, found[1]
        return self._edge
