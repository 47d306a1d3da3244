"""A PDF page can be read and searched, holds every letter or says that it does not, and is the same each time."""

import io
from datetime import UTC, datetime

import pytest
from fpdf.errors import FPDFException
from pypdf import PdfReader

from node.audit import page as module
from node.audit.page import FONTS, MAX_PDF_LINES, Page, Section, to_pdf
from node.errors import UserError

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def text_of(data: bytes) -> str:
    return " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(data)).pages).split())


def page(*lines: str, language: str = "en") -> Page:
    return Page("A certificate", language, (Section("What it says", lines),))


@pytest.mark.tm("TM-225")
def test_what_stands_on_a_page_can_be_read_out_of_its_file() -> None:
    lines = ("Größe: über 3 Datensätze, „geprüft“ – und “checked”.", "Second line.")
    data = to_pdf(page(*lines, language="de"), made_at=NOW)
    text = text_of(data)
    assert "A certificate" in text
    assert "What it says" in text
    assert 'Größe: über 3 Datensätze, "geprüft" - und "checked".' in text
    assert "Second line." in text
    assert "Umschrift" not in text
    assert data == to_pdf(page(*lines, language="de"), made_at=NOW)


needs_font = pytest.mark.skipif(
    not any(module.Path(name).is_file() for name in FONTS), reason="no DejaVu Sans or Noto Sans on this machine"
)


@needs_font
@pytest.mark.tm("TM-225")
def test_letters_of_other_scripts_are_kept_where_the_system_has_a_font() -> None:
    text = text_of(to_pdf(page("Ștefan Țîru, Димитър, Ωμέγα"), made_at=NOW))
    assert "Ștefan Țîru, Димитър, Ωμέγα" in text
    assert "Latin letters" not in text


@pytest.mark.tm("TM-225")
@pytest.mark.parametrize(("language", "said"), [("en", "Latin letters"), ("de", "lateinischer Umschrift")])
def test_without_a_font_they_are_written_in_latin_letters_and_the_page_says_so(language: str, said: str) -> None:
    text = text_of(to_pdf(page("Ștefan, Димитър, 王小明", language=language), made_at=NOW, fonts=("/none.ttf",)))
    assert "Stefan, Dimitur" in text or "Stefan, Dimit" in text
    assert "?" not in text
    assert said in text


@pytest.mark.tm("TM-225")
@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("anyascii.anyascii", lambda _char: ""),  # no other letter for it: a question mark
        ("node.audit.page._REPLACED", {"en": "", "de": ""}),  # nothing said
        ("node.audit.page._font", lambda _page, _fonts: (None, range(32, 0x110000))),  # taken for letters of the font
    ],
    ids=["no-latin-letters", "silent", "as-if-known"],
)
def test_without_it_letters_would_be_lost_or_nobody_told(
    what: str, instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(what, instead)
    with pytest.raises((AssertionError, FPDFException)):
        test_without_a_font_they_are_written_in_latin_letters_and_the_page_says_so("en", "Latin letters")


@needs_font
def test_a_letter_that_no_font_knows_is_written_in_latin_letters() -> None:
    text = text_of(to_pdf(page("Ștefan 王小明"), made_at=NOW))
    assert "Ștefan" in text
    assert "WangXiaoMing" in text
    assert "Latin letters" in text


def test_a_font_that_is_none_is_passed_over(tmp_path: module.Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"not a font")
    assert "Stefan" in text_of(to_pdf(page("Ștefan"), made_at=NOW, fonts=(str(broken),)))


def test_control_characters_do_nothing() -> None:
    assert "one two" in text_of(to_pdf(page("one\x00two"), made_at=NOW))


def test_far_too_much_text_is_refused() -> None:
    with pytest.raises(UserError, match="at most"):
        to_pdf(page(*["line"] * (MAX_PDF_LINES + 1)), made_at=NOW)


def test_a_page_survives_its_json_form() -> None:
    made = page("One.", "Two.")
    assert Page.of(made.as_dict()) == made
