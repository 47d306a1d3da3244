"""How rounds are laid out for a person."""

from collections.abc import Sequence
from typing import Any

from cli._coverage_shown import show_coverage
from cli._output import Printer
from node.wording import plural

__all__ = [
    "ENDS",
    "agreement_words",
    "how_far",
    "next_after",
    "progress_line",
    "show_contacts",
    "show_list",
    "show_released",
    "show_results",
    "show_round",
    "show_settings",
    "show_templates",
    "show_terms",
]

ENDS = frozenset({"finished", "refused", "cancelled", "failed"})
"""The states in which a round is over."""

_POSITIONS = {
    "first": "this side learns first",
    "second": "this side learns second",
    "none": "it is the convener of the round and learns nothing",
}


def show_round(printer: Printer, reply: dict[str, Any]) -> None:
    """`round status` and the commands that change a round."""
    _round(printer, reply["round"])


def show_list(printer: Printer, reply: dict[str, Any]) -> None:
    """`round list`."""
    printer.table(
        ["round", "state", "job", "members", "whose turn", "since", "left"],
        [
            (r["round_id"][:8], r["state"], r["template"], " and ".join(m["name"] for m in r["members"]),
             "" if r["whose"] == "nobody" else r["whose"], r["since"][:10], _left(r))
            for r in reply["rounds"]
        ],
        empty="No rounds yet. `blindmatch round propose` makes one.",
        whole=["round", "state"],
    )  # fmt: skip


def show_released(printer: Printer, reply: dict[str, Any], said: str) -> None:
    """`round release`: `said` is what was decided, in words."""
    printer.line(f"Round {reply['round']['round_id'][:8]}: {said} will be released to the other side.", style="bold")
    if reply["seen_with"]:
        numbers = ", ".join(map(str, reply["seen_with"]))
        printer.line(f"Withheld, but holding an identifier that leaves with a released lead: {numbers}.", style="red")
    printer.line("This is on its way; if the node does not run, it goes out when it does. It cannot be changed.")


def show_templates(printer: Printer, reply: dict[str, Any]) -> None:
    """`round templates`."""
    ready = [template for template in reply["templates"] if template["fillable"]]
    printer.table(
        ["job", "what it finds", "limits"],
        [(t["id"], t["title"], " ".join(t["limits"])) for t in ready],
        empty="None can be filled in.",
        whole=["job"],
    )
    printer.line()
    printer.line("Not built yet:", style="bold")
    printer.bullets(f"{t['id']}, {t['title']}: needs {t['missing']}" for t in reply["templates"] if t not in ready)


def show_settings(printer: Printer, reply: dict[str, Any]) -> None:
    """`round settings`."""
    printer.table(
        ["--set", "what it means", f"in {reply['template']}"],
        [(one["name"], one["means"], one["default"]) for one in reply["settings"]],
        empty="",
        whole=["--set"],
    )


def show_terms(printer: Printer, reply: dict[str, Any]) -> None:
    """`round show` and `round propose`: the agreement in sentences, then what the rules of this node say."""
    if reply["round"] is not None:
        _round(printer, reply["round"])
        printer.line()
    printer.line("What this round means", style="bold")
    printer.bullets(reply["sentences"])
    printer.line()
    objections = [verdict for verdict in reply["verdicts"] if not verdict["ok"]]
    fine = len(reply["verdicts"]) - len(objections)
    said = f"{fine} {plural(fine, 'agrees', 'agree')}, {len(objections)} {plural(len(objections), 'objects', 'object')}"
    printer.line(f"What the rules of this node say: {said}", style="bold")
    printer.bullets(f"{v['rule']}: {v['sentence']} {v['advice']}" for v in objections)
    printer.line()
    if reply.get("coverage"):
        show_coverage(printer, reply["coverage"])
        printer.line()
    names = {member["member_id"]: member["name"] for member in reply["manifest"]["members"]}
    printer.facts({
        f"elements that {names.get(member, member)} sends": f"{number:,}"
        for member, number in reply["elements"].items()
    })  # fmt: skip


def show_results(printer: Printer, reply: dict[str, Any]) -> None:
    """`round results`."""
    printer.line(f"Round {reply['round']['round_id'][:8]}: {reply['round']['turn']}", style="bold")
    printer.line()
    if reply["deleted_at"] is not None:
        printer.line(reply["note"])
        return
    if reply["round"]["failure"]:
        printer.line(f"It failed: {reply['round']['failure']}", style="red")
        printer.line()
    if not (reply["learned"] or reply["leads"] or reply["count"] is not None):
        printer.line("Nothing was learned yet.")
        return
    if reply["learned"] or reply["leads"]:
        printer.table(
            ["no", "your record", "agrees in", "strength", "match handle", "status"],
            [
                (
                    lead["number"],
                    lead["reference"],
                    ", ".join(lead["agrees_in"]),
                    _strength(lead),
                    # The same at both sides, whichever of the lead's handles it is: the smallest.
                    min((agreement["handle"] for agreement in lead["agreements"]), default=""),
                    lead["status"],
                )
                for lead in reply["leads"]
            ],
            empty="No record of yours agrees with one of the other side.",
            whole=["match handle", "status"],
        )
        printer.bullets(
            f"Lead {lead['number']} shares an identifier with {', '.join(map(str, lead['shares_with']))}: what is "
            "released of the one is seen of the other."
            for lead in reply["leads"]
            if lead["shares_with"] and reply["round"]["position"] == "first"  # the second learner releases nothing
        )
    if reply["count"] is not None:
        low, high = reply["count"]
        number = f"{low}" if low == high else f"{low} to {high}"
        printer.line(f"Declared by the first learner: {number} of its records agree.")
    if reply["leads"] or reply["count"] is not None:
        printer.line()
        printer.line(reply["note"])
        printer.bullets(reply["advice"])


