"""How the protocol speaks in this node's name: signatures of its identity key, checkpoints of its audit log."""

from node.audit import AuditLog
from node.identity.keys import Identity, verify
from node.identity.members import Member
from node.store import Store
from psi.messages import Checkpoint

__all__ = ["NodeVoice"]


class NodeVoice:
    """Implements `psi.protocol.terms.Voice` for one round with one peer."""

    def __init__(self, store: Store, audit: AuditLog, identity: Identity, peer: Member) -> None:
        self._store = store
        self._audit = audit
        self._identity = identity
        self._peer_key = peer.identity_key

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self._identity.sign(label, data)

    def verify_peer(self, label: bytes, data: bytes, signature: bytes) -> bool:
        return verify(self._peer_key, label, data, signature)

    def checkpoint(self) -> Checkpoint:
        with self._store.transaction() as tx:
            made = self._audit.checkpoint(tx)
        return Checkpoint(made.tree_size, made.root, made.signature)
