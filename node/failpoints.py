"""Named places where a test may stop the process or make a step fail.

A round must survive a crash at every step, so every step that matters has a name here, and the fault tests walk the
list (`POINTS`); so must what is done to a node while it is stopped (`KEEPING`). Names live in this one table: hitting
or arming a name that is not listed is an error, and so is listing one that no code hits (a test compares).
"""

from collections.abc import Callable

__all__ = ["KEEPING", "POINTS", "arm", "hit"]

POINTS = frozenset(
    {
        "round.after-accept",
        "round.list-prepared",
        "round.list-stored",
        "round.before-persist",
        "round.after-persist",
        "round.after-send",
        "round.after-acknowledge",
        "round.before-charge",
        "round.after-charge",
        "round.after-release",
        "round.before-result",
        "round.after-result",
        "round.after-failure",
        "round.deciding",
        "round.before-forget",
    }
)

KEEPING = frozenset(
    {
        "restore.unpacked",
        "restore.looked-through",
        "restore.settled",
        "restore.before-rename",
        "restore.after-rename",
        "rotate.begun",
        "rotate.batch",
        "rotate.file",
        "rotate.spool",
        "rotate.resealed",
        "rotate.noted",
        "rotate.dropped",
        "upgrade.told",
        "upgrade.before-commit",
        "upgrade.committed",
        "move.copied",
        "move.settings-written",
        "move.committed",
        "move.set-aside",
    }
)
"""Steps of a restore, of a key rotation, of an upgrade of the database and of its move to a server (node.keeping,
node.store.engine): the tests of these walk this list."""

_armed: dict[str, Callable[[], None]] = {}


def arm(name: str, action: Callable[[], None]) -> None:
    """Run `action` whenever the point is reached. Only tests call this."""
    if name not in POINTS | KEEPING:
        raise ValueError(f"no failpoint is called {name}")
    _armed[name] = action


def hit(name: str) -> None:
    """The code has reached the point `name`."""
    if name not in POINTS | KEEPING:
        raise ValueError(f"no failpoint is called {name}")
    action = _armed.get(name)
    if action is not None:
        action()
