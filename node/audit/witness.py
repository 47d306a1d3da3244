"""What we remember of the others' audit logs, what we cosign of them, and what they cosigned of ours.

A member shows where its log stands at the opening and at the closing of each round, inside the messages of the protocol
and, with proofs, in notes (`witness_notes`). We cosign it (`cosign`) once it is proven that this log goes on from

    the largest state that we cosigned before        by a consistency proof (`merkle`), and
    every state that it signed for us since          rounds overlap, and their notes arrive in any order

so that everything we ever cosigned of a log is the beginning of one and the same log. A smaller state than the largest
is not cosigned, since that would say that we saw nothing larger: the larger one is, again. A member that cannot prove
it is refused (`ShrunkenLog`); what it had signed is kept as evidence, and nothing is answered in a round before its
opening was proven (`proven`).

A node that was restored from a backup has lost entries, rightly. Its log says so itself: the entry node-restored stands
in the place from which it goes on. With a proof of that entry, which we must not have seen before, and that the log
goes on from the largest state that it still has, what is missing counts as `gone`, and our own log says how much it is.

    table cosignatures, column log    ours      others cosigned our log
                                      theirs    we cosigned theirs
                                      lost      a state of theirs that is gone since a restore that they proved
                                      restored  the entry of such a restore: its position and leaf hash
                                      refused   evidence: signed by them, and does not fit what they signed before
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey, NoteSigner
from node.audit.continuity import (
    ShrunkenLog,
    another_log,
    claimed_restore,
    goes_on,
    holds,
    proofs_between,
    signed_by,
)
from node.audit.cosign import Cosignature
from node.audit.kept import Known, keep, known_of, newest_states, place_of, restores, seen_before, still_held
from node.audit.log import AuditLog
from node.audit.merkle import Tree
from node.audit.witness_notes import Ask, Cannot, Cosigned, Restored, Show
from node.clock import Clock
from node.identity.members import Member
from node.store.schema import checkpoints, cosignatures, peer_checkpoints
from psi.errors import BadSignature

__all__ = ["ShrunkenLog", "Witness"]


class Witness:
    """Keeps and compares the others' checkpoints. Everything happens inside the caller's transaction."""

    def __init__(self, audit: AuditLog, cosigner: NoteSigner, clock: Clock) -> None:
        self._audit = audit
        self._cosigner = cosigner
        self._clock = clock

    # As the witness of somebody else's log.

    def see(self, tx: Connection, member: Member, round_id: str, moment: str, seen: Checkpoint) -> None:
        """Check and keep what a member shows at `moment` (open or close). PeerError if it cannot be its log."""
        signed_by(member, seen)
        same = select(peer_checkpoints).where(
            peer_checkpoints.c.member_id == member.member_id, peer_checkpoints.c.round_id == round_id
        )
        for row in tx.execute(same):
            if row.moment == moment:
                if (row.tree_size, row.root) != (seen.tree_size, seen.root):
                    raise ShrunkenLog("The other side showed two audit logs at once.", moment=moment, shown=seen)
                return
            earlier, later = (row, seen) if moment == "close" else (seen, row)
            if earlier.tree_size > later.tree_size or (
                earlier.tree_size == later.tree_size and earlier.root != later.root
            ):
                raise ShrunkenLog(
                    "The other side's audit log is shorter than before, or another one.", moment=moment, shown=seen
                )
        tx.execute(
            peer_checkpoints.insert().values(
                member_id=member.member_id,
                round_id=round_id,
                moment=moment,
                tree_size=seen.tree_size,
                root=seen.root,
                signature=seen.signature,
            )
        )

    def proven(self, tx: Connection, member_id: str, round_id: str) -> bool:
        """Whether the opening of a member in a round was shown to go on from what we saw of its log before."""
        place = place_of(member_id, round_id, "open", "theirs")
        return tx.execute(select(cosignatures.c.tree_size).where(*place)).first() is not None

    def has_opened(self, tx: Connection, member_id: str, round_id: str) -> bool:
        """Whether a member has shown its log at the opening of a round."""
        here = (
            peer_checkpoints.c.member_id == member_id,
            peer_checkpoints.c.round_id == round_id,
            peer_checkpoints.c.moment == "open",
        )
        return tx.execute(select(peer_checkpoints.c.tree_size).where(*here)).first() is not None

    def shown(self, tx: Connection, member: Member, round_id: str, note: Show) -> Cosigned | Ask | None:
        """A member shows its log: our cosignature, what is still to be proven, or None if it has that already.

        ShrunkenLog if it is not the log that it showed before.
        """
        self.see(tx, member, round_id, note.moment, note.checkpoint)
        place = place_of(member.member_id, round_id, note.moment, "theirs")
        if tx.execute(select(cosignatures.c.tree_size).where(*place)).first() is not None:
            return None
        known = known_of(tx, member.member_id, (round_id, note.moment))
        missing = [one for one in known.questions if not goes_on(one, note)]
        claim = claimed_restore(note)
        if claim is not None and seen_before(tx, member.member_id, claim[1]):
            claim = None
        gone = 0
        if missing:
            if note.restored is None and any(one.tree_size == note.checkpoint.tree_size for one in missing):
                raise another_log(note)
            if claim is None or not self._explains(tx, member.member_id, claim[0], missing, note):
                return Ask(note.moment, note.checkpoint, known.questions, newest_states(tx, member.member_id))
            gone = max(one.tree_size for one in missing) - claim[0]
            self._let_go(tx, member.member_id, claim[0], known, missing)
            known = known_of(tx, member.member_id, (round_id, note.moment))
        if claim is not None:
            entry = Checkpoint(claim[0], claim[1], b"")
            keep(tx, (member.member_id, round_id, note.moment, "restored"), entry, Cosignature(self._now(), b""))
        return self._cosign(tx, member, round_id, note, known, gone)

    def cannot(self, tx: Connection, member: Member, round_id: str, note: Cannot) -> None:
        """A member says that its log does not go on from what it signed for us: ShrunkenLog, if it showed it at all."""
        row = tx.execute(
            select(peer_checkpoints).where(
                peer_checkpoints.c.member_id == member.member_id,
                peer_checkpoints.c.round_id == round_id,
                peer_checkpoints.c.moment == note.moment,
            )
        ).first()
        shown = None if row is None else Checkpoint(row.tree_size, row.root, row.signature)
        raise ShrunkenLog(
            "The other side's audit log does not go on from what it showed before.", moment=note.moment, shown=shown
        )

    def keep_evidence(self, tx: Connection, member_id: str, round_id: str, error: ShrunkenLog) -> None:
        """Keep what a refused member had signed, and write down that it was refused. Once for each place."""
        if not error.moment:
            return
        place = place_of(member_id, round_id, error.moment, "refused")
        if tx.execute(select(cosignatures.c.log).where(*place)).first() is not None:
            return
        facts: dict[str, Any] = {"round_id": round_id, "peer": member_id, "moment": error.moment}
        if error.shown is not None:
            facts["tree_size"] = error.shown.tree_size
        self._audit.append(tx, "cosignature-refused", code=error.code, **facts)
        shown = error.shown or Checkpoint(0, b"", b"")
        keep(tx, (member_id, round_id, error.moment, "refused"), shown, Cosignature(self._now(), b""))

    def _cosign(self, tx: Connection, member: Member, round_id: str, note: Show, known: Known, gone: int) -> Cosigned:
        """Cosign the largest state that is consistent with what the note shows."""
        states = [note.checkpoint, *(one for one in known.questions if goes_on(one, note))]
        largest = max(states, key=lambda one: one.tree_size)
        owner = NoteKey.of_member(member.member_id, member.identity_key)
        # Never before the last time: a clock that was set back would make an earlier statement untrue.
        time = max(self._now(), known.cosigned_at)
        facts: dict[str, Any] = {"gone": gone} if gone else {}
        self._audit.append(
            tx,
            "checkpoint-cosigned",
            round_id=round_id,
            peer=member.member_id,
            moment=note.moment,
            tree_size=largest.tree_size,
            **facts,
        )
        made = Cosignature.made(largest, owner, time, self._cosigner)
        keep(tx, (member.member_id, round_id, note.moment, "theirs"), largest, made)
        return Cosigned(note.moment, largest, made.time, made.signature)

    @staticmethod
    def _explains(tx: Connection, member_id: str, position: int, missing: Sequence[Checkpoint], note: Show) -> bool:
        """Whether a restore to `position` entries explains what is missing: that comes after it, and what we cosigned
        up to there is still the beginning of the log."""
        kept = select(cosignatures.c.tree_size, cosignatures.c.root).where(
            *still_held(member_id), cosignatures.c.tree_size <= position
        )
        row = tx.execute(kept.order_by(cosignatures.c.tree_size.desc()).limit(1)).first()
        tied = row is None or goes_on(Checkpoint(row.tree_size, row.root, b""), note)
        return tied and all(position < one.tree_size for one in missing)

    def _let_go(
        self, tx: Connection, member_id: str, position: int, known: Known, missing: Sequence[Checkpoint]
    ) -> None:
        """The log was restored to `position` entries: what came after them is explained."""
        for round_id, moment, one in known.unproven:
            if one in missing:
                keep(tx, (member_id, round_id, moment, "lost"), one, Cosignature(self._now(), b""))
        tx.execute(
            cosignatures.update().where(*still_held(member_id), cosignatures.c.tree_size > position).values(gone=True)
        )

    # As the owner of a log.

    def showing(self, connection: Connection, member_id: str, moment: str, checkpoint: Checkpoint) -> Show:
        """Our log at `moment`, with the proof that it goes on from the last state that this member cosigned."""
        last = connection.execute(
            select(func.max(cosignatures.c.tree_size)).where(
                cosignatures.c.member_id == member_id, cosignatures.c.log == "ours"
            )
        ).scalar()
        tree = self._audit.tree(connection)
        sizes = () if last is None or not 0 < last <= tree.size else (int(last),)
        claim = self._claim(connection, tree, checkpoint, None)
        return Show(moment, checkpoint, proofs_between(tree, checkpoint, sizes), claim)

    def asked(self, connection: Connection, note: Ask) -> Show | Cannot | None:
        """Answer: the proofs asked for; that we cannot; or None where this log never was at that state.

        BadSignature if a question is about a state that we did not sign.
        """
        own = self._audit.key
        for state in (note.checkpoint, *note.questions):  # first: the tree is all of the log
            try:
                state.verify(own)
            except BadCheckpoint:
                raise BadSignature("The other side asks about an audit log that we did not sign.") from None
        tree = self._audit.tree(connection)
        if not holds(tree, note.checkpoint.tree_size, note.checkpoint.root):
            return None
        sizes: list[int] = []
        lost: list[int] = []
        for question in note.questions:
            (sizes if holds(tree, question.tree_size, question.root) else lost).append(question.tree_size)
        claim = self._claim(connection, tree, note.checkpoint, None)
        if lost:
            base = max((size for size, root in note.known if holds(tree, size, root)), default=0)
            claim = self._claim(connection, tree, note.checkpoint, base)
            if claim is None or json.loads(claim.body)["position"] >= min(lost):
                return Cannot(note.moment)
            sizes.append(base)
        wanted = [size for size in dict.fromkeys(sizes) if size]
        return Show(note.moment, note.checkpoint, proofs_between(tree, note.checkpoint, wanted), claim)

    def received(self, tx: Connection, member: Member, round_id: str, note: Cosigned) -> None:
        """Keep a member's cosignature of our log. BadSignature if it does not hold.

        One of a state that was lost by a restore, which our log tells of, comes too late and is not kept: it would make
        a log that was rightly put back look tampered with.
        """
        cosigned = Cosignature(note.time, note.signature)
        try:
            note.checkpoint.verify(self._audit.key)
            key = NoteKey.of_member(member.member_id, member.identity_key)
            cosigned.verify(note.checkpoint, self._audit.key, key)
        except BadCheckpoint:
            raise BadSignature("The other side's cosignature of our audit log does not hold.") from None
        place = place_of(member.member_id, round_id, note.moment, "ours")
        if tx.execute(select(cosignatures.c.log).where(*place)).first() is not None:
            return
        if self._lost_by_restore(tx, note.checkpoint):
            return
        self._audit.append(
            tx,
            "cosignature-received",
            round_id=round_id,
            peer=member.member_id,
            moment=note.moment,
            tree_size=note.checkpoint.tree_size,
        )
        keep(tx, (member.member_id, round_id, note.moment, "ours"), note.checkpoint, cosigned)

    @staticmethod
    def _lost_by_restore(connection: Connection, one: Checkpoint) -> bool:
        """Whether a state that we signed is not of our log any more, and an entry says why."""
        here = select(checkpoints.c.root).where(checkpoints.c.tree_size == one.tree_size)
        if connection.execute(here).scalar() == one.root:
            return False
        return any(position < one.tree_size for position, _body in restores(connection))

    @staticmethod
    def _claim(connection: Connection, tree: Tree, shown: Checkpoint, base: int | None) -> Restored | None:
        """The entry of a restore, with proof: the first one at `base` entries or later, or the last one of all."""
        for position, body in restores(connection, newest_first=base is None):
            if position < shown.tree_size and (base is None or position >= base):
                return Restored(body.encode(), tree.inclusion(position, shown.tree_size))
        return None

    # What is kept.

    def recover(
        self, tx: Connection, member: Member, round_id: str, moment: str, checkpoint: Checkpoint, cosigned: Cosignature
    ) -> bool:
        """Take back a cosigned checkpoint of ours from a file, both signatures verified; False if it is here.

        A state that this member is known to have cosigned is here, whatever the file says of round and moment: nobody
        signed these, and one true cosignature could come back under any number of them.
        """
        place = place_of(member.member_id, round_id, moment, "ours")
        same = (
            cosignatures.c.member_id == member.member_id,
            cosignatures.c.log == "ours",
            cosignatures.c.tree_size == checkpoint.tree_size,
            cosignatures.c.root == checkpoint.root,
        )
        if any(tx.execute(select(cosignatures.c.log).where(*here)).first() is not None for here in (place, same)):
            return False
        keep(tx, (member.member_id, round_id, moment, "ours"), checkpoint, cosigned)
        return True

    @staticmethod
    def held(
        connection: Connection, log: str, *, gone: bool = True
    ) -> list[tuple[str, str, str, Checkpoint, Cosignature]]:
        """Member, round, moment, checkpoint and cosignature of everything kept: of our log by others ("ours") or of
        theirs by us ("theirs"), by size. Without `gone`: of states that their log still has."""
        rows = connection.execute(
            select(cosignatures)
            .where(cosignatures.c.log == log, *(() if gone else (cosignatures.c.gone.is_(False),)))
            .order_by(cosignatures.c.tree_size, cosignatures.c.member_id, cosignatures.c.round_id)
        )
        return [
            (
                row.member_id,
                row.round_id,
                row.moment,
                Checkpoint(row.tree_size, row.root, row.signature),
                Cosignature(row.cosigned_at, row.cosignature),
            )
            for row in rows
        ]

    @staticmethod
    def waiting(connection: Connection) -> list[tuple[str, str, str]]:
        """Member, round and moment of what others showed of their logs and did not prove."""
        rows = connection.execute(select(peer_checkpoints.c.member_id).distinct()).scalars().all()
        return [
            (member_id, round_id, moment)
            for member_id in rows
            for round_id, moment, _ in known_of(connection, member_id, ("", "")).unproven
        ]

    def _now(self) -> int:
        return max(0, int(self._clock.now().timestamp()))
