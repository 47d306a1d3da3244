"""Handsets, SIM cards and network cards.

| kind | canonical | rule |
| --- | --- | --- |
| imei | 15 digits | 3GPP TS 23.003, section 6: type, serial number, Luhn digit |
| imsi | 14 or 15 digits | ITU-T E.212: country, network, subscriber |
| mac | `00:00:5e:00:53:0a` | IEEE 802: a universally administered address of one card |

A number is somebody's only if it is the maker's or the network's own. Addresses that a telephone makes up (every
modern one does, per network), numbers of test networks, and those few that thousands of cheap or altered handsets
share, are refused: they would tie strangers together.
"""

import re
from functools import lru_cache
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, Hints, ascii_digits
from psi.identifiers.lettering import one_or_words, plain_capitals
from psi.identifiers.several import BETWEEN_CODES, is_zero, number_cell, read_each, refuser, undamaged

__all__ = ["imeis", "imsis", "macs"]

_refuse_imei = refuser("imei")
_refuse_imsi = refuser("imsi")
_refuse_mac = refuser("mac")

_IMEI_LABEL: Final = re.compile(
    r"IMEI(?:\s*/?\s*SV)?\s*(?:NO|NR|#)?(?:\s*[12](?=[\s.:])|[12](?=\d{15}$))?\s*[.:]*\s*(?=\d)"
)
"""A 1 or 2 is the number of the handset's slot only where it stands apart; elsewhere it is the first digit."""
_IMSI_LABEL: Final = re.compile(r"IMSI\s*[.:]*\s*(?=\d)")
_MAC_LABEL: Final = re.compile(r"(?:WI-?FI|WLAN|BT|BLUETOOTH)?\s*MAC\s*[.:]*\s+|MAC:")
_WITH_VERSION: Final = re.compile(r"(\d{15})/\d\d")

IMEI_DIGITS: Final = 15
IMEI_WITHOUT_CHECK: Final = 14
IMEISV_DIGITS: Final = 16
"""Digits: with the Luhn digit, without it (as networks send it), and with two digits of software version instead."""

_SHARED: Final = "004999010640000 012345678901237 123456789012347 135790246811220 111111111111119"
_SHARED_IMEIS: Final = frozenset(_SHARED.split())
"""Numbers that whole series of cheap or altered handsets answer with, some without a true check digit."""

_ICCID: Final = re.compile(r"89\d{16,18}F?")
_MEID: Final = re.compile(r"[A-F][0-9A-F]{13}|[0-9A-F]{13}[A-F]")
_TEST_NETWORKS: Final = ("001", "999")
"""Country codes of test and of private networks (ITU-T E.212)."""


