"""A shelter and a police unit in this process, introduced and with data, and a clock that jumps by days."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node.clock import Clock
from tests.support.nodes import Running, introduce, make_folder, run
from tests.support.small_rounds import plant

__all__ = ["ShiftedClock", "two"]


class ShiftedClock:
    """The machine's clock, and as many days as a test says."""

    days = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return time.monotonic()


@contextmanager
def two(folder: Path, clock: Clock | None = None) -> Iterator[tuple[Running, Running]]:
    with ExitStack() as stack:
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class)
            nodes.append(stack.enter_context(run(folder / alias, alias, clock=clock)))
        introduce(*nodes)
        plant(folder, *nodes)
        yield nodes[0], nodes[1]
