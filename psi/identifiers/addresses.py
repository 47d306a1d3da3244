"""Postal addresses from one cell, canonical as `COUNTRY|postcode|words|numbers`, whatever order they stand in.

    Str. Lalelelor nr. 5, bl. A3, ap. 14, 010101 București     RO|010101|lalelelor|5 block-a3 flat-14
    Invalidenstraße 117, D-10115 Berlin                        DE|10115|invaliden|117
    10 Downing Street, London SW1A 2AA                         GB|SW1A2AA||10

Words for "street" in any language fall away, other kinds of road (avenue, square, lane, Weg) are one word each in all
languages, because a Gartenweg is not a Gartenstraße. With a postcode the town is not needed and left out; where
postcodes name a street (Britain, the Netherlands, Ireland), number and postcode are all. Without a postcode the town
stays among the words.

Not promised: that every way to write an address is read alike. Without commas, a town between number and postcode
(10 Main St Springfield IL 62701) stays in, and a name of a house instead of a number is refused. Hotels and rooms have
no key of their own here: a hotel is its street address.
"""

import re
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from psi.errors import RefusedValue
from psi.identifiers.cells import MAX_CELL_CHARACTERS, Cell, Hints, ascii_digits, clean, fold
from psi.identifiers.places import country_form
from psi.identifiers.several import LINE_BREAKS, refuser
from psi.identifiers.spelling import latin_words, mixes_alphabets, spelling

__all__ = ["addresses"]

MAX_WORDS: Final = 16
"""Words of a street (and a town). More are a sentence."""

MAX_NUMBERS: Final = 8
"""Numbers of a house, its parts and its flats."""

_DIGITS: Final = MappingProxyType(
    {
        r"\d{4}": "AL AM AT AU BE BG CH CY DK GE HU LU MK NO NZ SI TN ZA",
        r"\d{5}": "BA DE EE ES FI FR HR IT MC ME MX RS SM TH TR UA XK",
        r"\d{6}": "BY CN IN KZ MN RO RU SG VN",
        r"\d{3} ?\d\d": "CZ GR SE SK",
    }
)
_POSTCODES: Final = MappingProxyType(
    {
        **{country: shape for shape, countries in _DIGITS.items() for country in countries.split()},
        "LT": r"(?:lt-?)?\d{5}",
        "LV": r"(?:lv-?)?\d{4}",
        "MD": r"(?:md-?)?\d{4}",
        "PL": r"\d\d-\d{3}",
        "PT": r"\d{4}-\d{3}",
        "US": r"\d{5}(?:-\d{4})?",
        "CA": r"[a-z]\d[a-z] ?\d[a-z]\d",
        "MT": r"[a-z]{3} ?\d{4}",
        "NL": r"[1-9]\d{3} ?[a-z]{2}",
        "GB": r"[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}",
        "IE": r"[a-z]\d[\dw] ?[a-z\d]{4}",
    }
)
"""Country -> what its postcodes look like in small letters (Universal Postal Union). Other countries have none here."""

_STREET_POSTCODES: Final = frozenset({"GB", "IE", "NL"})
"""Countries whose postcodes name a street or a few houses."""

_ABROAD: Final = MappingProxyType(
    {"d": "DE", "f": "FR", "a": "AT", "b": "BE", "i": "IT", "h": "HU", "l": "LU", "e": "ES"}
)
"""Letters of motor cars in front of a postcode, as people wrote them before the two-letter codes."""

