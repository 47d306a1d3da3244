"""Tells the supervisor of this process, if it has one, that it serves: sd_notify(3), in the one form that we need.

systemd starts what waits for a service (our sockets, for one) when a unit of Type=notify says READY=1, and not when its
process has merely begun. It does so by one datagram to the socket that NOTIFY_SOCKET names: a path, or an abstract name
that begins with "@". Without that variable nobody waits, and nothing is sent. A supervisor that cannot be reached is no
reason for a node not to run, so an error is none of ours: systemd itself gives up on a unit that stays silent.
"""

import os
import socket
from contextlib import suppress

__all__ = ["tell_ready"]


def tell_ready() -> None:
    """Say once that everything listens. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        channel.sendto(b"READY=1", target)
