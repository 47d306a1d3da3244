"""What logs and the audit log may say: a closed list of names, each with the shape of its value.

Neither log may ever hold an identifier, a record reference or a key. Free text cannot promise that, so there is none:
a fact is a member's id, a round's id, a digest, a count, a flag, or a short word with few digits, and a telephone
number, an e-mail address or a name with a birth date fits none of these shapes. A shape cannot tell the word "anna"
from a staff label, so the code that states a fact still has to take it from the right place.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FACTS", "MAX_COUNT", "Fact", "check_fact", "is_staff_label"]

Fact = str | int | bool

MAX_COUNT = 999_999_999
"""Largest count that may be stated: above every list this service can hold, below every full telephone number."""

_FEW_DIGITS = r"(?!(?:\D*\d){5})"  # four digits at most

_SHAPES = {
    "id": re.compile(r"[0-9a-f]{32}"),
    "member": re.compile(r"[a-z2-7]{32}"),
    "digest": re.compile(r"[0-9a-f]{64}"),
    "word": re.compile(_FEW_DIGITS + r"[a-z][a-z0-9]*(?:[-_/.][a-z0-9]+)*(?<!.{65})"),
    "label": re.compile(_FEW_DIGITS + r"[^\W\d_][\w .'’-]{0,63}"),  # letters of any script
    "version": re.compile(r"(?!(?:\D*\d){9})[a-z0-9]+(?:[.+-][a-z0-9]+)*(?<!.{65})"),
}

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "round_id": "id",
        "dataset_id": "id",
        "member": "member",
        "peer": "member",
        "by": "label",  # a local staff label, chosen by the organisation
        "second": "label",  # of the second person, where it takes two
        "leaving": "label",
        "joining": "label",
        "manifest_digest": "digest",
        "card_digest": "digest",
        "digest": "digest",
        "code": "word",
        "rule": "word",
        "reason": "word",
        "kind": "word",
        "mode": "word",
        "direction": "word",
        "leg": "word",
        "state": "word",
        "verdict": "word",
        "moment": "word",
        "method": "word",
        "operation": "word",
        "position": "word",
        "version": "version",
        "records": "count",
        "usable": "count",
        "refused": "count",
        "rows": "count",
        "elements": "count",
        "size_class": "count",
        "budget_left": "count",
        "hits": "count",
        "released": "count",
        "withheld": "count",
        "entries": "count",
        "tree_size": "count",
        "chunks": "count",
        "sequence": "count",
        "days": "count",
        "key_number": "count",
        "dropped": "count",
        "urgent": "count",
        "taken_over": "count",
        "gone": "count",
        "withdrawn": "count",
        "rounds": "count",
        "port": "count",
        "waiting": "count",  # parcels at a relay, as the next three
        "stored": "count",
        "taken": "count",
        "expired": "count",
        "needed": "count",
        "officers": "count",
        "ok": "flag",
        "resumed": "flag",
        "declared": "flag",
        "salt": "id",  # random, so that the hash of an entry does not tell what is in it (node.audit.log)
    }
)


def check_fact(name: str, value: object) -> None:
    """ValueError if no fact has this name or the value does not have its shape. The message never shows the value."""
    shape = FACTS.get(name)
    if shape is None:
        raise ValueError("a fact with an unknown name")
    if shape == "flag":
        good = isinstance(value, bool)
    elif shape == "count":
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    else:
        good = isinstance(value, str) and _SHAPES[shape].fullmatch(value) is not None
    if not good:
        raise ValueError(f"the fact {name} does not have the shape of a {shape}")


def is_staff_label(text: str) -> bool:
    """Whether `text` may stand for a person of one's own organisation in the audit log."""
    return _SHAPES["label"].fullmatch(text) is not None
