"""Chinese and Korean names: which part is the surname, whatever script and spacing they are written in.

    王小明, Wang Xiaoming, Xiaoming Wang, WANG Xiao Ming, wangxiaoming    wang + xiaoming
    김민수, Kim Minsu, Kim Min-su                                         kim + minsu

In Han characters and Hangul the surname comes first. One romanised word is taken apart only if it begins with one of
the commonest surnames, goes on in one or two syllables of pinyin that begin with a consonant, and looks Chinese: it has
an x, q or zh at the start of a syllable or an ng at the end of one. So Maria, Helena and Malina stay whole although
they could be read as syllables, and Lina stays whole although she may be Li Na: that one is a known miss.

Sources: the syllables of Hanyu Pinyin (ISO 7098:2015, annex A); the hundred commonest surnames of the census of China
and the usual romanisations of Korean ones, as public lists give them.
"""

import re
from typing import Final

__all__ = ["is_east_asian", "joined_syllables", "parts_of_word", "parts_of_words", "romanised_parts", "romanised_whole"]

_FINALS: Final = """
    b a ai an ang ao ei en eng i ian iao ie in ing o u
    p a ai an ang ao ei en eng i ian iao ie in ing o ou u
    m a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u
    f a an ang ei en eng o ou u
    d a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo
    t a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo
    n a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan un uo ue v ve yu
    l a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan un uo ue v ve yu
    g a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
    k a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
    h a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo
    j i ia ian iang iao ie in ing iong iu u uan ue un
    q i ia ian iang iao ie in ing iong iu u uan ue un
    x i ia ian iang iao ie in ing iong iu u uan ue un
    zh a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo
    ch a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo
    sh a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo
    r an ang ao e en eng i ong ou u ua uan ui un uo
    z a ai an ang ao e ei en eng i ong ou u uan ui un uo
    c a ai an ang ao e en eng i ong ou u uan ui un uo
    s a ai an ang ao e en eng i ong ou u uan ui un uo
    y a an ang ao e i in ing o ong ou u uan ue un
    w a ai an ang ei en eng o u
"""
_VOWEL_SYLLABLES: Final = "a ai an ang ao e ei en eng er o ou"
_COMMON_SURNAMES: Final = """
    wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin luo gao zheng liang xie song tang han
    deng feng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lv lyu ding ren yao shen zhong cui
    tan fan liao shi jin jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan duan lei long tao mao hao gu gong
    shao wan qian dai mo kong xiang chang lu jie zhai ou shan ouyang sima shangguan situ zhuge
"""
_TWO_CHARACTERS: Final = "欧阳 歐陽 司马 司馬 诸葛 諸葛 上官 司徒 东方 東方 皇甫 尉迟 尉遲"
_LONG_SURNAMES: Final = frozenset(_TWO_CHARACTERS.split())
_READ_OTHERWISE: Final = {
    "曾": "zeng", "单": "shan", "單": "shan", "仇": "qiu", "覃": "qin", "解": "xie", "查": "zha", "翟": "zhai",
    "盖": "ge", "区": "ou", "區": "ou", "朴": "park", "任": "ren", "尉": "wei",
}  # fmt: skip
"""Surnames whose character is read otherwise in other words."""

_KOREAN: Final = {
    "박": "park", "이": "lee", "최": "choi", "임": "lim", "유": "yoo", "노": "noh", "류": "ryu", "정": "jung",
    "조": "cho", "강": "kang", "김": "kim", "오": "oh", "우": "woo",
}  # fmt: skip
"""How Koreans spell their surnames, where the official romanisation is another."""

_SYLLABLES: Final = frozenset(_VOWEL_SYLLABLES.split()).union(
    initial + final for initial, *finals in map(str.split, _FINALS.strip().splitlines()) for final in finals
)
_RANKS: Final = {surname: rank for rank, surname in enumerate(_COMMON_SURNAMES.split())}
"""By how common they are: of Xiao Ming Wang, Wang is the surname, and Xiao would be a rarer one."""


def _longest_first(words: frozenset[str]) -> str:
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_CONSONANT_SYLLABLE: Final = _longest_first(frozenset(word for word in _SYLLABLES if word[0] not in "aeo"))
_ONE_WORD: Final = re.compile(rf"({_longest_first(frozenset(_RANKS))})((?:{_CONSONANT_SYLLABLE}){{1,2}})")
_LOOKS_CHINESE: Final = re.compile(r"x|q|zh|ng(?![aeiou])")
_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_HANGUL: Final = re.compile(r"[\uac00-\ud7a3]+")
_LONGEST: Final = 4
"""Characters of a name: a surname of two and a given name of two."""


def is_east_asian(text: str) -> bool:
    """Whether a text, spaces apart, is a name in Han characters or in Hangul."""
    compact = text.replace(" ", "")
    return not compact.isascii() and bool(
        len(compact) <= _LONGEST and (_HAN.fullmatch(compact) or _HANGUL.fullmatch(compact))
    )


def romanised_parts(text: str) -> list[str]:
    """Surname and given name of a whole East Asian name (`is_east_asian`); one word if there is but one character."""
    pieces = text.split()
    if len(pieces) == 1 and len(text) > 1:
        cut = 2 if text[:2] in _LONG_SURNAMES and len(text) > 2 else 1
        pieces = [text[:cut], text[cut:]]
    surname, *rest = pieces
    return [_READ_OTHERWISE.get(surname) or _KOREAN.get(surname) or romanised_whole(surname)] + (
        [romanised_whole("".join(rest))] if rest else []
    )


def romanised_whole(text: str) -> str:
    """Han characters or Hangul as one lower-case word; as a surname, if it is one that is read otherwise."""
    from anyascii import anyascii

    alone = _READ_OTHERWISE.get(text) or _KOREAN.get(text)
    return alone or anyascii(text.replace(" ", "")).lower()


def parts_of_word(word: str) -> list[str]:
    """`wangxiaoming` as surname and given name; any other word alone."""
    found = _ONE_WORD.fullmatch(word)
    return [found[1], found[2]] if found and _LOOKS_CHINESE.search(word) else [word]


def parts_of_words(words: list[str]) -> list[str]:
    """Three words that are single syllables: the commoner surname of the two ends, and the other two as given name."""
    if len(words) == 3 and all(word in _SYLLABLES for word in words):
        first, last = (_RANKS.get(words[end], len(_RANKS)) for end in (0, 2))
        if first < last:
            return [words[0], words[1] + words[2]]
        if last < first:
            return [words[0] + words[1], words[2]]
    return words


def joined_syllables(words: list[str]) -> list[str]:
    """A given name of two single syllables, Xiao Ming or Min Su, as one word."""
    if len(words) == 2 and all(word in _SYLLABLES for word in words):
        return [words[0] + words[1]]
    return words
