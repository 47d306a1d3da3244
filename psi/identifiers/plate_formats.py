"""What plates look like, country by country: forms without separators, shared letters, signs, and accents.

The forms say what a country's authorities issue, with the older series that still drive, in capitals without accents.
They are wide rather than exact: their work is to find typing mistakes and plates of another country, and a form that is
too narrow would refuse somebody's true plate. A new series is a new version of the normaliser.
"""

import re
import unicodedata
from types import MappingProxyType
from typing import Final

__all__ = ["ANY_PLATE", "FORMS", "SHARED_LETTERS", "SIGNS", "SPELLED_OUT_DISTRICTS", "without_accents"]

_RO_COUNTIES: Final = (
    "AB|AR|AG|BC|BH|BN|BT|BV|BR|BZ|CS|CL|CJ|CT|CV|DB|DJ|GL|GR|GJ|HR|HD|IL|IS|IF|MM|MH|MS|NT|OT|PH|SM|SJ|SB|SV|TR|TM"
    "|TL|VS|VL|VN"
)
_BG: Final = "[ABCEHKMOPTXY]"
_UA: Final = "[ABCEHIKMOPTXYZ]"
_RU: Final = "[ABCEHKMOPTXY]"
_BY: Final = "[ABCEHIKMOPTX]"
_GR: Final = "[ABEHIKMNOPTXYZ]"
_FR: Final = "[A-HJ-NP-TV-Z]"
_ES: Final = "[BCDFGHJ-NPR-TV-Z]"

_BY_COUNTRY: Final = {
    # A canton and up to six digits.
    "CH": "(?:AG|AI|AR|BE|BL|BS|FR|GE|GL|GR|JU|LU|NE|NW|OW|SG|SH|SO|SZ|TG|TI|UR|VD|VS|ZG|ZH)[0-9]{1,6}",
    # District and county, then the number; army, officials, temporary red plates; diplomats.
    "RO": f"B[0-9]{{2,3}}[A-Z]{{3}}|(?:{_RO_COUNTIES})[0-9]{{2}}[A-Z]{{3}}|(?:B|{_RO_COUNTIES})0?[0-9]{{3,6}}"
    "|(?:A|MAI|ALA)[0-9]{3,7}|(?:CD|CO|TC)[0-9]{6}",
    # District, four digits, series; older ones end in one letter; army, diplomats, electric.
    "BG": f"{_BG}{{1,2}}[0-9]{{4}}{_BG}{{1,2}}|BA[0-9]{{6}}|(?:C|CC|CT)[0-9]{{4,6}}|EA[0-9]{{4}}{_BG}{{2}}",
    # District, one or two letters, up to four digits, E electric or H historic: eight characters at most; authorities
    # and dealers have digits only, the army Y.
    "DE": "(?=.{3,8}$)[A-Z]{2,5}[0-9]{1,4}[EH]?|[A-Z]{1,3}[0-9]{2,6}|Y[0-9]{6}",
    # Fourteen series ("sidecodes") of six, in groups of one to three.
    "NL": "[A-Z]{2}[0-9]{4}|[0-9]{4}[A-Z]{2}|[0-9]{2}[A-Z]{2}[0-9]{2}|[A-Z]{2}[0-9]{2}[A-Z]{2}|[A-Z]{4}[0-9]{2}"
    "|[0-9]{2}[A-Z]{4}|[0-9]{2}[A-Z]{3}[0-9]|[0-9][A-Z]{3}[0-9]{2}|[A-Z]{2}[0-9]{3}[A-Z]|[A-Z][0-9]{3}[A-Z]{2}"
    "|[A-Z]{3}[0-9]{2}[A-Z]|[A-Z][0-9]{2}[A-Z]{3}|[0-9][A-Z]{2}[0-9]{3}|[0-9]{3}[A-Z]{2}[0-9]",
    # Since 2009; before, with the department at the end; dealers.
    "FR": f"{_FR}{{2}}[0-9]{{3}}{_FR}{{2}}|[0-9]{{1,4}}[A-Z]{{1,3}}(?:[0-9]{{2}}|2[AB]|97[0-9])|W[0-9]{{3}}{_FR}{{2}}",
    # Region, four digits, series; before 2004; temporary.
    "UA": f"{_UA}{{2}}[0-9]{{4}}{_UA}{{2}}|[0-9]{{5}}[A-Z]{{2}}|[0-9]{{2}}{_UA}{{2}}[0-9]{{4}}|{_UA}{{2}}[0-9]{{6}}",
    # Since 2015; before, with one or two letters of the district.
    "MD": "[A-Z]{3}[0-9]{3}|[A-Z]{1,2}[A-Z]{2}[0-9]{3}",
    # District of two or three letters and four or five characters; chosen ones.
    "PL": "[A-Z]{2,3}(?=[A-Z]*[0-9])[A-Z0-9]{3,5}|[A-Z][0-9][A-Z0-9]{3,5}",
    # Since 2022 four letters; before, three; chosen ones; diplomats and temporary.
    "HU": "[A-Z]{3,4}[0-9]{3}|[A-Z]{4}[0-9]{2}|[A-Z]{5}[0-9]|[A-Z]{1,3}[0-9]{4,6}",
    # Since 1994; before, with the province; motorcycles.
    "IT": "[A-HJ-NPR-TV-Z]{2}[0-9]{3}[A-HJ-NPR-TV-Z]{2}|[A-Z]{2}[0-9]{5}|(?:ROMA|[A-Z]{2})[0-9A-Z][0-9]{4,5}",
    # Since 2000; before, with the province; mopeds, special vehicles; police and army.
    "ES": f"[CEHPRSTV]?[0-9]{{4}}{_ES}{{3}}|[A-Z]{{1,2}}[0-9]{{4}}[A-Z]{{0,2}}|[A-Z]{{2,4}}[0-9]{{4,6}}[A-Z]?",
    # District, then digits and letters, or chosen ones the other way round.
    "AT": "[A-Z]{1,2}(?:[0-9]{1,6}[A-Z]{0,3}|[A-Z]{1,5}[0-9]{1,4})",
    # Since 2010 with a digit in front; before, three and three; motorcycles and trailers of then.
    "BE": "[0-9]?[A-Z]{3}[0-9]{3}|[0-9]?[0-9]{3}[A-Z]{3}|[A-Z]{2}[0-9]{3}[A-Z]?|[A-Z][0-9]{3}[A-Z]{2}"
    "|[A-Z]{2,3}[0-9]{2,4}",
    "GR": f"{_GR}{{3}}[0-9]{{4}}|{_GR}{{2,3}}[0-9]{{1,4}}",
    # Digit, region, digit or letter, four digits; before 2001; electric and historic.
    "CZ": "[0-9][A-Z][0-9A-Z][0-9]{4}|[A-Z]{2,3}[0-9]{4}|EL[0-9A-Z]{5}|[0-9]{2}V[0-9]{4}|[0-9]{3}[A-Z0-9]{4}",
    # Two letters, three digits, two letters; chosen ones.
    "SK": "[A-Z]{2}(?:[0-9]{3}[A-Z]{2}|[A-Z]{1,4}[0-9]{1,4}|[0-9]{4,5})",
    "RS": "[A-Z]{2}[0-9]{3,5}[A-Z]{2}|[A-Z]{2}[0-9]{4,6}|P[0-9]{4,6}|M[0-9]{4}",
    # Town, three or four digits, one or two letters; chosen ones.
    "HR": "[A-Z]{2}[0-9]{3,4}[A-Z]{1,2}|[A-Z]{2}[A-Z]{4,7}|[A-Z]{2}[A-Z]{2,5}[0-9]{1,4}",
    # Current, prefix, suffix and dateless series; diplomats.
    "GB": "[A-Z]{2}[0-9]{2}[A-Z]{3}|[A-Z][0-9]{1,3}[A-Z]{3}|[A-Z]{3}[0-9]{1,3}[A-Z]|[A-Z]{1,3}[0-9]{1,4}"
    "|[0-9]{1,4}[A-Z]{1,3}|[0-9]{3}[DX][0-9]{3}",
    # Province 01 to 81.
    "TR": "(?:0[1-9]|[1-7][0-9]|8[01])(?:[A-Z][0-9]{4,5}|[A-Z]{2}[0-9]{3,4}|[A-Z]{3}[0-9]{2,3})",
    "RU": f"{_RU}[0-9]{{3}}{_RU}{{2}}[0-9]{{2,3}}|{_RU}{{2}}[0-9]{{3,4}}[0-9]{{2,3}}|[0-9]{{4}}{_RU}{{2}}[0-9]{{2,3}}",
    "BY": f"[0-9]{{4}}{_BY}{{2}}[0-9]|{_BY}{{2}}[0-9]{{5}}|{_BY}[0-9]{{4}}{_BY}[0-9]",
}

