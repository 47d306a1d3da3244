"""Four eyes: what one person asked for and another one has to approve.

    (nothing) --ask--> waiting --approve, by somebody else--> approved
                               --decline-------------------> declined
    (nothing) --override-----> overridden                       done at once, in urgent danger, by one person
                               --approve or decline, by somebody else--> approved or declined, afterwards

What is approved is the **digest** of exactly what was asked: if one byte of it changes, nobody has approved it, and it
has to be asked for again. The second person is another one than whoever asked or overrode; where staff is registered
it also needs the role that goes with the subject (`node.staff.roles.SECOND`), and the table of operations has checked
who it is. An overridden decision stays in `waiting()` until somebody has looked at it, whatever was done meanwhile.

Each step puts its entry into the audit log first, in the caller's transaction. What follows from an approval is told
by `when`: it happens in the very transaction that stores the approval, whichever command gave it. Rows are sealed as a
whole, so that whoever writes into the database without a key approves nothing; he can delete rows, which are then not
approved.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection, RowMapping, bindparam, select

from node.clock import Clock, timestamp
from node.errors import NotAllowed, NotFound, StateDamaged, UserError
from node.staff.roles import SECOND, Role, Subject
from node.store import Store
from node.store.schema import approvals
from node.wire.strict_json import canonical

__all__ = ["DIGEST_BYTES", "Approval", "Approvals", "AuditTrail", "Effect", "Holders"]

DIGEST_BYTES = 32
"""Least length of a digest that is approved, in bytes; the log holds the first so many."""


# Made once: every decision about a budget asks for what was approved.
_OF_SUBJECT = (
    select(approvals)
    .where(approvals.c.subject == bindparam("subject"), approvals.c.subject_id == bindparam("id"))
    .order_by(approvals.c.id)
)


class AuditTrail(Protocol):
    """What is needed here of node.audit, which stands above."""

    def append(self, tx: Connection, event: str, **facts: str | int | bool) -> int: ...


class Holders(Protocol):
    """Who holds which role (`node.staff.roster.Roster`)."""

    def demand(self, tx: Connection, label: str, role: Role) -> None:
        """NotAllowed if staff is registered and this is nobody active with that role."""
        ...


@dataclass(frozen=True)
class Approval:
    """One line. `number` names it on the command line. `decided_by`: who approved or declined; of an overridden one,
    which nobody has looked at yet, None."""

    number: int
    subject: Subject
    subject_id: str
    digest: bytes = field(repr=False)
    asked_by: str
    asked_at: str
    verdict: str
    decided_by: str | None = None
    decided_at: str | None = None

    @property
    def overdue(self) -> bool:
        """Was it done without the second person, who has not looked at it yet?"""
        return self.verdict == "overridden"

    @property
    def open(self) -> bool:
        """Does it wait for a second person?"""
        return self.verdict in ("waiting", "overridden")


Effect = Callable[[Connection, Approval], None]
"""What follows from an approval, in its transaction. Raising undoes the approval."""


class Approvals:
    """The approvals of one node. Everything that changes them happens in the caller's transaction."""

    def __init__(self, store: Store, audit: AuditTrail, clock: Clock, holders: Holders) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._holders = holders
        self._effects: dict[Subject, Effect] = {}

    def when(self, subject: Subject, effect: Effect) -> None:
        """What an approval of this subject does; one effect a subject, told once, when the node is built."""
        self._effects[subject] = effect

    def ask(self, tx: Connection, subject: str, subject_id: str, digest: bytes, by: str) -> Approval:
        """Somebody wants this, exactly as it was digested. An earlier, different wish about the same is dropped.

        Raises UserError if just this waits already.
        """
        self._drop_earlier(tx, Subject(subject), subject_id, digest, by)
        return self._add(tx, Subject(subject), subject_id, digest, by, "waiting")

    def override(self, tx: Connection, subject: str, subject_id: str, digest: bytes, by: str) -> Approval:
        """One person does it alone because somebody is in danger. It is logged, and stands as overdue until another
        person has looked at it."""
        self._drop_earlier(tx, Subject(subject), subject_id, digest, by, repeated=True)
        return self._add(tx, Subject(subject), subject_id, digest, by, "overridden")

    def approve(
        self, tx: Connection, subject: str, subject_id: str, digest: bytes, by: str, *, role: Role | None = None
    ) -> Approval:
        """A second person says yes, and what follows from it happens. `role`: another one than `SECOND` names.

        Raises NotFound if just this was not asked for, NotAllowed for whoever asked for it, or without the role.
        """
        return self._decide(tx, Subject(subject), subject_id, digest, by, role, "approved")

    def decline(
        self, tx: Connection, subject: str, subject_id: str, digest: bytes, by: str, *, role: Role | None = None
    ) -> Approval:
        """A second person says no. Raises as `approve`, except that whoever asked may also take it back."""
        return self._decide(tx, Subject(subject), subject_id, digest, by, role, "declined")

    def drop(self, tx: Connection, subject: str, subject_id: str, by: str) -> None:
        """What was asked for about this has no sense any more, for example because the whole was refused."""
        for line in self.history(subject, subject_id):
            if line.verdict == "waiting":
                self._audit.append(tx, "approval-declined", by=by, **_facts(line.subject, line.subject_id, line.digest))
                self._store_verdict(tx, line, "declined", by)

    def waiting(self) -> list[Approval]:
        """What waits for a second person, and what was done without one; the oldest first."""
        return self._select(approvals.c.verdict.in_(("waiting", "overridden")))

    def history(self, subject: str, subject_id: str) -> list[Approval]:
        """Everything that was ever asked about this, the oldest first."""
        with self._store.read() as connection:
            rows = connection.execute(_OF_SUBJECT, {"subject": str(subject), "id": subject_id}).mappings().all()
            return [self._line(row) for row in rows]

    def latest(self, subject: str, subject_id: str) -> Approval | None:
        """The last that was asked about this, whatever became of it."""
        found = self.history(subject, subject_id)
        return found[-1] if found else None

    def approved(self, subject: str, subject_id: str, digest: bytes) -> Approval | None:
        """The approval of exactly this, if it is the last word about it."""
        last = self.latest(subject, subject_id)
        return last if last is not None and last.verdict == "approved" and last.digest == digest else None

    def numbered(self, number: int) -> Approval:
        """The line with this number; NotFound if there is none."""
        found = self._select(approvals.c.id == number)
        if not found:
            raise NotFound("Nothing of that number was asked for.", advice="`blindmatch approval list` shows what is.")
        return found[0]

    def _add(self, tx: Connection, subject: Subject, subject_id: str, digest: bytes, by: str, verdict: str) -> Approval:
        if len(digest) < DIGEST_BYTES:
            raise ValueError("what is approved is named by a digest")
        event = "approval-asked" if verdict == "waiting" else "approval-overridden"
        self._audit.append(tx, event, by=by, **_facts(subject, subject_id, digest))
        line = Approval(0, subject, subject_id, digest, by, timestamp(self._clock.now()), verdict)
        values = _columns(line)
        made = tx.execute(approvals.insert().values(**values, seal=self._seal(line))).inserted_primary_key
        return _renumbered(line, int(made[0]) if made else 0)

    def _drop_earlier(
        self, tx: Connection, subject: Subject, subject_id: str, digest: bytes, by: str, *, repeated: bool = False
    ) -> None:
        for line in self.history(subject, subject_id):
            if line.verdict == "waiting" and line.digest == digest and not repeated:
                raise UserError(
                    f"{line.asked_by} has asked for this already; it waits for a second person.",
                    advice=f"Somebody else approves it: blindmatch approval approve {line.number} --by NAME",
                )
        self.drop(tx, subject, subject_id, by)

    def _decide(
        self, tx: Connection, subject: Subject, subject_id: str, digest: bytes, by: str, role: Role | None, verdict: str
    ) -> Approval:
        line = self.latest(subject, subject_id)
        if line is None or not line.open or line.digest != digest:
            raise NotFound(
                "Nothing of this kind waits for a second person, or what was asked for has changed since.",
                advice="`blindmatch approval list` shows what waits.",
            )
        same = line.asked_by.casefold() == by.casefold()
        if same and (verdict == "approved" or line.overdue):
            raise NotAllowed(
                f"{line.asked_by} asked for this, so somebody else has to decide it.",
                advice="Let a colleague look at it, and run this under their own label.",
            )
        if not same:
            self._holders.demand(tx, by, role or SECOND[subject])
        event = "approval-given" if verdict == "approved" else "approval-declined"
        self._audit.append(tx, event, by=by, **_facts(subject, subject_id, digest))
        decided = self._store_verdict(tx, line, verdict, by)
        # What was overridden has happened already.
        if verdict == "approved" and not line.overdue and (effect := self._effects.get(subject)) is not None:
            effect(tx, decided)
        return decided

    def _store_verdict(self, tx: Connection, line: Approval, verdict: str, by: str) -> Approval:
        decided = Approval(
            line.number, line.subject, line.subject_id, line.digest, line.asked_by, line.asked_at, verdict, by,
            timestamp(self._clock.now()),
        )  # fmt: skip
        values = {**_columns(decided), "seal": self._seal(decided)}
        tx.execute(approvals.update().where(approvals.c.id == line.number).values(**values))
        return decided

    def _select(self, *conditions: Any) -> list[Approval]:
        with self._store.read() as connection:
            rows = connection.execute(select(approvals).where(*conditions).order_by(approvals.c.id)).mappings().all()
            return [self._line(row) for row in rows]

    def _line(self, row: RowMapping) -> Approval:
        line = Approval(
            row["id"], Subject(row["subject"]), row["subject_id"], row["digest"], row["asked_by"], row["asked_at"],
            row["verdict"], row["decided_by"], row["decided_at"],
        )  # fmt: skip
        plain = self._store.cells.unseal("approvals", _place(line), "seal", row["seal"])
        if plain != _content(line):
            raise StateDamaged(
                "An approval was changed outside the program.",
                advice="Find out who can write to the folder, and restore it from a backup.",
            )
        return line

    def _seal(self, line: Approval) -> bytes:
        return self._store.cells.seal("approvals", _place(line), "seal", _content(line))


