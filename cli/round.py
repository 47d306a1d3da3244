"""`blindmatch round`: propose, read, sign, start, watch, decide what is released, read the results.

A convener proposes and starts; each member reads, signs (or refuses) with one of its data sets, and the first learner
decides what is released. What is released is named by lead number: record references stay off the command line.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import _carried, _consent, _contact
from cli._exit import Exit
from cli._options import AsJson, By, Folder, PassphraseFile, RoundId
from cli._output import note, show, show_line, working
from cli._release import all_results, chosen_leads
from cli._rounds_shown import (
    ENDS,
    next_after,
    progress_line,
    show_contacts,
    show_list,
    show_released,
    show_results,
    show_round,
    show_settings,
    show_templates,
    show_terms,
)
from cli._session import Session
from cli._settings import check_names, read_settings

__all__ = ["app"]

app = typer.Typer(name="round", help="Propose, sign, start, watch and decide rounds.", no_args_is_help=True)

_WAIT_POLL_SECONDS = 0.5
_BUSY_STATES = frozenset({"preparing", "running"})


@app.command()
def propose(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="The job, for example J1; `round templates` lists them.")
    ],
    by: By,
    members: Annotated[
        list[str],
        typer.Option("--with", metavar="ALIAS", help="A member of the round; give two. `me` is this node."),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, for example members.harbour.records=64 or "
                     "deadline=2027-01-31T12:00:00Z; may be repeated. `round settings TEMPLATE` lists them all."),
    ] = None,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings as a JSON file; --set goes on top.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would learn what and what the rules say; send nothing. Exit "
                     "code 5 if a rule objects.")
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Propose a round to two members."""
    settings = read_settings(settings_file, set_ or [])
    if settings:
        check_names(settings, members)
    request = {
        "template": template,
        "members": members,
        "settings": settings,
        "by": by,
        "dry_run": dry_run,
    }
    reply = Session(folder, passphrase_file).call("round.propose", request)
    show(reply, as_json, show_terms)
    objections = sum(not verdict["ok"] for verdict in reply["verdicts"])
    if not dry_run:
        name = reply["round"]["round_id"][:8]
        if objections:
            rules = "a rule of this node objects" if objections == 1 else f"{objections} rules of this node object"
            note(f"Proposed, although {rules}, as above: who has the same rule cannot sign it.")
            note(f"`blindmatch round cancel {name} --by NAME` takes it back.")
        else:
            note(f"Proposed. `blindmatch round status {name}` shows who has signed.")
        note("It is delivered in the background; whoever cannot be reached now gets it when both nodes run.")
    elif objections:
        raise typer.Exit(Exit.NOT_ALLOWED)


@app.command()
def templates(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List the jobs that a round can be proposed for, and what those that cannot be still lack."""
    show(Session(folder, passphrase_file).call("round.templates", {}), as_json, show_templates)


@app.command()
def settings(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="The job, for example J1.")],
    as_json: AsJson = False,
) -> None:
    """List what --set of `round propose` takes, what it means, and what the job has without it. Needs no node."""
    from node.rounds.settings import settings_of

    reply = {"template": template.upper(), "settings": [asdict(one) for one in settings_of(template)]}
    show(reply, as_json, show_settings)


@app.command("show")
def show_agreement(
    round_id: RoundId, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show what a round means: who brings what, who would learn what, what this node's rules say."""
    show(Session(folder, passphrase_file).call("round.show", {"round": round_id}), as_json, show_terms)


@app.command("list")
def list_rounds(folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False) -> None:
    """List every round this node knows."""
    show(Session(folder, passphrase_file).call("round.list", {}), as_json, show_list)


@app.command()
def sign(
    round_id: RoundId,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="The data set that takes part.")],
    by: By,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Somebody is in danger: sign without the second person, who has to look at "
                           "it afterwards. The log says who did this.")
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Agree to a round, with one data set. `blindmatch round show` says what you agree to. Where the agreement asks for
    two people here, this asks the second one, whose `round approve` signs."""
    request = {"round": round_id, "dataset": dataset, "by": by, "urgent": urgent}
    show(Session(folder, passphrase_file).call("round.sign", request), as_json, show_round)


@app.command()
def approve(
    round_id: RoundId, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Approve, as a second person, what a colleague wants to sign or has signed as urgent."""
    show(Session(folder, passphrase_file).call("round.approve", {"round": round_id, "by": by}), as_json, show_round)


