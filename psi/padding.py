"""Size classes: what a list is padded to, so that its length says almost nothing about how many it holds.

A member declares a **record class**, never its true number of records (PROTOCOL.md, "Sizes"). Record classes are

    64, 128, 256, ... 65,536                    powers of two, from a floor of 64
    73,728, 81,920, ... 131,072, 147,456 ...    above 2^16: steps of an eighth of the power of two below

so small lists hide best (3 and 60 records look the same) and large ones pay at most an eighth more than they hold. The
**size class** is the record class times the tokens per record, in elements; every message length of a round follows
from it. What this does not hide: that a round took place, and which class was declared. And the filling is room: who
declares 64 records and holds 3 may put guesses in the other 61 places; nobody can see the difference.
"""

from psi.errors import RefusedValue

__all__ = [
    "FLOOR_RECORDS",
    "MAX_ELEMENTS",
    "MAX_RECORDS",
    "MAX_TOKENS_PER_RECORD",
    "is_record_class",
    "record_class",
    "size_class",
]

FLOOR_RECORDS = 64
"""Smallest record class, in records."""

MAX_RECORDS = 1 << 24
"""Largest record class, in records (16,777,216)."""

MAX_TOKENS_PER_RECORD = 1024
"""Most tokens that one record may have. "Any 3 of 8 fields" makes 56."""

MAX_ELEMENTS = 1 << 27
"""Largest size class, in elements (134,217,728): one list of them is 4 GiB. Chunk numbers and counters stay far from
their ends."""

_LAST_POWER = 1 << 16
"""Up to here classes are powers of two; above, eighths."""

_STEPS = 8


def record_class(records: int) -> int:
    """The smallest record class that holds `records` records; RefusedValue if there is none."""
    if records < 0:
        raise RefusedValue("A number of records cannot be negative.", reason="size/negative")
    if records > MAX_RECORDS:
        raise RefusedValue(
            f"A list of more than {MAX_RECORDS:,} records does not fit into one round.",
            advice="Split the data set and hold several rounds.",
            reason="size/too-many-records",
        )
    if records <= FLOOR_RECORDS:
        return FLOOR_RECORDS
    below = 1 << ((records - 1).bit_length() - 1)
    step = below if below < _LAST_POWER else below // _STEPS
    return -(-records // step) * step


def is_record_class(records: int) -> bool:
    """Whether `records` is one of the record classes."""
    return FLOOR_RECORDS <= records <= MAX_RECORDS and record_class(records) == records


def size_class(records_class: int, tokens_per_record: int) -> int:
    """Elements that a list of this record class is padded to; RefusedValue outside the limits above."""
    if not is_record_class(records_class):
        raise RefusedValue(
            "The declared number of records is not one of the record classes.",
            advice=f"Record classes are the powers of two from {FLOOR_RECORDS} to {_LAST_POWER:,}, "
            "then steps of an eighth.",
            reason="size/not-a-class",
        )
    if not 1 <= tokens_per_record <= MAX_TOKENS_PER_RECORD:
        raise RefusedValue(
            f"One record would make {tokens_per_record:,} tokens; from 1 to {MAX_TOKENS_PER_RECORD:,} are possible.",
            advice="Match on fewer fields or fewer kinds.",
            reason="size/tokens-per-record",
        )
    elements = records_class * tokens_per_record
    if elements > MAX_ELEMENTS:
        raise RefusedValue(
            f"The padded list would hold {elements:,} elements; a round takes at most {MAX_ELEMENTS:,}.",
            advice="Split the data set, or match on fewer fields or kinds.",
            reason="size/too-many-elements",
        )
    return elements
