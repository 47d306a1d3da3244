"""Options that several commands on data sets share: each group is a dataclass, said once.

    @app.command()
    @spread
    def preview(file: ..., opening: Opening, meaning: Meaning, rows: ...) -> None: ...

`spread` shows the command line every field of the groups as an option of its own, and hands the command the groups.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from cli import _passphrase
from cli._output import note
from cli._session import Progress, Reply, Session
from node.errors import NodeError
from psi.secret import SecretBytes

__all__ = ["Columns", "Meaning", "Opening", "call", "marked_copy_path", "spread"]

PASSWORD_TRIES = 3
"""How often a person may type the password of a workbook."""


@dataclass(frozen=True)
class Opening:
    """How a source is opened."""

    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="The program it comes from; `dataset profiles` lists them.")
    ] = None
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of a CSV file; detected if not given.")] = None
    delimiter: Annotated[str | None, typer.Option(metavar="CHAR", help="Of a CSV file; detected if not given.")] = None
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="Of a workbook; the first if not given.")] = None
    header_row: Annotated[int | None, typer.Option(metavar="N", min=1, help="Row with the column names; detected.")] = (
        None
    )
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A private file whose first line opens a locked workbook; without it you are asked."
        ),
    ] = None
    explode: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Of JSON Lines: the list inside a record (a repeat group) that becomes one row for each of its "
            "entries, with dots on the way down, for example household.members; instead of the profile's. '' takes "
            "none apart.",
        ),
    ] = None

    def request(self) -> dict[str, Any]:
        return {
            "encoding": self.encoding,
            "delimiter": "\t" if self.delimiter in ("\\t", "tab") else self.delimiter,
            "sheet": self.sheet,
            "header_row": self.header_row,
            "profile": self.profile,
            "explode": self.explode,
        }


@dataclass(frozen=True)
class Columns:
    """What the columns are, and who confirms what they say of an urgent danger."""

    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=ROLE", help="What a column holds; may be repeated. The rest is "
                     "remembered from last time or suggested."),
    ] = None  # fmt: skip
    second: Annotated[
        str,
        typer.Option(metavar="LABEL", help="A second person, who has looked at the rows that say urgent danger and "
                     "confirms them; goes into the log."),
    ] = ""  # fmt: skip

    def request(self) -> dict[str, Any]:
        columns = {}
        for entry in self.mapping or []:
            column, equals, role = entry.rpartition("=")
            if not equals or not column or not role:
                raise typer.BadParameter(
                    "Write COLUMN=ROLE, for example --map 'Phone number=phone'.", param_hint="--map"
                )
            columns[column] = role
        return {"mapping": columns, "second": self.second}


@dataclass(frozen=True)
class Meaning:
    """Whose records these are, and on what ground they take part."""

    record_class: Annotated[
        str,
        typer.Option(
            metavar="CLASS",
            help="Whose records: victim, missing, suspect, mixed, advert, contact, employer, tip. A profile may say "
            "it.",
        ),
    ] = ""
    basis: Annotated[
        str, typer.Option(metavar="BASIS", help="consent (a column says yes, row by row) or legal_duty.")
    ] = "consent"
    legal_reference: Annotated[str, typer.Option(metavar="TEXT", help="With legal_duty: the law, in a few words.")] = ""
    region: Annotated[
        str | None, typer.Option(metavar="CC", help="Country of phone numbers written without one, for example RO.")
    ] = None

    def request(self) -> dict[str, Any]:
        return {
            "record_class": self.record_class,
            "basis": self.basis,
            "legal_reference": self.legal_reference,
            "region": self.region,
        }


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Every parameter whose type is one of the groups becomes its fields."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name not in groups:
            shown.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        group = groups[parameter.name]
        types = get_type_hints(group, include_extras=True)
        shown += [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
            )
            for field in fields(group)
        ]

    @functools.wraps(command)
    def spread_out(**given: Any) -> None:
        whole = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **whole)

    spread_out.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    spread_out.__annotations__ = {parameter.name: parameter.annotation for parameter in shown} | {"return": None}
    return spread_out


def marked_copy_path(path: Path | None) -> str | None:
    """Absolute, because the running node has another working folder."""
    return None if path is None else str(path.expanduser().absolute())


def call(session: Session, operation: str, request: Mapping[str, Any], opening: Opening, progress: Progress) -> Reply:
    """Ask the node about a source. If it is locked, its password is read from the file that was named, or asked for.

    The password goes to the node in the request, over its own socket, and is not kept there.
    """
    if opening.password_file is not None:
        with _passphrase.read_file(opening.password_file) as password:
            return session.call(operation, {**request, "password": _text(password)}, progress)
    for tries in range(PASSWORD_TRIES + 1):
        try:
            if not tries:
                return session.call(operation, request, progress)
            with _passphrase.ask("Password of the workbook: ") as password:
                return session.call(operation, {**request, "password": _text(password)}, progress)
        except NodeError as error:
            if error.code not in ("password-needed", "wrong-password") or not _passphrase.at_terminal():
                raise
            if tries == PASSWORD_TRIES:
                raise
            if tries:
                note(error.sentence)
    raise AssertionError("the last try ends it")


def _text(password: SecretBytes) -> str:
    return bytes(password.view()).decode("utf-8", "replace")
