"""Names as people write them into cells: which words are a name, and which of them is whose.

A name cell gives words (`words_of`), the words a given name, a family name and a father's name, and each of these its
sound code (`sounds`). Titles, particles and further names are left out, since one register has them and the next one
does not:

    Dr. Maria van der Berg               MR PRK
    Иванов Иван Петрович                 AFNF AFN, father PTRF
    KOWALSKA Anna Maria                  KFLS AN, capitals mark the family name
    Popescu, Ana-Maria                   PPSK ANMR
    Abdul Rahman, Abdurrahman, عبد الرحمن   RKMN
    Aliyev Vali Hasan oglu               ALF FL, father KSN

Which of two names is the family name does not matter: both fill the same slot of a match key.
"""

import re
from typing import Final

from psi.errors import RefusedValue
from psi.identifiers.cells import Cell, clean
from psi.identifiers.pinyin import (
    is_east_asian,
    joined_syllables,
    parts_of_word,
    parts_of_words,
    romanised_parts,
    romanised_whole,
)
from psi.identifiers.sounds import letters, romanise, sound_code

__all__ = ["father_or_mother", "split_family_name", "split_full_name", "split_given_name", "words_of"]

_TITLE_WORDS: Final = """
    mr mrs ms miss dr prof ing herr frau mme mlle dna dl hr sr sra srta jr sir madam madame monsieur senor senora meneer
    mevrouw mevr dhr domnul doamna domnisoara gospodin gospozha gospozhitsa pan pani bay bayan haji hajji hajj hadji
"""
_PARTICLE_WORDS: Final = """
    de del della der den di da do dos das du la le van von zu al el ul bin ibn bint abu ben ter ten af av thi
"""
_TITLES: Final = frozenset(_TITLE_WORDS.split())
_PARTICLES: Final = frozenset(_PARTICLE_WORDS.split())
_PATRONYMIC: Final = re.compile(r".{2,}(?:[oei]vna|[iy]chna|[oe]vich|[oe]vych|[oe]vic|[oe]witsch|[oe]wytsch|[oe]wicz)")
_PATRONYMIC_ENDING: Final = re.compile(
    r"(?<=..)(?:i[yi]?[oei]vna|y?[oei]vna|[iy]chna|[iy]?[oe]vich|[iy]*[oe]vych|[oe]vic|[oe]witsch|[oe]wytsch|[oe]wicz"
    r"|(?<=..)[iy]?[oe]va?)$"
)
_CHILD_OF: Final = "oglu ogly ogli ugli oghlu uulu uly qizi kizi kyzy gizi qyzy"
_SON_OR_DAUGHTER: Final = frozenset(_CHILD_OF.split())
"""Azerbaijani and Central Asian: the word before is the father's name."""

_BORN_AS: Final = "geb geborene nee born nascuta urozhd urozhdennaya narodzhena rodena"
_BORN: Final = frozenset(_BORN_AS.split())
"""What follows is the name before marriage."""

_SURNAMES_OF_VIETNAM: Final = """
    nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dinh trinh dao doan truong lam mai cao
"""
_VIETNAMESE: Final = frozenset(_SURNAMES_OF_VIETNAM.split())
"""The commonest surnames of Viet Nam; the given name is the last word there."""

_LONGEST_TOLD: Final = 16
"""Characters of a cell that can be one of these."""

_WRITTEN_SHORT: Final = {"md": "mohammed", "mohd": "mohammed", "muhd": "mohammed", "lv": "lu"}
"""What people write for a name that is said otherwise: Md for Mohammed, Lv for Lü on keyboards without ü."""

_SERVANT_WORDS: Final = "abd abdu abdul abdel abdal abdol abdoul abdur abdus"
_SERVANT_OF: Final = frozenset(_SERVANT_WORDS.split())
_SERVANT: Final = re.compile(r"abd[aeiou]{1,2}l(?!l|a[hiy]|[aeio]$|[oe]v|in)(?=[a-z]{4})|abd[aeiou](?=[rsntz][a-z]{4})")
"""Arabic "servant of" before one of the names of God, which people write together, apart or not at all; Abdullah,
Abdoulaye and the surname Abdulov stay whole."""

_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|[\"“”«»„].*?[\"“”«»]")
_HAS_LETTER: Final = re.compile("[a-z]")


def words_of(cell: Cell) -> list[str]:
    """The romanised words of a name cell without titles and particles; [] for a blank.

    Raises `RefusedValue` `name/no-letters`, or what `clean` raises.
    """
    text = _text_of(cell)
    return _words(text) if text else []


def split_given_name(cell: Cell, family: Cell | None = None) -> dict[str, str]:
    """Given name, and the patronymic as `father_name` if the cell holds one after it.

    The first word, but the last of a Vietnamese name, which only the family name's cell tells: Thị Minh Khai is Khai.
    """
    words = words_of(cell)
    if not words:
        return {}
    words, father = _without_father(words)
    if len(words) > 1 and family is not None and romanise(family.text[:_LONGEST_TOLD]) in _VIETNAMESE:
        words = words[-1:]
    return _coded({"given_name": joined_syllables(words)[0], "father_name": _stem(father)})


