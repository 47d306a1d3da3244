"""What is fetched and settled: only the recipient's own receipt, for the very bytes, acknowledges an envelope."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from node.clock import ManualClock
from node.identity.reach import Way
from node.rounds.fetched import LONGEST_REPORT_LATER_SECONDS, RESEND_SECONDS, Fetched
from node.rounds.mailbox import PROTOCOL_LINE, Outbox, Unreadable
from node.rounds.outgoing import Outgoing
from node.store.schema import outbox
from node.transport.door import Door
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.receipts import Receipt, Receipts, Status
from psi.errors import BadSignature, VersionMismatch, WrongParty
from tests.support.offices import ROUND, Office, office

OTHER_ROUND = "ff" * 16


@dataclass
class Stage:
    """Alpha sends; Beta and Gamma are members of it. `told`, `woken`: what `Fetched` said."""

    alpha: Office
    beta: Office
    gamma: Office
    told: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    way: Way = Way.COLLECTS

    def __post_init__(self) -> None:
        self.fetched = Fetched(
            self.alpha.store,
            Outbox(self.alpha.store, self.alpha.identity, cast(Any, None)),
            self.alpha.clock,
            bytes,
            way=lambda _member: self.way,
            noticed=self.told.append,
            wake=self.woken.append,
        )
        self.to = self.beta.identity.member_id

    def lay(self, sequence: int, *, round_id: str = ROUND, kind: EnvelopeKind = EnvelopeKind.ROUND) -> Envelope:
        """An envelope for Beta into Alpha's outbox, as `Outbox.put` does."""
        number = sequence + (PROTOCOL_LINE if kind is EnvelopeKind.ROUND else 0)
        made = Envelope.signed(
            self.alpha.identity, round_id=round_id, recipient=self.to, sequence=number, kind=kind, payload=b"sealed"
        )
        name = f"{round_id}/{self.to}/{number}"
        with self.alpha.store.transaction() as tx:
            tx.execute(
                outbox.insert().values(
                    round_id=round_id,
                    recipient=self.to,
                    sequence=number,
                    kind=kind.name,
                    envelope=self.alpha.store.cells.seal("outbox", name, "envelope", made.to_bytes()),
                    acknowledged=False,
                )
            )
        return made

    def make_old(self, envelope: Envelope) -> None:
        """The row of the outbox as a version before wrote it: opens, and holds a form that we do not know."""
        message = envelope.to_proto()
        message.format = 1
        name = f"{envelope.round_id}/{self.to}/{envelope.sequence}"
        sealed = self.alpha.store.cells.seal("outbox", name, "envelope", message.SerializeToString())
        with self.alpha.store.transaction() as tx:
            tx.execute(outbox.update().where(outbox.c.sequence == envelope.sequence).values(envelope=sealed))

    def waiting(self) -> list[Envelope]:
        return self.fetched.collect(self.to, 100)

    def settle(self, envelope: Envelope, status: Status, code: str = "") -> None:
        self.fetched.settle(self.to, [Receipt.of(envelope, status, code)])

    def pass_time(self, seconds: float) -> None:
        assert isinstance(self.alpha.clock, ManualClock)
        self.alpha.clock.advance(seconds)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with (
        office(tmp_path / "alpha", "Alpha") as alpha,
        office(tmp_path / "beta", "Beta") as beta,
        office(tmp_path / "gamma", "Gamma") as gamma,
    ):
        for other in (beta, gamma):
            alpha.trust(other)
        yield Stage(alpha, beta, gamma)


@pytest.mark.tm("TM-117")
@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.ALREADY])
def test_handing_out_acknowledges_nothing_and_a_receipt_does(stage: Stage, status: Status) -> None:
    one, two = stage.lay(1), stage.lay(2)
    for _ in range(3):
        assert stage.waiting() == [one, two]
    stage.settle(one, status)
    assert stage.waiting() == [two]
    assert stage.woken == [ROUND]
    stage.settle(one, status)  # a replay
    assert stage.waiting() == [two]


@pytest.mark.tm("TM-117")
def test_whose_receipt_it_is_and_for_what(stage: Stage) -> None:
    """Another member's, one for other bytes, one for another number: nothing moves."""
    one = stage.lay(1)
    good = Receipt.of(one, Status.ACCEPTED)
    stage.fetched.settle(stage.gamma.identity.member_id, [good])
    stage.fetched.settle(stage.to, [Receipt(ROUND, one.sequence, bytes(16), Status.ACCEPTED)])
    stage.fetched.settle(stage.to, [Receipt(OTHER_ROUND, one.sequence, good.digest, Status.ACCEPTED)])
    stage.fetched.settle(stage.to, [Receipt(ROUND, one.sequence + 1, good.digest, Status.REFUSED, "busy")])
    assert stage.waiting() == [one]
    assert not stage.woken
    assert stage.fetched.refused(ROUND) is None
    stage.fetched.settle(stage.to, [good])
    assert not stage.waiting()


