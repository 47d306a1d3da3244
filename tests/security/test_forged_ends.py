"""Counts and closings that their sender did not sign, or signed for something else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from psi.errors import BadSignature, PeerError, TranscriptMismatch, WrongCount, WrongState
from psi.messages import Close, Count
from psi.protocol import receiving
from psi.protocol.states import Place, Reply
from psi.transcript import Label
from tests.support.attacks import MINE, THEIRS, refused, take_any_closing
from tests.support.pairs import FakeVoice, make_pair, run, swap

Patch = pytest.MonkeyPatch


@pytest.mark.tm("TM-13")
@pytest.mark.parametrize(
    ("bands", "change", "error"),
    [
        ((), lambda m: replace(m, low=m.low + 1, high=m.high + 1), BadSignature),
        ((), lambda m: replace(m, signature=bytes(64)), BadSignature),
        ((), lambda m: replace(m, high=m.high + 1), WrongCount),
        ((), lambda m: replace(m, low=65, high=65), WrongCount),
        (((0, 0), (1, 64)), lambda m: replace(m, low=0, high=0), BadSignature),
        (((0, 0), (1, 64)), lambda m: replace(m, low=3, high=3), WrongCount),
        (((0, 0), (1, 64)), lambda m: replace(m, low=1, high=63), WrongCount),
        (((0, 0), (1, 64)), lambda m: replace(m, low=64, high=1), WrongCount),
    ],
)
def test_a_count_that_was_not_signed_or_not_agreed_is_refused(
    bands: Any, change: Callable[[Count], Count], error: type[PeerError]
) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.COUNT, bands=bands)
    refused(error, first, second, swap(Count, change), victim=second)
    assert second.session.record.count_heard is None


@pytest.mark.tm("TM-13")
@pytest.mark.parametrize("other", ["count of another round", "closing"])
def test_a_signature_for_something_else_is_not_a_count(other: str) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.COUNT)
    voice = FakeVoice("alder", "birch")

    def resign(message: Count) -> Count:
        context = bytes(64) if other == "count of another round" else second.session.context
        label = Label.SIGN_CLOSE if other == "closing" else Label.SIGN_COUNT
        data = receiving.signed_count(context, "alder", message.low, message.high)
        return replace(message, signature=voice.sign(label, data))

    refused(BadSignature, first, second, swap(Count, resign), victim=second)


@pytest.mark.tm("TM-13")
def test_without_the_signature_any_count_is_taken(monkeypatch: Patch) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.COUNT)
    monkeypatch.setattr(second.session.voice, "verify_peer", lambda *_parts: True)
    take_any_closing(monkeypatch)  # the closing would still tell
    run(first, second, change=swap(Count, lambda m: replace(m, low=60, high=60)))
    assert second.session.record.count_heard == (60, 60)


@pytest.mark.tm("TM-14")
@pytest.mark.parametrize("liar", list(Place))
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: replace(m, transcript=bytes(64)), TranscriptMismatch),
        (lambda m: replace(m, signature=bytes(64)), BadSignature),
        (lambda m: replace(m, checkpoint=replace(m.checkpoint, tree_size=2)), BadSignature),
        (lambda m: replace(m, checkpoint=replace(m.checkpoint, root=b"\x01" * 32)), BadSignature),
    ],
)
def test_a_forged_closing_is_refused(change: Callable[[Close], Close], error: type[PeerError], liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    with pytest.raises(error):
        run(first, second, change=swap(Close, change, liar))
    assert not victim.session.finished
    with pytest.raises(WrongState):
        victim.session.snapshot()


@pytest.mark.tm("TM-14")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_two_sides_that_saw_different_rounds_find_out_at_the_closing(monkeypatch: Patch, *, sabotaged: bool) -> None:
    """A true count, but another one: signed by its sender for somebody in between. Only the transcript shows it."""
    first, second = make_pair(MINE, THEIRS, Reply.COUNT)
    voice = FakeVoice("alder", "birch")

    def lie(message: Count) -> Count:
        data = receiving.signed_count(second.session.context, "alder", 5, 5)
        return Count(5, 5, voice.sign(Label.SIGN_COUNT, data))

    if sabotaged:
        take_any_closing(monkeypatch)
        run(first, second, change=swap(Count, lie))
        assert second.session.finished
    else:
        refused(TranscriptMismatch, first, second, swap(Count, lie), victim=second)
