"""`blindmatch relay`: run a relay, which keeps sealed parcels for nodes that are not up at the same time.

These commands work on the relay's own folder, whether or not the relay runs; there is no passphrase. A node reaches a
relay by taking in its card like that of a member (`blindmatch member add`).
"""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli._files import read_text, write_new
from cli._options import AsJson, LogStyle, log_style
from cli._output import Printer, note, show
from cli._profile import check_watch, listen_for, profile_of
from cli._supervisor import tell_ready
from cli.card import card_facts
from node.errors import UserError

if TYPE_CHECKING:
    from node.identity.cards import Card
    from node.relay.members import RelayMember
    from node.relay.running import RelayParts

__all__ = ["app"]

app = typer.Typer(
    name="relay",
    help="Run a relay: it keeps sealed messages for nodes that are not up at the same time.",
    no_args_is_help=True,
)

DEFAULT_RELAY_FOLDER = "~/.local/share/blindmatch-relay"
MAX_CARD_FILE_BYTES = 64 * 1024
"""Largest file read as a card, in bytes; the card's own limit is lower."""

_Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        envvar="BLINDMATCH_RELAY",
        metavar="DIR",
        help="The relay's folder.",
        show_default=DEFAULT_RELAY_FOLDER,
    ),
]
_Name = Annotated[str, typer.Argument(metavar="ALIAS", help="The member's alias at this relay, or its member id.")]


@app.command()
def init(
    folder: _Folder = None,
    name: Annotated[str | None, typer.Option(help="The relay's name, as members shall read it.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, for example RO.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Its code, for example ro; may be repeated.")] = None,
    contact: Annotated[str | None, typer.Option(help="How people reach whoever runs it.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where nodes reach this relay.")] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to listen, if it differs from the endpoint.")
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Answer health and figures there, on this computer only."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new relay: its folder, its key and its card. Asks for what is not given."""
    from node.relay.folder import RelayFolder
    from node.relay.running import create_relay

    place = _place(folder)
    if RelayFolder(place).tls_key.exists():
        raise UserError(
            f"There is already a relay in the folder {place}.",
            advice="Start it with `blindmatch relay run`, or choose another folder.",
        )
    profile = profile_of(
        {
            "name": name,
            "member_class": "relay",
            "country": country,
            "languages": language,
            "contact": contact,
            "endpoint": endpoint,
        },
        relay=True,
    )
    if profile.dials_out_only:
        raise UserError(
            "A relay without an address is of no use to anybody.", advice="Give the host:port where nodes reach it."
        )
    address = _checked(listen) if listen is not None else listen_for(profile.endpoint)
    if watch is not None:
        check_watch(watch)
    card = create_relay(place, profile, listen=address, watch=watch).card
    reply = {"member_id": card.member_id, "folder": str(place), "listen": address}
    show(reply, as_json, _made)


@app.command("card")
def show_card(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Write the card there, to hand to members; must not exist.")
    ] = None,
    folder: _Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show this relay's card, or write it into a file for members to take in. Nothing in it is secret."""
    from node.relay.folder import RelayFolder

    signed = RelayFolder(_place(folder)).read_keys().signed_card
    if file is not None:
        write_new(file, signed.to_bytes())
    reply = {"card": _card_view(signed.card), "file": signed.to_bytes().decode()}
    show(reply, as_json, lambda printer, seen: _card(printer, seen, file))


@app.command()
def admit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A node's card file; - for standard input.")],
    alias: Annotated[
        str | None, typer.Option(help="A short name for it; made from the card's name if not given.")
    ] = None,
    folder: _Folder = None,
    as_json: AsJson = False,
) -> None:
    """Serve a member from now on, and show the check words that its people need to confirm this relay."""
    from node.identity.cards import parse_card
    from node.identity.words import check_words

    text = read_text(file, what="card file", max_bytes=MAX_CARD_FILE_BYTES).encode()
    with _opened(folder) as parts:
        member = parts.members.admit(text, alias)
        words = check_words(parts.keys.signed_card.card.digest, parse_card(text).card.digest)
        reply = {"member": _view(parts, member), "words": list(words)}
    show(reply, as_json, _admitted)


@app.command()
def remove(name: _Name, folder: _Folder = None, as_json: AsJson = False) -> None:
    """Stop serving a member, from its next call on; what lies there for it or from it is thrown away."""
    with _opened(folder) as parts:
        gone = parts.members.remove(name)
        reply = {"member": _view(parts, gone.member), "thrown_away": {"for_it": gone.sent_to, "from_it": gone.sent_by}}
    show(reply, as_json, _removed)


@app.command()
def members(folder: _Folder = None, as_json: AsJson = False) -> None:
    """List whom this relay serves, and how much lies there for each."""
    with _opened(folder) as parts:
        totals = parts.mailbox.totals()
        reply = {
            "members": [_view(parts, member) for member in parts.members.list()],
            "parcels": totals.parcels,
            "bytes": totals.bytes,
            "limit_bytes": parts.settings.limits.total_mib * 1024 * 1024,
        }
    show(reply, as_json, _list)


