"""Reads Parquet files with pyarrow, inside the process that `reading_child` describes and only there.

Record batches, never the file: memory holds a batch of rows and the open pages of the columns, however large a row
group is. Dates and times lose what Python cannot hold (nanoseconds). Lists, structures, maps and bytes are no cells;
their columns are named and left out.
"""

import os
from collections.abc import Iterator
from datetime import UTC
from itertools import islice
from typing import Any, BinaryIO

__all__ = ["open_source"]

_BATCH_ROWS = 512
_BUFFER_BYTES = 256 * 1024
_MAX_FOOTER_ITEMS = 1_000_000
_MAX_FOOTER_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 100
"""Levels of nesting in the description of a file's columns."""

_UNREADABLE = object()


def open_source(file: BinaryIO, request: dict[str, Any], _secret: bytes) -> tuple[dict[str, Any], Any]:
    """The answer to the first request (`most`: columns at most), and the rows (None if refused)."""
    # One thread and the system's allocator: arenas for many threads would fill the address space by themselves.
    os.environ.update(ARROW_DEFAULT_MEMORY_POOL="system", ARROW_IO_THREADS="1", OMP_NUM_THREADS="1")
    os.environ.update(OPENBLAS_NUM_THREADS="1")
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    pa.set_cpu_count(1)
    try:
        parquet = pq.ParquetFile(
            file,
            buffer_size=_BUFFER_BYTES,
            pre_buffer=False,
            thrift_string_size_limit=_MAX_FOOTER_BYTES,
            thrift_container_size_limit=_MAX_FOOTER_ITEMS,
            schema_depth_limit=_MAX_DEPTH,
            page_checksum_verification=True,
            arrow_extensions_enabled=False,
        )
        columns = list(parquet.schema_arrow)
        if len(columns) > request["most"]:
            return {"refused": "too-wide"}, None
        answer = {"compression": _compression(parquet.metadata)}
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        return {"refused": "locked" if "ncrypt" in str(error) else "damaged"}, None
    # A flat column is one column of the file, a nested one several: their numbers are the only sure names.
    taken, names, left_out, number = [], [], [], 0
    for column in columns:
        if _is_cell(column.type):
            taken.append(number)
            names.append(column.name)
        else:
            left_out.append(column.name)
        number += _leaves(column.type)
    if not names:
        return {"refused": "nothing-in-it"}, None
    return {**answer, "header": names, "left_out": left_out}, lambda after: _rows(parquet, taken, after)


def _is_cell(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_cell(kind.value_type)
    flat = (
        types.is_string, types.is_large_string, types.is_string_view, types.is_boolean, types.is_integer,
        types.is_floating, types.is_decimal, types.is_date, types.is_time, types.is_timestamp, types.is_null,
    )  # fmt: skip
    return any(is_kind(kind) for is_kind in flat)


def _leaves(kind: Any) -> int:
    """Columns of the file behind one column of the table."""
    if not kind.num_fields:
        return 1
    return sum(_leaves(kind.field(index).type) for index in range(kind.num_fields))


def _compression(metadata: Any) -> str:
    """The codec of the first column (a writer uses one for all); "" if there are no rows or none is used."""
    if not metadata.num_row_groups or not metadata.num_columns:
        return ""
    codec = str(metadata.row_group(0).column(0).compression).lower()
    return "" if codec == "uncompressed" else codec


def _rows(parquet: Any, taken: list[int], after: int) -> Iterator[tuple[Any, ...] | str]:
    first, groups = 0, parquet.metadata.num_row_groups
    while first < groups and 0 <= (held := parquet.metadata.row_group(first).num_rows) <= after:
        first, after = first + 1, after - held
    return islice(_all_rows(parquet, taken, range(first, groups)), after, None)


def _all_rows(parquet: Any, taken: list[int], groups: range) -> Iterator[tuple[Any, ...] | str]:
    if not groups:
        return
    batches = parquet.reader.iter_batches(_BATCH_ROWS, row_groups=list(groups), column_indices=taken, use_threads=False)
    for batch in batches:
        columns = [_values(batch.column(index)) for index in range(batch.num_columns)]
        for row in zip(*columns, strict=True):
            yield "cell/not-text" if _UNREADABLE in row else row


def _values(column: Any) -> list[Any]:
    """The values of one column of a batch; `_UNREADABLE` for text that is not UTF-8 and dates beyond the calendar."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    zoned = False
    if types.is_timestamp(column.type):
        zoned = column.type.tz is not None
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        column = column.view(pa.timestamp("us"))  # the moment in UTC, whatever zone it is shown in
    elif types.is_time64(column.type):
        column = column.cast(pa.time64("us"), safe=False)
    elif types.is_float16(column.type):
        column = column.cast(pa.float32())
    try:
        values: list[Any] = column.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):
        values = [_value(cell) for cell in column]
    if zoned:
        values = [value.replace(tzinfo=UTC) if hasattr(value, "replace") else value for value in values]
    return values


def _value(cell: Any) -> Any:
    import pyarrow as pa

    try:
        return cell.as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        return _UNREADABLE
