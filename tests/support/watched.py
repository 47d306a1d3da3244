"""Three whole nodes in this process with a tap, and rounds of every reply mode between two of them.

Besides every message the lab knows the *evaluated* elements of the shelter, which learns first: what it made of the
other side's list with its own key. `disclosed` looks for them in what it sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from node.rounds.conversation import Conversation
from node.store.schema import charges
from node.wire.envelope import Envelope
from node.wire.services import DELIVER
from psi.backend import choose
from psi.spool import chunks
from psi.transcript import tags
from tests.support.nodes import Running, three, wait_for
from tests.support.people import people, write_people
from tests.support.signing import sign
from tests.support.small_rounds import lead_numbers
from tests.support.tap import Caught, Sent, Tap, listening, protocol

__all__ = ["ELEMENTS", "MODES", "POLICES", "RELEASED", "SHARED", "SHELTERS", "Lab", "disclosed", "watched_lab"]

ROWS, SHARED, RELEASED = 10, 3, 2
ELEMENTS = 64 * 3
"""Size class of each side: 64 records with up to 3 telephone numbers each."""
PHONES = [{"kind": "phone", "per_record": 3}]
BANDS = [0, 1, 5, 10]

# Reply mode -> template, reply, what the shelter says between its list and the end, what it charges to the police unit.
MODES: dict[str, tuple[str, dict[str, Any], set[str], dict[str, int]]] = {
    "ordered": ("J2", {"mode": "ordered"}, {"Evaluated"}, {"answer": ELEMENTS}),
    "released": (
        "J1",
        {"mode": "released", "count": "none", "count_then_release": False},
        {"Released"},
        {"release": RELEASED},
    ),
    "count": ("J1", {"mode": "count", "count": "banded", "bands": BANDS}, {"Count"}, {}),
    "none": ("J1", {"mode": "none"}, set(), {}),
    "count+released": ("J1", {"mode": "released", "bands": BANDS}, {"Count", "Released"}, {"release": RELEASED}),
}


@dataclass
class Evaluations:
    """What the first learner made of the other side's list, in its order; `agreeing` are the places that agree."""

    rows: list[bytes]
    agreeing: set[int]
    context: bytes


@dataclass
class Lab:
    shelter: Running
    police: Running
    board: Running
    tap: Tap
    evaluations: dict[str, Evaluations] = field(default_factory=dict)

    @property
    def members(self) -> tuple[tuple[Running, Running], ...]:
        return (self.shelter, self.police), (self.police, self.shelter)

    def begin(self, mode: str) -> str:
        """A round that is agreed and started."""
        template, reply, _, _ = MODES[mode]
        dataset = "adverts" if template == "J2" else "people"
        proposal = self.board.ask(
            "round.propose",
            template=template,
            members=["shelter", "police"],
            settings={"match": PHONES, "reply": reply, "first_learner": "shelter"},
            by="carl",
        )
        round_id = str(proposal["round"]["round_id"])
        for node, _peer in self.members:
            wait_for(lambda node=node: node.parts.book.peek(round_id) is not None)  # type: ignore[misc]
            sign(node, round_id, dataset)
        wait_for(lambda: self.board.state(round_id) == "agreed")
        self.board.ask("round.start", round=round_id, by="carl")
        return round_id

    def decide(self, round_id: str, mode: str) -> None:
        """The shelter lets go what the mode allows, or two records."""
        wait_for(lambda: self.shelter.state(round_id) in ("deciding", "finished", "failed"))
        if mode == "ordered":
            self.shelter.ask("round.release", round=round_id, everything=True, by="ada")
        elif mode in ("released", "count+released"):
            chosen = lead_numbers(self.shelter, round_id, RELEASED_REFERENCES)
            self.shelter.ask("round.release", round=round_id, leads=chosen, by="ada")

    def wait(self, round_id: str, state: str) -> None:
        for node, _peer in self.members:
            wait_for(lambda node=node: node.state(round_id) in (state, "failed"))  # type: ignore[misc]
            assert node.state(round_id) == state, node.alias

    def run(self, mode: str) -> str:
        round_id = self.begin(mode)
        self.decide(round_id, mode)
        self.wait(round_id, "finished")
        return round_id

    def said(self, round_id: str, node: Running) -> list[Sent]:
        """What a node said in a round's protocol."""
        return protocol(self.tap.caught, round_id, node.parts.identity.member_id)

    def leads(self, node: Running, round_id: str) -> set[str]:
        return {lead["reference"] for lead in node.ask("round.results", round=round_id)["leads"]}

    def charged(self, node: Running, round_id: str) -> dict[str, int]:
        """Reason -> elements that a node charged to the other one for a round."""
        with node.parts.store.read() as connection:
            rows = connection.execute(select(charges).where(charges.c.round_id == round_id)).all()
        return {row.reason: row.elements for row in rows}


