"""What a person hears before an older node's database is brought to the schema of this version."""

from typing import TYPE_CHECKING

from cli._output import note

if TYPE_CHECKING:
    from node.store import Upgrade

__all__ = ["tell", "the_way_back"]


def tell(upgrade: "Upgrade") -> None:
    """On standard error, before anything is changed; nothing is asked, since a service manager could not answer."""
    note(
        "An older version of blindmatch used this node last. Its database is now brought from schema "
        f"{upgrade.before} to schema {upgrade.after}; the older version cannot open it afterwards."
    )
    if upgrade.copy is not None:
        note(f"Until this has gone well it is also kept as it was: {upgrade.copy}")
    elif upgrade.on_server:
        note("It is on a server, so no copy of it is kept here.")
    else:
        note("No copy of it is kept: the disk has no room for one.")
    note(the_way_back(upgrade.backup))


def the_way_back(backup: str | None) -> str:
    """`backup`: when the last one was begun."""
    if backup is None:
        return "The way back later is a backup made with the older version, and this node never made one."
    return f"The way back later is a backup made with the older version; the last one was begun at {backup}."
