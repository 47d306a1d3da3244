"""Looks for values where they must not be: as they are, and in every thin disguise that a careless program might use.

    search = Search({"phone of row 3": "+491713920012", ...})
    search.findings("the database", data)      ["phone of row 3 as UTF-16 in the database", ...]

Disguises: letter case, decomposed or transliterated letters, UTF-8, UTF-16, UTF-32 and single-byte encodings, hex,
base64 at every alignment, escapes of JSON and of web addresses, numbers as integers and floats, and plain hashes, which
hide nothing that can be guessed. A form shorter than 8 bytes is left out, because in megabytes of random bytes chance
would find it; the data sets that tests search for hold enough that is longer.
"""

import base64
import hashlib
import json
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import numpy as np
from anyascii import anyascii

__all__ = ["LEAST_BYTES", "PIECE_BYTES", "Search", "files_of", "phone_spellings"]

LEAST_BYTES = 8
PIECE_BYTES = 1 << 20
"""Data is looked through in pieces of this size; a form may lie across the border of two."""

LEAST_HEX_DIGITS = 10
"""A form that could stand in a digest written in hex must be longer."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SLOTS = 20
_HEX = frozenset(b"0123456789abcdef")
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "cp1250", "cp1251")


def phone_spellings(national: str, country: str = "49") -> tuple[str, ...]:
    """The ways in which one number, given with its leading zero, is written."""
    digits = national.replace(" ", "").removeprefix("0")
    groups = (f"{digits[:3]} {digits[3:]}", f"{digits[:3]}-{digits[3:]}", f"{digits[:3]}/{digits[3:]}")
    fine = f"{digits[:3]} {digits[3:5]} {digits[5:8]} {digits[8:]}"
    bare = (national, digits, *groups, fine)
    return (*bare, *(f"+{country}{one}" for one in bare[1:]), f"+{country} {groups[0]}", f"tel:+{country}{digits}")


class Search:
    """Finds any of `values` (what it is -> the text) in bytes."""

    def __init__(self, values: Mapping[str, str]) -> None:
        exact: dict[bytes, str] = {}
        folded: dict[bytes, str] = {}
        for name, value in values.items():
            for form, data in _texts(value):
                folded.setdefault(data.lower(), f"{name} as {form}")
            for form, data in _codes(value):
                exact.setdefault(data, f"{name} as {form}")
        self._tables = (_Table(exact), _Table(folded))

    @property
    def size(self) -> int:
        """How many forms are looked for."""
        return sum(table.size for table in self._tables)

    def findings(self, where: str, data: bytes) -> list[str]:
        """What of the values stands in `data`."""
        found = {*self._tables[0].found(data), *self._tables[1].found(data.lower())}
        return [f"{what} in {where}" for what in sorted(found)]

    def in_files(self, paths: Iterable[Path]) -> list[str]:
        """What of the values stands in these files, or in their names."""
        findings = []
        for path in paths:
            findings += self.findings(f"the name of {path.name}", bytes(path))
            findings += self.findings(path.name, path.read_bytes())
        return findings


def files_of(folder: Path) -> list[Path]:
    """Every regular file under a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _texts(value: str) -> Iterator[tuple[str, bytes]]:
    """Forms in which the case of letters does not matter."""
    plain = dict.fromkeys(
        (value, value.lower(), value.upper(), value.casefold(), unicodedata.normalize("NFD", value), anyascii(value))
    )
    for text in plain:
        for encoding in _ENCODINGS:
            with suppress(UnicodeEncodeError):
                data = text.encode(encoding)
                yield encoding, data
                yield f"hex of {encoding}", data.hex().encode()
                yield f"spaced hex of {encoding}", data.hex(" ").encode()
        yield "JSON escapes", json.dumps(text)[1:-1].encode()
        yield "a web address", quote(text).encode()


def _codes(value: str) -> Iterator[tuple[str, bytes]]:
    """Forms in which every bit matters."""
    for text in dict.fromkeys((value, value.lower(), anyascii(value).lower())):
        for encoding in ("utf-8", "utf-16-le"):
            data = text.encode(encoding)
            for shift in range(3):
                code = base64.b64encode(bytes(shift) + data).rstrip(b"=")
                # The first and the last character also hold bits of what stands before and after.
                inner = code[(0, 2, 3)[shift] : -1]
                yield f"base64 of {encoding}", inner
                yield f"base64url of {encoding}", inner.translate(bytes.maketrans(b"+/", b"-_"))
        for kind in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            hashed = hashlib.new(kind, text.encode()).digest()[:16]
            yield kind, hashed
            yield f"hex of {kind}", hashed.hex().encode()
    digits = "".join(letter for letter in value if letter.isdigit())
    if len(digits) >= LEAST_HEX_DIGITS and set(value) <= set("+0123456789"):
        yield "an integer", int(digits).to_bytes(8, "big")
        yield "an integer, low byte first", int(digits).to_bytes(8, "little")
        yield "a float", struct.pack("<d", int(digits))


class _Table:
    """Forms by their first 8 bytes as a number; one look into a map of bits passes over almost every place."""

    def __init__(self, forms: Mapping[bytes, str]) -> None:
        self._forms: dict[int, list[tuple[bytes, str]]] = defaultdict(list)
        self._slots = np.zeros(1 << _SLOTS, dtype=bool)
        for data, name in forms.items():
            if len(data) >= (LEAST_HEX_DIGITS if _HEX.issuperset(data) else LEAST_BYTES):
                self._forms[int.from_bytes(data[:8], "little")].append((data, name))
        self._slots[_slot(np.array(list(self._forms), dtype=np.uint64))] = True
        self.size = sum(map(len, self._forms.values()))

    def found(self, data: bytes) -> set[str]:
        names: set[str] = set()
        for start in range(0, len(data) - LEAST_BYTES + 1, PIECE_BYTES):
            octets = np.frombuffer(data[start : start + PIECE_BYTES + LEAST_BYTES - 1], dtype=np.uint8)
            windows = np.zeros(len(octets) - LEAST_BYTES + 1, dtype=np.uint64)
            for at in range(LEAST_BYTES):
                windows |= octets[at : at + len(windows)].astype(np.uint64) << np.uint64(8 * at)
            for place in np.flatnonzero(self._slots[_slot(windows)]):
                for form, name in self._forms.get(int(windows[place]), ()):
                    if data.startswith(form, start + int(place)):
                        names.add(name)
        return names


def _slot(words: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    mixed: np.ndarray[tuple[int], np.dtype[np.uint64]] = (words * _MIX) >> np.uint64(64 - _SLOTS)
    return mixed
