"""Pages of sentences (`node.audit.page`), on the screen or as a PDF file, and the options that go with them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli._files import write_new
from cli._output import Printer, note

__all__ = ["Lang", "PdfFile", "Tongue", "print_page", "write_pdf"]


class Tongue(StrEnum):
    """Languages of what a compliance officer reads."""

    EN = "en"
    DE = "de"


Lang = Annotated[Tongue, typer.Option("--lang", help="In English (en) or German (de).")]
PdfFile = Annotated[
    Path | None,
    typer.Option("--pdf", metavar="FILE", help="Write it as a PDF file, too; must not exist yet."),
]


def print_page(printer: Printer, page: Mapping[str, Any], *, style: str = "bold") -> None:
    """Lay a page out on the screen."""
    printer.line(page["title"], style=style)
    for section in page["sections"]:
        printer.line()
        printer.line(section["heading"], style="bold")
        if section["marked"]:
            printer.bullets(section["lines"])
        else:
            for line in section["lines"]:
                printer.line(line)


def write_pdf(page: Mapping[str, Any], file: Path | None) -> None:
    """Write a page as a PDF file, if one is wanted. UserError if there is one already, or far too much text."""
    if file is None:
        return
    from node.audit.page import Page, to_pdf

    write_new(file, to_pdf(Page.of(page), made_at=datetime.now(UTC)))
    note(f"Written as PDF: {file}")
