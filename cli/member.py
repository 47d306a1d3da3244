"""`blindmatch member`: whom this node trusts. One person adds a card, another confirms it after comparing words."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli._files import read_text
from cli._options import AsJson, By, Folder, PassphraseFile
from cli._output import Printer, note, show, working
from cli._rounds_shown import ENDS
from cli._session import Ask, Session
from cli.card import card_facts
from node.errors import UserError
from node.wording import plural

__all__ = ["app"]

app = typer.Typer(name="member", help="Other organisations: add, confirm, reach, list, remove.", no_args_is_help=True)

_Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="The member's alias, or its member id.")]

MAX_CARD_FILE_BYTES = 64 * 1024
"""Largest file read as a card, in bytes; the node has the last word."""


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The card file you were given; - for standard input.")],
    by: By,
    alias: Annotated[
        str | None, typer.Option(help="A short name for it; made from the card's name if not given.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Add another organisation's card. It is trusted only once a second person has confirmed it."""
    text = read_text(file, what="card file", max_bytes=MAX_CARD_FILE_BYTES)
    request = {"file": text, "by": by, "alias": alias}
    show(Session(folder, passphrase_file).call("member.add", request), as_json, _words)


@app.command()
def words(name: _Alias, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Show the check words of a member, to read to each other by voice."""
    show(Session(folder, passphrase_file).call("member.words", {"name": name}), as_json, _words)


@app.command()
def confirm(
    name: _Alias,
    by: By,
    heard: Annotated[
        str | None,
        typer.Option("--words", help="The eight words as the other side reads them; asked for if not given."),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Confirm a card as a second person, with the words that the other side reads to you."""
    if heard is None and not sys.stdin.isatty():
        raise typer.BadParameter("Give the words, or run this at a terminal.", param_hint="--words")
    with Session(folder, passphrase_file).connect() as ask:
        if heard is None:
            ask("member.words", {"name": name})  # nobody types eight words for an alias that does not exist
            heard = input("The eight words that the other side reads to you: ")
        reply = ask("member.confirm", {"name": name, "words": heard, "by": by})
    show(reply, as_json, _changed)


@app.command()
def reach(
    name: _Alias,
    way: Annotated[
        str,
        typer.Argument(
            metavar="WAY",
            help="direct: this node calls it. collects: it calls this node and takes what waits. relay:NAME: through "
            "that relay. file: a person carries files. card: as its card says.",
        ),
    ],
    by: By,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say how things get to a member. It must look for them there: agree on it."""
    show(
        Session(folder, passphrase_file).call("member.reach", {"name": name, "reach": way, "by": by}), as_json, _reached
    )


@app.command()
def children(
    name: _Alias,
    by: By,
    no: Annotated[bool, typer.Option("--no", help="Take it back; one person is enough, and it holds at once.")] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask that a member may take part in rounds about children; a second person with the role children approves it."""
    request = {"name": name, "by": by, "allowed": not no}
    show(Session(folder, passphrase_file).call("member.children", request), as_json, _children)


@app.command("show")
def show_member(
    name: _Alias, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show one member, and whether it is frozen: what happened, and what to do now."""
    show(Session(folder, passphrase_file).call("member.show", {"name": name}), as_json, _shown)


@app.command()
def freeze(
    name: _Alias, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Stop everything with a member at once, on suspicion. One person is enough; to go on takes two."""
    show(Session(folder, passphrase_file).call("member.freeze", {"name": name, "by": by}), as_json, _shown)


@app.command()
def unfreeze(
    name: _Alias, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Ask that rounds with a frozen member may go on, once you have spoken with it; a second person approves it."""
    show(Session(folder, passphrase_file).call("member.unfreeze", {"name": name, "by": by}), as_json, _shown)


@app.command("list")
def list_members(
    contacts: Annotated[
        bool, typer.Option("--contacts", help="Show whom to ring, as their cards say: a list to print and keep.")
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """List every member this node knows. `member show ALIAS` shows its endpoint and the rest of its card."""
    show(Session(folder, passphrase_file).call("member.list", {}), as_json, _contacts if contacts else _list)


@app.command()
def remove(
    name: _Alias, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Stop trusting a member, from its next call on. Open rounds with it are named before, and what becomes of them."""
    with Session(folder, passphrase_file).connect() as ask:
        if said := _ends_with(ask, name):
            note(said)
            asked = not as_json and sys.stdin.isatty()
            if asked and input("Type yes to remove it all the same: ").strip().lower() != "yes":
                raise UserError("Nothing was removed.", advice="Run the command again when it is decided.")
        reply = ask("member.remove", {"name": name, "by": by})
    show(reply, as_json, _changed)


@app.command()
def check(name: _Alias, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """Call a member's node: can it be reached, and do versions and clocks fit?"""
    with working("Calling the other node"):
        reply = Session(folder, passphrase_file).call("member.check", {"name": name})
    show(reply, as_json, _check)


def _ends_with(ask: Ask, name: str) -> str:
    """What becomes of the open rounds with a member that goes; empty if there are none, or no such member."""
    known = [one for one in ask("member.list", {})["members"] if name in (one["alias"], one["card"]["member_id"])]
    if not known or known[0]["state"] != "confirmed":
        return ""
    alias, its_id = known[0]["alias"], known[0]["card"]["member_id"]
    names = [
        one["round_id"][:8]
        for one in ask("round.list", {})["rounds"]
        if one["state"] not in ENDS and its_id in (one["convener"], *(member["member_id"] for member in one["members"]))
    ]
    if not names:
        return ""
    many = len(names)
    it = plural(many, "it", "them")
    return (
        f"{many} {plural(many, 'round')} with {alias} {plural(many, 'is', 'are')} open: {', '.join(names)}. Without "
        f"{alias}, {plural(many, 'it', 'they')} cannot come to a result here: a round whose list is under way fails at "
        f"its next step, any other when something has to go to {alias}, or at its deadline. {alias} does not hear of "
        "it from this node. "
        f"`blindmatch node leave --member {alias} --by NAME` ends {it} first, lets {alias} hear it, and then removes "
        f"{alias}."
    )


def _words(printer: Printer, reply: dict[str, Any]) -> None:
    member = reply["member"]
    printer.facts({"alias": member["alias"], "state": member["state"], **card_facts(member["card"])})
    if reply.get("was"):
        printer.line(f"This card was known as {reply['was']}; it is now {member['alias']}.")
    if reply.get("warning"):
        printer.line(reply["warning"], style="yellow")
    printer.line()
    printer.line("Check words:")
    printer.line(" ".join(reply["words"]), style="bold")
    if member["state"] == "pending":
        printer.line(
            "Ring a person you know there. Both sides must see the same words. Then a colleague who did not add the "
            f"card runs: blindmatch member confirm {member['alias']} --by NAME"
        )


def _changed(printer: Printer, reply: dict[str, Any]) -> None:
    member = reply["member"]
    printer.line(f"{member['alias']} ({member['card']['name']}) is now {member['state']}.")


def _reached(printer: Printer, reply: dict[str, Any]) -> None:
    member = reply["member"]
    printer.line(f"{member['alias']} is reached: {member['reach']}. What already waits for it goes that way, too.")


def _children(printer: Printer, reply: dict[str, Any]) -> None:
    alias = reply["member"]["alias"]
    if reply["number"] is None:
        printer.line(f"{alias} takes part in no round about children.")
        return
    printer.line(f"Asked: {alias} in rounds about children. It waits for a second person:")
    printer.line(f"blindmatch approval approve {reply['number']} --by NAME")


def _shown(printer: Printer, reply: dict[str, Any]) -> None:
    member = reply["member"]
    printer.facts({"alias": member["alias"], "state": _state(member), **card_facts(member["card"])})
    for freeze in reply["freezes"]:
        printer.line()
        where = f"Round {freeze['round_id'][:8]}, " if freeze["round_id"] else ""
        printer.line(f"{where}{freeze['frozen_at']}: {freeze['sentence']}")
        if not freeze["stands"]:
            people = f"{freeze['lifted_by']} and {freeze['lifted_second']}"
            printer.line(f"Rounds may go on since {freeze['lifted_at']}: {people} decided it.")
    if not reply["note"]:
        return
    printer.line()
    printer.line(reply["note"], style="yellow")
    if reply["number"] is None:
        printer.line(f"When you have spoken with them: blindmatch member unfreeze {member['alias']} --by NAME")
    else:
        printer.line(f"{reply['waiting']} asked to go on. It waits for a second person:")
        printer.line(f"blindmatch approval approve {reply['number']} --by NAME")


def _state(member: dict[str, Any]) -> str:
    return f"{member['state']}, FROZEN" if member["frozen"] else str(member["state"])


def _list(printer: Printer, reply: dict[str, Any]) -> None:
    rows = [
        (m["alias"], _state(m), m["card"]["name"], m["card"]["member_class"].replace("_", " "), m["card"]["country"],
         m["reach"], m["card"]["expires_at"][:10])
        for m in reply["members"]
    ]  # fmt: skip
    printer.table(
        ["alias", "state", "name", "class", "in", "reached", "expires"],
        rows,
        empty="No members yet. `blindmatch member add FILE --by NAME` adds the card of one.",
        whole=["alias", "class"],
    )


def _contacts(printer: Printer, reply: dict[str, Any]) -> None:
    rows = [
        (m["alias"], m["card"]["name"], m["card"]["contact"], " ".join(m["card"]["languages"]))
        for m in reply["members"]
        if m["state"] == "confirmed"
    ]
    head = ["alias", "name", "contact", "speaks"]
    printer.table(head, rows, empty="No member is confirmed yet.", whole=["alias", "contact"])


def _check(printer: Printer, reply: dict[str, Any]) -> None:
    ahead = reply["clock_ahead_seconds"]
    printer.line(f"{reply['alias']} answers.")
    printer.facts(
        {
            "protocol": reply["protocol"],
            "normaliser": reply["normaliser"],
            "software": reply["software"],
            "clock": f"{abs(ahead)} seconds {'ahead of' if ahead > 0 else 'behind'} ours",
        }
    )
    if apart := reply.get("apart"):
        printer.line(apart, style="yellow")
