"""Releases: only what agrees, once, with its proof, up to the agreed number; on both sides of the wire."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from psi import dleq
from psi.backend import choose
from psi.errors import BadProof, ForgedRelease, InvalidElement, LocalError, PeerError, UnexpectedMessage, WrongCount
from psi.group import GENERATOR, IDENTITY
from psi.messages import Release, Released, decode
from psi.protocol import receiving, sending
from psi.protocol.states import Gate, Place, Reply
from psi.protocol.terms import PairTerms
from psi.spool import chunks
from psi.transcript import Label
from tests.support.attacks import MINE, NOT_AN_ELEMENT, SHARED, THEIRS, no_check, refused
from tests.support.pairs import Side, counting_random, make_pair, run, say, swap, until

Patch = pytest.MonkeyPatch


def forged_element(item: Release) -> Release:
    return replace(item, element=choose().sum(item.element + GENERATOR))


def other_row(item: Release) -> Release:
    return replace(item, index=(item.index + 1) % 64)


@pytest.mark.tm("TM-15")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (forged_element, BadProof),
        (other_row, BadProof),
        (lambda item: replace(item, proof=bytes(64)), BadProof),
        (lambda item: replace(item, element=IDENTITY), InvalidElement),
        (lambda item: replace(item, element=NOT_AN_ELEMENT), InvalidElement),
        (lambda item: replace(item, index=64), ForgedRelease),
        (lambda item: replace(item, index=2**64 - 1), ForgedRelease),
    ],
)
def test_a_release_that_its_proof_does_not_cover_is_refused(
    change: Callable[[Release], Release], error: type[PeerError]
) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    refused(
        error,
        first,
        second,
        swap(Released, lambda m: replace(m, items=(change(m.items[0]),))),
        victim=second,
    )
    assert second.learned() == set()


@pytest.mark.tm("TM-15")
def test_a_proof_of_the_batch_does_not_serve_as_a_release() -> None:
    """Answers and releases have labels of their own."""
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    message = until(first, second, Released, Place.FIRST)
    assert isinstance(message, Released)
    item = message.items[0]
    proof = dleq.prove_batch(
        choose(),
        first.scalar,
        first.session.opening(Place.FIRST).public_key,
        pairs_row(second, item.index),
        item.element,
        label=Label.PROOF_ANSWER,
        context=receiving.release_context(first.session.context, "alder", "birch", item.index),
        random_bytes=counting_random("label"),
    )
    with pytest.raises(BadProof):
        second.session.receive(Released(0, True, (replace(item, proof=proof),)))


def pairs_row(side: Side, index: int) -> bytes:
    return side.session.spools.mine.read(0)[32 * index : 32 * index + 32]


@pytest.mark.tm("TM-15")
def test_without_its_proof_a_release_can_point_at_another_row(monkeypatch: Patch) -> None:
    """The element is one of SECOND's own evaluations, but it is set against a row of an innocent person."""
    monkeypatch.setattr(dleq, "verify_batch", no_check)
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    message = until(first, second, Released, Place.FIRST)
    assert isinstance(message, Released)
    true = message.items[0].index
    order = b"".join(chunks(second.order))
    innocent = next(
        row for row in range(64) if int.from_bytes(order[8 * row : 8 * row + 8], "big") == THEIRS.index("+491510008")
    )
    second.session.receive(Released(0, True, (replace(message.items[0], index=innocent),)))
    assert innocent != true
    assert second.learned() == {"+491510008"}


@pytest.mark.tm("TM-16")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda m: replace(m, items=(m.items[0], m.items[0])), ForgedRelease),
        (lambda m: replace(m, items=m.items[::-1]), ForgedRelease),
        (lambda m: replace(m, items=m.items * 30), WrongCount),
        (lambda m: replace(m, last=False), UnexpectedMessage),
        (lambda m: replace(m, number=1), UnexpectedMessage),
    ],
)
def test_releases_twice_unordered_or_over_the_cap_are_refused(
    change: Callable[[Released], Released], error: type[PeerError]
) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED, max_released=8)
    refused(error, first, second, swap(Released, change), victim=second)
    assert second.learned() == set()


@pytest.mark.tm("TM-16")
def test_without_the_cap_more_than_agreed_is_taken(monkeypatch: Patch) -> None:
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED, max_released=2)
    monkeypatch.setattr(PairTerms, "release_cap", property(lambda _terms: 64))
    run(first, second)
    assert second.learned() == SHARED
    assert len(SHARED) > second.session.terms.max_released


@pytest.mark.tm("TM-16")
@pytest.mark.parametrize("sabotaged", [False, True])
@pytest.mark.parametrize("wish", ["not agreeing", "twice", "unordered"])
def test_our_own_side_releases_only_what_agrees_once(monkeypatch: Patch, wish: str, *, sabotaged: bool) -> None:
    """A mistake above us (or a hand in our database) must not turn a release into an answer to a guess."""
    first, second = make_pair(MINE, THEIRS, Reply.RELEASED)
    while first.session.waiting_for is not Gate.RELEASE:
        for side, other in ((first, second), (second, first)):
            while (data := say(side)) is not None:
                other.session.receive(decode(data))
    found = b"".join(chunks(first.session.spools.matches))
    agreeing = sorted(int.from_bytes(found[at + 8 : at + 16], "big") for at in range(0, len(found), 16))
    rows = {
        "not agreeing": [next(row for row in range(64) if row not in agreeing)],
        "twice": [agreeing[0], agreeing[0]],
        "unordered": agreeing[::-1],
    }[wish]
    first.session.spools.release.append(b"".join(row.to_bytes(8, "big") for row in rows))
    if sabotaged:
        monkeypatch.setattr(sending, "check_release", no_check)
        first.session.permit_release()
        assert isinstance(first.session.next_message(), Released)
    else:
        with pytest.raises(LocalError):
            first.session.permit_release()
        assert first.session.next_message() is None
