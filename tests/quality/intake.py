"""The records of a labelled set as a node holds them: through `DatasetBook.add`, which reads, prepares and seals."""

import os
from pathlib import Path

from node.datasets import Mapping, PreparedRecord, Terms, open_table
from tests.quality.labelled import LabelledSet, Side
from tests.support.intake import make_book

__all__ = ["prepare"]


def prepare(labelled: LabelledSet, folder: Path) -> list[dict[str, PreparedRecord]]:
    """For each side, in a node's own state folder under `folder`: reference -> prepared record.

    A row that the intake leaves out is missing here, and counts as not found.
    """
    return [_prepared(side, folder / f"node-{os.urandom(4).hex()}") for side in labelled.sides]


def _prepared(side: Side, folder: Path) -> dict[str, PreparedRecord]:
    folder.mkdir(parents=True)
    book = make_book(folder)
    # A legal duty stands for the consents, which are not what is measured here.
    terms = Terms("suspect", "legal_duty", "Art. 1", side.region)
    found: dict[str, PreparedRecord] = {}
    for number, part in enumerate(side.parts):
        name = f"part-{number}"
        book.add(name, open_table(part.path), terms, Mapping.of(dict(part.roles)), by="ada")
        for record in book.records(name):
            found[record.reference] = record
    return found
