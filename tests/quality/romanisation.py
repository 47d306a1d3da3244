"""Romanisation of Cyrillic, Greek and Georgian by published systems and by common practice, for the generator alone.

None of it is taken from psi.identifiers, which would then be judged by its own tables. Sources:

    ua-national   Ukraine, Cabinet of Ministers resolution 55 of 2010       ua-bgn     BGN/PCGN 1965
    ru-bgn        BGN/PCGN 1947 system for Russian                         ru-icao    ICAO 9303-3, as in passports
    ru-french     Soviet and Russian passports until 1997                  iso9       ISO 9:1995 (with diacritics)
    bg-law        Bulgaria, Transliteration Act of 2009                    bg-older   passports before it
    sr-gaj        Serbian: the official Latin alphabet                     sr-plain   the same without accents (đ: dj)
    german        Duden, for Ukrainian, Russian and Bulgarian              ge-2002    Georgia's national system of 2002
    ge-russian    Georgian as it passed through Russian                    gr-elot    ELOT 743 (ISO 843), in passports
    gr-common     how Greek names are written by ear

A word goes in and comes out in lower case; who writes it puts the capitals.
"""

import unicodedata
from collections.abc import Callable
from typing import Final

__all__ = ["SYSTEMS", "plain"]

_VOWELS: Final = frozenset("аеёиоуыэюяіїєъь'’ʼ-")


def _table(text: str) -> dict[str, str]:
    """Pairs `letter:spelling` between spaces; a letter alone is dropped."""
    return {letter: spelling for letter, _, spelling in (pair.partition(":") for pair in text.split())}


_COMMON: Final = "а:a б:b д:d е:e з:z к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ф:f"

_UA: Final = _table(f"{_COMMON} в:v г:h ґ:g є:ie ж:zh и:y і:i ї:i й:i х:kh ц:ts ч:ch ш:sh щ:shch ь: ю:iu я:ia ': ’: ʼ:")
_UA_FIRST: Final = _table("є:ye ї:yi й:y ю:yu я:ya")
_UA_BGN: Final = _UA | _table("є:ye ї:yi й:y ю:yu я:ya ь:’")
_RU: Final = _table(f"{_COMMON} в:v г:g ё:e ж:zh и:i й:i х:kh ц:ts ч:ch ш:sh щ:shch ъ:ie ы:y ь: э:e ю:iu я:ia")
_RU_BGN: Final = _RU | _table("ё:yo й:y ъ:” ь:’ ю:yu я:ya")
_RU_FRENCH: Final = _RU | _table("ж:j у:ou ч:tch ш:ch щ:chtch ю:iou ъ: ц:ts")
_GERMAN: Final = _UA | _RU | _table("в:w ж:sch з:s й:j х:ch ц:z ч:tsch ш:sch щ:schtsch є:je ї:ji ю:ju я:ja ё:jo ъ: ґ:g")
_ISO9: Final = _table(
    f"{_COMMON} в:v г:g ґ:g̀ ё:ë є:ê ж:ž и:i і:ì ї:ï й:j х:h ц:c ч:č ш:š щ:ŝ ъ:ʺ ы:y ь:ʹ э:è ю:û я:â ': ’: ʼ:"
)
_BG: Final = _table(f"{_COMMON} в:v г:g ж:zh и:i й:y х:h ц:ts ч:ch ш:sh щ:sht ъ:a ь:y ю:yu я:ya")
_BG_OLDER: Final = _BG | _table("ж:j й:i ц:tz ъ:u ю:iu я:ia")
_SR: Final = _table(f"{_COMMON} в:v г:g ђ:đ ж:ž и:i ј:j љ:lj њ:nj ћ:ć х:h ц:c ч:č џ:dž ш:š")
_GE: Final = _table(
    "ა:a ბ:b გ:g დ:d ე:e ვ:v ზ:z თ:t ი:i კ:k ლ:l მ:m ნ:n ო:o პ:p ჟ:zh რ:r ს:s ტ:t უ:u ფ:p ქ:k ღ:gh ყ:q შ:sh ჩ:ch "
    "ც:ts ძ:dz წ:ts ჭ:ch ხ:kh ჯ:j ჰ:h"
)
_GE_RUSSIAN: Final = _GE | _table("ღ:g ყ:k ჯ:dzh ფ:f ჰ:g")
_GR: Final = _table(
    "α:a β:v γ:g δ:d ε:e ζ:z η:i θ:th ι:i κ:k λ:l μ:m ν:n ξ:x ο:o π:p ρ:r σ:s ς:s τ:t υ:y φ:f χ:ch ψ:ps ω:o"
)
_GR_COMMON: Final = _GR | _table("χ:h υ:i ξ:ks φ:ph")


