"""Whatever a node holds, opened: every sealed cell, every record file, every open cell. For tests."""

from collections.abc import Iterator

from sqlalchemy import LargeBinary, select

from node.datasets.recordfile import SUFFIX, read_blocks
from node.errors import StateDamaged
from node.operations import Parts
from node.store.schema import metadata
from node.store.sealed import PLACES

__all__ = ["places_of"]


def _texts(parts: Parts) -> Iterator[tuple[str, bytes]]:
    with parts.store.read() as connection:
        for table in metadata.sorted_tables:
            naming, sealed = PLACES.get(table.name, ((), ()))
            for row in connection.execute(select(table)).mappings():
                name = "/".join(str(row[column]) for column in naming)
                for column in table.c:
                    value = row[column.name]
                    if column.name in sealed and value:
                        try:
                            yield (
                                f"{table.name}.{column.name}",
                                parts.store.cells.unseal(table.name, name, column.name, value),
                            )
                        except StateDamaged:
                            assert table.name == "settings"  # a setting that is no secret stands open
                            yield f"{table.name}.{column.name}", value
                    elif value is not None:
                        is_bytes = isinstance(column.type, LargeBinary)
                        yield f"{table.name}.{column.name}", value if is_bytes else str(value).encode()
    for path in parts.folder.records.glob(f"*{SUFFIX}"):
        for lines in read_blocks(parts.folder.records, path.stem, parts.store.cells):
            yield "records", b"\n".join(lines)


def places_of(parts: Parts, reference: str) -> set[str]:
    """Where a reference, or any other text, stands at a node once all of it is opened: table.column, or `records`."""
    return {place for place, text in _texts(parts) if reference.encode() in text}
