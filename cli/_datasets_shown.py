"""How data sets and previews are laid out for a person."""

from typing import Any

from cli._output import Printer

__all__ = ["show_added", "show_list", "show_preview", "show_removed"]

PROBLEMS_SHOWN = 40
"""Problem cells printed for a person; `--json` has all that the node reports."""


def show_preview(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset preview`."""
    how = {"format": reply["format"], "header": f"row {reply['header_row']}"}
    if reply["encoding"]:
        how["encoding"] = f"{reply['encoding']}{' (a guess)' if reply['encoding_guessed'] else ''}"
    if reply["delimiter"]:
        how["delimiter"] = "tab" if reply["delimiter"] == "\t" else reply["delimiter"]
    if reply["sheet"]:
        how["sheet"] = f"{reply['sheet']} (of {', '.join(reply['sheets'])})"
    how["mapping"] = "remembered from last time" if reply["remembered"] else "suggested, with what you said on top"
    printer.facts(how)
    printer.line()
    printer.table(
        ["column", "name", "role", "for example"],
        [(c["letter"], c["name"], _role(c), c["example"]) for c in reply["columns"]],
        empty="The file has no columns.",
    )
    if reply["needed"]:
        printer.line()
        printer.line("Still needed, before the rows can be read:", style="bold")
        printer.bullets(reply["needed"])
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
                (f"{letter}{row['number']}", names[letter]["role"], cell["text"], "; ".join(cell["forms"]))
                for letter, cell in row["cells"].items()
                if cell["text"]
            ],
            empty="",
        )
    printer.line()
    _counts(printer, reply["counts"])
    _warnings(printer, reply)


def show_added(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset add`."""
    dataset = reply["dataset"]
    printer.line(f"{dataset['name']}: {dataset['usable']} of {dataset['records']} rows are prepared.", style="bold")
    _counts(printer, dataset["counts"])
    printer.line()
    used = [column for column in reply["columns"] if column["role"] != "ignore"]
    printer.facts({f"column {c['letter']}, {c['name']}": c["role"] for c in used})
    unused = [f"{c['letter']} ({c['name']})" if c["name"] else c["letter"] for c in reply["columns"] if c not in used]
    printer.line(f"Not used: {', '.join(unused)}." if unused else "Every column is used.")
    _warnings(printer, reply)
    problems = reply["problems"]
    if problems:
        printer.line()
        printer.table(
            ["where", "what", "what to do"],
            [(p["address"], p["sentence"], p["fix"]) for p in problems[:PROBLEMS_SHOWN]],
            empty="",
        )
    if len(problems) > PROBLEMS_SHOWN:
        printer.line(f"{len(problems) - PROBLEMS_SHOWN} more; --json has them all.")


def show_list(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset list`."""
    printer.table(
        ["name", "class", "basis", "rows", "prepared", "of children", "from", "made"],
        [
            (d["name"], d["record_class"], d["basis"], d["records"], d["usable"], d["counts"]["children"], d["source"],
             d["created_at"][:10])
            for d in reply["datasets"]
        ],
        empty="No data sets yet. `blindmatch dataset preview FILE --record-class CLASS` shows how one would be read.",
        whole=["name"],
    )  # fmt: skip


def show_removed(printer: Printer, reply: dict[str, Any]) -> None:
    """`dataset remove`."""
    gone = reply["removed"]
    printer.line(
        f"Removed {gone['name']} with its {gone['usable']} prepared records. The file it was made from is as it was."
    )
    left = ", ".join(dataset["name"] for dataset in reply["datasets"])
    printer.line(f"Data sets left: {left or 'none'}.")


def _counts(printer: Printer, counts: dict[str, Any]) -> None:
    kinds = ", ".join(f"{number} {kind}" for kind, number in counts["identifiers"].items() if number)
    printer.facts(
        {
            "prepared": counts["usable"],
            "of these about children, kept out of rounds": counts["children"],
            "left out": counts["left_out"],
            "records with": kinds or "none",
        }
    )


def _warnings(printer: Printer, reply: dict[str, Any]) -> None:
    for warning in reply["warnings"]:
        printer.line()
        printer.line(f"Warning: {warning}", style="red")


def _role(column: dict[str, Any]) -> str:
    return "not used" if column["role"] == "ignore" else str(column["role"])


def _fate(row: dict[str, Any]) -> str:
    if row["takes_part"]:
        return "takes part"
    return "about a child: prepared, and kept out of rounds" if row["child"] else "left out"