def father_or_mother(cell: Cell) -> str:
    """The code of a parent's name; a patronymic as the name it comes from: Петрівна as Петро, Georgieva as Georgi."""
    words = joined_syllables(words_of(cell))
    return sound_code(_stem(words[0])) if words else ""


def _stem(father: str) -> str:
    return _PATRONYMIC_ENDING.sub("", father)


def split_family_name(cell: Cell) -> dict[str, str]:
    """The family name: the first word, since a second one is often left out."""
    words = words_of(cell)
    return _coded({"family_name": words[0]}) if words else {}


def split_full_name(cell: Cell) -> dict[str, str]:
    """The first and the last word that is no patronymic, as given and family name.

    Which of the two is which does not matter: both fill the same slot of a match key. Where the writing says which word
    is the family name (a comma, capitals, a Chinese or Korean name), further given names do not get in the way. A
    single word is a given name.
    """
    text = _text_of(cell)
    if not text:
        return {}
    if is_east_asian(text):
        family, *rest = romanised_parts(text)
        return _coded({"given_name": rest[0], "family_name": family} if rest else {"given_name": family})
    shorter = " ".join(_BRACKETS.sub(" ", text).split())
    text = shorter if " " in shorter else text
    told = _family_first(text)
    words = _words(told or text)
    words, father = _without_father(words) if len(words) > 2 else (words, "")
    if len(words) == 1:
        words = parts_of_word(words[0])
    words = parts_of_words(words)
    if len(words) == 1:
        return _coded({"given_name": words[0], "father_name": _stem(father)})
    given, family = (words[1], words[0]) if told else (words[0], words[-1])
    return _coded({"given_name": given, "family_name": family, "father_name": _stem(father)})


def _text_of(cell: Cell) -> str:
    text = clean(cell)
    if text and cell.number is not None:
        raise _no_letters()
    return text


def _words(text: str) -> list[str]:
    if is_east_asian(text):
        return [romanised_whole(text)]
    words = [_WRITTEN_SHORT.get(word, word) for word in romanise(text).split() if _HAS_LETTER.search(word)]
    if not words:
        raise _no_letters()
    born = next((number for number, word in enumerate(words) if number and word in _BORN), len(words))
    plain = [word for word in words[:born] if word not in _TITLES]
    # A particle stands before a name: the last word is none.
    plain = [word for word in plain[:-1] if word not in _PARTICLES] + plain[-1:] or words
    return _served(plain) if any(word.startswith("abd") for word in plain) else plain


def _served(words: list[str]) -> list[str]:
    """Abdul Rahman and Abdurrahman as rahman; Abd Allah as one word."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in _SERVANT_OF:
            kept[-1] = f"abd{word}" if word.startswith(("all", "ill")) else word
        else:
            kept.append(_SERVANT.sub("", word, count=1) if word.startswith("abd") else word)
    return kept


def _without_father(words: list[str]) -> tuple[list[str], str]:
    """The words without the father's name after the first of them, and the father's name or ""."""
    for number in range(len(words) - 1, 0, -1):
        if _PATRONYMIC.fullmatch(words[number]):
            return words[:number] + words[number + 1 :], words[number]
        if words[number] in _SON_OR_DAUGHTER and number > 1:
            return words[: number - 1] + words[number + 1 :], words[number - 1]
    return words, ""


def _family_first(text: str) -> str:
    """The same name with the family name first, where the writing tells which it is; "" where it does not."""
    before, comma, after = text.partition(",")
    if comma and _HAS_LETTER.search(romanise(before)) and _HAS_LETTER.search(romanise(after)):
        return f"{_words(before)[0]} {after}"
    pieces = text.split()
    large = [piece for piece in pieces if _in_capitals(piece)]
    if large and len(large) < len(pieces):
        return " ".join(large[:1] + [piece for piece in pieces if not _in_capitals(piece)])
    return ""


def _in_capitals(piece: str) -> bool:
    """Whether a word of two letters and more has nothing but capitals; scripts without capitals have none."""
    letters = [character for character in piece if character not in "-'’."]
    return len(letters) > 1 and all(character != character.casefold() for character in letters)


def _coded(parts: dict[str, str]) -> dict[str, str]:
    """The sound codes, and of given and family name the finer form too."""
    found = {name: sound_code(word) for name, word in parts.items() if word}
    for name, finer in _FINER.items():
        if found.get(name):
            found[finer] = letters(parts[name])
    return found


_FINER: Final = {"given_name": "given_letters", "family_name": "family_letters"}


def _no_letters() -> RefusedValue:
    return RefusedValue(
        "A name is expected here, and this cell holds no letters.",
        advice="Check that the column is mapped to the right field.",
        reason="name/no-letters",
    )
