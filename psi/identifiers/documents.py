"""Identity and travel documents, canonical as `ISSUER:NUMBER`: who issued it, and its number in plain capitals.

The issuer is the two-letter code of a state, or what ICAO Doc 9303-3 gives to issuers without one (UNO, EUE). Read
are `RO:123456`, `RO 123456`, the machine-readable zone (`mrz`), and a bare number where the column says who issued it.
The kind of paper is no part of the value: people file a passport as an identity card and back.

Numbers have no common form, so little is checked outside a machine-readable line. Letters are as in `lettering`;
Cyrillic letters without a Latin twin, which old booklets print, are kept.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits, clean
from psi.identifiers.country_codes import issuer_code
from psi.identifiers.lettering import CYRILLIC_ONLY, latin_capitals, one_or_words, plain_capitals
from psi.identifiers.mrz import looks_like_zone, read_number_field, read_zone
from psi.identifiers.several import BETWEEN_CODES, is_zero, read_each, refuser, undamaged

__all__ = ["documents"]

FEWEST_CHARACTERS: Final = 5
MOST_CHARACTERS: Final = 18
"""Characters of a number. Shorter ones are shared by chance; longer ones are several values or a sentence."""

LONGEST_SERIES: Final = 3
"""Letters of a series that stands apart from its number. More are a word."""

LEAST_OF_SEVERAL: Final = 6
"""Characters of a group. Numbers are written with at most one group of that size; two may be two numbers."""

FULL_WIDTH_DIGITS: Final = 9
"""Digits of the number field of a passport. A number cell with fewer may have lost zeros, and nothing can tell."""

_refuse = refuser("document")
_WORDS: Final = """
    PASSPORT PASS PASSNR PASSNO PASAPORT PAȘAPORT PAŞAPORT PASAPORTE PASPOORT PASPORT PASSEPORT PASSAPORTO REISEPASS
    PASZPORT ПАСПОРТ DOCUMENT DOC DOKUMENT ДОКУМЕНТ AUSWEIS PERSONALAUSWEIS CARD CARTE KAART LICHNA ЛИЧНА КАРТА
    SERIA SERIE SERIES SERIJA СЕРИЯ СЕРІЯ NUMBER NUMERO NUMAR NUMĂR NUMMER NUMER НОМЕР NR NO ID CI BI SN №
"""
_LABELS: Final = frozenset(latin_capitals(word) for word in _WORDS.split())
"""Words around a number. Some are also codes of countries (NO, NR, ID, CI, BI, SN): those count as a code only in the
canonical form, with a colon and no space."""

_HEAD: Final = re.compile(r"([^:]{1,60}?)\s*:(\s*)(.+)")
_WORD: Final = re.compile(r"[A-Z]{2,3}")
_LETTERS: Final = re.compile(f"[A-Z{CYRILLIC_ONLY}]+")
_NUMBER: Final = re.compile(f"[A-Z0-9{CYRILLIC_ONLY}]+")


def documents(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The documents of one cell; () for a blank. `hints.qualifier` is the issuer of the whole column: a code of two or
    three letters, or a country's name.

    Raises `RefusedValue`: `document/unknown-issuer`, `no-issuer`, `other-issuer`, `ambiguous-issuer`, `too-short`,
    `too-long`, `several`, `not-a-number`, `letters`, `lost-zeros`, `lost-digits`, `too-many`; and as `read_zone`.
    """
    column = None
    if hints.qualifier is not None:
        column = issuer_code(hints.qualifier)
        if column is None:
            raise _unknown_issuer()
    if is_zero(cell):
        return ()
    damaged, cell = cell, undamaged(cell, "document")
    if cell is not damaged and len(cell.text) < FULL_WIDTH_DIGITS:
        raise _refuse(
            "lost-zeros",
            "The spreadsheet stored this document number as a quantity and may have dropped zeros before it.",
            "Format the column as text and enter the number again from the document.",
        )
    # The lines of a zone belong together, while elsewhere a line is a value of its own.
    zone = re.sub(r"\s", "", latin_capitals(ascii_digits(clean(cell))).replace("«", "<<"))
    if looks_like_zone(zone):
        found = read_zone(zone)
        return (f"{_agreed(found.issuer, column)}:{_checked(found.number)}",)
    return read_each(cell, "document", one_or_words(lambda part: _one(part, column)), BETWEEN_CODES)


