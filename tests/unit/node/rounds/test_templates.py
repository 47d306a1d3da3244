"""Templates: every job is listed, what can be filled in stands up to the rules, the rest says what is missing."""

from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.clock import ManualClock
from node.errors import NotFound, RefusedByPolicy, UserError
from node.policy import evaluate
from node.rounds.jobs import TEMPLATES
from node.rounds.templates import MEMBER_SETTINGS, SETTINGS, build
from tests.support.agreements import COORDINATOR, NGO, NOW, POLICE, SHELTER, agreement, card, context, seeded

PROSECUTOR = card("Public Prosecutor", "prosecutor", "NL")

FILLABLE = [name for name, template in TEMPLATES.items() if not template.missing]


def test_all_jobs_are_listed_in_order() -> None:
    assert list(TEMPLATES) == [f"J{number}" for number in range(1, 17)]
    assert FILLABLE == ["J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8", "J9", "J10", "J14", "J15"]


@pytest.mark.parametrize("template", FILLABLE)
@pytest.mark.parametrize("cards", [(NGO, POLICE), (POLICE, NGO), (NGO, SHELTER)])
def test_what_can_be_filled_in_passes_the_rules(template: str, cards: Any) -> None:
    if template == "J9":
        cards = (POLICE, PROSECUTOR)
    manifest = agreement(template, cards)
    refusals = [verdict.sentence for verdict in evaluate(manifest, context(cards[0], *cards)) if not verdict.ok]
    assert refusals == []


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name not in FILLABLE])
def test_what_is_not_built_says_which_part(template: str) -> None:
    with pytest.raises(RefusedByPolicy) as refused:
        agreement(template)
    assert TEMPLATES[template].missing in refused.value.sentence
    assert ", ".join(FILLABLE) in refused.value.advice


@pytest.mark.parametrize("template", FILLABLE)
@pytest.mark.parametrize("cards", [(NGO, POLICE), (POLICE, NGO)])
def test_the_side_with_victims_learns_first(template: str, cards: Any) -> None:
    manifest = agreement(template, cards)
    if any(member.record_class == "victim" for member in manifest.members):
        assert manifest.first_learner == NGO.member_id


def test_j1_is_what_the_job_says() -> None:
    manifest = agreement("J1")
    assert [rule.kind for rule in manifest.rules()] == ["person", "phone", "email", "handle", "alias"]
    person = manifest.rules()[0]
    assert (len(person.fields), person.at_least) == (9, 3)  # the eighth and a sound that is not counted
    assert (manifest.mode, manifest.reply.count_then_release) == ("released", True)
    assert {member.record_class for member in manifest.members} == {"victim"}


def test_j3_brings_victims_only_from_the_helping_side() -> None:
    manifest = agreement("J3")
    assert manifest.member(NGO.member_id).record_class == "victim"
    assert manifest.member(POLICE.member_id).record_class == "advert"
    assert manifest.member(POLICE.member_id).max_elements == 0


@pytest.mark.parametrize(("template", "payload"), [("J4", ("as_of",)), ("J6", ("as_of", "urgent_danger"))])
def test_contact_cards_go_only_where_both_sides_get_rows(template: str, payload: tuple[str, ...]) -> None:
    manifest = agreement(template)
    assert (manifest.contact_card, manifest.payload) == (True, payload)
    without = agreement(template, reply={"mode": "count", "count": "yes_no"})
    assert (without.contact_card, without.payload) == (False, ())
    assert agreement(template, contact_card=False).payload == ()


def test_j4_says_yes_or_no_before_a_person_decides() -> None:
    manifest = agreement("J4", (POLICE, PROSECUTOR))
    assert manifest.count_bands() == ((0, 0), (1, 64))
    assert (manifest.mode, manifest.reply.count_then_release) == ("released", True)


def test_facts_come_from_the_cards() -> None:
    terms = agreement("J1").member(NGO.member_id)
    assert (terms.name, terms.country, terms.member_class) == (NGO.name, "RO", "ngo")
    assert terms.card_digest == NGO.digest.hex()


def test_each_agreement_has_its_own_nonce() -> None:
    random_bytes = seeded("nonces")
    made = [
        build("J1", (NGO, POLICE), {}, convener=NGO.member_id, clock=ManualClock(NOW), random_bytes=random_bytes)
        for _ in range(3)
    ]
    assert len({manifest.nonce for manifest in made}) == 3
    assert len({manifest.digest() for manifest in made}) == 3


