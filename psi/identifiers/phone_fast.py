"""The fast path of telephone numbers: the answers of phonenumbers, from tables made of its own metadata.

`phonenumbers.parse` and `is_valid_number` normalise, copy and look up anew for every number; that takes ten times as
long as blinding it. What they decide is written in the metadata as regular expressions, so the tables here join those
expressions, once for each calling code and length of number, and ask each number one question:

    +40 721 123 456     separators away -> calling code 40 -> prefix stripped (none) -> 721123456 valid? -> +40721123456

It is a filter, not a second opinion: the answer is either exactly what `psi.identifiers.phone` finds with the library,
or None, "not mine". Nothing is refused here. A cell that is blank, damaged, has words or several numbers in it, or
cannot be read for sure, is left to the slow path, which also writes the sentence that says why. The tests compare the
two on millions of cells (`tests/property/test_fast_phones.py`).

The names `national prefix`, `transform rule`, `general description` are those of the metadata (libphonenumber,
resources/phonemetadata.proto). Tables are made when a region or a calling code is first met.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import phonenumbers
from phonenumbers import PhoneMetadata

__all__ = ["LONGEST_TEXT", "MAX_DIGITS", "numbers", "readings"]

MAX_DIGITS: Final = 20
"""Characters of a written number without separators: E.164 allows 15 digits, and a dialling prefix may stand before."""

LONGEST_TEXT: Final = 40
"""Characters of a cell that is read here; a longer one is hardly one number."""

FEWEST_DIGITS: Final = 5
"""Digits; the library has rules of its own for shorter writings."""

_MOST_NATIONAL_DIGITS: Final = 17
"""Digits of a national number that the library reads at all."""

_SEPARATORS: Final = str.maketrans("", "", " ()./-")
_DAMAGED: Final = re.compile(r"\d+\.0+")
"""Digits, a point and zeros: a number that a spreadsheet made a quantity, see `phone`."""

_AREA_CODE_DIGITS: Final = 5
"""Digits before a slash that may still be an area code, as in `phone`."""

_TYPES: Final = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""The descriptions of a region's metadata that make a number valid (`phonenumberutil._number_type_helper`)."""

_International = Callable[[str], str]
_Reading = Callable[[str], tuple[str, ...] | None]


def numbers(text: str, region: str | None) -> tuple[str, ...] | None:
    """The one number of a text cell, or None where that cannot be said for sure.

    `region` must be None or one of `phonenumbers.SUPPORTED_REGIONS`.
    """
    if len(text) > LONGEST_TEXT or not text.isascii():
        return None
    if text.isdigit():
        digits, abroad = (text[2:], True) if text[:2] == "00" else (text, False)
    else:
        plain = _plain(text)
        if plain is None or ("/" in text and not _area_code_slash(text)):
            return None
        if "." in text and _DAMAGED.fullmatch(text.strip()):
            return None
        digits, abroad = plain
    if not FEWEST_DIGITS <= len(digits) < MAX_DIGITS:
        return None
    # One digit all over is a placeholder, not a number.
    if digits[0] == digits[-1] and digits.count(digits[0]) == len(digits):
        return None
    found = _read(digits, abroad, region)
    return found if found is not None and len(found) == 1 else None


def readings(text: str, region: str | None) -> tuple[str, ...] | None:
    """The valid numbers that a writing can mean, exactly as `phone` finds them with the library; None: ask the library.

    `text` is ASCII and holds digits, `+` and the separators `" ()./-"` only; else None.
    """
    plain = _plain(text) if text.isascii() else None
    if plain is None or not FEWEST_DIGITS <= len(plain[0]) < MAX_DIGITS:
        return None
    return _read(*plain, region)


def _plain(text: str) -> tuple[str, bool] | None:
    """The digits of a writing without a plus sign or 00 in front, and whether there was one; None for the slow path."""
    if text[:1] == "+" and "(" not in text:
        digits = text[1:].translate(_SEPARATORS)
        return (digits, True) if digits.isdigit() else None
    start = text.lstrip(" (")
    abroad = start.startswith(("+", "00"))
    digits = (text.replace("(0)", "") if abroad else text).translate(_SEPARATORS)
    if abroad and digits[0] == "+":
        digits = "00" + digits[1:]
    if not digits.isdigit() or (digits[:2] == "00") != abroad or (not abroad and "(0)" in text):
        return None
    return (digits[2:], True) if abroad else (digits, False)


