"""The end of the demo: what each side learned, what the other side learned of it, what it cost, where to go on."""

from typing import Any

from cli._output import Printer

__all__ = ["tell"]


def tell(printer: Printer, found: dict[str, Any]) -> None:
    """Print the result of `story.play`."""
    shelter, police, coordinator = (found["members"][name] for name in ("shelter", "police", "coordinator"))
    released = [record for record in shelter["records"] if record["status"] == "released"]
    printer.line()
    printer.line("What each side learned", style="bold")
    printer.line()
    printer.line(f"{shelter['name']}: {_records(shelter)} of its own 10 rows are known to the other side, too.")
    printer.line(
        f"Of these it let go {len(released)}. Of the other side's records it learned nothing else: no name, no "
        "reference, not even how many there are."
    )
    printer.line()
    count = police["count"]
    band = "" if count is None else f"that {count[0]} to {count[1]} of the other side's records agree, and then "
    printer.line(f"{police['name']}: {band}that {_records(police)} of its own 10 rows are among them.")
    printer.line("It learned nothing about the lead that was withheld, or about any record that does not agree.")
    printer.line()
    printer.line(f"{coordinator['name']}: that the round is over. It never held a record, blinded or not.")
    printer.line()
    printer.line("What went over the wire in this round (encrypted, as counted in front of each node)", style="bold")
    printer.table(
        ["to", "bytes sent to it", "bytes it answered"],
        [
            (member["name"], f"{member['bytes_to_it']:,}", f"{member['bytes_answered']:,}")
            for member in found["members"].values()
        ],
        empty="",
    )
    printer.line("3 rows or 60 send lists of the same size: they are padded to what both sides agreed.")
    printer.line()
    printer.line(f"The first answer took {found['first_answer_seconds']} s, the whole demo {found['seconds']} s.")
    printer.line()
    if found["kept"] is None:
        printer.line("Everything was stopped and removed. `blindmatch demo --keep DIR` keeps it, to look around.")
        printer.line("README.md goes on from here; threat_model.md says what is protected and what is not.")
        return
    printer.line(f"Everything was stopped and kept in {found['kept']}. To look around:")
    folder = found["kept"]
    printer.raw(f"  export BLINDMATCH_STATE={folder}/shelter BLINDMATCH_PASSPHRASE_FILE={folder}/shelter.passphrase\n")
    for command in ("node status", f"round show {found['round_id'][:8]}", "audit show", "audit verify"):
        printer.raw(f"  blindmatch {command}\n")


def _records(member: dict[str, Any]) -> str:
    references = [record["reference"] for record in member["records"]]
    return f"{len(references)} ({', '.join(references)})" if references else "none"