FORMS: Final = MappingProxyType({country: re.compile(form) for country, form in _BY_COUNTRY.items()})
"""Two-letter code -> the form of that country's plates, without separators and accents."""

ANY_PLATE: Final = re.compile("(?=.*[0-9])[A-Z0-9]{4,9}")
"""For a country without a form."""

SHARED_LETTERS: Final = frozenset({"BA", "BG", "BY", "GR", "RU", "UA"})
"""Countries whose plates use only letters that look alike in Latin and in Cyrillic or Greek (Vienna Convention of 1968,
annex 2). Serbia and North Macedonia write towns in both alphabets, with other letters: НС is NS there, not HC."""

_VEHICLE_SIGNS: Final = """
    A:AT B:BE D:DE E:ES F:FR FL:LI GBZ:GI H:HU I:IT L:LU M:MT N:NO P:PT S:SE SLO:SI V:VA NMK:MK RSM:SM RUS:RU
"""
SIGNS: Final = MappingProxyType(dict(row.split(":") for row in _VEHICLE_SIGNS.split()))
"""Distinguishing signs of vehicles in international traffic that are no ISO code -> two-letter code (Europe)."""

_UMLAUT_DISTRICTS: Final = """
    BÖ BÜD BÜR BÜS BÜZ DÜW FÜ FÜS GÖ GRÜ GÜ HÖS JÜL KÖN KÖT KÖZ KÜN LÖ LÖB LÜN MÜ MÜB MÜL MÜN MÜR NÖ PRÜ RÜD RÜG SÄK SÖM
    SÜW TÖL TÜ ÜB WÜ WÜM
"""
_ACCENTS: Final = str.maketrans("ÄÖÜäöüŠšŽžČčĆćĐđÁÉÍÓŐÚŰáéíóőúű", "AOUAOUSSZZCCCCDDAEIOOUUAEIOOUU")


def without_accents(text: str) -> str:
    """Letters as they would be without dots, hooks and strokes; other scripts unchanged."""
    return unicodedata.normalize("NFC", text).translate(_ACCENTS)


SPELLED_OUT_DISTRICTS: Final = MappingProxyType(
    {
        district.replace("Ä", "AE").replace("Ö", "OE").replace("Ü", "UE"): without_accents(district)
        for district in _UMLAUT_DISTRICTS.split()
    }
)
"""German districts with an umlaut, as they are written where there is none: FUE -> FU."""