@pytest.mark.tm("TM-117")
def test_receipts_pass_the_door_only_with_their_senders_name_and_signature(stage: Stage) -> None:
    one = stage.lay(1)
    blamed: list[str] = []
    door = Door(
        stage.alpha.identity.member_id,
        stage.alpha.book,
        accept=lambda _envelope: ReceiptKind.ACCEPTED,
        settle=stage.fetched.settle,
        blame=lambda code, _member: blamed.append(code),
        woken=lambda _round: None,
    )
    beta = stage.alpha.book.confirmed(stage.to)
    assert beta is not None
    me, lines = stage.alpha.identity.member_id, [Receipt.of(one, Status.ACCEPTED)]
    real = Receipts.signed(stage.beta.identity, me, lines)
    forged = Receipts(stage.to, me, real.lines, Receipts.signed(stage.gamma.identity, me, lines).signature)
    cases = {
        forged: BadSignature,
        Receipts.signed(stage.gamma.identity, me, lines): WrongParty,
        Receipts.signed(stage.beta.identity, stage.gamma.identity.member_id, lines): WrongParty,
    }
    for receipts, error in cases.items():
        with pytest.raises(error):
            door.settle(receipts, beta, itself=True)
    assert stage.waiting() == [one]
    assert len(blamed) == 3
    with pytest.raises(BadSignature):
        door.settle(forged, beta, itself=False)  # a relay may have done it: nobody is blamed
    assert len(blamed) == 3
    door.settle(real, beta, itself=True)
    assert not stage.waiting()


