"""How data sets and previews are laid out for a person."""

from typing import Any

from cli._output import Printer, safe
from node.wording import plural

__all__ = [
    "show_added",
    "show_list",
    "show_preview",
    "show_profiles",
    "show_refreshed",
    "show_removed",
    "show_report",
]

PROBLEMS_SHOWN = 40
"""Cells printed for a person; `--json` has all that the node reports, a marked copy shows each in its place."""

REFERENCES_SHOWN = 200
"""References of withdrawn records printed for a person; `--json` has all that the node tells."""

_BY_SOUND = frozenset(("given_name", "family_name", "full_name", "father_name", "mother_name"))
"""Roles whose cells are compared by their sound."""

_ORIGINS = {"said": "you said so", "profile": "the profile", "remembered": "from last time", "header": "its name"}


def show_preview(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset preview`."""
    how = {"format": reply["format"]}
    if reply["header_row"]:
        how["header"] = f"row {reply['header_row']}"
    if reply["encoding"]:
        how["encoding"] = f"{reply['encoding']}{' (a guess)' if reply['encoding_guessed'] else ''}"
    if reply["delimiter"]:
        how["delimiter"] = "tab" if reply["delimiter"] == "\t" else reply["delimiter"]
    if reply["sheet"]:
        how["sheet"] = f"{reply['sheet']} (of {', '.join(reply['sheets'])})"
    if reply["explode"]:
        how["one row for each of"] = reply["explode"]
    if reply["numbering"] != "row of the sheet":
        how["a row's number is its"] = reply["numbering"]
    if reply["profile"]:
        how["mapping"] = f"of the profile {reply['profile']}, with what you said on top"
    else:
        how["mapping"] = "remembered from last time" if reply["remembered"] else "suggested, with what you said on top"
    printer.facts(how)
    printer.bullets(reply["notes"])
    printer.line()
    printer.table(
        ["column", "name", "role", "because", "for example"],
        [(c["letter"], c["name"], _role(c), _because(c), c["example"]) for c in reply["columns"]],
        empty="The file has no columns.",
    )
    if reply["needed"]:
        printer.line()
        if reply["unlike"]:
            printer.line(reply["unlike"], style="yellow")
            printer.line()
        printer.line("Still needed, before the rows can be read:", style="bold")
        printer.bullets(reply["needed"])
        _other_sheets(printer, reply)
        if not reply["unlike"]:
            _warnings(printer, reply)
        return
    names = {column["letter"]: column for column in reply["columns"]}
    for row in reply["rows"]:
        printer.line()
        printer.line(f"Row {row['number']}: {_fate(row)}", style="bold")
        printer.bullets(row["notes"])
        printer.table(
            ["cell", "role", "as it stands", "as it is compared"],
            [
                (f"{letter}{row['number']}", names[letter]["role"], cell["text"], _forms(cell))
                for letter, cell in row["cells"].items()
                if cell["text"]
            ],
            empty="",
        )
    printer.line()
    printer.line(f"Of the {len(reply['rows'])} {plural(len(reply['rows']), 'row')} shown:", style="bold")
    _counts(printer, reply["counts"])
    printer.bullets(_how_compared(reply))
    _marked(printer, reply)
    _warnings(printer, reply)
    printer.line()
    printer.line(
        "Nothing was stored, the --map options neither. `blindmatch dataset add` with the same options, and with "
        "--name and --by, makes the data set."
    )


def _other_sheets(printer: Printer, reply: dict[str, Any]) -> None:
    """A first sheet that is not the table is the commonest reason why nothing fits."""
    others = [sheet for sheet in reply["sheets"] if sheet != reply["sheet"]]
    if others:
        printer.line(f"If this is the wrong sheet, name the right one, for example --sheet '{others[0]}'.")


def _how_compared(reply: dict[str, Any]) -> list[str]:
    """Why some cells stand there so changed, for the roles that the preview shows."""
    shown = {
        column["role"].partition(":")[0]
        for column in reply["columns"]
        for row in reply["rows"]
        if row["cells"].get(column["letter"], {}).get("forms")
    }
    words = []
    if shown & _BY_SOUND:
        words.append(
            "Names are compared by their sound, whatever the alphabet; the code that stands there is that sound."
        )
    if "birth_date" in shown:
        words.append("Day and month are often swapped, so dates are compared with the smaller of the two first.")
    return words


def show_added(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset add`."""
    dataset = reply["dataset"]
    printer.line(f"{dataset['name']}: {dataset['usable']} of {dataset['records']} rows are prepared.", style="bold")
    _found(printer, reply)


def show_refreshed(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset refresh`."""
    dataset, changes = reply["dataset"], reply["changes"]
    printer.line(
        f"{dataset['name']} is now version {dataset['version']}: {dataset['usable']} of {dataset['records']} rows are "
        "prepared.",
        style="bold",
    )
    _changes(printer, changes)
    _found(printer, reply)


def show_report(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset report`."""
    dataset = reply["dataset"]
    day = (dataset["refreshed_at"] or dataset["created_at"])[:10]
    printer.line(
        f"{dataset['name']}, version {dataset['version']} of {day}: {dataset['usable']} of {dataset['records']} rows "
        "are prepared.",
        style="bold",
    )
    if reply["changes"] is not None:
        _changes(printer, reply["changes"])
    _found(printer, reply)


def show_list(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset list`."""
    printer.table(
        ["name", "class", "basis", "prepared", "children", "made", "from"],
        [
            (d["name"], d["record_class"], d["basis"], f"{d['usable']} of {d['records']}", d["counts"]["children"],
             (d["refreshed_at"] or d["created_at"])[:10], d["source"])
            for d in reply["datasets"]
        ],
        empty="No data sets yet. `blindmatch dataset preview FILE --record-class CLASS` shows how one would be read.",
        whole=["name", "class", "basis", "made"],
    )  # fmt: skip
    for dataset in reply["datasets"]:
        for said in dataset["notes"]:
            name = dataset["name"]
            second = " --second NAME" if dataset["counts"].get("urgent") else ""
            printer.line(
                f"{name}: {said} Prepare it again: `blindmatch dataset refresh {name} --by NAME{second}`.", style="red"
            )


def show_removed(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset remove`."""
    gone = reply["removed"]
    printer.line(
        f"Removed {gone['name']} with its {gone['usable']} prepared records. The file it was made from is as it was."
    )
    left = ", ".join(dataset["name"] for dataset in reply["datasets"])
    printer.line(f"Data sets left: {left or 'none'}.")


def show_profiles(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset profiles`."""
    for profile in reply["profiles"]:
        printer.line(f"{profile['name']}: {profile['title']}", style="bold")
        printer.facts(
            {
                "holds": profile["record_class"],
                "formats": ", ".join(profile["formats"]),
                "status": profile["status"],
            }
        )
        printer.bullets(profile["notes"])
        printer.line()


def _found(printer: Printer, reply: dict[str, Any]) -> None:
    """Counts, columns, cells, and what else there is to say."""
    _counts(printer, reply["dataset"]["counts"])
    printer.line()
    used = [column for column in reply["columns"] if column["role"] != "ignore"]
    printer.table(
        ["column", "name", "role", "accepted", "repaired", "refused", "blank"],
        [(c["letter"], c["name"], c["role"], *_numbers(c)) for c in used],
        empty="",
    )
    unused = [f"{c['letter']} ({c['name']})" if c["name"] else c["letter"] for c in reply["columns"] if c not in used]
    printer.line(f"Not used: {', '.join(unused)}." if unused else "Every column is used.")
    _cells(printer, "These cells and rows need a look:", reply["problems"])
    _cells(printer, "These were repaired and take part:", reply["repairs"])
    _marked(printer, reply)
    _warnings(printer, reply)


def _cells(printer: Printer, title: str, problems: list[dict[str, Any]]) -> None:
    if not problems:
        return
    printer.line()
    printer.line(title, style="bold")
    printer.table(
        ["where", "what", "what to do"],
        [(p["address"], p["sentence"], p["fix"]) for p in problems[:PROBLEMS_SHOWN]],
        empty="",
    )
    if len(problems) > PROBLEMS_SHOWN:
        printer.line(
            f"{len(problems) - PROBLEMS_SHOWN} more; --json has them all, and --marked-copy marks each in its place."
        )


def _changes(printer: Printer, changes: dict[str, Any]) -> None:
    printer.facts(
        {
            "taken over unchanged": changes["taken_over"],
            "prepared again or new": changes["prepared"],
            "gone": changes["gone"],
        }
    )
    if not changes["withdrawn"]:
        return
    printer.line()
    printer.line(
        f"{changes['withdrawn']} "
        + plural(changes["withdrawn"], "case number takes", "case numbers take")
        + " no part in any later round, or in less of it, but took part in rounds from which nothing can be called "
        "back:",
        style="bold",
    )
    left = REFERENCES_SHOWN
    for told in changes["told"]:
        for one in told["rounds"]:
            printer.line(f"Round {one['round_id'][:8]}, {one['title']}{_running(one)}")
        shown = told["references"][:left]
        left -= len(shown)
        printer.bullets(shown)
    named = sum(len(told["references"]) for told in changes["told"])
    if changes["withdrawn"] > REFERENCES_SHOWN - left:
        printer.line(f"{changes['withdrawn'] - (REFERENCES_SHOWN - left)} more; --json has {named} of them.")


def _running(one: dict[str, Any]) -> str:
    if not one["running"]:
        return ""
    return " (still running: `blindmatch round cancel` ends it, or keep the record back when you decide)"


def _counts(printer: Printer, counts: dict[str, Any]) -> None:
    kinds = ", ".join(f"{number} {kind}" for kind, number in counts["identifiers"].items() if number)
    facts = {
        "prepared": counts["usable"],
        "of these about children, kept out of rounds": counts["children"],
        "left out": counts["left_out"],
        "records with": kinds or "none",
    }
    if counts.get("urgent"):
        facts["of these in urgent danger, without a consent"] = counts["urgent"]
    printer.facts(facts)


def _marked(printer: Printer, reply: dict[str, Any]) -> None:
    copy = reply.get("marked_copy")
    if copy is not None:
        printer.line()
        printer.line(f"A copy with {copy['marked']} marked cells was made. It holds your raw data:")
        printer.raw(f"  {safe(copy['path'])}\n")  # in one piece, to be copied
        printer.bullets(copy["notes"])


def _warnings(printer: Printer, reply: dict[str, Any]) -> None:
    for warning in reply.get("warnings", ()):
        printer.line()
        printer.line(f"Warning: {warning}", style="red")


_NOT_COUNTED = frozenset({
    "consent", "consent_until", "consent_kinds", "consent_receivers", "consent_purposes", "urgent_danger", "child",
    "record_class",
})  # fmt: skip
"""Roles about the row, whose good cells nobody counts."""


def _numbers(column: dict[str, Any]) -> tuple[int | str, ...]:
    """What is accepted is not counted in columns that are not compared, such as the reference or the consent: a 0
    would look like a loss."""
    counts = tuple(column[name] for name in ("accepted", "repaired", "refused", "blank"))
    if not any(counts):
        return ("",) * len(counts)
    return ("", "", *counts[2:]) if column["role"] in _NOT_COUNTED and not any(counts[:2]) else counts


def _role(column: dict[str, Any]) -> str:
    return "not used" if column["role"] == "ignore" else str(column["role"])


def _because(column: dict[str, Any]) -> str:
    if column["hint"]:
        return f"its cells look like {column['hint']}"
    return _ORIGINS.get(column["origin"], "")


def _forms(cell: dict[str, Any]) -> str:
    fates = {"stopped": "on a stop-list", "refused": "cannot be read", "repaired": "repaired"}
    said = fates.get(cell["fate"], "")
    forms = "; ".join(cell["forms"])
    return f"{forms} ({said})" if forms and said else forms or said


def _fate(row: dict[str, Any]) -> str:
    if row["takes_part"]:
        return "takes part"
    return "about a child: prepared, and kept out of rounds" if row["child"] else "left out"
