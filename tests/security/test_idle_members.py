"""Members with valid certificates that make our workers wait, or have us write to somebody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.clock import timestamp
from node.config import Limits
from node.rounds import negotiation
from node.rounds.book import Round, round_id_of
from node.rounds.ends import Ends
from node.rounds.parties import tell, write_note
from node.rounds.post import Post
from node.rounds.states import RoundState
from node.rounds.templates import build
from node.transport.explain import PeerRefused
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from tests.support.carriers import meddle
from tests.support.inside import by_hand
from tests.support.nodes import Running, three, wait_for
from tests.support.small_rounds import plant, run_through
from tests.support.two_nodes import ShiftedClock

pytestmark = [pytest.mark.tm("TM-97"), pytest.mark.ci]

Trio = tuple[Running, Running, Running]

SOON_SECONDS = 5.0
"""Until a deadline that passes in a test: a busy machine takes a proposal in before it."""


@pytest.fixture
def trio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trio]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with three(tmp_path) as (shelter, police, board):
        plant(tmp_path, shelter, police)
        yield shelter, police, board


def proposal(trio: Trio, *, seconds: float, expires: datetime | None = None) -> tuple[str, Envelope]:
    """The board proposes to the shelter, and to nobody else, a round of shelter and police. With a deadline in the past
    it did so a day ago."""
    shelter, police, board = trio
    clock = ShiftedClock()
    clock.days = -1 if seconds < 0 else 0
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    settings: dict[str, Any] = {
        "match": [{"kind": "phone", "per_record": 1}],
        "deadline": timestamp(deadline),
        "expires_at": timestamp(expires or datetime.now(UTC) + timedelta(days=30)),
    }
    me = board.parts.identity
    made: Manifest = build(
        "J1",
        [node.parts.identity.signed_card.card for node in (shelter, police)],
        settings,
        convener=me.member_id,
        clock=clock,
        random_bytes=board.parts.random_bytes,
    )
    round_id = round_id_of(made)
    envelope = by_hand(
        board.parts,
        round_id=round_id,
        recipient=shelter.parts.identity.member_id,
        sequence=1,
        kind=EnvelopeKind.PROPOSAL,
        payload=made.canonical(),
    )
    return round_id, envelope


@contextmanager
def silent_board(trio: Trio, monkeypatch: pytest.MonkeyPatch, rounds: int) -> Iterator[dict[str, int]]:
    """The board takes the shelter's reports on its proposals, never answers and keeps knocking: how many calls to it
    are under way, and the most there were."""
    _shelter, _police, board = trio
    done, calls = threading.Event(), {"now": 0, "most": 0}

    def hang(_envelope: Envelope) -> ReceiptKind:
        calls["now"] += 1
        calls["most"] = max(calls["most"], calls["now"])
        done.wait(25)
        calls["now"] -= 1
        return ReceiptKind.RETRY_LATER

    monkeypatch.setattr(board.parts.door, "_accept", hang)
    made: list[Envelope] = []
    for _ in range(rounds):  # each has arrived before its deadline, however long all take
        made.append(proposal(trio, seconds=SOON_SECONDS)[1])
        board.parts.carrier.deliver(made[-1])

    def knock() -> None:
        while not done.wait(0.2):
            board.parts.carrier.deliver(made[0])

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    try:
        wait_for(lambda: calls["now"] > 0)
        yield calls
    finally:
        done.set()
        thread.join()


def test_a_silent_member_does_not_keep_others_from_their_round(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police, _board = trio
    with silent_board(trio, monkeypatch, 12) as calls:
        started = datetime.now(UTC)
        run_through(police, shelter, police)
        assert datetime.now(UTC) - started < timedelta(seconds=20)
        assert calls["most"] == 1


def test_with_more_than_one_call_at_a_time_it_would_hold_every_worker(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: the post does not look whether a call to the recipient is under way."""
    monkeypatch.setattr(Post, "_begin", lambda _post, _recipient: 0.0)
    workers = Limits().rounds_at_once
    with silent_board(trio, monkeypatch, workers) as calls:
        wait_for(lambda: calls["now"] >= workers)


