"""The fast path of e-mail addresses, and of the hygiene of cells, is the slow path's answer or none."""

import random
import unicodedata

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES

from psi.identifiers import Cell, Hints, RefusedValue, cells, mail
from psi.identifiers.unicode14 import is_assigned

QUICK_CELLS = 60_000
SOAK_CELLS = 2_000_000

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LOCAL = LETTERS + LETTERS.upper() + "0123456789" + "!#$%&'*+-/=?^_`{|}~" + "...++--__"
ODD = ' "(),:;<>@[\\]\t\n\x00\x1f\x7f|éП。ß\u00ad'
DOMAINS = (
    "example.org", "example.com", "mail.example.net", "EXAMPLE.ORG", "xn--e1afmkfd.org", "пример.org", "ex--ample.org",
    "xn--.org", "xn--a.org", "a.b.c.d.example", "1.example", "example.1", "example.c0", "example.0c", "exam-ple.org",
    "-example.org", "example-.org", "example..org", ".example.org", "example.org.", "localhost", "org", "kno.wn",
    "ex_ample.org", "ex ample.org", "[192.0.2.1]", "example.no", "none.na", "a.xx", "latest.org", "mytest.example",
)  # fmt: skip


def by_library(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...] | str:
    with monkeypatch.context() as patch:
        patch.setattr(mail, "plain_address", lambda text: "")
        return said(cell)


def said(cell: Cell) -> tuple[str, ...] | str:
    try:
        return mail.email_addresses(cell, Hints())
    except RefusedValue as refusal:
        return refusal.reason


def writing(rng: random.Random) -> str:
    """An address as people write it, or nearly one."""
    length = rng.choice((1, 2, 5, 8, 12, 20, 63, 64, 65, 66)) if rng.random() < 0.3 else rng.randint(1, 14)
    local = "".join(rng.choices(LOCAL if rng.random() < 0.5 else LETTERS + "0123456789.", k=length))
    if rng.random() < 0.1:
        # Letters that make up a word for "unknown", with punctuation in between.
        word = rng.choice(sorted(word for word in cells._PLACEHOLDERS if word.isascii()))
        cut = rng.randint(1, max(1, len(word) - 1))
        return rng.choice(("", ".", "_")).join(word[:cut]) + "@" + rng.choice((".", "-", "..", "")).join(word[cut:])
    match rng.randrange(8):
        case 0 | 1:
            domain = rng.choice(DOMAINS)
        case 2:
            domain = rng.choice(("", "x.", "mail.", "not")) + rng.choice((*SPECIAL_USE_DOMAIN_NAMES, "example"))
        case 3:
            domain = ".".join("".join(rng.choices(LETTERS + "0-", k=rng.choice((1, 3, 30, 62, 63, 64)))) for _ in "ab")
        case 4:
            domain = ".".join("".join(rng.choices(LETTERS, k=rng.choice((10, 60)))) for _ in range(rng.randint(1, 5)))
        case _:
            domain = "".join(rng.choices(LETTERS + "0123456789-", k=rng.randint(1, 12))) + rng.choice(
                (".org", ".de", ".RO")
            )
    text = f"{local}@{domain}"
    match rng.randrange(12):
        case 0:
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(ODD) + text[place + rng.randint(0, 1) :]
        case 1:
            text = rng.choice((" ", "\t", "mailto:", "<", "MAILTO:", '"', "\u200e", "= ")) + text
        case 2:
            text += rng.choice((" ", "\n", ">", ".", ";", ",", " x", "@", "\x1c", "\x00"))
        case 3:
            text = text.upper()
        case 4:
            text = f"<{text}>"
    return text


def compare(seed: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    answered = refused = 0
    for _ in range(count):
        text = writing(rng)
        slow = by_library(Cell(text), monkeypatch)
        quick = mail.plain_address(text)
        assert not quick or (quick,) == slow, (seed, text)
        answered += bool(quick)
        refused += isinstance(slow, str)
    assert answered > count // 4
    assert refused > count // 5


def test_the_fast_path_says_what_the_library_says(monkeypatch):
    compare(0, QUICK_CELLS, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(1, 3))
def test_the_fast_path_says_what_the_library_says_for_millions(seed, monkeypatch):
    compare(seed, SOAK_CELLS // 2, monkeypatch)


@pytest.mark.parametrize(
    "text", ["Anna@example.org", " a.b+c@mail.example.com ", "x_1@a.b.example", "o'neil@example.ie"]
)
def test_the_usual_addresses_are_read_fast(text):
    assert mail.plain_address(text) == text.strip().lower()


@pytest.mark.parametrize(
    "text", ["un@kno.wn", "emp@t.y", "a@xn--e1afmkfd.org", "a@x.test", "a@" + 9 * "example." + "org"]
)
def test_what_needs_a_closer_look_is_left_to_the_library(text):
    assert mail.plain_address(text) == ""


def test_a_sabotaged_expression_is_caught(monkeypatch):
    """The comparison would see a fast path that forgets the names of special use."""
    monkeypatch.setattr(mail, "_SPECIAL", (".invalid",))
    with pytest.raises(AssertionError):
        compare(0, 20_000, monkeypatch)


def test_ordinary_characters_are_what_they_are_taken_for():
    """Those that `clean` does not look at one by one: assigned in Unicode 14, visible, no dash, nothing broken."""
    found = [chr(code) for code in range(0x110000) if cells._ORDINARY.fullmatch(chr(code))]
    assert len(found) > 20_000
    for character in found:
        assert is_assigned(ord(character))
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
        assert character.translate(cells._DASHES) == character
        assert unicodedata.normalize("NFKC", character).translate(cells._DASHES) == unicodedata.normalize(
            "NFKC", character
        )


def test_placeholders_in_ascii_are_those_that_any_script_has():
    """The short way for ASCII and the long way agree: an invisible mark sends the same text down the long one."""
    rng = random.Random(3)
    words = sorted(cells._PLACEHOLDERS)
    for _ in range(20_000):
        text = rng.choice(words) if rng.random() < 0.5 else "".join(rng.choices("0179nax#/!?. -_", k=rng.randint(0, 5)))
        text = "".join(c.upper() if rng.random() < 0.3 else c + rng.choice(("", "", " ", ".")) for c in text)
        assert cells.clean(Cell(text)) == cells.clean(Cell(text + "\u200e"))
