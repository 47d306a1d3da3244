"""Refused calls in the audit log, without letting a stranger fill it.

At most AUDITED_PER_HOUR entries an hour for each member that calls, and as many for everybody we do not know
together. What is over is counted, and the next entry says how many were left out. A member that misbehaves is blamed
by name; a flood by one cannot hide what another does.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from node import logs
from node.audit import AuditLog
from node.clock import Clock
from node.facts import Fact
from node.store import Store

__all__ = ["AUDITED_PER_HOUR", "Named", "RefusalLog", "Refusals"]

AUDITED_PER_HOUR = 20
"""Audit entries an hour about refused calls, for each known caller and for all unknown ones together."""

_HOUR_SECONDS = 3600.0
_log = logs.get("rpc")


class Named(Protocol):
    """A caller that we know, whether or not it may call."""

    @property
    def member_id(self) -> str: ...


@dataclass
class _Window:
    began: float
    written: int = 0
    dropped: int = 0


class Refusals:
    """Hands refusals to `write(event, facts)`, so many an hour. Safe for several threads."""

    def __init__(self, write: Callable[[str, dict[str, Fact]], None], clock: Clock) -> None:
        self._write_down = write
        self._clock = clock
        self._lock = threading.Lock()
        # As long as the book of members at most, plus one for strangers.
        self._windows: dict[str, _Window] = {}

    def call(self, method: str, reason: str, member: Named | None) -> None:
        """A call that was refused before anything was read from it. Both are slugs."""
        facts = {"method": method, "reason": reason}
        self._write("call-refused", facts, "member", member)

    def blame(self, reason: str, member: Named) -> None:
        """A message in which a confirmed member broke the protocol of envelopes."""
        self._write("peer-blamed", {"code": reason}, "peer", member)

    def _write(self, event: str, facts: dict[str, str], who: str, member: Named | None) -> None:
        member_id = "" if member is None else member.member_id
        with self._lock:
            now = self._clock.monotonic()
            window = self._windows.get(member_id)
            if window is None or now - window.began >= _HOUR_SECONDS:
                window = self._windows[member_id] = _Window(now, dropped=window.dropped if window else 0)
            if window.written >= AUDITED_PER_HOUR:
                window.dropped += 1
                return
            window.written += 1
            dropped, window.dropped = window.dropped, 0
        stated: dict[str, Fact] = dict(facts)
        if member_id:
            stated[who] = member_id
        if dropped:
            stated["dropped"] = dropped
        try:
            self._write_down(event, stated)
        except Exception as error:  # noqa: BLE001  the call is refused whether or not it can be written down
            with self._lock:
                # A later entry tells of it. The try counts, so that a flood makes no more of them.
                self._windows[member_id].dropped += dropped + 1
            _log.error("refusal-not-audited", error=type(error).__name__)


class RefusalLog(Refusals):
    """Refusals in the audit log of a node."""

    def __init__(self, store: Store, audit: AuditLog, clock: Clock) -> None:
        def write(event: str, facts: dict[str, Fact]) -> None:
            with store.transaction() as tx:
                audit.append(tx, event, **facts)

        super().__init__(write, clock)
