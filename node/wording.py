"""What messages have in common: a word in the number that it needs, and a guess at what somebody meant to type."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["meant", "plural"]


def plural(number: int, one: str, several: str = "") -> str:
    """The word that stands behind a number: "round" behind 1, else "rounds", or `several` where an s does not do."""
    return one if number == 1 else several or f"{one}s"


def meant(typed: str, known: Iterable[str], *, before: str = "") -> str:
    """A question to begin an advice with, "Did you mean NAME? "; empty where nothing that is known comes near.
    `before` stands before the name, and is no part of what is compared."""
    near = get_close_matches(typed, list(known), n=1)
    return f"Did you mean {before}{near[0]}? " if near else ""