def _columns(line: Approval) -> dict[str, Any]:
    return {
        "subject": line.subject.value,
        "subject_id": line.subject_id,
        "digest": line.digest,
        "asked_by": line.asked_by,
        "asked_at": line.asked_at,
        "verdict": line.verdict,
        "decided_by": line.decided_by,
        "decided_at": line.decided_at,
    }


def _content(line: Approval) -> bytes:
    """What is sealed: the whole line but for its number, which the database chooses after it is sealed."""
    return canonical({**_columns(line), "digest": line.digest.hex()})


def _place(line: Approval) -> str:
    return f"{line.subject.value}/{line.subject_id}"


def _renumbered(line: Approval, number: int) -> Approval:
    return Approval(number, line.subject, line.subject_id, line.digest, line.asked_by, line.asked_at, line.verdict)


def _facts(subject: Subject, subject_id: str, digest: bytes) -> dict[str, str]:
    """What the log may say of it: which round or member, and the digest; never a label of somebody who is not there."""
    facts = {"kind": subject.value, "digest": digest[:DIGEST_BYTES].hex()}
    if subject is Subject.ROUND_SIGN:
        facts["round_id"] = subject_id
    elif subject in (Subject.UNFREEZE, Subject.CHILDREN_MEMBER):
        facts["member"] = subject_id
    return facts
