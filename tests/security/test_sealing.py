"""Who carries the messages of a round reads nothing of them, then or later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.agreement.manifest import SIGN_LABEL
from node.errors import NotAllowed, PeerRefused
from node.rounds.parties import write_note
from node.rounds.seals import Seals
from node.wire import sealing
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.sealing import Place, open_message, round_key
from psi.secret import SecretBytes
from tests.support.carriers import Meddled, meddle
from tests.support.inside import by_hand, inside, look_inside
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import agree, check, decide, go, knows, run_through
from tests.support.two_nodes import two

Pair = tuple[Running, Running]

SHORTEST = 16
"""Bytes: shorter contents would stand somewhere by chance."""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with two(tmp_path) as nodes:
        yield nodes


def readable(carried: list[Envelope]) -> set[str]:
    """The kinds of messages of which a carrier can read any part of SHORTEST bytes or more. Sender, recipient and round
    stand on the outside as well."""
    found = set()
    for envelope in carried:
        said, seen = inside(envelope), envelope.payload
        if any(said[at : at + SHORTEST] in seen for at in range(max(1, len(said) - SHORTEST + 1))):
            found.add(envelope.kind.name)
    return found


def carriers_of(pair: Pair) -> list[Meddled]:
    return [meddle(node.parts) for node in pair]


@pytest.mark.tm("TM-109")
def test_a_carrier_reads_nothing_of_a_whole_round(pair: Pair) -> None:
    shelter, police = pair
    carriers = carriers_of(pair)
    run_through(police, shelter, police)
    carried = [envelope for carrier in carriers for envelope in carrier.sent]
    assert {envelope.kind.name for envelope in carried} >= {"PROPOSAL", "SIGNATURE", "START", "STATUS", "ROUND"}
    assert readable(carried) == set()


@pytest.mark.tm("TM-109")
def test_without_seals_it_would(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: the same round and the same search."""
    shelter, police = pair
    monkeypatch.setattr(sealing, "seal_note", lambda _key, _place, said: bytes(said))
    monkeypatch.setattr(sealing, "seal_message", lambda _key, _place, said: bytes(said))
    look_inside()
    monkeypatch.setattr(Seals, "open", lambda _self, envelope: envelope.payload)
    carriers = carriers_of(pair)
    run_through(police, shelter, police)
    carried = [envelope for carrier in carriers for envelope in carrier.sent]
    assert readable(carried) == {"PROPOSAL", "SIGNATURE", "START", "STATUS", "ROUND", "WITNESS"}


@pytest.mark.tm("TM-111")
def test_what_was_recorded_does_not_open_once_the_round_is_over(pair: Pair) -> None:
    """With everything that lies at its recipient. The twin: a copy of the secret from before would open it."""
    shelter, police = pair
    carrier = meddle(police.parts)
    round_id = agree(police, shelter, police)
    go(police, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    kept = shelter.parts.book.round_secret(round_id)
    assert kept is not None
    recorded = [one for one in carrier.sent if one.kind is EnvelopeKind.ROUND]
    opened = [shelter.parts.negotiation.seals.open(one) for one in recorded]
    assert len(opened) >= 3
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    for node in pair:
        assert node.parts.book.round_secret(round_id) is None
    for envelope in recorded:
        with pytest.raises(NotAllowed, match="no key"):
            shelter.parts.negotiation.seals.open(envelope)
    assert [open_message(kept, one.place, one.payload) for one in recorded] == opened


@pytest.mark.parametrize("end", ["cancel", "refuse"])
def test_however_a_round_ends_its_key_goes(pair: Pair, end: str) -> None:
    shelter, police = pair
    round_id = agree(police, shelter, police)
    assert shelter.parts.book.round_secret(round_id) is not None
    shelter.ask(f"round.{end}", round=round_id, by="ada")
    wait_for(lambda: police.parts.book.get(round_id).over)
    assert [node.parts.book.round_secret(round_id) for node in pair] == [None, None]


def proposed(pair: Pair) -> str:
    shelter, police = pair
    settings = {"match": [{"kind": "phone", "per_record": 1}]}
    made = police.ask("round.propose", template="J1", members=["shelter", "me"], settings=settings, by="carl")
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(shelter, round_id))
    wait_for(lambda: not police.parts.outbox.recipients(round_id))
    return round_id


def send(
    sender: Running, recipient: Running, round_id: str, kind: EnvelopeKind, payload: bytes, at: int
) -> ReceiptKind:
    to = recipient.parts.identity.member_id
    made = by_hand(sender.parts, round_id=round_id, recipient=to, sequence=at, kind=kind, payload=payload)
    return sender.parts.carrier.deliver(made)


@pytest.mark.tm("TM-112")
@pytest.mark.parametrize("spoilt", ["another key", "a key of small order", "no key"])
def test_a_key_that_was_not_signed_or_is_none_is_blamed(pair: Pair, spoilt: str) -> None:
    shelter, police = pair
    round_id = proposed(pair)
    found, identity = police.parts.book.get(round_id), police.parts.identity
    secret = police.parts.negotiation.seals.new_secret()
    key = round_key(secret)
    if spoilt == "a key of small order":
        key = key[:-32] + bytes(32)
    if spoilt == "no key":
        key = b""
    signature = identity.sign(SIGN_LABEL, found.manifest.accepted_with(key))
    if spoilt == "another key":
        key = round_key(police.parts.negotiation.seals.new_secret())
    send(police, shelter, round_id, EnvelopeKind.SIGNATURE, signature + key, 2)
    wait_for(lambda: shelter.state(round_id) == "failed")
    assert shelter.parts.book.get(round_id).blamed == identity.member_id
    code = "bad-signature" if spoilt == "another key" else "malformed-message"
    assert shelter.parts.book.get(round_id).failure_code == code


@pytest.mark.tm("TM-113")
def test_a_note_for_an_older_card_is_nobodys_fault(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police = pair
    round_id = agree(police, shelter, police)
    honest = sealing.seal_note
    with monkeypatch.context() as patch:
        other = police.parts.identity.sealing_public_key
        patch.setattr(sealing, "seal_note", lambda _key, place, said: honest(other, place, said))
        with pytest.raises(PeerRefused, match="not sealed for the card"):
            send(police, shelter, round_id, EnvelopeKind.STATUS, write_note("running"), 3)
    assert shelter.state(round_id) == "agreed"
    assert "peer-blamed" not in shelter.events()
    go(police, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    check(shelter, police, round_id)


@pytest.mark.tm("TM-113")
def test_a_message_that_was_sealed_for_another_key_is_its_senders_fault(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, police = pair
    round_id = agree(police, shelter, police)
    honest, other = sealing.seal_message, police.parts.negotiation.seals.new_secret()

    def elsewhere(key: bytes, place: Place, said: bytes) -> bytes:
        return honest(round_key(other) if place.sender == police.parts.identity.member_id else key, place, said)

    monkeypatch.setattr(sealing, "seal_message", elsewhere)
    go(police, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "failed")
    found = shelter.parts.book.get(round_id)
    assert (found.failure_code, found.blamed) == ("malformed-message", police.parts.identity.member_id)


def test_secrets_are_fresh_for_each_round(pair: Pair) -> None:
    shelter, police = pair
    rounds = [agree(police, shelter, police), agree(police, shelter, police)]
    keys = {verdict.round_key for round_id in rounds for verdict in shelter.parts.book.verdicts(round_id)}
    assert len(keys) == 4
    assert isinstance(shelter.parts.book.round_secret(rounds[0]), SecretBytes)
