"""Workbooks that no office program is needed for: ODS from rows, old XLS files, and locked ones.

`lock_xls` encrypts as MS-XLS 2.2.10 and MS-OFFCRYPTO 2.3.6 (RC4 with a 40-bit key) say, which is what registers of the
years around 2000 were locked with. It is written here from the specification, so that the reader is not judged by its
own library.
"""

import hashlib
import io
import struct
import zipfile
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import xlwt
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from msoffcrypto.format.ooxml import OOXMLFile
from xlwt.CompoundDoc import XlsDoc

__all__ = ["lock_xls", "lock_xlsx", "ods", "ods_row", "write_ods", "write_xls"]

_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_NAMES = "urn:oasis:names:tc:opendocument:xmlns"
_BOF, _BOUND_SHEET, _FILE_PASS = 0x0809, 0x0085, 0x002F
_PLAIN_RECORDS = {_BOF, _FILE_PASS, 0x0194, 0x0195, 0x00E1, 0x0196, 0x0138}
_BLOCK = 1024


def write_xls(path: Path, rows: list[list[Any]], *, sheet: str = "Register", from_1904: bool = False) -> Path:
    """An XLS file (BIFF8) with these cells; None is no cell. Dates get a date format."""
    path.write_bytes(_book(rows, sheet, from_1904)[1])
    return path


def lock_xls(path: Path, rows: list[list[Any]], password: str) -> Path:
    """The same, locked with a password."""
    stream = _book(rows, "Register", False)[0]
    salt, verifier = bytes(range(16)), bytes(range(16, 32))
    cipher = _rc4(password, salt, 0)
    checked = cipher.update(verifier) + cipher.update(hashlib.md5(verifier).digest())
    file_pass = struct.pack("<HHHHH", _FILE_PASS, 54, 1, 1, 1) + salt + checked
    out = bytearray()
    plain = bytearray()  # which bytes stay as they are
    for kind, body in _records(stream):
        if kind == _BOUND_SHEET:  # where the sheet begins: later by the record that is put in
            body = struct.pack("<I", struct.unpack("<I", body[:4])[0] + len(file_pass)) + body[4:]
        open_bytes = len(body) if kind in _PLAIN_RECORDS else 4 if kind == _BOUND_SHEET else 0
        out += struct.pack("<HH", kind, len(body)) + body
        plain += b"\1" * (4 + open_bytes) + b"\0" * (len(body) - open_bytes)
        if kind == _BOF and len(out) == 4 + len(body):
            out += file_pass
            plain += b"\1" * len(file_pass)
    # The container is filled up with zeros, which count as records without a body: so the last record ends at a header.
    filler = -len(out) % 4
    out += struct.pack("<HH", 0, filler) + bytes(filler)
    plain += b"\1" * (4 + filler)
    for start in range(0, len(out), _BLOCK):
        block = bytes(out[start : start + _BLOCK])
        locked = _rc4(password, salt, start // _BLOCK).update(block)
        for place, (old, new) in enumerate(zip(block, locked, strict=True), start=start):
            out[place] = old if plain[place] else new
    held = io.BytesIO()
    XlsDoc().save(held, bytes(out))
    path.write_bytes(held.getvalue())
    return path


def lock_xlsx(path: Path, password: str) -> Path:
    """An XLSX file, encrypted in place (MS-OFFCRYPTO 2.3.4, agile)."""
    held = io.BytesIO()
    OOXMLFile(io.BytesIO(path.read_bytes())).encrypt(password, held)
    path.write_bytes(held.getvalue())
    return path


def ods_row(*cells: Any, repeated: int = 1, left: int = 0) -> str:
    """One row of an ODS table: text, numbers, truth values, dates; None is an empty cell."""
    inside = f'<table:table-cell table:number-columns-repeated="{left}"/>' if left else ""
    inside += "".join(map(_ods_cell, cells))
    return f'<table:table-row table:number-rows-repeated="{repeated}">{inside}</table:table-row>'


def ods(rows: str, *, sheet: str = "Tabelle1", manifest: str = "", kind: str = _ODS) -> bytes:
    """An ODS file around rows."""
    spaces = " ".join(f'xmlns:{name}="{_NAMES}:{name}:1.0"' for name in ("office", "table", "text"))
    table = f'<table:table table:name="{sheet}">{rows}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    entry = f'manifest:full-path="content.xml" manifest:media-type="text/xml">{manifest}'
    parts = {
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{_NAMES}:manifest:1.0">'
        f"<manifest:file-entry {entry}</manifest:file-entry></manifest:manifest>",
        "content.xml": f'<?xml version="1.0"?><office:document-content {spaces}>{body}</office:document-content>',
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        for name, text in parts.items():
            archive.writestr(name, text)
    return held.getvalue()


def write_ods(path: Path, rows: list[list[Any]]) -> Path:
    path.write_bytes(ods("".join(ods_row(*row) for row in rows)))
    return path


def _ods_cell(value: Any) -> str:
    match value:
        case None:
            return "<table:table-cell/>"
        case bool():
            kind = f'boolean" office:boolean-value="{str(value).lower()}'
        case int() | float():
            kind = f'float" office:value="{value}'
        case date():
            kind = f'date" office:date-value="{value.isoformat()}'
        case _:
            kind = "string"
    shown = escape(str(value))
    return f'<table:table-cell office:value-type="{kind}"><text:p>{shown}</text:p></table:table-cell>'


def _book(rows: list[list[Any]], sheet: str, from_1904: bool) -> tuple[bytes, bytes]:
    """(the Workbook stream, the whole file)."""
    book = xlwt.Workbook()
    book.dates_1904 = from_1904
    page = book.add_sheet(sheet)
    dates = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            if value is not None:
                page.write(number, place, value, *([dates] if isinstance(value, date) else []))
    held = io.BytesIO()
    book.save(held)
    return book.get_biff_data(), held.getvalue()


def _records(stream: bytes) -> list[tuple[int, bytes]]:
    found, place = [], 0
    while place + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, place)
        found.append((kind, stream[place + 4 : place + 4 + size]))
        place += 4 + size
    return found


def _rc4(password: str, salt: bytes, block: int) -> Any:
    """MS-OFFCRYPTO 2.3.6.2: the key of one block of 1024 bytes."""
    short = hashlib.md5(password.encode("utf-16-le")).digest()[:5]
    truncated = hashlib.md5((short + salt) * 16).digest()[:5]
    return Cipher(ARC4(hashlib.md5(truncated + struct.pack("<I", block)).digest()), mode=None).encryptor()
