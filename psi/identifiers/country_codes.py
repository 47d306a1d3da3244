"""Codes of states and of the organisations that issue documents: ISO 3166-1 and ICAO Doc 9303-3, section 5.

Passports print three letters where everything else writes two. The canonical code is the two-letter one; the codes
that ICAO gives to organisations and to papers of no state (UNO, EUE, XXA) have none and stay as they are.

The names of countries come with phonenumbers (its `geodata.locale`, from the Unicode locale data), in some forty
languages, so they are covered by its version.
"""

from functools import cache
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean, fold
from psi.identifiers.lettering import latin_capitals

__all__ = ["ISSUERS_WITHOUT_STATE", "STATES", "THREE_LETTERS", "country_of", "issuer_code", "state_code"]

_THREE_TO_TWO: Final = """
    ABW:AW AFG:AF AGO:AO AIA:AI ALA:AX ALB:AL AND:AD ARE:AE ARG:AR ARM:AM ASM:AS ATA:AQ ATF:TF ATG:AG AUS:AU AUT:AT
    AZE:AZ BDI:BI BEL:BE BEN:BJ BES:BQ BFA:BF BGD:BD BGR:BG BHR:BH BHS:BS BIH:BA BLM:BL BLR:BY BLZ:BZ BMU:BM BOL:BO
    BRA:BR BRB:BB BRN:BN BTN:BT BVT:BV BWA:BW CAF:CF CAN:CA CCK:CC CHE:CH CHL:CL CHN:CN CIV:CI CMR:CM COD:CD COG:CG
    COK:CK COL:CO COM:KM CPV:CV CRI:CR CUB:CU CUW:CW CXR:CX CYM:KY CYP:CY CZE:CZ DEU:DE DJI:DJ DMA:DM DNK:DK DOM:DO
    DZA:DZ ECU:EC EGY:EG ERI:ER ESH:EH ESP:ES EST:EE ETH:ET FIN:FI FJI:FJ FLK:FK FRA:FR FRO:FO FSM:FM GAB:GA GBR:GB
    GEO:GE GGY:GG GHA:GH GIB:GI GIN:GN GLP:GP GMB:GM GNB:GW GNQ:GQ GRC:GR GRD:GD GRL:GL GTM:GT GUF:GF GUM:GU GUY:GY
    HKG:HK HMD:HM HND:HN HRV:HR HTI:HT HUN:HU IDN:ID IMN:IM IND:IN IOT:IO IRL:IE IRN:IR IRQ:IQ ISL:IS ISR:IL ITA:IT
    JAM:JM JEY:JE JOR:JO JPN:JP KAZ:KZ KEN:KE KGZ:KG KHM:KH KIR:KI KNA:KN KOR:KR KWT:KW LAO:LA LBN:LB LBR:LR LBY:LY
    LCA:LC LIE:LI LKA:LK LSO:LS LTU:LT LUX:LU LVA:LV MAC:MO MAF:MF MAR:MA MCO:MC MDA:MD MDG:MG MDV:MV MEX:MX MHL:MH
    MKD:MK MLI:ML MLT:MT MMR:MM MNE:ME MNG:MN MNP:MP MOZ:MZ MRT:MR MSR:MS MTQ:MQ MUS:MU MWI:MW MYS:MY MYT:YT NAM:NA
    NCL:NC NER:NE NFK:NF NGA:NG NIC:NI NIU:NU NLD:NL NOR:NO NPL:NP NRU:NR NZL:NZ OMN:OM PAK:PK PAN:PA PCN:PN PER:PE
    PHL:PH PLW:PW PNG:PG POL:PL PRI:PR PRK:KP PRT:PT PRY:PY PSE:PS PYF:PF QAT:QA REU:RE ROU:RO RUS:RU RWA:RW SAU:SA
    SDN:SD SEN:SN SGP:SG SGS:GS SHN:SH SJM:SJ SLB:SB SLE:SL SLV:SV SMR:SM SOM:SO SPM:PM SRB:RS SSD:SS STP:ST SUR:SR
    SVK:SK SVN:SI SWE:SE SWZ:SZ SXM:SX SYC:SC SYR:SY TCA:TC TCD:TD TGO:TG THA:TH TJK:TJ TKL:TK TKM:TM TLS:TL TON:TO
    TTO:TT TUN:TN TUR:TR TUV:TV TWN:TW TZA:TZ UGA:UG UKR:UA UMI:UM URY:UY USA:US UZB:UZ VAT:VA VCT:VC VEN:VE VGB:VG
    VIR:VI VNM:VN VUT:VU WLF:WF WSM:WS YEM:YE ZAF:ZA ZMB:ZM ZWE:ZW
"""

