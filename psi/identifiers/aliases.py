"""Aliases and working names: the whole name as people write it, without order, spaces and marks.

    Estrella Müller, MUELLER Estrella, Естрела Мюлер      estrelamuler
    王小明, Wang Xiaoming, wangxiaoming                    ksiaomingvang

Working names repeat: half the advertisements of a city share a few dozen. A name that is short, or made only of the
commonest given names and pet names, would join strangers and is refused. What is left is still easily guessed, and an
alias alone is a weak lead; as one field among several of a person it says more.
"""

import re
from functools import cache
from typing import Final

from psi.identifiers.cells import MAX_CELL_CHARACTERS, Cell, Hints, clean, fold
from psi.identifiers.pinyin import is_east_asian, parts_of_word, romanised_whole
from psi.identifiers.several import read_each, refuser
from psi.identifiers.spelling import latin_words, mixes_alphabets, spelling

__all__ = ["aliases"]

FEWEST_LETTERS: Final = 6
"""Letters and digits of an alias."""

MAX_LETTERS: Final = 60
"""Letters and digits of an alias. More are a sentence."""

_COMMON: Final = """
    adela adriana agata agnes aisha albina alessia alessandra alexandra alexandru alexander alice alicia alina alisa
    aliona alona amanda amelia amina amira ana anastasia anastasiia anastasija anca andrea andreea andrei andrej andrew
    angela angelica angelika angelina ania anita anja anna anne annemarie anne-marie antonia antonio ariana ariel asia
    aurora barbara beata beatrice bella bianca brigitte camelia camila carla carmen carolina caroline catalina
    catherine cecilia chantal charlotte christian christina christine clara claudia cristi cristian cristina daniel
    daniela daniella daria darina david debora deborah denisa denise diana diva dominika dorina dragana ecaterina
    ekaterina elena eleonora elif elisa elisabeta elisabeth elizabeth ella elvira emilia emma erika esmeralda esther
    estera eugenia eva evelina evgenia fatima felicia florentina florina francesca gabriel gabriela gabriella galina
    georgia georgiana gergana gina gloria grace hanna hannah helena helene iana ileana ilona ina ingrid ioana ion ionela
    irena irina iris irma isabel isabela isabella isabelle ivana ivanka ivelina iveta iwona izabela jacqueline jana
    jane janina jasmin jasmina jasmine jelena jenifer jenny jennifer jessica jessie joanna johanna joana john josephine
    joy juana julia julian juliana julie juliet julieta karina karolina katalin katarina katarzyna kate katerina
    kateryna katharina katherine kathrin katia katja katrin katrina katya kim klara klaudia kristina kristine ksenia
    laila lana lara larisa laura lavinia lea leila lena leona lia lidia liliana lilia lily linda lisa liudmila lola
    lolita lora loredana lorena lorenzo louise lucia luciana lucie lucy ludmila luisa luiza luna lyudmila madalina
    madeleine magda magdalena malina manuela mara margareta margarita maria mariam mariana marianna marie marija
    marilena marina mario mariya marta martha martina mary maya megan melania melanie melissa mercedes mia michael
    michaela michelle mihaela mihai mila milena mira miranda miriam mirela mirabela mona monica monika nadejda nadezhda
    nadia nadine natali natalia nataliia natalie nataliya natalja natasa natasha natascha nathalie nelly nicola nicole
    nicoleta nikol nikoleta nikolina nina nora oana oksana oxana olena olga olha olivia olya otilia pamela patricia
    paula paulina penelope petra petya polina rachel raluca ramona rebecca rebeca regina renata rita roberta rodica
    romina rosa rosalia rosana rosemary roxana roxane roxi roxy ruxandra sabina sabrina sally samantha samira sandra
    sara sarah sasha selena selina serena sergiu sheila silvana silvia simona snezana sofia sofiia sophia sophie sonia
    stefan stefania stefanie stela stella stephanie susan susana svetlana svitlana sylvia tamara tania tanja tanya
    tatiana tatjana tatyana teodora teresa tereza theresa tiffany tina valentina valeria valerie vanesa vanessa vasilica
    vera verona veronica veronika veronique victoria viktoria viktoriia violeta viorica virginia vivian viviana vlada
    wendy yana yasmin yasmine yelena yulia yuliia zaneta zara zhanna zoe zuzana
    mohammed muhammad ahmed hassan ali mustafa omar ibrahim yusuf aleksandr dmitri ivan mykola oleksandr petro vasile
    angel babe baby barbie beauty black blonde blondie boss brunette bunny butterfly candy cat caramel charming cherry
    chocolate cinderella coco cookie crazy crystal cutie dark darling desire diamond doll dolly dream escort exotic
    fantasy flower girl girls golden goddess honey hot hottie iubita jewel king kitten kitty lady latina lili love lover
    lovely lucky madame mademoiselle madam massage mila mini miss mistress naughty new papi perla perle pearl playboy
    pretty princesa princess princessa printesa puma queen red rose ruby russian sexy star sugar summer sunny sunshine
    super sweet sweetheart sweetie tiger top venus vip white wild young bebe mama mami papa tata moon rain snow lisichka
    malishka zaika kotenok krasavita
"""
"""Given names and working names that stand on many advertisements, in the spellings that differ after folding."""

