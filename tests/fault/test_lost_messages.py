"""Requests lost, answers lost, everything twice, or out of order: the same result.

Each trick is played on every envelope that either node sends in a round, so each message of a round is hit.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from node.errors import PeerUnreachable
from node.operations import Parts
from node.rounds.mailbox import Inbox
from node.store.schema import outbox
from node.wire.envelope import Envelope, ReceiptKind
from tests.support.carriers import Deliver, meddle
from tests.support.nodes import Running, three, wait_for
from tests.support.small_rounds import agree, check, go, plant, run_through

Key = tuple[str, str, int]
Trick = Callable[[Envelope, Deliver], ReceiptKind]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running, Running]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        patch.setattr("node.rounds.post.FIRST_PAUSE_SECONDS", 0.01)
        folder = tmp_path_factory.mktemp("lost")
        with three(folder) as running:
            plant(folder, *running[:2])
            yield running


def key(envelope: Envelope) -> Key:
    return envelope.round_id, envelope.recipient, envelope.sequence


class Faults:
    """Counts what it did, so that a test can say that every envelope was hit."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store, self._outbox = parts.store, parts.outbox
        self.hit: set[Key] = set()
        self._tried: set[Key] = set()
        self.receipts: list[ReceiptKind] = []

    def request_lost(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        if key(envelope) not in self.hit:
            self.hit.add(key(envelope))
            raise PeerUnreachable("The link went down.")
        return deliver(envelope)

    def answer_lost(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        receipt = deliver(envelope)
        self.receipts.append(receipt)
        if key(envelope) not in self.hit and receipt is not ReceiptKind.RETRY_LATER:
            self.hit.add(key(envelope))
            raise PeerUnreachable("The link went down.")
        return receipt

    def twice(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        receipt = deliver(envelope)
        if receipt is ReceiptKind.ACCEPTED:
            self.hit.add(key(envelope))
            self.receipts.append(deliver(envelope))
        return receipt

    def out_of_order(self, envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        """The first try is lost, so that more is made meanwhile. Then what was made last goes first."""
        if key(envelope) not in self._tried:
            self._tried.add(key(envelope))
            raise PeerUnreachable("The link went down.")
        behind = self._behind(envelope)
        for other in behind:
            self.receipts.append(deliver(other))
        receipt = deliver(envelope)
        if receipt is not ReceiptKind.RETRY_LATER:
            self.hit.add(key(envelope))
        for other in behind:
            deliver(other)
        return receipt

    def _behind(self, envelope: Envelope) -> list[Envelope]:
        query = (
            select(outbox)
            .where(
                outbox.c.round_id == envelope.round_id,
                outbox.c.recipient == envelope.recipient,
                outbox.c.sequence > envelope.sequence,
                outbox.c.acknowledged.is_(False),
            )
            .order_by(outbox.c.sequence.desc())
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        cells = self._store.cells
        return [
            Envelope.from_bytes(
                cells.unseal("outbox", f"{row.round_id}/{row.recipient}/{row.sequence}", "envelope", row.envelope)
            )
            for row in rows
        ]


# For what comes out of order there is no twin: the defence is one comparison inside `Inbox.put`, which no test can take
# out. That something was out of order, and was asked to come later, is asserted.
@pytest.mark.tm("TM-42")
@pytest.mark.parametrize("trick", ["request_lost", "answer_lost", "twice", "out_of_order"])
def test_a_bad_link_changes_nothing(nodes: tuple[Running, Running, Running], trick: str) -> None:
    shelter, police, board = nodes
    faults = [Faults(node.parts) for node in nodes]
    carriers = [meddle(node.parts, getattr(one, trick)) for node, one in zip(nodes, faults, strict=True)]
    try:
        round_id = run_through(board, shelter, police)
        wait_for(lambda: board.state(round_id) == "finished")
        wait_for(lambda: not any(node.parts.outbox.recipients(round_id) for node in nodes))
    finally:
        for node, carrier in zip(nodes, carriers, strict=True):
            node.parts.engine.post.carrier = carrier.honest
    for node, one in zip(nodes, faults, strict=True):
        sent = {(row.round_id, row.recipient, row.sequence) for row in rows_of(node, round_id)}
        assert one.hit == sent, "an envelope was spared"
    said = {receipt for one in faults for receipt in one.receipts}
    if trick in ("answer_lost", "twice"):
        assert ReceiptKind.ALREADY in said
    if trick == "out_of_order":
        assert ReceiptKind.RETRY_LATER in said, "nothing was ever out of order"
    for node in (shelter, police):
        events = node.ask("audit.show", limit=1000)["entries"]
        mine = [entry["event"] for entry in events if entry["facts"].get("round_id") == round_id]
        assert mine.count("budget-charged") == mine.count("round-closed") == mine.count("list-committed") == 1
        assert "peer-blamed" not in mine


def rows_of(node: Running, round_id: str) -> list[Envelope]:
    with node.parts.store.read() as connection:
        query = select(outbox.c.round_id, outbox.c.recipient, outbox.c.sequence).where(outbox.c.round_id == round_id)
        return list(connection.execute(query))  # type: ignore[arg-type]


@pytest.mark.tm("TM-42")
def test_a_message_that_is_given_up_at_once_would_be_missed(
    nodes: tuple[Running, Running, Running], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sabotaged twin: what the link lost counts as delivered, so the round cannot come to its end."""
    shelter, police, board = nodes
    faults = Faults(police.parts)

    def lost_for_good(envelope: Envelope, deliver: Deliver) -> ReceiptKind:
        try:
            return faults.request_lost(envelope, deliver)
        except PeerUnreachable:
            return ReceiptKind.ACCEPTED

    round_id = agree(board, shelter, police)
    carrier = meddle(police.parts, lost_for_good)
    try:
        go(board, round_id)
        with pytest.raises(AssertionError, match="in time"):
            wait_for(lambda: shelter.state(round_id) == "deciding", 2)
        assert faults.hit
        with pytest.raises(AssertionError):
            check(shelter, police, round_id)
    finally:
        police.parts.engine.post.carrier = carrier.honest
        board.ask("round.cancel", round=round_id, by="carl")


@pytest.mark.tm("TM-42")
def test_a_node_that_does_not_know_a_message_again_would_never_say_so(
    nodes: tuple[Running, Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin of lost answers and of everything twice: to the shelter's inbox what comes again is a message
    out of order, and its sender, which never heard the answer, cannot go on."""
    shelter, police, board = nodes
    faults = Faults(police.parts)
    round_id = agree(board, shelter, police)
    carrier = meddle(police.parts, faults.answer_lost)
    monkeypatch.setattr(Inbox, "knows", lambda *_parts: False)
    try:
        go(board, round_id)
        with pytest.raises(AssertionError, match="in time"):
            wait_for(lambda: shelter.state(round_id) == "deciding", 2)
        assert faults.hit
        assert ReceiptKind.ALREADY not in faults.receipts
        assert ReceiptKind.RETRY_LATER in faults.receipts
    finally:
        monkeypatch.undo()
        police.parts.engine.post.carrier = carrier.honest
        board.ask("round.cancel", round=round_id, by="carl")
