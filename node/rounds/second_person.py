"""Who has to agree at this node before a round is signed: one person, or two (four eyes).

The agreement says for each member how many people approve it there, never fewer than this organisation demands (rule
`approvers`); a round about children always takes two. What the second person approves is the digest of the agreement
and of which data set takes part: another data set, or another agreement, has to be asked for again.
"""

import hashlib

from node.agreement.manifest import Manifest
from node.policy.narrowing import MOST_APPROVERS
from node.staff import Role
from psi.codec import length_prefixed

__all__ = ["approver_role", "approvers_needed", "sign_digest"]


def approvers_needed(manifest: Manifest, me: str) -> int:
    """How many people here have to agree to this round: 1 or 2."""
    if manifest.children == "only":
        return MOST_APPROVERS
    return manifest.member(me).approvers


def approver_role(manifest: Manifest) -> Role:
    """What the second person has to be, where staff is registered."""
    return Role.CHILDREN if manifest.children == "only" else Role.APPROVER


def sign_digest(manifest: Manifest, dataset_id: str) -> bytes:
    """32 bytes for "we sign this agreement with that data set"."""
    return hashlib.sha256(b"blindmatch sign 1\0" + length_prefixed(manifest.digest(), dataset_id.encode())).digest()
