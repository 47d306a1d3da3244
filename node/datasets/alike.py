"""Records that stand together and differ in nothing but their values, as columns.

Most large data sets are lists of one thing: telephone numbers, each with a reference, all under the same consent. Their
record file holds them in columns (`layout`), and a round takes the columns as they are: nothing is parsed but the
texts between them, once for all, and no object is made of each record. Blocks of lines that version 0.1.0 wrote are
cut into the same columns as they are read.

A value with a quote or a backslash in it is written with an escape, so it does not fit, and neither does a record that
names a person or holds two values of a kind: a block with one of them is parsed line by line. Both ways read the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from node.datasets.layout import Columns, columns_of
from node.datasets.records import Consent, PreparedRecord
from node.texts import Texts

__all__ = ["Alike", "read_records"]

_SHAPES_KEPT = 256
"""What blocks have in common that is kept parsed, in number: a data set has as many as there are consents in it."""


@dataclass(frozen=True, slots=True, repr=False)
class Alike:
    """Consecutive records without a person that hold one value each of the same kinds.

    `references` and every column of `values` (by kind, in the order of their names) have one text for each record.
    """

    references: Texts
    values: Mapping[str, Texts]
    consent: Consent
    child: bool

    def __repr__(self) -> str:
        # As for one record: only the shape is shown.
        return f"<Alike {len(self)} x {list(self.values)} child={self.child}>"

    def __len__(self) -> int:
        return len(self.references)

    def __iter__(self) -> Iterator[PreparedRecord]:
        """As records, one by one."""
        columns = {kind: list(column) for kind, column in self.values.items()}
        for at, reference in enumerate(self.references):
            values: dict[str, tuple[str, ...]] = {kind: (column[at],) for kind, column in columns.items()}
            yield PreparedRecord(reference, values, None, self.consent, self.child)

    def only(self, places: Sequence[int]) -> Self:
        """Those at these places, which are ascending."""
        if len(places) == len(self):
            return self
        values = {kind: column.only(places) for kind, column in self.values.items()}
        return replace(self, references=self.references.only(places), values=values)


def read_records(block: Columns | Sequence[bytes]) -> Iterator[PreparedRecord | Alike]:
    """The records of one block of a record file, in order: of its columns, or of its lines."""
    found = block if isinstance(block, Columns) else columns_of(block)
    if found is not None:
        consent, child, kinds = _said(found.between)
        yield Alike(found.columns[-1], dict(zip(kinds, found.columns[1:-1], strict=True)), consent, child)
    elif not isinstance(block, Columns):
        yield from PreparedRecord.from_lines(block)


@lru_cache(maxsize=_SHAPES_KEPT)
def _said(between: tuple[bytes, ...]) -> tuple[Consent, bool, tuple[str, ...]]:
    """What all lines with these texts in them say: as a line whose values are empty."""
    record = PreparedRecord.from_line(b"".join(between))
    return record.consent, record.child, tuple(record.identifiers)
