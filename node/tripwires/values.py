"""Decoys of all other kinds: values with the shape of those in the own list, their letters and digits drawn anew.

    RO:B101ABC  ->  RO:K774QRD        kept is what says of which sort a value is (country, platform, issuer, network)

Each must pass our own normaliser, check digits and all: what it refuses is drawn again. A kind of which the own list
has no value takes the shape of a made-up one (`_EXAMPLES`). A person decoy is one match key of a made-up person.

Not promised: that anybody meets them. Account and e-mail names are drawn from more possibilities than a sweep can
hold; plates, handset numbers and the like come from ranges that can be walked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Final

from node.tripwires.draw import Draw
from psi.identifiers import NOT_COUNTED, Cell, Person, RefusedValue, Rule, canonicalise, tokens
from psi.identifiers.weights import greatest_bits

__all__ = ["Drawn", "draw_person_keys", "draw_values"]

_MOST_TRIES = 2_000
"""Values that are drawn for all decoys of one kind before it has to do with those that were found."""

_EXAMPLES: Final = MappingProxyType(
    {
        "email": "abqxkqwt@example.com",
        "handle": "instagram:abqxkqwt7",
        "alias": "zubakoretami",
        "document": "RO:48392017",
        "national_id": "RO:1630615123457",
        "url": "https://abqxkqwt.com/abqx7",
        "advert": "example.com:12345678",
        "domain": "abqxkqwt.com",
        "ip_window": "203.0.114.7@2026-03-05T14:00Z/60",
        "iban": "GB82WEST12345698765432",
        "card": "4111111111111111",
        "payment_ref": "western_union:1234567890",
        "wallet": "eth:0x52908400098527886e0f7030069857d2e4169ee7",
        "plate": "RO:B101ABC",
        "vin": "WVWZZZ1JZXW000001",
        "imei": "490154203237518",
        "imsi": "226011234567890",
        "mac": "3c:22:fb:53:0a:11",
        "address": "RO|010101|lalelelor|5",
        "employer": "ro.cui:18547290",
        "image_hash": "sha256:" + "ab12" * 16,
        "shared_case_ref": "AB-12345-2026",
    }
)
"""A value of each kind, made up, for its shape."""

_KEPT_CHARACTERS: Final = MappingProxyType({"card": 4, "imei": 6, "imsi": 5, "mac": 8, "vin": 8, "iban": 2})
"""How much of the front stays, of kinds without a word in front: the scheme, the maker, the network, the country."""

_DIGITS: Final = "0123456789"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_HEX: Final = _DIGITS + "abcdef"
_HEX_KINDS: Final = frozenset(("image_hash", "mac", "wallet"))
_IPV4: Final = 2.0**32
_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"


@dataclass(frozen=True)
class Drawn:
    """Canonical values, and out of how many possible ones they were drawn, by estimate."""

    values: tuple[str, ...]
    space: float


def draw_values(kind: str, seen: Sequence[str], wanted: int, draw: Draw) -> Drawn:
    """At most so many values of a kind, not counting the person. `seen`: values of the own list, for their shapes."""
    shapes = [*seen] or [_EXAMPLES[kind]]
    found = _draw(kind, shapes, wanted, draw)
    if not found.values and seen:  # a shape with check digits that chance does not meet
        found = _draw(kind, [_EXAMPLES[kind]], wanted, draw)
    return found


def draw_person_keys(rule: Rule, wanted: int, draw: Draw) -> tuple[list[tuple[str, str]], float]:
    """At most so many (match key, token) under a rule, each of another made-up person, and the number of possible ones.

    Only the strongest keys are taken: the weaker ones are shared by so many people that honest lists would meet them.
    """
    counted = [name for name in rule.fields if name not in NOT_COUNTED]
    choices = list(combinations(sorted(counted), rule.at_least))
    most = max(map(greatest_bits, choices))
    strongest = [fields for fields in choices if greatest_bits(fields) == most]
    found: dict[str, str] = {}
    for _ in range(4 * wanted):
        if len(found) == wanted:
            break
        fields = {*draw.one_of(strongest), *NOT_COUNTED.intersection(rule.fields)}
        person, _refused = Person.from_cells({name: _field(name, draw) for name in sorted(_cells_for(fields))})
        keys = {token.key: token for token in tokens(rule, {}, person)}
        if keys:
            token = keys[draw.one_of(sorted(keys))]
            found[token.value] = token.key
    return [(key, value) for value, key in found.items()], float(1 << most)


def _draw(kind: str, shapes: Sequence[str], wanted: int, draw: Draw) -> Drawn:
    found: dict[str, None] = {}
    good = tries = 0
    while len(found) < wanted and tries < _MOST_TRIES:
        tries += 1
        text = _redrawn(kind, draw.one_of(shapes), draw)
        try:
            read = canonicalise(kind, Cell(text))
        except RefusedValue:
            continue
        if len(read) == 1:
            good += 1
            found.setdefault(read[0])
    share = good / tries if tries else 0.0
    smallest = min(_possible(kind, shape) for shape in shapes)
    return Drawn(tuple(found), smallest * share)


def _kept(kind: str, text: str) -> tuple[int, int]:
    """What is drawn anew: from where, up to where."""
    if kind == "url":
        return text.index("://") + 3, len(text)
    if kind in ("email", "domain"):
        return 0, text.rindex(".")
    if kind in _KEPT_CHARACTERS:
        return _KEPT_CHARACTERS[kind], len(text)
    return text.find("|" if kind == "address" else ":") + 1, len(text)


def _alphabets(kind: str, text: str) -> list[str]:
    """For each character what it may become; "" for one that stays."""
    start, stop = _kept(kind, text)
    found = [""] * len(text)
    ending = range(0)
    if kind == "url":  # the ending of the name says that it is one: .com
        host = text[start:].partition("/")[0]
        ending = range(start + host.rfind("."), start + len(host))
    for at in range(start, stop):
        character = text[at]
        if at in ending or (kind == "wallet" and "x" in text[at : at + 2]):
            continue  # 0x stands before an Ethereum address
        if kind in _HEX_KINDS and character in _HEX:
            found[at] = _HEX
        elif character in _DIGITS:
            found[at] = _DIGITS
        elif character in _LETTERS:
            found[at] = _LETTERS
        elif character in _LETTERS.upper():
            found[at] = _LETTERS.upper()
    return found


def _redrawn(kind: str, shape: str, draw: Draw) -> str:
    if kind == "ip_window":
        return _ip_window(shape, draw)
    drawn = "".join(
        draw.one_of(alphabet) if alphabet else character
        for character, alphabet in zip(shape, _alphabets(kind, shape), strict=True)
    )
    return _with_check_digits(drawn) if kind == "iban" else drawn


def _possible(kind: str, shape: str) -> float:
    """How many values have this shape."""
    if kind == "ip_window":
        return _IPV4
    possible = 1.0
    for alphabet in _alphabets(kind, shape):
        possible *= len(alphabet) or 1
    return possible


def _with_check_digits(iban: str) -> str:
    """ISO 7064 MOD 97-10: letters count from A = 10."""
    rest = iban[4:] + iban[:2] + "00"
    number = int("".join(str(int(character, 36)) for character in rest))
    return f"{iban[:2]}{98 - number % 97:02}{iban[4:]}"


def _ip_window(shape: str, draw: Draw) -> str:
    """Another IPv4 address in the same window of time."""
    address = ".".join(str(draw.below(256)) for _ in range(4))
    return f"{address}@{shape.partition('@')[2]}"


_MADE_FROM: Final = MappingProxyType(
    {
        "birth_year": "birth_date", "birth_near": "birth_date", "birth_day": "birth_date", "birth_check": "birth_date",
        "given_initial": "given_name", "called": "given_name", "called_letters": "given_name",
        "given_slip": "given_name", "family_letters": "family_name", "family_slip": "family_name",
        "family_start": "family_name", "sex_check": "sex",
    }
)  # fmt: skip
"""Fields of a rule that no column holds -> the one that they are made from."""


def _cells_for(fields: set[str]) -> set[str]:
    return {_MADE_FROM.get(name, name) for name in fields}


def _field(name: str, draw: Draw) -> Cell:
    match name:
        case "birth_date":
            return Cell(f"{1950 + draw.below(60)}-{1 + draw.below(12):02}-{1 + draw.below(28):02}")
        case "sex":
            return Cell(draw.one_of("FM"))
        case "nationality":
            return Cell(draw.one_of(("RO", "UA", "MD", "BG", "HU", "PL", "DE", "NG", "VN", "AL")))
        case "street_number":
            return Cell(str(1 + draw.below(200)))
        case "postcode" | "id_number":
            return Cell("".join(draw.one_of(_DIGITS) for _ in range(6 if name == "postcode" else 11)))
    word = "".join(draw.one_of(_CONSONANTS) + draw.one_of(_VOWELS) for _ in range(2 + draw.below(2)))
    return Cell(word + draw.one_of(_CONSONANTS))
