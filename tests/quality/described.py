"""A labelled pair of files of somebody's own, as a TOML file describes it: `make quality DATA=file MAPPING=mapping`.

    name = "two registers of 2025"
    first = "shelter.xlsx"              # any table that `dataset add` reads; paths as seen from this file
    second = "police.csv"               # leave it out to look for double records in `first`
    region = "RO"                       # country of telephone numbers written without one
    truth_column = "person"             # the column of both files that tells who is who; it is never compared
    # or, in its place, a table whose first two columns hold the references of records of one person:
    # truth = "pairs.csv"

    [mapping]                           # column -> role, as in a data set; or a mapping file named by MAPPING
    "Case number" = "reference"
    "First name" = "given_name"

    [mapping_second]                    # only if the second file has other columns

Nothing is written beside a node's state in a temporary folder. Every mistake is a `UserError` with a sentence.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from node.datasets import Mapping, open_table
from node.datasets.mapping import find_column
from node.datasets.tables import plain
from node.errors import UserError
from tests.quality.labelled import LabelledSet, Part, Side

__all__ = ["read_description"]

Text = Annotated[str, Field(min_length=1, max_length=500)]


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    name: Text
    first: Text
    second: Text | None = None
    region: Text | None = None
    truth: Text | None = None
    truth_column: Text | None = None
    mapping: dict[str, str] | None = None
    mapping_second: dict[str, str] | None = None


@dataclass(frozen=True)
class _File:
    part: Part
    references: tuple[str, ...]
    truth: tuple[str, ...]
    """The cells of the truth column, row by row; empty without one."""


def read_description(path: Path, mapping: Path | None = None) -> LabelledSet:
    """The set that the TOML file `path` describes; `mapping` is a mapping file in place of its [mapping]."""
    found = _parse(path)
    if (found.truth is None) == (found.truth_column is None):
        raise UserError(
            "The description must say in one way who is who.",
            advice='Give either truth_column = "column" or truth = "file with pairs of references".',
        )
    roles = found.mapping
    if mapping is not None:
        roles = dict(Mapping.parse(_bytes(mapping, "mapping file")).columns)
    if roles is None:
        raise UserError(
            "The description does not say what the columns are.",
            advice='Add a [mapping] with lines such as "First name" = "given_name", or name a mapping file.',
        )
    names = [found.first] if found.second is None else [found.first, found.second]
    maps = [roles, found.mapping_second or roles]
    files = [_read(path.parent / name, columns, found.truth_column) for name, columns in zip(names, maps, strict=False)]
    if found.truth is not None:
        clusters = _by_pairs(path.parent / found.truth, files)
    else:
        clusters = [
            {ref: said or f"nobody else {side} {ref}" for ref, said in zip(file.references, file.truth, strict=True)}
            for side, file in enumerate(files)
        ]
    sides = tuple(Side((file.part,), known, found.region) for file, known in zip(files, clusters, strict=True))
    labelled = LabelledSet(found.name, sides, "any")
    if not labelled.true_pairs():
        raise UserError(
            "By the truth given, no two of these records are one person.",
            advice="Check that the truth names the same people in both files, or the right references.",
        )
    return labelled


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"The {what} cannot be read: {error.strerror}.", advice="Check its name.") from None


def _parse(path: Path) -> _Description:
    try:
        return _Description.model_validate(tomllib.loads(_bytes(path, "description").decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise UserError("The description is not TOML.", advice="tests/README.md has an example.") from None
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
        raise UserError(
            f'The description cannot be used: "{place}" is missing, unknown or of the wrong kind.',
            advice="tests/README.md has an example.",
        ) from None


def _read(path: Path, roles: dict[str, str], truth_column: str | None) -> _File:
    checked = Mapping.of(roles)
    if truth_column in roles and roles[str(truth_column)] not in ("ignore", "reference"):
        raise UserError(
            "The column that tells who is who is mapped to something that would be compared.",
            advice="Leave it out of the mapping.",
        )
    table = open_table(path)
    key = checked.bind(table.header).one("reference")
    assert key is not None, "a mapping has a reference"
    truth = find_column(truth_column, table.header) if truth_column else None
    references, said = [], []
    for row in table.rows():
        cells = [" ".join(plain(cell).split()) for cell in row.cells]
        if len(cells) > key and cells[key]:
            references.append(cells[key])
            said.append(cells[truth] if truth is not None and len(cells) > truth else "")
    if len(set(references)) != len(references):
        raise UserError(
            "A reference stands on several rows, so the truth would not be clear.",
            advice="Number the rows in a copy of the file.",
        )
    return _File(Part(path, roles), tuple(references), tuple(said))


def _by_pairs(path: Path, files: list[_File]) -> list[dict[str, str]]:
    """Reference -> person, by joining whatever the pairs connect. A reference of two files counts in each by itself."""
    homes = {(side, ref): (side, ref) for side, file in enumerate(files) for ref in file.references}

    def home(what: tuple[int, str]) -> tuple[int, str]:
        while homes[what] != what:
            homes[what] = what = homes[homes[what]]
        return what

    last = len(files) - 1
    for row in open_table(path).rows():
        pair = [" ".join(plain(cell).split()) for cell in row.cells[:2]]
        if len(pair) < 2 or not all(pair):
            continue
        one, other = (0, pair[0]), (last, pair[1])
        if one not in homes or other not in homes:
            raise UserError(
                f"Row {row.number} of the pairs names a reference that stands in no file.",
                advice="The first column holds references of the first file, the second those of the second.",
            )
        homes[home(one)] = home(other)
    clusters: list[dict[str, str]] = [{} for _ in files]
    for side, reference in homes:
        at, root = home((side, reference))
        clusters[side][reference] = f"{at} {root}"
    return clusters
