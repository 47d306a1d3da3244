"""What a policy rule is: a small object with a name that looks at an agreement and says yes, or no and why.

Rules do not call each other and do not know their order; a policy is a list of them, and all are asked. Each sentence
is written for the person who has to decide, and names organisations as the agreement does, never a record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from node.agreement.manifest import Manifest
from node.identity.cards import Card
from node.policy.narrowing import Policy

__all__ = ["Context", "DatasetFacts", "NamedRule", "Rule", "Verdict"]


@dataclass(frozen=True)
class DatasetFacts:
    """What a rule may know about the data set of this node: never what is in it."""

    record_class: str
    basis: str
    normaliser_version: str
    usable: int


@dataclass(frozen=True)
class Context:
    """What this node knows when it judges.

    `cards` holds the cards of confirmed members by member id, this node's own included. `dataset` is None until one is
    chosen.
    `remaining` is the number of elements that may still be evaluated for the other side now (`Budget.remaining`),
    `budget` what that is when nothing is spent (`Budget.allowance`); `closed` says why nothing is left for anybody, if
    this node was restored from a backup lately.
    `policy` is what this organisation allows less of than the rules do, `refused` the member ids that it names;
    `children` holds the members (member ids) that two people here let take part in rounds about children, `frozen`
    those with whom nothing is exchanged since they asked about decoys.
    """

    me: str
    now: datetime
    cards: Mapping[str, Card]
    remaining: int
    budget: int
    dataset: DatasetFacts | None = None
    closed: str = ""
    policy: Policy = field(default_factory=Policy)
    refused: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """`sentence` is empty where the rule agrees; `advice` says what to do next."""

    rule: str
    ok: bool
    sentence: str = ""
    advice: str = ""


class Rule(Protocol):
    @property
    def name(self) -> str:
        """A stable slug, for audit entries and tests."""
        ...

    def check(self, manifest: Manifest, context: Context) -> Verdict:
        """The verdict on one agreement; raises nothing."""
        ...


class NamedRule:
    """What rules have in common: a name for all objects of the class, and short words for the two verdicts."""

    name: ClassVar[str]

    def _yes(self) -> Verdict:
        return Verdict(self.name, ok=True)

    def _no(self, sentence: str, advice: str = "") -> Verdict:
        return Verdict(self.name, ok=False, sentence=sentence, advice=advice)
