"""Telephone numbers of every region and type as people write them, and nearly so: made from the library's metadata.

Half of the numbers fit a type's pattern in every digit, the others nearly (a digit changed, lost, doubled, or no
pattern at all). Each is written with or without country code, national prefix and separators, now and then damaged.
All numbers are random: none stands for anybody.
"""

import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata

__all__ = ["TYPES", "descriptions", "sample", "writings"]

TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip
_DIGITS = "0123456789"
_TOKEN = re.compile(r"\\d|\[[^]]*\]|\(\?:|\(|\)|\||\{[\d,]+\}|\?|\d|\$|.")
_SEPARATORS = (" ", "-", ".", "/", " - ", "  ", " (", ") ", "(0)", "")
_OTHERS = ("RO", "DE", "US", "IT", "AR", "BR", "MX", "KZ", "GG", "HU", "JP", None)


def sample(pattern: str, rng: random.Random) -> str:
    """A string that fits a pattern of the metadata: digits, classes, groups, alternatives and counts."""
    return _written(_parsed(pattern), rng)


@cache
def _parsed(pattern: str) -> Any:
    tokens = _TOKEN.findall(pattern)
    place = 0

    def choices() -> list[list[tuple[Any, int, int]]]:
        nonlocal place
        found: list[list[tuple[Any, int, int]]] = [[]]
        while place < len(tokens) and tokens[place] != ")":
            token = tokens[place]
            place += 1
            if token == "|":
                found.append([])
            elif token in ("(?:", "("):
                found[-1].append((choices(), 1, 1))
                place += 1
            elif token == "?":
                found[-1][-1] = (found[-1][-1][0], 0, 1)
            elif token.startswith("{"):
                low, _, high = token[1:-1].partition(",")
                found[-1][-1] = (found[-1][-1][0], int(low), int(high or low))
            elif token == "\\d":
                found[-1].append((_DIGITS, 1, 1))
            elif token.startswith("["):
                found[-1].append(("".join(d for d in _DIGITS if re.match(token, d)), 1, 1))
            elif token in _DIGITS:
                found[-1].append((token, 1, 1))
            else:
                raise ValueError(f"a pattern with {token}")
        return found

    parsed = choices()
    assert place == len(tokens)
    return parsed


def _written(choices: Any, rng: random.Random) -> str:
    text = ""
    for what, low, high in rng.choice(choices):
        for _ in range(rng.randint(low, high)):
            text += rng.choice(what) if isinstance(what, str) else _written(what, rng)
    return text


@cache
def descriptions() -> tuple[tuple[str, int, str, str, Any], ...]:
    """(region, calling code, type, pattern, metadata) of every type of number that any region has."""
    found = []
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        for region in regions:
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            for name in TYPES:
                row = getattr(metadata, name)
                if row is not None and row.national_number_pattern:
                    found.append((region, code, name, row.national_number_pattern, metadata))
    return tuple(found)


def writings(rng: random.Random) -> Iterator[tuple[str, str | None]]:
    """(text, region of the data set) without end: every type of every region in turn."""
    while True:
        for region, code, _, pattern, metadata in descriptions():
            national = _nearly(sample(pattern, rng), rng)
            text = _prefixed(national, code, metadata, rng)
            home: str | None = region if region in phonenumbers.SUPPORTED_REGIONS else None
            if rng.random() < 0.3:
                home = rng.choice((*_OTHERS, rng.choice(descriptions())[0]))
                home = home if home in phonenumbers.SUPPORTED_REGIONS else None
            yield _separated(text, rng), home


def _nearly(digits: str, rng: random.Random) -> str:
    place = rng.randrange(len(digits))
    match rng.randrange(12):
        case 0:
            return digits[:place] + digits[place + 1 :]
        case 1:
            return digits[:place] + rng.choice(_DIGITS) + digits[place:]
        case 2 | 3:
            return digits[:place] + rng.choice(_DIGITS) + digits[place + 1 :]
        case 4:
            return "".join(rng.choices(_DIGITS, k=rng.randint(1, 17)))
        case 5:
            return rng.choice(_DIGITS) * rng.randint(1, 12)
    return digits


def _prefixed(national: str, code: int, metadata: Any, rng: random.Random) -> str:
    prefix = metadata.national_prefix or rng.choice(("", "0", "1", "8"))
    match rng.randrange(16):
        case 0 | 1 | 2:
            return f"+{code}{national}"
        case 3:
            return f"00{code}{national}"
        case 4 | 5 | 6:
            return prefix + national
        case 7 | 8:
            return national
        case 9:
            return f"{code}{national}"
        case 10:
            return f"+{code}(0){national}"
        case 11:
            return f"+{code}{prefix}{national}"
        case 12:
            idd = metadata.international_prefix or "00"
            plain = idd if idd.isdigit() else rng.choice(("00", "011", "810"))
            return f"{plain}{code}{national}"
        case 13:
            carrier = rng.choice((prefix, "0", f"0{rng.randint(10, 99)}", "15", "044", "045", "180020"))
            return carrier + national
        case 14:
            return rng.choice(("+", "++", "00", "(", "+0", "000", "")) + rng.choice((str(code), "")) + national
    number = phonenumbers.PhoneNumber(country_code=code, national_number=int(national))
    return phonenumbers.format_number(number, rng.choice((1, 2)))


def _separated(text: str, rng: random.Random) -> str:
    """With separators here and there, spaces around it, and now and then an end that a spreadsheet or a hand left."""
    chance = rng.choice((0, 0, 0.15, 0.4))
    if chance:
        text = "".join(c + (rng.choice(_SEPARATORS) if rng.random() < chance else "") for c in text)
    match rng.randrange(24):
        case 0:
            return f" {text} "
        case 1:
            return f"({text}"
        case 2:
            return text + rng.choice(
                (".0", ".00", ",0", "+", ".", "/", "-", "\n", "\t", " x1", "#1", ";", "E+9", "\u0660")
            )
        case 3:
            return rng.choice((".", "-", "/", "\t", "tel:", "tel ", "\u200e", "=")) + text
        case 4:
            return rng.choice((" / ", "; ", " ", "/", "+")).join((text, text[: rng.randint(1, len(text))]))
    return text