_STREETS: Final = """
    street str st strasse straat strada stradela rue calle via rua ulica ul ulitsa ulitsia vulitsia vulitsa vul utca
    gatan gade gate katu iela gatve tanav cadde sokak sok
"""
_KINDS_OF_ROAD: Final = """
    avenue: avenue ave av avenida aleea aleja al alee allee alle
    boulevard: boulevard boul blvd bulevard bulevardul bulevar bul bd bvd bulvar
    square: square sq platz plaats plein place plaza piazza piata pta plac pl ploshtad ploshchad ploscha trg namesti
    road: road rd chaussee shosse sosea soseaua sos cesta route rte szosa
    lane: lane ln gasse gas uliczka pereulok provulok per prov
    prospekt: prospekt prospekti prosp prospect pr
    way: weg way
    quay: quay quai kai kade naberezhnaia naberezhna nab splai splaiul
    drive: drive dr
    court: court ct
    crescent: crescent cres
    close: close cl
    passage: passage pasaj pasajul intrarea intr
"""
_PARTS: Final = """
    block: block blok bloc bl building bldg gebaude korpus korp k
    stair: stair staircase stiege scara sc vhod vh entrance eingang aufgang pidizd podezd pod
    flat: flat apartment apartament apart apt ap appartement appt wohnung whg top kvartira kv unit suite room rm camera
        zimmer lok mieszkanie int interno
    number: number num nr no numer numar numarul hausnummer house dom d casa nummer
    nothing: sector sektor sectorul bezirk arrondissement raion floor fl etage etaj etazh et stock og piano
"""
"""What an address calls a part of a house. Numbers of floors and districts are left out: half of all addresses do not
have them, and a flat is one flat without."""

_SUFFIXES: Final = "strasse straat str platz plein allee gasse weg kade"
_COMPOUNDING: Final = frozenset({"AT", "BE", "CH", "DE", "LI", "LU", "NL"})
_POST_BOX: Final = re.compile(
    r"\b(?:p\.? ?o\.? ?box|postfach|postbus|casuta postala|apartado|boite postale|box postal|скриня|пощенска кутия)\b"
)
_SEGMENTS: Final = re.compile(r"[,;|]|\s-\s")
_PREFIX: Final = re.compile(r"(?<!\w)([a-z]{1,2})-(?=\d{4,6}(?!\w))")
_LETTER: Final = r"[^\W\d_]"
_TOKEN: Final = re.compile(
    rf"(?P<number>(?:\d{{1,6}}(?:\s?(?:bis|ter|quater|{_LETTER})(?!\w|\.?\s*\d))?(?:[-/]\d{{1,4}}(?:{_LETTER}(?!\w))?)*|{_LETTER}\d{{1,4}})(?!\w))"
    rf"|(?P<word>\w+(?:['’-]\w+)*)"
)
_CANONICAL: Final = re.compile(r"([a-z]{2})\|([a-z0-9]*)\|([a-z0-9 ]*)\|([a-z0-9 -]+)")
_NUMBER: Final = re.compile(r"(?:(?:block|stair|flat)-)?[a-z0-9]+(?:-[a-z0-9]+)*")

_refuse = refuser("address")


class _Segment(NamedTuple):
    """What one piece of a cell holds: words in front of its first number, its numbers, and the words behind it."""

    before: tuple[str, ...]
    numbers: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return self.before + self.after


def addresses(cell: Cell, hints: Hints) -> tuple[str, ...]:
    """The one address of a cell; () for a blank. `hints.region` is the country where the cell names none.

    Raises `RefusedValue`: `address/no-country`, `address/no-number`, `address/no-street`, `address/no-place`,
    `address/post-box`, `address/mixed-letters`, `address/too-long`.
    """
    if cell.number is not None:
        raise _no_street()
    text = fold(ascii_digits(clean(Cell(LINE_BREAKS.sub(",", cell.text)))))
    if not text:
        return ()
    if _is_canonical(text):
        country, _, rest = text.partition("|")
        postcode, _, rest = rest.partition("|")
        return (f"{country.upper()}|{postcode.upper()}|{rest}",)
    if mixes_alphabets(text):
        raise _refuse(
            "mixed-letters",
            "This address mixes letters of two alphabets that look alike.",
            "Type it again with one keyboard.",
        )
    if _POST_BOX.search(text):
        raise _refuse("post-box", "A post box is no place where anybody lives or works.", "Write the street address.")
    country, pieces = _country(text, hints.region)
    postcode, place, pieces = _postcode(country, pieces)
    segments = [_read(piece, country) for piece in pieces]
    numbers = {number for segment in segments for number in segment.numbers}
    if not any("-" not in number or number[0].isdigit() for number in numbers):
        raise _refuse("no-number", "This address has no house number.", "Write street, number, postcode and town.")
    words = set(_street(segments, place, postcode, country))
    if not words and not (postcode and country in _STREET_POSTCODES):
        raise _no_street()
    value = f"{country}|{postcode}|{' '.join(sorted(words))}|{' '.join(sorted(numbers))}"
    if len(words) > MAX_WORDS or len(numbers) > MAX_NUMBERS or len(value) > MAX_CELL_CHARACTERS:
        raise _refuse("too-long", "This cell holds more than one address.", "Keep one address, without notes.")
    return (value,)


