"""Small state folders, stores and audit logs for tests."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from node.audit import AuditLog, NoteKey, NoteSigner
from node.clock import ManualClock
from node.errors import NodeError
from node.store import KeyRing, PassphraseCost, StateDir, Store
from node.store.schema import settings
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
    url: str


def put(store: Store, key: str, value: bytes = b"") -> None:
    """Write a row of settings."""
    with store.transaction() as tx:
        tx.execute(settings.insert().values(key=key, value=value))


def count(store: Store) -> int:
    """How many rows of settings there are."""
    with store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(settings)).scalar_one())


def reopen(node: SmallNode) -> Store:
    """Its database, closed and opened again."""
    node.store.close()
    return Store.open(node.url, node.keys, clock=node.clock)


@contextmanager
def small_node(
    folder: Path, *, state: StateDir | None = None, signer: NoteSigner | None = None, url: str | None = None
) -> Iterator[SmallNode]:
    """A new node's store and audit log in `folder`, or the one of `state` opened again. `url`: of another database."""
    clock = ManualClock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    if state is None:
        state = StateDir(folder)
        state.create()
        KeyRing.create(state.key, secret(), os.urandom, cost=CHEAP).close()
    keys = KeyRing.open(state.key, secret())
    url = url or state.database_url
    store = Store.open(url, keys, clock=clock)
    signer = signer or note_signer()
    try:
        yield SmallNode(state, keys, store, clock, signer, AuditLog(store, signer, clock), url)
    finally:
        store.close()
        keys.close()


def another(node: SmallNode, url: str | None = None) -> Store:
    """Its database, or that of `url`, as another process opens it."""
    return Store.open(url or node.url, node.keys, clock=node.clock)


def says(action: Callable[[], object], *hidden: str) -> str:
    """What a person reads; it, and what hangs on the error, must not show what is `hidden`."""
    with pytest.raises(NodeError) as caught:
        action()
    error = caught.value
    shown = error.diagnostics() + repr(error) + repr(error.__cause__)
    assert error.__suppress_context__ or error.__context__ is None
    assert error.advice
    assert not [word for word in hidden if word in shown]
    return error.diagnostics()
