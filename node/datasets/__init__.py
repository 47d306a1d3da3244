"""Data sets: from a caseworker's spreadsheet to sealed, prepared records.

sources     open a file (csv_source with encodings, workbook_source, parquet_source, jsonl_source with json_shape) or a
            query (sql_source); tables: what a table is; reading_process, reading_child, workbook_reader and
            parquet_reader: a process apart for formats whose parsers could take the node down
mapping     what each column is (roles: all that one can be); remembered by header (memory); header: which row that is;
            profiles: mappings that are shipped for the exports of known programs
columns     on the way to a mapping: what was said, what is still needed, warnings; proposed by the words of a header in
            six languages (header_words, words) and by cells (content); refused by either (words, content_refused)
terms       record class, legal basis, region; consent, child and class cells
rows        one row -> one prepared record (records), or the reason why not (report, marked_copy); room: how many values
            of a kind a record usually has; repeated: rows that share a case number
stop_list   own contacts, which never take part
exclusions  records that were withdrawn, or are kept from one member
prepare     all rows -> a sealed record file (recordfile), in processes of their own where that pays (batches, workers,
            worker_child); preview: the first rows, for their owner
book        add, refresh, list, read, remove (dataset and dataset_rows: what is kept; refresh, takeover, heads: the next
            version); alike: records that stand together and are alike are read as columns, and layout: they are stored
            as such
"""

from node.datasets.alike import Alike
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
    "Alike",
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
