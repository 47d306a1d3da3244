"""The three calls of a relay, from a node's side, over real TLS on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import Busy, NotAllowed, PeerRefused, PeerUnreachable
from node.relay.running import RelayParts
from node.transport import relay as transport
from node.wire.envelope import Envelope
from node.wire.parcels import MAX_PARCELS_PER_CALL, Parcel
from tests.support.offices import Office
from tests.support.relays import client, fake_parcel, offices, parcel, relay, take_in


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Office]]:
    """Alpha, Beta and Gamma know each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with offices(tmp_path_factory.mktemp("three"), "Alpha", "Beta", "Gamma") as made:
            yield made


class Stage:
    def __init__(self, alpha: Office, beta: Office, gamma: Office, parts: RelayParts) -> None:
        self.alpha, self.beta, self.gamma, self.parts = alpha, beta, gamma, parts
        self.alphas, self.betas = client(alpha, parts), client(beta, parts)

    def lying(self) -> int:
        return self.parts.mailbox.totals().parcels


@pytest.fixture
def stage(tmp_path: Path, three: list[Office]) -> Iterator[Stage]:
    """A new relay that serves Alpha and Beta, and not Gamma."""
    alpha, beta, gamma = three
    limits = "pair_parcels = 10\npair_mib = 2"
    with relay(tmp_path / "relay", alpha, beta, clock=alpha.clock, settings=limits) as parts:
        made = Stage(alpha, beta, gamma, parts)
        yield made
        made.alphas.close()
        made.betas.close()


def test_what_is_put_is_taken_in_order_and_stays_until_it_is_done(stage: Stage) -> None:
    sent = [parcel(stage.alpha, stage.beta, sequence=number) for number in range(1, 6)]
    assert stage.alphas.put(sent) == 5
    for _ in range(2):
        taken = stage.betas.take(100)
        assert [one.envelope for one in taken] == [one.envelope for one in sent]
        assert [one.number for one in taken] == [1, 2, 3, 4, 5]
    assert {one.sender for one in taken} == {stage.alpha.identity.member_id}
    assert [one.number for one in stage.betas.take(2)] == [1, 2]
    stage.betas.done([2, 1, 2])
    stage.betas.done([2, 1, 99])
    assert [one.number for one in stage.betas.take(100)] == [3, 4, 5]
    assert stage.alphas.take(100) == []
    stage.betas.done([3, 4, 5])
    assert stage.lying() == 0


def test_receipts_travel_as_envelopes_do(stage: Stage) -> None:
    sent = Parcel(stage.beta.identity.member_id, stage.alpha.identity.member_id, receipts=b"signed receipts")
    assert stage.betas.put([sent]) == 1
    (taken,) = stage.alphas.take(1)
    assert (taken.receipts, taken.envelope, taken.sender) == (b"signed receipts", b"", sent.sender)


def test_the_same_twice_lies_there_once(stage: Stage) -> None:
    one = parcel(stage.alpha, stage.beta)
    assert [stage.alphas.put([one]), stage.alphas.put([one, one])] == [1, 2]
    assert stage.lying() == 1
    stage.betas.done([1])
    assert stage.alphas.put([one]) == 1  # sent again after it was forgotten: the recipient's node knows it
    assert [taken.number for taken in stage.betas.take(9)] == [2]


def test_the_largest_envelope_fits(stage: Stage) -> None:
    from node.wire.envelope import MAX_PAYLOAD_BYTES

    assert stage.alphas.put([parcel(stage.alpha, stage.beta, bytes(MAX_PAYLOAD_BYTES))]) == 1
    (taken,) = stage.betas.take(1)
    assert len(Envelope.from_bytes(taken.envelope).payload) == MAX_PAYLOAD_BYTES


