"""Words in the number that they need, and names that were nearly typed."""

import pytest

from node.wording import meant, plural


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("round",), "rounds"),
        (1, ("round",), "round"),
        (2, ("round",), "rounds"),
        (1, ("entry", "entries"), "entry"),
        (0, ("entry", "entries"), "entries"),
    ],
)
def test_a_word_follows_its_number(number: int, words: tuple[str, ...], said: str) -> None:
    assert plural(number, *words) == said


@pytest.mark.parametrize(
    ("typed", "before", "said"),
    [
        ("rivr", "", "Did you mean river? "),
        ("rivr", "members.", "Did you mean members.river? "),
        ("desert", "", ""),
        ("", "", ""),
    ],
)
def test_only_what_is_near_is_guessed(typed: str, before: str, said: str) -> None:
    assert meant(typed, ["harbour", "river"], before=before) == said