_PASSPORTS_ALSO_PRINT: Final = """
    D:DE GBD:GB GBN:GB GBO:GB GBP:GB GBS:GB ROM:RO RKS:XK XKX:XK
"""
"""Germany's one letter; the kinds of British nationals; Romania until 2002; Kosovo, which has no ISO code."""

THREE_LETTERS: Final = dict(row.split(":") for row in (_THREE_TO_TWO + _PASSPORTS_ALSO_PRINT).split())
"""The code that a passport prints -> the two-letter code."""

STATES: Final = frozenset(THREE_LETTERS.values())
"""All two-letter codes: ISO 3166-1, and XK for Kosovo."""

_TWO_LETTER_NAMES: Final = {"UK": "GB", "EL": "GR"}
"""What the United Kingdom and, in the European Union, Greece are called beside their ISO codes."""

_WITHOUT_STATE: Final = """
    EUE UNA UNK UNO XAA XBA XCC XCE XCO XDC XEC XES XIM XMP XOM XPO XXA XXB XXC XXX UTO
"""
ISSUERS_WITHOUT_STATE: Final = frozenset(_WITHOUT_STATE.split())
"""Organisations that issue travel documents, papers for refugees and stateless people, and Utopia of the specimens."""

_LONGEST_NAME: Final = 60
"""Characters in the name of a country."""


def state_code(text: str) -> str | None:
    """The two-letter code of a state by its two-letter or three-letter code or its name; None if it is none."""
    code = latin_capitals(text.strip())
    code = _TWO_LETTER_NAMES.get(code, code)
    if code in STATES:
        return code
    if code in THREE_LETTERS:
        return THREE_LETTERS[code]
    return _by_name(text) if len(text) <= _LONGEST_NAME else None


def issuer_code(text: str) -> str | None:
    """As `state_code`, and the codes of issuers that are no state; "<" fills up as on a document."""
    code = latin_capitals(text.strip()).rstrip("<")
    return code if code in ISSUERS_WITHOUT_STATE else state_code(text.strip().rstrip("<"))


def country_of(text: str) -> str:
    """The two-letter code of a country where people live, by a code or its name in clean text; "" if it is none."""
    from phonenumbers import SUPPORTED_REGIONS

    word = fold(text)
    code = word.upper()
    code = THREE_LETTERS.get(code, code)
    return code if code in SUPPORTED_REGIONS else _names().get(word, "")


def _by_name(text: str) -> str | None:
    # A word of three letters or fewer is a code that nobody knows, not the name of a country.
    if len(text.strip()) <= 3:
        return None
    try:
        code = country_of(clean(Cell(text)))
    except RefusedValue:
        return None
    return code if code in STATES else None


@cache
def _names() -> dict[str, str]:
    """Folded country name -> code, without the names that two countries share."""
    # Half a second and some megabytes: loaded only by whoever has country names.
    from phonenumbers import SUPPORTED_REGIONS
    from phonenumbers.geodata.locale import LOCALE_DATA

    found: dict[str, set[str]] = {}
    for code, names in LOCALE_DATA.items():
        if code not in SUPPORTED_REGIONS:
            continue
        for name in names.values():
            # "*en" means: as in that language.
            found.setdefault(fold(names.get(name[1:], "") if name.startswith("*") else name), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if name and len(codes) == 1}
