"""Small things that a node keeps for itself in the table `settings`: each sealed, under a name of its own.

Keys of this node that never leave it (`own_key`), digests of what it noted last, mappings that it remembers. A value is
sealed with its name as associated data, so that whoever writes the database without a key can neither read one nor put
one in another's place; he can delete it, and whoever reads it has to know what nothing means.
"""

from sqlalchemy import Connection, bindparam, delete, insert, select

from node.ids import RandomBytes
from node.store.engine import Store
from node.store.schema import settings

__all__ = ["own_key", "read_own", "write_own"]


_VALUE = select(settings.c.value).where(settings.c.key == bindparam("name"))


def read_own(store: Store, connection: Connection, name: str) -> bytes | None:
    """What is kept under a name; None if nothing is. StateDamaged if it was changed."""
    sealed = connection.execute(_VALUE, {"name": name}).scalar()
    return None if sealed is None else store.cells.unseal("settings", name, "value", sealed)


def write_own(store: Store, tx: Connection, name: str, value: bytes) -> None:
    """Keep a value, in place of what was under that name."""
    tx.execute(delete(settings).where(settings.c.key == name))
    tx.execute(insert(settings).values(key=name, value=store.cells.seal("settings", name, "value", value)))


def own_key(store: Store, tx: Connection, name: str, random_bytes: RandomBytes, size: int) -> bytes:
    """A random key of `size` bytes of this node's own, made when it is first asked for."""
    key = read_own(store, tx, name)
    if key is None:
        key = random_bytes(size)
        write_own(store, tx, name, key)
    return key
