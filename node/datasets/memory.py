"""Which mapping was last used for tables with this header: next month's export needs no new one.

Kept in the node's settings under the header's fingerprint, sealed: column names can tell what an organisation does.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from node.datasets.mapping import Mapping, fingerprint
from node.errors import UserError
from node.store import Store
from node.store.schema import settings

__all__ = ["MappingMemory"]


class MappingMemory:
    """Remembers and recalls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def remember(self, tx: Connection, header: Sequence[str], mapping: Mapping) -> None:
        """Within the caller's transaction; a later mapping for the same header replaces it."""
        key = _key(header)
        sealed = self._store.cells.seal("settings", key, "value", mapping.canonical())
        tx.execute(delete(settings).where(settings.c.key == key))
        tx.execute(insert(settings).values(key=key, value=sealed))

    def recall(self, header: Sequence[str]) -> Mapping | None:
        """The mapping last used for this header, None if there is none, or if it is one that is no longer allowed."""
        key = _key(header)
        with self._store.read() as connection:
            sealed = connection.execute(select(settings.c.value).where(settings.c.key == key)).scalar_one_or_none()
        if sealed is None:
            return None
        plain = self._store.cells.unseal("settings", key, "value", sealed)
        try:
            return Mapping.parse(plain)
        except UserError:
            # An older version of blindmatch allowed a name or a role that this one refuses: the person decides anew.
            return None


def _key(header: Sequence[str]) -> str:
    return f"mapping/{fingerprint(header)}"
