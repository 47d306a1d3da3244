"""Cases of policy rules that are data (`tests/vectors/policy/RULE.json`), made into an agreement and what a node knows.

{"rule": "times", "cases": [{"name": "...", "verdict": "accepted" | "refused", "says": "part of it", ...}]}

template, settings   of the agreement; J1 without
members              [[member class, record class], ...]; ngo and police with victims without
me, first, convener  a place among the members; me: also "convener" or "stranger"; convener: also "coordinator"
terms, change        what is changed in the finished agreement: of a member, of the whole
known                the places of confirmed members; all without
seconds              how long after the proposal the rules are asked
dataset, policy, context, refused, children, frozen    what the node knows besides
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from node.agreement.manifest import Manifest
from node.identity.cards import Card
from node.policy import Context, DatasetFacts
from node.policy.narrowing import Policy
from psi.identifiers import NORMALISER_VERSION
from tests.support.agreements import COORDINATOR, NOW, SHELTER, agreement, card, changed, fields

__all__ = ["FOLDER", "Case", "cases"]

FOLDER = Path(__file__).parents[1] / "vectors" / "policy"

FITS = {"record_class": "victim", "basis": "consent", "normaliser_version": NORMALISER_VERSION, "usable": 10}
USUAL = [["ngo", "victim"], ["police", "victim"]]
PLAIN = {"remaining": 20_000, "budget": 20_000}


@dataclass(frozen=True)
class Case:
    rule: str
    name: str
    accepted: bool
    says: str
    spec: dict[str, Any]

    def build(self) -> tuple[Manifest, Context]:
        """The agreement and what the node knows when it judges it."""
        cards = self._cards()
        manifest = self._manifest(cards)
        who: dict[Any, Card] = {0: cards[0], 1: cards[1], "convener": COORDINATOR, "stranger": SHELTER}
        me = who[self.spec.get("me", 0)]
        known = {who[place] for place in self.spec.get("known", (0, 1, "convener"))} | {me}
        facts = {**PLAIN, **self.spec.get("context", {})}
        for name in ("refused", "children", "frozen"):
            facts[name] = frozenset(who[place].member_id for place in self.spec.get(name, ()))
        if "dataset" in self.spec:
            facts["dataset"] = DatasetFacts(**{**FITS, **self.spec["dataset"]})
        if "policy" in self.spec:
            facts["policy"] = Policy.model_validate(self.spec["policy"])
        now = NOW + timedelta(seconds=self.spec.get("seconds", 0))
        context = Context(me=me.member_id, now=now, cards={one.member_id: one for one in known}, **facts)
        return manifest, context

    def _cards(self) -> tuple[Card, Card]:
        (mine, _), (theirs, _) = self.spec.get("members", USUAL)
        return card(f"A {mine}", mine), card(f"B {theirs}", theirs)

    def _manifest(self, cards: tuple[Card, Card]) -> Manifest:
        settings: dict[str, Any] = dict(self.spec.get("settings", {}))
        said = settings.pop("members", {})
        settings["members"] = {
            one.member_id: {"record_class": record_class, **said.get(str(place), {})}
            for place, (one, (_, record_class)) in enumerate(zip(cards, self.spec.get("members", USUAL), strict=True))
        }
        if "first" in self.spec:
            settings["first_learner"] = cards[self.spec["first"]].member_id
        convener = COORDINATOR if self.spec.get("convener") == "coordinator" else None
        made = agreement(self.spec.get("template", "J1"), cards, convener=convener, **settings)
        members = fields(made)["members"]
        for place, changes in self.spec.get("terms", {}).items():
            next(one for one in members if one["member_id"] == cards[int(place)].member_id).update(changes)
        return changed(made, members=members, **self.spec.get("change", {}))


def cases() -> list[Case]:
    """Every case of every file, in order."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        held = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == held["rule"]
        for spec in held["cases"]:
            rest = {key: value for key, value in spec.items() if key not in ("name", "verdict", "says")}
            assert spec["verdict"] in ("accepted", "refused")
            found.append(Case(held["rule"], spec["name"], spec["verdict"] == "accepted", spec.get("says", ""), rest))
    return found
