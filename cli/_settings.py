"""Settings of a round from a JSON file and from `--set KEY=VALUE`.

    --set deadline=2027-01-31T12:00:00Z        what is not JSON is text
    --set members.harbour.records=64           dots lead into the structure
    --set 'reply={"mode": "count"}'

The node checks names and values; here only the form is read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from cli._files import read_text
from node.errors import UserError
from node.wording import meant

__all__ = ["check_names", "read_settings"]

MAX_SETTINGS_BYTES = 64 * 1024
"""Largest settings file, in bytes."""


def read_settings(file: Path | None, entries: Sequence[str]) -> dict[str, Any]:
    """The settings together, later ones on top. typer.BadParameter if an entry has not the form."""
    settings: Any = {}
    if file is not None:
        text = read_text(file, what="settings file", max_bytes=MAX_SETTINGS_BYTES)
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError):
            settings = None
    if not isinstance(settings, dict):
        raise typer.BadParameter("The file is not a JSON object.", param_hint="--settings")
    for entry in entries:
        key, equals, value = entry.partition("=")
        steps = key.split(".")
        if not equals or not all(steps):
            raise typer.BadParameter("Write KEY=VALUE, for example --set records=64.", param_hint="--set")
        place = settings
        for step in steps[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise typer.BadParameter(f"{step} is not a group of settings.", param_hint="--set")
        place[steps[-1]] = _value(value)
    return settings


def check_names(settings: Mapping[str, Any], members: Sequence[str]) -> None:
    """UserError that names a setting which does not exist, and what there is. The node checks the values."""
    from node.rounds.templates import MEMBER_SETTINGS, REPLY_SETTINGS, SETTINGS

    _known(settings, SETTINGS, "")
    _known(settings.get("reply"), REPLY_SETTINGS, "reply.")
    _known(settings.get("members"), members, "members.")
    for alias in members:
        _known((settings.get("members") or {}).get(alias), MEMBER_SETTINGS, f"members.{alias}.")


def _known(given: Any, names: Iterable[str], before: str) -> None:
    for name in given if isinstance(given, Mapping) else ():
        if name in names:
            continue
        raise UserError(
            f"There is no setting {before}{name}.",
            advice=f"{meant(name, names, before=before)}"
            f"There are: {', '.join(before + known for known in sorted(names))}. "
            "What belongs to one member is set as members.ALIAS.records=256.",
        )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
