"""The two-scalar cheater: it announces one key and blinds its list with another (psi/PROTOCOL.md)."""

from dataclasses import replace

import pytest

from psi.backend import choose
from psi.errors import ForgedRelease
from psi.messages import decode
from psi.protocol import receiving, sending
from psi.protocol.states import Place, Reply
from psi.protocol.terms import PairTerms
from psi.secret import SecretBytes
from psi.spool import chunks
from tests.support.attacks import MINE, SHARED, THEIRS, answers_to, assert_over, no_check, scalar_of
from tests.support.pairs import AGREEMENT, RUN, Side, elements_of, make_side, run

Patch = pytest.MonkeyPatch


def cheating_pair(reply: Reply, cheat: Place) -> tuple[Side, Side, SecretBytes]:
    other = scalar_of("the other scalar")
    terms = PairTerms("alder", "birch", Place.FIRST, reply, AGREEMENT, RUN, 64, 64)
    mirrored = replace(terms, me="birch", peer="alder", place=Place.SECOND)
    sides = [
        make_side(values, side, list_scalar=other if side.place is cheat else None)
        for values, side in ((MINE, terms), (THEIRS, mirrored))
    ]
    return sides[0], sides[1], other


def learned_offline(cheat: Side, other: SecretBytes, answers: bytes) -> int:
    """How many of the answers the cheat finds among the peer's list under the scalar that it kept for itself."""
    theirs = b"".join(chunks(cheat.session.spools.theirs))
    mine = set(elements_of(choose().multiply(other, theirs)))
    return len(mine & set(elements_of(answers)))


@pytest.mark.tm("TM-05")
@pytest.mark.parametrize("cheat", list(Place))
def test_two_scalars_are_not_detected_where_both_are_answered_in_order(cheat: Place) -> None:
    """A known limit, shown so that nobody relies on the opposite: the cheat learns, the honest side does not. For the
    second side this is the sabotaged twin of the next test: all that differs is what the agreement lets it be told."""
    first, second, other = cheating_pair(Reply.ORDERED, cheat)
    run(first, second)
    assert first.session.finished
    assert second.session.finished
    cheater, honest = (first, second) if cheat is Place.FIRST else (second, first)
    assert honest.learned() == set()
    assert learned_offline(cheater, other, answers_to(honest)) == len(SHARED)


@pytest.mark.tm("TM-05")
def test_two_scalars_give_nothing_to_a_second_side_under_released() -> None:
    """The first learner finds no agreement, so there is nothing that a person could release."""
    first, second, _other = cheating_pair(Reply.RELEASED, Place.SECOND)
    run(first, second)
    assert first.learned() == set()
    assert answers_to(first) == b""
    assert b"".join(row.element for data in first.sent for row in getattr(decode(data), "items", ())) == b""


@pytest.mark.tm("TM-05")
def test_two_scalars_of_a_first_learner_are_found_at_its_first_release(monkeypatch: Patch) -> None:
    """It learns, as it is entitled to; but what it then releases is no agreement for the honest side."""
    first, second = releasing_cheat(monkeypatch)
    with pytest.raises(ForgedRelease):
        run(first, second)
    assert_over(second)


def releasing_cheat(patch: Patch) -> tuple[Side, Side]:
    """The first learner cheats, and releases its first answer without looking whether it is an agreement."""
    first, second, _other = cheating_pair(Reply.RELEASED, Place.FIRST)
    patch.setattr(sending, "check_release", no_check)
    patch.setattr(first, "release", lambda _values: first.session.spools.release.append(bytes(8)))
    return first, second


@pytest.mark.tm("TM-05")
def test_without_the_check_of_releases_it_would_not_be_found(monkeypatch: Patch) -> None:
    """The sabotaged twin: what is released is not looked for among our own evaluations."""
    monkeypatch.setattr(receiving, "_match_released", no_check)
    first, second = releasing_cheat(monkeypatch)
    run(first, second)
    assert second.session.finished
    assert second.session.spools.released.rows == 1
