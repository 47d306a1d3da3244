"""Countries, for nationality and nothing else: a two-letter code from a code or a country's name.

The names come with phonenumbers (its `geodata.locale`, from the Unicode locale data), in some forty languages, so they
are covered by its version. Three-letter codes, as passports print them, are our own table; adjectives are not read.
"""

import re
from functools import cache
from typing import Final

from phonenumbers import SUPPORTED_REGIONS

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean, fold

__all__ = ["COUNTRY_CODE", "country_form"]

COUNTRY_CODE: Final = re.compile(r"[A-Z]{2}")
"""The shape of every form."""

_PASSPORT_CODES: Final = """
    AFG:AF ALB:AL DZA:DZ ARG:AR ARM:AM AUS:AU AUT:AT AZE:AZ BGD:BD BLR:BY BEL:BE BEN:BJ BOL:BO BIH:BA BRA:BR BGR:BG
    BFA:BF KHM:KH CMR:CM CAN:CA CHL:CL CHN:CN COL:CO COD:CD COG:CG CIV:CI HRV:HR CUB:CU CYP:CY CZE:CZ DNK:DK DOM:DO
    ECU:EC EGY:EG SLV:SV ERI:ER EST:EE ETH:ET FIN:FI FRA:FR GMB:GM GEO:GE DEU:DE D:DE GHA:GH GRC:GR GTM:GT GIN:GN
    HND:HN HUN:HU ISL:IS IND:IN IDN:ID IRN:IR IRQ:IQ IRL:IE ISR:IL ITA:IT JPN:JP JOR:JO KAZ:KZ KEN:KE XKX:XK KOR:KR
    KGZ:KG LAO:LA LVA:LV LBN:LB LBR:LR LBY:LY LTU:LT LUX:LU MKD:MK MLI:ML MLT:MT MEX:MX MDA:MD MNG:MN MNE:ME MAR:MA
    MMR:MM NPL:NP NLD:NL NIC:NI NER:NE NGA:NG NOR:NO PAK:PK PRY:PY PER:PE PHL:PH POL:PL PRT:PT ROU:RO RUS:RU RWA:RW
    SEN:SN SRB:RS SLE:SL SVK:SK SVN:SI SOM:SO ZAF:ZA ESP:ES LKA:LK SDN:SD SWE:SE CHE:CH SYR:SY TJK:TJ TZA:TZ THA:TH
    TGO:TG TUN:TN TUR:TR TKM:TM UGA:UG UKR:UA GBR:GB USA:US URY:UY UZB:UZ VEN:VE VNM:VN YEM:YE
"""
_THREE_LETTERS: Final = dict(row.split(":") for row in _PASSPORT_CODES.split())


def country_form(cell: Cell) -> str:
    """The two-letter code; "" for a blank. Raises `RefusedValue` `nationality/unknown`."""
    text = clean(cell)
    if not text:
        return ""
    word = fold(text)
    code = word.upper()
    code = _THREE_LETTERS.get(code, code)
    if code not in SUPPORTED_REGIONS:
        code = _countries().get(word, "")
    if not code:
        raise RefusedValue(
            "This cell names no country that is known here.",
            advice="Write the country's two-letter code, such as UA or RO.",
            reason="nationality/unknown",
        )
    return code


@cache
def _countries() -> dict[str, str]:
    """Folded country name -> code, without the names that two countries share."""
    # Half a second and some megabytes: loaded only by whoever has country names.
    from phonenumbers.geodata.locale import LOCALE_DATA

    found: dict[str, set[str]] = {}
    for code, names in LOCALE_DATA.items():
        if code not in SUPPORTED_REGIONS:
            continue
        for name in names.values():
            # "*en" means: as in that language.
            found.setdefault(fold(names.get(name[1:], "") if name.startswith("*") else name), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if name and len(codes) == 1}
