"""Reads workbooks with python-calamine, inside the process that `reading_child` describes and only there.

    XLSX   ECMA-376, a zip archive with xl/workbook.xml
    ODS    OASIS OpenDocument 1.2, a zip archive whose mimetype says so
    XLS    MS-XLS (BIFF5 and BIFF8), an OLE container with a Workbook stream

A locked XLSX or XLS is opened with msoffcrypto-tool (MS-OFFCRYPTO): in memory, and nowhere else. Workbooks that are
only write-protected are encrypted too, all with the same well-known password, and office programs open them without a
question; so does this. A locked ODS cannot be opened here.

A number cell goes out as a number, a date as a date; an error value (`#N/A`) comes out of calamine as an empty cell,
which is a limit of ours.
"""

import io
import tempfile
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

__all__ = ["open_source"]

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_MAX_MANIFEST_BYTES = 1 << 20
_WRITE_PROTECTION = "VelvetSweatshop"
"""The password of MS-OFFCRYPTO for workbooks that anybody may read. It protects nothing."""


class _Refused(Exception):
    """The code of a refusal and what belongs to it; `workbook_source` has the sentences."""

    def __init__(self, why: str, **details: Any) -> None:
        super().__init__(why)
        self.answer = {"refused": why, **details}


def open_source(file: BinaryIO, request: dict[str, Any], secret: bytes) -> tuple[dict[str, Any], Any]:
    """The answer to the first request, and the rows of the chosen sheet (None if refused)."""
    try:
        kind, workbook = _open(file, secret)
        names = workbook.sheet_names
        sheet = _choose(workbook, request["sheet"], names)
    except _Refused as refused:
        return refused.answer, None
    left = [""] * (sheet.start[1] if sheet.start else 0)

    def rows(after: int) -> Iterator[list[Any]]:
        # iter_rows gives the empty rows above the first used cell, but not the empty columns beside it.
        return (left + row for row in islice(sheet.iter_rows(), after, None))

    return {"format": kind, "sheet": sheet.name, "sheets": names}, rows


def _open(file: BinaryIO, secret: bytes) -> tuple[str, Any]:
    """(xlsx, xls or ods; the workbook)."""
    from python_calamine import CalamineWorkbook, PasswordError

    kind = _kind(file)
    try:
        return kind, _calamine(CalamineWorkbook.from_filelike, file)
    except (PasswordError, _Refused):
        if kind != "xls":
            raise _Refused("damaged") from None
        # What calamine can make nothing of may be locked, or the container that a locked XLSX file is wrapped in.
    plain = _unlock(file, secret)
    try:
        return _kind(plain), _calamine(CalamineWorkbook.from_filelike, plain)
    except PasswordError:
        raise _Refused("damaged") from None


def _kind(file: BinaryIO) -> str:
    """What the bytes are. An OLE container may also hold a locked XLSX file, or no workbook at all."""
    file.seek(0)
    try:
        if file.read(len(_OLE)) == _OLE:
            return "xls"
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" in names:
                return "xlsx"
            if "mimetype" in names and "content.xml" in names:
                with archive.open("mimetype") as part:
                    if part.read(len(_ODS)) == _ODS:
                        _check_manifest(archive)
                        return "ods"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        # RuntimeError is how zipfile says that a part is encrypted, NotImplementedError an unknown compression.
        raise _Refused("damaged") from None
    finally:
        file.seek(0)
    raise _Refused("no-workbook")


def _check_manifest(archive: zipfile.ZipFile) -> None:
    """An ODS file says in its manifest if its parts are encrypted."""
    if "META-INF/manifest.xml" in archive.namelist():
        with archive.open("META-INF/manifest.xml") as part:
            if b"encryption-data" in part.read(_MAX_MANIFEST_BYTES):
                raise _Refused("locked-ods")


def _unlock(file: BinaryIO, secret: bytes) -> io.BytesIO:
    """The decrypted workbook. The right password is proven before anything is decrypted."""
    # The library would put a decrypted XLS file into a temporary file. (This process could not write one either.)
    tempfile.TemporaryFile = lambda *_args, **_options: io.BytesIO()  # type: ignore[assignment]
    from msoffcrypto import OfficeFile  # type: ignore[import-untyped]
    from msoffcrypto.exceptions import InvalidKeyError  # type: ignore[import-untyped]

    try:
        passwords = [secret.decode()] if secret else []
    except UnicodeDecodeError:
        raise _Refused("wrong-password") from None
    for password in (*passwords, _WRITE_PROTECTION):
        plain = io.BytesIO()
        try:
            file.seek(0)
            locked = OfficeFile(file)
            if not locked.is_encrypted():
                raise _Refused("damaged")
            options = {"verify_password": True} if locked.format == "ooxml" else {}
            locked.load_key(password=password, **options)
            locked.decrypt(plain)
        except InvalidKeyError:
            continue
        except Exception:  # noqa: BLE001 - a parser of hostile bytes that promises nothing about what it raises
            raise _Refused("damaged") from None
        return plain
    raise _Refused("wrong-password" if secret else "locked")


def _choose(workbook: Any, name: str | None, names: list[str]) -> Any:
    """The sheet of that name, or the first visible one that is not empty."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    if name is not None:
        if name not in names:
            raise _Refused("no-such-sheet", sheets=names)
        return _calamine(workbook.get_sheet_by_name, name)
    for found in workbook.sheets_metadata:
        if found.visible == SheetVisibleEnum.Visible and found.typ == SheetTypeEnum.WorkSheet:
            sheet = _calamine(workbook.get_sheet_by_name, found.name)
            if sheet.start is not None:
                return sheet
    raise _Refused("nothing-in-it")


def _calamine(call: Any, argument: Any) -> Any:
    from python_calamine import CalamineError, PasswordError

    try:
        return call(argument)
    except PasswordError:
        raise
    except (CalamineError, OSError, ValueError):
        raise _Refused("damaged") from None