@pytest.mark.parametrize(("number", "expected"), [(0, 64), (3, 64), (65, 128), (100_000, 106_496)])
def test_records_are_rounded_up_to_a_class(number: int, expected: int) -> None:
    manifest = agreement("J2", members={NGO.member_id: {"records": number}})
    assert manifest.member(NGO.member_id).records == expected
    assert manifest.member(NGO.member_id).max_elements == expected * manifest.tokens_per_record


def test_settings_are_taken_over() -> None:
    manifest = agreement(
        "J1",
        convener=COORDINATOR,
        title="Spring round",
        purpose="find_missing_persons",
        purpose_text="Look for the missing.",
        onward_use="ask_first",
        deadline="2026-03-05T00:00:00Z",
        match=[{"kind": "person", "fields": ["given_name", "family_name", "birth_date"], "at_least": 2}],
        members={POLICE.member_id: {"retention_days": 7, "legal_basis": "Police Act, section 8"}},
    )
    assert manifest.title == "Spring round"
    assert manifest.convener == COORDINATOR.member_id
    assert manifest.onward_use == "ask_first"
    assert manifest.expires_at == "2026-03-21T00:00:00Z"
    assert manifest.tokens_per_record == 2  # each name with the date; two names alone are too common
    assert manifest.member(POLICE.member_id).retention_days == 7
    assert manifest.member(POLICE.member_id).legal_basis == "Police Act, section 8"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"mode": "none"}, ("none", "none", 0)),
        ({"mode": "count"}, ("count", "banded", 0)),
        ({"mode": "count", "count": "yes_no"}, ("count", "yes_no", 0)),
        ({"mode": "ordered"}, ("ordered", "none", 0)),
        ({"max_released": 3}, ("released", "banded", 3)),
        ({"count_then_release": False, "count": "none"}, ("released", "none", 16)),
    ],
)
def test_replies_can_be_set(reply: dict[str, Any], expected: tuple[str, str, int]) -> None:
    made = agreement("J1", reply=reply).reply
    assert (made.mode, made.count, made.max_released) == expected


def test_there_is_no_seventeenth_job() -> None:
    with pytest.raises(NotFound, match="no template"):
        agreement("J17")


@pytest.mark.parametrize(
    "overrides",
    [
        {"nonce": "0" * 32},
        {"format": "other"},
        {"near_matches": 1},
        {"protocol": "group"},
        {"children": True},
        {"suite": "none"},
        {"members": {NGO.member_id: {"max_elements": 1}}},
        {"members": {NGO.member_id: {"learns": ["own_rows"]}}},
        {"members": {NGO.member_id: {"name": "Someone else"}}},
        {"members": {SHELTER.member_id: {}}},
        {"members": {NGO.member_id: {"records": "many"}}},
        {"members": {NGO.member_id: {"records": 1.5}}},
        {"members": {NGO.member_id: {"records": -1}}},
        {"members": {NGO.member_id: {"records": 10**9}}},
        {"members": {NGO.member_id: 5}},
        {"members": []},
        {"reply": "released"},
        {"match": "phone"},
        {"match": ["phone"]},
        {"match": [{"kind": "person", "fields": ["shoe_size"], "at_least": 1}]},
        {"match": [{"kind": "person", "fields": 5, "at_least": 1}]},
        {"match": [{"kind": "person", "fields": ["sex"], "at_least": "1"}]},
        {"match": [{"kind": "person"}]},
        {"deadline": "tomorrow"},
        {"deadline": 5},
        {"deadline": "9999-12-31T00:00:00Z"},
        {"title": {1, 2}},
        {"members": {NGO.member_id: {"records": True}}},
        {"match": [{"kind": ["phone"], "per_record": 1}]},
        {"reply": {"mode": ["none"]}},
        {"reply": {"surprise": 1}},
        {"members": {NGO.member_id: {"basis": ["habit"]}}},
        {"members": {NGO.member_id: {"record_class": ["victim"]}}},
    ],
    ids=str,
)
def test_settings_that_do_not_exist_or_make_no_sense(overrides: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        agreement("J1", **overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"purpose": "revenge"},
        {"title": "two\nlines"},
        {"first_learner": SHELTER.member_id},
        {"match": []},
        {"match": [{"kind": "phone"}]},
        {"match": [{"kind": "shoe_size", "per_record": 1}]},
        {"reply": {"mode": "all"}},
        {"reply": {"count": "banded", "bands": [5]}},
        {"members": {NGO.member_id: {"basis": "habit"}}},
        {"members": {NGO.member_id: {"legal_basis": ""}}},
        {"members": {NGO.member_id: {"minimum_records": 100}}},
    ],
    ids=str,
)
def test_an_agreement_that_cannot_stand_is_refused(overrides: dict[str, Any]) -> None:
    with pytest.raises(RefusedByPolicy):
        agreement("J1", **overrides)


