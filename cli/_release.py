"""Which leads a person lets go: by their numbers, from a file of references, or asked at the terminal.

Numbers, because a record reference on a command line would be visible to every account of the machine.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from cli._files import read_text
from cli._output import Printer
from cli._rounds_shown import show_results
from cli._session import Ask, Reply
from node.errors import UserError

__all__ = ["all_results", "chosen_leads", "numbers_in"]

MAX_RECORDS_FILE_BYTES = 16 * 1024 * 1024
"""Largest file of references, in bytes: some hundred thousand of them."""


TRIES = 3
"""How often a person is asked to say yes."""


def chosen_leads(ask: Ask, round_id: str, *, lead: Sequence[int], records_file: Path | None) -> tuple[list[int], str]:
    """Numbers of the chosen leads, and in words how many those are. UserError for what is no lead."""
    results = all_results(ask, round_id)
    if records_file is not None:
        return _leads_of(results["leads"], records_file)
    if not lead:
        show_results(Printer(), results)
        lead = _ask(len(results["leads"]))
    known = {one["number"] for one in results["leads"]}
    if unknown := sorted(set(lead) - known):
        raise UserError(
            f"This round has no lead number {unknown[0]}. Nothing was released.",
            advice="`blindmatch round results` shows the numbers.",
        )
    numbers = sorted(set(lead))
    said = f"{len(numbers)} of {len(known)} leads" + (f" ({', '.join(map(str, numbers))})" if numbers else "")
    return numbers, said


def _leads_of(leads: Sequence[Reply], records_file: Path) -> tuple[list[int], str]:
    """Every lead that carries one of the references in a file: rows of one case may share a reference."""
    text = read_text(records_file, what="file of references", max_bytes=MAX_RECORDS_FILE_BYTES)
    references = {line.strip() for line in text.splitlines() if line.strip()}
    numbers = [one["number"] for one in leads if one["reference"] in references]
    if references - {one["reference"] for one in leads}:
        raise UserError(
            "A reference in the file is not that of a lead of this round. Nothing was released.",
            advice="`blindmatch round results` shows the leads.",
        )
    return numbers, f"{len(numbers)} of {len(leads)} leads (those of {len(references)} references)"


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
    question = f"Release {len(numbers)} of {most}? It cannot be called back. Type yes: "
    for _ in range(TRIES):
        if input(question).strip().lower() == "yes":
            return numbers
        sys.stdout.write("Not released. Type yes in full, or stop with Ctrl-C.\n")
    raise UserError("Nothing was released.", advice="Run the command again when it is decided.")
