"""What a column is about, by its cells, if that is refused outright: health, belief, origin, bodies, messages ...

A column called "Info 2" can hold diagnoses. So the first cells of every column are looked at before a mapping is made,
and a column whose cells are clearly about something refused takes no part, whatever its name (`strong`); where it only
may be, its owner is warned. These are rules of thumb. They find what is written as such: words in six languages, codes
and formats. They do not understand text, and a column of cryptic codes passes them.

Words count only where the whole cell is such a word (belief, origin, orientation, politics), and only if different
ones occur: "Christian" and "Roman" are names, "Church Street" is an address. Nothing here hands out a cell.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from node.datasets.words import fold

__all__ = ["MIN_CELLS", "Refused", "refused_content"]

MIN_CELLS = 4
"""Cells that are not blank below which nothing is said about a column."""

STRONG_SHARE = 0.5
"""Share of the cells from which a column is refused."""

WEAK_SHARE = 0.2
"""Share of the cells from which its owner is warned."""

FREE_TEXT_WORDS = 15
"""Words in the middle cell (median) from which a column is free text. A postal address has up to a dozen."""

LONG_TEXT_WORDS = 10
"""Words in the middle cell from which its owner is warned."""

TEMPLATE_CHARACTERS = 400
"""Characters without a space, in base64 or hexadecimal, from which a cell may be a picture or a template of a body. The
longest identifiers, wallet addresses and web addresses aside, have fewer than 100."""

VECTOR_NUMBERS = 64
"""Numbers in one cell from which it is a vector; face and voice models give 128 to 512."""


@dataclass(frozen=True, slots=True)
class Refused:
    """`about` is an entry of `psi.identifiers.FORBIDDEN`; `strong` refuses the column, else its owner is warned."""

    about: str
    strong: bool


_Test = Callable[[str], bool]


def refused_content(cells: Sequence[str]) -> Refused | None:
    """What a column with these cells (texts that are not blank) is about, None if nothing refused was seen."""
    if len(cells) < MIN_CELLS:
        return None
    found: list[Refused] = []
    for about, test, strong in _SHAPES:
        share = sum(map(test, cells)) / len(cells)
        if share >= (WEAK_SHARE if strong else STRONG_SHARE):
            found.append(Refused(about, strong and share >= STRONG_SHARE))
    found += filter(None, (_by_words(about, cells) for about in _WORDS))
    words = median(_words(cell) for cell in cells)
    if words >= LONG_TEXT_WORDS:
        found.append(Refused("free_text", words >= FREE_TEXT_WORDS))
    return next((one for one in found if one.strong), found[0] if found else None)


def _by_words(about: str, cells: Sequence[str]) -> Refused | None:
    known = _WORDS[about]
    within = about == "health"
    seen = [_known_word(fold(cell), known, within) for cell in cells]
    distinct = len(set(seen) - {""})
    share = sum(map(bool, seen)) / len(cells)
    if distinct < 2 or share < WEAK_SHARE:
        # One word in nearly every cell says as much as several: a list of the people of one faith.
        return Refused(about, False) if distinct == 1 and share >= _ONE_WORD_SHARE else None
    return Refused(about, share >= STRONG_SHARE and about != "politics")


_ONE_WORD_SHARE = 0.9


def _known_word(text: str, known: frozenset[str], within: bool) -> str:
    """The known word that the cell is, or holds; "" if none."""
    if text in known:
        return text
    if within:
        words = text.split()[:_WORDS_READ]
        for length in (1, 2):
            for start in range(len(words) - length + 1):
                if (part := " ".join(words[start : start + length])) in known:
                    return part
    return ""


_WORDS_READ = 60
"""Words of a cell that are looked at."""


def _words(cell: str) -> int:
    """Words that hold letters, in any script that parts its words."""
    return sum(_LETTERS.search(word) is not None for word in cell.split())


_LETTERS = re.compile(r"[^\W\d_]{2}")

_PAIR = re.compile(
    r"(?:POINT ?)?[(\[]?\s*(-?[0-9]{1,3}\.[0-9]{3,})\s*[°]?[NSns]?\s*[,;/ ]\s*(-?[0-9]{1,3}\.[0-9]{3,})\s*[°]?[EWew]?"
    r"(?:[,; ]\s*-?[0-9.]{1,8}){0,2}\s*[)\]]?"
)
_DEGREES = re.compile(r"-?([0-9]{1,3})\.[0-9]{4,}")
_ICD = re.compile(r"[A-TV-Z][0-9][0-9A-B](?:\.[0-9A-Z]{1,4})?")
_ICD_FULL = re.compile(r"[A-TV-Z][0-9][0-9A-B]\.[0-9A-Z]{1,4}[+*]?")
_PASSWORD = re.compile(
    r"\$(?:2[abxy]?|argon2(?:i|d|id)|5|6|1|y|7|scrypt|pbkdf2[-\w]*)\$\S+"
    r"|(?:pbkdf2|scrypt|argon2|bcrypt)\w*[$:]\S+|\{(?:SSHA|SHA|MD5|CRYPT|SMD5|SSHA512)\}\S+"
)
_HEADERS = re.compile(
    # ISO/IEC 19794 parts 2, 4, 5 and 6 begin with these letters; in base64, in hexadecimal, or as they are.
    r"Rk1S|RklS|RkFD|SUlS|46(?:4[dD]52|4952|4143)00|49495200|F(?:MR|IR|AC)\0|IIR\0"
)
_FACE = re.compile(r"RkFD|46414300|FAC\0|data:image/")
_BLOB = re.compile(
    rf"(?:[A-Za-z0-9+/_-]{{{TEMPLATE_CHARACTERS},}}={{0,2}}|(?:[0-9A-Fa-f]{{2}}){{{TEMPLATE_CHARACTERS // 2},}})"
)
_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+(?:[eE]-?[0-9]+)?")
_LOCI = re.compile(
    r"\b(?:D[0-9]{1,2}S[0-9]{2,4}|TH01|TPOX|CSF1PO|FGA|VWA|SE33|AMEL(?:OGENIN)?|PENTA ?[DE]|DYS[0-9]{3})\b", re.I
)
_SEQUENCE = re.compile(r"[ACGTN\s]{40,}")
_CHAT = re.compile(
    r"\[?[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4},?[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp]\.?[Mm]\.?)?\]?"
    r"\s*[-–|]?\s*[^:\n]{1,40}:\s\S"
)


def _pair(cell: str) -> bool:
    match = _PAIR.fullmatch(cell.strip())
    return match is not None and abs(float(match[1])) <= 180 and abs(float(match[2])) <= 180


def _degrees(cell: str) -> bool:
    match = _DEGREES.fullmatch(cell)
    return match is not None and int(match[1]) <= 180


def _blob(cell: str) -> bool:
    return len(cell) >= TEMPLATE_CHARACTERS and _BLOB.fullmatch(cell) is not None


def _vector(cell: str) -> bool:
    return len(cell) >= TEMPLATE_CHARACTERS and len(_NUMBER.findall(cell)) >= VECTOR_NUMBERS


def _dna(cell: str) -> bool:
    return len(set(map(str.upper, _LOCI.findall(cell)))) >= 2 or _SEQUENCE.fullmatch(cell) is not None


# (about, test of one cell, may it refuse by itself)
_SHAPES: tuple[tuple[str, _Test, bool], ...] = (
    ("location_trace", _pair, True),
    ("location_trace", _degrees, False),
    ("password", lambda cell: _PASSWORD.match(cell) is not None, True),
    ("face_template", lambda cell: _FACE.match(cell) is not None, True),
    ("face_template", _vector, True),
    ("fingerprint", lambda cell: _HEADERS.match(cell) is not None and len(cell) > 40, True),
    ("fingerprint", _blob, False),
    ("dna", _dna, True),
    ("message_content", lambda cell: _CHAT.match(cell) is not None, True),
    ("health", lambda cell: _ICD_FULL.fullmatch(cell) is not None, True),
    ("health", lambda cell: _ICD.fullmatch(cell) is not None, False),
)


def _folded(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split(","))


_WORDS: dict[str, frozenset[str]] = {
    "health": _folded(
        "hiv, hiv positive, hiv negative, aids, hepatitis, hepatitis b, hepatitis c, tuberculosis, syphilis, "
        "gonorrhea, chlamydia, pregnant, pregnancy, depression, depressive, anxiety, ptsd, schizophrenia, psychosis, "
        "bipolar, epilepsy, diabetes, asthma, cancer, hypertension, "
        "anaemia, anemia, malaria, addiction, alcoholism, trauma, "
        "miscarriage, abortion, suicidal, covid, sti, std, "
        "tuberkulose, schwanger, schwangerschaft, angststörung, schizophrenie, psychose, epilepsie, krebs, "
        "bluthochdruck, asthma, sucht, drogensucht, fehlgeburt, trauma, traumatisiert, "
        "hepatită, tuberculoză, sifilis, gravidă, însărcinată, sarcină, depresie, anxietate, schizofrenie, psihoză, "
        "epilepsie, diabet, astm, anemie, dependență, traumă, avort, "
        "хив, спин, хепатит, туберкулоза, сифилис, бременна, бременност, депресия, тревожност, шизофрения, психоза, "
        "епилепсия, диабет, астма, рак, хипертония, анемия, зависимост, травма, аборт, "
        "zwanger, zwangerschap, depressie, angststoornis, kanker, verslaving, miskraam, bloedarmoede, "
        "vih, sida, hépatite, tuberculose, enceinte, grossesse, dépression, anxiété, schizophrénie, épilepsie, "
        "diabète, asthme, cancer, hypertension, anémie, addiction, toxicomanie, fausse couche, avortement, traumatisme"
    ),
    "religion": _folded(
        "christian, catholic, roman catholic, orthodox, protestant, evangelical, baptist, pentecostal, muslim, moslem, "
        "islam, sunni, shia, jewish, jew, judaism, buddhist, buddhism, hindu, hinduism, sikh, atheist, agnostic, "
        "christianity, jehovah's witness, no religion, "
        "christlich, christin, katholisch, römisch-katholisch, evangelisch, orthodox, muslimisch, muslima, jüdisch, "
        "buddhistisch, konfessionslos, atheistisch, "
        "creștin, creștină, catolic, catolică, ortodox, ortodoxă, protestant, penticostal, penticostală, musulman, "
        "musulmană, evreu, evreică, budist, hindus, ateu, greco-catolic, "
        "християнин, християнка, християнство, православен, православна, католик, католичка, протестант, мюсюлманин, "
        "мюсюлманка, ислям, евреин, будист, атеист, евангелист, "
        "christen, christelijk, katholiek, protestants, gereformeerd, moslim, islamitisch, joods, boeddhist, hindoe, "
        "atheïst, "
        "chrétien, chrétienne, catholique, orthodoxe, protestante, évangélique, musulman, musulmane, juif, juive, "
        "bouddhiste, hindoue, athée, sans religion"
    ),
    "ethnicity": _folded(
        "roma, romani, sinti, gypsy, traveller, caucasian, african american, afro-american, black african, "
        "white british, white european, black british, mixed race, hispanic, latino, latina, asian british, berber, "
        "kurd, kurdish, hausa, yoruba, igbo, pashtun, hazara, uyghur, rohingya, ashkali, "
        "zigeuner, romni, schwarzafrikanisch, kurdisch, kurdin, "
        "rom, romă, rrom, rromă, țigan, țigancă, etnie romă, "
        "ром, ромка, роми, циганин, циганка, помак, помакиня, "
        "zigeunerin, koerdisch, koerd, berbers, "
        "tsigane, gitan, gitane, berbère, kabyle, kurde, noir africain"
    ),
    "sexual_orientation": _folded(
        "heterosexual, homosexual, bisexual, lesbian, gay, straight, asexual, pansexual, queer, "
        "heterosexuell, homosexuell, bisexuell, lesbisch, schwul, heterosexuală, homosexuală, bisexuală, lesbiană, "
        "хетеросексуален, хетеросексуална, хомосексуален, хомосексуална, бисексуален, бисексуална, лесбийка, гей, "
        "heteroseksueel, homoseksueel, biseksueel, lesbienne, hétérosexuel, hétérosexuelle, homosexuel, homosexuelle, "
        "bisexuel, bisexuelle"
    ),
    "politics": _folded(
        "conservative, liberal, socialist, social democrat, communist, nationalist, green party, far right, far left, "
        "konservativ, sozialdemokratisch, kommunistisch, konservative, sozialist, conservator, socialist, comunist, "
        "naționalist, социалист, комунист, консерватор, либерал, националист, conservatief, socialistisch, "
        "communistisch, conservateur, socialiste, communiste, nationaliste, libéral"
    ),
}
