"""Which side has the older software, as far as what was sent can tell.

Every form that leaves a node or stands in a file begins with its name and a number, and numbers only grow. So whoever
cannot read a form knows at least whose software is the older one, and says so to both: "another version" alone leaves
two organisations waiting for each other. Between nodes only the code of an error is kept, so each side has its own.
"""

import re

from psi.errors import VersionMismatch

__all__ = ["OlderReader", "OlderSender", "mismatch", "number_of", "reader_is_older"]

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


class OlderReader(VersionMismatch):
    """Whoever got this has the older software."""

    code = "older-reader"


class OlderSender(VersionMismatch):
    """Whoever sent this has the older software."""

    code = "older-sender"


def reader_is_older(found: int, known: int) -> bool:
    """Whether the older one is who reads `known` and got `found`; if not, it is who sent it. They differ."""
    return found > known


def mismatch(sentence: str, *, older_reader: bool, then: str = "") -> VersionMismatch:
    """The error for a form that cannot be read. The words fit at either end; `then`: what comes after the update."""
    kind, who = (OlderReader, "got") if older_reader else (OlderSender, "sent")
    return kind(sentence, advice=f"The organisation that {who} it has the older blindmatch and should update it{then}.")


def number_of(form: object, known: str) -> int | None:
    """The number of a form such as "blindmatch-card/2", given one that we know; None for something else."""
    stem = known.rpartition("/")[0] + "/"
    if not isinstance(form, str) or not form.startswith(stem):
        return None
    number = form.removeprefix(stem)
    return int(number) if _NUMBER.fullmatch(number) else None
