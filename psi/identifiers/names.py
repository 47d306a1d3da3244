"""Names as people spell them, in any script: how they are split, romanised and turned into a sound code.

The sound code is ours because none of the usual ones serves here: Soundex and Metaphone assume English spelling of
Latin letters, Daitch-Mokotoff returns several codes and each extra code costs a token. Ours gives exactly one: it
romanises (`anyascii`, after a few letters of our own), folds the spellings in which the common romanisations differ,
drops vowels, merges consonants that scripts and languages write for one another, and keeps the first four:

    Олена Коваленко, Olena Kovalenko, Yelena Kowalenko   ALN KFLN
    Đorđević, Djordjevic, Ђорђевић                       TRTF
    Müller, Mueller, Muller                              MLR
    Ігор, Ihor, Igor, Игорь                              AKR

It is coarse on purpose: a single name says little, and only combinations with other fields become tokens.
What it does not do: translate (Yelena and Helen, 이 and Lee), or read Japanese names written in Han characters.
"""

import re
import unicodedata
from typing import Final

from anyascii import anyascii

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean, fold

__all__ = ["SOUND_CODE", "romanise", "sound_code", "split_full_name", "split_given_name", "words_of"]

SOUNDS_KEPT: Final = 4
"""Sounds in a code. More tell names further apart but lose a match for each late spelling mistake: on FEBRL a fifth
sound in places and address lines cost more true matches than the false ones it saved."""

SOUND_CODE: Final = re.compile(r"[AFKLMNPRST][FKLMNPRST]{0,3}")
"""The shape of every code; `A` stands for any vowel at the start."""

_LETTERS: Final = str.maketrans(
    {
        "š": "sh", "ś": "sh", "ş": "sh", "ș": "sh", "ž": "zh", "ź": "zh", "ż": "zh", "č": "ch", "ć": "ch", "ç": "s",
        "ţ": "ts", "ț": "ts", "đ": "dj", "ђ": "dj", "ћ": "ch", "џ": "dzh", "þ": "th", "ł": "l", "х": "h", "ъ": "a",
        "و": "u", "ي": "i", "ى": "a", "ة": "a", "ع": "a", "ا": "a", "أ": "a", "إ": "a", "آ": "a", "ئ": "i", "ؤ": "u",
    }
)  # fmt: skip
"""Letters that anyascii writes without the sound we need. Romanised vowels only matter at the start of a name."""

_SPELLINGS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<=[oe]vi)c$", "s"),          # -ovic, -evic for -ović: people drop the accent
        (r"(?<=a)h$", ""),                # Sarah, Sara
        (r"ch(?=[rln])|ch(?=ae)", "k"),   # Christina, Michael
        (r"shch|tsch|sch|tch|dzh|sh|zh|ch|cz|sz|ts|tz|dz", "s"),
        (r"ph", "f"),
        (r"kh|gh|ck|qu?", "k"),
        (r"th|dh", "t"),
        (r"x", "ks"),
        (r"c(?=[eiy])", "s"),
        (r"c", "k"),
        (r"(?<=[bjlnrw])h", ""),          # Rhea, Bhavna
    )
)  # fmt: skip

_SOUNDS: Final = str.maketrans("bpfvwdtgkqhsz", "PPFFFTTKKKKSS", "")
_UNSOUNDED: Final = frozenset("aeiouyj")

_TITLE_WORDS: Final = "mr mrs ms miss dr prof herr frau mme mlle dna dl"
_PARTICLE_WORDS: Final = (
    "de del della der den di da do dos das du la le van von zu zum zur al el ul bin ibn bint abu ben"
)
_TITLES: Final = frozenset(_TITLE_WORDS.split())
_PARTICLES: Final = frozenset(_PARTICLE_WORDS.split())
_PATRONYMIC: Final = re.compile(r".{2,}(?:ovna|evna|ivna|yevna|ichna|ovich|evich|yovych|ovych|evych)")
_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]{2,4}")
_LONG_SURNAMES: Final = "欧阳 司马 诸葛 上官 司徒 东方 皇甫 尉迟 歐陽 司馬 諸葛 東方"
_TWO_CHARACTER_SURNAMES: Final = frozenset(_LONG_SURNAMES.split())


def romanise(text: str) -> str:
    """Lower-case a-z, digits and single spaces; hyphens and apostrophes join, all other punctuation separates."""
    folded = fold(text).translate(_LETTERS)
    ascii_text = fold(anyascii(unicodedata.normalize("NFKC", folded)))
    joined = re.sub(r"[-'`\"]", "", ascii_text)
    return " ".join(re.findall(r"[a-z0-9]+", joined))


def sound_code(word: str) -> str:
    """The sound code of a romanised word; "" if it has no letter."""
    word = re.sub(r"[^a-z]", "", word)
    if not word:
        return ""
    for pattern, replacement in _SPELLINGS:
        word = pattern.sub(replacement, word)
    code = "A" if word[:1] in _UNSOUNDED else ""
    for letter in word:
        if letter in _UNSOUNDED:
            continue
        sound = letter.translate(_SOUNDS).upper()
        if not code.endswith(sound):
            code += sound
    return code[:SOUNDS_KEPT]


def words_of(cell: Cell) -> list[str]:
    """The romanised words of a name cell without titles and particles; [] for a blank.

    Raises `RefusedValue` `name/no-letters`, or what `clean` raises.
    """
    text = clean(cell)
    if not text:
        return []
    if cell.number is not None:
        raise _no_letters()
    compact = text.replace(" ", "")
    if _HAN.fullmatch(compact):
        cut = 2 if compact[:2] in _TWO_CHARACTER_SURNAMES and len(compact) > 2 else 1
        text = text if " " in text else f"{compact[:cut]} {compact[cut:]}"
        text = " ".join(anyascii(part) for part in text.split())
    words = [word for word in romanise(text).split() if re.search("[a-z]", word)]
    if not words:
        raise _no_letters()
    plain = [word for word in words if word not in _TITLES]
    return [word for word in plain if word not in _PARTICLES] or plain or words


def split_given_name(cell: Cell) -> dict[str, str]:
    """Given name, and the patronymic as `father_name` if the cell holds one after it."""
    words = words_of(cell)
    if not words:
        return {}
    parts = {"given_name": words[0]}
    if len(words) > 1 and _PATRONYMIC.fullmatch(words[-1]):
        parts["father_name"] = words[-1]
    return _coded(parts)


def split_full_name(cell: Cell) -> dict[str, str]:
    """The first and the last word that is no patronymic, as given and family name.

    Which of the two is which does not matter: both fill the same slot of a match key. A single word is a given name.
    """
    words = words_of(cell)
    if not words:
        return {}
    parts = {}
    fathers = [word for word in words[1:] if _PATRONYMIC.fullmatch(word)] if len(words) > 2 else []
    if fathers:
        parts["father_name"] = fathers[0]
        words.remove(fathers[0])
    parts["given_name"] = words[0]
    if len(words) > 1:
        parts["family_name"] = words[-1]
    return _coded(parts)


def _coded(parts: dict[str, str]) -> dict[str, str]:
    return {name: sound_code(word) for name, word in parts.items()}


def _no_letters() -> RefusedValue:
    return RefusedValue(
        "A name is expected here, and this cell holds no letters.",
        advice="Check that the column is mapped to the right field.",
        reason="name/no-letters",
    )
