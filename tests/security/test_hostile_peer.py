"""A peer with a pinned, valid certificate that breaks the rules: refused, blamed by name, and nobody else is hurt.

Two ways to cheat. In the first, a whole honest node runs and one of its messages is changed on its way out and signed
anew with its key, so that everything before the cheat is right. In the second, envelopes are made by hand. After all
of it the same two nodes run an honest round.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select

from node.agreement.manifest import Manifest
from node.ids import new_id
from node.rounds import negotiation, reception
from node.rounds.book import round_id_of
from node.rounds.mailbox import MOST_NOTES, PROTOCOL_LINE
from node.rounds.parties import MAX_NOTE_BYTES, write_note
from node.store.schema import audit_entries, inbox
from node.transport.explain import PeerRefused
from node.wire import strict_json
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from psi.group import ELEMENT_BYTES
from psi.messages import Blinded, Checkpoint, Close, Count, Evaluated, Message, Open, Released, decode
from psi.protocol import receiving
from tests.support.attacks import BIT_255, NOT_AN_ELEMENT, no_check
from tests.support.carriers import Deliver, meddle
from tests.support.inside import by_hand as made_by_hand
from tests.support.inside import inside
from tests.support.nodes import Running, three, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import agree, decide, go, knows, learned, plant, run_through

Nodes = tuple[Running, Running, Running]
Cheat = Callable[[Any], Message | bytes]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        folder = tmp_path_factory.mktemp("hostile")
        with three(folder, "[limits]\ninbox_messages = 10\n") as running:
            plant(folder, *running[:2])
            yield running


def facts(node: Running, event: str, round_id: str | None = None) -> list[dict[str, Any]]:
    """The facts of all entries with this event, of one round or of none."""
    entries: list[dict[str, Any]] = []
    while shown := node.ask("audit.show", first=len(entries), limit=1000)["entries"]:
        entries += shown
    return [e["facts"] for e in entries if e["event"] == event and e["facts"].get("round_id") == round_id]


def refused(victim: Running, cheat: Running, round_id: str, code: str) -> None:
    """The round is over at the victim, by the cheat's fault, and nothing was learned or given away after it."""
    wait_for(lambda: victim.state(round_id) == "failed")
    shown = victim.ask("round.status", round=round_id)["round"]
    card = cheat.parts.identity.signed_card.card
    assert shown["blamed"] in (card.name, card.member_id)
    assert shown["failure"]
    assert "." in shown["failure"]
    peer = cheat.parts.identity.member_id
    assert facts(victim, "round-failed", round_id) == [{"round_id": round_id, "peer": peer, "code": code}]
    blames = facts(victim, "peer-blamed", round_id) + facts(victim, "peer-blamed")
    assert any({"peer": peer, "code": code}.items() <= blame.items() for blame in blames)
    assert not facts(victim, "release-sent", round_id)
    with victim.parts.store.read() as connection:
        row = connection.exec_driver_sql(
            "select scalar, snapshot, decision from rounds where round_id = ?", (round_id,)
        ).one()
    assert tuple(row) == (None, None, None)


# First way: one message of an honest node is changed.


def swap_rows(message: Blinded) -> Message:
    rows = message.elements
    first, second = rows[:ELEMENT_BYTES], rows[ELEMENT_BYTES : 2 * ELEMENT_BYTES]
    return dataclasses.replace(message, elements=second + first + rows[2 * ELEMENT_BYTES :])


def put_row(element: bytes, at: int = 0) -> Cheat:
    def change(message: Blinded | Evaluated) -> Message:
        rows = bytearray(message.elements)
        rows[at * ELEMENT_BYTES : (at + 1) * ELEMENT_BYTES] = element
        parts = [bytes(rows[start : start + ELEMENT_BYTES]) for start in range(0, len(rows), ELEMENT_BYTES)]
        ordered = sorted(parts) if isinstance(message, Blinded) else parts
        return dataclasses.replace(message, elements=b"".join(ordered))

    return change


