"""Ports for servers that tests start: free just now, and not handed to outgoing connections meanwhile.

A port that the system chose itself (`bind` to 0) comes from the range of which outgoing connections are served too:
with many nodes on one machine, somebody's call has it before the node that was to listen there comes up. So these come
from below that range.
"""

import socket
from pathlib import Path
from random import SystemRandom

__all__ = ["free_port"]

_LOWEST = 10_240
_given: set[int] = set()


def _first_outgoing() -> int:
    """The lowest port that Linux gives to outgoing connections (`ip-sysctl`, ip_local_port_range)."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def free_port() -> int:
    """A port of loopback that nothing uses just now, and that this process was not given before."""
    choices = range(_LOWEST, max(_first_outgoing(), _LOWEST + 1_000))
    while True:
        port = SystemRandom().choice(choices)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