def test_without_the_signature_a_forged_receipt_would_lose_an_envelope(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin."""
    one = stage.lay(1)
    monkeypatch.setattr(Receipts, "verify", lambda *_: None)
    door = Door(
        stage.alpha.identity.member_id,
        stage.alpha.book,
        accept=lambda _envelope: ReceiptKind.ACCEPTED,
        settle=stage.fetched.settle,
        blame=lambda _code, _member: None,
        woken=lambda _round: None,
    )
    beta = stage.alpha.book.confirmed(stage.to)
    assert beta is not None
    lines = (Receipt.of(one, Status.ACCEPTED),)
    door.settle(Receipts(stage.to, stage.alpha.identity.member_id, lines, bytes(64)), beta, itself=False)
    assert not stage.waiting()


def test_later_rests_that_round_for_a_while(stage: Stage) -> None:
    one, other = stage.lay(1), stage.lay(1, round_id=OTHER_ROUND)
    stage.settle(one, Status.RETRY_LATER)
    assert stage.waiting() == [other]
    pauses = []
    for _ in range(12):
        due = stage.fetched.due_in(stage.to)
        assert due is not None
        pauses.append(due)
        stage.pass_time(due)
        assert stage.waiting() == [one, other]
        stage.settle(one, Status.RETRY_LATER)
    assert pauses == pytest.approx(sorted(pauses))
    assert pauses[-1] <= 5.0
    stage.pass_time(10)
    stage.settle(one, Status.ACCEPTED)
    assert stage.fetched.due_in(stage.to) is None


@pytest.mark.tm("TM-125")
@pytest.mark.parametrize("way", [Way.COLLECTS, Way.RELAY])
def test_later_for_a_report_is_never_the_last_word(stage: Stage, way: Way) -> None:
    """However often it is said, or shown again: report and cancellation stay, with their numbers."""
    stage.way = way
    report, cancel = stage.lay(1, kind=EnvelopeKind.STATUS), stage.lay(2, kind=EnvelopeKind.CANCEL)
    for _ in range(200):
        assert stage.waiting() == [report, cancel]
        stage.settle(report, Status.RETRY_LATER)
        assert not stage.waiting()
        due = stage.fetched.due_in(stage.to)
        assert due is not None
        assert due <= LONGEST_REPORT_LATER_SECONDS
        stage.pass_time(due)
    stage.settle(report, Status.ACCEPTED)
    assert stage.waiting() == [cancel]


def test_what_is_final_counts_wherever_it_stands_in_a_list(stage: Stage) -> None:
    one, two = stage.lay(1), stage.lay(2)
    lines = [Receipt.of(one, Status.RETRY_LATER), Receipt.of(two, Status.RETRY_LATER), Receipt.of(one, Status.ACCEPTED)]
    assert stage.fetched.settle(stage.to, lines)
    assert not stage.fetched.settle(stage.to, lines)
    stage.pass_time(10)
    assert stage.waiting() == [two]


def test_an_envelope_is_opened_once_however_often_a_list_names_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stage.lay(1)
    opened: list[int] = []
    read = Outgoing.open
    monkeypatch.setattr(Outgoing, "open", lambda self, *more: opened.append(1) or read(self, *more))
    wrong = [Receipt(ROUND, one.sequence, number.to_bytes(16, "big"), Status.ACCEPTED) for number in range(4000)]
    assert not stage.fetched.settle(stage.to, wrong)
    assert len(opened) == 1
    assert stage.fetched.settle(stage.to, [*wrong, Receipt.of(one, Status.ACCEPTED)])
    assert len(opened) == 2


def test_a_refusal_is_told_to_the_engine_once_and_again_if_nothing_came_of_it(stage: Stage) -> None:
    one = stage.lay(1)
    stage.settle(one, Status.REFUSED, "refused-by-policy")
    refused = stage.fetched.refused(ROUND)
    assert refused is not None
    assert refused[1] == stage.to
    assert getattr(refused[2], "reason", "") == "refused-by-policy"
    assert stage.fetched.refused(ROUND) is None
    stage.settle(one, Status.REFUSED, "refused-by-policy")
    assert stage.fetched.refused(ROUND) is not None


@pytest.mark.tm("TM-117")
def test_what_lies_at_a_relay_is_put_again_only_after_a_long_silence(stage: Stage) -> None:
    stage.way = Way.RELAY
    one, two = stage.lay(1), stage.lay(2)
    stage.fetched.put([one])
    assert stage.waiting() == [two]
    stage.pass_time(RESEND_SECONDS)
    assert stage.waiting() == [one, two]
    stage.fetched.put([one, two])
    stage.settle(one, Status.RETRY_LATER)  # then it did not keep what came behind it either
    stage.pass_time(2)
    assert stage.waiting() == [one, two]


def test_notes_first_then_one_message_of_each_round_in_turn(stage: Stage) -> None:
    long = [stage.lay(number) for number in range(1, 4)]
    short = stage.lay(1, round_id=OTHER_ROUND)
    note = stage.lay(1, kind=EnvelopeKind.CANCEL)
    assert stage.waiting() == [note, long[0], short, *long[1:]]
    assert stage.fetched.collect(stage.to, 2) == [note, long[0]]
    assert list(stage.fetched.leg(stage.to, ROUND, up_to=10**9)) == [note, *long]


def test_somebody_is_told_of_each_envelope_once(stage: Stage) -> None:
    stage.lay(1)
    for _ in range(3):
        stage.fetched.leave(ROUND, stage.to)
    assert stage.told == [stage.to]
    stage.lay(2)
    stage.fetched.leave(ROUND, stage.to)
    assert stage.told == [stage.to] * 2


def test_an_envelope_that_was_altered_in_the_database_is_not_handed_out(stage: Stage) -> None:
    one = stage.lay(1)
    stage.lay(2)
    with stage.alpha.store.transaction() as tx:
        tx.execute(outbox.update().where(outbox.c.sequence == PROTOCOL_LINE + 1).values(envelope=b"altered"))
    assert stage.waiting() == []
    assert stage.woken == [ROUND]  # the engine looks, and ends the round
    stage.settle(one, Status.ACCEPTED)
    assert stage.waiting() == []


def test_an_envelope_of_an_older_version_is_our_own_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it was altered: never an error that somebody who collects is blamed for. The twin raises one."""
    one = stage.lay(1)
    stage.make_old(one)
    assert stage.waiting() == []
    assert stage.woken == [ROUND]
    assert not stage.fetched.settle(stage.to, [Receipt.of(one, Status.ACCEPTED)])
    with pytest.raises(Unreadable, match="another version"):
        stage.fetched.leave(ROUND, stage.to)  # with this the engine ends the round
    with pytest.raises(Unreadable):
        stage.fetched.outbox.next(ROUND, stage.to)
    monkeypatch.setattr("node.rounds.outgoing.read_own", Envelope.from_bytes)
    with pytest.raises(VersionMismatch):
        stage.waiting()
