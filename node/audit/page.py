"""A page for people: a title and sections of sentences, on the screen or as a PDF file.

Reports, certificates, exports and verdicts are all pages, so that screen, PDF and `--json` say the same. A PDF is made
with the core fonts of the format, which know the letters of Western Europe only; where a text has others, a font of the
system is taken (DejaVu Sans or Noto Sans, only the letters that are used go into the file). A letter that no font here
knows is written in Latin letters (anyascii), and the page says so. Text in a PDF can be searched and read aloud.

A PDF proves nothing: what can be checked is the file that it was made from.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.errors import UserError

if TYPE_CHECKING:
    from fpdf import FPDF

__all__ = ["FONTS", "MAX_PDF_LINES", "Page", "Section", "to_pdf"]

MAX_PDF_LINES = 20_000
"""Sentences in one PDF file, in number: some 1,000 sheets."""

FONTS: tuple[str, ...] = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/google-noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/noto/NotoSans-Regular.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/arial.ttf",
)
"""Where systems keep a font of many letters; the first that is there is taken."""

_WRITTEN_AS = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "•": "-", "\u00a0": " "}
)
"""What every font has in another form; nothing is lost by it."""

_REPLACED = {
    "en": "Some letters are not in the font of this machine and are written here in Latin letters.",
    "de": "Einige Buchstaben fehlen in der Schrift dieses Rechners und stehen hier in lateinischer Umschrift.",
}
_SHEET = {"en": "Sheet", "de": "Blatt"}


@dataclass(frozen=True)
class Section:
    """A heading and sentences, each a paragraph; in `marked` sections they are set off as a list."""

    heading: str
    lines: tuple[str, ...]
    marked: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {"heading": self.heading, "lines": list(self.lines), "marked": self.marked}


@dataclass(frozen=True)
class Page:
    """What a person reads. `language`: en or de."""

    title: str
    language: str
    sections: tuple[Section, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Page":
        """From its JSON form."""
        sections = [Section(one["heading"], tuple(one["lines"]), one["marked"]) for one in found["sections"]]
        return cls(found["title"], found["language"], tuple(sections))

    def as_dict(self) -> dict[str, Any]:
        """Its JSON form: title, language, sections (heading, lines, marked)."""
        return {
            "title": self.title,
            "language": self.language,
            "sections": [section.as_dict() for section in self.sections],
        }

    def lines(self) -> Iterable[str]:
        """Every text on the page."""
        yield self.title
        for section in self.sections:
            yield section.heading
            yield from section.lines


def to_pdf(page: Page, *, made_at: datetime, fonts: Sequence[str] = FONTS) -> bytes:
    """The page as a PDF file. The same page at the same time gives the same bytes. UserError for far too much text."""
    if sum(len(section.lines) for section in page.sections) > MAX_PDF_LINES:
        raise UserError(
            f"A PDF file holds at most {MAX_PDF_LINES:,} lines, and this would be more.",
            advice="Choose a shorter time, or take the whole as a file for programs.",
        )
    font, known = _font(page, fonts)
    pdf = _sheets(page, font, made_at)
    replaced = False

    def written(text: str) -> str:
        nonlocal replaced
        plain = "".join(char if char.isprintable() else " " for char in text)
        if font is None:
            plain = plain.translate(_WRITTEN_AS)
        if all(ord(char) in known for char in plain):
            return plain
        from anyascii import anyascii

        replaced = True
        return "".join(char if ord(char) in known else anyascii(char) or "?" for char in plain)

    _write(pdf, page, written)
    if replaced:
        pdf.ln(4)
        pdf.set_font_size(8)
        pdf.multi_cell(0, 4, _REPLACED[page.language], new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def _font(page: Page, fonts: Sequence[str]) -> tuple[str | None, frozenset[int] | range]:
    """The file of the font, None for the core fonts, and the letters that it knows."""
    if all(ord(char) < 256 for line in page.lines() for char in line.translate(_WRITTEN_AS)):
        return None, range(32, 256)
    from fontTools.ttLib import TTFont, TTLibError  # comes with fpdf2

    for name in fonts:
        if Path(name).is_file():
            try:
                with TTFont(name, lazy=True) as found:
                    return name, frozenset(found.getBestCmap())
            except (OSError, TTLibError):
                continue
    return None, range(32, 256)


def _sheets(page: Page, font: str | None, made_at: datetime) -> "FPDF":
    from fpdf import FPDF

    class Sheets(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font_size(8)
            self.cell(0, 5, f"blindmatch - {_SHEET[page.language]} {self.page_no()}", align="C")

    pdf = Sheets(format="A4")
    pdf.set_creation_date(made_at)
    pdf.set_title(page.title)
    pdf.set_lang(page.language)
    pdf.set_auto_page_break(True, margin=18)
    family = "helvetica"
    if font is not None:
        family = "system"
        pdf.add_font(family, fname=font)
    pdf.set_font(family, size=10)
    pdf.add_page()
    return pdf


def _write(pdf: "FPDF", page: Page, written: Callable[[str], str]) -> None:
    from fpdf.enums import WrapMode

    def paragraph(text: str, size: float, height: float) -> None:
        pdf.set_font_size(size)
        pdf.multi_cell(0, height, written(text), align="L", new_x="LMARGIN", new_y="NEXT", wrapmode=WrapMode.WORD)

    paragraph(page.title, 15, 8)
    for section in page.sections:
        pdf.ln(3)
        paragraph(section.heading, 12, 6)
        pdf.ln(1)
        for line in section.lines:
            paragraph(f"- {line}" if section.marked else line, 10, 5)