def imeis(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The handset numbers of one cell; () for a blank.

    14 digits get their check digit and 16 digits (IMEISV) lose their software version. Raises `RefusedValue`:
    `imei/not-an-imei`, `length`, `check-digit`, `ambiguous`, `shared`, `is-meid`, `lost-digits`, `too-many`.
    """
    if is_zero(cell):
        return ()
    return read_each(undamaged(cell, "imei"), "imei", one_or_words(_imei), BETWEEN_CODES)


def _imei(part: str) -> str:
    text = plain_capitals(ascii_digits(part))
    if label := _IMEI_LABEL.match(text):
        text = text[label.end() :]
    if match := _WITH_VERSION.fullmatch(text):
        text = match[1]
    number = re.sub(r"[ .\-/]", "", text)
    if _MEID.fullmatch(number):
        raise _refuse_imei(
            "is-meid",
            "This is the number of a handset for another kind of network (MEID), not an IMEI.",
            "Leave it out of the IMEI column.",
        )
    if not re.fullmatch("[0-9]+", number):
        raise _refuse_imei("not-an-imei", "This cell holds something that is no IMEI.", "Keep only the 15 digits.")
    if len(number) == IMEI_WITHOUT_CHECK and number[0] == "1" and _luhn(f"0{number}"):
        # 01 is the prefix of American handsets; a spreadsheet that takes the number for a quantity drops the zero.
        raise _refuse_imei(
            "ambiguous",
            "This number has 14 digits: either its zero at the start is missing or its check digit at the end.",
            "Write all 15 digits, as text.",
        )
    if len(number) not in (IMEI_WITHOUT_CHECK, IMEI_DIGITS, IMEISV_DIGITS):
        raise _refuse_imei("length", "An IMEI has 15 digits, and this one has not.", "Check it against the original.")
    if number in _SHARED_IMEIS:
        raise _shared()
    if len(number) == IMEI_DIGITS and not _luhn(number):
        raise _refuse_imei(
            "check-digit",
            "The check digit of this IMEI is wrong, so one of its digits is.",
            "Check it against the original; if it comes from call records that always end in 0, drop that last 0.",
        )
    number = number[:IMEI_WITHOUT_CHECK] + _luhn_digit(number[:IMEI_WITHOUT_CHECK])
    if number in _SHARED_IMEIS:
        raise _shared()
    return number


def _shared() -> RefusedValue:
    return _refuse_imei(
        "shared",
        "Thousands of handsets answer with this IMEI, so it tells nothing about one of them.",
        "Leave the cell empty.",
    )


def imsis(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The SIM numbers of one cell; () for a blank.

    Raises `RefusedValue`: `imsi/not-an-imsi`, `length`, `is-iccid`, `test-network`, `unknown-country`, `lost-digits`,
    `too-many`.
    """
    if is_zero(cell):
        return ()
    return read_each(undamaged(cell, "imsi"), "imsi", one_or_words(_imsi), BETWEEN_CODES)


def _imsi(part: str) -> str:
    text = _IMSI_LABEL.sub("", plain_capitals(ascii_digits(part)), count=1)
    number = re.sub(r"[ .\-]", "", text)
    if _ICCID.fullmatch(number):
        raise _refuse_imsi(
            "is-iccid",
            "This is the number printed on a SIM card (ICCID), not its IMSI.",
            "Ask the network for the IMSI, or leave the cell empty.",
        )
    if not re.fullmatch("[0-9]+", number):
        raise _refuse_imsi("not-an-imsi", "This cell holds something that is no IMSI.", "Keep only the 15 digits.")
    if len(number) not in (14, 15):
        raise _refuse_imsi("length", "An IMSI has 15 digits, and this one has not.", "Check it against the original.")
    if number.startswith(_TEST_NETWORKS):
        raise _refuse_imsi(
            "test-network", "This IMSI belongs to a test network, not to a person.", "Leave the cell empty."
        )
    if not _known_network(number[:NETWORK_DIGITS]):
        raise _refuse_imsi(
            "unknown-country",
            "No country or network has IMSIs that begin like this one.",
            "Check it against the original; an IMEI belongs in its own column.",
        )
    return number


NETWORK_DIGITS: Final = 6
"""Digits of country and network, at most."""

MAX_KNOWN_NETWORKS: Final = 4096
"""Networks whose look-up is remembered. There are some three thousand in the world."""


@lru_cache(maxsize=MAX_KNOWN_NETWORKS)
def _known_network(prefix: str) -> bool:
    """Whether the register of python-stdnum has a country for the first six digits: slow, and the same all day."""
    from stdnum import imsi

    return bool(imsi.is_valid(prefix.ljust(15, "0")))


_MAC_FORMS: Final = re.compile(
    r"[0-9A-F]{2}(?:([:-])[0-9A-F]{2})(?:\1[0-9A-F]{2}){4}|[0-9A-F]{4}(?:([.:-])[0-9A-F]{4})(?:\2[0-9A-F]{4})"
    r"|[0-9A-F]{2}(?: [0-9A-F]{2}){5}|[0-9A-F]{12}|[0-9A-F]{6}[-:][0-9A-F]{6}"
)
_EUI_64: Final = re.compile(r"[0-9A-F]{2}([:-]?)(?:[0-9A-F]{2}\1){6}[0-9A-F]{2}")
_PLACEHOLDERS: Final = """
    000000000001 000102030405 001122334455 005345000000 205345000000 204153594eff 444553540000 444553540001 545543445209
"""
_PLACEHOLDER_MACS: Final = frozenset(_PLACEHOLDERS.split())
"""What cheap cards have from their maker's example, and Windows gives to every dial-up connection and tunnel."""

_GROUP_BIT: Final = 1
_LOCAL_BIT: Final = 2
"""In the first byte of an address (IEEE 802, section 8.2)."""


def macs(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The network card addresses of one cell; () for a blank.

    Raises `RefusedValue`: `mac/not-a-mac`, `number-cell`, `long`, `broadcast`, `group`, `made-up`, `lost-digits`,
    `too-many`. The maker is not looked up: the register inside a library is older than the newest telephones.
    """
    if cell.number is not None:
        if is_zero(cell):
            return ()
        raise number_cell(_refuse_mac)
    return read_each(cell, "mac", one_or_words(_mac), BETWEEN_CODES)


def _mac(part: str) -> str:
    text = plain_capitals(ascii_digits(part))
    text = _MAC_LABEL.sub("", text, count=1).strip()
    if _EUI_64.fullmatch(text):
        raise _refuse_mac(
            "long", "This address has 8 bytes (EUI-64), where a network card's has 6.", "Give the 6 bytes."
        )
    if not _MAC_FORMS.fullmatch(text):
        raise _refuse_mac(
            "not-a-mac",
            "This cell holds something that is no network card address.",
            "Write 12 characters of 0 to 9 and A to F, in pairs.",
        )
    digits = re.sub("[^0-9A-F]", "", text).lower()
    first = int(digits[:2], 16)
    if digits == "f" * 12:
        raise _refuse_mac("broadcast", "This address means every card of a network, not one.", "Leave the cell empty.")
    if first & _GROUP_BIT:
        raise _refuse_mac("group", "This address means a group of cards, not one.", "Leave the cell empty.")
    if first & _LOCAL_BIT or digits in _PLACEHOLDER_MACS:
        raise _refuse_mac(
            "made-up",
            "This address was made up by the device and changes; another device may make up the same one.",
            "Give the card's own address from the device's settings, or leave the cell empty.",
        )
    return ":".join(digits[index : index + 2] for index in range(0, 12, 2))


def _luhn(number: str) -> bool:
    from stdnum import luhn

    return bool(luhn.is_valid(number))


def _luhn_digit(number: str) -> str:
    from stdnum import luhn

    return str(luhn.calc_check_digit(number))
