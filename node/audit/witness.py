"""What we remember of the others' audit logs: one checkpoint at the opening and one at the closing of each round.

A peer shows where its log stands in `Open` and `Close`. We check that it signed that, that its log has not become
shorter during the round, and that it never shows two different logs of one length. Between rounds a smaller number
alone proves nothing, since openings of several rounds may arrive in any order. With these checkpoints we can show later
that a log was rewritten (`AuditLog.verify` takes them). That the entries in between belong to one log needs a
consistency proof, which the peers do not exchange yet.
"""

from sqlalchemy import Connection, select

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey
from node.identity.members import Member
from node.store.schema import peer_checkpoints
from psi.errors import BadSignature, PeerError

__all__ = ["ShrunkenLog", "Witness"]


class ShrunkenLog(PeerError):
    """The other side's audit log lost entries, or was rewritten."""

    code = "shrunken-log"


class Witness:
    """Keeps and compares the others' checkpoints."""

    def see(self, tx: Connection, member: Member, round_id: str, moment: str, seen: Checkpoint) -> None:
        """Check and keep what a member shows at `moment` (open or close). PeerError if it cannot be its log."""
        try:
            seen.verify(NoteKey.of_member(member.member_id, member.identity_key))
        except BadCheckpoint:
            raise BadSignature("The other side's audit checkpoint is not signed by it.") from None
        theirs = select(peer_checkpoints).where(peer_checkpoints.c.member_id == member.member_id)
        same_length = tx.execute(theirs.where(peer_checkpoints.c.tree_size == seen.tree_size)).all()
        this_round = tx.execute(theirs.where(peer_checkpoints.c.round_id == round_id)).all()
        if any(row.root != seen.root for row in same_length) or any(
            row.tree_size > seen.tree_size for row in this_round
        ):
            raise ShrunkenLog("The other side's audit log is shorter than before, or another one.")
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