def test_a_call_carries_so_much_and_the_rest_goes_with_the_next(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PUT_BYTES", 2000)
    sent = [parcel(stage.alpha, stage.beta, bytes(900), number) for number in range(1, 6)]
    assert stage.alphas.put(sent) == 2
    assert stage.alphas.put(sent[2:]) == 2
    assert stage.alphas.put(sent[4:]) == 1
    assert stage.alphas.put([]) == 0
    assert [one.envelope for one in stage.betas.take(9)] == [one.envelope for one in sent]


def test_no_more_parcels_in_a_call_than_a_call_carries(stage: Stage) -> None:
    sent = [parcel(stage.alpha, stage.beta)] * (MAX_PARCELS_PER_CALL + 5)
    assert stage.alphas.put(sent) == MAX_PARCELS_PER_CALL


def test_a_full_pair_is_busy_and_what_fits_is_kept(stage: Stage) -> None:
    sent = [parcel(stage.alpha, stage.beta, sequence=number) for number in range(1, 13)]
    assert stage.alphas.put(sent) == 10
    with pytest.raises(Busy, match="has not come for it") as caught:
        stage.alphas.put(sent[10:])
    assert "tried again" in caught.value.advice
    assert stage.alphas.put(sent[:3]) == 3  # lies there already: no room is needed
    assert stage.betas.put([parcel(stage.beta, stage.alpha)]) == 1  # the other direction has its own room
    stage.betas.done([1])
    assert stage.alphas.put(sent[10:]) == 1


def test_a_recipient_that_is_not_served_stops_nothing_before_it(stage: Stage) -> None:
    good, bad = parcel(stage.alpha, stage.beta), parcel(stage.alpha, stage.gamma)
    assert stage.alphas.put([good, bad]) == 1
    with pytest.raises(PeerRefused, match="does not serve the recipient") as caught:
        stage.alphas.put([bad])
    assert caught.value.reason == "unknown-recipient"
    stage.parts.members.admit(stage.gamma.card_file)
    assert stage.alphas.put([bad]) == 1


def test_a_recipient_that_is_no_member_of_ours_gets_nothing(stage: Stage) -> None:
    stage.alpha.book.remove("beta", "Ada")
    with pytest.raises(NotAllowed):
        stage.alphas.put([parcel(stage.alpha, stage.beta)])
    assert stage.lying() == 0
    stage.alpha.trust(stage.beta)


def test_who_is_not_admitted_is_told_what_to_do(stage: Stage) -> None:
    take_in(stage.gamma, stage.parts.keys.signed_card.to_bytes())
    gammas = client(stage.gamma, stage.parts)
    with pytest.raises(PeerUnreachable, match="has not admitted this node") as caught:
        gammas.take(1)
    assert "blindmatch card export" in caught.value.advice
    stage.parts.members.admit(stage.gamma.card_file)
    assert gammas.take(1) == []
    stage.parts.members.remove("gamma")
    with pytest.raises(PeerRefused, match="not a confirmed member here"):
        gammas.take(1)
    gammas.close()


def test_a_relay_that_we_removed_is_not_called(stage: Stage) -> None:
    assert stage.alphas.take(1) == []
    stage.alpha.book.remove(stage.parts.keys.signed_card.card.member_id, "Ada")
    for call in (
        lambda: stage.alphas.take(1),
        lambda: stage.alphas.done([1]),
        lambda: stage.alphas.put([parcel(stage.alpha, stage.beta)]),
    ):
        with pytest.raises(NotAllowed, match="not a confirmed member of this node"):
            call()


def test_bytes_that_do_not_open_are_forgotten_and_stop_nothing(stage: Stage) -> None:
    sender, recipient = stage.alpha.identity.member_id, stage.beta.identity.member_id
    stage.parts.mailbox.put([fake_parcel(sender, recipient, 1), fake_parcel(sender, recipient, 2)])
    assert stage.alphas.put([parcel(stage.alpha, stage.beta)]) == 1
    assert [one.number for one in stage.betas.take(10)] == [3]
    assert stage.lying() == 1


def test_a_relay_that_is_down_and_one_with_another_key(stage: Stage, tmp_path: Path) -> None:
    with relay(tmp_path / "second", stage.alpha, clock=stage.alpha.clock) as second:
        alphas = client(stage.alpha, second)
        assert alphas.take(1) == []
        endpoint = second.keys.signed_card.card.endpoint
    with pytest.raises(PeerUnreachable, match="Nobody listens"):
        alphas.take(1)
    alphas.close()
    third = relay(
        tmp_path / "third", stage.alpha, clock=stage.alpha.clock, adapt=lambda parts: _listen(parts, endpoint)
    )
    with third, pytest.raises(PeerUnreachable, match="does not have the certificate"):
        alphas.take(1)
    alphas.close()


def _listen(parts: RelayParts, endpoint: str) -> None:
    section = parts.settings.relay.model_copy(update={"listen": endpoint})
    parts.settings = parts.settings.model_copy(update={"relay": section})


@pytest.mark.parametrize(("days", "why"), [(1200, "ran out on"), (-30, "is only valid from")])
def test_certificates_out_of_their_time_are_named(stage: Stage, days: int, why: str) -> None:
    assert isinstance(stage.alpha.clock, ManualClock)
    stage.alpha.clock.advance(days * 24 * 3600)
    with pytest.raises(PeerUnreachable, match=f"certificate of this node {why}"):
        stage.alphas.take(1)
    stage.alpha.clock.advance(-days * 24 * 3600)


def test_what_a_relay_counts(stage: Stage) -> None:
    one = parcel(stage.alpha, stage.beta)
    stage.alphas.put([one, one])
    stage.betas.take(5)
    stage.betas.done([1])
    with pytest.raises(PeerRefused):
        stage.alphas.put([parcel(stage.alpha, stage.gamma)])
    counted = stage.parts.counters.as_dict()
    assert counted == {"stored": 1, "known": 1, "shown": 1, "done": 1, "turned_away": 1, "expired": 0}
