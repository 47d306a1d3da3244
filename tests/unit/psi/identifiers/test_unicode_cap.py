"""Unicode: the same on every supported Python, whatever tables it ships."""

import hashlib
import sys
import unicodedata

import pytest

from psi.identifiers import Cell, RefusedValue, canonicalise
from psi.identifiers.cells import ascii_digits, fold
from psi.identifiers.unicode14 import is_assigned

DIGEST = "a49958ec959eefe45c5334ebfb245085f4fa99228d4ae85079708d6f5d73bbaf"
"""Of everything `cells` asks of Unicode 14 characters; made on 3.11, equal on 3.12 and 3.13."""


@pytest.mark.tm("TM-89")
def test_every_character_means_the_same_on_this_python() -> None:
    digest = hashlib.sha256()
    count = 0
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        if not is_assigned(code_point) or unicodedata.category(character) in ("Cs", "Co"):
            continue
        count += 1
        category = unicodedata.category(character)
        what = category if category in ("Cc", "Cf", "Nd") else category[0]
        meaning = (unicodedata.normalize("NFKC", character), fold(character), ascii_digits(character), what)
        digest.update(repr((code_point, meaning)).encode("utf-8", "surrogatepass"))
    assert count == 144_762
    assert digest.hexdigest() == DIGEST


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="this Python ships a newer Unicode")
def test_the_table_is_unicode_14() -> None:
    assert all(
        is_assigned(code_point) == (unicodedata.category(chr(code_point)) != "Cn")
        for code_point in range(sys.maxunicode + 1)
    )


@pytest.mark.tm("TM-89")
@pytest.mark.parametrize(
    "code_point",
    [
        0x0CF3,  # 15.0 Kannada
        0x1F774,  # 15.0 symbols
        0x2EBF0,  # 15.1 ideographs
        0x10D40,  # 16.0 Garay digit zero
        0x1CCD6,  # 16.0 outlined Latin letter A, which NFKC turns into A
        0xFFFF,  # never a character
        0x10FFFF,
    ],
)
@pytest.mark.parametrize("kind", ["phone", "email", "handle"])
def test_newer_characters_are_refused(kind: str, code_point: int) -> None:
    with pytest.raises(RefusedValue) as refusal:
        canonicalise(kind, Cell("anna" + chr(code_point)), region="RO", qualifier="x")
    assert refusal.value.reason in ("cell/unknown-character", "cell/broken-text")


@pytest.mark.tm("TM-89")
def test_without_the_cap_a_newer_python_would_read_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: with the cap off, what is refused depends on the Python that runs."""
    monkeypatch.setattr("psi.identifiers.cells.is_assigned", lambda _: True)
    with pytest.raises(RefusedValue) as refusal:
        canonicalise("handle", Cell("anna\U0002ebf0"), qualifier="x")
    assert refusal.value.reason != "cell/unknown-character"
