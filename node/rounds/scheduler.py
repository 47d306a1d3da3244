"""Calls the engine for every round that has something to do.

`wake(round)` is called when something has happened: an envelope came, a person decided. Besides, every round that is
not over is looked at every `TICK_SECONDS`, for deadlines and for links that come back. A round is in the hands of at
most one worker at a time; being woken while it is, it is looked at once more.
"""

import threading
from collections import deque
from collections.abc import Callable

from node.clock import Clock
from node.logs import get
from node.rounds.book import RoundBook
from node.rounds.engine import RoundEngine
from node.rounds.mailbox import Inbox, Outbox
from node.rounds.states import ENDS, RoundState

__all__ = ["TICK_SECONDS", "Scheduler"]

TICK_SECONDS = 2.0
"""How often every open round is looked at without being woken."""

_OPEN = tuple(state for state in RoundState if state not in ENDS)


class Scheduler:
    """Worker threads over a queue of round ids. `start`, then `wake` from any thread, then `stop`."""

    def __init__(
        self,
        engine: RoundEngine,
        *,
        book: RoundBook,
        inbox: Inbox,
        outbox: Outbox,
        clock: Clock,
        workers: int,
        crashed: Callable[[str], None] = lambda _round_id: None,
    ) -> None:
        self._engine = engine
        self._book = book
        self._inbox = inbox
        self._outbox = outbox
        self._clock = clock
        self._crashed = crashed
        self._log = get("rounds")
        self._lock = threading.Condition()
        self._queue: deque[str] = deque()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._due: dict[str, float] = {}
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"round-{n}", daemon=True) for n in range(workers)]
        self._threads.append(threading.Thread(target=self._tick, name="round-tick", daemon=True))

    def start(self) -> None:
        for found in self._book.all():
            self.wake(found.round_id)
        for thread in self._threads:
            thread.start()

    def wake(self, round_id: str) -> None:
        """There is something to do for this round."""
        with self._lock:
            if round_id in self._busy:
                self._again.add(round_id)
            elif round_id not in self._queue:
                self._queue.append(round_id)
                self._lock.notify()

    def stop(self, seconds: float) -> None:
        """Let every step that runs come to its end, for at most `seconds`."""
        self._stopped.set()
        with self._lock:
            self._lock.notify_all()
        limit = self._clock.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, limit - self._clock.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._engine.close()

    def _work(self) -> None:
        while (round_id := self._take()) is not None:
            retry_in: float | None = None
            try:
                retry_in = self._engine.step(round_id).retry_in
            except Exception as error:  # noqa: BLE001 - a defect in one round must not stop the others
                self._log.error("round-step-failed", round_id=round_id, error=type(error).__name__, exc_info=True)
                self._crashed(round_id)
            with self._lock:
                self._busy.discard(round_id)
                if retry_in is not None:
                    self._due[round_id] = self._clock.monotonic() + retry_in
                if round_id in self._again:
                    self._again.discard(round_id)
                    self._queue.append(round_id)
                self._lock.notify()

    def _take(self) -> str | None:
        with self._lock:
            while True:
                if self._stopped.is_set():
                    return None
                now = self._clock.monotonic()
                for round_id in [key for key, due in self._due.items() if due <= now]:
                    del self._due[round_id]
                    if round_id not in self._busy and round_id not in self._queue:
                        self._queue.append(round_id)
                if self._queue:
                    round_id = self._queue.popleft()
                    self._busy.add(round_id)
                    return round_id
                wait = min((due - now for due in self._due.values()), default=None)
                self._lock.wait(wait)

    def _tick(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            waiting = {found.round_id for found in self._book.all(_OPEN)}
            for round_id in waiting | set(self._inbox.rounds_waiting()) | set(self._outbox.rounds_waiting()):
                self.wake(round_id)
