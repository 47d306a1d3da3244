"""Several chunks of a list are heard as they lie there and kept in one transaction. One bad chunk among good ones is
blamed as if it had come alone.

A list of 16,384 elements is four chunks. The hearing side is held back until the last one has come, so that all four
lie there together.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.rounds.hearing import Hearing
from node.rounds.mailbox import Letter
from node.rounds.opened import Opened
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from psi.messages import Blinded, decode
from psi.protocol import receiving
from tests.support.attacks import no_check
from tests.support.carriers import meddle
from tests.support.inside import by_hand, inside
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import agree, check, decide, go
from tests.support.two_nodes import two

CHUNKS = 4
LARGE = {"match": [{"kind": "phone", "per_record": 256}]}  # 64 records of 256 values each


def together(patch: pytest.MonkeyPatch, node: Running) -> list[int]:
    """Hold back this node's first chunk until the others lie there; how many chunks it took at a time."""
    taken: list[int] = []
    honest = node.parts.engine._hearing._hear
    inbox = node.parts.engine.inbox

    def hear(self: Hearing, found: object, letters: list[Letter]) -> None:
        if self is node.parts.engine._hearing and isinstance(decode(letters[0].payload), Blinded):
            if not taken:
                wait_for(lambda: len(inbox.next(letters[0].round_id, protocol=True)) >= CHUNKS)
                letters = inbox.next(letters[0].round_id, protocol=True)
            taken.append(sum(isinstance(decode(letter.payload), Blinded) for letter in letters))
        honest.__func__(self, found, letters)  # type: ignore[attr-defined]

    patch.setattr(Hearing, "_hear", hear)
    return taken


def spoil(police: Running, bad: int) -> Callable[[Envelope, Callable[[Envelope], ReceiptKind]], ReceiptKind]:
    """The police unit's node sends chunk number `bad` with its first two elements exchanged, under a good signature."""

    def trick(envelope: Envelope, deliver: Callable[[Envelope], ReceiptKind]) -> ReceiptKind:
        message = decode(inside(envelope)) if envelope.kind is EnvelopeKind.ROUND else None
        if isinstance(message, Blinded) and message.chunk == bad:
            rows = message.elements
            envelope = by_hand(
                police.parts,
                round_id=envelope.round_id,
                recipient=envelope.recipient,
                sequence=envelope.sequence,
                kind=envelope.kind,
                payload=Blinded(bad, rows[32:64] + rows[:32] + rows[64:]).encode(),
            )
        return deliver(envelope)

    return trick


@pytest.mark.tm("TM-07")
@pytest.mark.parametrize("bad", [0, 2, 3])
def test_a_bad_chunk_among_good_ones_is_blamed(bad: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blames, police, taken = blames_for(bad, tmp_path, monkeypatch)
    assert [(blame["code"], blame["peer"]) for blame in blames] == [("list-out-of-order", police)]
    assert taken[0] == CHUNKS


@pytest.mark.tm("TM-07")
@pytest.mark.parametrize("defence", ["the order", "hearing anew"])
def test_without_it_a_bad_chunk_is_not_blamed_for_what_it_is(
    defence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: nobody looks at the order, and only the commitment tells; or the good chunks before the bad
    one are not heard again without it, and what is stored does not fit what was said."""
    if defence == "the order":
        monkeypatch.setattr(receiving, "first_disorder", no_check)
    else:
        monkeypatch.setattr(Opened, "let_go", no_check)
    with pytest.raises(AssertionError):
        test_a_bad_chunk_among_good_ones_is_blamed(2, tmp_path, monkeypatch)


def blames_for(bad: int, folder: Path, patch: pytest.MonkeyPatch) -> tuple[list[dict[str, Any]], str, list[int]]:
    """What stands in the shelter's log, the police unit's member id, and how many chunks it took at a time."""
    patch.setattr("node.identity.words.SCRYPT_COST", 2)
    with two(folder) as (shelter, police):
        round_id = agree(police, shelter, police, **LARGE)
        taken = together(patch, shelter)
        meddle(police.parts, spoil(police, bad))
        go(police, round_id)
        wait_for(lambda: shelter.state(round_id) == "failed")
        entries = shelter.ask("audit.show", limit=1000)["entries"]
        blames = [entry["facts"] for entry in entries if entry["event"] == "peer-blamed"]
        return blames, police.parts.identity.member_id, taken


def test_good_chunks_together_give_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with two(tmp_path) as (shelter, police):
        round_id = agree(police, shelter, police, **LARGE)
        taken = together(monkeypatch, shelter)
        go(police, round_id)
        decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
        check(shelter, police, round_id)
        assert taken[0] == CHUNKS
