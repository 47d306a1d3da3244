"""Which mapping was last used for tables with this header: next month's export needs no new one.

Kept in the node's settings under the header's fingerprint, sealed: column names can tell what an organisation does.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from node.datasets.mapping import Mapping, fingerprint
from node.errors import UserError
from node.store import Store
from node.store.own_settings import read_own, write_own

__all__ = ["MappingMemory"]


class MappingMemory:
    """Remembers and recalls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def remember(self, tx: Connection, header: Sequence[str], mapping: Mapping) -> None:
        """Within the caller's transaction; a later mapping for the same header replaces it."""
        write_own(self._store, tx, _key(header), mapping.canonical())

    def recall(self, header: Sequence[str]) -> Mapping | None:
        """The mapping last used for this header, None if there is none, or if it is one that is no longer allowed."""
        with self._store.read() as connection:
            plain = read_own(self._store, connection, _key(header))
        if plain is None:
            return None
        try:
            return Mapping.parse(plain)
        except UserError:
            # An older version of blindmatch allowed a name or a role that this one refuses: the person decides anew.
            return None


def _key(header: Sequence[str]) -> str:
    return f"mapping/{fingerprint(header)}"
