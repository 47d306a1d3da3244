"""Who has to agree at this node before a round is signed: one person, or two (four eyes).

The agreement says for each member how many people approve it there; this node may ask for more, never for fewer, and
a round about children always takes two. What the second person approves is the digest of the agreement and of which
data set takes part: another data set, or another agreement, has to be asked for again.
"""

import hashlib

from node.agreement.manifest import Manifest
from node.staff import Role
from psi.codec import length_prefixed

__all__ = ["MOST_APPROVERS", "approver_role", "approvers_needed", "sign_digest"]

MOST_APPROVERS = 2
"""People that an agreement can ask for at one member, in number."""


def approvers_needed(manifest: Manifest, me: str, least: int = 1) -> int:
    """How many people here have to agree to this round: 1 or 2. `least`: what this node asks for by itself."""
    if manifest.children == "only":
        return MOST_APPROVERS
    return max(manifest.member(me).approvers, least)


def approver_role(manifest: Manifest) -> Role:
    """What the second person has to be, where staff is registered."""
    return Role.CHILDREN if manifest.children == "only" else Role.APPROVER


def sign_digest(manifest: Manifest, dataset_id: str) -> bytes:
    """32 bytes for "we sign this agreement with that data set"."""
    return hashlib.sha256(b"blindmatch sign 1\0" + length_prefixed(manifest.digest(), dataset_id.encode())).digest()