def _letters(
    table: dict[str, str], first: dict[str, str] | None = None, anywhere: bool = False
) -> Callable[[str], str]:
    """Letter by letter; `first` at the start of the word, and with `anywhere` after vowels and signs too."""

    def spell(word: str) -> str:
        out = []
        for index, letter in enumerate(word):
            before = word[index - 1] if index else "-"
            use = first and letter in first and (before == "-" or (anywhere and before in _VOWELS))
            out.append(first[letter] if use and first else table.get(letter, letter))
        return "".join(out)

    return spell


def _ukrainian(word: str) -> str:
    return _letters(_UA, _UA_FIRST)(word.replace("зг", "zgh"))


def _russian_bgn(word: str) -> str:
    return _letters(_RU_BGN, _table("е:ye ё:yo"), anywhere=True)(word)


def _russian_press(word: str) -> str:
    """BGN/PCGN without its marks, and -y for -iy: what newspapers and most offices write."""
    spelt = _russian_bgn(word).replace("’", "").replace("”", "")
    return spelt.removesuffix("iy") + "y" if spelt.endswith("iy") else spelt


def _bulgarian(word: str) -> str:
    return word.removesuffix("ия").translate(str.maketrans(_BG)) + ("ia" if word.endswith("ия") else "")


def _serbian_plain(word: str) -> str:
    return plain(_letters(_SR)(word).replace("đ", "dj"))


def _greek(table: dict[str, str], pairs: dict[str, str]) -> Callable[[str], str]:
    def spell(word: str) -> str:
        word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c) or c == "\u0308")
        for two, three in (("αυ", "av"), ("ευ", "ev")):
            for hard in "θκξπσςτφχψ":
                word = word.replace(two + hard, three[0] + "f" + hard)
            word = word.replace(two, three)
        if word.startswith("μπ"):
            word = "b" + word[2:]
        for greek, latin in pairs.items():
            word = word.replace(greek, latin)
        return "".join(table.get(c, c) for c in word if c != "\u0308")

    return spell


def plain(text: str) -> str:
    """Without accents, as a form or a terminal that knows only ASCII forces: Đ D, ł l, ı i, ß ss, æ ae, ø o."""
    for accented, bare in (
        ("đ", "d"), ("Đ", "D"), ("ł", "l"), ("ı", "i"), ("ß", "ss"), ("æ", "ae"), ("ø", "o"), ("’", ""), ("”", ""),
        ("ʹ", ""), ("ʺ", ""),
    ):  # fmt: skip
        text = text.replace(accented, bare)
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if not unicodedata.combining(c)))


SYSTEMS: Final[dict[str, Callable[[str], str]]] = {
    "ua-national": _ukrainian,
    "ua-bgn": _letters(_UA_BGN),
    "ru-bgn": _russian_bgn,
    "ru-press": _russian_press,
    "ru-icao": _letters(_RU),
    "ru-french": _letters(_RU_FRENCH),
    "iso9": lambda word: unicodedata.normalize("NFC", _letters(_ISO9)(word)),
    "german": _letters(_GERMAN, _table("е:je"), anywhere=True),
    "german-ua": _letters(_GERMAN | _table("г:h и:y")),
    "bg-law": _bulgarian,
    "bg-older": _letters(_BG_OLDER),
    "sr-gaj": _letters(_SR),
    "sr-plain": _serbian_plain,
    "ge-2002": _letters(_GE),
    "ge-russian": _letters(_GE_RUSSIAN),
    "gr-elot": _greek(_GR, {"ου": "ou", "γγ": "ng", "γξ": "nx", "γχ": "nch", "γκ": "gk"}),
    "gr-common": _greek(_GR_COMMON, {"ου": "ou", "γγ": "ng", "γχ": "nh", "γκ": "g", "ει": "i", "οι": "i", "αι": "e"}),
}
"""Name -> what turns a lower-case word into Latin letters."""
