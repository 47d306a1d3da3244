"""The database as rows of JSON, whatever database it is: what a backup takes of it, and what it leaves out.

Sealed cells are copied as they are, under the data keys that the key file in the backup holds. Left out is whatever
could bring a round that was under way back to life, because it went on after the backup was made:

    rounds    scalar, snapshot, decision, sealing_key
    outbox    messages of the protocol of every round that is not over; they count as sent
    inbox     what was not read yet; it counts as read

Digests stay, so that a replay is still known. The lists in `spools/` are no part of the database or of a backup.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, Table, null, select

from node.keeping.sealedfile import damaged_backup
from node.rounds.mailbox import PROTOCOL_LINE
from node.rounds.states import ENDS
from node.store.schema import metadata, rounds

__all__ = ["BLOCK_BYTES", "LEFT_OUT", "insert_rows", "rows_of", "tables", "written"]

BLOCK_BYTES = 256 * 1024
"""Bytes of rows after which a frame is closed."""

LEFT_OUT: Mapping[str, frozenset[str]] = {
    "rounds": frozenset({"scalar", "snapshot", "decision", "sealing_key"}),
    "inbox": frozenset({"payload"}),
}
"""Columns that are never copied, for any row: not even read."""

_ROWS_AT_ONCE = 256
"""Rows fetched from the database at a time, in number."""


def tables() -> list[Table]:
    """Every table, those first that others point to."""
    return list(metadata.sorted_tables)


def rows_of(connection: Connection, table: Table) -> Iterator[tuple[int, bytes]]:
    """Blocks of one table: number of rows, and the rows as lines of JSON arrays in the order of the columns."""
    over = set(connection.execute(select(rounds.c.round_id).where(rounds.c.state.in_(ENDS))).scalars())
    lines: list[bytes] = []
    size = 0
    left_out = LEFT_OUT.get(table.name, frozenset())
    columns = [null().label(column.name) if column.name in left_out else column for column in table.columns]
    query = select(*columns).order_by(*table.primary_key.columns)
    with connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE}) as result:
        for row in result.mappings():
            line = json.dumps(
                [written(value) for value in _kept(table.name, dict(row), over)], ensure_ascii=False
            ).encode()
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield len(lines), b"\n".join(lines)
                lines, size = [], 0
    if lines:
        yield len(lines), b"\n".join(lines)


def _kept(name: str, row: Mapping[str, Any], over: set[str]) -> list[Any]:
    values = dict(row)
    if name == "inbox":
        values["processed"] = True
    elif name == "outbox" and row["sequence"] > PROTOCOL_LINE and row["round_id"] not in over:
        values |= {"acknowledged": True, "envelope": b""}
    return list(values.values())


def insert_rows(connection: Connection, shape: MetaData, name: str, columns: Sequence[str], block: bytes) -> int:
    """Put the rows of a block into a table of a database that has the backup's shape; how many they were."""
    table = shape.tables.get(name)
    if table is None or not set(columns) <= set(table.columns.keys()):
        raise damaged_backup()
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    try:
        rows = [dict(zip(columns, json.loads(line), strict=True)) for line in block.split(b"\n")]
        values = [{column: _read(value, column in binary) for column, value in row.items()} for row in rows]
    except (ValueError, TypeError):
        raise damaged_backup() from None
    connection.execute(table.insert(), values)
    return len(values)


def written(value: Any) -> Any:
    """A value of a cell as JSON takes it."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value


def _read(value: Any, binary: bool) -> Any:
    return base64.b64decode(value, validate=True) if binary and value is not None else value
