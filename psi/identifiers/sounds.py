"""From a name in any script to Latin letters, and from those to a sound code.

The sound code is ours because none of the usual ones serves here: Soundex and Metaphone assume English spelling of
Latin letters, Daitch-Mokotoff returns several codes and each extra code costs a token. Ours gives exactly one: it
romanises (`anyascii`, after letters of our own), folds the spellings in which the common romanisations differ, drops
vowels, merges consonants that scripts and languages write for one another, and keeps the first four:

    Олена Коваленко, Olena Kovalenko, Yelena Kowalenko   ALN KFLN
    Đorđević, Djordjevic, Ђорђевић                       TRTF
    محمد, Mohammed, Muhamad, Мохамед, मोहम्मद                MKMT
    Țurcanu, Turcanu                                     TRKN

It is coarse on purpose: a single name says little, and only combinations with other fields become tokens. Where few
other fields are there, a name has to say more: `letters` keeps the vowels and up to ten letters, for keys of their own.

    Maria, Mariya, Мария                                 MaRia (sounds MR)
    Lin, Lan                                             LiN, LaN (sounds LN)

psi/decisions/0006 says why the tables are ours. What they do not do: translate (Olena and Helena, Mykola and Nikolai).
"""

import re
import unicodedata
from typing import Final

from psi.identifiers.cells import fold

__all__ = ["LETTERS", "LETTERS_KEPT", "SOUND_CODE", "letters", "romanise", "sound_code", "to_latin"]

SOUNDS_KEPT: Final = 4
"""Sounds in a code. More tell names further apart but lose a match for each late spelling mistake: on FEBRL a fifth
sound in places and address lines cost more true matches than the false ones it saved."""

SOUND_CODE: Final = re.compile(r"[AFKLMNPRST][FKLMNPRST]{0,3}")
"""The shape of every code; `A` stands for any vowel at the start."""

LETTERS_KEPT: Final = 10
"""Letters of the finer form of a name."""

LETTERS: Final = re.compile(rf"[FKLMNPRSTaiu]{{1,{LETTERS_KEPT}}}")
"""The shape of every finer form: consonants as sounds, vowels in three classes."""

_LETTERS: Final = str.maketrans(
    {
        # Latin. s and sh are one sound here. People drop the mark of ț, ç and đ more often than they write ts, ch, dj.
        "ŝ": "st", "š": "s", "ś": "s", "ş": "s", "ș": "s", "ž": "zh", "ź": "zh", "ż": "zh", "č": "ch", "ć": "ch",
        "ç": "c", "ţ": "t", "ț": "t", "đ": "d", "þ": "th", "ł": "l",
        # Cyrillic: х is h in most romanisations, Bulgarian ъ a vowel; ќ and ѓ are Macedonian.
        "х": "h", "ҳ": "h", "ъ": "a", "ђ": "d", "ћ": "ch", "џ": "dzh", "ќ": "k", "ѓ": "g", "ҷ": "dzh", "қ": "k",
        # Greek: the digraphs are in _GREEK.
        "χ": "h", "υ": "i", "ύ": "i",
        # Arabic and Persian: vowel letters, and ayn, which nobody writes in Latin. Vowels only matter at the start.
        "و": "u", "ي": "i", "ى": "a", "ة": "a", "ع": "a", "ا": "a", "أ": "a", "إ": "a", "آ": "a", "ئ": "i", "ؤ": "u",
        "ٱ": "a", "ە": "a", "ظ": "z", "ض": "d",
        # Where vowels are not written, ch would run into the next letter and become that of Christos.
        "च": "sh", "छ": "sh", "চ": "sh", "ਚ": "sh", "ચ": "sh", "ச": "sh", "چ": "sh", "ช": "sh", "ฉ": "sh", "จ": "sh",
    }
)  # fmt: skip
"""Letters that anyascii writes without the sound we need."""

_ARABIC: Final = re.compile(r"[\u0620-\u06ff]")
_ARABIC_SPELLINGS: Final = (
    (re.compile("[\u064b-\u065f\u0670\u0640]"), ""),  # vowel marks and the stretching stroke
    (re.compile("ه\\b"), "ا"),  # a last h is silent: فاطمه
    (re.compile("\\bو|و(?=[ايی])"), "w"),  # a consonant there: Walid, Nawal, Mousawi
    (re.compile("\\bال(?!ياس|هام|ين\\b|يسا|برت|كساندر|لا?ه\\b)(?=\\w{3})"), ""),  # the article: الحسن is Hassan
    (re.compile("(?<=\\w)(?=[حه]\\w)"), "ا"),  # so that it does not run together with the letter before: سهام is no sh
)
_PERSIAN: Final = re.compile("[پچژگکی]")
_PERSIAN_LETTERS: Final = str.maketrans("ضذث", "ززس")
"""Letters of Arabic words that Persian speaks otherwise; a word with a letter of its own shows that it is Persian."""

