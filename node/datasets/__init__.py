"""Data sets: from a caseworker's spreadsheet to sealed, prepared records.

sources     open a CSV or XLSX file (csv_source, xlsx_source, encodings; tables: what a table is)
mapping     what each column is; remembered by header (memory); words: in six languages; header: which row that is
columns     on the way to a mapping: what was said, what is still needed, warnings
terms       record class, legal basis, region; consent, child and class cells
rows        one row -> one prepared record (records), or the reason why not (report)
prepare     all rows -> a sealed record file (recordfile); preview: the first rows, for their owner
book        add, list, read, remove
"""

from node.datasets.book import Dataset, DatasetBook
from node.datasets.mapping import ROLES, Mapping, suggest
from node.datasets.memory import MappingMemory
from node.datasets.preview import Preview, glance, preview
from node.datasets.records import Consent, PreparedRecord
from node.datasets.report import Problem, Report
from node.datasets.sources import open_table
from node.datasets.terms import RECORD_CLASSES, Terms

__all__ = [
    "RECORD_CLASSES",
    "ROLES",
    "Consent",
    "Dataset",
    "DatasetBook",
    "Mapping",
    "MappingMemory",
    "PreparedRecord",
    "Preview",
    "Problem",
    "Report",
    "Terms",
    "glance",
    "open_table",
    "preview",
    "suggest",
]