@pytest.mark.parametrize(
    ("overrides", "sentence", "advice"),
    [
        ({"deadline": "2026-01-31T12:00:00Z"}, "by 2026-01-31T12:00:00Z (deadline), which is over", "--set deadline="),
        ({"start_not_before": "2026-01-31T12:00:00Z"}, "(start_not_before), which is over", "Leave start_not_before"),
        ({"start_not_before": "2027-01-01T00:00:00Z"}, "but not before 2027-01-01T00:00:00Z (start_not_before)",
         "--set deadline=2027-01-15T00:00:00Z"),
        ({"expires_at": "2026-03-02T00:00:00Z"}, "at 2026-03-02T00:00:00Z (expires_at), before the lists",
         "--set expires_at="),
        ({"start_not_before": "9999-12-31T00:00:00Z"}, "its times are out of order", "round settings J1"),
    ],
    ids=str,
)  # fmt: skip
def test_times_out_of_order_are_told_by_the_names_that_were_typed(
    overrides: dict[str, Any], sentence: str, advice: str
) -> None:
    with pytest.raises((UserError, RefusedByPolicy)) as caught:
        agreement("J1", **overrides)
    assert sentence in caught.value.sentence
    assert advice in caught.value.advice
    assert "created_at" not in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("overrides", "named", "example"),
    [
        ({"match": "phone"}, "match", """--set 'match=[{"kind": "phone", "per_record": 3}]'"""),
        ({"match": ["phone"]}, "match", """--set 'match=[{"kind": "phone", "per_record": 3}]'"""),
        ({"match": {"kind": "phone"}}, "match", """--set 'match=[{"kind": "phone", "per_record": 3}]'"""),
        ({"payload": "as_of"}, "payload", """--set 'payload=["as_of"]'"""),
        ({"reply": {"bands": "0"}}, "reply.bands", "--set 'reply.bands=[0, 1, 5, 10]'"),
        ({"match": [{"kind": "person", "fields": "sex"}]}, "match.fields", '["given_name"'),
        ({"members": {NGO.member_id: {"records": "many"}}}, "members.ALIAS.records", "a whole number"),
        ({"near_matches": "yes"}, "near_matches", "true or false"),
        ({"title": 5}, "title", "a text"),
        ({"members": 5}, "members", "--set members.ALIAS.records=256"),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_told_with_what_to_type(
    overrides: dict[str, Any], named: str, example: str
) -> None:
    with pytest.raises(UserError, match=f"The setting {named} has") as caught:
        agreement("J1", **overrides)
    assert example in caught.value.advice


def test_what_is_given_as_an_example_is_taken() -> None:
    assert [rule.kind for rule in agreement("J1", match=[{"kind": "phone", "per_record": 3}]).rules()] == ["phone"]
    assert agreement("J4", payload=["as_of"]).payload == ("as_of",)
    assert agreement("J1", reply={"bands": [0, 1, 5, 10]}).reply.bands == (0, 1, 5, 10)


def test_who_proposes_is_not_sent_to_the_convener() -> None:
    with pytest.raises(RefusedByPolicy) as caught:
        agreement("J1", reply={"mode": "all"})
    assert "`blindmatch round settings J1`" in caught.value.advice
    assert "convener" not in caught.value.diagnostics()


@pytest.mark.parametrize("cards", [(NGO,), (NGO, NGO), (NGO, POLICE, SHELTER), ()])
def test_two_different_members(cards: Any) -> None:
    with pytest.raises(UserError, match="two different members"):
        build("J1", cards, {}, convener=NGO.member_id, clock=ManualClock(NOW), random_bytes=seeded(1))


def test_a_template_cannot_be_bent_around_the_rules() -> None:
    border = card("Border Service", "immigration", "NL")
    manifest = agreement("J1", (NGO, border))
    refusals = {one.rule for one in evaluate(manifest, context(NGO, border)) if not one.ok}
    assert "class-table" in refusals


def test_the_settings_are_fields_of_the_manifest() -> None:
    assert set(Manifest.model_fields) >= set(SETTINGS)
    assert "max_elements" not in MEMBER_SETTINGS