@app.command()
def refuse(
    round_id: RoundId, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Say no to a round. The others learn that this node refused, and nothing else."""
    show(Session(folder, passphrase_file).call("round.refuse", {"round": round_id, "by": by}), as_json, show_round)


@app.command()
def start(
    round_id: RoundId, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Start a round that every member has signed. Only its convener can: the node that proposed it."""
    show(Session(folder, passphrase_file).call("round.start", {"round": round_id, "by": by}), as_json, show_round)


@app.command()
def cancel(
    round_id: RoundId, by: By, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Call a round off. What was already released cannot be called back."""
    show(Session(folder, passphrase_file).call("round.cancel", {"round": round_id, "by": by}), as_json, show_round)


@app.command()
def status(
    round_id: RoundId,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the round moves on and a person has to do something, here or "
                           "at another node, or until it is over.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest wait; then exit code 6. 0: no limit.")
    ] = 0,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show how far a round is, and whose turn it is."""
    session = Session(folder, passphrase_file)
    if not wait:
        show(session.call("round.status", {"round": round_id}), as_json, show_round)
        return
    until = time.monotonic() + timeout if timeout else None
    with session.connect(running=True) as ask, working("Waiting"):
        reply = ask("round.status", {"round": round_id})
        first, said = _moment(reply), ""
        while not _moved_on(reply, first):
            if reply["round"]["turn"] != said:
                said = reply["round"]["turn"]
                note(f"{reply['round']['state']}: {said}")
            if until is not None and time.monotonic() > until:
                break
            time.sleep(_WAIT_POLL_SECONDS)
            reply = ask("round.status", {"round": round_id})
    show(reply, as_json, show_round)
    if not _moved_on(reply, first):
        note("The wait ended before the round moved on.")
        raise typer.Exit(Exit.BUSY)


@app.command()
def watch(
    round_id: RoundId,
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest time to watch; then exit code 6. 0: no limit.")
    ] = 0,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document a line whenever something has changed.")
    ] = False,
) -> None:
    """Watch how far a round is, with rate and time left, until it is over or a person has to do something."""
    session = Session(folder, passphrase_file)
    until = time.monotonic() + timeout if timeout else None
    said = ""
    with session.connect(running=True) as ask, working("Watching") as step:
        while True:
            reply = ask("round.status", {"round": round_id})
            found = reply["round"]
            line = json.dumps(reply) if as_json else progress_line(found)
            if as_json and _essence(found) != said:
                said = _essence(found)
                show_line(line)
            elif not as_json:
                step({"says": line})
                if line != said and not sys.stderr.isatty():
                    note(line)
                said = line
            at_rest = found["state"] in ENDS or found["whose"] in ("you", "another member", "the convener")
            if at_rest or (until is not None and time.monotonic() > until):
                break
            time.sleep(_WAIT_POLL_SECONDS)
    if not as_json:
        show(reply, False, show_round)
    if not at_rest:
        note("The round goes on; this was the longest time to watch.")
        raise typer.Exit(Exit.BUSY)


def _essence(found: dict[str, Any]) -> str:
    """What makes a round worth another line: its state, whose turn it is, how far the lists have come."""
    far = [(one["what"], one["ours"], one["done"]) for one in found["progress"]]
    return json.dumps([found["state"], found["turn"], found["reports"], far])


@app.command()
def release(
    round_id: RoundId,
    by: By,
    lead: Annotated[
        list[int] | None, typer.Option(min=1, metavar="N", help="Number of a lead, from `round results`; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Release every lead.")] = False,
    nothing: Annotated[bool, typer.Option("--none", help="Release no lead.")] = False,
    records_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record references, one a line: every lead that carries one of them is "
                     "released; - for standard input."),
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Decide which leads the other side learns. Said once, and it cannot be called back; without an option you are
    shown the leads and asked."""
    ways = [bool(lead), everything, nothing, records_file is not None]
    if sum(ways) > 1:
        raise typer.BadParameter("Give one of --lead, --all, --none and --records-file.")
    if not any(ways) and not sys.stdin.isatty():
        raise typer.BadParameter("Say what is released: --lead, --all, --none or --records-file.")
    with Session(folder, passphrase_file).connect() as ask:
        request: dict[str, Any] = {"round": round_id, "by": by, "everything": everything}
        said = "Every lead" if everything else "No lead"
        if nothing:
            request["leads"] = []
        elif not everything:
            request["leads"], said = chosen_leads(ask, round_id, lead=lead or [], records_file=records_file)
        reply = ask("round.release", request)
    show(reply, as_json, lambda printer, _reply: show_released(printer, reply, said))


def _moment(reply: dict[str, Any]) -> tuple[str, bool]:
    """The state here, and whether a person at another node has to decide."""
    found = reply["round"]
    return found["state"], "deciding" in found["reports"].values()


def _moved_on(reply: dict[str, Any], first: tuple[str, bool]) -> bool:
    state, decided_elsewhere = moment = _moment(reply)
    return state in ENDS or (moment != first and (state not in _BUSY_STATES or decided_elsewhere))


@app.command()
def results(
    round_id: RoundId, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show what this node learned: its own records, and what the other side declared. Reading is logged."""
    with Session(folder, passphrase_file).connect() as ask:
        found = all_results(ask, round_id)
    show(found, as_json, show_results)
    if not as_json and (then := next_after(found)):
        note(then)


@app.command()
def contacts(
    round_id: RoundId, folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Show which agreeing identifiers recur over several of this node's own records, and over how many people."""
    show(Session(folder, passphrase_file).call("round.contacts", {"round": round_id}), as_json, show_contacts)


_contact.register(app)
_carried.register(app)
_consent.register_round(app)
