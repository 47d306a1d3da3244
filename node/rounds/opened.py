"""The conversations that are open in memory: a cache of what is stored, and the only place that lets them go.

An open conversation holds a key in memory and a file for each of its lists, so few are kept: `settle` lets one go that
waits for a person, or when there are many. A conversation belongs to the worker that holds its round; no other thread
may close it, since its files' numbers would be somebody else's a moment later.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from node.audit import AuditLog
from node.identity.keys import Identity
from node.identity.members import MemberBook
from node.rounds.book import Round
from node.rounds.conversation import Conversation, Workshop
from node.rounds.parties import peer_of, require_member
from node.rounds.voice import NodeVoice
from node.store import Store

__all__ = ["MOST_OPEN", "Opened"]

MOST_OPEN = 16
"""Conversations kept open between steps, in number; each has about ten open files."""


class Opened:
    """Use `holding` around everything that is done with the conversation of a round."""

    def __init__(
        self, workshop: Workshop, store: Store, audit: AuditLog, identity: Identity, members: MemberBook
    ) -> None:
        self._workshop = workshop
        self._store = store
        self._audit = audit
        self._identity = identity
        self._members = members
        self._lock = threading.Lock()
        self._open: dict[str, Conversation] = {}
        self._held: set[str] = set()
        self._closed = False

    @contextmanager
    def holding(self, round_id: str) -> Iterator[None]:
        """The caller works on this round. RuntimeError if somebody else does."""
        with self._lock:
            if round_id in self._held:
                raise RuntimeError("two workers hold one round")
            self._held.add(round_id)
        try:
            yield
        except BaseException:
            self.let_go(round_id)  # what is in memory may be ahead of what is stored
            raise
        finally:
            # In one go: `close` leaves to us what it saw in our hands.
            with self._lock:
                self._held.discard(round_id)
                left = self._open.pop(round_id, None) if self._closed else None
            if left is not None:
                left.close()

    def voice(self, found: Round) -> NodeVoice:
        """How the protocol speaks for us in this round; NotFound if the other side is no member any more."""
        peer = require_member(self._members, peer_of(found))
        return NodeVoice(self._store, self._audit, self._identity, peer)

    def get(self, found: Round) -> Conversation:
        """The open conversation, or the stored one brought back."""
        conversation = self._open.get(found.round_id)
        if conversation is None:
            conversation = self._workshop.resume(found, self.voice(found))
            self.keep(found.round_id, conversation)
        return conversation

    def keep(self, round_id: str, conversation: Conversation) -> None:
        with self._lock:
            self._open[round_id] = conversation

    def settle(self, round_id: str, *, resting: bool) -> None:
        """Nothing is to be done for this round now; `resting`: probably not for long."""
        if resting or len(self._open) > MOST_OPEN:
            self.let_go(round_id)

    def let_go(self, round_id: str) -> None:
        """Wipe the key in memory and close the files; what is stored stays."""
        with self._lock:
            conversation = self._open.pop(round_id, None)
        if conversation is not None:
            conversation.close()

    def close(self) -> None:
        """Let go of everything: at once what nobody holds, the rest when its step ends."""
        with self._lock:
            self._closed = True
            idle = [self._open.pop(round_id) for round_id in set(self._open) - self._held]
        for conversation in idle:
            conversation.close()
