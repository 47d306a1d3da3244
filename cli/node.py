"""`blindmatch node`: make a node, run it, look at it."""

import os
import shlex
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _upgrade
from cli._options import AsJson, Folder, LogStyle, PassphraseFile, log_style
from cli._output import Printer, note, show
from cli._profile import CLASSES, check_watch, listen_for, profile_of
from cli._session import FOLDER_WAIT_SECONDS, POLL_SECONDS, Session
from cli._supervisor import tell_ready
from node.errors import Busy, UserError

__all__ = ["app"]

app = typer.Typer(name="node", help="Make a node, run it, look at it.", no_args_is_help=True)


@app.command()
def init(
    folder: Folder = None,
    name: Annotated[str | None, typer.Option(help="The organisation's name, as others shall read it.")] = None,
    member_class: Annotated[str | None, typer.Option("--class", metavar="CLASS", help=f"One of {CLASSES}.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters, for example RO.")] = None,
    language: Annotated[list[str] | None, typer.Option(help="Its code, for example ro; may be repeated.")] = None,
    contact: Annotated[str | None, typer.Option(help="How people reach you: a role, a telephone, an address.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where other members' nodes reach this one.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where to listen, if it differs from the endpoint."),
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Answer health and figures there, on this computer only."),
    ] = None,
    dial_out_only: Annotated[
        bool,
        typer.Option(
            "--dial-out-only",
            help="Open no port: this node calls others, and nobody can call it. Instead of --endpoint.",
        ),
    ] = False,
    database_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A private file with the address of an empty PostgreSQL database; without it, SQLite."
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="Leave the key file unlocked: who copies the folder reads it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new node: its folder, keys, database and member card. Asks for what is not given."""
    from cli import _passphrase

    if no_passphrase and passphrase_file is not None:
        raise typer.BadParameter("--no-passphrase and --passphrase-file exclude each other.")
    place = Session(folder, None).folder
    from node.app import create_node, harden
    from node.store import StateDir
    from node.store.keyring import MIN_PASSPHRASE_BYTES

    # Before anything is asked: what would make the answers useless.
    if StateDir(place).key.exists():
        raise UserError(
            f"There is already a node in the folder {place}.",
            advice="Start it with `blindmatch node run`, or choose another folder.",
        )
    if dial_out_only:
        if endpoint is not None or listen is not None:
            raise typer.BadParameter("--dial-out-only excludes --endpoint and --listen.")
        endpoint = listen = "none"
    if listen is not None:
        _check_listen(listen)
    if watch is not None:
        check_watch(watch)
    checked = profile_of(
        {
            "name": name,
            "member_class": member_class,
            "country": country,
            "languages": language,
            "contact": contact,
            "endpoint": endpoint,
        }
    )
    harden()
    address = listen or listen_for(checked.endpoint)
    if no_passphrase:
        note("Warning: without a passphrase, whoever copies the folder can read everything in it.")
        member_id = create_node(place, checked, None, listen=address, watch=watch, database_file=database_file)
    else:
        with (
            _passphrase.read_file(passphrase_file)
            if passphrase_file is not None
            else _passphrase.ask_twice(MIN_PASSPHRASE_BYTES)
            if _passphrase.at_terminal()
            else _nobody()
        ) as passphrase:
            if passphrase.size < MIN_PASSPHRASE_BYTES:  # before anything is made
                raise UserError(
                    f"The passphrase is too short: {MIN_PASSPHRASE_BYTES} characters at least.",
                    advice="Four or five random words make a good one.",
                )
            member_id = create_node(
                place, checked, passphrase, listen=address, watch=watch, database_file=database_file
            )
    show({"member_id": member_id, "folder": str(place), "listen": address}, as_json, _made)


@app.command()
def run(
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    log: LogStyle = None,
) -> None:
    """Run the node until Ctrl-C or SIGTERM."""
    style = log_style(log)
    from node.app import run_node
    from node.hardening import until_told
    from node.operations import Parts
    from node.policy import Limits

    session = Session(folder, passphrase_file)
    started = False

    def ready(parts: Parts) -> None:
        nonlocal started
        started = True
        people_read = (style or parts.config.node.log) == "console"
        name = parts.identity.signed_card.card.name
        where = (
            f" at {parts.config.node.listen.rpartition(':')[0]}:{parts.port}" if parts.port else ", and opens no port"
        )
        if people_read:
            note(f"{name} is running{where}. Ctrl-C stops it.")
        tell_ready()
        if people_read and parts.budget.asked != Limits():
            note(parts.budget.sentence())

    # At the question for the passphrase a signal simply ends this process; then it is heard between two attempts too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with session.passphrase(starts=True) or nullcontext() as passphrase, until_told() as told:
        until = time.monotonic() + FOLDER_WAIT_SECONDS
        while not started:
            try:
                with session.naming_the_file():
                    run_node(session.folder, passphrase, log_style=style, ready=ready, tell=_upgrade.tell, told=told)
            except Busy:
                # Another command may have the folder for a moment; another node keeps it.
                if started or session.node_answers() or time.monotonic() > until:
                    raise
                if told.wait(POLL_SECONDS):
                    return


@app.command()
def status(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show whether the node runs, what it holds, and what its budget means."""
    show(Session(folder, passphrase_file).call("node.status", {}), as_json, _status)


def _check_listen(address: str) -> None:
    from pydantic import ValidationError

    from node.config import NodeSection

    try:
        NodeSection(listen=address)
    except ValidationError:
        raise typer.BadParameter("Write host:port, for example 0.0.0.0:7443.", param_hint="--listen") from None


def _nobody() -> Any:
    raise UserError(
        "Nobody is there to type a passphrase.",
        advice="Name a private file that holds it (--passphrase-file), or say --no-passphrase.",
    )


def _made(printer: Printer, made: dict[str, Any]) -> None:
    printer.line("The node is made.", style="bold")
    printer.facts({"folder": made["folder"], "member id": made["member_id"], "listens at": made["listen"]})
    printer.line()
    printer.line("Next:")
    usual = made["folder"] in (os.environ.get("BLINDMATCH_STATE"), str(Session(None, None).folder))
    place = "" if usual else f" --folder {shlex.quote(made['folder'])}"
    printer.bullets(
        [
            f"`blindmatch node run{place}` starts it",
            f"`blindmatch card export FILE{place}` writes the card to send to others",
            f"`blindmatch member add FILE --by NAME{place}` adds the card of another organisation",
        ]
    )
    if place:
        printer.line(f"Or say once, instead of --folder: export BLINDMATCH_STATE={shlex.quote(made['folder'])}")


def _status(printer: Printer, reply: dict[str, Any]) -> None:
    members = {state: number for state, number in reply["members"].items() if number}
    rounds = {state: number for state, number in reply["rounds"].items() if number}
    versions = reply["versions"]
    printer.facts(
        {
            "name": reply["name"],
            "member id": reply["member_id"],
            "running": _running(reply),
            "folder": reply["folder"],
            "listens at": reply["listen"],
            **({"watched at": f"port {reply['watch']}, on this computer only"} if reply["watch"] else {}),
            "members": _counts(members),
            "data sets": reply["datasets"],
            "rounds": _counts(rounds),
            "audit entries": reply["audit_entries"],
            "budget": reply["budget"]["sentence"],
            "version": f"{versions['software']} (protocol {versions['protocol']}, {versions['suite']}, "
            f"{versions['backend']}, normaliser {versions['normaliser']})",
        }
    )
    if reply["budget"]["remaining"]:
        printer.line()
        printer.table(["member", "elements left"], [(k, f"{v:,}") for k, v in reply["budget"]["remaining"].items()],
                      empty="")  # fmt: skip


def _running(reply: dict[str, Any]) -> str:
    if not reply["running"]:
        return "no"
    return f"yes, on port {reply['port']}" if reply["port"] else "yes, without a port: it calls others"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"
