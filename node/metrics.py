"""What a node counts for those who watch it: a closed list of names, each with the labels it may have.

Like `node.facts` for logs: there is no free text in it, so neither an identifier nor a member's name nor a round's id
can get in. Members and rounds appear as numbers of them. What does not fit the list is left out and counted in
`dropped`, because a service must not stop over a figure.

    metrics.add("steps", outcome="done")          a counter, from 0 at the start of the process
    metrics.set("rounds", 3, state="running")     a gauge
    metrics.page()                                Prometheus text format, from a registry of our own

The list is part of the interface: a name is never used for another thing.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["MAX_VALUE", "METRICS", "PREFIX", "Metrics", "Shape"]

PREFIX = "blindmatch"
MAX_VALUE = 1e18
"""Largest value that may be stated."""

_STATES = ("proposed", "agreed", "preparing", "running", "deciding", "finished", "refused", "cancelled", "failed")


@dataclass(frozen=True)
class Shape:
    """`counter`: only grows; else a gauge. `labels`: name -> every value it may have."""

    help: str
    counter: bool = False
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


METRICS: Mapping[str, Shape] = MappingProxyType(
    {
        "ready": Shape("1 if the node takes part in rounds just now"),
        "rounds": Shape("Rounds this node knows", labels={"state": _STATES}),
        "members": Shape("Other organisations", labels={"state": ("pending", "confirmed", "removed")}),
        "members_unreachable": Shape("Confirmed members to whom no call comes through at present"),
        "outbox_rounds": Shape("Rounds with messages that wait to be delivered"),
        "inbox_rounds": Shape("Rounds with messages that wait to be read"),
        "audit_entries": Shape("Entries of the audit log"),
        "disk_free_bytes": Shape("Bytes free on the disk of the node's folder"),
        "disk_reserve_bytes": Shape("Bytes that rounds leave free on that disk"),
        "clock_skew_seconds": Shape("How far the clock is away that is farthest from ours, as members told it"),
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

_Key = tuple[str, tuple[str, ...]]


class Metrics(Collector):
    """The figures of one node. Any thread may count. `refresh` is called before a page is made, to set gauges."""

    def __init__(self, refresh: Callable[["Metrics"], None] = lambda _metrics: None) -> None:
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

    def value(self, name: str, **labels: str) -> float:
        """What stands there now; 0 if nothing was said."""
        with self._lock:
            return self._values.get((name, tuple(labels[label] for label in METRICS[name].labels)), 0.0)

    def page(self) -> bytes:
        """Everything, in Prometheus text format."""
        self._refresh(self)
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            values = dict(self._values)
        for name, shape in METRICS.items():
            family = CounterMetricFamily if shape.counter else GaugeMetricFamily
            made = family(f"{PREFIX}_{name}", shape.help, labels=list(shape.labels))
            for (said, labels), value in sorted(values.items()):
                if said == name:
                    made.add_metric(labels, value)
            yield made

    def _key(self, name: str, value: float, labels: Mapping[str, str], *, counter: bool | None) -> _Key:
        """Where a figure belongs; to `dropped` if it is not on the list."""
        shape = METRICS.get(name)
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