def test_a_round_that_was_never_signed_here_is_reported_to_its_convener_only(trio: Trio) -> None:
    shelter, _police, board = trio
    link = meddle(shelter.parts)
    round_id, envelope = proposal(trio, seconds=SOON_SECONDS)
    board.parts.carrier.deliver(envelope)
    wait_for(lambda: shelter.parts.book.peek(round_id) is not None)
    wait_for(lambda: shelter.parts.engine.step(round_id) is not None and shelter.state(round_id) == "failed")
    wait_for(lambda: bool(link.sent))
    assert {sent.recipient for sent in link.sent} == {board.parts.identity.member_id}


def test_a_report_to_all_parties_would_reach_one_that_never_heard_of_it(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: it is not asked whether this member has signed."""

    def to_all(self: Ends, tx: Any, found: Round, state: RoundState, code: str = "") -> None:
        tell(tx, self.outbox, found, self.identity.member_id, EnvelopeKind.STATUS, write_note(state.value, code))

    monkeypatch.setattr(Ends, "report", to_all)
    shelter, police, board = trio
    link = meddle(shelter.parts)
    round_id, envelope = proposal(trio, seconds=SOON_SECONDS)
    board.parts.carrier.deliver(envelope)
    wait_for(lambda: shelter.parts.book.peek(round_id) is not None)
    wait_for(lambda: shelter.parts.engine.step(round_id) is not None and shelter.state(round_id) == "failed")
    wait_for(lambda: police.parts.identity.member_id in {sent.recipient for sent in list(link.sent)})


@pytest.mark.parametrize(
    ("seconds", "days"), [(-3600, 30), (3600, 182), (3600, 2_900_000)], ids=["over", "too-long", "for-ever"]
)
def test_a_proposal_that_is_over_or_holds_for_too_long_is_refused_at_the_door(
    trio: Trio, seconds: float, days: int
) -> None:
    shelter, _police, board = trio
    round_id, envelope = proposal(trio, seconds=seconds, expires=datetime.now(UTC) + timedelta(days=days))
    with pytest.raises(PeerRefused) as caught:
        board.parts.carrier.deliver(envelope)
    assert caught.value.reason == "refused-by-policy"
    assert shelter.parts.book.peek(round_id) is None
    assert not shelter.parts.engine.inbox.waits(round_id)


def test_without_a_look_at_its_dates_it_would_be_in_the_book(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: every date of an agreement is soon."""
    monkeypatch.setattr(negotiation, "moment", lambda _text: datetime.now(UTC) + timedelta(hours=1))
    shelter, _police, board = trio
    round_id, envelope = proposal(trio, seconds=3600, expires=datetime.now(UTC) + timedelta(days=182))
    assert board.parts.carrier.deliver(envelope) is ReceiptKind.ACCEPTED
    wait_for(lambda: shelter.parts.book.peek(round_id) is not None)


def test_a_defect_that_a_letter_brings_to_light_carries_its_senders_name(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, _police, board = trio

    def fall(*_args: object) -> None:
        raise ZeroDivisionError

    round_id, envelope = proposal(trio, seconds=3600)
    with monkeypatch.context() as patch:
        patch.setattr(shelter.parts.negotiation, "on_proposal", fall)
        patch.setattr("node.rounds.scheduler.MOST_CRASHES", 1)
        board.parts.carrier.deliver(envelope)
        wait_for(lambda: "round-failed" in shelter.events())
    entries = shelter.ask("audit.show", limit=1000, event=["round-failed"])["entries"]
    facts = entries[-1]["facts"]
    assert facts == {"peer": board.parts.identity.member_id, "code": "internal"}

    round_id, envelope = proposal(trio, seconds=3600)
    board.parts.carrier.deliver(envelope)
    wait_for(lambda: shelter.parts.book.peek(round_id) is not None)
    with monkeypatch.context() as patch:
        patch.setattr(shelter.parts.negotiation, "on_cancel", fall)
        patch.setattr("node.rounds.scheduler.MOST_CRASHES", 1)
        note = {"recipient": envelope.recipient, "sequence": 2, "kind": EnvelopeKind.CANCEL, "payload": b"{}"}
        board.parts.carrier.deliver(by_hand(board.parts, round_id=round_id, **note))
        wait_for(lambda: shelter.state(round_id) == "failed")
    entries = shelter.ask("audit.show", limit=1000)["entries"]
    facts = [entry["facts"] for entry in entries if entry["event"] == "round-failed"][-1]
    assert facts == {"round_id": round_id, "peer": board.parts.identity.member_id, "code": "internal"}
