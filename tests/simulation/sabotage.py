"""Nodes with a defence taken out: what the simulation must find.

`SABOTAGES` is a table: a name, what is done to every node of a run, and the words of the invariant that must break.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest import mock

from node.errors import Busy, NodeError
from node.policy import Budget
from node.rounds import hearing
from node.rounds.book import RoundBook
from node.rounds.conversation import Workshop
from node.rounds.mailbox import Inbox
from node.rounds.post import Post
from node.rounds.reception import Reception
from node.rounds.speaking import Speaking
from node.rounds.witnessing import Witnessing
from node.wire.envelope import ReceiptKind
from tests.simulation.office import at_work

__all__ = ["SABOTAGES", "Sabotage"]

Change = tuple[type | Any, str, Any]


@dataclass(frozen=True)
class Sabotage:
    """`changes`: which functions are replaced; `found`: what breaks then; `first`: the seed to begin with, one at
    which it was seen (a search that finds it there costs one run)."""

    changes: Callable[[], list[Change]]
    found: str
    first: int = 0
    quick: bool = True
    """Looked for in `make test`; otherwise with the longer tests."""

    @contextmanager
    def done(self) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, other in self.changes():
                stack.enter_context(mock.patch.object(owner, name, other))
            yield


def _sent_before_stored() -> list[Change]:
    save = RoundBook.save_snapshot

    def sending(self: RoundBook, tx: Any, round_id: str, snapshot: bytes) -> None:
        save(self, tx, round_id, snapshot)
        post = at_work().running.engine.post
        for recipient in post.outbox.recipients(round_id):
            for _row, envelope in post.outbox.next(round_id, recipient):
                with suppress(NodeError):
                    post.carrier.deliver(envelope)

    return [(RoundBook, "save_snapshot", sending)]


def _no_charge_after_a_crash() -> list[Change]:
    charge = Speaking._charge

    def forgetting(self: Speaking, *arguments: Any, **keywords: Any) -> None:
        if at_work().starts == 1:
            charge(self, *arguments, **keywords)

    return [(Speaking, "_charge", forgetting)]


def _one_scalar_a_round() -> list[Change]:
    prepare = Workshop.prepare

    def again(self: Workshop, found: Any, *arguments: Any, **keywords: Any) -> Any:
        fresh = self.backend.new_scalar

        def same() -> Any:
            return fresh(Random(found.round_id).randbytes)

        with mock.patch.object(self.backend, "new_scalar", same):
            return prepare(self, found, *arguments, **keywords)

    return [(Workshop, "prepare", again)]


def _any_answer_is_the_same() -> list[Change]:
    knows = Inbox.knows

    def trusting(self: Inbox, *arguments: Any, **keywords: Any) -> bool:
        try:
            return knows(self, *arguments, **keywords)
        except Exception:  # noqa: BLE001
            return True

    return [(Inbox, "knows", trusting)]


def _entry_after_the_answer() -> list[Change]:
    deliver, late = Post.deliver, []

    def later(self: Speaking, _tx: Any, found: Any, *arguments: Any) -> None:
        late.append((self, found, arguments))

    note = Speaking._note_said

    def delivering(self: Post, round_id: str) -> Any:
        done = deliver(self, round_id)
        while late:
            speaking, found, arguments = late.pop()
            with suppress(NodeError), speaking.store.transaction() as tx:
                note(speaking, tx, found, *arguments)
        return done

    return [(Speaking, "_note_said", later), (Post, "deliver", delivering)]


def _thanks_for_what_was_not_stored() -> list[Change]:
    accept = Reception.accept

    def thanking(self: Reception, envelope: Any) -> ReceiptKind:
        try:
            return accept(self, envelope)
        except Busy:
            return ReceiptKind.ACCEPTED

    return [(Reception, "accept", thanking)]


def _answers_without_proof() -> list[Change]:
    return [(Witnessing, "proven", lambda *_arguments: True)]


def _no_limit() -> list[Change]:
    return [(Budget, "_fit", lambda *_arguments: 0), (Budget, "remaining", lambda *_arguments: 10**6)]


def _one_lead_is_lost() -> list[Change]:
    find = hearing.find_leads
    return [(hearing, "find_leads", lambda *arguments: list(find(*arguments))[1:])]


SABOTAGES = {
    "sent before it is stored": Sabotage(_sent_before_stored, "its log does not say so"),
    "no charge after a crash": Sabotage(_no_charge_after_a_crash, "and charged \\[\\]"),
    "one scalar for two lists": Sabotage(_one_scalar_a_round, "two lists under one scalar"),
    "a changed answer is taken": Sabotage(_any_answer_is_the_same, "second, different message"),
    "entry after the answer": Sabotage(_entry_after_the_answer, "its log does not say so"),
    "thanks for what was not stored": Sabotage(
        _thanks_for_what_was_not_stored,
        "stands still|was not known any more|second, different message",
        first=20,
        quick=False,
    ),
    "answers before the other log was proven": Sabotage(
        _answers_without_proof, "whose log it had not cosigned", first=4
    ),
    "no limit": Sabotage(_no_limit, "spent more than its budget", first=8),
    "one lead is lost": Sabotage(_one_lead_is_lost, "in clear there are"),
}