_BETWEEN: Final = re.compile(r"[;,|/]|\s(?:a\.?k\.?a\.?|alias)\s", re.IGNORECASE)

_refuse = refuser("alias")


def aliases(cell: Cell, _hints: Hints) -> tuple[str, ...]:
    """The aliases of a cell; () for a blank.

    Raises `RefusedValue`: `alias/too-common`, `alias/no-letters`, `alias/mixed-letters`, `alias/too-long`,
    `alias/too-many`.
    """
    if cell.number is not None:
        raise _refuse("no-letters", "An alias is expected here, and this cell holds a number.", "Map another column.")
    return read_each(cell, "alias", lambda part: (_alias(part),), _BETWEEN)


def _alias(text: str) -> str:
    if mixes_alphabets(text):
        raise _refuse(
            "mixed-letters",
            "This name mixes letters of two alphabets that look alike.",
            "Type it again with one keyboard.",
        )
    words = romanised_whole(text).split() if is_east_asian(text) else latin_words(text.replace("-", " "))
    value = _settle(words)
    if not re.search("[a-z]", value):
        raise _refuse("no-letters", "An alias is expected here, and this cell holds no letters.", "Map another column.")
    if len(value) > min(MAX_LETTERS, MAX_CELL_CHARACTERS):
        raise _refuse("too-long", "This is longer than a name.", "Keep the name alone.")
    bare = [re.sub(r"[^a-z]", "", word) for word in (*spelling(" ".join(words)), value)]
    common = _common()
    if (
        len(value) < FEWEST_LETTERS
        or all(word in common or len(word) < 2 for word in bare[:-1])
        or bare[-1] in common
        or not clean(Cell(value))
    ):
        raise _refuse(
            "too-common",
            "This name is so short or so common that it would join strangers.",
            "Leave it out, or map it as the alias of a person, where it counts together with other fields.",
        )
    return value


def _settle(words: list[str]) -> str:
    """The words in one spelling, sorted and joined, such that reading the result once more gives the same.

    A Chinese name in one word is parted first, so the joined word may part elsewhere and sort anew. Where that goes
    round in a circle, the circle's first member stands for all of it.
    """
    seen: list[str] = []
    value = _joined(words)
    while value not in seen:
        seen.append(value)
        value = _joined([value])
    return min(seen[seen.index(value) :])


def _joined(words: list[str]) -> str:
    parts = parts_of_word(words[0]) if len(words) == 1 else words
    return "".join(sorted(spelling(" ".join(parts))))


@cache
def _common() -> frozenset[str]:
    return frozenset(word for name in _COMMON.split() for word in spelling(fold(name)))
