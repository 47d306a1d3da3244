"""How much of a data set a round reaches, laid out for a person: numbers, and the reasons in words."""

from typing import Any

from cli._output import Printer

__all__ = ["show_coverage"]

_REASONS = {
    "withdrawn": "the consent was taken back",
    "withheld": "kept from this member by your organisation",
    "child": "about a child, and the round leaves children out",
    "not-a-child": "not about a child, and the round is about children alone",
    "no-consent": "no consent is noted",
    "expired": "the consent has ended",
    "receiver": "no consent to this kind of organisation",
    "purpose": "no consent to this purpose",
    "kind": "no consent to any kind that is compared",
    "nothing-to-compare": "nothing of the kinds that are compared",
}


def show_coverage(printer: Printer, found: dict[str, Any]) -> None:
    """The numbers of one data set in one round; nothing of them leaves the node."""
    printer.line(f"Who would take part with the data set {found['dataset']}, today", style="bold")
    printer.facts(
        {
            "records": f"{found['records']:,}",
            "take part": f"{found['taking_part']:,} (agreed: {found['minimum']:,} to {found['maximum']:,})",
            **{f"with {kind.replace('_', ' ')}": f"{number:,}" for kind, number in found["kinds"].items()},
        }
    )
    left = {reason: number for reason, number in found["out"].items() if number}
    printer.line(f"Left out: {found['records'] - found['taking_part']:,}")
    printer.bullets(f"{number:,}: {_REASONS.get(reason, reason)}" for reason, number in left.items())
    if found["ending"]:
        printer.line(f"The consent of {found['ending']:,} that take part ends before the deadline.", style="yellow")
    if not found["enough"]:
        printer.line("That is not what was agreed: with this data set no list would be made.", style="red")