def show_contacts(printer: Printer, reply: dict[str, Any]) -> None:
    """`round contacts`."""
    printer.table(
        ["agrees in", "match handle", "records", "case numbers", "people"],
        [
            (agreement_words([one["key"]]), one["handle"], one["records"], one["references"], one["people"] or "-")
            for one in reply["contacts"]
        ],
        empty="No identifier that both sides hold stands on more than one record of yours."
        if reply["round"]["state"] in ("deciding", "finished")
        else "No such identifier is known: the round has not come to its end.",
        whole=["match handle"],
    )
    if reply["contacts"]:
        printer.line()
        printer.line(reply["note"])


def _round(printer: Printer, found: dict[str, Any]) -> None:
    printer.facts(
        {
            "round": found["round_id"],
            "job": f"{found['template']} {found['title']}",
            "state": found["state"],
            "turn": found["turn"],
            "since": found["since"],
            **_next(found),
            **({"time left": found["time_left"]} if found["time_left"] else {}),
            **{_STRETCHES[one["what"], one["ours"]]: how_far(one) for one in found["progress"]},
            "this node": _POSITIONS.get(found["position"], found["position"]),
            **{f"{member['name']}": _answer(found, member) for member in found["members"]},
            "exchange until": found["deadline"],
            "ends": found["expires_at"],
        }
    )
    for party in found["parties"]:
        for sentence in (party["sentence"], party["clock"]):
            if sentence:
                printer.line(sentence, style="yellow" if party["failing_since"] or sentence == party["clock"] else "")
    if found.get("approval"):
        printer.line(found["approval"], style="yellow")
    if found["shown_before"]:
        printer.line(found["shown_before"], style="yellow")
    if found["failure"]:
        printer.line(f"It failed: {found['failure']}", style="red")
    if found["blamed"]:
        printer.line(f"To blame: {found['blamed']}", style="red")


_STRETCHES = {
    ("preparing", True): "preparing our list",
    ("list", True): "our list goes out",
    ("list", False): "their list comes in",
    ("answer", True): "we answer theirs",
    ("answer", False): "they answer ours",
}


def how_far(one: dict[str, Any]) -> str:
    """A list on its way, in a line: how much, how fast, how long yet."""
    unit = "records" if one["what"] == "preparing" else "elements"
    share = f" ({100 * one['done'] // one['total']} %)" if one["total"] else ""
    said = f"{one['done']:,} of {one['total']:,} {unit}{share}"
    if one["records_per_second"]:
        said += f", {one['records_per_second']:,.0f} a second"
    if one["seconds_left"] is not None:
        said += f", about {_span(one['seconds_left'])} left"
    return said


def progress_line(found: dict[str, Any]) -> str:
    """A round in one line, for those who watch: state, whose turn, how far."""
    parts = [f"{_STRETCHES[one['what'], one['ours']]}: {how_far(one)}" for one in found["progress"]]
    return f"{found['state']}: {'; '.join(parts) or found['turn']}"


def _left(found: dict[str, Any]) -> str:
    return _span(found["seconds_left"]) if found["time_left"] else ""


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{round(seconds)} seconds"


def _next(found: dict[str, Any]) -> dict[str, str]:
    """The command that this node's turn calls for, if it is this node's."""
    name = found["round_id"][:8]
    if found["state"] == "proposed" and found.get("approval"):
        return {
            "next": f"for a second person: `blindmatch round show {name}`, then "
            f"`blindmatch round approve {name} --by NAME` or `blindmatch round refuse {name} --by NAME`"
        }
    if found["state"] == "proposed" and found["whose"] == "you":
        return {
            "next": f"`blindmatch round show {name}`, then `blindmatch round sign {name} --dataset NAME --by NAME` or "
            f"`blindmatch round refuse {name} --by NAME`"
        }
    if found["state"] == "agreed" and found["convener"] == "you":
        return {"next": f"`blindmatch round start {name} --by NAME`"}
    if found["state"] == "deciding":
        return {"next": f"`blindmatch round results {name}`, then {_release(name)}"}
    return {}


def _release(name: str) -> str:
    return f"`blindmatch round release {name} --lead NUMBER --by NAME`"


def next_after(results: dict[str, Any]) -> str:
    """What whoever has read the results of a round does then, in a sentence; empty where there is nothing to do."""
    found = results["round"]
    name = found["round_id"][:8]
    if found["state"] == "deciding":
        return f"Next, when a person has decided which leads the other side learns: {_release(name)}, or --none."
    if results["deleted_at"] is not None:
        return ""
    if results["leads"]:
        return f"Next: check each lead in your own file. `blindmatch lead list {name}` is the list to note it in."
    return "" if found["state"] in ENDS else f"Whose turn it is: `blindmatch round status {name}`"


def _answer(found: dict[str, Any], member: dict[str, Any]) -> str:
    report = found["reports"].get(member["member_id"])
    return f"{member['answered']}{f', reports: {report}' if report else ''}"


def agreement_words(keys: Sequence[str]) -> str:
    """What agrees, in a line; `--json` has every key. A person's ten combinations of five fields say no more than the
    five fields."""
    from psi.identifiers import strength  # with everything behind it, which no other command needs

    return ", ".join(strength(keys).fields)


def _strength(lead: dict[str, Any]) -> str:
    """The label, and beside it why it may be somebody else."""
    return f"{lead['strength']}{', may be a relative' if lead['household'] else ''}"
