"""What a relay counts for those who watch it, and why it may not be ready.

As `node.metrics` and `node.operations.figures` for a node: sums, and the worst of all, such as how full the fullest way
from one member to another is, or how long the oldest parcel has waited. Who writes to whom stands in the database as
long as it must (`blindmatch relay members` tells the operator what lies there for whom), and on no page.
"""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from node import __version__, logs
from node.identity.members import MemberState
from node.metrics import Catalogue, Metrics, Shape
from node.relay.mailbox import KEEP_FREE_BYTES

if TYPE_CHECKING:
    from node.relay.running import RelayParts

__all__ = ["RELAY", "checks", "refresher"]

_HOUR_SECONDS = 3600.0

_SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "build": Shape("1, with the version that runs", labels={"version": (__version__,)}),
        "ready": Shape("1 if the relay takes parcels and gives them out just now"),
        "members": Shape("Members that this relay was told of", labels={"state": ("confirmed", "removed")}),
        "parcels": Shape("Parcels that lie here"),
        "parcel_bytes": Shape("Bytes that they take"),
        "used_ratio": Shape(
            "Share of the room that is taken: of the fullest pair of members, of the sender with the most, of all",
            labels={"of": ("pair", "sender", "all")},
        ),
        "oldest_parcel_seconds": Shape("How long the oldest parcel has waited to be fetched"),
        "keep_seconds": Shape("After how long a parcel is thrown away"),
        "moved": Shape(
            "Parcels: taken in, brought again while they lay here, shown to their recipient, done with, thrown away",
            counter=True,
            labels={"how": ("stored", "known", "shown", "done", "expired")},
        ),
        "turned_away": Shape("Calls of senders that ended early because something had no room", counter=True),
        "disk_free_bytes": Shape("Bytes that parcels could take on the disk of the relay's folder"),
        "disk_reserve_bytes": Shape("Bytes that the relay leaves free on that disk"),
        "certificate_seconds_left": Shape(
            "Seconds until a certificate runs out, to the hour: ours, and the first among the members served",
            labels={"whose": ("own", "member")},
        ),
        "log_lines": Shape(
            "Lines of warnings and errors in the log", counter=True, labels={"level": ("warning", "error")}
        ),
        "dropped": Shape("Figures that were left out because they are not on the list", counter=True),
    }
)

RELAY = Catalogue("relay", "blindmatch_relay", _SHAPES)


def refresher(parts: "RelayParts") -> Callable[[Metrics], None]:
    """What brings every figure up to date."""

    def refresh(metrics: Metrics) -> None:
        members, totals, full = parts.members.list(), parts.mailbox.totals(), parts.mailbox.fullness()
        served = [one for one in members if one.state is MemberState.CONFIRMED]
        metrics.set("build", 1, version=__version__)
        metrics.set("members", len(served), state="confirmed")
        metrics.set("members", len(members) - len(served), state="removed")
        metrics.set("parcels", totals.parcels)
        metrics.set("parcel_bytes", totals.bytes)
        for of, share in (("pair", full.pair), ("sender", full.sender), ("all", full.total)):
            metrics.set("used_ratio", share, of=of)
        metrics.set("oldest_parcel_seconds", full.oldest_seconds)
        metrics.set("keep_seconds", parts.settings.limits.keep_seconds)
        counted = parts.counters.as_dict()
        for how in _SHAPES["moved"].labels["how"]:
            metrics.set("moved", counted[how], how=how)
        metrics.set("turned_away", counted["turned_away"])
        metrics.set("disk_free_bytes", parts.mailbox.free())
        metrics.set("disk_reserve_bytes", KEEP_FREE_BYTES)
        ends = {"own": [parts.keys.signed_card.card.certificate], "member": [one.tls for one in served]}
        metrics.clear("certificate_seconds_left")
        for whose, certificates in ends.items():
            left = [(one.not_after - parts.clock.now()).total_seconds() for one in certificates]
            if left:
                metrics.set(
                    "certificate_seconds_left", max(0.0, min(left)) // _HOUR_SECONDS * _HOUR_SECONDS, whose=whose
                )
        for level, lines in logs.said().items():
            metrics.set("log_lines", lines, level=level)

    return refresh


def checks(parts: "RelayParts") -> dict[str, Callable[[], bool]]:
    """Reason why the relay is not ready -> whether it holds now (`node.watch.REASONS`)."""

    def database() -> bool:
        parts.mailbox.totals()
        return False

    return {
        "database": database,
        "disk": lambda: not os.access(parts.folder.path, os.W_OK),
        "disk-low": lambda: parts.mailbox.free() < KEEP_FREE_BYTES,
    }
