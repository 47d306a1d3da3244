"""Several messages of one round in one call: the same is taken, and the same refused, as if each came by itself.

At the door (a real server on loopback that hands on to a pigeonhole): what is no batch, and frames that are wrong. In a
node: what of a batch is stored, and what is said about the first that is not. And the carrier, with a node that does
not know the call.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import grpc
import pytest
from sqlalchemy import func, select

from node.errors import NotAllowed, PeerUnreachable
from node.identity.members import Member
from node.rounds.mailbox import PROTOCOL_LINE
from node.rounds.reception import MOST_EARLY, Reception
from node.rpc import peer
from node.store.schema import inbox
from node.transport import direct
from node.transport.direct import BATCHES_AGAIN_SECONDS, DirectCarrier
from node.transport.explain import PeerRefused
from node.wire import peer_pb2
from node.wire.envelope import MOST_IN_BATCH, Envelope, EnvelopeKind, ReceiptKind
from node.wire.limits import MAX_MESSAGE_BYTES
from node.wire.services import DELIVER_BATCH
from tests.support.attacks import no_check
from tests.support.inside import by_hand
from tests.support.nodes import Running, three
from tests.support.offices import Office, Pigeonhole, office
from tests.support.small_rounds import agree, plant
from tests.support.tls_stage import Stage, staged, status_of

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


def written(envelopes: Sequence[Envelope]) -> bytes:
    return peer_pb2.Batch(envelopes=[envelope.to_proto() for envelope in envelopes]).SerializeToString()


def said(stage: Stage, count: int) -> list[Envelope]:
    return [stage.beta.envelope(stage.alpha, b"%d" % number, number) for number in range(1, count + 1)]


def signed(stage: Stage, **changes: object) -> Envelope:
    """An envelope of Beta's that says something else than usual."""
    one = dataclasses.replace(stage.beta.envelope(stage.alpha), **changes)  # type: ignore[arg-type]
    return dataclasses.replace(one, signature=stage.beta.identity.sign(b"blindmatch/envelope/2", one.signing_bytes()))


# At the door.


