"""The settings of a relay: `relay.toml` in its folder. As for a node (node.config): unknown keys are refused."""

from typing import ClassVar

from pydantic import Field

from node.config import Address, LogStyle, Section, Settings, WatchAddress

__all__ = ["RelayLimits", "RelaySection", "RelaySettings"]

_MIB = 1024 * 1024
_DAY_SECONDS = 24 * 3600


class RelaySection(Section):
    """Where this relay is found."""

    listen: Address = "0.0.0.0:7444"
    """Address and port on which members' nodes are answered (host:port; port 0 takes a free one)."""
    watch: WatchAddress = ""
    """Address and port for health and figures over HTTP, such as 127.0.0.1:9465; "" for none. Loopback only."""
    log: LogStyle = "console"
    """What it says while it runs, on standard error: "console" for people, or "json", an object a line."""


class RelayLimits(Section):
    """What this relay keeps, and for how long."""

    keep_days: int = Field(default=14, ge=1, le=365)
    """Days after which a parcel that nobody came for is thrown away; its sender still has it and puts it again."""
    pair_parcels: int = Field(default=1_000, ge=10, le=1_000_000)
    """Parcels of one sender that may lie there for one recipient, in number."""
    pair_mib: int = Field(default=256, ge=2, le=1_000_000)
    """The same in MiB. A node sends at most 64 parcels of 1 MiB ahead of what the other side has acknowledged."""
    sender_mib: int = Field(default=1_024, ge=2, le=10_000_000)
    """MiB of one sender's parcels for all recipients together; never more than half of total_mib, whatever it says."""
    total_mib: int = Field(default=8_192, ge=4, le=10_000_000)
    """MiB of all parcels together."""
    workers: int = Field(default=8, ge=4, le=128)
    """Calls answered at the same time, in number (threads). Two of them are never given to streams."""

    @property
    def keep_seconds(self) -> int:
        return self.keep_days * _DAY_SECONDS

    @property
    def pair_bytes(self) -> int:
        return self.pair_mib * _MIB

    @property
    def sender_bytes(self) -> int:
        """What one sender may have there, in bytes: one alone never fills the relay."""
        return min(self.sender_mib * _MIB, self.total_bytes // 2)

    @property
    def total_bytes(self) -> int:
        return self.total_mib * _MIB


class RelaySettings(Settings):
    """All settings of a relay; one section a table of the file."""

    program: ClassVar[str] = "relay"
    made_by: ClassVar[str] = "blindmatch relay init"

    relay: RelaySection = RelaySection()
    limits: RelayLimits = RelayLimits()