def _is_canonical(text: str) -> bool:
    match = _CANONICAL.fullmatch(text)
    if not match:
        return False
    words, numbers = match[3].split(), match[4].split()
    return (
        " ".join(sorted(set(words))) == match[3]
        and " ".join(sorted(set(numbers))) == match[4]
        and all(spelling(word) == [word] for word in words)
        and all(map(_NUMBER.fullmatch, numbers))
        and any(number[0].isdigit() or "-" not in number for number in numbers)
        and len(words) <= MAX_WORDS
        and len(numbers) <= MAX_NUMBERS
        and bool(words or (match[2] and match[1].upper() in _STREET_POSTCODES))
    )


def _country(text: str, region: str | None) -> tuple[str, list[str]]:
    """The country of an address, and its segments without it."""
    pieces = [piece.strip() for piece in _SEGMENTS.split(text) if piece.strip(" .")]
    found = ""
    for index in (-1, 0):
        if len(pieces) > 1 and not found and (found := _named_country(pieces[index], region)):
            pieces.pop(index)
    for index, piece in enumerate(pieces):
        if (prefix := _PREFIX.search(piece)) and (code := _ABROAD.get(prefix[1], prefix[1].upper())) in _POSTCODES:
            found = found or code
            if code not in _LETTERED:
                pieces[index] = piece[: prefix.start()] + piece[prefix.end() :]
    country = found or region or ""
    if not re.fullmatch("[A-Z]{2}", country):
        raise _refuse(
            "no-country",
            "This address names no country, and the dataset names none to complete it.",
            "Set the dataset's region, or write the country at the end.",
        )
    return country, pieces


_LETTERED: Final = frozenset({"LT", "LV", "MD"})
"""Countries whose own postcodes begin with their letters."""

_SHORTEST_COUNTRY: Final = 4
"""Letters. Shorter words at the end are provinces and states (IL, CA) as often as countries."""


def _named_country(piece: str, region: str | None) -> str:
    if re.search(r"\d", piece) or (len(piece) < _SHORTEST_COUNTRY and piece not in ("usa", "uk")):
        return ""
    try:
        code = "GB" if piece == "uk" else country_form(Cell(piece))
    except RefusedValue:
        return ""
    return "" if (code, region) == ("GE", "US") else code


def _postcode(country: str, pieces: list[str]) -> tuple[str, int, list[str]]:
    """The postcode ("" for none), the segment that held it, and the segments with a gap where it stood."""
    shape = _POSTCODES.get(country)
    found = []
    for index, piece in enumerate(pieces) if shape else ():
        for match in re.finditer(rf"(?<![\w/-])(?:{shape})(?![\w/-])", piece):
            rest = piece[: match.start()] + piece[match.end() :]
            # A house number can look like a postcode. The postcode stands apart from all other numbers, or first.
            rank = (not re.search(r"\d", rest), match.start() == 0, index, match.start())
            found.append((rank, index, match))
    if not found:
        return "", -1, pieces
    _, place, match = max(found, key=lambda entry: entry[0])
    piece = pieces[place]
    before, after = piece[: match.start()].strip(), piece[match.end() :].strip()
    code = re.sub(r"[^a-z0-9]", "", match[0])
    code = re.sub(r"^(?:lt|lv|md)(?=\d)", "", code)
    if country == "US":
        code = code[:5]
    # Between the house number and the postcode, and behind it, stands the town.
    inner = _read(before, country)
    if inner.numbers and inner.before:
        before = before[: _end_of_numbers(before)]
    if inner.numbers:
        return code.upper(), place, [*pieces[:place], before, *pieces[place + 1 :]]
    if any(_cut(word, country)[-1] in _roads() for word in spelling(before)) and not re.search(r"\d", after):
        # "5 bis, rue de l'Exemple 75001 Paris": the street stands apart from its number.
        return code.upper(), place, [*pieces[:place], after, *pieces[place + 1 :], before]
    return code.upper(), place, [*pieces[:place], f"{before} {after}".strip(), *pieces[place + 1 :]]


