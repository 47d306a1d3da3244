"""Where sealed cells stand in the database, so that all of them can be found: to seal them anew, or to check them.

    table       the row in the associated data is made of     sealed columns
    outbox      round_id/recipient/sequence                   envelope
    ...

`PLACES` is the whole list; a test compares it with the schema, so that a new sealed column cannot be forgotten by a
rotation. An empty value is no cell: it stands where the content was dropped. Rows are walked in the order of their
primary key, a batch at a time, so that neither memory nor a transaction grows with the database.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, select

from node.store.cells import VERSION, Cells, key_number
from node.store.engine import Store
from node.store.schema import metadata

__all__ = ["BATCH_ROWS", "PLACES", "check_cells", "reseal_cells"]

BATCH_ROWS = 64
"""Rows of one transaction, in number: at most 64 MiB, where each holds a message of the largest size."""

PLACES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        "settings": (("key",), ("value",)),
        "members": (("member_id",), ("card",)),
        "datasets": (("dataset_id",), ("details",)),
        "stop_lists": (("name",), ("body",)),
        "rounds": (("round_id",), ("snapshot", "scalar", "decision", "sealing_key")),
        "outbox": (("round_id", "recipient", "sequence"), ("envelope",)),
        "inbox": (("round_id", "sender", "sequence"), ("payload",)),
        "results": (("round_id", "first"), ("body",)),
        "staff": (("label",), ("verifier",)),
        "approvals": (("subject", "subject_id"), ("seal",)),
        "exposures": (("peer", "round_id"), ("body",)),
        "decoys": (("round_id",), ("body",)),
        "freezes": (("member_id", "round_id"), ("evidence",)),
        "contacts": (("round_id", "handle", "direction"), ("body",)),
        "exclusions": (("dataset_id", "peer"), ("body",)),
    }
)
"""Table -> (columns that name the row, sealed columns)."""

_SECRETS = frozenset({"scalar", "sealing_key"})
"""Columns whose plaintext is never a `bytes`."""

_OPEN_SETTINGS_BYTE = bytes([VERSION])


def reseal_cells(store: Store, newest: int, done: Callable[[int], None] = lambda _cells: None) -> int:
    """Seal every cell under the newest data key that is under another; how many those were.

    Each batch is one transaction, so whatever ends this leaves cells under the old key or the new one, and the next
    call goes on. `done` is told how many cells each batch changed. Raises StateDamaged at a cell that does not open.
    """
    total = 0
    for name in PLACES:
        last: Any = None
        while True:
            with store.transaction() as tx:
                rows = _rows(tx, name, last)
                changed = sum(_reseal(tx, store.cells, name, row, newest) for row in rows)
            if not rows:
                break
            last = rows[-1][_primary(name)]
            total += changed
            done(changed)
    return total


def check_cells(
    connection: Connection,
    cells: Cells,
    *,
    only: int | None = None,
    without: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> int:
    """Open every cell; how many there are. Raises StateDamaged at one that does not open, or that is not sealed under
    the data key `only`, if that is given. Columns `without` (table -> columns) are not read."""
    total = 0
    for name in PLACES:
        last: Any = None
        left_out = without.get(name, frozenset())
        while rows := _rows(connection, name, last, left_out):
            last = rows[-1][_primary(name)]
            for row in rows:
                for column, place, sealed in _cells_of(name, row):
                    cells.check(name, place, column, sealed, only=only)
                    total += 1
    return total


def _rows(connection: Connection, name: str, after: Any, without: frozenset[str] = frozenset()) -> list[Any]:
    """The next rows of a table, with the columns that matter here."""
    table, key = metadata.tables[name], _primary(name)
    naming, sealed = PLACES[name]
    columns = [table.c[column] for column in dict.fromkeys((key, *naming, *sealed)) if column not in without]
    query = select(*columns).order_by(table.c[key]).limit(BATCH_ROWS)
    if after is not None:
        query = query.where(table.c[key] > after)
    return list(connection.execute(query).mappings())


def _cells_of(name: str, row: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    naming, sealed = PLACES[name]
    place = "/".join(str(row[column]) for column in naming)
    for column in sealed:
        value = row.get(column)
        # A setting that is no secret may stand open: it then does not begin as a cell does.
        if value and not (name == "settings" and value[:1] != _OPEN_SETTINGS_BYTE):
            yield column, place, value


def _reseal(tx: Connection, cells: Cells, name: str, row: Mapping[str, Any], newest: int) -> int:
    table, key = metadata.tables[name], _primary(name)
    values: dict[str, bytes] = {}
    for column, place, sealed in _cells_of(name, row):
        if key_number(sealed) == newest:
            continue
        if column in _SECRETS:
            with cells.unseal_secret(name, place, column, sealed) as secret:
                values[column] = cells.seal(name, place, column, secret.view())
        else:
            values[column] = cells.seal(name, place, column, cells.unseal(name, place, column, sealed))
    if values:
        tx.execute(table.update().where(table.c[key] == row[key]).values(**values))
    return len(values)


def _primary(name: str) -> str:
    (column,) = metadata.tables[name].primary_key.columns
    return str(column.name)
