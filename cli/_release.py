"""Which leads a person lets go: by their numbers, from a file of references, or asked at the terminal.

Numbers, because a record reference on a command line would be visible to every account of the machine.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from cli._files import read_text
from cli._output import Printer
from cli._rounds_shown import show_results
from cli._session import Ask, Reply
from node.errors import UserError

__all__ = ["all_results", "chosen_references", "numbers_in"]

MAX_RECORDS_FILE_BYTES = 16 * 1024 * 1024
"""Largest file of references, in bytes: some hundred thousand of them."""


def chosen_references(ask: Ask, round_id: str, *, lead: Sequence[int], records_file: Path | None) -> list[str]:
    """The chosen references of our own records. UserError for a number that no lead has."""
    if records_file is not None:
        text = read_text(records_file, what="file of references", max_bytes=MAX_RECORDS_FILE_BYTES)
        return [line.strip() for line in text.splitlines() if line.strip()]
    results = all_results(ask, round_id)
    if not lead:
        show_results(Printer(), results)
        lead = _ask(len(results["leads"]))
    by_number = {one["number"]: one["reference"] for one in results["leads"]}
    if unknown := sorted(set(lead) - set(by_number)):
        raise UserError(
            f"This round has no lead number {unknown[0]}. Nothing was released.",
            advice="`blindmatch round results` shows the numbers.",
        )
    return [by_number[number] for number in lead]


def all_results(ask: Ask, round_id: str) -> Reply:
    """The results of a round with every lead: the node gives them a page at a time."""
    results = ask("round.results", {"round": round_id})
    leads = list(results["leads"])
    while len(leads) < results["total"]:
        page = ask("round.results", {"round": round_id, "first": len(leads) + 1})["leads"]
        if not page:
            break
        leads += page
    return {**results, "leads": leads}


def numbers_in(answer: str, most: int) -> list[int] | None:
    """What somebody typed: "1, 3", "1-4", "all" or "none"; None if it is something else."""
    answer = answer.strip().lower()
    if answer in ("all", "none"):
        return list(range(1, most + 1)) if answer == "all" else []
    numbers: list[int] = []
    for part in re.split(r"[\s,]+", answer):
        match = re.fullmatch(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", part)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= most:
            return None
        numbers += range(first, last + 1)
    return sorted(set(numbers))


def _ask(most: int) -> list[int]:
    question = "Which leads may the other side learn? Numbers (1, 3), all, or none: "
    while (numbers := numbers_in(input(question), most)) is None:
        sys.stdout.write(f"Numbers from 1 to {most}, all, or none.\n")
    sure = input(f"Release {len(numbers)} of {most}? It cannot be called back. Type yes: ")
    if sure.strip().lower() != "yes":
        raise typer.Abort
    return numbers
