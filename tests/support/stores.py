"""Small state folders, stores and audit logs for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.audit import AuditLog, NoteKey, NoteSigner
from node.clock import ManualClock
from node.store import KeyRing, PassphraseCost, StateDir, Store
from psi.secret import SecretBytes

CHEAP = PassphraseCost(memory_kib=64, passes=1, lanes=1)
PASSPHRASE = b"four random words here"
MEMBER = "abcdefghijklmnopqrstuvwxyz234567"


def secret(data: bytes = PASSPHRASE) -> SecretBytes:
    buffer = SecretBytes(len(data))
    buffer.view()[:] = data
    return buffer


def note_signer(member_id: str = MEMBER) -> NoteSigner:
    key = Ed25519PrivateKey.generate()
    return NoteSigner(NoteKey.of_member(member_id, key.public_key().public_bytes_raw()), key.sign)


@dataclass
class SmallNode:
    state: StateDir
    keys: KeyRing
    store: Store
    clock: ManualClock
    signer: NoteSigner
    audit: AuditLog


@contextmanager
def small_node(folder: Path, *, state: StateDir | None = None, signer: NoteSigner | None = None) -> Iterator[SmallNode]:
    """A new node's store and audit log in `folder`, or the one of `state` opened again."""
    clock = ManualClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    if state is None:
        state = StateDir(folder)
        state.create()
        KeyRing.create(state.key, secret(), os.urandom, cost=CHEAP).close()
    keys = KeyRing.open(state.key, secret())
    store = Store.open(state.database_url, keys, clock=clock)
    signer = signer or note_signer()
    try:
        yield SmallNode(state, keys, store, clock, signer, AuditLog(store, signer, clock))
    finally:
        store.close()
        keys.close()
