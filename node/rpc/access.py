"""Who may call what: one row for each call there is.

A call without a row is refused at run time, and a test that walks the service descriptors fails; so a new call cannot
be reachable by accident. A row names *one* kind of caller, and each server lets in one kind only, so that a mistake
in registration cannot open the owner's calls to peers.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["ACCESS", "Caller"]


class Caller(StrEnum):
    MEMBER = "a confirmed member, over mutual TLS 1.3"
    ADMITTED = "a member that the relay has admitted, over mutual TLS 1.3"
    OWNER = "the owner of the node's folder, over the local socket"


ACCESS: Mapping[str, Caller] = MappingProxyType(
    {
        "/blindmatch.wire.v1.Peer/Deliver": Caller.MEMBER,
        "/blindmatch.wire.v1.Peer/DeliverBatch": Caller.MEMBER,
        "/blindmatch.wire.v1.Peer/Hello": Caller.MEMBER,
        "/blindmatch.wire.v1.Peer/Collect": Caller.MEMBER,
        "/blindmatch.wire.v1.Control/Invoke": Caller.OWNER,
        "/blindmatch.wire.v1.Relay/Put": Caller.ADMITTED,
        "/blindmatch.wire.v1.Relay/Take": Caller.ADMITTED,
        "/blindmatch.wire.v1.Relay/Done": Caller.ADMITTED,
    }
)