def _read(digits: str, abroad: bool, region: str | None) -> tuple[str, ...] | None:
    if not abroad:
        return None if region is None else _national(region)(digits)
    read = _international(digits)
    if read is None:
        return None
    number = read(digits)
    return (number,) if number else ()


def _area_code_slash(text: str) -> bool:
    """Is the only slash one that parts an area code from the number (030/123456), not one number from another?"""
    head, _, tail = text.partition("/")
    return "/" not in tail and len(head.translate(_SEPARATORS).lstrip("+")) <= _AREA_CODE_DIGITS


def _international(digits: str) -> _International | None:
    """How numbers with this calling code are read; None for a calling code that is none."""
    start = digits[:3]
    try:
        return _starts[start]
    except KeyError:
        _starts[start] = found = _reader_of(start[:1]) or _reader_of(start[:2]) or _reader_of(start)
        return found


_starts: Final[dict[str, _International | None]] = {}
"""The reader for the first three digits of a number with its calling code: at most a thousand."""


@cache
def _reader_of(written: str) -> _International | None:
    """The reader of digits that begin with a calling code, None if this is not one: E.164, "" for no valid number."""
    if written.startswith("0") or int(written) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        return None
    code = int(written)
    start = len(written)
    strip = _Prefix(_metadata(code, phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0])).strip
    valid = _valid_numbers(code)

    def read(digits: str) -> str:
        national = strip(digits[start:])
        check = valid.get(len(national))
        return f"+{written}{national}" if check is not None and check(national) else ""

    return read


@cache
def _national(region: str) -> _Reading:
    """The reader of digits without `+` or `00` in a region: the set of readings, or None for "ask the library"."""
    metadata = _metadata(None, region)
    code = metadata.country_code
    written = str(code)
    own = _Prefix(metadata)
    # No digits arrive here that begin with 00, which most countries dial before a foreign number.
    idd = None if metadata.international_prefix in (None, "00") else re.compile(metadata.international_prefix).match
    main = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    shared = own if main == region else _Prefix(_metadata(code, main))
    valid = _valid_numbers(code)
    in_full = _Formats(_metadata(code, main)).in_full

    def read(digits: str) -> tuple[str, ...] | None:
        if idd is not None and idd(digits):
            return None
        strip, rest = own.strip, digits
        # Begins like the calling code: the library may take that for a plus sign left out.
        if digits.startswith(written):
            bare = own.cut(digits[len(written) :])
            if (not own.viable(digits) and own.viable(bare)) or own.too_long(len(digits)):
                strip, rest = shared.strip, bare
        national = strip(rest)
        check = valid.get(len(national))
        number = f"+{written}{national}" if check is not None and check(national) else ""
        if digits[0] == "0":
            return (number,) if number else ()
        # Without a zero in front these may as well be the digits of a foreign number without its plus sign.
        foreign = _international(digits)
        other = foreign(digits) if foreign is not None else ""
        if number and other and number != other:
            full = in_full(national, digits)
            if full is None:
                return None
            return (number,) if full else (number, other)
        return (number or other,) if number or other else ()

    return read


class _Prefix:
    """How a region's national prefix is recognised and dropped (`_maybe_strip_national_prefix_carrier_code`)."""

    def __init__(self, metadata: Any) -> None:
        prefix = metadata.national_prefix_for_parsing
        general = metadata.general_desc
        lengths, local = general.possible_length, general.possible_length_local_only
        self._plain = prefix if prefix and prefix.isdigit() and not metadata.national_prefix_transform_rule else ""
        """A prefix that is nothing but digits, as in most countries."""
        self._find = re.compile(prefix).match if prefix and not self._plain else None
        self._replace = re.compile(prefix or "(?!)").sub
        self._rule = metadata.national_prefix_transform_rule
        self.viable = re.compile(general.national_number_pattern or "(?!)").fullmatch
        self._fits = tuple(
            length not in local and (length in lengths or length > lengths[-1]) for length in range(MAX_DIGITS + 10)
        )
        """Whether what is left after the prefix has a length at which the library accepts that it was one."""
        self._longest = lengths[-1]
        self._local = frozenset(local)

    def too_long(self, length: int) -> bool:
        return length > self._longest and length not in self._local

    def cut(self, digits: str) -> str:
        """The digits without a national prefix, whatever their length is then."""
        if self._plain:
            if not digits.startswith(self._plain):
                return digits
            rest = digits[len(self._plain) :]
            return digits if self.viable(digits) and not self.viable(rest) else rest
        found = self._find(digits) if self._find is not None and digits else None
        if found is None:
            return digits
        if self._rule and found.groups()[-1] is not None:
            rest = self._replace(self._rule, digits, count=1)
        else:
            rest = digits[found.end() :]
        if rest is not digits and self.viable(digits) and not self.viable(rest):
            return digits
        return rest

    def strip(self, digits: str) -> str:
        """The national number in digits that may begin with a national prefix."""
        if self._plain and not digits.startswith(self._plain):
            return digits
        rest = self.cut(digits)
        return rest if self._fits[len(rest)] else digits


