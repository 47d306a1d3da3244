"""The settings of a node that was backed up, without the address of its database server.

What is restored lies in its folder, and must not meet the database of the node that was backed up. TOML writes one
setting in many ways, so nothing is believed of a line: lines that name the setting are commented out, and what is left
has to say, once it is parsed, just what it said before without that setting. `restore` opens the database in the folder
whatever the settings say; this is for the starts that come after.
"""

import tomllib
from typing import Any

from node.errors import UserError

__all__ = ["local_settings"]

_SECTION, _SETTING = "store", "database_file"
_NOTE = "# (as backed up; the restored database is in this folder) "


def local_settings(text: str) -> tuple[str, bool]:
    """The settings for a node whose database is in its folder, and whether they named another one.

    UserError if they are no TOML, or name it in a way that cannot be taken out by whole lines.
    """
    before = _parsed(text)
    section = before.get(_SECTION)
    if not (isinstance(section, dict) and section.pop(_SETTING, "")):
        return text, False
    lines = [_NOTE + line if _SETTING in line and not line.lstrip().startswith("#") else line
             for line in text.split("\n")]  # fmt: skip
    try:
        after = tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        after = {"": None}
    if _without_empty(after) != _without_empty(before):
        raise UserError(
            "The settings name the file with the database's address in a way that a restore could not take out.",
            advice=f"In config.toml, write `{_SETTING} = ...` on a line of its own, under [{_SECTION}].",
        )
    return "\n".join(lines), True


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        raise UserError("The settings are not valid TOML.", advice="Correct config.toml.") from None


def _without_empty(settings: dict[str, Any]) -> dict[str, Any]:
    """A section without settings says what a missing one says."""
    return {name: value for name, value in settings.items() if value != {}}
