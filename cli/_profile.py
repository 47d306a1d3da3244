"""What the organisation says about itself on its card: taken from options, or asked for one by one.

Each answer is checked when it is given, so that one slip does not cost the others. Case and blanks that mean nothing
are put right: "Shelter" is shelter, "de" is DE.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from node.errors import UserError

if TYPE_CHECKING:
    from node.identity.cards import Profile

__all__ = ["CLASSES", "check_watch", "listen_for", "profile_of"]

CLASSES = (
    "ngo, shelter, hotline, police, prosecutor, labour_inspectorate, immigration, financial, platform, research, "
    "intergovernmental, coordinator"
)
"""Every class, for help and questions; node.identity.cards has the last word."""

_QUESTIONS = {
    "name": "Name of the organisation",
    "member_class": f"Class ({CLASSES})",
    "country": "Country (two letters, for example RO)",
    "languages": "Languages (for example: ro en)",
    "contact": "Contact (how people reach you)",
    "endpoint": "Endpoint (host:port where other nodes reach this one; none if they cannot)",
}

_WELL_FORMED: Mapping[str, object] = {
    "name": "x", "member_class": "ngo", "country": "RO", "languages": ["ro"], "contact": "x", "endpoint": "x:1",
}  # fmt: skip


def profile_of(given: Mapping[str, str | Sequence[str] | None], *, relay: bool = False) -> "Profile":
    """The whole profile of a node, or of a relay. UserError for an option that cannot stand; what is None is asked for
    until it can."""
    from node.identity.cards import Profile

    known = {field: _tidy(field, value) for field, value in given.items() if value}
    for field, value in known.items():
        _check(field, value)
    for field in _QUESTIONS:
        if field not in known:
            known[field] = _ask(field)
        if field == "member_class" and known[field] == "relay" and not relay:
            raise UserError("A relay is not a node.", advice="Make one with `blindmatch relay init`.")
    return Profile.of(known)


def listen_for(endpoint: str) -> str:
    """Loopback stays on loopback; anything else listens on every address, with the card's port."""
    host, _, port = endpoint.rpartition(":")
    loopback = endpoint == "none" or host in ("localhost", "[::1]") or host.startswith("127.")
    return endpoint if loopback else f"0.0.0.0:{port}"


def check_watch(address: str) -> None:
    """Refuse an address for --watch that the settings would refuse, before anything is made."""
    from pydantic import ValidationError

    from node.config import NodeSection

    try:
        NodeSection(watch=address)
    except ValidationError:
        raise typer.BadParameter(
            "Write an address of this computer, for example 127.0.0.1:9464.", param_hint="--watch"
        ) from None


def _ask(field: str) -> object:
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "Give --name, --class, --country, --language, --contact and --endpoint, or run this at a terminal."
        )
    while True:
        value = _tidy(field, input(f"{_QUESTIONS[field]}: "))
        try:
            _check(field, value)
        except UserError as error:
            sys.stdout.write(f"That cannot stand on a card. {error.advice}\n")
        else:
            return value


def _check(field: str, value: object) -> None:
    from node.identity.cards import Profile

    Profile.of({**_WELL_FORMED, field: value})


def _tidy(field: str, value: str | Sequence[str]) -> object:
    if field == "languages":
        words = [value] if isinstance(value, str) else value
        return [code.lower() for word in words for code in word.replace(",", " ").split()]
    text = str(value).strip()
    if field == "member_class":
        return "_".join(text.lower().replace("-", " ").split())
    return text.upper() if field == "country" else text
