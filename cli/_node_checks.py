"""What `blindmatch doctor` asks a node that runs, over its socket: nothing is opened, and nobody asks for a passphrase.

`Check` is one finding of doctor, whoever made it.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from node.errors import NodeError

__all__ = ["Check", "certificate", "members", "running", "watching"]

MOST_CALLS = 4
"""Members that are called at a time, in number: half of what the node's control service takes."""

CALL_SECONDS = 45
"""How long one member is waited for: a little longer than the node itself waits."""

WATCH_SECONDS = 3.0
"""How long the node's page of readiness is waited for."""
MOST_WATCH_BYTES = 1_000
"""Longest answer that is read there, in bytes; it is a few words."""


@dataclass(frozen=True)
class Check:
    """`ok` is None where a check does not apply or could not be made."""

    name: str
    ok: bool | None
    says: str
    advice: str = ""


def running(place: Path) -> Check:
    """Whether a node runs here, and where."""
    from node.rpc.control_client import ControlClient, NodeNotRunning

    with ControlClient(place) as client:
        try:
            reply = client.call("node.status", {}, timeout_seconds=10)
        except NodeNotRunning:
            return Check("node", None, "does not run")
    where = f"on port {reply['port']}" if reply["port"] else "without a port (it calls others)"
    return Check("node", True, f"runs {where}, version {reply['versions']['software']}")


def watching(place: Path) -> Check:
    """What a running node answers to those who watch it."""
    from http.client import HTTPConnection, HTTPException

    from node import config
    from node.store import StateDir

    address = config.load(StateDir(place).config).node.watch
    if not address:
        return Check("watching", None, "off; `watch` under [node] in config.toml opens health and figures")
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=WATCH_SECONDS)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        words = answer.read(MOST_WATCH_BYTES).decode("ascii", "replace").split()
    except (OSError, HTTPException):
        return Check("watching", None, f"nobody answers at {address}")
    finally:
        connection.close()
    if answer.status == 200:
        return Check("watching", True, f"ready; figures at {address}")
    known = [word for word in words if re.fullmatch(r"[a-z-]{1,20}", word)]
    return Check("watching", False, f"not ready: {', '.join(known) or 'no reason given'}", "See deploy/observe.")


def certificate(place: Path) -> Check:
    """For how long the others take this node for itself."""
    from datetime import UTC, datetime

    from node.rpc.control_client import ControlClient, NodeNotRunning

    with ControlClient(place) as client:
        try:
            expires = client.call("card.show", {}, timeout_seconds=10)["card"]["expires_at"]
        except NodeNotRunning:
            return Check("certificate", None, "not looked at: it is sealed while the node does not run")
    days = (datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - datetime.now(UTC)).days
    soon = "" if days > 30 else "Make a new card soon and exchange it with every member."
    return Check("certificate", days >= 0, f"valid for {days} more days", soon)


def members(place: Path) -> Iterator[Check]:
    """One row for each confirmed member: whether its node answers, and if not, why. Nothing if no node runs here."""
    from node.rpc.control_client import ControlClient, NodeNotRunning

    try:
        with ControlClient(place) as client:
            members = client.call("member.list", {}, timeout_seconds=10)["members"]
    except (NodeNotRunning, NodeError):
        return  # the row about the node has said so
    confirmed = [member for member in members if member["state"] == "confirmed"]
    # Each may take as long as a call may: one that hangs is no reason to wait for the next.
    with ThreadPoolExecutor(MOST_CALLS) as pool:
        yield from pool.map(lambda member: _member(place, member["alias"], member["reach"]), confirmed)


def _member(place: Path, alias: str, reach: str) -> Check:
    from node.rpc.control_client import ControlClient

    name = f"member {alias}"
    if reach not in ("direct", ""):  # empty: a relay, which is called
        ways = {"collects": "it calls this node", "file": "messages go in carried files"}
        return Check(name, True, f"not called from here: {ways.get(reach, f'messages go through {reach}')}")
    try:
        with ControlClient(place) as client:
            said = client.call("member.check", {"name": alias}, timeout_seconds=CALL_SECONDS)
    except NodeError as error:
        return Check(name, None, error.sentence, error.advice)
    from datetime import timedelta

    from node.rounds.presence import TOLERATED_SKEW, skew_sentence

    ahead = timedelta(seconds=said["clock_ahead_seconds"])
    versions = f"answers; version {said['software']}"
    if apart := said.get("apart"):  # a node that was not restarted after an update does not say it
        return Check(name, None, versions, apart)
    if clock := skew_sentence(alias, ahead):
        return Check(name, abs(ahead) <= TOLERATED_SKEW, versions, clock)
    return Check(name, True, versions)
