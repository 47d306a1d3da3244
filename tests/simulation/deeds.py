"""What people do in a simulation, on the nodes of their organisations.

`choose` looks at how every round stands, as its people see it, and picks something that somebody could do now; half of
it is what brings a round forward. `finish` does all that is left to do once everything has healed. A node may say no:
that is what people are told then, and nothing else must come of it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from node.errors import Busy, NodeError, RefusedByPolicy
from node.keeping.rotation import rotate
from tests.simulation.office import Down, Office
from tests.simulation.organisations import CLASSES, KINDS, VERSIONS, file_of
from tests.simulation.verdict import Versions
from tests.support.signing import sign

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["DEALS", "Deeds"]

Deed = tuple[str, Callable[[], None]]

MOST_ROUNDS = 3
"""Rounds that are proposed in a run, in number."""

_PHONES = {"match": [{"kind": "phone", "per_record": 1}]}


@dataclass(frozen=True)
class Deal:
    """A sort of round: template, data set of both sides, settings, and on which basis each brings its records."""

    template: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)


DEALS = {
    "released": Deal("J1", "cases"),
    "counted": Deal("J14", "cases"),
    "ordered": Deal("J2", "adverts"),
}


@dataclass(frozen=True)
class _Standing:
    """How a round stands at one node."""

    office: Office
    round_id: str
    state: str
    position: str
    started: bool
    convenes: bool
    signed: bool
    decided: bool


_ROUNDS = """select round_id, state, position, started, convener, decision is not null,
    exists(select 1 from signatures where signatures.round_id = rounds.round_id and member_id = ?) from rounds"""


class Deeds:
    """`versions`: what each version id stands for; `removals`: how often a member was removed; `excused`: rounds that
    may stand still until their end, since somebody cheated in them."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.random: random.Random = world.random
        self.versions: Versions = {}
        self.removals = 0
        self.excused: set[str] = set()
        self._proposed = 0
        self._ids = {name: office.running.identity.member_id for name, office in world.offices.items()}
        for office in world.offices.values():
            for name, version_id in office.rows("select name, version_id from datasets"):
                self.versions[office.name, version_id] = (name, 0)

    def choose(self) -> Deed | None:
        """Something that somebody could do now; None if no node runs."""
        if not any(office.up for office in self.world.offices.values()):
            return None
        forward = list(self._forward())
        if self._proposed < MOST_ROUNDS and (not forward or self.random.random() < 0.25):
            forward.append(("propose", self._propose))
        aside = list(self._aside())
        likely = forward if forward and (not aside or self.random.random() < 0.75) else aside
        return self.random.choice(likely) if likely else None

    def finish(self, *, patient: bool) -> None:
        """All that brings rounds forward. What a node's rules do not allow may be allowed tomorrow; its people refuse
        it once they are not `patient` any more."""
        for name, act in list(self._forward(patient=patient)):
            self.world.tell("=>", name)
            act()

    def trust_again(self) -> None:
        for office in self.world.offices.values():
            for alias in self.world.offices:
                if alias != office.name:
                    self._add(office, alias)

    # What could be done.

    def _standings(self) -> Iterator[_Standing]:
        for office in self.world.offices.values():
            found = {row[0]: row for row in office.rows(_ROUNDS, self._ids[office.name])}
            for round_id in self.world.rounds:
                if office.up and round_id in found:
                    _id, state, position, started, convener, decided, signed = found[round_id]
                    convenes = convener == self._ids[office.name]
                    yield _Standing(
                        office, round_id, state, position, bool(started), convenes, bool(signed), bool(decided)
                    )

    def _forward(self, *, patient: bool = True) -> Iterator[Deed]:
        """What brings a round forward."""
        for one in self._standings():
            if one.state == "proposed" and one.position != "none" and not one.signed:
                yield "sign", partial(self._sign, one, patient=patient)
            elif one.state == "agreed" and one.convenes and not one.started:
                yield "start", partial(self._ask, one.office, "round.start", round=one.round_id, by="carl")
            elif one.state == "deciding" and not one.decided:
                yield "release", partial(self._release, one)

    def _aside(self) -> Iterator[Deed]:
        for office in self.world.offices.values():
            if office.up:
                if self.random.random() < 0.4:
                    yield "rotate key", partial(self._rotate, office)
                if CLASSES[office.name] != "coordinator":
                    yield "refresh", partial(self._refresh, office)
                if self.random.random() < 0.25:
                    yield "remove member", partial(self._remove, office)
        for one in self._standings():
            if one.state not in ("finished", "failed", "cancelled", "refused"):
                if self.random.random() < 0.15:
                    yield "cancel", partial(self._ask, one.office, "round.cancel", round=one.round_id, by="ada")
                if one.position != "none" and self.random.random() < 0.15:
                    yield "refuse", partial(self._ask, one.office, "round.refuse", round=one.round_id, by="ada")
            yield "results", partial(self._ask, one.office, "round.results", round=one.round_id)

    # The deeds.

    def _ask(self, office: Office, operation: str, **request: Any) -> Any:
        """What people are told: the answer, or None where the node says no, has no room, or is gone."""
        try:
            return office.ask(operation, **request)
        except Busy:
            self.world.happened("told to try later")
        except (NodeError, Down) as error:
            self.world.tell("no", office.name, operation, getattr(error, "code", "down"))
        return None

    def _propose(self) -> None:
        names = [name for name in self.world.offices if CLASSES[name] != "coordinator"]
        pair = self.random.sample(names, 2)
        convener = self.random.choice([office for office in self.world.offices.values() if office.up] or [None])
        if convener is None:
            return
        self._proposed += 1
        deal = DEALS[self.random.choice(list(DEALS))]
        members = {name: {"basis": "legal_duty"} for name in pair if deal.kind == "adverts" or name == "police"}
        called = {name: "me" if name == convener.name else name for name in pair}
        self._ask(
            convener,
            "round.propose",
            template=deal.template,
            members=list(called.values()),
            settings=_PHONES | deal.settings | {"members": {called[name]: value for name, value in members.items()}},
            by="carl",
        )

    def _sign(self, one: _Standing, *, patient: bool) -> None:
        (template,) = one.office.rows(
            "select json_extract(cast(manifest as text), '$.template') from rounds where round_id = ?", one.round_id
        )[0]
        kind = next(deal.kind for deal in DEALS.values() if deal.template == template)
        try:
            sign(one.office, one.round_id, kind)
        except RefusedByPolicy as error:
            self.world.happened("budget spent" if "budget" in error.sentence else "rules say no")
            if not patient:
                self._ask(one.office, "round.refuse", round=one.round_id, by="ada")
        except (NodeError, Down) as error:
            self.world.tell("no", one.office.name, "round.sign", getattr(error, "code", "down"))

    def _release(self, one: _Standing) -> None:
        leads = len((self._ask(one.office, "round.results", round=one.round_id) or {"leads": []})["leads"])
        everything = self.random.random() < 0.5 or "ordered" in self._mode(one)
        most = self.random.choice((0, leads, leads))
        chosen = sorted(self.random.sample(range(1, leads + 1), self.random.randint(0, most)))
        choice: dict[str, Any] = {"everything": True} if everything else {"leads": chosen}
        self._ask(one.office, "round.release", round=one.round_id, by="ada", **choice)

    def _mode(self, one: _Standing) -> str:
        query = "select json_extract(cast(manifest as text), '$.reply.mode') from rounds where round_id = ?"
        return str(one.office.rows(query, one.round_id)[0][0])

    def _refresh(self, office: Office) -> None:
        kind, version = self.random.choice(KINDS), self.random.randrange(VERSIONS)
        self._ask(office, "dataset.refresh", name=kind, path=str(file_of(office.name, kind, version)), by="ada")
        ((version_id,),) = office.rows("select version_id from datasets where name = ?", kind)
        self.versions.setdefault((office.name, version_id), (kind, version))

    def _remove(self, office: Office) -> None:
        alias = self.random.choice([name for name in self.world.offices if name != office.name])
        if self._ask(office, "member.remove", name=alias, by="ada") is not None:
            self.removals += 1
            self.world.happened("member removed")
        elif self.random.random() < 0.8:
            self._add(office, alias)

    def _add(self, office: Office, alias: str) -> None:
        """Take a member in again, unless it is one."""
        ((state,),) = office.rows("select state from members where member_id = ?", self._ids[alias])
        if state == "confirmed" or not office.up:
            return
        other = self.world.offices[alias]
        card = other.running.identity.signed_card.to_bytes().decode() if other.up else None
        added = card and self._ask(office, "member.add", file=card, by="ada", alias=alias)
        if added:
            self._ask(office, "member.confirm", name=alias, words=" ".join(added["words"]), by="ben")

    def _rotate(self, office: Office) -> None:
        """As `blindmatch key rotate` does: with the node stopped, and begun again where it was killed on the way."""
        office.kill()
        try:
            office.start()
            with office.working():
                parts = office.running
                rotate(
                    None,
                    state=parts.folder,
                    store=parts.store,
                    keys=parts.keys,
                    audit=parts.audit,
                    random_bytes=office.random.randbytes,
                    by="ada",
                )
            office.kill()
            office.start()
            self.world.happened("key rotated")
        except (NodeError, Down) as error:
            self.world.tell("not rotated", office.name, type(error).__name__)
            office.kill()