SHELTERS = people("shelter", ROWS, SHARED)
POLICES = people("police", ROWS, SHARED)
RELEASED_REFERENCES = [person.reference for person in SHELTERS[:RELEASED]]


def _watch(patch: pytest.MonkeyPatch, member_id: str, seen: dict[str, Evaluations]) -> None:
    """Note the evaluated elements of every session of this member when its lists are closed: round id -> them."""
    close = Conversation.close

    def noted(self: Conversation) -> None:
        session = self.session
        if session.terms.me == member_id and session.has_learned:
            whole, pairs = (b"".join(chunks(spool)) for spool in (session.spools.evaluated, session.spools.matches))
            seen[session.terms.run.hex()] = Evaluations(
                [whole[at : at + 32] for at in range(0, len(whole), 32)],
                {int.from_bytes(pairs[at + 8 : at + 16], "big") for at in range(0, len(pairs), 16)},
                session.context,
            )
        close(self)

    patch.setattr(Conversation, "close", noted)


def disclosed(lab: Lab, round_id: str) -> set[int]:
    """Places of the first learner's evaluated elements that stand in anything that it has sent so far, to anybody:
    whole or as a tag. (The agreeing ones also stand in what *it* was answered.)"""
    me, evaluations = lab.shelter.parts.identity.member_id, lab.evaluations[round_id]
    everything = b"\n".join(part for call in lab.tap.caught for part in _given_by(me, call))
    return {
        place
        for place, row in enumerate(evaluations.rows)
        if row in everything or tags(choose(), evaluations.context, row) in everything
    }


def _given_by(member_id: str, call: Caught) -> Iterator[bytes]:
    """The parts of a call that this member gave away: its own requests, and its replies to others."""
    if call.side == "caller" and call.method != DELIVER:
        yield from (call.request, call.reply, call.error)  # whoever asked: there is nothing of anybody's in it
    elif call.side == "caller":
        envelope = Envelope.from_bytes(call.request)
        if envelope.sender == member_id:
            yield call.request
            yield call.inside
        if envelope.recipient == member_id:
            yield from (call.reply, call.error)


@contextmanager
def watched_lab(folder: Path) -> Iterator[Lab]:
    """The three nodes, introduced, each member with a data set of people and one of adverts."""
    tap = Tap()
    with listening(tap), three(folder) as (shelter, police, board):
        made = Lab(shelter, police, board, tap)
        for node, rows in ((shelter, SHELTERS), (police, POLICES)):
            tap.adapt(node.parts)
            path = write_people(folder / f"{node.alias}.csv", rows)
            for name, record_class in (("people", "victim"), ("adverts", "advert")):
                duty = {"basis": "legal_duty", "legal_reference": "Act 1"} if node is police else {}
                node.ask(
                    "dataset.add", path=str(path), name=name, record_class=record_class, region="DE", by="ada", **duty
                )
        with pytest.MonkeyPatch.context() as patch:
            _watch(patch, shelter.parts.identity.member_id, made.evaluations)
            yield made
