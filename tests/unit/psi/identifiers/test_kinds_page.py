"""KINDS.md is true: every kind, how easily it is guessed, every reason and sentence. And there are enough vectors."""

import re
from pathlib import Path

import pytest

import psi.identifiers
from psi.identifiers import CATALOGUE
from psi.identifiers.employers import REGISTERS
from psi.identifiers.handle import PLATFORMS
from tests.support.identifier_seeds import VECTORS
from tests.support.refusals import ANY_KIND, KINDS_PAGE, refusal_table, refusals

PAGE = KINDS_PAGE.read_text(encoding="utf-8")
FEWEST_VECTORS = 20
"""Of each kind, most of them refusals, traps or nasty spellings."""


def of_kind(kind: str) -> list[dict[str, object]]:
    return [row for row in VECTORS.values() if row.get("kind", "person" if "cells" in row else "") == kind]


def documented(reason: str) -> bool:
    return reason in refusals() or f"{ANY_KIND}/{reason.partition('/')[2]}" in refusals()


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_kind_has_its_row(kind: str) -> None:
    rows = re.findall(rf"^\| {kind} \|(.+)\|(.+)\|(.+)\|$", PAGE, re.MULTILINE)
    assert len(rows) == 1
    assert rows[0][2].strip() == CATALOGUE[kind].guessable


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_kind_has_vectors_most_of_them_nasty(kind: str) -> None:
    rows = of_kind(kind)
    assert len(rows) >= FEWEST_VECTORS
    assert sum(row["class"] != "accept" for row in rows) > len(rows) / 2


def test_the_table_of_refusals_is_what_the_readers_say() -> None:
    """After a change: python -m tests.support.refusals"""
    assert PAGE.endswith(refusal_table())


def test_every_reason_in_the_vectors_is_documented() -> None:
    reasons = {row["refused"] for row in VECTORS.values() if "refused" in row}
    assert len(reasons) > 100
    assert sorted(reason for reason in reasons if not documented(reason)) == []


def test_every_reason_named_in_the_source_is_documented() -> None:
    """Public functions say in their docstrings what they raise; a reason that is gone must not stay there."""
    folder = Path(psi.identifiers.__file__).parent
    kinds = "|".join(CATALOGUE)
    for path in folder.glob("*.py"):
        named = re.findall(rf"`((?:{kinds})/[a-z][a-z-]+)`", path.read_text(encoding="utf-8"))
        assert sorted(reason for reason in named if not documented(reason)) == [], path.name


@pytest.mark.parametrize("kind", [kind for kind in CATALOGUE if kind != "person"])
def test_every_kind_has_a_vector_for_most_of_its_reasons(kind: str) -> None:
    reasons = {reason for reason in refusals() if reason.startswith(f"{kind}/")}
    shown = {row["refused"] for row in of_kind(kind) if "refused" in row}
    assert len(reasons - shown) <= len(reasons) / 3, sorted(reasons - shown)


def test_no_sentence_holds_an_identifier_and_every_one_ends() -> None:
    for reason, sentences in refusals().items():
        for sentence in sentences:
            assert sentence.endswith((".", "!")), reason
            assert not re.search(r"\d{6,}", sentence), reason


def test_platforms_and_registers_are_many() -> None:
    assert len(PLATFORMS) >= 20
    assert len(REGISTERS) >= 45
