"""Canonical JSON and errors on the wire: one way to write a thing, and nothing that a terminal would obey."""

from typing import Any

import pytest

from node.wire.problem import MAX_PROBLEM_BYTES, MAX_SENTENCE_CHARACTERS, METADATA_KEY, Problem
from node.wire.strict_json import canonical, parse


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":9007199254740993}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xff"',
        b'"\x00"',
        b"\xef\xbb\xbf{}",
        b"{}\n",
        b" {}",
        b"{}{}",
        b"",
        b"{",
        b"[" * 9_000,
        b"1" * 9_000,
        b'{"a":1,}',
        b"// comment\n{}",
        b"x" * 10_001,
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse(data, max_bytes=10_000)


@pytest.mark.parametrize("data", [b"1" * 18, b"-" + b"9" * 9_000, b'{"a":' + b"1" * 9_000 + b"}"])
def test_a_number_too_long_to_be_read_is_refused_in_words_of_our_own(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^a number in it is too large$"):
        parse(data, max_bytes=10_000)


@pytest.mark.parametrize("value", [2**53 - 1, 1 - 2**53])
def test_the_largest_whole_numbers_are_read(value: int) -> None:
    assert parse(canonical(value), max_bytes=100) == value


@pytest.mark.parametrize("value", [{}, [], {"a": [1, True, None, "ä", "\u2028"]}, "x", 0, -1.5])
def test_canonical_json_is_read(value: Any) -> None:
    assert parse(canonical(value), max_bytes=1000) == value


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800", {1: 2}, {"a": object()}])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical(value)


def test_a_problem_comes_back_as_it_went() -> None:
    problem = Problem("not-found", "Nothing has that name.", "Look in the list.")
    assert Problem.from_bytes(problem.to_bytes()) == problem
    assert Problem.from_metadata([("other", "x"), (METADATA_KEY, problem.to_bytes())]) == problem


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "two\nlines", "a\u202eb", "nul\x00", "bell\a", "a\u2028b", "\u200f"])
def test_what_the_other_side_says_cannot_steer_a_terminal(text: str) -> None:
    hostile = canonical({"advice": text, "code": "x", "sentence": text})
    problem = Problem.from_bytes(hostile)
    assert problem is not None
    assert problem.sentence.isprintable()
    assert problem.advice.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        canonical({"advice": "", "code": "x"}),
        canonical({"advice": "", "code": "x", "sentence": 1}),
        canonical({"advice": "", "code": "", "sentence": ""}),
        canonical({"advice": "", "code": "UPPER", "sentence": ""}),
        canonical({"advice": "", "code": "x\n", "sentence": ""}),
        canonical({"advice": "", "code": "x" * 65, "sentence": ""}),
        canonical({"advice": "", "code": "x", "more": "", "sentence": ""}),
        canonical({"advice": "", "code": "x", "sentence": "y" * MAX_PROBLEM_BYTES}),
    ],
)
def test_what_is_no_problem_is_none(data: bytes) -> None:
    assert Problem.from_bytes(data) is None


@pytest.mark.parametrize("filler", ["x", "ä", "\U0001f600", '"', "\\"])
def test_a_long_problem_still_gets_through(filler: str) -> None:
    data = Problem("code", filler * 10_000, filler * 10_000).to_bytes()
    assert len(data) <= MAX_PROBLEM_BYTES
    problem = Problem.from_bytes(data)
    assert problem is not None
    assert 0 < len(problem.sentence) <= MAX_SENTENCE_CHARACTERS


@pytest.mark.parametrize("metadata", [None, [], [(METADATA_KEY, "text")], [(METADATA_KEY, b"\xff")]])
def test_a_call_without_a_problem_has_none(metadata: Any) -> None:
    assert Problem.from_metadata(metadata) is None
