"""Messages out of turn, of another round, or after a refusal: refused, and the refusal stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from psi import dleq, messages
from psi.errors import BadProof, BrokenCommitment, PeerError, UnexpectedMessage, VersionMismatch, WrongParty, WrongState
from psi.messages import Blinded, Close, Count, Evaluated, Message, Open, Released, decode
from psi.protocol import pair, receiving
from psi.protocol.side import Side
from psi.protocol.states import Place, Reply
from tests.support.attacks import MINE, SHARED, THEIRS, assert_over, no_check, refused, take_any_closing
from tests.support.pairs import RUN, make_pair, run, say, swap, until

Patch = pytest.MonkeyPatch


@pytest.mark.tm("TM-10")
@pytest.mark.parametrize("kind", [Open, Blinded, Evaluated, Close])
@pytest.mark.parametrize("liar", list(Place))
def test_a_message_said_twice_is_refused(kind: type[Message], liar: Place) -> None:
    """Also a second answer that differs: at this level any second answer is out of turn."""
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first

    def twice(sender: Place, message: Message) -> list[Message]:
        return [message, message] if isinstance(message, kind) and sender is liar else [message]

    with pytest.raises(UnexpectedMessage):
        run(first, second, change=twice)
    with pytest.raises(WrongState):
        victim.session.next_message()


@pytest.mark.tm("TM-10")
@pytest.mark.parametrize("kind", [Open, Blinded, Evaluated])
@pytest.mark.parametrize("liar", list(Place))
def test_a_message_left_out_stops_the_round(kind: type[Message], liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    with pytest.raises((UnexpectedMessage, RuntimeError)):
        run(first, second, change=lambda place, m: [] if isinstance(m, kind) and place is liar else [m])
    assert not first.session.finished
    assert not second.session.finished


@pytest.mark.tm("TM-10")
@pytest.mark.parametrize("kind", [Blinded, Evaluated])
def test_chunks_out_of_order_are_refused(kind: type[Message]) -> None:
    first, second = make_pair(MINE, THEIRS)
    refused(UnexpectedMessage, first, second, swap(kind, lambda m: replace(m, chunk=1), Place.SECOND), victim=first)


@pytest.mark.tm("TM-10")
@pytest.mark.parametrize("kind", [Blinded, Evaluated])
def test_without_the_check_of_its_number_any_chunk_is_taken(kind: type[Message], monkeypatch: Patch) -> None:
    """The sabotaged twin: nobody looks which chunk it says it is; only the closing would still tell."""
    monkeypatch.setattr(receiving, "_check_chunk", no_check)
    take_any_closing(monkeypatch)
    first, second = make_pair(MINE, THEIRS)
    run(first, second, change=swap(kind, lambda m: replace(m, chunk=1), Place.SECOND))
    assert first.learned() == SHARED


@pytest.mark.tm("TM-10")
@pytest.mark.parametrize("reply", list(Reply))
@pytest.mark.parametrize("kind", [Evaluated, Count, Released])
def test_only_the_agreed_reply_is_taken(reply: Reply, kind: type[Message]) -> None:
    """SECOND cannot be given more, or something else, than the agreement grants."""
    granted = {
        Reply.ORDERED: {Evaluated},
        Reply.RELEASED: {Released},
        Reply.COUNT: {Count},
        Reply.COUNT_RELEASED: {Count},
        Reply.NONE: set(),
    }
    first, second = make_pair(MINE, THEIRS, reply)
    until(first, second, next(iter(granted[reply]), Close), Place.FIRST)
    forged: dict[type, Message] = {
        Evaluated: Evaluated(0, second.session.spools.mine.read(0), bytes(64)),
        Count: Count(1, 1, bytes(64)),
        Released: Released(0, True, ()),
    }
    if kind in granted[reply]:
        assert second.session.record.turns.may(Place.FIRST, receiving.TAKERS[kind][0])
    else:
        with pytest.raises(UnexpectedMessage):
            second.session.receive(forged[kind])
        assert_over(second)


@pytest.mark.tm("TM-10")
def test_without_the_table_an_answer_before_any_list_is_taken(monkeypatch: Patch) -> None:
    """The sabotaged twin of all above: FIRST would "learn" from an answer to a list that it has not even sent."""
    monkeypatch.setattr(receiving, "check_turn", no_check)
    monkeypatch.setattr(dleq, "verify_batch", no_check)
    first, second = make_pair(MINE, THEIRS)
    first.session.receive(decode(say(second) or b""))
    first.session.receive(Evaluated(0, first.session.spools.mine.read(0), bytes(64)))
    assert first.session.spools.answers.rows == 64


@pytest.mark.tm("TM-12")
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("sender", "cedar", WrongParty),
        ("recipient", "cedar", WrongParty),
        ("agreement", bytes(64), WrongParty),
        ("run", bytes(16), WrongParty),
        ("suite", "P256-SHA256", VersionMismatch),
    ],
)
@pytest.mark.parametrize("liar", list(Place))
def test_an_opening_of_another_round_is_refused(field: str, value: Any, error: type[PeerError], liar: Place) -> None:
    first, second = make_pair(MINE, THEIRS)
    victim = second if liar is Place.FIRST else first
    refused(error, first, second, swap(Open, lambda m: replace(m, **{field: value}), liar), victim=victim)


@pytest.mark.tm("TM-12")
def test_without_the_check_an_opening_of_another_round_is_taken(monkeypatch: Patch) -> None:
    """The sabotaged twin."""

    def take(side: Any, message: Open) -> bool:
        side.record.openings[side.terms.place.other] = message.encode()
        return True

    monkeypatch.setitem(receiving.TAKERS, Open, (receiving.TAKERS[Open][0], take))
    first, second = make_pair(MINE, THEIRS)
    second.session.receive(replace(first.session.opening(Place.FIRST), run=bytes(16)))
    assert second.session.opening(Place.FIRST).run != RUN


@pytest.mark.tm("TM-12")
def test_another_protocol_version_is_refused_by_name() -> None:
    first, _second = make_pair(MINE, THEIRS)
    data = say(first) or b""
    with pytest.raises(VersionMismatch, match="version 2"):
        decode(b"\x02" + data[1:])


@pytest.mark.tm("TM-12")
def test_without_the_check_another_version_would_be_read_as_ours(monkeypatch: Patch) -> None:
    """The sabotaged twin: to this reader whatever number stands there is its own version."""

    class Anything(int):
        __hash__ = int.__hash__

        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

    first, _second = make_pair(MINE, THEIRS)
    data = say(first) or b""
    monkeypatch.setattr(messages, "PROTOCOL_VERSION", Anything(messages.PROTOCOL_VERSION))
    assert decode(b"\x02" + data[1:]) == first.session.opening(Place.FIRST)


@pytest.mark.tm("TM-12")
@pytest.mark.parametrize("field", ["nonce", "checkpoint", "commitment"])
def test_two_sides_that_saw_different_openings_cannot_answer_each_other(field: str) -> None:
    """Whatever is changed on the way changes the context, and with it every proof."""
    first, second = make_pair(MINE, THEIRS)
    with pytest.raises((BadProof, BrokenCommitment)):
        run(first, second, change=swap(Open, in_between(field), Place.FIRST))


def in_between(field: str) -> Callable[[Open], Open]:
    def change(message: Open) -> Open:
        checkpoint = replace(message.checkpoint, tree_size=7)
        values: dict[str, Any] = {"nonce": bytes(32), "checkpoint": checkpoint, "commitment": bytes(64)}
        return replace(message, **{field: values[field]})

    return change


@pytest.mark.tm("TM-12")
@pytest.mark.parametrize("field", ["nonce", "checkpoint"])
def test_with_a_context_of_the_agreement_alone_they_would_not_find_out(field: str, monkeypatch: Patch) -> None:
    """The sabotaged twin: nothing that is said depends on the openings, and the closing is not compared. (The
    commitment has its own twin, in `test_forged_lists`.)"""
    monkeypatch.setattr(Side, "context", property(lambda side: side.terms.agreement))
    monkeypatch.setattr(receiving, "commitment", lambda opening, _root: opening.commitment)
    take_any_closing(monkeypatch)
    first, second = make_pair(MINE, THEIRS)
    run(first, second, change=swap(Open, in_between(field), Place.FIRST))
    assert first.learned() == second.learned() == SHARED


@pytest.mark.tm("TM-19")
def test_after_a_refusal_the_right_message_comes_too_late() -> None:
    first, second = make_pair(MINE, THEIRS)
    true = until(first, second, Evaluated, Place.SECOND)
    assert isinstance(true, Evaluated)
    with pytest.raises(BadProof):
        first.session.receive(replace(true, proof=bytes(64)))
    with pytest.raises(WrongState):
        first.session.receive(true)
    assert_over(first)


@pytest.mark.tm("TM-19")
def test_without_that_a_cheat_could_try_again(monkeypatch: Patch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(pair.PairSession, "_usable", no_check)
    first, second = make_pair(MINE, THEIRS)
    true = until(first, second, Evaluated, Place.SECOND)
    assert isinstance(true, Evaluated)
    with pytest.raises(BadProof):
        first.session.receive(replace(true, proof=bytes(64)))
    first.session.receive(true)
    assert first.learned() == SHARED
