"""Notes about a round come from peers and end up in the audit log: whatever is read can be written there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.facts import check_fact
from node.rounds.parties import MAX_NOTE_BYTES, read_note, write_note
from psi.errors import MalformedMessage

WORDISH = st.text("abz-/. _09A\n", max_size=70) | st.text(max_size=10)


def taken(payload: bytes) -> tuple[str, str] | None:
    """What the note says, or None if it is refused; any other error fails the test."""
    try:
        return read_note(payload)
    except MalformedMessage:
        return None


@pytest.mark.tm("TM-44")
@given(WORDISH, WORDISH)
def test_a_note_that_is_read_fits_the_log_and_has_one_form(state: str, code: str) -> None:
    payload = write_note(state, code)
    found = taken(payload)
    if found is None:
        return
    assert write_note(*found) == payload
    for word in found:
        if word:
            check_fact("code", word)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_get_past_the_reader(payload: bytes) -> None:
    found = taken(payload)
    assert found is None or write_note(*found) == payload


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_no_json_of_another_shape_gets_past_the_reader(value: object) -> None:
    for shape in (value, {"state": value, "code": ""}, {"code": value, "state": "running"}):
        payload = json.dumps(shape, separators=(",", ":"), sort_keys=True).encode()
        found = taken(payload)
        assert found is None or write_note(*found) == payload


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"[" * MAX_NOTE_BYTES,
        b'{"code":"","state":"running","state":"failed"}',
        b'{"code":"","state":"running"} ',
        b'{"code":"","state":"running","who":"me"}',
        b'{"code":"-","state":"failed"}',
        b'{"code":"a//b","state":"failed"}',
        b'{"code":"a\\n","state":"failed"}',
        write_note("a" * 65),
    ],
)
def test_what_no_honest_node_writes_is_refused(payload: bytes) -> None:
    assert taken(payload) is None


@pytest.mark.parametrize("code", ["", "deadline", "refused-by-policy", "phone/too-short"])
def test_what_honest_nodes_write_is_read(code: str) -> None:
    assert taken(write_note("failed", code)) == ("failed", code)
