"""What a node or a relay counts for those who watch it: a closed list of names, each with the labels it may have.

Like `node.facts` for logs: there is no free text in it, so neither an identifier nor a member's name nor a round's id
can get in. Members and rounds appear as numbers of them, and where one of them matters, as the worst: the longest time
without an answer, the largest share of a budget. Who that is, the node's own commands tell those who may know. What
does not fit the list is left out and counted in `dropped`, because a service must not stop over a figure.

    metrics.add("steps", outcome="done")          a counter, from 0 at the start of the process
    metrics.set("rounds", 3, state="running")     a gauge
    metrics.clear("round_seconds_left")           nothing to be said now: it is not on the page
    metrics.page()                                Prometheus text format, from a registry of our own

The list is part of the interface: a name is never used for another thing. `deploy/observe/` has alerts and a dashboard
made of these names; a relay's list stands in `node.relay.figures`.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from node import __version__

__all__ = ["MAX_VALUE", "METRICS", "NODE", "PREFIX", "Catalogue", "Metrics", "Shape"]

PREFIX = "blindmatch"
MAX_VALUE = 1e18
"""Largest value that may be stated."""

_OPEN = ("proposed", "agreed", "preparing", "running", "deciding")
_STATES = (*_OPEN, "finished", "refused", "cancelled", "failed")


@dataclass(frozen=True)
class Shape:
    """`counter`: only grows; else a gauge. `labels`: name -> every value it may have."""

    help: str
    counter: bool = False
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """Everything one program may state: `program` as its settings file says, `prefix` in front of each name."""

    program: str
    prefix: str
    shapes: Mapping[str, Shape]


METRICS: Mapping[str, Shape] = MappingProxyType(
    {
        "build": Shape("1, with the version that runs", labels={"version": (__version__,)}),
        "ready": Shape("1 if the node takes part in rounds just now"),
        "rounds": Shape("Rounds this node knows", labels={"state": _STATES}),
        "members": Shape("Other organisations", labels={"state": ("pending", "confirmed", "removed")}),
        "members_unreachable": Shape("Confirmed members for whom something waits and to whom no call comes through"),
        "relays_unreachable": Shape("Relays to which no call comes through at present"),
        "unreachable_seconds": Shape(
            "How long no call has come through to the one for which that is longest",
            labels={"whose": ("member", "relay")},
        ),
        "members_frozen": Shape("Members with whom nothing is exchanged until two people lift that"),
        "round_seconds_left": Shape(
            "Seconds until the first round in this state ends by itself, to the minute; absent if there is none",
            labels={"state": _OPEN},
        ),
        "rounds_short_of_room": Shape("Rounds that wait because the disk does not hold them"),
        "approvals_waiting": Shape("What was asked for and waits for a second person"),
        "budget_used_ratio": Shape(
            "Share of a budget that is used up, in steps of 0.05: the largest of a member, and of all members together",
            labels={"of": ("member", "all")},
        ),
        "members_budget_near": Shape("Members that have used up four fifths of their budget or more"),
        "budget_closed_seconds": Shape("Seconds until anything is evaluated again, after a restore"),
        "outbox_rounds": Shape("Rounds with messages that wait to be delivered"),
        "inbox_rounds": Shape("Rounds with messages that wait to be read"),
        "audit_entries": Shape("Entries of the audit log"),
        "audit_uncosigned_entries": Shape("Entries of the audit log after the last state that a member has cosigned"),
        "audit_uncosigned_seconds": Shape("Age of the oldest of these entries"),
        "cosignature_wait_seconds": Shape(
            "How long a finished round has waited for the other side's cosignature, where that is longest"
        ),
        "backup_age_seconds": Shape("Seconds since the last backup was finished; without one, since the node was made"),
        "certificate_seconds_left": Shape(
            "Seconds until a certificate runs out, to the hour: ours, and the first among the confirmed members",
            labels={"whose": ("own", "member")},
        ),
        "disk_free_bytes": Shape("Bytes free on the disk of the node's folder"),
        "disk_reserve_bytes": Shape("Bytes that rounds leave free on that disk"),
        "clock_skew_seconds": Shape("How far the clock is away that is farthest from ours, as members told it"),
        "members_clock_off": Shape("Members whose clock is more than a minute away from ours"),
        "log_lines": Shape(
            "Lines of warnings and errors in the log", counter=True, labels={"level": ("warning", "error")}
        ),
        "steps": Shape("Steps of rounds", counter=True, labels={"outcome": ("done", "crashed")}),
        "step_seconds": Shape("Seconds spent in steps of rounds", counter=True),
        "calls": Shape(
            "Calls to members, by what they came to",
            counter=True,
            labels={"outcome": ("accepted", "already", "later", "busy", "unreachable", "refused")},
        ),
        "dropped": Shape("Figures that were left out because they are not on the list", counter=True),
    }
)
"""Name (after the prefix) -> what it is. Counters get `_total` behind."""

NODE = Catalogue("node", PREFIX, METRICS)

_Key = tuple[str, tuple[str, ...]]


class Metrics(Collector):
    """The figures of one process. Any thread may count. `refresh` is called before a page is made, to set gauges."""

    def __init__(
        self, refresh: Callable[["Metrics"], None] = lambda _metrics: None, catalogue: Catalogue = NODE
    ) -> None:
        self._catalogue = catalogue
        self._lock = threading.Lock()
        self._values: dict[_Key, float] = {("dropped", ()): 0.0}
        self._refresh = refresh
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # its memory, processor time and open files

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Let a counter grow."""
        key = self._key(name, value, labels, counter=True)
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + (value if key[0] == name else 1.0)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say how a gauge stands, or how far a counter that somebody else keeps has come."""
        key = self._key(name, value, labels, counter=None)
        with self._lock:
            self._values[key] = value if key[0] == name else self._values[key] + 1.0

    def clear(self, name: str) -> None:
        """Say nothing about a gauge any more, until it is set again."""
        with self._lock:
            for key in [key for key in self._values if key[0] == name]:
                del self._values[key]

    def value(self, name: str, **labels: str) -> float:
        """What stands there now; 0 if nothing was said."""
        named = tuple(labels[label] for label in self._catalogue.shapes[name].labels)
        with self._lock:
            return self._values.get((name, named), 0.0)

    def page(self) -> bytes:
        """Everything, in Prometheus text format."""
        self._refresh(self)
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            values = dict(self._values)
        for name, shape in self._catalogue.shapes.items():
            family = CounterMetricFamily if shape.counter else GaugeMetricFamily
            made = family(f"{self._catalogue.prefix}_{name}", shape.help, labels=list(shape.labels))
            for (said, labels), value in sorted(values.items()):
                if said == name:
                    made.add_metric(labels, value)
            yield made

    def _key(self, name: str, value: float, labels: Mapping[str, str], *, counter: bool | None) -> _Key:
        """Where a figure belongs; to `dropped` if it is not on the list."""
        shape = self._catalogue.shapes.get(name)
        fits = (
            shape is not None
            and counter in (None, shape.counter)
            and set(labels) == set(shape.labels)
            and all(labels[label] in allowed for label, allowed in shape.labels.items())
            and isinstance(value, int | float)
            and math.isfinite(value)
            and 0 <= value <= MAX_VALUE
        )
        if shape is None or not fits:
            return "dropped", ()
        return name, tuple(labels[label] for label in shape.labels)
