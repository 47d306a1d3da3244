"""Texts that are held as one run of bytes are the texts, and their rows tell them apart."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from node import texts as texts_module
from node.texts import SEPARATOR, Texts

WORDS = st.lists(st.text(st.sampled_from("a0+äЖ\n\x00\U0010ffff"), max_size=9), max_size=12)


def rows_of(texts: Texts, step: int) -> dict[int, bytes]:
    """Place -> row."""
    found: dict[int, bytes] = {}
    for places, rows in texts.rows(step):
        assert rows.shape[1] % step == 0
        numbers = np.arange(len(texts))[places]
        assert not found.keys() & set(numbers.tolist())
        found |= dict(zip(numbers.tolist(), (row.tobytes() for row in rows), strict=True))
    return found


@given(WORDS, st.sampled_from([1, 4, 16]))
def test_texts_come_back_and_each_has_a_row_of_its_own(words: list[str], step: int) -> None:
    texts = Texts.of(words)
    again = Texts(texts.joined, len(words))
    assert list(texts) == list(again) == words
    assert texts == again
    assert again.encoded == [word.encode() for word in words]
    found = rows_of(again, step)
    assert sorted(found) == list(range(len(words)))
    for place, row in found.items():
        assert row.rstrip(SEPARATOR) == words[place].encode()
        assert len(words[place].encode()) < len(row) <= len(words[place].encode()) + step


@given(WORDS, st.data())
def test_some_of_them(words: list[str], data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.sampled_from(range(len(words)))))) if words else []
    assert list(Texts.of(words).only(places)) == [words[at] for at in places]


@pytest.mark.parametrize("lengths", [[5], [5, 6], [3, 40]])
def test_rows_of_many_texts_come_in_parts(lengths: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_module, "_MOST_ROWS", 7)
    monkeypatch.setattr(texts_module, "_MOST_BYTES", 100)
    words = [f"{n:0{lengths[n % len(lengths)]}}" for n in range(50)]
    parts = list(Texts.of(words).rows(8))
    assert len(parts) >= 8
    assert all(len(rows) <= 7 for _places, rows in parts)
    assert {place: row.rstrip(b"\xff").decode() for place, row in rows_of(Texts.of(words), 8).items()} == dict(
        enumerate(words)
    )


def test_none_and_one_empty_text_differ() -> None:
    assert (list(Texts.of([])), list(Texts.of([""]))) == ([], [""])
    assert Texts.of([]) != Texts.of([""])
    assert Texts.of(["a"]) != ["a"]


def test_its_repr_shows_no_text() -> None:
    assert repr(Texts.of(["+40721123456"])) == "<Texts 1>"


def test_twin_rows_that_are_filled_up_with_zeros_are_not_told_apart() -> None:
    def zeros(texts: Texts) -> Iterator[NDArray[np.uint8]]:
        for _places, rows in texts.rows(16):
            rows = rows.copy()
            rows[rows == 0xFF] = 0
            yield rows

    assert len({row.tobytes() for rows in zeros(Texts.of(["a", "a\0"])) for row in rows}) == 1
    assert len(set(rows_of(Texts.of(["a", "a\0"]), 16).values())) == 2
