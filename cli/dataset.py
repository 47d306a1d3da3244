"""`blindmatch dataset`: what this node can compare. The file a data set is made from is read and never changed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._datasets_shown import show_added, show_list, show_preview, show_removed
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import show, working
from cli._session import Session

__all__ = ["app"]

app = typer.Typer(name="dataset", help="What this node can compare: look, add, list, remove.", no_args_is_help=True)

_Source = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or XLSX file.")]
_RecordClass = Annotated[
    str,
    typer.Option(metavar="CLASS", help="Whose records: victim, missing, suspect, mixed, advert, contact, employer."),
]
_Basis = Annotated[str, typer.Option(metavar="BASIS", help="consent (a column says yes, row by row) or legal_duty.")]
_LegalReference = Annotated[str, typer.Option(metavar="TEXT", help="With legal_duty: the law, in a few words.")]
_Region = Annotated[
    str | None, typer.Option(metavar="CC", help="Country of phone numbers written without one, for example RO.")
]
_Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="COLUMN=ROLE", help="What a column holds; may be repeated. The rest is remembered "
                 "from last time or suggested."),
]  # fmt: skip
_Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Of a CSV file; detected if not given.")]
_Delimiter = Annotated[str | None, typer.Option(metavar="CHAR", help="Of a CSV file; detected if not given.")]
_Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="Of an XLSX file; the first if not given.")]
_HeaderRow = Annotated[int | None, typer.Option(metavar="N", min=1, help="Row with the column names; detected.")]

_EPILOG = """\b
Roles for --map COLUMN=ROLE:
  reference        your own case number; never leaves this node
  phone  email  handle (an account)
  handle:facebook  handle:instagram  handle:snapchat  handle:telegram
  handle:tiktok  handle:vk  handle:x      where cells hold bare account names
  given_name  family_name  full_name  father_name  birth_date  birth_place
  sex  nationality  street_number  address_1  address_2  locality  postcode
  region
  consent          yes or no, row by row
  consent_until  consent_kinds  consent_receivers    its limits
  child            yes or no: children are kept out of rounds
  record_class     what kind of record the row is
  ignore           leave the column out
"""


@app.command(epilog=_EPILOG)
def preview(
    file: _Source,
    record_class: _RecordClass,
    basis: _Basis = "consent",
    legal_reference: _LegalReference = "",
    region: _Region = None,
    mapping: _Map = None,
    encoding: _Encoding = None,
    delimiter: _Delimiter = None,
    sheet: _Sheet = None,
    header_row: _HeaderRow = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many rows to show.")] = 5,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show how a file would be understood, cell by cell. Nothing is stored and nothing is sent.

    If the mapping is not whole yet, the columns are shown, and what is still needed.
    """
    request = {
        **_source(file, encoding, delimiter, sheet, header_row),
        **_terms(record_class, basis, legal_reference, region, mapping),
        "rows": rows,
    }
    with working("Reading the file"):
        reply = Session(folder, passphrase_file).call("dataset.preview", request)
    show(reply, as_json, show_preview)


@app.command(epilog=_EPILOG)
def add(
    file: _Source,
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call the data set.")],
    record_class: _RecordClass,
    by: By,
    basis: _Basis = "consent",
    legal_reference: _LegalReference = "",
    region: _Region = None,
    mapping: _Map = None,
    encoding: _Encoding = None,
    delimiter: _Delimiter = None,
    sheet: _Sheet = None,
    header_row: _HeaderRow = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Prepare a data set from a file, and report every cell that cannot take part, with what to do about it."""
    request = {
        **_source(file, encoding, delimiter, sheet, header_row),
        **_terms(record_class, basis, legal_reference, region, mapping),
        "name": name,
        "by": by,
    }
    with working("Preparing") as step:
        reply = Session(folder, passphrase_file).call("dataset.add", request, step)
    show(reply, as_json, show_added)


@app.command("list")
def list_datasets(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List the data sets of this node."""
    show(Session(folder, passphrase_file).call("dataset.list", {}), as_json, show_list)


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set's name.")],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a data set from this node. The file it was made from stays as it is."""
    show(Session(folder, passphrase_file).call("dataset.remove", {"name": name, "by": by}), as_json, show_removed)


def _source(
    file: Path, encoding: str | None, delimiter: str | None, sheet: str | None, header_row: int | None
) -> dict[str, Any]:
    # Absolute, because the running node has another working folder.
    return {
        "path": str(file.expanduser().absolute()),
        "encoding": encoding,
        "delimiter": "\t" if delimiter in ("\\t", "tab") else delimiter,
        "sheet": sheet,
        "header_row": header_row,
    }


def _terms(
    record_class: str, basis: str, legal_reference: str, region: str | None, mapping: list[str] | None
) -> dict[str, Any]:
    columns = {}
    for entry in mapping or []:
        column, equals, role = entry.rpartition("=")
        if not equals or not column or not role:
            raise typer.BadParameter("Write COLUMN=ROLE, for example --map 'Phone number=phone'.", param_hint="--map")
        columns[column] = role
    return {
        "record_class": record_class,
        "basis": basis,
        "legal_reference": legal_reference,
        "region": region,
        "mapping": columns,
    }