class _Formats:
    """How a country writes its national numbers: which of them begin with a prefix when they are written in full."""

    def __init__(self, metadata: Any) -> None:
        self._formats = tuple(
            (
                re.compile(row.leading_digits_pattern[-1]).match if row.leading_digits_pattern else None,
                re.compile(row.pattern).fullmatch,
                _written_prefix(row),
            )
            for row in metadata.number_format
        )

    def in_full(self, national: str, digits: str) -> bool | None:
        """Are `digits` what stands in the country's usual writing of a number? None: that writing moves digits."""
        for begins, fits, prefix in self._formats:
            if (begins is None or begins(national)) and (found := fits(national)):
                whole = prefix is not None and "".join(found.groups()) == national
                return digits == f"{prefix}{national}" if whole else None
        return digits == national


def _written_prefix(row: Any) -> str | None:
    """The digits that a format puts before the national number; None if it does more than that."""
    groups = re.findall(r"\\\d", row.format)
    plain = re.sub(r"\\\d", "", row.format)
    if groups != [f"\\{number}" for number in range(1, len(groups) + 1)] or re.search(r"\d", plain):
        return None
    rule = row.national_prefix_formatting_rule or "\\1"
    before, found, after = rule.partition("\\1")
    if not found or re.search(r"\d", after):
        return None
    return re.sub(r"\D", "", before)


@cache
def _valid_numbers(code: int) -> dict[int, Callable[[str], object]]:
    """Length of a national number -> the test that it is valid in one of the regions of a calling code.

    The regions are asked in the order of the library (`region_code_for_number`): one that has leading digits takes
    every number that begins so, valid or not; any other takes the numbers valid in it.
    """
    regions = [_metadata(code, region) for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]]
    alone = len(regions) == 1
    tests: dict[int, Callable[[str], object]] = {}
    for length in range(1, _MOST_NATIONAL_DIGITS + 1):
        choices: list[str] = []
        taken = ""
        for metadata in regions:
            leading = None if alone else metadata.leading_digits
            if types := _types_of_length(metadata, length):
                begins = f"(?={leading})" if leading else ""
                general = metadata.general_desc.national_number_pattern
                choices.append(rf"{taken}{begins}(?=(?:{general})\Z)(?:{'|'.join(types)})")
            if leading:
                taken += f"(?!{leading})"
        if choices:
            tests[length] = re.compile("|".join(choices)).fullmatch
    return tests


def _types_of_length(metadata: Any, length: int) -> list[str]:
    """The patterns of all types of number that a region has in this length, each once."""
    if not _of_length(metadata.general_desc, length):
        return []
    descriptions = (
        getattr(metadata, name)
        for name in _TYPES
        if not (name == "mobile" and metadata.same_mobile_and_fixed_line_pattern)
    )
    patterns = [row.national_number_pattern for row in descriptions if row is not None and _of_length(row, length)]
    return list(dict.fromkeys(f"(?:{pattern})" for pattern in patterns if pattern))


def _of_length(description: Any, length: int) -> bool:
    lengths = description.possible_length
    return bool(description.national_number_pattern) and (not lengths or length in lengths)


def _metadata(code: int | None, region: str) -> Any:
    """The metadata of a region; of a calling code that belongs to no country where the region is 001."""
    if code is None:
        return PhoneMetadata.metadata_for_region(region, None)
    return PhoneMetadata.metadata_for_region_or_calling_code(code, region)
