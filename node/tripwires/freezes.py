"""Members that nothing is exchanged with, until two people have decided that it may go on.

    hit in a round  --freeze--+
    one person      --hold----+--> frozen --ask, by one person; approval, by another--> lifted

A freeze is a row for each round with a hit, or one that a person made on suspicion, with an id of its own in place of a
round's: to stop takes one person, to go on takes two. The evidence of a hit is sealed: the decoys that were met, how
many were laid, and the opening by which the other side bound itself to its list. Who made and who lifted a freeze is
sealed there, too: whoever can write the database, but has no key, unfreezes nobody; he can delete the row, and the
audit log then shows what is missing.

What is approved is the digest of the freezes that stand: if one more comes before the second person has decided, it has
to be asked for again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection, RowMapping, select

from node.clock import Clock, timestamp
from node.errors import StateDamaged, UserError
from node.identity.admission import staff_label
from node.identity.members import Member, MemberBook, MemberState
from node.staff import Approval, Approvals, Subject
from node.store import Store
from node.store.schema import freezes
from node.tripwires.decoys import Decoy
from node.wire.strict_json import canonical

__all__ = ["BY_HAND", "TRIPWIRE", "AuditTrail", "Freeze", "FreezeBook", "Hit"]

TRIPWIRE, BY_HAND = "tripwire-hit", "by-hand"
"""Why a member is frozen: it asked about decoys, or a person here wants to ask first."""


_ALL = select(freezes).order_by(freezes.c.id)  # made once: every step of a round asks


class AuditTrail(Protocol):
    """What is needed here of node.audit, which stands beside."""

    def append(self, tx: Connection, event: str, **facts: str | int | bool) -> int: ...


@dataclass(frozen=True)
class Hit:
    """What a round met. `met`: the decoys that the other side asked about; `laid`: how many of each kind there were;
    `opening`: the message by which the other side bound itself to its list; `answered`: had we answered it by then?"""

    met: Sequence[Decoy] = field(repr=False)
    laid: Mapping[str, int]
    opening: bytes = field(default=b"", repr=False)
    answered: bool = False
    by: str = ""
    """Who froze the member where no round did; the rest is empty then."""

    @property
    def met_by_kind(self) -> dict[str, int]:
        return dict(sorted(Counter(decoy.kind for decoy in self.met).items()))

    @property
    def free(self) -> int:
        """Telephone decoys met in ranges that no operator has."""
        return sum(decoy.free for decoy in self.met)


@dataclass(frozen=True)
class Freeze:
    """One row. `lifted_by` asked for the end of it and `lifted_second` approved; None while it stands."""

    member_id: str
    round_id: str
    reason: str
    hit: Hit
    frozen_at: str
    lifted_by: str | None
    lifted_second: str | None
    lifted_at: str | None

    @property
    def stands(self) -> bool:
        return self.lifted_at is None


class FreezeBook:
    """Safe for several threads; what changes it happens in a transaction with its audit entry."""

    def __init__(
        self, store: Store, audit: AuditTrail, clock: Clock, members: MemberBook, approvals: Approvals
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._members = members
        self._approvals = approvals
        approvals.when(Subject.UNFREEZE, self._lift)

    def freeze(self, tx: Connection, member_id: str, round_id: str, hit: Hit) -> None:
        """Keep the evidence, and exchange nothing more with this member. Once a round: the first hit stands."""
        place = (freezes.c.member_id == member_id) & (freezes.c.round_id == round_id)
        if tx.execute(select(freezes.c.id).where(place)).first() is not None:
            return
        facts = {"round_id": round_id, "peer": member_id}
        self._audit.append(tx, "tripwire-hit", hits=len(hit.met), **facts)
        self._audit.append(tx, "member-frozen", round_id=round_id, member=member_id, reason=TRIPWIRE)
        made = Freeze(member_id, round_id, TRIPWIRE, hit, timestamp(self._clock.now()), None, None, None)
        tx.execute(freezes.insert().values(**_columns(made), evidence=self._seal(made)))

    def hold(self, name: str, by: str) -> Member:
        """One person stops everything with a member; its rounds stay where they are. Raises NotFound for an unknown
        member, UserError for one that is removed, is a relay, or is held already."""
        person, now = staff_label(by), timestamp(self._clock.now())
        with self._store.transaction() as tx:
            member = self._members.get(name)
            if member.state is MemberState.REMOVED or member.is_relay:
                raise UserError(
                    f"{member.alias} takes part in no round, so there is nothing to stop.",
                    advice="`blindmatch member list` shows whom rounds can be with.",
                )
            if any(freeze.reason == BY_HAND for freeze in self._standing(tx, member.member_id)):
                raise UserError(f"{member.alias} is frozen already.", advice="Nothing has to be done.")
            named = canonical([member.member_id, person, now, len(self._select(tx))])
            own_id = hashlib.sha256(b"blindmatch/freeze-by-hand/1" + named).hexdigest()[:32]
            self._audit.append(tx, "member-frozen", member=member.member_id, reason=BY_HAND, by=person)
            made = Freeze(member.member_id, own_id, BY_HAND, Hit((), {}, by=person), now, None, None, None)
            tx.execute(freezes.insert().values(**_columns(made), evidence=self._seal(made)))
        return member

    def frozen(self, tx: Connection | None = None) -> frozenset[str]:
        """The member ids of all that are frozen now."""
        return frozenset(freeze.member_id for freeze in self._select(tx) if freeze.stands)

    def of(self, member_id: str) -> list[Freeze]:
        """Every freeze of a member, the oldest first."""
        return [freeze for freeze in self._select() if freeze.member_id == member_id]

    def of_round(self, round_id: str) -> Freeze | None:
        """The freeze that a round led to."""
        return next((freeze for freeze in self._select() if freeze.round_id == round_id), None)

    def ask(self, name: str, by: str) -> tuple[Member, Approval]:
        """One person says that the member may be dealt with again; a second one has to approve.

        Raises NotFound for an unknown member, UserError if it is not frozen or just this waits already.
        """
        member = self._members.get(name)
        with self._store.transaction() as tx:
            standing = self._standing(tx, member.member_id)
            if not standing:
                raise UserError(f"{member.alias} is not frozen.", advice="Nothing has to be done.")
            digest = _digest(standing)
            return member, self._approvals.ask(tx, Subject.UNFREEZE, member.member_id, digest, by)

    def _lift(self, tx: Connection, approval: Approval) -> None:
        """What follows from the second person's yes."""
        standing = self._standing(tx, approval.subject_id)
        if not standing or _digest(standing) != approval.digest:
            raise UserError(
                "Since this was asked for, another round met decoys, a person froze it, or it was lifted already.",
                advice="Look at `blindmatch member show`, and ask again with `blindmatch member unfreeze`.",
            )
        second, now = str(approval.decided_by), timestamp(self._clock.now())
        self._audit.append(tx, "member-unfrozen", member=approval.subject_id, by=approval.asked_by, second=second)
        for old in standing:
            lifted = Freeze(
                old.member_id, old.round_id, old.reason, old.hit, old.frozen_at, approval.asked_by, second, now
            )
            place = (freezes.c.member_id == old.member_id) & (freezes.c.round_id == old.round_id)
            tx.execute(freezes.update().where(place).values(**_columns(lifted), evidence=self._seal(lifted)))

    def _standing(self, tx: Connection, member_id: str) -> list[Freeze]:
        return [freeze for freeze in self._select(tx) if freeze.member_id == member_id and freeze.stands]

    def _select(self, tx: Connection | None = None) -> list[Freeze]:
        if tx is not None:
            return [self._freeze(row) for row in tx.execute(_ALL).mappings().all()]
        with self._store.read() as connection:
            return [self._freeze(row) for row in connection.execute(_ALL).mappings().all()]

    def _freeze(self, row: RowMapping) -> Freeze:
        place = f"{row['member_id']}/{row['round_id']}"
        said = json.loads(self._store.cells.unseal("freezes", place, "evidence", row["evidence"]))
        freeze = Freeze(
            row["member_id"], row["round_id"], row["reason"], _hit(said["hit"]), row["frozen_at"], row["lifted_by"],
            row["lifted_second"], row["lifted_at"],
        )  # fmt: skip
        if said["columns"] != _columns(freeze):
            raise StateDamaged(
                "A freeze of a member was changed outside the program.",
                advice="Find out who can write to the folder, and restore it from a backup.",
            )
        return freeze

    def _seal(self, freeze: Freeze) -> bytes:
        plain = canonical({"columns": _columns(freeze), "hit": _said(freeze.hit)})
        return self._store.cells.seal("freezes", f"{freeze.member_id}/{freeze.round_id}", "evidence", plain)


def _columns(freeze: Freeze) -> dict[str, Any]:
    names = ("member_id", "round_id", "reason", "frozen_at", "lifted_by", "lifted_second", "lifted_at")
    return {name: getattr(freeze, name) for name in names}


def _said(hit: Hit) -> dict[str, Any]:
    return {
        "met": [[decoy.kind, decoy.key, decoy.value, decoy.free] for decoy in hit.met],
        "laid": dict(hit.laid),
        "opening": hit.opening.hex(),
        "answered": hit.answered,
        **({"by": hit.by} if hit.by else {}),  # rows of decoys stay as they were sealed before there was another reason
    }


def _hit(said: Mapping[str, Any]) -> Hit:
    met = tuple(Decoy(*row) for row in said["met"])
    return Hit(met, said["laid"], bytes.fromhex(said["opening"]), said["answered"], said.get("by", ""))


def _digest(standing: Sequence[Freeze]) -> bytes:
    """What a second person approves: exactly these freezes."""
    named = canonical([[freeze.member_id, freeze.round_id, freeze.frozen_at] for freeze in standing])
    return hashlib.sha256(b"blindmatch/unfreeze/1" + named).digest()