@pytest.mark.tm("TM-272")
def test_what_is_no_batch_is_refused_and_nothing_of_it_taken(stage: Stage) -> None:
    good = said(stage, MOST_IN_BATCH + 1)
    other_form = peer_pb2.Batch(envelopes=[good[0].to_proto(), peer_pb2.Envelope(format=99)])
    cases: dict[str, bytes] = {
        "nothing at all": b"",
        "too many": written(good),
        "two rounds": written([good[0], signed(stage, round_id="f" * 32)]),
        "a note among them": written([good[0], signed(stage, kind=EnvelopeKind.STATUS)]),
        "a note alone": written([signed(stage, kind=EnvelopeKind.STATUS)]),
        "an unknown field": written(good[:2]) + bytes.fromhex("1a0161"),
        "bytes": b"\xff" * 10,
    }
    with stage.betas_channel() as channel:
        for what, request in cases.items():
            blamed = len(stage.alpha.events("peer-blamed"))
            assert status_of(channel, DELIVER_BATCH, request) is INVALID, what
            events = stage.alpha.events("peer-blamed")[blamed:]
            assert [event["code"] for event in events] == ["malformed-message"], what
        assert status_of(channel, DELIVER_BATCH, other_form.SerializeToString()) is not grpc.StatusCode.OK
        assert stage.alpha.events("peer-blamed")[-1]["code"] == "older-reader"
        assert status_of(channel, DELIVER_BATCH, bytes(MAX_MESSAGE_BYTES + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not stage.inbox.taken


def wrong_frames(stage: Stage, gamma: Office) -> dict[str, list[Envelope]]:
    """Each a batch of which one envelope, in the middle or at the end, is not what it should be."""
    one, two, three_ = said(stage, 3)
    return {
        "by another member": [one, dataclasses.replace(gamma.envelope(stage.alpha), sequence=2), three_],
        "for another member": [one, two, stage.beta.envelope(gamma, sequence=3)],
        "altered": [one, dataclasses.replace(two, payload=b"other"), three_],
    }


@pytest.mark.tm("TM-272")
def test_one_wrong_frame_refuses_the_whole_batch_and_is_blamed(stage: Stage) -> None:
    with office(stage.folder / "gamma", "Gamma") as gamma, stage.betas_channel() as channel:
        for what, batch in wrong_frames(stage, gamma).items():
            assert status_of(channel, DELIVER_BATCH, written(batch)) is INVALID, what
            assert stage.alpha.events("peer-blamed")[-1]["peer"] == stage.beta.identity.member_id
    assert not stage.inbox.taken


@pytest.mark.tm("TM-272")
def test_without_the_check_of_frames_a_batch_would_bring_anything(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(peer, "check_frame", no_check)
    with office(stage.folder / "gamma", "Gamma") as gamma, stage.betas_channel() as channel:
        for what, batch in wrong_frames(stage, gamma).items():
            assert status_of(channel, DELIVER_BATCH, written(batch)) is grpc.StatusCode.OK, what
    assert len(stage.inbox.taken) == 9
    assert stage.alpha.events("peer-blamed") == []


# The carrier.


@pytest.fixture
def carrier(stage: Stage) -> Iterator[DirectCarrier]:
    made = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    yield made
    made.close()


def test_a_batch_arrives_in_order_in_one_call(stage: Stage, carrier: DirectCarrier) -> None:
    batch = said(stage, MOST_IN_BATCH)
    assert carrier.deliver_batch(batch) == MOST_IN_BATCH
    assert [envelope for _, envelope in stage.inbox.taken] == batch


def test_a_node_that_does_not_know_batches_is_asked_again_after_a_while(
    stage: Stage, carrier: DirectCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    call = DirectCarrier._call

    def counted(self: DirectCarrier, member: object, method: str, *rest: object) -> object:
        asked.append(method)
        return call(self, member, method, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(DirectCarrier, "_call", counted)
    with monkeypatch.context() as patch:
        patch.setattr(direct, "DELIVER_BATCH", "/blindmatch.wire.v1.Peer/OfAnotherVersion")
        for _time in range(3):
            assert carrier.deliver_batch(said(stage, 2)) == 0
    assert asked == ["/blindmatch.wire.v1.Peer/OfAnotherVersion"]
    # The connection is as good as before.
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.ACCEPTED
    stage.beta.clock.advance(BATCHES_AGAIN_SECONDS - 1)  # type: ignore[attr-defined]
    assert carrier.deliver_batch(said(stage, 2)) == 0
    stage.beta.clock.advance(2)  # type: ignore[attr-defined]
    assert carrier.deliver_batch(said(stage, 2)) == 2


def test_what_is_too_much_for_a_line_at_once_goes_in_parts(
    stage: Stage, carrier: DirectCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow line is a batch that nobody has answered in time, again and again."""
    may_end, take = threading.Event(), type(stage.inbox).accept_batch

    def slow(inbox: Pigeonhole, member: Member, envelopes: Sequence[Envelope]) -> int:
        may_end.wait(20)
        return take(inbox, member, envelopes)

    monkeypatch.setattr(Pigeonhole, "accept_batch", slow)
    monkeypatch.setattr(direct, "DELIVERY_SECONDS", 0.5)
    with pytest.raises(PeerUnreachable, match="in time"):
        carrier.deliver_batch(said(stage, 2))
    may_end.set()
    monkeypatch.setattr(direct, "DELIVERY_SECONDS", 10)
    assert carrier.deliver_batch(said(stage, 2)) == 0
    assert carrier.deliver(stage.beta.envelope(stage.alpha)) is ReceiptKind.ACCEPTED
    stage.beta.clock.advance(BATCHES_AGAIN_SECONDS + 1)  # type: ignore[attr-defined]
    assert carrier.deliver_batch(said(stage, 2)) == 2


def test_a_node_that_claims_to_have_taken_more_is_not_believed(
    stage: Stage, carrier: DirectCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(stage.inbox), "accept_batch", lambda _inbox, _member, envelopes: len(envelopes) + 1)
    with pytest.raises(PeerUnreachable, match="not blindmatch's protocol"):
        carrier.deliver_batch(said(stage, 2))


# In a node.


Nodes = tuple[Running, Running, Running]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        folder = tmp_path_factory.mktemp("batches")
        with three(folder) as running:
            plant(folder, *running[:2])
            yield running


def message(sender: Running, victim: Running, round_id: str, number: int, payload: bytes = b"not read yet") -> Envelope:
    """A message of the protocol, as `sender`'s own code would seal and sign it."""
    return by_hand(
        sender.parts,
        round_id=round_id,
        recipient=victim.parts.identity.member_id,
        sequence=PROTOCOL_LINE + number,
        kind=EnvelopeKind.ROUND,
        payload=payload,
    )


def stored(node: Running, round_id: str) -> int:
    """How many messages of a round's protocol the node has."""
    query = select(func.count()).where(inbox.c.round_id == round_id, inbox.c.sequence > PROTOCOL_LINE)
    with node.parts.store.read() as connection:
        return int(connection.execute(query).scalar_one())


def unsealed(sender: Running, envelope: Envelope) -> Envelope:
    """The same, but what is in it was not sealed for this round."""
    plain = dataclasses.replace(envelope, payload=b"?" * len(envelope.payload))
    return dataclasses.replace(
        plain, signature=sender.parts.identity.sign(b"blindmatch/envelope/2", plain.signing_bytes())
    )


@pytest.mark.tm("TM-272")
def test_a_batch_is_taken_once_and_only_as_far_as_there_is_room(nodes: Nodes) -> None:
    """Before the list is made, some messages may wait; the rest is asked to come later, and says so by itself."""
    shelter, police, board = nodes
    round_id = agree(board, shelter, police)
    said = [message(police, shelter, round_id, number) for number in range(1, MOST_EARLY + 3)]
    send = police.parts.carrier
    assert send.deliver_batch([said[1], said[2]]) == 0, "the first is missing"
    assert send.deliver_batch([said[0], said[2]]) == 1, "the second is missing"
    assert send.deliver_batch(said) == MOST_EARLY
    assert stored(shelter, round_id) == MOST_EARLY
    assert send.deliver_batch(said[:MOST_EARLY]) == MOST_EARLY, "these were stored before"
    assert stored(shelter, round_id) == MOST_EARLY
    assert send.deliver(said[MOST_EARLY]) is ReceiptKind.RETRY_LATER
    assert shelter.state(round_id) == "agreed"


Damage = Callable[[Running, Running, Envelope], Envelope]
DAMAGED: dict[str, tuple[Damage, str]] = {
    "another message in the place of an earlier one": (
        lambda police, shelter, one: message(police, shelter, one.round_id, 1, b"something else"),
        "changed-answer",
    ),
    "not sealed for this round": (lambda police, _shelter, one: unsealed(police, one), "malformed-message"),
}


@pytest.mark.tm("TM-272")
@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_before_a_bad_one_is_kept_and_the_bad_one_is_named_by_itself(nodes: Nodes, what: str) -> None:
    shelter, police, board = nodes
    damage, code = DAMAGED[what]
    round_id = agree(board, shelter, police)
    first, second, third = (message(police, shelter, round_id, number) for number in range(1, 4))
    bad = damage(police, shelter, second)
    assert police.parts.carrier.deliver_batch([first, bad, third]) == 1
    assert stored(shelter, round_id) == 1
    assert shelter.state(round_id) == "agreed", "a batch blames nobody"
    with pytest.raises(PeerRefused) as refused:
        police.parts.carrier.deliver(bad)
    assert refused.value.reason == code
    assert shelter.state(round_id) == "failed"
    assert police.parts.carrier.deliver_batch([first, third]) == 0, "the round is over: each is answered by itself"


@pytest.mark.tm("TM-272")
def test_of_another_than_the_other_side_nothing_is_taken(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police, board = nodes
    round_id = agree(police, shelter, police)  # the board is no party of it
    batch = [message(board, shelter, round_id, number) for number in (1, 2)]
    with pytest.raises(PeerRefused) as refused:
        board.parts.carrier.deliver_batch(batch)
    assert refused.value.reason == NotAllowed.code
    convened = agree(board, shelter, police)  # here it is, but holds no records
    assert board.parts.carrier.deliver_batch([message(board, shelter, convened, number) for number in (1, 2)]) == 0
    assert stored(shelter, round_id) == stored(shelter, convened) == 0
    # The sabotaged twin: without what is asked of each, the convener speaks in the round.
    monkeypatch.setattr(Reception, "_take", _take_anything)
    assert board.parts.carrier.deliver_batch([message(board, shelter, convened, number) for number in (1, 2)]) == 2


def _take_anything(*_arguments: object) -> ReceiptKind:
    return ReceiptKind.ACCEPTED


@pytest.mark.tm("TM-272")
def test_of_an_unknown_round_nothing_is_taken(nodes: Nodes) -> None:
    shelter, police, _board = nodes
    batch = [message(police, shelter, "0" * 32, number) for number in (1, 2)]
    assert police.parts.carrier.deliver_batch(batch) == 0
    assert police.parts.carrier.deliver(batch[0]) is ReceiptKind.RETRY_LATER
