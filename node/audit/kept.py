"""What is kept of cosignatures, as `witness` needs it: the tables `cosignatures` and `peer_checkpoints`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from node.audit.checkpoint import Checkpoint
from node.audit.cosign import Cosignature
from node.audit.witness_notes import MAX_KNOWN, MAX_QUESTIONS
from node.store.entries import tells_of
from node.store.schema import audit_entries, cosignatures, peer_checkpoints

__all__ = ["Known", "keep", "known_of", "newest_states", "place_of", "restores", "seen_before", "still_held"]


@dataclass(frozen=True)
class Known:
    """What we hold of a member's log: the largest state that we cosigned, when that was, and states that it signed for
    us and did not prove yet, as (round, moment, checkpoint)."""

    tip: Checkpoint | None
    cosigned_at: int
    unproven: tuple[tuple[str, str, Checkpoint], ...]

    @property
    def questions(self) -> tuple[Checkpoint, ...]:
        """From what a log has to be shown to go on."""
        newest = tuple(one for *place_of, one in self.unproven)[-(MAX_QUESTIONS - 1) :]
        return newest if self.tip is None else (self.tip, *newest)


def restores(connection: Connection, *, newest_first: bool = False) -> list[tuple[int, str]]:
    """Position and body of every entry that says that this log was put back to a backup."""
    order = audit_entries.c.position.desc() if newest_first else audit_entries.c.position
    rows = connection.execute(
        select(audit_entries.c.position, audit_entries.c.body).where(tells_of("node-restored")).order_by(order)
    )
    return [(row.position, row.body) for row in rows]


def known_of(connection: Connection, member_id: str, but: tuple[str, str]) -> Known:
    """What we hold of a member's log; what it shows at the round and moment of `but` is just being looked at."""
    largest = connection.execute(
        select(cosignatures).where(*still_held(member_id)).order_by(cosignatures.c.tree_size.desc()).limit(1)
    ).first()
    times = select(func.max(cosignatures.c.cosigned_at)).where(
        cosignatures.c.member_id == member_id, cosignatures.c.log == "theirs"
    )
    settled = {
        (row.round_id, row.moment)
        for row in connection.execute(
            select(cosignatures.c.round_id, cosignatures.c.moment).where(
                cosignatures.c.member_id == member_id, cosignatures.c.log.in_(("theirs", "lost", "refused"))
            )
        )
    }
    shown = connection.execute(
        select(peer_checkpoints)
        .where(peer_checkpoints.c.member_id == member_id)
        .order_by(peer_checkpoints.c.tree_size, peer_checkpoints.c.round_id)
    )
    return Known(
        None if largest is None else Checkpoint(largest.tree_size, largest.root, largest.signature),
        int(connection.execute(times).scalar() or 0),
        tuple(
            (row.round_id, row.moment, Checkpoint(row.tree_size, row.root, row.signature))
            for row in shown
            if (row.round_id, row.moment) not in settled | {but}
        ),
    )


def still_held(member_id: str) -> tuple[Any, ...]:
    """What we cosigned of a member's log, and is not gone since."""
    return (
        cosignatures.c.member_id == member_id,
        cosignatures.c.log == "theirs",
        cosignatures.c.gone.is_(False),
    )


def newest_states(connection: Connection, member_id: str) -> tuple[tuple[int, bytes], ...]:
    """The newest states that we cosigned, largest first."""
    rows = connection.execute(
        select(cosignatures.c.tree_size, cosignatures.c.root)
        .where(*still_held(member_id))
        .distinct()
        .order_by(cosignatures.c.tree_size.desc())
        .limit(MAX_KNOWN)
    )
    return tuple((row.tree_size, row.root) for row in rows)


def seen_before(connection: Connection, member_id: str, leaf: bytes) -> bool:
    """Whether the entry of a restore was shown before: an old one explains nothing that came after it."""
    here = (cosignatures.c.member_id == member_id, cosignatures.c.log == "restored", cosignatures.c.root == leaf)
    return connection.execute(select(cosignatures.c.log).where(*here)).first() is not None


def place_of(member_id: str, round_id: str, moment: str, log: str) -> tuple[Any, ...]:
    """The one row of a member, round, moment and log: conditions of a query."""
    return (
        cosignatures.c.member_id == member_id,
        cosignatures.c.round_id == round_id,
        cosignatures.c.moment == moment,
        cosignatures.c.log == log,
    )


def keep(tx: Connection, place: tuple[str, str, str, str], one: Checkpoint, cosigned: Cosignature) -> None:
    """Store one at its place: member, round, moment, log."""
    member_id, round_id, moment, log = place
    tx.execute(
        cosignatures.insert().values(
            member_id=member_id,
            round_id=round_id,
            moment=moment,
            log=log,
            tree_size=one.tree_size,
            root=one.root,
            signature=one.signature,
            cosigned_at=cosigned.time,
            cosignature=cosigned.signature,
            gone=False,
        )
    )
