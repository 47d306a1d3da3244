"""Twelve files as offices really have them, made by this script: `python -m tests.support.nasty_files FOLDER`.

Each function tells what has happened to its file. What must come of them stands in
`tests/integration/test_nasty_files.py`. Nobody in them exists; the numbers are made up.
"""

import json
import sqlite3
import sys
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.intake import write_xlsx
from tests.support.workbooks import lock_xlsx, ods, ods_row, write_xls

__all__ = ["NASTY_FILES", "PASSWORD"]

PASSWORD = "zwölf Boxkämpfer"


def numbers_in_excel(folder: Path) -> Path:
    """Telephone numbers that a spreadsheet took for numbers: zeros and plus signs are gone, some digits too."""
    rows: list[list[Any]] = [
        ["Case", "Phone"],
        ["A1", 721123456],
        ["A2", 721123457.0],
        ["A3", 40721123458],
        ["A4", "7.2E+8"],
        ["A5", 7.2e8],
        ["A6", 721123456.5],
        ["A7", 4.0721123456789e17],
        ["A8", "721123459.0"],
        ["A9", "#N/A"],
        ["A10", "#####"],
        ["A11", True],
        ["A12", date(1990, 5, 17)],
        [2024.10, "0721 123 460"],
        [1001, "0721 123 461"],
    ]
    return write_xlsx(folder, rows, name="numbers.xlsx")


def titles_above_the_header(folder: Path) -> Path:
    """Romanian, Windows-1250, semicolons, as its first line says; three lines of title above, and a total below."""
    text = (
        "sep=;\n"
        "Registrul cazurilor;;;\n"
        ";;;\n"
        "Situația la 1 martie 2026;;;\n"
        "Nr. caz;Nume;Prenume;Telefon\n"
        "C-1;Țîrlea;Ștefan;0721 123 456\n"
        "C-2;Brânză;Pătrașcu;„0721 123 457”\n"
        ";;;\n"
        "Total: 2;;;\n"
    )
    path = folder / "registru.csv"
    path.write_bytes(text.translate(str.maketrans("ȘșȚț", "ŞşŢţ")).encode("cp1250"))
    return path


def unicode_text_export(folder: Path) -> Path:
    """What a spreadsheet calls Unicode text: UTF-16 with tabs; Bulgarian, line breaks in cells, Arabic-Indic digits."""
    text = (
        "Номер\tТелефон\tБележки\r\n"
        '1\t"0888 123 456\n0888 123 457"\t"два\nреда"\r\n'
        "2\t+359 88 812 3458\t\r\n"
        "3\t٠٨٨٨١٢٣٤٥٩\tx\r\n"
    )
    path = folder / "unicode.txt"
    path.write_bytes(text.encode("utf-16"))
    return path


def decorated_sheet(folder: Path) -> Path:
    """A hidden list in front; then a merged title, empty rows and columns, the header in row 5, merged cells below."""
    book = openpyxl.Workbook()
    book.active.title = "Lists"
    book.active.append(["yes", "no"])
    book.active.sheet_state = "hidden"
    page = book.create_sheet("Klientinnen 2026")
    page["C2"] = "Klientinnen der Beratungsstelle"
    page.merge_cells("C2:F2")
    for row, cells in {
        5: ("Fallnummer", "Vorname", "Nachname", "Mobil"),
        6: ("K-1", "Olena", "Kovalenko", "+49 1512 3456789"),
        7: ("K-1", "Olena", "Kovalenko", "01512 3456788"),
        9: ("K-2", "Iryna", None, "unbekannt"),
        10: ("K-3", None, None, None),
    }.items():
        for place, value in enumerate(cells, start=3):
            page.cell(row, place, value)
    page.merge_cells("C10:D10")
    page["J40"].font = openpyxl.styles.Font(bold=True)
    book.active = 1
    book.save(folder / "klientinnen.xlsx")
    return folder / "klientinnen.xlsx"


def old_register(folder: Path) -> Path:
    """XLS of a Macintosh: days counted from 1904, some birth dates without a date format (plain numbers)."""
    rows: list[list[Any]] = [
        ["Dossier", "Nom", "Prénom", "Date de naissance"],
        ["D1", "Lefèvre", "Hélène", date(1990, 5, 17)],
        ["D2", "Bénoît", "Gaël", 31547],
        ["D3", "Faure", "Zoé", "17/05/1990"],
        ["D4", "Roux", "Anaïs", date(2012, 1, 1)],
        ["D5", "Blanc", "Inès", 1990],
    ]
    return write_xls(folder / "registre.xls", rows, sheet="Registre", from_1904=True)


def styled_to_the_end(folder: Path) -> Path:
    """ODS whose rows and columns are "repeated" to the end of the sheet, and one row that stands there three times."""
    path = folder / "meldungen.ods"
    path.write_bytes(
        ods(
            ods_row(None, repeated=2)
            + ods_row("Referenz", "Telefon", "Einwilligung", left=1)
            + ods_row("R1", "0151 23456789", "ja", left=1)
            + ods_row("R2", 15123456780, "ja", left=1, repeated=3)
            + ods_row(None, repeated=994)
            + ods_row("R3", "0151 23456781", "nein", left=1)
            + ods_row("R4", "0151 23456782", "vielleicht", left=1)
            + ods_row("R5", "0151 23456783", None, left=1)
            + '<table:table-row table:number-rows-repeated="1047570">'
            + '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
        )
    )
    return path


