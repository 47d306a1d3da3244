"""Every rule of the policy, by what it must refuse, and that no other rule refuses it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.errors import RefusedByPolicy
from node.identity.cards import Card
from node.policy import RULES, Context, DatasetFacts, enforce, evaluate
from psi.identifiers import NORMALISER_VERSION
from tests.support.agreements import COORDINATOR, NGO, NOW, POLICE, SHELTER, agreement, card, changed, context, fields

J1 = agreement()
RELEASED = J1.member(POLICE.member_id).max_elements
"""Elements that a release of as many records as the agreement allows takes."""
ANSWERED = J1.member(NGO.member_id).max_elements
"""Elements of the whole list."""
DATASET = DatasetFacts(record_class="victim", basis="consent", normaliser_version=NORMALISER_VERSION, usable=10)


def with_member(who: Card, manifest: Manifest = J1, **changes: Any) -> Manifest:
    members = fields(manifest)["members"]
    for member in members:
        if member["member_id"] == who.member_id:
            member |= changes
    return changed(manifest, members=members)


def refusals(manifest: Manifest, facts: Context) -> dict[str, str]:
    return {verdict.rule: verdict.sentence for verdict in evaluate(manifest, facts) if not verdict.ok}


def between(mine: tuple[str, str], theirs: tuple[str, str], **overrides: Any) -> tuple[Manifest, Context]:
    """An agreement between two members given as (member class, record class), seen by the first."""
    cards = (card(f"A {mine[0]}", mine[0]), card(f"B {theirs[0]}", theirs[0]))
    members = {cards[0].member_id: {"record_class": mine[1]}, cards[1].member_id: {"record_class": theirs[1]}}
    return agreement("J1", cards, members=members, **overrides), context(cards[0], *cards)


def test_both_ends_agree_to_j1() -> None:
    for me in (NGO, POLICE):
        assert refusals(J1, context(me, NGO, POLICE)) == {}
        enforce(J1, context(me, NGO, POLICE))


def test_a_convener_without_records_agrees() -> None:
    assert refusals(agreement(convener=COORDINATOR), context(COORDINATOR, NGO, POLICE)) == {}
    assert refusals(agreement(convener=COORDINATOR), context(NGO)) == {}


def test_names_are_unique_and_every_verdict_is_given() -> None:
    verdicts = evaluate(J1, context())
    assert [verdict.rule for verdict in verdicts] == [rule.name for rule in RULES]
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(verdict.sentence == "" for verdict in verdicts)


def facts(**changes: Any) -> DatasetFacts:
    return replace(DATASET, **changes)


CASES: list[tuple[str, Callable[[], tuple[Manifest, Context]], str]] = [
    ("our-round", lambda: (J1, context(SHELTER)), "not a member"),
    ("confirmed-members", lambda: (J1, context(NGO, SHELTER)), "is not a confirmed member"),
    ("confirmed-members", lambda: (agreement(convener=COORDINATOR), context(NGO, POLICE)), "convener"),
    ("confirmed-members", lambda: (with_member(POLICE, card_digest="0" * 64), context()), "another card"),
    ("confirmed-members", lambda: (with_member(POLICE, name="Regional Police"), context()), "another card"),
    ("confirmed-members", lambda: (with_member(POLICE, country="DE"), context()), "another card"),
    ("confirmed-members", lambda: (with_member(POLICE, member_class="prosecutor"), context()), "another card"),
    ("same-versions", lambda: (changed(J1, normaliser_version="bm0"), context()), "normaliser version bm0"),
    ("same-versions", lambda: (changed(J1, normaliser_version="bm99-pn9.0.43"), context()), "bm99"),
    ("police-kinds", lambda: (agreement("J9", (NGO, POLICE)), context()), "Open Door is no police unit"),
    ("police-kinds", lambda: (agreement("J9", (POLICE, SHELTER)), context(POLICE, SHELTER)), "Harbour House"),
    ("same-versions", lambda: (changed(J1, protocol_version=2), context()), "protocol version 2"),
    ("same-versions", lambda: (changed(J1, suite="P256-SHA256"), context()), "P256-SHA256"),
    ("supported", lambda: (changed(J1, protocol="lookup", lookup={"epoch_days": 7}), context()), "look-ups"),
    ("supported", lambda: (changed(J1, series={"every_days": 7, "rounds": 4}), context()), "standing watch"),
    ("output-ladder", lambda: (agreement("J3", contact_card=True), context()), "only one side would learn"),
    ("output-ladder", lambda: (changed(J1, payload=["as_of"]), context()), "no contact card to send them with"),
    ("output-ladder", lambda: (agreement("J6", payload=["case_status"]), context()), "never sends along"),
    ("output-ladder", lambda: (agreement("J6", payload=["as_of", "as_of"]), context()), "never sends along"),
    ("supported", lambda: (with_member(NGO, approvers=3), context()), "more than two approvers"),
    ("children-apart", lambda: (changed(J1, children="only"), context()), "about children here"),
    ("purposes", lambda: (changed(J1, purpose="count_without_duplicates"), context()), "count without duplicates"),
    ("minimum-declared", lambda: (with_member(POLICE, minimum_records=2), context()), "at least 2 records"),
    ("times", lambda: (J1, context(now=NOW + timedelta(days=14))), "is over"),
    ("times", lambda: (J1, context(now=NOW + timedelta(days=400))), "is over"),
    ("times", lambda: (J1, context(now=NOW - timedelta(hours=1, seconds=1))), "in the future"),
    ("times", lambda: (changed(J1, expires_at="2026-08-28T12:00:01Z"), context()), "more than 180 days"),
    ("retention", lambda: (with_member(POLICE, retention_days=366), context()), "366 days"),
    ("caps", lambda: (with_member(POLICE, max_elements=10**6), context()), "1,000,000"),
    ("caps", lambda: (with_member(NGO, max_elements=0), context()), "cap of Open Door"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(record_class="suspect"))), "suspect"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(basis="legal_duty"))), "legal duty"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(normaliser_version="bm0"))), "refresh"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(usable=65))), "64 at most"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(usable=2))), "at least 3"),
    ("dataset-fits", lambda: (J1, context(dataset=facts(usable=0))), "0 usable"),
    ("budget-suffices", lambda: (J1, context(remaining=RELEASED - 1)), f"{RELEASED - 1:,} are left"),
    ("budget-suffices", lambda: (J1, context(POLICE, NGO, remaining=ANSWERED - 1)), f"{ANSWERED:,} elements"),
    ("class-table", lambda: between(("ngo", "victim"), ("police", "suspect")), "suspects"),
    ("class-table", lambda: between(("ngo", "victim"), ("police", "mixed")), "suspects"),
    ("class-table", lambda: between(("police", "mixed"), ("police", "mixed")), "suspects"),
    ("class-table", lambda: between(("ngo", "missing"), ("police", "suspect")), "suspects"),
    ("class-table", lambda: between(("ngo", "victim"), ("immigration", "victim")), "immigration"),
    ("class-table", lambda: between(("ngo", "victim"), ("immigration", "contact")), "immigration"),
    ("class-table", lambda: between(("immigration", "victim"), ("police", "contact")), "immigration"),
    ("class-table", lambda: between(("immigration", "employer"), ("shelter", "missing")), "immigration"),
    ("class-table", lambda: between(("coordinator", "contact"), ("police", "contact")), "brings no records"),
    ("released-by-hand", lambda: (agreement("J1", reply={"mode": "ordered"}), context()), "need protection"),
    (
        "released-by-hand",
        lambda: between(("police", "victim"), ("platform", "advert"), reply={"mode": "ordered"}),
        "need protection",
    ),
    (
        "coarse-counts",
        lambda: (agreement("J1", reply={"count": "exact", "count_then_release": True}), context()),
        "exact count",
    ),
    ("coarse-counts", lambda: (agreement("J6", reply={"count": "exact"}), context()), "exact count"),
    ("coarse-counts", lambda: (agreement("J6", reply={"bands": list(range(16))}), context()), "as narrow as 1 alone"),
    ("coarse-counts", lambda: (agreement("J6", reply={"bands": [0, 1, 4, 6, 9]}), context()), "as narrow as 4 to 5"),
    ("coarse-counts", lambda: (agreement("J6", reply={"bands": [0, 1, 63]}), context()), "as narrow as 63 to 64"),
    (
        "coarse-counts",
        lambda: between(("ngo", "mixed"), ("police", "advert"), reply={"mode": "count", "bands": [0, 1, 2]}),
        "as narrow as 1 alone",
    ),
    ("peer-list-size", lambda: (agreement("J6"), context(budget=500)), "no list is longer than that"),
    ("first-learner", lambda: (agreement("J1", first_learner=POLICE.member_id), context()), "answered first"),
    (
        "first-learner",
        lambda: (agreement("J3", first_learner=POLICE.member_id, reply={"mode": "none"}), context()),
        "answered first",
    ),
]


@pytest.mark.tm("TM-90")
@pytest.mark.parametrize(
    ("rule", "case", "said"), CASES, ids=[f"{number}-{rule}" for number, (rule, _, _) in enumerate(CASES)]
)
def test_refused_by_that_rule_alone(rule: str, case: Callable[[], tuple[Manifest, Context]], said: str) -> None:
    manifest, known = case()
    found = refusals(manifest, known)
    assert set(found) == {rule}
    assert said in found[rule]
    assert found[rule].endswith(".")


@pytest.mark.parametrize(
    ("mine", "theirs", "overrides"),
    [
        (("immigration", "employer"), ("labour_inspectorate", "employer"), {}),
        (("police", "suspect"), ("police", "suspect"), {"reply": {"mode": "ordered"}}),
        (("police", "suspect"), ("platform", "advert"), {"reply": {"mode": "ordered"}}),
        (("ngo", "victim"), ("shelter", "victim"), {"reply": {"mode": "ordered"}}),
        (("police", "victim"), ("police", "victim"), {"reply": {"mode": "ordered"}}),
        (("ngo", "victim"), ("police", "missing"), {}),
        (("police", "mixed"), ("platform", "advert"), {}),
    ],
)
def test_what_may_meet(mine: tuple[str, str], theirs: tuple[str, str], overrides: dict[str, Any]) -> None:
    assert refusals(*between(mine, theirs, **overrides)) == {}


def test_a_group_of_three_is_shown_and_refused() -> None:
    third = agreement("J1", (NGO, SHELTER)).member(SHELTER.member_id).model_dump(mode="json")
    members = sorted(
        [*fields(J1)["members"], third | {"learns": ["count", "released_rows"], "max_elements": RELEASED}],
        key=lambda member: str(member["member_id"]),
    )
    group = changed(
        J1,
        protocol="group",
        members=members,
        first_learner=NGO.member_id,
        group={"tallier": SHELTER.member_id, "key_holders": [NGO.member_id]},
    )
    assert "more than two members" in refusals(group, context())["supported"]


def test_clocks_may_differ_by_a_little() -> None:
    assert refusals(J1, context(now=NOW - timedelta(hours=1))) == {}
    assert refusals(J1, context(now=NOW + timedelta(days=14) - timedelta(seconds=1))) == {}


def test_a_fitting_data_set_agrees_at_both_edges() -> None:
    assert refusals(J1, context(dataset=facts(usable=3))) == {}
    assert refusals(J1, context(dataset=facts(usable=64))) == {}


def test_the_budget_may_be_used_up_exactly() -> None:
    assert refusals(J1, context(remaining=RELEASED)) == {}
    assert refusals(agreement("J3"), context(remaining=0)) == {}


@pytest.mark.parametrize("bands", [[0, 1], [0, 1, 4], [0, 3, 6], [0, 5, 10, 25], [0, 1, 62], [0, 2]])
def test_bands_of_three_numbers_or_more_are_wide_enough(bands: list[int]) -> None:
    assert refusals(agreement("J6", reply={"bands": bands}), context()) == {}


def test_a_count_without_protected_records_may_be_exact() -> None:
    made = between(("police", "suspect"), ("police", "suspect"), reply={"mode": "count", "count": "exact"})
    assert refusals(*made) == {}


@pytest.mark.tm("TM-90")
@pytest.mark.parametrize("mode", ["ordered", "released", "count", "none"])
def test_no_reply_takes_a_list_longer_than_the_whole_budget(mode: str) -> None:
    """A list of guesses that is answered with a count, a few released rows or nothing costs little of a budget."""
    made, known = between(("shelter", "victim"), ("ngo", "victim"), reply={"mode": mode})
    largest = made.size_class(made.members[0].member_id)
    assert refusals(made, replace(known, budget=largest, remaining=largest)) == {}
    assert "peer-list-size" in refusals(made, replace(known, budget=largest - 1, remaining=largest))
    grown, known = between(("shelter", "victim"), ("ngo", "victim"), reply={"mode": mode})
    members = [member | {"records": 2**20} for member in fields(grown)["members"]]
    assert "peer-list-size" in refusals(changed(grown, members=members), known)


def test_a_convener_without_records_takes_no_list() -> None:
    assert refusals(agreement(convener=COORDINATOR), context(COORDINATOR, NGO, POLICE, COORDINATOR, budget=1)) == {}


def test_enforce_gives_every_objection_at_once() -> None:
    manifest = changed(with_member(POLICE, retention_days=366), payload=["as_of"])
    with pytest.raises(RefusedByPolicy) as refused:
        enforce(manifest, context(remaining=0))
    for part in ("contact card", "366 days", "0 are left"):
        assert part in refused.value.sentence
    assert refused.value.advice
