"""Everything that was ever said, said again.

An honest round is recorded as envelopes, which are signed and complete. Each of them is sent again: while the round
runs (see also `fault/test_lost_messages.py`), when it is over, to another member, after a restart. It is
known by the digest that the inbox keeps, or it is somebody else's; it never does anything twice.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from node.rounds.mailbox import Inbox
from node.rpc import peer
from node.transport.explain import PeerRefused
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from psi.messages import Open, decode
from psi.protocol import receiving
from tests.support.attacks import no_check
from tests.support.carriers import meddle
from tests.support.inside import by_hand, inside
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, go, plant, run_through


@dataclasses.dataclass
class Recording:
    """A finished round: what went from the police unit to the shelter."""

    folder: Path
    shelter: Running
    police: Running
    round_id: str
    envelopes: list[Envelope]
    stack: ExitStack

    def events(self) -> int:
        return len(self.shelter.events())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    folder = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class)
        shelters = stack.enter_context(ExitStack())
        shelter = shelters.enter_context(run(folder / "shelter", "shelter"))
        police = stack.enter_context(run(folder / "police", "police"))
        introduce(shelter, police)
        plant(folder, shelter, police)
        carrier = meddle(police.parts)
        round_id = run_through(police, shelter, police)
        wait_for(lambda: not police.parts.outbox.recipients(round_id))
        yield Recording(folder, shelter, police, round_id, list(carrier.sent), shelters)


def test_the_recording_holds_every_kind_of_message(recorded: Recording) -> None:
    kinds = {envelope.kind for envelope in recorded.envelopes}
    assert kinds >= {EnvelopeKind.PROPOSAL, EnvelopeKind.SIGNATURE, EnvelopeKind.START, EnvelopeKind.STATUS}
    said = [decode(inside(one)) for one in recorded.envelopes if one.kind is EnvelopeKind.ROUND]
    assert {type(message).__name__ for message in said} == {"Open", "Blinded", "Evaluated", "Close"}


@pytest.mark.tm("TM-55")
def test_after_the_round(recorded: Recording) -> None:
    before = recorded.events()
    for envelope in recorded.envelopes:
        assert recorded.police.parts.carrier.deliver(envelope) is ReceiptKind.ALREADY
    assert recorded.events() == before
    assert recorded.shelter.state(recorded.round_id) == "finished"


@pytest.mark.tm("TM-55")
def test_to_somebody_else(recorded: Recording) -> None:
    """What the police unit said to the shelter, shown to the police unit's own node by the shelter, and the reverse."""
    for envelope in recorded.envelopes:
        with pytest.raises(PeerRefused) as caught:
            recorded.shelter.parts.carrier.deliver(
                dataclasses.replace(envelope, recipient=recorded.police.parts.identity.member_id)
            )
        assert caught.value.reason == "wrong-party"  # not its sender's connection
        with pytest.raises(PeerRefused) as caught:
            recorded.police.parts.carrier.deliver(dataclasses.replace(envelope, round_id="0" * 32))
        assert caught.value.reason == "bad-signature"


@pytest.mark.tm("TM-55")
def test_without_the_check_of_its_frame_one_would_be_taken(
    recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: for whom an envelope is, and what its signature is over, does not count. Then one from its
    sender's own node is known by its digest where it was before, and nowhere else."""
    monkeypatch.setattr(peer, "check_frame", no_check)
    (proposal,) = [one for one in recorded.envelopes if one.kind is EnvelopeKind.PROPOSAL]
    elsewhere = dataclasses.replace(proposal, sequence=2)  # its own signature is over number 1
    carrier = recorded.police.parts.carrier
    assert carrier.deliver(proposal) is ReceiptKind.ALREADY
    assert carrier.deliver(dataclasses.replace(elsewhere, round_id="0" * 32)) is ReceiptKind.RETRY_LATER
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_to_somebody_else(recorded)


@pytest.mark.tm("TM-55")
def test_in_another_round_under_a_new_signature(recorded: Recording) -> None:
    """The sender itself repeats the opening of an old round in a new one: it names the old agreement."""
    assert [blame["code"] for blame in blames_of_a_repeated_opening(recorded)] == ["wrong-party"]


@pytest.mark.tm("TM-55")
def test_without_the_check_of_openings_only_its_checkpoint_would_tell(
    recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: the opening is taken, and the log that it tells of is shorter than one seen since."""

    def take(side: Any, message: Open) -> bool:
        side.record.openings[side.terms.place.other] = message.encode()
        return True

    monkeypatch.setitem(receiving.TAKERS, Open, (receiving.TAKERS[Open][0], take))
    assert [blame["code"] for blame in blames_of_a_repeated_opening(recorded)] == ["shrunken-log"]


def blames_of_a_repeated_opening(recorded: Recording) -> list[dict[str, Any]]:
    shelter, police = recorded.shelter, recorded.police
    old = next(
        inside(one)
        for one in recorded.envelopes
        if one.kind is EnvelopeKind.ROUND and isinstance(decode(inside(one)), Open)
    )

    def replay(envelope: Envelope, deliver: object) -> ReceiptKind:
        if envelope.kind is EnvelopeKind.ROUND:
            envelope = by_hand(
                police.parts,
                round_id=envelope.round_id,
                recipient=envelope.recipient,
                sequence=envelope.sequence,
                kind=envelope.kind,
                payload=old,
            )
        return deliver(envelope)  # type: ignore[operator, no-any-return]

    round_id = agree(police, shelter, police)
    carrier = meddle(police.parts, replay)
    try:
        go(police, round_id)
        wait_for(lambda: shelter.state(round_id) == "failed")
    finally:
        police.parts.engine.post.carrier = carrier.honest
    entries = shelter.ask("audit.show", limit=1000)["entries"]
    return [e["facts"] for e in entries if e["event"] == "peer-blamed" and e["facts"].get("round_id") == round_id]


@pytest.mark.tm("TM-55")
def test_after_a_restart(recorded: Recording) -> None:
    recorded.stack.close()
    with run(recorded.folder / "shelter", "shelter") as shelter:
        wait_for(lambda: shelter.parts.running)
        before = len(shelter.events())
        for envelope in recorded.envelopes:
            assert recorded.police.parts.carrier.deliver(envelope) is ReceiptKind.ALREADY
        assert len(shelter.events()) == before


@pytest.mark.tm("TM-55")
def test_without_the_digests_a_replay_would_be_taken(recorded: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin. Last in this file: the node is started again."""
    with run(recorded.folder / "shelter", "shelter"):
        monkeypatch.setattr(Inbox, "knows", lambda *_arguments: False)
        notes = [one for one in recorded.envelopes if one.kind is EnvelopeKind.START]
        assert recorded.police.parts.carrier.deliver(notes[0]) is ReceiptKind.ACCEPTED