def flip(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def unsigned(message: Open) -> Checkpoint:
    return dataclasses.replace(message.checkpoint, signature=bytes(64))


def other_row(message: Released) -> Message:
    first, *rest = message.items
    return dataclasses.replace(message, items=(dataclasses.replace(first, index=first.index ^ 1), *rest))


def endless_log(message: Any) -> Any:
    """A checkpoint of 2^63 entries: the field can carry it, no database can."""
    return dataclasses.replace(message, checkpoint=dataclasses.replace(message.checkpoint, tree_size=1 << 63))


BY_SECOND: dict[str, tuple[type[Message], Cheat, str]] = {
    "an element that is none": (Blinded, put_row(NOT_AN_ELEMENT), "invalid-element"),
    "an element with bit 255": (Blinded, put_row(BIT_255, 63), "invalid-element"),
    "the identity": (Blinded, put_row(bytes(32)), "invalid-element"),
    "out of order": (Blinded, swap_rows, "list-out-of-order"),
    "too few": (Blinded, lambda m: dataclasses.replace(m, elements=m.elements[:-32]), "wrong-count"),
    "too many": (Blinded, lambda m: dataclasses.replace(m, elements=m.elements + b"\xff" * 32), "wrong-count"),
    "chunks out of order": (Blinded, lambda m: dataclasses.replace(m, chunk=1), "unexpected-message"),
    "a log of impossible length": (Open, endless_log, "malformed-message"),
    "another list": (Open, lambda m: dataclasses.replace(m, commitment=flip(m.commitment)), "broken-commitment"),
    "a wrong proof": (Evaluated, lambda m: dataclasses.replace(m, proof=bytes(63) + b"\x01"), "bad-proof"),
    "an answer that is no element": (Evaluated, put_row(NOT_AN_ELEMENT), "invalid-element"),
    "too few answers": (Evaluated, lambda m: dataclasses.replace(m, elements=m.elements[:-32]), "wrong-count"),
    "another agreement": (Open, lambda m: dataclasses.replace(m, agreement=flip(m.agreement)), "wrong-party"),
    "another run": (Open, lambda m: dataclasses.replace(m, run=flip(m.run)), "wrong-party"),
    "another name": (Open, lambda m: dataclasses.replace(m, sender=m.recipient), "wrong-party"),
    "another suite": (Open, lambda m: dataclasses.replace(m, suite="p256-SHA256"), "version-mismatch"),
    "another size": (Open, lambda m: dataclasses.replace(m, size=128), "wrong-count"),
    "an unsigned checkpoint": (Open, lambda m: dataclasses.replace(m, checkpoint=unsigned(m)), "bad-signature"),
    "another version": (Open, lambda m: flip(m.encode(), 0), "version-mismatch"),
    "garbage": (Blinded, lambda m: m.encode()[:40] + b"garbage", "malformed-message"),
    "out of turn": (Blinded, lambda _m: Released(0, True, ()), "unexpected-message"),
}  # fmt: skip


def cheating(node: Running, kind: type[Message], cheat: Cheat) -> Any:
    """The node's first message of this type leaves changed, under its own signature."""
    done: list[Envelope] = []

    def trick(envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        if envelope.kind is not EnvelopeKind.ROUND:
            return deliver(envelope)
        message = decode(inside(envelope))
        if isinstance(message, kind) and not done:
            changed = cheat(message)
            payload = changed if isinstance(changed, bytes) else changed.encode()
            done.append(sealed(node, envelope, payload))
        same = done and done[0].sequence == envelope.sequence and done[0].round_id == envelope.round_id
        return deliver(done[0] if same else envelope)

    return meddle(node.parts, trick)


def sealed(node: Running, like: Envelope, payload: bytes) -> Envelope:
    return made_by_hand(
        node.parts,
        round_id=like.round_id,
        recipient=like.recipient,
        sequence=like.sequence,
        kind=like.kind,
        payload=payload,
    )


@pytest.mark.tm("TM-43")
@pytest.mark.parametrize("name", BY_SECOND)
def test_a_cheat_of_the_side_that_answers_first(nodes: Nodes, name: str) -> None:
    shelter, police, board = nodes
    kind, cheat, code = BY_SECOND[name]
    round_id = agree(board, shelter, police)
    carrier = cheating(police, kind, cheat)
    try:
        go(board, round_id)
        refused(shelter, police, round_id, code)
        assert learned(shelter, round_id) == learned(police, round_id) == []
        wait_for(lambda: police.state(round_id) == board.state(round_id) == "failed")
    finally:
        police.parts.engine.post.carrier = carrier.honest


BY_FIRST: dict[str, tuple[type[Message], Cheat, str]] = {
    "a log of impossible length at the end": (Close, endless_log, "malformed-message"),
    "a count outside the bands": (Count, lambda m: dataclasses.replace(m, low=2, high=2), "wrong-count"),
    "another count than signed": (Count, lambda m: dataclasses.replace(m, low=0, high=0), "bad-signature"),
    "a release of another row": (Released, other_row, "bad-proof"),
    "a release twice": (Released, lambda m: dataclasses.replace(m, items=(m.items[0], m.items[0])), "forged-release"),
    "another closing": (Close, lambda m: dataclasses.replace(m, transcript=flip(m.transcript)), "transcript-mismatch"),
}  # fmt: skip


@pytest.mark.tm("TM-43")
@pytest.mark.parametrize("name", BY_FIRST)
def test_a_cheat_of_the_side_that_learns_first(nodes: Nodes, name: str) -> None:
    shelter, police, board = nodes
    kind, cheat, code = BY_FIRST[name]
    round_id = agree(board, shelter, police)
    carrier = cheating(shelter, kind, cheat)
    try:
        go(board, round_id)
        if kind is not Count:
            decide(shelter, round_id)
        refused(police, shelter, round_id, code)
        if kind is Released:
            assert learned(police, round_id) == []
    finally:
        shelter.parts.engine.post.carrier = carrier.honest


def test_without_the_check_of_order_the_cheat_would_pass(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin of both tests: the same message, and nobody is blamed for it."""
    shelter, police, board = nodes
    monkeypatch.setattr(receiving, "first_disorder", no_check)
    round_id = agree(board, shelter, police)
    carrier = cheating(police, Blinded, swap_rows)
    try:
        go(board, round_id)
        with pytest.raises(AssertionError):
            refused(shelter, police, round_id, "list-out-of-order")
    finally:
        police.parts.engine.post.carrier = carrier.honest


# Second way: envelopes by hand.


def propose(nodes: Nodes) -> str:
    """A round that both know and nobody has signed."""
    shelter, police, board = nodes
    settings = {"match": [{"kind": "phone", "per_record": 1}]}
    made = board.ask("round.propose", template="J1", members=["shelter", "police"], settings=settings, by="carl")
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(shelter, round_id) and knows(police, round_id))
    return round_id


def by_hand(
    sender: Running, victim: Running, round_id: str, kind: EnvelopeKind, payload: bytes, sequence: int = 1
) -> ReceiptKind:
    return sender.parts.carrier.deliver(
        made_by_hand(
            sender.parts,
            round_id=round_id,
            recipient=victim.parts.identity.member_id,
            sequence=sequence,
            kind=kind,
            payload=payload,
        )
    )


NOTES: dict[str, tuple[EnvelopeKind, bytes, str]] = {
    "a note that is no JSON": (EnvelopeKind.STATUS, b"{", "malformed-message"),
    "a note in another spelling": (EnvelopeKind.STATUS, b'{"state":"running","code":""}', "malformed-message"),
    "a note of nested lists": (EnvelopeKind.STATUS, b"[" * 1000, "malformed-message"),
    "a state that no round has": (EnvelopeKind.STATUS, write_note("enlightened"), "malformed-message"),
    "a word that no log takes": (EnvelopeKind.STATUS, write_note("failed", "-"), "malformed-message"),
    "a word that is no word": (EnvelopeKind.CANCEL, write_note("a--b"), "malformed-message"),
    "an identifier in a note": (EnvelopeKind.STATUS, write_note("failed", "+4915112345678"), "malformed-message"),
    "a start by one who does not convene": (EnvelopeKind.START, write_note("started"), "unexpected-message"),
    "the proposal once more": (EnvelopeKind.PROPOSAL, b"{}", "unexpected-message"),
    "something that is no signature": (EnvelopeKind.SIGNATURE, b"yes", "malformed-message"),
    "a signature over something else": (EnvelopeKind.SIGNATURE, bytes(64), "bad-signature"),
}


@pytest.mark.tm("TM-44")
@pytest.mark.parametrize("name", NOTES)
def test_a_note_that_no_honest_node_sends(nodes: Nodes, name: str) -> None:
    shelter, police, _board = nodes
    kind, payload, code = NOTES[name]
    round_id = propose(nodes)
    assert by_hand(police, shelter, round_id, kind, payload) is ReceiptKind.ACCEPTED
    refused(shelter, police, round_id, code)


@pytest.mark.tm("TM-44")
@pytest.mark.parametrize(("code", "said"), [("deadline", "deadline"), ("anna", "without a reason")])
def test_only_a_reason_of_our_own_list_is_repeated(nodes: Nodes, code: str, said: str) -> None:
    """Else a peer could put a word of its choice, a name perhaps, into our sentences and our log."""
    shelter, police, _board = nodes
    round_id = propose(nodes)
    by_hand(police, shelter, round_id, EnvelopeKind.STATUS, write_note("failed", code))
    wait_for(lambda: shelter.parts.book.get(round_id).over)
    failure = shelter.parts.book.get(round_id).failure_sentence or ""
    assert f"({said})" in failure
    entries = [entry for entry in shelter.parts.audit.entries() if entry.facts.get("round_id") == round_id]
    assert [entry.facts["code"] for entry in entries if entry.event == "round-failed"] == [
        code if said == code else "unknown"
    ]


@pytest.mark.tm("TM-44")
def test_what_is_judged_at_the_door(nodes: Nodes) -> None:
    """These are not even stored: the sender is told, and the round ends."""
    shelter, police, board = nodes
    note = write_note("running")

    def twice(round_id: str) -> None:
        by_hand(police, shelter, round_id, EnvelopeKind.STATUS, note)
        by_hand(police, shelter, round_id, EnvelopeKind.STATUS, write_note("deciding"))

    cases: dict[str, tuple[Running, Callable[[str], object]]] = {
        "changed-answer": (police, twice),
        "malformed-message": (
            police,
            lambda r: by_hand(police, shelter, r, EnvelopeKind.STATUS, bytes(MAX_NOTE_BYTES + 1)),
        ),
        "unexpected-message": (
            board,
            lambda r: by_hand(board, shelter, r, EnvelopeKind.ROUND, b"x", PROTOCOL_LINE + 1),
        ),
    }
    for code, (cheat, send) in cases.items():
        round_id = propose(nodes)
        with pytest.raises(PeerRefused) as caught:
            send(round_id)
        assert caught.value.reason == code
        refused(shelter, cheat, round_id, code)
    for sequence, kind in ((0, EnvelopeKind.STATUS), (PROTOCOL_LINE + 1, EnvelopeKind.STATUS), (1, EnvelopeKind.ROUND)):
        round_id = propose(nodes)
        if kind is EnvelopeKind.ROUND:  # too early for any message of the protocol
            assert by_hand(police, shelter, round_id, kind, b"x", sequence) is ReceiptKind.RETRY_LATER
        else:
            with pytest.raises(PeerRefused):
                by_hand(police, shelter, round_id, kind, note, sequence)
            refused(shelter, police, round_id, "malformed-message")


@pytest.mark.tm("TM-44")
def test_a_second_signature_or_start_ends_the_round(nodes: Nodes) -> None:
    shelter, police, board = nodes
    round_id = propose(nodes)
    sign(police, round_id, "files")
    wait_for(lambda: len(shelter.parts.book.verdicts(round_id)) == 1)
    verdict = police.parts.book.verdicts(round_id)[0]
    assert verdict.round_key is not None
    signature = verdict.signature + verdict.round_key
    assert by_hand(police, shelter, round_id, EnvelopeKind.SIGNATURE, signature, 2) is ReceiptKind.ACCEPTED
    refused(shelter, police, round_id, "unexpected-message")
    round_id = propose(nodes)
    for sequence in (2, 3):
        by_hand(board, shelter, round_id, EnvelopeKind.START, write_note("started"), sequence)
    refused(shelter, board, round_id, "unexpected-message")


@pytest.mark.tm("TM-45")
def test_a_proposal_that_is_not_the_senders_to_make(nodes: Nodes) -> None:
    shelter, police, _board = nodes
    theirs = shelter.parts.book.get(propose(nodes)).manifest.canonical()
    for payload, code in ((b"{}", "malformed-message"), (bytes(70_000), "malformed-message"), (theirs, "wrong-party")):
        round_id = new_id(shelter.parts.random_bytes)
        with pytest.raises(PeerRefused) as caught:
            by_hand(police, shelter, round_id, EnvelopeKind.PROPOSAL, payload)
        assert caught.value.reason == code
        assert facts(shelter, "peer-blamed")[-1] == {"peer": police.parts.identity.member_id, "code": code}
        assert not knows(shelter, round_id)


# Floods.


def rows(node: Running, round_id: str | None = None) -> int:
    query = select(func.count()).select_from(inbox)
    if round_id is not None:
        query = query.where(inbox.c.round_id == round_id)
    with node.parts.store.read() as connection:
        return int(connection.execute(query).scalar_one())


def entries(node: Running) -> int:
    with node.parts.store.read() as connection:
        return int(connection.execute(select(func.count()).select_from(audit_entries)).scalar_one())


@pytest.mark.tm("TM-46")
def test_a_flood_of_early_messages_is_asked_to_come_later(nodes: Nodes) -> None:
    shelter, police, board = nodes
    round_id = agree(board, shelter, police)
    said = [
        by_hand(police, shelter, round_id, EnvelopeKind.ROUND, bytes(1000), PROTOCOL_LINE + 1 + n) for n in range(10)
    ]
    assert said.count(ReceiptKind.ACCEPTED) == reception.MOST_EARLY
    assert set(said[reception.MOST_EARLY :]) == {ReceiptKind.RETRY_LATER}
    board.ask("round.cancel", round=round_id, by="carl")
    wait_for(lambda: shelter.state(round_id) == "cancelled" and not shelter.parts.engine.inbox.waits(round_id))


@pytest.mark.tm("TM-46")
def test_one_sender_has_so_many_unread_envelopes_and_no_more(nodes: Nodes) -> None:
    """The limit is the sender's, over all rounds; another sender is not touched by it."""
    shelter, police, board = nodes
    ids = [agree(board, shelter, police) for _ in range(3)]
    said = [
        by_hand(police, shelter, round_id, EnvelopeKind.ROUND, bytes(1000), PROTOCOL_LINE + 1 + n)
        for round_id in ids
        for n in range(reception.MOST_EARLY)
    ]
    assert said.count(ReceiptKind.ACCEPTED) == 10  # limits.inbox_messages
    assert said[-1] is ReceiptKind.RETRY_LATER
    for round_id in ids:
        board.ask("round.cancel", round=round_id, by="carl")  # notes still get through
        wait_for(lambda round_id=round_id: shelter.state(round_id) == "cancelled")  # type: ignore[misc]


@pytest.mark.tm("TM-46")
def test_a_flood_of_notes_ends_the_round_and_then_costs_nothing(nodes: Nodes) -> None:
    shelter, police, _board = nodes
    round_id = propose(nodes)
    before = entries(shelter)
    for sequence in range(1, MOST_NOTES + 1):
        while by_hand(police, shelter, round_id, EnvelopeKind.STATUS, write_note("running"), sequence) is (
            ReceiptKind.RETRY_LATER
        ):
            pass
    with pytest.raises(PeerRefused):
        by_hand(police, shelter, round_id, EnvelopeKind.STATUS, write_note("running"), MOST_NOTES + 1)
    refused(shelter, police, round_id, "unexpected-message")
    held = rows(shelter)
    for sequence in range(50):
        by_hand(police, shelter, round_id, EnvelopeKind.ROUND, bytes(1000), PROTOCOL_LINE + 1 + sequence)
    assert rows(shelter) == held, "messages to a round that is over are kept"
    assert entries(shelter) - before <= 3


@pytest.mark.tm("TM-46")
def test_a_flood_of_proposals(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police, _board = nodes
    sent = count()

    def proposals() -> None:
        while next(sent) < 10:
            made = police.ask("round.propose", template="J1", members=["me", "shelter"], by="carl", dry_run=True)
            manifest = Manifest.parse(strict_json.canonical(made["manifest"]))
            round_id = round_id_of(manifest)
            by_hand(police, shelter, round_id, EnvelopeKind.PROPOSAL, manifest.canonical())
            wait_for(partial(knows, shelter, round_id))

    monkeypatch.setattr(negotiation, "MAX_ROUNDS_PER_CONVENER", 3)
    with pytest.raises(PeerRefused, match="rules of the other organisation"):
        proposals()
    assert next(sent) == 4
    before = entries(shelter)
    for _ in range(60):
        with pytest.raises(PeerRefused):
            by_hand(police, shelter, new_id(shelter.parts.random_bytes), EnvelopeKind.PROPOSAL, b"{}")
    assert entries(shelter) - before <= 20


@pytest.mark.tm("TM-46")
def test_without_the_limit_the_flood_would_fill_the_disk(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    shelter, police, board = nodes
    monkeypatch.setattr(reception, "MOST_EARLY", 1_000)
    monkeypatch.setattr(shelter.parts.engine.inbox, "_most_waiting", 1_000)
    round_id = agree(board, shelter, police)
    said = [
        by_hand(police, shelter, round_id, EnvelopeKind.ROUND, bytes(1000), PROTOCOL_LINE + 1 + n) for n in range(30)
    ]
    assert set(said) == {ReceiptKind.ACCEPTED}
    board.ask("round.cancel", round=round_id, by="carl")


@pytest.mark.tm("TM-47")
def test_after_all_that_an_honest_round_with_the_same_peer_runs(nodes: Nodes) -> None:
    """Last in this file: whatever was done above, the nodes are sound."""
    shelter, police, board = nodes
    run_through(board, shelter, police)
    for node in nodes:
        assert node.ask("audit.verify")["ok"]
