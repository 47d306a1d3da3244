"""Settings of a round from a JSON file and from `--set KEY=VALUE`.

    --set deadline=2027-01-31T12:00:00Z        what is not JSON is text
    --set members.harbour.records=64           dots lead into the structure
    --set 'reply={"mode": "count"}'

The node checks names and values; here only the form is read.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from cli._files import read_text

__all__ = ["read_settings"]

MAX_SETTINGS_BYTES = 64 * 1024
"""Largest settings file, in bytes."""


def read_settings(file: Path | None, entries: Sequence[str]) -> dict[str, Any]:
    """The settings together, later ones on top. typer.BadParameter if an entry has not the form."""
    settings: dict[str, Any] = {}
    if file is not None:
        text = read_text(file, what="settings file", max_bytes=MAX_SETTINGS_BYTES)
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError):
            settings = None  # type: ignore[assignment]
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


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
