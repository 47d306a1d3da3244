"""Calls the engine for every round that has something to do.

`wake(round)` is called when something has happened: an envelope came, a person decided. Besides, rounds with something
to read, to prepare or to send (but not to members that did not answer a moment ago) are looked at every `TICK_SECONDS`,
and all that are not over every `LOOK_SECONDS`, for deadlines. A round is in the hands of at most one worker at a time;
being woken while it is, it is looked at once more.

What a step cannot explain is logged and tried again; after `MOST_CRASHES` times in a row the round is given up, so that
a defect in one round costs that round and nothing else.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from node.clock import Clock
from node.errors import Busy
from node.logs import get
from node.rounds.book import RoundBook
from node.rounds.engine import RoundEngine
from node.rounds.mailbox import Inbox, Outbox
from node.rounds.states import RoundState

__all__ = ["LOOK_SECONDS", "MOST_CRASHES", "TICK_SECONDS", "Scheduler", "Steps"]

TICK_SECONDS = 2.0
"""How often rounds with open business are looked at without being woken."""

LOOK_SECONDS = 30.0
"""How often every open round is."""

MOST_CRASHES = 5
"""Steps in a row that may end in an error that nobody foresaw."""


@dataclass(frozen=True)
class Steps:
    """Steps since the start, and the seconds they took together."""

    done: int = 0
    crashed: int = 0
    seconds: float = 0.0


class Scheduler:
    """Worker threads over a queue of round ids. `start`, then `wake` from any thread, then `stop`.

    `looked`: every open round has been found and waits for its step. `sound`: the last look at what waits went well.
    """

    def __init__(
        self,
        engine: RoundEngine,
        *,
        book: RoundBook,
        inbox: Inbox,
        outbox: Outbox,
        clock: Clock,
        workers: int,
    ) -> None:
        self._engine = engine
        self._book = book
        self._inbox = inbox
        self._outbox = outbox
        self._clock = clock
        self._log = get("rounds")
        self._lock = threading.Condition()
        self._queue: OrderedDict[str, None] = OrderedDict()  # a queue that is quick to say who stands in it
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._due: dict[str, float] = {}
        self._crashes: dict[str, int] = {}
        self._steps = Steps()
        self.looked = False
        self.sound = True
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"round-{n}", daemon=True) for n in range(workers)]
        self._threads.append(threading.Thread(target=self._tick, name="round-tick", daemon=True))

    def start(self) -> None:
        for round_id in sorted(self._engine.rounds_to_look_at()):
            self.wake(round_id)
        self.looked = True
        for thread in self._threads:
            thread.start()

    def wake(self, round_id: str) -> None:
        """There is something to do for this round."""
        with self._lock:
            if round_id in self._busy:
                self._again.add(round_id)
            elif round_id not in self._queue:
                self._queue[round_id] = None
                self._lock.notify()

    def steps(self) -> Steps:
        """What was done since the start."""
        with self._lock:
            return self._steps

    def stop(self, seconds: float) -> None:
        """Let every step that runs come to its end, for at most `seconds`; long ones are broken off."""
        self._engine.stop()
        self._stopped.set()
        with self._lock:
            self._lock.notify_all()
        limit = self._clock.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, limit - self._clock.monotonic()))
        self._engine.close()

    def _work(self) -> None:
        while (round_id := self._take()) is not None:
            began, crashes = self._clock.monotonic(), self._crashes.get(round_id, 0)
            retry_in = self._step(round_id)
            crashed = self._crashes.get(round_id, 0) > crashes
            with self._lock:
                self._steps = replace(
                    self._steps,
                    done=self._steps.done + (not crashed),
                    crashed=self._steps.crashed + crashed,
                    seconds=self._steps.seconds + self._clock.monotonic() - began,
                )
                self._busy.discard(round_id)
                if retry_in is not None:
                    self._due[round_id] = self._clock.monotonic() + retry_in
                if round_id in self._again:
                    self._again.discard(round_id)
                    self._queue[round_id] = None
                self._lock.notify()

    def _step(self, round_id: str) -> float | None:
        """One step, whatever happens; seconds until the next one is due, if one is."""
        try:
            retry_in = self._engine.step(round_id).retry_in
            self._crashes.pop(round_id, None)
            return retry_in
        except Busy:
            return TICK_SECONDS  # the database is in other hands or out of reach: no fault of the round's
        except Exception as error:  # noqa: BLE001 - a defect in one round must not stop the others
            self._log.error("round-step-failed", round_id=round_id, error=type(error).__name__)
        self._crashes[round_id] = self._crashes.get(round_id, 0) + 1
        if self._crashes[round_id] >= MOST_CRASHES:
            try:
                self._engine.give_up(round_id)
                self._crashes.pop(round_id, None)
            except Exception as error:  # noqa: BLE001
                self._log.error("round-not-given-up", round_id=round_id, error=type(error).__name__)
        return TICK_SECONDS

    def _take(self) -> str | None:
        with self._lock:
            while True:
                if self._stopped.is_set():
                    return None
                now = self._clock.monotonic()
                for round_id in [key for key, due in self._due.items() if due <= now]:
                    del self._due[round_id]
                    if round_id not in self._busy:
                        self._queue[round_id] = None
                if self._queue:
                    round_id, _ = self._queue.popitem(last=False)
                    self._busy.add(round_id)
                    return round_id
                wait = min((due - now for due in self._due.values()), default=None)
                self._lock.wait(wait)

    def _to_deliver(self) -> list[str]:
        """Rounds with something to send that can be tried now. A step was made for each at the start, and when the
        message was made; a thousand rounds that wait for one member that is away are not all looked at all the time."""
        rests: dict[str, bool] = {}
        found = []
        for round_id, recipient in self._outbox.waiting_for():
            if recipient not in rests:
                rests[recipient] = self._engine.post.rests(recipient)
            if not rests[recipient]:
                found.append(round_id)
        return found

    def _tick(self) -> None:
        looked = self._clock.monotonic()
        while not self._stopped.wait(TICK_SECONDS):
            try:
                waiting = {*self._inbox.rounds_waiting(), *self._to_deliver()}
                waiting.update(self._book.open_ids(RoundState.PREPARING))
                if self._clock.monotonic() - looked >= LOOK_SECONDS:
                    looked = self._clock.monotonic()
                    waiting.update(self._book.open_ids())
                for round_id in waiting:
                    self.wake(round_id)
                self.sound = True
            except Exception as error:  # noqa: BLE001 - the next tick may find the database free again
                self.sound = False
                self._log.error("round-tick-failed", error=type(error).__name__)