_INDIC: Final = re.compile(r"[\u0900-\u0d7f]")
_INDIC_SPELLINGS: Final = (
    (re.compile("\u0902(?![\u092a-\u092e])"), "न"),  # the nasal sign is m before p and b alone: सिंह is Singh
    (re.compile("[\u0921\u0922]\u093c"), "र"),  # ड़ is mostly written r
)
_THAI: Final = re.compile(r"[\u0e00-\u0e7f]")
_THAI_SPELLINGS: Final = (
    (re.compile("[ทตด]?[ก-ฮ][\u0e34\u0e38]?\u0e4c"), ""),  # the silencer
    (re.compile("ใจ"), "ไอ"),  # jai, and j is no sound of its own
    (re.compile("([เแโใไ])([ก-ฮ])"), r"\2\1"),  # vowels written before their consonant
    (re.compile("รร(?![\u0e30-\u0e4e])"), "น"),
    (re.compile("ห(?=[งญณนมยรลว])"), ""),  # sets the tone only
    (re.compile("ญ(?![\u0e30-\u0e4e])|[รลฬ](?![\u0e01-\u0e4e])"), "น"),  # at the end: บุญ is boon, พร porn
    (re.compile("[พภผ]"), "ป"),  # ph, which is no f
)
_GREEK: Final = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
_GREEK_SPELLINGS: Final = (
    (re.compile(r"\bμπ"), "b"),
    (re.compile(r"\bντ"), "d"),
    (re.compile(r"γγ"), "ng"),
    (re.compile(r"ο[υύ]"), "u"),
    (re.compile(r"([αε])[υύ]"), r"\1v"),  # Σταύρος, Ευάγγελος
    (re.compile(r"\bγ(?=[ιί][αάεέοόωώ])"), "y"),  # Γιάννης is Yannis
)
_OTHER_SPELLINGS: Final = ((_GREEK, _GREEK_SPELLINGS), (_INDIC, _INDIC_SPELLINGS), (_THAI, _THAI_SPELLINGS))

_ARTICLE: Final = re.compile(
    r"\b(?:[ae]l|ul|[ae][rstzdn]|ash|esh)-(?=[a-z]{3})"
    r"|\b(?:el(?=[hq][a-z]{3}|sh|kh|gh)|al(?=[bcdfghjkmnpqrstwz][a-z]{4}))"
)
"""The Arabic article before a name in Latin letters: Al-Hassan, Elhadi, Almohammad, ar-Rahman. It takes the beginning
off Alberto too, in every script alike."""

_SPELLINGS: Final = (
    (r"^x(?=[iu])|^hs(?=i[aeu]|u)", "s"),         # Xiao, Hsiao
    (r"^ou(?=[aei])", "f"),                       # Ouafa, Wafa
    (r"^gi(?=[aou])", ""),                        # Giulia, Julia; Giannis, Yannis
    (r"^[yij]?e(?=kater)", ""),                   # Ekaterina, Kateryna
    (r"^dj(?=a[bml]|em|i[bh])|(?<=i)dj(?=a$)", ""),  # Djamila, Khadidja; not Djordje
    (r"^[gx](?=imen)", ""),                       # Gimenez, Jimenez
    (r"(?<=i)(?<!^eri)(?<!deri)(?<!edri)(?<!mini)(?<!atri)c$", "s"),  # Simic, Petrovic for ić; not Eric, Frederic
    (r"(?<=[lnbvrgt]i)(?<!moni)(?<!roni)(?<!mini)(?<!geli)(?<!eri)(?<!tri)c(?=a$)|c(?=v)", "s"),  # Milica, Cvetkovic
    (r"^e(?=(?:rr|zz|tt|ss|nn|dd)[a-z]{3})", ""),          # Errachidi, ar-Rashidi
    (r"(?<=a)h$|(?<=e)(?<!le)h$", ""),             # Sarah, Sara; Fatemeh, but not Oleh
    (r"(?<=a)ou(?=[aei])|(?<=[a-z])ou(?=a[niy])", "f"),  # Haddaoui, Haddawi; Marouane, Marwan
    (r"(?<=po)r(?=n)", ""),                       # Thai -porn, -pon
    (r"(?<=[aeiou])w(?=u|oo)", ""),               # Dawud, Daoud
    (r"ch(?=[rln])|ch(?=ae)", "k"),               # Christina, Michael
    (r"shch|schtsch|szcz", "st"),                 # щ, which Bulgarians write sht
    (r"tsch|sch|tch|sh|zh|ch|cz|sz|ts|tz", "s"),
    (r"dzh|dz", ""),                              # Dzhamal, Dzemal, Jamal: j is no sound of its own
    (r"ph", "f"),
    (r"kh|gh|ck|qu?", "k"),
    (r"th|dh", "t"),
    (r"x", "ks"),
    (r"c(?=[eiy])", "s"),
    (r"c", "k"),
    (r"(?<=[bj])h|(?<=^[rw])h", ""),              # Bhavna, Rhea
)  # fmt: skip
"""Spellings, the first that fits from left to right, and the letters that stand for their sound."""