@app.command()
def run(
    folder: _Folder = None,
    log: LogStyle = None,
) -> None:
    """Run the relay until Ctrl-C or SIGTERM. It asks for nothing, so that it can start by itself."""
    style = log_style(log)
    from node.relay.running import run_relay

    def ready(parts: "RelayParts") -> None:
        name, listen = parts.keys.signed_card.card.name, parts.settings.relay.listen
        if (style or parts.settings.relay.log) == "console":
            note(f"{name} relays at {listen.rpartition(':')[0]}:{parts.port}. Ctrl-C stops it.")
        tell_ready()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run_relay(_place(folder), log_style=style, ready=ready)


def _place(folder: Path | None) -> Path:
    try:
        return (folder or Path(DEFAULT_RELAY_FOLDER)).expanduser().absolute()
    except RuntimeError:
        raise UserError("This account has no home folder.", advice="Name the relay's folder: --folder.") from None


@contextmanager
def _opened(folder: Path | None) -> "Iterator[RelayParts]":
    from node.relay.running import opened

    with opened(_place(folder)) as parts:
        yield parts


def _checked(address: str) -> str:
    from pydantic import ValidationError

    from node.relay.settings import RelaySection

    try:
        return RelaySection(listen=address).listen
    except ValidationError:
        raise typer.BadParameter("Write host:port, for example 0.0.0.0:7444.", param_hint="--listen") from None


def _card_view(card: "Card") -> dict[str, Any]:
    from node.clock import timestamp

    return {
        "member_id": card.member_id,
        "name": card.name,
        "member_class": card.member_class.value,
        "country": card.country,
        "languages": list(card.languages),
        "contact": card.contact,
        "endpoint": card.endpoint,
        "issued_at": card.issued_at,
        "expires_at": timestamp(card.certificate.not_after),
    }


def _view(parts: "RelayParts", member: "RelayMember") -> dict[str, Any]:
    waiting = parts.members.waiting(member.member_id)
    now = parts.clock.now().timestamp()
    return {
        "alias": member.alias,
        "state": "admitted" if member.state.value == "confirmed" else member.state.value,
        "name": member.name,
        "member_class": member.member_class,
        "member_id": member.member_id,
        "admitted_at": member.admitted_at,
        "waiting_parcels": waiting.parcels,
        "waiting_bytes": waiting.bytes,
        "oldest_hours": None if waiting.oldest is None else max(0, int(now - waiting.oldest) // 3600),
    }


def _made(printer: Printer, made: dict[str, Any]) -> None:
    printer.line("The relay is made.", style="bold")
    printer.facts({"folder": made["folder"], "member id": made["member_id"], "listens at": made["listen"]})
    printer.line()
    printer.line("Next:")
    usual = made["folder"] in (os.environ.get("BLINDMATCH_RELAY"), str(_place(None)))
    place = "" if usual else f" --folder {shlex.quote(made['folder'])}"
    printer.bullets(
        [
            f"`blindmatch relay run{place}` starts it",
            f"`blindmatch relay card FILE{place}` writes its card for the members",
            f"`blindmatch relay admit FILE{place}` serves the member whose card that is",
        ]
    )


def _card(printer: Printer, reply: dict[str, Any], file: Path | None) -> None:
    if file is None:
        printer.facts(card_facts(reply["card"]))
    else:
        printer.line(f"The card of {reply['card']['name']} is in {file}.")
        printer.line("Each member takes it in with `blindmatch member add FILE --by NAME`, and gives you its own card.")


def _admitted(printer: Printer, reply: dict[str, Any]) -> None:
    member = reply["member"]
    printer.line(f"{member['alias']} ({member['name']}) is served.")
    printer.line()
    printer.line("Check words:")
    printer.line(" ".join(reply["words"]), style="bold")
    printer.line(
        "Its people must see the same words for this relay. Read them to each other by voice; if they differ, "
        f"run `blindmatch relay remove {member['alias']}`."
    )


def _removed(printer: Printer, reply: dict[str, Any]) -> None:
    gone = reply["thrown_away"]
    printer.line(f"{reply['member']['alias']} is no longer served.")
    printer.line(f"Parcels thrown away: {gone['for_it']:,} for it, {gone['from_it']:,} that it had left for others.")


def _list(printer: Printer, reply: dict[str, Any]) -> None:
    rows = [
        (one["alias"], one["state"], one["name"], one["member_class"], one["waiting_parcels"],
         f"{one['waiting_bytes'] / 1024 / 1024:,.1f}", one["oldest_hours"])
        for one in reply["members"]
    ]  # fmt: skip
    printer.table(
        ["alias", "state", "name", "class", "parcels", "MiB", "oldest (hours)"],
        rows,
        empty="No members yet. `blindmatch relay admit FILE` serves the one whose card that is.",
        whole=["alias", "state"],
    )
    if reply["members"]:
        printer.line(f"{reply['bytes'] / 1024 / 1024:,.1f} MiB of {reply['limit_bytes'] / 1024 / 1024:,.0f} are used.")
