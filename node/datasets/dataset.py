"""One data set as it stands, and what is kept with it under a seal.

`details` is everything about a data set that says more than its name: where it comes from, what its columns hold, what
was found in it, and what a refresh needs. It stands sealed in the row of the data set.
"""

from dataclasses import dataclass, field
from typing import Any

from node import __version__
from node.datasets.heads import context_key
from node.datasets.mapping import Mapping
from node.datasets.report import Report
from node.datasets.stop_list import stop_digest
from node.datasets.tables import Table
from node.datasets.terms import Terms
from node.errors import UserError
from psi.identifiers import NORMALISER_VERSION

__all__ = ["NO_STOP", "Dataset", "check_second", "details_of", "row_key"]

NO_STOP = stop_digest(frozenset())
"""The digest of stop-lists with nothing on them."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set. `records` rows were read, `usable` of them are stored; `counts` is `Report.counts()`.

    `details` is what stands sealed: the source file's name and how it was opened, what was detected about it, the
    mapping, the header, the reference to a legal duty, the reported cells (addresses and reasons), the key of the row
    digests, the digest of the stop-lists, the rounds that had a part of it, and what the last refresh changed.
    """

    dataset_id: str
    name: str
    record_class: str
    basis: str
    region: str | None
    normaliser_version: str
    records: int
    usable: int
    counts: dict[str, Any]
    details: dict[str, Any] = field(repr=False)
    created_at: str
    version_id: str
    version: int
    refreshed_at: str | None

    def terms(self, urgent_second: str = "") -> Terms:
        """The terms it was added with; who confirms urgent rows is said anew each time."""
        return Terms(self.record_class, self.basis, self.details["legal_reference"], self.region, urgent_second)


def details_of(
    table: Table,
    mapping: Mapping,
    terms: Terms,
    report: Report,
    source: str,
    opened: dict[str, Any],
    key: bytes,
    stop: str,
) -> dict[str, Any]:
    """What stands sealed with a data set."""
    return {
        "source": source,
        "opened": opened,
        "format": table.facts.format,
        "encoding": table.facts.encoding,
        "sheet": table.facts.sheet,
        "header": list(table.header),
        "legal_reference": terms.legal_reference,
        "mapping": mapping.columns,
        "problems": [problem.to_dict() for problem in report.problems],
        "repairs": [problem.to_dict() for problem in report.repairs],
        "key": key.hex(),
        "stop": stop,
    }


def row_key(key: bytes, mapping: Mapping, terms: Terms, stop: str) -> bytes:
    """The key of the row digests: whatever decides about a row is in it, so that a change makes every digest another.

    Who confirmed urgent rows is not: such a row is never taken over (`heads.good_until`).
    """
    context = {
        "software": __version__,
        "normaliser": NORMALISER_VERSION,
        "mapping": mapping.columns,
        "class": terms.record_class,
        "basis": terms.basis,
        "region": terms.region,
        "stop": stop,
    }
    return context_key(key, context)


def check_second(terms: Terms, by: str) -> None:
    if terms.urgent_second and " ".join(terms.urgent_second.split()).casefold() == " ".join(by.split()).casefold():
        raise UserError(
            "An urgent danger is confirmed by a second person, not by the one who adds the data set.",
            advice="Let somebody else of your organisation look at these rows, and give their name with --second.",
        )