_SPELLING: Final = re.compile("|".join(f"({pattern})" for pattern, _ in _SPELLINGS))
_SPELLED: Final = re.compile("[chqwxz]|ts|dj|ou|orn|^(?:gi|e[rtsnd]|[yij]?ekater)")
"""What every spelling holds. Looking for it first halves the time of a usual name."""
_SOUND_OF: Final = ("", *(sound for _, sound in _SPELLINGS))
_SOUNDS: Final = str.maketrans("bpfvwdtgkqhszlmnraeiouyj", "PPFFFTTKKKKSSLMNRAAAAAAA")
_SOUNDS_AND_VOWELS: Final = str.maketrans("bpfvwdtgkqhszlmnraeiouyj", "PPFFFTTKKKKSSLMNRaiiuuii")
_NOT_LETTERS: Final = re.compile(r"[^a-z]+")
_WORDS: Final = re.compile(r"[a-z0-9]+")
_JOINING: Final = re.compile(r"[-'`\"]")
_TWICE: Final = re.compile(r"(.)\1+")


def romanise(text: str) -> str:
    """Lower-case a-z, digits and single spaces; hyphens and apostrophes join, all other punctuation separates."""
    # ASCII never changes its case mapping; all else goes by the tables of `cells.fold`.
    latin = text.lower() if text.isascii() else to_latin(fold(text))
    if "-" in latin or "l" in latin:
        latin = _ARTICLE.sub("", latin)
    return " ".join(_WORDS.findall(_JOINING.sub("", latin)))


def to_latin(folded: str) -> str:
    # Imported where it is needed: a node that compares telephone numbers has no names to read.
    from anyascii import anyascii

    if _ARABIC.search(folded):
        for pattern, letters in _ARABIC_SPELLINGS:
            folded = pattern.sub(letters, folded)
        if _PERSIAN.search(folded):
            folded = folded.translate(_PERSIAN_LETTERS)
    for script, spellings in _OTHER_SPELLINGS:
        if script.search(folded):
            for pattern, letters in spellings:
                folded = pattern.sub(letters, folded)
    return fold(anyascii(unicodedata.normalize("NFKC", folded.translate(_LETTERS))))


def sound_code(word: str) -> str:
    """The sound code of a romanised word; "" if it has no letter."""
    spelt = _spelt(word)
    if not spelt:
        return ""
    sounds = spelt.translate(_SOUNDS)
    first = "" if sounds[:1] > "A" else "A"
    # One sound twice is one, also over a vowel: Arabic and Devanagari leave vowels out, and people double letters.
    return first + _TWICE.sub(r"\1", sounds.replace("A", ""))[: SOUNDS_KEPT - len(first)]


def letters(word: str) -> str:
    """The finer form of a romanised word: its sounds with the vowels between them, cut; "" if it has no letter."""
    return _TWICE.sub(r"\1", _spelt(word).translate(_SOUNDS_AND_VOWELS))[:LETTERS_KEPT]


def _spelt(word: str) -> str:
    """The letters of a word, where romanisations differ in one of their spellings."""
    word = _NOT_LETTERS.sub("", word)
    if word and _SPELLED.search(word):
        return _SPELLING.sub(lambda found: _SOUND_OF[found.lastindex or 0], word)
    return word
