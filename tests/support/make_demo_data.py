"""Makes the two data sets of `make demo`: python tests/support/make_demo_data.py [folder]

All people are invented. Telephone numbers are from ranges that the German regulator keeps for films and books, mail
addresses end in example.org. Ten rows each, three planted overlaps:

    HS-01 = RP-104   the name in Cyrillic letters against Latin ones, date of birth, place of birth
    HS-02 = RP-109   one telephone number; the spreadsheet of the shelter turned it into a quantity and dropped the zero
    HS-03 = RP-102   day and month of the date of birth swapped, the name spelt without accents

and two that must NOT be found: HS-04 stands in both files but did not agree, HS-06 stands in both but is a child.
HS-05 left the consent blank. The column Notes is free text, which is never mapped and never read.
A test compares what it makes with the shipped files.
"""

import csv
import io
import sys
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl

SHELTER_FILE = "harbour_shelter.xlsx"
POLICE_FILE = "riverside_police_unit.csv"

SHELTER_REGION = "DE"
POLICE_REGION = "DE"

PLANTED = {"HS-01": "RP-104", "HS-02": "RP-109", "HS-03": "RP-102"}
"""Shelter's reference -> police unit's reference."""

WITHHELD = {"HS-04": "RP-106", "HS-06": "RP-108"}
"""On both lists, but out of the round: no consent, and a child."""

_SHELTER_HEADER = (
    "Case number", "First name", "Family name", "Date of birth", "Place of birth", "Sex", "Nationality", "City",
    "Phone", "E-mail", "Telegram", "Consent", "Consent until", "Consent for", "Share with", "Child", "Notes",
)  # fmt: skip

_END = date(2099, 12, 31)
_SHELTER = (
    ("HS-01", "Олена", "Коваленко", date(1994, 3, 17), "Полтава", "F", "UA", "Köln", "0171 3920031", "", "",
     "yes", _END, "", "", "no", "evening calls only"),
    ("HS-02", "Ilinca", "Moraru", date(1998, 11, 2), "Bacău", "F", "RO", "Aachen", 1713920012, "", "",
     "yes", _END, "phone; person", "police; ngo", "no", ""),
    ("HS-03", "Małgorzata", "Zielińska", date(1991, 4, 9), "Lublin", "F", "PL", "Bonn", "", "", "m_ziel_demo",
     "yes", _END, "", "police", "no", ""),
    ("HS-04", "Ivana", "Dragnev", date(1989, 7, 21), "Plovdiv", "F", "BG", "Köln", "+49 171 3920044", "", "",
     "no", "", "", "", "no", "does not want contact"),
    ("HS-05", "Mirela", "Toma", date(1996, 1, 30), "Iași", "F", "RO", "Düren", "0171 3920055", "mirela@example.org", "",
     "", "", "", "", "no", ""),
    ("HS-06", "Sofia", "Petkova", date(2015, 5, 14), "Varna", "F", "BG", "Köln", "", "", "",
     "yes", _END, "", "", "yes", "with her aunt"),
    ("HS-07", "Thi Lan", "Pham", date(1987, 8, 25), "Vinh", "F", "VN", "Leverkusen", "0176 04069071", "", "",
     "yes", _END, "", "", "no", ""),
    ("HS-08", "Blessing", "Osagie", date(1999, 6, 3), "Benin City", "F", "NG", "Bonn", "", "blessing.o@example.org", "",
     "yes", _END, "person; email", "", "no", ""),
    ("HS-09", "Katarzyna", "Wrona", date(1993, 12, 19), "Radom", "F", "PL", "Neuss", "0176 04069088 / 0171 3920099", "",
     "", "yes", _END, "", "police", "no", ""),
    ("HS-10", "Daniel", "Brânză", date(1985, 2, 11), "Cluj", "M", "RO", "Aachen", "unknown", "", "daniel_b_demo",
     "yes", _END, "", "", "no", ""),
)  # fmt: skip

_POLICE_HEADER = (
    "File number", "Surname", "Given name", "Date of birth", "Place of birth", "Gender", "Nationality", "City",
    "Mobile", "Email", "Handle",
)  # fmt: skip

_POLICE = (
    ("RP-101", "Haddad", "Rania", "14.02.1990", "Homs", "F", "SY", "Duisburg", "0171 3920061", "", ""),
    ("RP-102", "Zielinska", "Malgorzata", "04.09.1991", "Lublin", "F", "PL", "Krefeld", "", "", ""),
    ("RP-103", "Nagy", "Eszter", "23.10.1997", "Pécs", "F", "HU", "Essen", "0176 04069092", "", "instagram:eszti_demo"),
    ("RP-104", "Kovalenko", "Olena", "17.03.1994", "Poltava", "F", "UA", "Dortmund", "", "olena.k@example.org", ""),
    ("RP-105", "Sawadee", "Malee", "05.05.1988", "Udon Thani", "F", "TH", "Essen", "0171 3920066", "", ""),
    ("RP-106", "Dragnev", "Ivana", "21.07.1989", "Plovdiv", "F", "BG", "Köln", "0171 3920044", "", ""),
    ("RP-107", "Lungu", "Cristina", "01.01.1992", "Chișinău", "F", "MD", "Hagen", "", "", "telegram:cris_demo_92"),
    ("RP-108", "Petkova", "Sofia", "14.05.2015", "Varna", "F", "BG", "Köln", "", "", ""),
    ("RP-109", "", "Bella", "", "", "F", "", "Düsseldorf", "+49 171 39 200 12", "", ""),
    ("RP-110", "Mensah", "Abena", "09.12.1995", "Kumasi", "F", "GH", "Bochum", "0176 04069075", "", ""),
)  # fmt: skip


def shelter_bytes() -> bytes:
    """The NGO's workbook, with a text column that the spreadsheet left as numbers in one cell."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Cases"
    sheet.append(_SHELTER_HEADER)
    for row in _SHELTER:
        sheet.append([None if value == "" else value for value in row])
    for letter, width in zip(
        "ABCDEFGHIJKLMNOPQ", (12, 14, 14, 13, 14, 6, 12, 12, 28, 24, 14, 9, 13, 16, 14, 7, 22), strict=True
    ):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "B2"
    book.properties.creator = "Harbour Shelter"
    book.properties.created = book.properties.modified = datetime(2026, 1, 5, 9, 0)  # noqa: DTZ001
    raw = io.BytesIO()
    book.save(raw)
    return _without_times(raw)


def police_bytes() -> bytes:
    """The police unit's export: semicolons, UTF-8 with a byte order mark, as spreadsheet programs write it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(_POLICE_HEADER)
    writer.writerows(_POLICE)
    return text.getvalue().encode("utf-8-sig")


def _without_times(raw: io.BytesIO) -> bytes:
    """The same archive with fixed times, so that making it again changes nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(packed, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "docProps/core.xml":
                # openpyxl writes the time of saving over `modified`.
                start, end = data.index(b"<dcterms:modified"), data.index(b"</dcterms:modified>")
                cut = data.index(b">", start) + 1
                data = data[:cut] + b"2026-01-05T09:00:00Z" + data[end:]
            info = zipfile.ZipInfo(part.filename, (2026, 1, 5, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            new.writestr(info, data)
    return packed.getvalue()


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "cli" / "demo_data")
    (folder / SHELTER_FILE).write_bytes(shelter_bytes())
    (folder / POLICE_FILE).write_bytes(police_bytes())


if __name__ == "__main__":
    main()
