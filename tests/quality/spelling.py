"""The hand of one clerk: the person's own script or Latin letters, by which system, with accents, in capitals."""

from dataclasses import dataclass
from random import Random
from typing import Final

from tests.quality.people import Word
from tests.quality.romanisation import SYSTEMS, plain

__all__ = ["Hand", "draw_hand"]

_NATIVE: Final = (0.75, 0.12)
"""Chance of the people's own script in register A and B."""
_PLAIN: Final = (0.25, 0.65)
"""Chance that accents are lost in register A and B."""
_CAPITALS: Final = (0.03, 0.25)
_SECOND_NAME_LEFT_OUT: Final = 0.4
_ANOTHER_SPELLING: Final = 0.35
"""Chance that a table's other spelling is used in place of the passport's."""
_OTHER_TOWN_NAME: Final = 0.25
_EXPANDED: Final = 0.08
"""Chance of ue for ü and oe for ö in Turkish names, which ICAO 9303 allows."""

_SYSTEMS_OF: Final[dict[str, dict[str, int]]] = {
    "UA": {"ua-national": 62, "ua-bgn": 12, "german-ua": 8, "iso9": 3, "ru-press": 8, "ru-icao": 7},
    "RU": {"ru-icao": 45, "ru-press": 30, "ru-bgn": 6, "ru-french": 6, "german": 9, "iso9": 4},
    "BG": {"bg-law": 76, "bg-older": 20, "iso9": 4},
    "RS": {"sr-gaj": 50, "sr-plain": 50},
    "GE": {"ge-2002": 85, "ge-russian": 15},
    "GR": {"gr-elot": 70, "gr-common": 30},
}
"""Origin -> systems of romanisation and how often each is used, in per cent."""

_RUSSIAN: Final = str.maketrans("іїєґ", "ииег")


@dataclass(frozen=True)
class Hand:
    """How this clerk writes this person."""

    origin: str
    native: bool
    system: str
    plain: bool
    capitals: bool
    expanded: bool
    always_alike: bool = False

    def write(self, word: Word, rng: Random, *, town: bool = False) -> str:
        """One name or town of the person's origin."""
        if self.always_alike:
            return word.native
        text = self._native(word) if self.native else self._latin(word, rng, town)
        return text.upper() if self.capitals else text

    def names(self, words: tuple[Word, ...], rng: Random, *, shorten: bool = False) -> str:
        """Several names in one cell; a second one is sometimes left out (of Viet Nam, where it is last, the first)."""
        if len(words) > 1 and shorten and rng.random() < _SECOND_NAME_LEFT_OUT:
            words = words[-1:] if self.origin == "VN" else words[:1]
        return " ".join(self.write(word, rng) for word in words)

    def town(self, word: Word, rng: Random) -> str:
        """A town of the clerk's own country, which all write in Latin letters."""
        if self.always_alike:
            return word.native
        text = rng.choice(word.latin) if word.latin and rng.random() < _OTHER_TOWN_NAME else word.native
        text = plain(text) if self.plain else text
        return text.upper() if self.capitals else text

    @property
    def _by_russian(self) -> bool:
        return self.origin == "UA" and self.system.startswith("ru-")

    def _native(self, word: Word) -> str:
        return (word.russian or word.native) if self._by_russian else word.native

    def _latin(self, word: Word, rng: Random, town: bool) -> str:
        other = rng.random() < (_OTHER_TOWN_NAME if town else _ANOTHER_SPELLING)
        if self.origin not in _SYSTEMS_OF and not word.native.isascii() and not _is_latin(word.native):
            text = rng.choice(word.latin) if other else word.latin[0]
        elif self.origin in _SYSTEMS_OF:
            text = self._by_system(word)
            if town and word.latin:
                text = rng.choice(word.latin) if other else word.latin[0]
        else:
            text = rng.choice(word.latin) if other and word.latin else word.native
            if self.expanded:
                text = text.replace("ü", "ue").replace("ö", "oe").replace("Ü", "Ue").replace("Ö", "Oe")
        return plain(text) if self.plain else text

    def _by_system(self, word: Word) -> str:
        source = (word.russian or word.native.lower().translate(_RUSSIAN)) if self._by_russian else word.native
        parts = source.lower().replace("-", "- ").split()
        return " ".join(_capitalised(SYSTEMS[self.system](part)) for part in parts).replace("- ", "-")


def draw_hand(origin: str, side: int, rng: Random, *, one_script: bool = False) -> Hand:
    """The hand in which register `side` (0 is A) writes a person of this origin; `one_script`: everybody's."""
    systems = _SYSTEMS_OF.get(origin, {"": 1})
    return Hand(
        origin=origin,
        native=_has_own_script(origin) and rng.random() < _NATIVE[side],
        system=rng.choices(list(systems), weights=list(systems.values()))[0],
        plain=rng.random() < _PLAIN[side],
        capitals=rng.random() < _CAPITALS[side],
        expanded=origin == "TR" and rng.random() < _EXPANDED,
        always_alike=one_script,
    )


def _has_own_script(origin: str) -> bool:
    return origin not in ("RO", "MD", "AL", "TR", "NG", "VN", "BR", "CO", "PH")


def _is_latin(text: str) -> bool:
    return all(c < "\u0370" or "\u1e00" <= c <= "\u1eff" for c in text)


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:]
