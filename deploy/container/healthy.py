#!/opt/blindmatch/bin/python
"""Is the node, or the relay, in this container well? Exit code 0 if it is. For the health check of whatever runs it.

With `watch` set in its settings, it asks the page /ready there. Without, it only sees whether somebody answers: at the
node's control socket, or at the relay's port. It reads no secret, prints one word, and needs no package.

    blindmatch-healthy          the node, or else the relay, whose settings are there
"""

import os
import socket
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 4.0
"""How long an answer may take."""


def settings(path: Path, table: str) -> dict[str, Any]:
    """A table of a settings file; empty if it is not there."""
    found = tomllib.loads(path.read_text(encoding="utf-8")).get(table, {})
    return found if isinstance(found, dict) else {}


def ready(address: str) -> str:
    """What the page says in one word: "ready", or the first reason why not."""
    try:
        # A proxy of the environment has no part in a question to this very container.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{address}/ready", timeout=SECONDS) as answer:
            return "ready" if answer.status == 200 else "unwell"
    except urllib.error.HTTPError as error:
        return error.read(64).decode("ascii", "replace").split("\n")[0] or "unwell"
    except OSError:
        return "silent"


def answers(family: socket.AddressFamily, place: str | tuple[str, int]) -> str:
    """Whether somebody takes a connection there."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(place)
            return "ready"
    except OSError:
        return "silent"


def look() -> str:
    node, relay = (Path(os.environ.get(name, "")) for name in ("BLINDMATCH_STATE", "BLINDMATCH_RELAY"))
    if (node / "config.toml").is_file():
        watch = settings(node / "config.toml", "node").get("watch")
        return ready(watch) if watch else answers(socket.AF_UNIX, str(node / "control.sock"))
    if (relay / "relay.toml").is_file():
        table = settings(relay / "relay.toml", "relay")
        if watch := table.get("watch"):
            return ready(watch)
        return answers(socket.AF_INET, ("127.0.0.1", int(table.get("listen", ":7444").rpartition(":")[2])))
    return "not-made"


if __name__ == "__main__":
    word = look()
    sys.stdout.write(f"{word}\n")
    sys.exit(word != "ready")
