"""Twelve files as offices really have them go in, and the report says exactly what is wrong with them, and where.

`tests/support/nasty_files.py` makes each and tells its story. Here stands what must come of it: what was found out
about the file, every problem by its address, every repaired cell, and the values that take part by case number.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from node.datasets import DatasetBook, Mapping, Terms, open_table
from node.datasets.tables import PasswordNeeded
from node.errors import UserError
from tests.support.intake import make_book
from tests.support.nasty_files import NASTY_FILES, PASSWORD

NOTHING = "row/nothing-to-compare"


@dataclass(frozen=True)
class Expected:
    columns: dict[str, str]
    terms: Terms
    facts: dict[str, Any]
    rows: int
    problems: list[tuple[str, str]]
    values: dict[str, list[dict[str, tuple[str, ...]]]]
    repairs: str = ""
    children: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def duty(record_class: str, region: str) -> Terms:
    return Terms(record_class, "legal_duty", "Act 1, section 2", region)


def phones(*numbers: str) -> dict[str, tuple[str, ...]]:
    return {"phone": numbers}


def alone(*cells: tuple[str, str]) -> list[tuple[str, str]]:
    """A refused cell that was the only one to be compared in its row costs the row."""
    found = []
    for address, reason in cells:
        found += [(address, reason), (f"row {address.lstrip('ABCDEFG')}", NOTHING)]
    return found


EXPECTED = {
    "numbers_in_excel": Expected(
        {"Case": "reference", "Phone": "phone"},
        duty("contact", "RO"),
        {"format": "xlsx", "header_row": 1},
        14,
        [
            *alone(("B5", "phone/lost-digits"), ("B7", "cell/not-whole"), ("B8", "cell/lost-digits")),
            ("row 10", NOTHING),  # calamine shows #N/A as an empty cell
            *alone(("B11", "cell/spreadsheet-error"), ("B12", "phone/letters"), ("B13", "phone/not-valid")),
            ("A14", "reference/unusable"),  # 2024.10 has become 2024.1
        ],
        {
            "A1": [phones("+40721123456")],
            "A2": [phones("+40721123457")],
            "A3": [phones("+40721123458")],
            "A5": [phones("+40720000000")],  # stored whole, and only shown as 7.2E+8
            "A8": [phones("+40721123459")],
            "1001": [phones("+40721123461")],
        },
        repairs="B2 B3 B4 B6 B9",
    ),
    "titles_above_the_header": Expected(
        {"Nr. caz": "reference", "Nume": "family_name", "Prenume": "given_name", "Telefon": "phone"},
        duty("contact", "RO"),
        {"format": "csv", "header_row": 4, "encoding": "cp1250", "encoding_guessed": True, "delimiter": ";"},
        3,
        [("D6", "phone/letters"), ("row 8", NOTHING)],
        {"C-1": [phones("+40721123456")], "C-2": [{}]},
    ),
    "unicode_text_export": Expected(
        {"Номер": "reference", "Телефон": "phone"},
        duty("contact", "BG"),
        {"format": "csv", "header_row": 1, "encoding": "utf-16", "encoding_guessed": False, "delimiter": "\t"},
        3,
        [],
        {
            "1": [phones("+359888123456", "+359888123457")],
            "2": [phones("+359888123458")],
            "3": [phones("+359888123459")],
        },
    ),
    "decorated_sheet": Expected(
        {"Fallnummer": "reference", "Vorname": "given_name", "Nachname": "family_name", "Mobil": "phone"},
        duty("contact", "DE"),
        {"format": "xlsx", "header_row": 5, "sheet": "Klientinnen 2026", "sheets": ("Lists", "Klientinnen 2026")},
        4,
        [("row 10", NOTHING), ("C7", "reference/repeated")],
        {"K-1": [phones("+4915123456789"), phones("+4915123456788")], "K-2": [{}]},
    ),
    "old_register": Expected(
        {"Dossier": "reference", "Nom": "family_name", "Prénom": "given_name", "Date de naissance": "birth_date"},
        duty("contact", "FR"),
        {"format": "xls", "header_row": 1, "sheet": "Registre"},
        5,
        # 31547 is 17 May 1990 in this file, and 15 May 1986 in any other: nobody can know which was meant.
        [("D3", "date/unreadable"), ("row 5", "child/born-recently")],
        {f"D{number}": [{}] for number in range(1, 6)},
        children=1,
    ),
    "styled_to_the_end": Expected(
        {"Referenz": "reference", "Telefon": "phone", "Einwilligung": "consent"},
        Terms("victim", region="DE"),
        {"format": "ods", "header_row": 3, "sheet": "Tabelle1"},
        7,
        [
            *alone(("C5", "phone/ambiguous"), ("C6", "phone/ambiguous"), ("C7", "phone/ambiguous")),
            ("D1002", "consent/no"),
            ("D1003", "consent/unknown-word"),
            ("D1004", "consent/blank"),
        ],
        {"R1": [phones("+4915123456789")]},
    ),
    "survey_with_repeats": Expected(
        {
            "case/number": "reference",
            "case/consent": "consent",
            "members.members/first": "given_name",
            "members.members/last": "family_name",
            "members.members/phone": "phone",
        },
        Terms("victim", region="RO"),
        {"format": "jsonl", "header_row": 0, "explode": "members", "numbering": "line of the file"},
        6,
        [
            ("C2", "consent/no"),
            ("row 3", "row/not-json"),
            ("row 5", NOTHING),
            ("row 6", "row/repeated-key"),
            ("B1", "reference/repeated"),
        ],
        {"H-1": [phones("+40721123456"), phones("+40721123457", "+40721123458")]},
        options={"explode": "members"},
        note="_attachments",
    ),
    "crawled_adverts": Expected(
        {"ad.id": "reference", "phone": "phone"},
        duty("advert", "RO"),
        {"format": "jsonl", "numbering": "line of the file"},
        13,
        [
            *alone(*((f"C{number}", "phone/letters") for number in (1, 5, 6, 7))),
            *alone(("C10", "phone/not-valid")),
            ("row 11", NOTHING),
            ("row 12", NOTHING),
        ],
        {
            "2": [phones("+40721123456", "+40721123457")],
            "3": [phones("+40721123458")],
            "4": [phones("+40721123459")],
            "8": [phones("+40721123463")],
            "9": [phones("+40721123464", "+40721123465")],
            "13": [phones("+40721123466")],
        },
        repairs="C8",
    ),
    "locked_workbook": Expected(
        {"zaak": "reference", "telefoon": "phone", "toestemming": "consent"},
        Terms("victim", region="NL"),
        {"format": "xlsx", "header_row": 1},
        2,
        [("C3", "consent/blank")],
        {"Z1": [phones("+31612345678")]},
        options={"password": PASSWORD.encode()},
    ),
    "broken_text_file": Expected(
        {"ref": "reference", "phone": "phone", "mail": "email"},
        duty("contact", "RO"),
        {"format": "csv", "header_row": 1, "encoding": "utf-8", "delimiter": ","},
        12,
        [
            ("row 3", "row/quotation-mark"),
            ("row 4", "row/too-few-cells"),
            ("row 5", "row/too-many-cells"),
            ("row 6", NOTHING),
            ("B7", "cell/control-character"),
            ("row 9", NOTHING),
            ("row 11", "cell/too-long"),
            ("A12", "reference/blank"),
            ("C14", "email/not-an-address"),
            ("A14", "reference/repeated"),
        ],
        {
            "1": [{"email": ("a@shelter.example",), **phones("+40721123456")}, phones("+40721123465")],
            "3": [phones("+40721123458")],
            "6": [{"email": ("d@shelter.example",)}],
            "8": [{"email": ("e@shelter.example",), **phones("+40721123461", "+40721123462")}],
            "10": [{"email": ("h@shelter.example",), **phones("+40721123464")}],
        },
    ),
    "typed_extract": Expected(
        {"case_id": "reference", "msisdn": "phone", "imei": "imei"},
        duty("suspect", "RO"),
        {"format": "parquet", "compression": "zstd", "numbering": "record, counted from 1"},
        4,
        [("C2", "imei/check-digit"), ("A3", "reference/blank"), ("row 4", NOTHING)],
        {
            "20240000000000017": [{"imei": ("490154203237518",), **phones("+40721123456")}],
            "20240000000000018": [phones("+40721123457")],
        },
        repairs="B1 C1 B2",
        note="contacts",
    ),
    "register_of_a_program": Expected(
        {"no": "reference", "tel": "phone", "mail": "email", "agreed": "consent"},
        Terms("victim", region="RO"),
        {"format": "sql", "numbering": "record, counted from 1"},
        5,
        [("D2", "consent/no"), ("B3", "phone/not-valid"), ("A4", "reference/unusable"), ("row 5", "cell/not-text")],
        {
            "S-1": [{"email": ("a@shelter.example",), **phones("+40721123456")}],
            "S-3": [{"email": ("b@shelter.example",)}],
        },
    ),
}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> DatasetBook:
    return make_book(tmp_path_factory.mktemp("node"))


def state_of(folder: Path) -> dict[str, tuple[str, int, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in folder.iterdir()
    }


@pytest.mark.tm("TM-84")
@pytest.mark.parametrize("make", NASTY_FILES, ids=lambda make: make.__name__)
def test_a_nasty_file_goes_in_with_the_right_report(make: Any, tmp_path: Path, book: DatasetBook) -> None:
    expected = EXPECTED[make.__name__]
    path = make(tmp_path)
    before = state_of(tmp_path)
    name = make.__name__.replace("_", "-")
    with open_table(path, **expected.options) as table:
        assert {fact: getattr(table.facts, fact) for fact in expected.facts} == expected.facts
        assert expected.note in " ".join(table.facts.notes)
        assert bool(expected.note) == bool(table.facts.notes)
        _, report = book.add(name, table, expected.terms, Mapping.of(expected.columns), by="anna", source=path.name)
    assert state_of(tmp_path) == before
    found: dict[str, list[dict[str, tuple[str, ...]]]] = {}
    for record in book.records(name):
        found.setdefault(record.reference, []).append(dict(record.identifiers))
    assert [(problem.address, problem.reason) for problem in report.problems] == expected.problems
    assert " ".join(repair.address for repair in report.repairs) == expected.repairs
    assert found == expected.values
    assert (report.rows, report.children) == (expected.rows, expected.children)
    assert report.usable == sum(map(len, found.values()))
    assert all(problem.sentence for problem in report.problems)


def test_letters_of_every_encoding_arrive_whole(tmp_path: Path) -> None:
    rows = {}
    for make in NASTY_FILES[1:5]:
        with open_table(make(tmp_path)) as table:
            rows[make.__name__] = [row.cells for row in table.rows()]
    assert rows["titles_above_the_header"][0][1:3] == ("Ţîrlea", "Ştefan")
    assert rows["unicode_text_export"][0][2] == "два\nреда"
    assert rows["old_register"][0][1:] == ("Lefèvre", "Hélène", "1990-05-17")


def test_the_locked_one_stays_shut_without_its_password(tmp_path: Path) -> None:
    path = NASTY_FILES[8](tmp_path)
    with pytest.raises(PasswordNeeded):
        open_table(path)
    with pytest.raises(UserError, match="does not open"):
        open_table(path, password=b"guess")


def test_there_are_at_least_ten_and_each_is_judged() -> None:
    assert len(NASTY_FILES) == len(EXPECTED) == 12
    assert all(make.__doc__ for make in NASTY_FILES)