def survey_with_repeats(folder: Path) -> Path:
    """A survey's export: groups as paths, one list of household members inside each answer, one answer cut off."""
    lines = [
        json.dumps({
            "_id": 1, "case/number": "H-1", "case/consent": "yes",
            "members": [
                {"members/first": "Ana", "members/last": "Demo", "members/phone": "0721123456"},
                {"members/first": "Ion", "members/last": "Demo", "members/phone": ["0721123457", "0721123458"]},
            ],
            "_geolocation": [44.4, 26.1], "_attachments": [{"file": "x.jpg"}],
        }),
        json.dumps({"_id": 2, "case/number": "H-2", "case/consent": "no", "members": [{"members/first": "Eva"}]}),
        '{"_id": 3, "case/number": "H-3", "case/consent": "yes", "members": [{"members/fir',
        "",
        json.dumps({"_id": 5, "case/number": "H-5", "case/consent": "yes", "members": []}),
        '{"_id": 6, "case/number": "H-6", "case/consent": "no", "case/consent": "yes", "members": []}',
    ]  # fmt: skip
    path = folder / "answers.json"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def crawled_adverts(folder: Path) -> Path:
    """A crawler's JSON Lines: two numbers in one field, digits of other scripts, as emoji and as look-alike letters."""
    phones: list[Any] = [
        "Sună la 0721 123 456 sau 0722 123 456",
        "0721123456 / 0721-123-457",
        "٠٧٢١ ١٢٣ ٤٥٨",
        "０７２１１２３４５９",
        "0️⃣7️⃣2️⃣1️⃣1️⃣2️⃣3️⃣4️⃣6️⃣0️⃣",
        "O721 l23 461",
        "О721123462",
        721123463,
        ["0721123464", "0721123465"],
        "07211234",
        "N/A",
        None,
        "072\u200b1123\u00a0466",
    ]
    lines = [
        {"ad": {"id": number, "html": "<p>" + "x" * 40_000}, "phone": phone}
        for number, phone in enumerate(phones, start=1)
    ]
    path = folder / "adverts.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=number % 2 == 0) + "\n" for number, line in enumerate(lines)))
    return path


def locked_workbook(folder: Path) -> Path:
    """A list of cases that is locked with a password, as the office's rules want it."""
    rows: list[list[Any]] = [["zaak", "telefoon", "toestemming"], ["Z1", "0612345678", "ja"], ["Z2", "0612345679", ""]]
    return lock_xlsx(write_xlsx(folder, rows, name="zaken.xlsx"), PASSWORD)


def broken_text_file(folder: Path) -> Path:
    """CSV by hand: wrong quotation marks, ragged rows, a NUL, words for nothing, a cell of a million characters."""
    text = (
        "ref,phone,mail\n"
        '1,"0721 123 456",a@shelter.example\n'
        '2,"0721" 123 457,b@shelter.example\n'
        "3,0721 123 458\n"
        "4,0721,123,459,c@shelter.example\n"
        "5,unknown,n/a\n"
        "6,0721 123\x00460,d@shelter.example\n"
        "\n"
        "7,000,-\n"
        '8,"0721 123 461\r\n0721 123 462",e@shelter.example\n'
        f"9,{'1' * 1_000_000},f@shelter.example\n"
        ",0721 123 463,g@shelter.example\n"
        "10,0721 123 464,h@shelter.example,,,\n"
        "1,0721 123 465,i@@shelter.example\n"
    )
    path = folder / "by_hand.csv"
    path.write_bytes(text.encode())
    return path


def typed_extract(folder: Path) -> Path:
    """Parquet of a police system: telephone numbers and device numbers as 64-bit integers, lists beside them."""
    columns = {
        "case_id": pa.array([20240000000000017, 20240000000000018, None, 7], pa.int64()),
        "msisdn": pa.array([40721123456, 721123457, 721123458, None], pa.int64()),
        "imei": pa.array([490154203237518, 490154203237519, None, None], pa.int64()),
        "contacts": [["a"], [], None, ["b"]],
        "seen": pa.array([0, 1, 2, 3], pa.timestamp("ns", "Europe/Sofia")),
    }
    pq.write_table(pa.table(columns), folder / "extract.parquet", compression="zstd")
    return folder / "extract.parquet"


def register_of_a_program(folder: Path) -> Path:
    """A SQLite register in use, asked by a query; its columns hold whatever was typed into them."""
    with sqlite3.connect(folder / "register.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE clients (no, tel, mail TEXT, agreed)")
        rows = [
            ("S-1", "0721123456", "A@Shelter.Example", 1),
            ("S-2", 721123457, None, 0),
            ("S-3", "0721 12", "b@shelter.example", "yes"),
            (4.5, "0721123458", "", "yes"),
            ("S-5", b"\xff\xfe", "", "yes"),
        ]
        connection.executemany("INSERT INTO clients VALUES (?, ?, ?, ?)", rows)
    connection.close()
    query = (
        "SELECT no, tel, mail, CASE agreed WHEN 1 THEN 'yes' WHEN 0 THEN 'no' ELSE agreed END AS agreed FROM clients"
    )
    path = folder / "register.toml"
    path.write_text(f'url = "sqlite:///register.db"\nquery = """{query} ORDER BY rowid"""\n', encoding="utf-8")
    path.chmod(0o600)
    return path


NASTY_FILES = (
    numbers_in_excel,
    titles_above_the_header,
    unicode_text_export,
    decorated_sheet,
    old_register,
    styled_to_the_end,
    survey_with_repeats,
    crawled_adverts,
    locked_workbook,
    broken_text_file,
    typed_extract,
    register_of_a_program,
)

if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(exist_ok=True)
    for make in NASTY_FILES:
        print(make(target))