def _end_of_numbers(text: str) -> int:
    return max((match.end() for match in _TOKEN.finditer(text) if re.search(r"\d", match[0])), default=len(text))


def _street(segments: list[_Segment], place: int, postcode: str, country: str) -> tuple[str, ...]:
    """The words that belong to the street, and to the town where no postcode says it."""
    if postcode and country in _STREET_POSTCODES:
        return ()
    if postcode:
        numbered = [segment.words for segment in segments if segment.numbers and segment.words]
        if numbered:
            return tuple(word for words in numbered for word in words)
        others = [segment.words for index, segment in enumerate(segments) if index != place and segment.words]
        return others[0] if others else ()
    worded = [segment for segment in segments if segment.words]
    if not worded:
        return ()
    if len(worded) == 1 and not (worded[0].before and worded[0].after):
        raise _refuse(
            "no-place",
            "This address names no town and no postcode, and many towns have such a street.",
            "Write the postcode, or the town after a comma.",
        )
    return tuple(word for segment in worded for word in segment.words)


def _read(piece: str, country: str) -> _Segment:
    """One segment in words and numbers."""
    before: list[str] = []
    after: list[str] = []
    numbers: list[str] = []
    part = ""
    roads, parts = _roads(), _parts()
    for match in _TOKEN.finditer(piece):
        plain = "-".join("".join(latin_words(bit)) for bit in re.split(r"[-/]", match[0])) if match["number"] else ""
        letters = spelling(match[0].replace("-", " ")) if match["word"] else []
        if part and len(letters) == 1 and len(letters[0]) == 1 and letters[0] not in parts:
            plain, letters = letters[0], []
        if plain:
            plain = re.sub(r"(?<![0-9])0+(?=[0-9])", "", plain)
            if part != "nothing":
                numbers.append(plain if part in ("", "number") else f"{part}-{plain}")
            part = ""
            continue
        part = ""
        for word in letters:
            if word in parts:
                part = parts[word]
                continue
            kept = [roads.get(bit, bit) for bit in _cut(word, country)]
            (after if numbers else before).extend(bit for bit in kept if bit)
    return _Segment(tuple(before), tuple(numbers), tuple(after))


def _cut(word: str, country: str) -> tuple[str, ...]:
    """A compound such as Invalidenstrasse as its name and its kind of road; Spain's C. in full."""
    if country in _COMPOUNDING and (match := _suffixes().fullmatch(word)):
        return match[1], match[2]
    if (country, word) == ("ES", "c"):
        return ("cale",)
    return (word,)


@cache
def _suffixes() -> re.Pattern[str]:
    return re.compile(rf"([a-z]{{3,}}?)({'|'.join(spelling(_SUFFIXES))})")


@cache
def _roads() -> dict[str, str]:
    """Word for a road, as `spelling` writes it -> its kind, "" for a street."""
    table = dict.fromkeys(spelling(_STREETS), "")
    for line in _KINDS_OF_ROAD.strip().splitlines():
        kind, _, words = line.partition(":")
        table.update(dict.fromkeys(spelling(words), spelling(kind)[0]))
    return table


@cache
def _parts() -> dict[str, str]:
    table = {}
    for entry in re.split(r"\n(?=    \S)", _PARTS.strip("\n")):
        part, _, words = entry.strip().partition(":")
        table.update(dict.fromkeys(spelling(words), part))
    return table


def _no_street() -> RefusedValue:
    return _refuse("no-street", "This cell names no street.", "Write street, number, postcode and town.")