def _one(part: str, column: str | None) -> str:
    text = latin_capitals(ascii_digits(part))
    issuer = None
    if match := _HEAD.fullmatch(text):
        head, gap, rest = match.groups()
        words = re.findall(r"[^\s.]+", head)
        is_label = all(word in _LABELS for word in words) and (gap != "" or column is not None or len(words) > 1)
        if is_label and head != column:
            text = rest
        else:
            # A country's name is looked up as it was written: its Cyrillic letters are no look-alikes.
            issuer = issuer_code(plain_capitals(part).partition(":")[0]) or issuer_code(head)
            if issuer is None and not is_label:
                raise _unknown_issuer()
            text = rest
    words = [word for word in text.replace("№", " ").split() if word.strip(".:#") not in _LABELS and word != "#"]
    # A series in Cyrillic letters (СН) looks like a code (CH), so a code without a colon is typed in Latin letters.
    if issuer is None and column is None and len(words) > 1 and words[0] in re.findall("[A-Z]+", plain_capitals(part)):
        issuer = issuer_code(words[0]) if _WORD.fullmatch(words[0]) else None
        words = words[1:] if issuer else words
    if any(len(word) > LONGEST_SERIES and _LETTERS.fullmatch(word) for word in words):
        raise _not_a_number() if len(words) == 1 else _notes()
    if sum(len(word) >= LEAST_OF_SEVERAL for word in words) > 1:
        raise _refuse(
            "several",
            "This cell can be read as one document number or as several.",
            "Put a semicolon between two numbers, and no space into one.",
        )
    joined = " ".join(words)
    number = read_number_field(joined) or re.sub(r"[ .\-/]", "", joined.rstrip("<"))
    if issuer is None and column is not None and _begins_with(number, column):
        raise _refuse(
            "ambiguous-issuer",
            "This number begins with the letters of its issuer, which may be a part of it or not.",
            "Write ISSUER:NUMBER with a colon.",
        )
    return f"{_agreed(issuer, column)}:{_checked(number)}"


def _begins_with(number: str, issuer: str) -> bool:
    """Whether a number starts with its issuer's code, of two letters or three, and could do without."""
    for length in (2, 3):
        rest = number[length:]
        if issuer_code(number[:length]) == issuer and rest[:1].isdecimal() and len(rest) >= FEWEST_CHARACTERS:
            return True
    return False


def _agreed(issuer: str | None, column: str | None) -> str:
    """The issuer, if cell and column do not contradict each other."""
    if issuer is None and column is None:
        raise _refuse(
            "no-issuer",
            "This document does not say who issued it.",
            "Map the issuer's column too, or write ISSUER:NUMBER with the issuer's two-letter code.",
        )
    if issuer is not None and column is not None and issuer != column:
        raise _refuse(
            "other-issuer",
            "This document was issued by another state than its column says.",
            "Correct the one that is wrong.",
        )
    return issuer or column or ""


def _checked(number: str) -> str:
    if not _NUMBER.fullmatch(number):
        raise _notes()
    if len(number) < FEWEST_CHARACTERS:
        raise _refuse("too-short", "This document number is too short.", "Check it against the original.")
    if len(number) > MOST_CHARACTERS:
        raise _refuse("too-long", "This document number is too long.", "Keep one document number in a cell.")
    if not re.search("[0-9]", number) or clean(Cell(number)) == "" or set(number) <= {"0"}:
        raise _not_a_number()
    return number


def _not_a_number() -> RefusedValue:
    return _refuse(
        "not-a-number",
        "This cell holds no document number, only words or a filler.",
        "Leave the cell empty if the number is not known.",
    )


def _notes() -> RefusedValue:
    return _refuse(
        "letters",
        "This document number holds words or characters that no document number has.",
        "Keep only the number, without notes, in the letters that the document prints.",
    )


def _unknown_issuer() -> RefusedValue:
    return _refuse(
        "unknown-issuer",
        "The issuer of this document is no state or organisation that is known here.",
        "Use the code that the document prints, of two or three letters, such as RO or ROU.",
    )
