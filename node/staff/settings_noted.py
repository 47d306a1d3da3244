"""The files that people change by hand, as the log knows them: `config.toml`, and `policy.toml` beside it.

Nobody says who changed them or when. What the log can do is to say *that*: whenever a node is opened and what a file
says is something else than the log last heard of, there is an entry with its SHA-256 before anything else happens under
it. The digest that was noted is sealed, and a node is made with it: whoever changes the database without a key cannot
make a change look as if it had been told already, neither by another digest nor by none.
"""

import hashlib
from pathlib import Path

from sqlalchemy import Connection

from node.errors import UserError
from node.staff.approvals import AuditTrail
from node.store import Store
from node.store.own_settings import read_own, write_own

__all__ = ["note_policy", "note_settings", "remember_policy", "remember_settings", "settings_digest"]

_SETTINGS = "settings-noted"
_POLICY = "policy-noted"


def settings_digest(path: Path) -> bytes:
    """SHA-256 of the file, 32 bytes. UserError if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as error:
        raise UserError(
            f"The settings file {path} cannot be read: {error.strerror}.",
            advice="An empty file is a good one: every setting has a default.",
        ) from None


def remember_settings(tx: Connection, store: Store, digest: bytes) -> None:
    """From now on the log knows these settings: they are those of a new node, or an entry tells of them."""
    write_own(store, tx, _SETTINGS, digest)


def note_settings(store: Store, audit: AuditTrail, path: Path) -> bool:
    """Tell the log if the settings are others than it last heard of; whether they are. Nothing is written else."""
    return _note(store, audit, _SETTINGS, "settings-changed", settings_digest(path), kind="settings")


def remember_policy(tx: Connection, store: Store, digest: bytes) -> None:
    """The same for the policy that is in force (`node.policy.narrowing.policy_digest`)."""
    write_own(store, tx, _POLICY, digest)


def note_policy(store: Store, audit: AuditTrail, digest: bytes) -> bool:
    """Tell the log if another policy is in force than it last heard of; whether it is."""
    return _note(store, audit, _POLICY, "policy-changed", digest)


def _note(store: Store, audit: AuditTrail, name: str, event: str, digest: bytes, **facts: str) -> bool:
    with store.read() as connection:
        if read_own(store, connection, name) == digest:
            return False
    with store.transaction() as tx:
        audit.append(tx, event, digest=digest.hex(), **facts)
        write_own(store, tx, name, digest)
    return True
