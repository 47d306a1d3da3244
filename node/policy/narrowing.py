"""What an organisation allows less of than the rules do: `policy.toml` in its folder, read once at start.

    [limits]   the same limits as the rules have, lower or higher as long as that is stricter
    [refuse]   whom, what and which kinds of rounds this node takes no part in

The file can only narrow. A value that would allow more than the rules do is refused, with the bound, as is a name that
is not known: a misspelt prohibition must not silently be none. An empty file, or none, changes nothing. What stands in
it is no secret, and is not told to anybody: another member only sees that a round was refused.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, get_args

from pydantic import AfterValidator, Field

from node.agreement.terms import Mode, Purpose
from node.config import Section, Settings, load_settings
from node.identity.cards import MemberClass
from psi.identifiers import CATALOGUE
from psi.identifiers.weights import FLOOR_BITS

__all__ = [
    "ALLOWED_PURPOSES",
    "LEAST_RECORDS",
    "LONGEST_AGREEMENT_DAYS",
    "LONGEST_RETENTION_DAYS",
    "MOST_APPROVERS",
    "Limits",
    "Policy",
    "Refuse",
    "load_policy",
    "policy_digest",
]

LONGEST_AGREEMENT_DAYS = 180
LONGEST_RETENTION_DAYS = 365

LEAST_RECORDS = 3
"""Least number of records that a member has to declare, and of numbers in a band of a count."""

MOST_LEAST_RECORDS = 1_000_000
"""Most that an organisation can ask for there, in number."""
MOST_KEY_BITS = 40
MOST_APPROVERS = 2
"""People that an agreement can ask for at one member, in number."""

ALLOWED_PURPOSES = frozenset(
    {"protect_victims", "find_missing_persons", "deconflict_cases", "find_recurring_contacts", "check_employers"}
)

MAX_NAMES = 1_000
"""Names in one list of the file."""


def _between(least: int, most: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not least <= value <= most:
            raise ValueError(f"has to lie between {least:,} and {most:,}: this file can only narrow what is allowed")
        return value

    return check


def _of(known: frozenset[str]) -> Callable[[list[str]], list[str]]:
    def check(values: list[str]) -> list[str]:
        if not set(values) <= known:
            raise ValueError(f"can only hold some of: {', '.join(sorted(known))}")
        return values

    return check


def _only(text: str) -> str:
    if text not in ("ask_first", "purpose_only"):
        raise ValueError('is "ask_first", or "purpose_only", which is stricter')
    return text


_Names = Annotated[list[str], Field(max_length=MAX_NAMES)]
_TEMPLATES = frozenset(f"J{number}" for number in range(1, 17))


class Limits(Section):
    """Limits of agreements; each can only be made stricter."""

    purposes: Annotated[list[str], AfterValidator(_of(ALLOWED_PURPOSES))] = sorted(ALLOWED_PURPOSES)
    """Purposes of rounds that this node takes part in."""
    agreement_days: Annotated[int, AfterValidator(_between(1, LONGEST_AGREEMENT_DAYS))] = LONGEST_AGREEMENT_DAYS
    """Longest time from the proposal to the end of an agreement, in days."""
    retention_days: Annotated[int, AfterValidator(_between(1, LONGEST_RETENTION_DAYS))] = LONGEST_RETENTION_DAYS
    """Longest time that anybody keeps results, in days."""
    least_records: Annotated[int, AfterValidator(_between(LEAST_RECORDS, MOST_LEAST_RECORDS))] = LEAST_RECORDS
    """Least number of records that each member declares to bring, and of numbers in a band of a count."""
    least_key_bits: Annotated[int, AfterValidator(_between(FLOOR_BITS, MOST_KEY_BITS))] = FLOOR_BITS
    """Least weight of a combination of person fields, in bits: with 20, one pair of strangers in a million agrees."""
    least_approvers: Annotated[int, AfterValidator(_between(1, MOST_APPROVERS))] = 1
    """People of this organisation who have to agree to a round before it is signed, in number."""
    onward_use: Annotated[str, AfterValidator(_only)] = "ask_first"
    """The widest use of results: "ask_first" (for other things after asking) or "purpose_only"."""


class Refuse(Section):
    """What this node takes no part in."""

    members: _Names = Field(default=[])
    """Aliases or member ids of members with whom there is no round, and who may convene none."""
    member_classes: Annotated[_Names, AfterValidator(_of(frozenset(map(str, MemberClass))))] = Field(default=[])
    """Kinds of organisations with which there is no round, such as "platform"."""
    countries: _Names = Field(default=[])
    """Countries (two capital letters) with whose members there is no round."""
    kinds: Annotated[_Names, AfterValidator(_of(frozenset(CATALOGUE)))] = Field(default=[])
    """Kinds of identifiers that are never compared here, such as "national_id"."""
    templates: Annotated[_Names, AfterValidator(_of(_TEMPLATES))] = Field(default=[])
    """Jobs that this node takes no part in, such as "J9"."""
    replies: Annotated[_Names, AfterValidator(_of(frozenset(get_args(Mode))))] = Field(default=[])
    """Kinds of reply to the second learner that this node takes no part in, such as "ordered"."""
    near_matches: bool = False
    """No round that compares near matches too."""
    children: bool = False
    """No round about children."""


class Policy(Settings):
    """The whole file; without one, every default."""

    program: ClassVar[str] = "node"
    made_by: ClassVar[str] = "blindmatch policy show --template FILE"

    limits: Limits = Limits()
    refuse: Refuse = Refuse()

    def narrowed(self) -> dict[str, str]:
        """Setting -> what it says, of every one that differs from the rules' own."""
        plain = Policy()
        found = {}
        for name in ("limits", "refuse"):
            mine, usual = getattr(self, name), getattr(plain, name)
            for key in type(mine).model_fields:
                if (value := getattr(mine, key)) != getattr(usual, key):
                    found[f"{name}.{key}"] = ", ".join(value) if isinstance(value, list) else str(value).lower()
        return found


def load_policy(path: Path) -> Policy:
    """The policy of a node. Raises UserError, naming the setting, for a file that cannot be read or would widen."""
    return load_settings(path, Policy) if path.exists() else Policy()


def policy_digest(policy: Policy) -> bytes:
    """32 bytes that tell one policy from another."""
    return hashlib.sha256(b"blindmatch policy 1\0" + policy.model_dump_json().encode()).digest()


assert frozenset(get_args(Purpose)) >= ALLOWED_PURPOSES
