"""What is asked and answered about data sets: the models of `datasets.py`."""

from typing import Any

from pydantic import Field, SecretStr

from node.operations.table import Reply, Request

__all__ = [
    "AddReply",
    "AddRequest",
    "CellView",
    "ChangesView",
    "ColumnView",
    "CopyView",
    "DatasetList",
    "DatasetView",
    "NameRequest",
    "Opening",
    "PreviewReply",
    "PreviewRequest",
    "ProblemView",
    "ProfileList",
    "ProfileView",
    "RefreshReply",
    "RefreshRequest",
    "RemoveReply",
    "ReportReply",
    "ReportRequest",
    "RoundName",
    "RowView",
    "Source",
    "StopListAddRequest",
    "StopListList",
    "StopListReply",
    "StopListValues",
    "StopListView",
    "WithdrawnView",
]


class Opening(Request):
    """How to open a source; what is None is detected.

    `profile` names a known program. `explode` is the list of a JSON Lines file that is taken apart: None leaves it to
    the profile, "" takes none apart.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    profile: str | None = None
    explode: str | None = None
    password: SecretStr | None = None


class Source(Opening):
    path: str


class PreviewRequest(Source):
    """`mapping` gives column -> role; what it does not name comes from the profile, from memory or is suggested.

    `record_class` may be left to the profile. `second` confirms rows that claim an urgent danger. With `marked_copy`,
    the whole file is read and a copy with every finding is written there.
    """

    mapping: dict[str, str] = Field(default_factory=dict)
    record_class: str = ""
    basis: str = "consent"
    legal_reference: str = ""
    region: str | None = None
    second: str = ""
    rows: int = 20
    marked_copy: str | None = None


class AddRequest(PreviewRequest):
    name: str
    by: str


class RefreshRequest(Opening):
    """`path` None is the file it was made from last, opened in the same way; `mapping` goes on top of its mapping."""

    name: str
    by: str
    path: str | None = None
    mapping: dict[str, str] = Field(default_factory=dict)
    second: str = ""
    marked_copy: str | None = None


class NameRequest(Request):
    name: str
    by: str


class ReportRequest(Request):
    name: str


class ColumnView(Reply):
    """`role` is "ignore" for a column that is not used; `example` its first cell, in a preview only.

    `origin`: who said so (said, profile, remembered, header); `hint`: the role that the cells of a column without one
    look like. `accepted` to `blank` count its cells, in a report.
    """

    letter: str
    name: str
    role: str
    example: str = ""
    origin: str = ""
    hint: str = ""
    accepted: int = 0
    repaired: int = 0
    refused: int = 0
    blank: int = 0


class CellView(Reply):
    """`fate`: what becomes of it (`node.datasets.preview.FATES`)."""

    text: str
    forms: list[str]
    fate: str = ""


class RowView(Reply):
    """`takes_part`: in rounds. A `child`'s row is prepared and kept out of them; any other row is left out."""

    number: int
    takes_part: bool
    child: bool
    notes: list[str]
    cells: dict[str, CellView]


class ProblemView(Reply):
    address: str
    reason: str
    sentence: str
    fix: str


class CopyView(Reply):
    """The marked copy: where it is, how many cells are marked, and what it does not show."""

    path: str
    marked: int
    notes: list[str]


class PreviewReply(Reply):
    """`needed`: what must still be said before a data set can be made; as long as that is something, no row is read.
    `unlike`: a sentence if nothing in the file looks like anything that could be compared, else empty. `notes` are
    sentences about the source, `source_facts` what was found out about it besides."""

    format: str
    header_row: int
    encoding: str
    encoding_guessed: bool
    delimiter: str
    sheet: str
    sheets: list[str]
    compression: str
    explode: str
    numbering: str
    notes: list[str]
    remembered: bool
    profile: str
    columns: list[ColumnView]
    needed: list[str]
    unlike: str
    warnings: list[str]
    rows: list[RowView]
    counts: dict[str, Any]
    marked_copy: CopyView | None = None


class DatasetView(Reply):
    """`notes`: why it should be refreshed, if it should."""

    dataset_id: str
    name: str
    record_class: str
    basis: str
    region: str | None
    records: int
    usable: int
    created_at: str
    refreshed_at: str | None
    version: int
    counts: dict[str, Any]
    source: str
    mapping: dict[str, str]
    notes: list[str]


class RoundName(Reply):
    round_id: str
    title: str
    running: bool


class WithdrawnView(Reply):
    """References of this node's own records, and the rounds they were in and cannot be called back from."""

    references: list[str]
    rounds: list[RoundName]


class ChangesView(Reply):
    """Rows taken over and prepared again, records that are gone, references withdrawn from rounds: in all, and told."""

    taken_over: int
    prepared: int
    gone: int
    withdrawn: int
    told: list[WithdrawnView]


class ReportReply(Reply):
    """The quality report of a data set: what became of each column, and each cell that is reported."""

    dataset: DatasetView
    columns: list[ColumnView]
    problems: list[ProblemView]
    repairs: list[ProblemView]
    changes: ChangesView | None = None


class AddReply(ReportReply):
    warnings: list[str]
    marked_copy: CopyView | None = None


class RefreshReply(AddReply):
    """As of `dataset.add`; `changes` is always there."""


class DatasetList(Reply):
    datasets: list[DatasetView]


class RemoveReply(DatasetList):
    """`removed` is what is gone, `datasets` what is left."""

    removed: DatasetView


class ProfileView(Reply):
    name: str
    title: str
    status: str
    record_class: str
    formats: list[str]
    columns: dict[str, str]
    notes: list[str]


class ProfileList(Reply):
    profiles: list[ProfileView]


class StopListAddRequest(NameRequest):
    """`text` has one entry a line (`node.datasets.stop_list`); `kind` is the role of all of them, if one is given."""

    text: str = Field(repr=False)
    kind: str | None = None
    region: str | None = None


class StopListView(Reply):
    name: str
    counts: dict[str, int]
    changed_at: str


class StopListList(Reply):
    """`outdated` names the data sets that were prepared before the lists changed."""

    stop_lists: list[StopListView]
    outdated: list[str]


class StopListReply(StopListList):
    """`changed`: values that are new, or gone."""

    changed: int


class StopListValues(Reply):
    name: str
    values: list[tuple[str, str]]
