"""Which encoding a text file is written in.

A byte order mark decides (Unicode standard, section 23.8); without one, a file that is valid UTF-8 *to its last byte*
is UTF-8; without that it is an 8-bit encoding and no rule can tell which. Then charset-normalizer says, from the lines
that hold anything but ASCII, which of five are plausible (the three that office programs of our countries write on
Windows, and ISO 8859-2 and KOI8-U of older systems), and the letters of our six languages and of their neighbours
decide among those: its own order is by chance on the few names a case list holds. The answer is marked as a guess, and
the preview shows it.

Encodings of the Macintosh and of DOS are read when they are named. They are not guessed: their letters are those of
Windows in other places, and a Croatian list would become a French one.
"""

import codecs
import re

from charset_normalizer import from_bytes

from node.datasets.sourcefile import SourceFile
from node.errors import UserError

__all__ = ["check_encoding", "detect_encoding"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ["cp1252", "cp1250", "cp1251", "iso8859_2", "koi8_u"]
_KNOWN = re.compile(
    "ascii|utf-8(-sig)?|utf-(16|32)(-[bl]e)?|cp[0-9]+|iso8859-[0-9]+|koi8-[rtu]|mac-[a-z0-9]+|gb[k0-9]+|big5|euc_[a-z]+"
    "|shift_jis|tis-620|ptcp154|kz1048"
)
"""Encodings that may be named. Python has others (UTF-7, punycode, escapes) that are none of a table."""
_OUR_LETTERS = frozenset(
    "äöüßÄÖÜẞ"
    "ăâîșțşţĂÂÎȘȚŞŢ"
    "абвгдежзийклмнопрстуфхцчшщъьюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЬЮЯ"
    "ćčđĆČĐ"
    "éèêëàáçíïôóùúûœæÿñÉÈÊËÀÁÇÍÏÔÓÙÚÛŒÆŸÑ"
)
_MOST_FREQUENT = frozenset("оаеинтОАЕИНТ")
_MIXED_CASE = re.compile("[a-zа-яёіїєґß-öø-ÿ][А-ЯЁІЇЄҐÀ-ÖØ-Þ]|[а-яёіїєґß-öø-ÿ][A-Z]")
_MISREAD = re.compile(r"[ðÐþÞ]|æ\b")
"""Letters of Icelandic, and an æ at the end of a word: where they stand, đ and ć of Central Europe were meant."""
_MIXED_WORD = re.compile("[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_SAMPLE_BYTES = 64 * 1024
_CHUNK_BYTES = 1 << 20
_MAX_CONTROL_SHARE = 0.01
_TEXT_CONTROLS = frozenset("\t\r\n\f\v")


def detect_encoding(source: SourceFile) -> tuple[str, bool]:
    """The encoding and whether it is only a guess. UserError if the file is not text."""
    with source.reader() as file:
        start = file.read(_SAMPLE_BYTES)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, False
    if b"\0" in start and (encoding := _unmarked_utf16(start)):
        return encoding, True
    evidence = _not_utf8(source)
    if evidence is None:
        if _control_share(start.decode("utf-8", errors="ignore")) > _MAX_CONTROL_SHARE:
            raise _not_text()
        return "utf-8", False
    plausible = {
        encoding for match in from_bytes(evidence, cp_isolation=_CANDIDATES) for encoding in match.could_be_from_charset
    }
    guesses = [encoding for encoding in _CANDIDATES if encoding in plausible]
    if not guesses or _control_share(evidence.decode("latin-1")) > _MAX_CONTROL_SHARE:
        raise _not_text()
    best = max(guesses, key=lambda encoding: _familiarity(evidence.decode(encoding, errors="replace")))
    return codecs.lookup(best).name, True


def check_encoding(name: str) -> str:
    """The canonical name of a text encoding that a person named. UserError if Python has none."""
    try:
        info = codecs.lookup(name)
        if not _KNOWN.fullmatch(info.name):
            raise ValueError
    except (LookupError, ValueError):
        raise UserError(
            "This encoding is not known.", advice="Use for example utf-8, cp1250, cp1251, cp1252 or utf-16."
        ) from None
    return "utf-8-sig" if info.name == "utf-8" else info.name


def _not_utf8(source: SourceFile) -> bytes | None:
    """None if the file is UTF-8; else lines with other bytes than ASCII, up to a sample."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with source.reader() as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        pass
    else:
        return None
    evidence = bytearray()
    with source.reader() as file:
        while len(evidence) < _SAMPLE_BYTES and (line := file.readline(_SAMPLE_BYTES)):
            if not line.isascii():
                evidence += line
    return bytes(evidence)


def _unmarked_utf16(start: bytes) -> str:
    """UTF-16 without a mark: in the right byte order it has line ends and no control characters."""
    for encoding in ("utf-16-le", "utf-16-be"):
        text = start[: len(start) // 2 * 2].decode(encoding, errors="replace")
        if "\n" in text and _control_share(text) == 0 and "\ufffd" not in text[:-1]:
            return encoding
    return ""


def _familiarity(text: str) -> tuple[float, int]:
    """How much a text looks like our languages, then how many of the most frequent Cyrillic letters it has.

    Letters of ours count 1, other letters 0.5. All else counts against it, and so do Latin letters that touch Cyrillic
    ones, and capitals behind small letters: KOI8 and Windows have them the other way round.
    """
    strange = [character for character in text if character > "\x7f"]
    letters = sum(1.0 if c in _OUR_LETTERS else 0.5 if c.isalpha() else -1.0 for c in strange)
    odd = 2 * len(_MIXED_WORD.findall(text)) + len(_MIXED_CASE.findall(text)) + len(_MISREAD.findall(text))
    return letters - odd, sum(c in _MOST_FREQUENT for c in strange)


def _control_share(text: str) -> float:
    """The share of characters that no table holds. A single stray NUL in a large file is a bad cell, not a bad file."""
    strange = sum(character < " " and character not in _TEXT_CONTROLS for character in text)
    return strange / len(text) if strange > 1 else 0.0


def _not_text() -> UserError:
    return UserError(
        "This file is not a text table, or its encoding cannot be told.",
        advice="Save the table as CSV UTF-8 or XLSX, or name the encoding.",
    )
