"""The settings file, as the log knows it.

`config.toml` is changed by hand, so nobody says who did it or when. What the log can do is to say *that*: whenever a
node is opened and the file is another one than the log last heard of, there is an entry with its SHA-256 before
anything else happens under the new settings. The digest that was noted is sealed: whoever changes the database without
a key cannot make a change look as if it had been told already. (The policy file has an event of its own.)
"""

import hashlib
from pathlib import Path

from sqlalchemy import Connection, select

from node.errors import UserError
from node.staff.approvals import AuditTrail
from node.store import Store
from node.store.schema import settings

__all__ = ["note_settings", "remember_settings", "settings_digest"]

_KEY = "settings-noted"


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
    tx.execute(settings.delete().where(settings.c.key == _KEY))
    tx.execute(settings.insert().values(key=_KEY, value=store.cells.seal("settings", _KEY, "value", digest)))


def note_settings(store: Store, audit: AuditTrail, path: Path) -> bool:
    """Tell the log if the settings are others than it last heard of; whether they are. Nothing is written else."""
    digest = settings_digest(path)
    with store.read() as connection:
        row = connection.execute(select(settings.c.value).where(settings.c.key == _KEY)).scalar()
    if row is not None and store.cells.unseal("settings", _KEY, "value", row) == digest:
        return False
    with store.transaction() as tx:
        audit.append(tx, "settings-changed", kind="settings", digest=digest.hex())
        remember_settings(tx, store, digest)
    return True
