"""Whether a log goes on from what was seen of it: the proofs in notes about audit logs (`witness_notes`).

Nothing here reads the database; `witness` decides what has to be proven.
"""

import json
from collections.abc import Sequence

from node.audit.checkpoint import BadCheckpoint, Checkpoint, NoteKey
from node.audit.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from node.audit.witness_notes import Proofs, Show
from node.identity.members import Member
from psi.errors import BadSignature, PeerError

__all__ = [
    "ShrunkenLog",
    "another_log",
    "claimed_restore",
    "goes_on",
    "holds",
    "proofs_between",
    "signed_by",
]


class ShrunkenLog(PeerError):
    """The other side's audit log lost entries, or was rewritten. `shown`: what it signed, if that is to be kept."""

    code = "shrunken-log"

    def __init__(self, sentence: str, *, moment: str = "", shown: Checkpoint | None = None) -> None:
        super().__init__(sentence)
        self.moment = moment
        self.shown = shown


def claimed_restore(note: Show) -> tuple[int, bytes] | None:
    """Position and leaf hash of the restore that a note claims, if the entry says so and is in the log."""
    if note.restored is None:
        return None
    body, size = note.restored.body, note.checkpoint.tree_size
    try:
        entry = json.loads(body)
        position, event, kept = entry["position"], entry["event"], entry["facts"]["tree_size"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    leaf = leaf_hash(body)
    if event != "node-restored" or type(position) is not int or position != kept:
        return None
    if not verify_inclusion(leaf, position, size, note.restored.path, note.checkpoint.root):
        return None
    return position, leaf


def goes_on(one: Checkpoint, note: Show) -> bool:
    """Whether a note proves that the shown log and `one` are states of the same log. ShrunkenLog for a false proof."""
    shown = note.checkpoint
    if one.tree_size == shown.tree_size:
        return one.root == shown.root
    small, large = sorted((one, shown), key=lambda state: state.tree_size)
    proof = note.proofs.get(one.tree_size, [] if small.tree_size == 0 else None)
    if proof is None:
        return False
    if verify_consistency(small.tree_size, large.tree_size, small.root, large.root, proof):
        return True
    if note.restored is None:
        raise another_log(note)
    return False


def another_log(note: Show) -> ShrunkenLog:
    """What is raised for a note that shows another log, with what its owner signed as evidence."""
    return ShrunkenLog(
        "The other side's audit log is not the one that it showed before.", moment=note.moment, shown=note.checkpoint
    )


def signed_by(member: Member, seen: Checkpoint) -> None:
    """BadSignature unless this member signed the checkpoint."""
    try:
        seen.verify(NoteKey.of_member(member.member_id, member.identity_key))
    except BadCheckpoint:
        raise BadSignature("The other side's audit checkpoint is not signed by it.") from None


def holds(tree: Tree, size: int, root: bytes) -> bool:
    """Whether our log, at so many entries, had this root."""
    return size <= tree.size and tree.root(size) == root


def proofs_between(tree: Tree, shown: Checkpoint, sizes: Sequence[int]) -> Proofs:
    """From each of these sizes to the shown one, or the other way round."""
    return {
        size: tree.consistency(min(size, shown.tree_size), max(size, shown.tree_size))
        for size in sizes
        if size != shown.tree_size
    }
