"""The agreement: one byte form, nothing contradictory, nothing that disguises itself; and what follows from it."""

import json
import re
from typing import Any

import pytest

from node.agreement.manifest import MAX_MANIFEST_BYTES, REFUSE_LABEL, SIGN_LABEL, Manifest
from node.agreement.terms import moment
from node.errors import NotFound, RefusedByPolicy
from node.rounds.conversation import pair_terms
from node.rounds.explain import explain
from node.wire import strict_json
from psi.codec import length_prefixed
from psi.padding import MAX_RECORDS
from psi.protocol.limits import MAX_RELEASED
from psi.protocol.terms import band_of
from tests.support.agreements import COORDINATOR, NGO, POLICE, SHELTER, agreement, changed, fields

J1 = agreement()
FIRST, SECOND = NGO.member_id, POLICE.member_id


def with_member(index: int, **changes: Any) -> list[dict[str, Any]]:
    members = fields(J1)["members"]
    members[index] |= changes
    return list(members)


def with_reply(**changes: Any) -> dict[str, Any]:
    return dict(fields(J1)["reply"] | changes)


def refusal(data: bytes) -> str:
    with pytest.raises(RefusedByPolicy) as refused:
        Manifest.parse(data)
    assert refused.value.sentence.startswith("This agreement cannot be used: ")
    return refused.value.diagnostics()


def refused_with(**changes: Any) -> str:
    return refusal(strict_json.canonical(fields(J1) | changes))


def test_parse_and_canonical_are_inverse() -> None:
    assert Manifest.parse(J1.canonical()) == J1
    assert Manifest.parse(J1.canonical()).canonical() == J1.canonical()


def test_digest_is_sha512_over_label_and_bytes() -> None:
    import hashlib

    expected = hashlib.sha512(length_prefixed(b"blindmatch/1 manifest", J1.canonical())).digest()
    assert J1.digest() == expected
    assert len(J1.digest()) == 64


@pytest.mark.tm("TM-91")
@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "0" * 32},
        {"title": "Another title"},
        {"title": "A third"},
        {"onward_use": "ask_first"},
        {"convener": SECOND},
        {"members": with_member(0, retention_days=10)},
        {"members": with_member(1, legal_basis="Another one")},
        {"reply": with_reply(bands=[0, 1])},
        {"expires_at": "2026-04-01T00:00:00Z"},
        {"near_matches": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_change_is_another_agreement(changes: dict[str, Any]) -> None:
    assert changed(J1, **changes).digest() != J1.digest()


def test_labels_differ() -> None:
    assert SIGN_LABEL != REFUSE_LABEL


@pytest.mark.tm("TM-91")
@pytest.mark.parametrize("field", sorted(Manifest.model_fields))
def test_every_field_must_be_there(field: str) -> None:
    short = fields(J1)
    del short[field]
    refusal(strict_json.canonical(short))


@pytest.mark.parametrize("part", ["members", "match", "reply"])
def test_every_field_of_a_part_must_be_there(part: str) -> None:
    whole = fields(J1)[part]
    for field in whole if isinstance(whole, dict) else whole[0]:
        short = fields(J1)
        holder = short[part] if isinstance(whole, dict) else short[part][0]
        del holder[field]
        refusal(strict_json.canonical(short))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"nonce":NaN}',
        b'{"nonce":1e999}',
        b'{"protocol_version":' + b"9" * 5_000 + b"}",
        b'{"title":"\\ud800"}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    refusal(data)


def test_too_long_is_refused_before_it_is_read() -> None:
    assert "longer than" in refusal(b" " * (MAX_MANIFEST_BYTES + 1))


@pytest.mark.tm("TM-91")
def test_duplicate_keys_are_refused() -> None:
    data = J1.canonical()
    assert "twice" in refusal(b'{"nonce":"' + b"0" * 32 + b'",' + data[1:])


@pytest.mark.tm("TM-91")
@pytest.mark.parametrize(
    "respell",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b'":', b'": ', 1),
        lambda data: json.dumps(json.loads(data)).encode(),
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), separators=(",", ":")).encode(),
        lambda data: data.replace(b"Open Door", b"Open\\u0020Door"),
        lambda data: data.replace(b'"max_released":16', b'"max_released":16.0'),
        lambda data: data.replace(b'"max_released":16', b'"max_released":1.6e1'),
    ],
)
def test_another_spelling_is_refused(respell: Any) -> None:
    data = respell(J1.canonical())
    assert data != J1.canonical()
    refusal(data)


@pytest.mark.tm("TM-91")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"surprise": 1}, "does not know"),
        ({"format": "blindmatch-manifest/2"}, "format"),
        ({"nonce": "0" * 31}, "nonce"),
        ({"nonce": "0" * 32 + "\n"}, "nonce"),
        ({"nonce": "A" * 32}, "nonce"),
        ({"template": "J17"}, "template"),
        ({"template": "J0"}, "template"),
        ({"purpose": "immigration_control"}, "purpose"),
        ({"purpose_text": ""}, "purpose_text"),
        ({"purpose_text": "x" * 301}, "purpose_text"),
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "turned \u202e round"}, "title"),
        ({"title": "escape \x1b[2J"}, "title"),
        ({"title": " blank"}, "title"),
        ({"onward_use": "anything"}, "onward_use"),
        ({"convener": "someone"}, "convener"),
        ({"first_learner": COORDINATOR.member_id}, "first learner"),
        ({"protocol": "triple"}, "protocol"),
        ({"protocol_version": 0}, "protocol_version"),
        ({"protocol_version": True}, "protocol_version"),
        ({"protocol_version": "1"}, "protocol_version"),
        ({"suite": "a b"}, "suite"),
        ({"normaliser_version": ""}, "normaliser_version"),
        ({"children": "included"}, "children"),
        ({"contact_card": 0}, "contact_card"),
        ({"payload": ["Free Text"]}, "payload"),
        ({"match": []}, "match"),
        ({"lookup": {"epoch_days": 1}}, "lookup"),
        ({"protocol": "lookup"}, "lookup"),
        ({"protocol": "group"}, "group"),
        ({"group": {"tallier": FIRST, "key_holders": [FIRST]}}, "group"),
        ({"series": {"every_days": 7}}, "series"),
        ({"deadline": "2026-03-15"}, "2026-01-31T12:00:00Z"),
        ({"deadline": "2026-03-15T12:00:00+00:00"}, "2026-01-31T12:00:00Z"),
        ({"deadline": "2026-3-15T12:00:00Z"}, "2026-01-31T12:00:00Z"),
        ({"deadline": "2026-02-30T12:00:00Z"}, "2026-01-31T12:00:00Z"),
        ({"deadline": "2026-03-01T12:00:00Z"}, "its times are out of order"),
        ({"start_not_before": "2026-02-28T12:00:00Z"}, "its times are out of order"),
        ({"expires_at": "2026-03-14T12:00:00Z"}, "its times are out of order"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_fields_are_closed(changes: dict[str, Any], said: str) -> None:
    assert said in refused_with(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"records": 10}, "record class"),
        ({"records": 0}, "record class"),
        ({"records": 2**25}, "record class"),
        ({"minimum_records": 65}, "larger than the record class"),
        ({"minimum_records": 0}, "minimum_records"),
        ({"member_class": "church"}, "member_class"),
        ({"record_class": "patient"}, "record_class"),
        ({"basis": "legitimate_interest"}, "basis"),
        ({"legal_regime": "none"}, "legal_regime"),
        ({"country": "nl"}, "country"),
        ({"country": "NLD"}, "country"),
        ({"name": "Open\u200bDoor"}, "name"),
        ({"card_digest": "0" * 63}, "card_digest"),
        ({"member_id": "a" * 31}, "member_id"),
        ({"approvers": 0}, "approvers"),
        ({"retention_days": 0}, "retention_days"),
        ({"max_elements": -1}, "max_elements"),
        ({"learns": []}, "learns"),
        ({"learns": ["nothing"]}, "does not follow"),
        ({"learns": ["own_rows", "count"]}, "does not follow"),
        ({"score": 3}, "does not know"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_member_terms_are_closed(changes: dict[str, Any], said: str) -> None:
    assert said in refused_with(members=with_member(0, **changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "everything"}, "mode"),
        ({"mode": "count"}, "comes before a release"),
        ({"mode": "ordered"}, "comes before a release"),
        ({"count": "none"}, "form of the count"),
        ({"count_then_release": False}, "form of the count"),
        ({"bands": []}, "banded count"),
        ({"count": "exact"}, "banded count"),
        ({"bands": [1, 5]}, "begin at 0"),
        ({"bands": [0, 5, 5]}, "begin at 0"),
        ({"bands": [0, 5, 1]}, "begin at 0"),
        ({"bands": list(range(17))}, "bands"),
        ({"max_released": 0}, "most records"),
        ({"max_released": -1}, "max_released"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_reply_does_not_contradict_itself(changes: dict[str, Any], said: str) -> None:
    assert said in refused_with(reply=with_reply(**changes))


def test_members_stand_in_order_once_and_two() -> None:
    members = fields(J1)["members"]
    assert "order of their ids" in refused_with(members=members[::-1])
    assert "order of their ids" in refused_with(members=[members[0], members[0]])
    refused_with(members=members[:1])
    third = agreement("J1", (NGO, SHELTER)).member(SHELTER.member_id).model_dump(mode="json")
    third["learns"] = ["count", "released_rows"]
    three = sorted([*members, third], key=lambda one: one["member_id"])
    assert "exactly two" in refused_with(members=three)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([("phone", 1), ("phone", 2)], "matched once"),
        ([("phone", 1), ("phone", 1)], "matched once"),
        ([("religion", 1)], "refused"),
        ([("soul", 1)], "catalogue"),
        ([("phone", 0)], "match"),
        ([("phone", 257)], "between 1 and"),
    ],
)
def test_what_is_compared_must_stand(rules: list[tuple[str, int]], said: str) -> None:
    match = [{"kind": kind, "per_record": number, "fields": [], "at_least": 0} for kind, number in rules]
    assert said in refused_with(match=match)


def test_a_key_that_strangers_share_is_refused() -> None:
    weak = {"kind": "person", "per_record": 10, "fields": ["nationality", "sex"], "at_least": 2}
    assert "common" in refused_with(match=[weak])


def test_a_list_beyond_every_limit_is_refused() -> None:
    rules = [{"kind": kind, "per_record": 256, "fields": [], "at_least": 0} for kind in ("phone", "email", "handle")]
    assert "elements" in refused_with(members=with_member(0, records=2**24), match=rules)


def test_a_refusal_never_repeats_what_was_sent() -> None:
    canary = "Olena-0721555666"
    for changes in (
        {canary: 1},
        {"nonce": canary},
        {"deadline": canary},
        {"members": with_member(0, **{canary: canary})},
        {"match": [{"kind": canary, "per_record": 1, "fields": [], "at_least": 0}]},
        {"reply": with_reply(mode=canary)},
    ):
        assert canary not in refused_with(**changes)


def test_sides() -> None:
    assert J1.mode == "released"
    assert J1.position(FIRST) == "first"
    assert J1.position(SECOND) == "second"
    assert J1.other(FIRST).member_id == SECOND
    assert J1.member(SECOND).name == POLICE.name
    for question in (J1.member, J1.other, J1.position, J1.size_class):
        with pytest.raises(NotFound):
            question(COORDINATOR.member_id)


def test_sizes_follow_from_records_and_rules() -> None:
    assert J1.tokens_per_record == sum(rule.tokens_per_record() for rule in J1.rules())
    assert J1.size_class(FIRST) == 64 * J1.tokens_per_record


def reply_of(manifest: Manifest, **reply: Any) -> Manifest:
    plain = {"mode": "count", "bands": [], "count_then_release": False, "max_released": 0}
    members = fields(manifest)["members"]
    for member in members:
        if member["member_id"] != manifest.first_learner:
            member["learns"] = ["count"]
    return changed(manifest, reply=plain | reply, members=members)


def test_declared_counts() -> None:
    banded = reply_of(J1, count="banded", bands=[0, 1, 5, 1000])
    assert banded.count_bands() == ((0, 0), (1, 4), (5, 64))
    yes_no = reply_of(J1, count="yes_no")
    assert yes_no.count_bands() == ((0, 0), (1, 64))
    exact = reply_of(J1, count="exact")
    assert exact.count_bands() == ()
    for manifest in (banded, yes_no, exact):
        # What our side would say of a true count is what the other side lets stand.
        assert all(manifest.allows_count(*band_of(number, manifest.count_bands())) for number in range(65))
        assert not manifest.allows_count(65, 65)


@pytest.mark.parametrize(
    ("reply", "claims"),
    [
        ({"count": "banded", "bands": [0, 1, 5]}, [(1, 1), (0, 4), (0, 64), (5, 65), (2, 4), (4, 1)]),
        ({"count": "yes_no"}, [(1, 1), (0, 64), (2, 64), (0, 1)]),
        ({"count": "exact"}, [(0, 1), (65, 65), (2, 1), (-1, -1)]),
    ],
)
def test_a_claim_finer_or_wider_than_agreed_is_not_allowed(
    reply: dict[str, Any], claims: list[tuple[int, int]]
) -> None:
    manifest = reply_of(J1, **reply)
    assert not any(manifest.allows_count(low, high) for low, high in claims)


def test_without_a_count_no_count_is_allowed() -> None:
    ordered = agreement("J2")
    assert ordered.count_bands() == ()
    assert not ordered.allows_count(0, 0)


def test_more_than_the_protocol_releases_is_no_agreement() -> None:
    most = MAX_RELEASED // J1.tokens_per_record
    assert agreement("J1", reply={"max_released": most}).reply.max_released == most
    for more in (most + 1, 65_536, MAX_RECORDS):
        with pytest.raises(RefusedByPolicy, match="65,536 elements that a round releases"):
            agreement("J1", reply={"max_released": more})


@pytest.mark.parametrize("released", [1, 16, 1_040])
def test_what_may_be_decided_the_protocol_lets_go(released: int) -> None:
    """A person decides on records; every one of them may agree in all its tokens."""
    manifest = agreement("J1", reply={"max_released": released})
    terms = pair_terms(manifest, FIRST)
    assert terms.release_cap == released * manifest.tokens_per_record
    assert manifest.member(SECOND).max_elements == min(terms.release_cap, manifest.size_class(SECOND))


@pytest.mark.parametrize("text", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:60Z"])
def test_moment_takes_one_spelling(text: str) -> None:
    with pytest.raises(ValueError):
        moment(text)


@pytest.mark.tm("TM-92")
def test_explanation_says_who_learns_what() -> None:
    ngo, police = (" ".join(explain(J1, me)) for me in (FIRST, SECOND))
    assert "You learn first: which of your own records “Regional Police Lab” also holds" in ngo
    assert "“Open Door” learns first: which of its own records you also hold" in police
    assert "You learn second" in police
    assert "for which a person at “Open Door” releases the agreement (16 records at most)" in police
    assert "a lead, not a proof" in ngo
    assert "You keep results for 90 days at most." in ngo
    assert "Then each node deletes its results by itself" in ngo


@pytest.mark.parametrize(
    ("kind", "per_record", "said"),
    [
        ("image_hash", 8, "image hashes (up to 8 a record)"),
        ("phone", 1, "telephone numbers (one a record)"),
        ("alias", 2, "aliases (up to 2 a record)"),
    ],
)
def test_explanation_names_what_is_compared_as_people_do(kind: str, per_record: int, said: str) -> None:
    match = [{"kind": kind, "per_record": per_record}]
    assert f"Compared are {said}." in explain(agreement("J2", match=match), SECOND)


@pytest.mark.tm("TM-92")
def test_explanation_prints_the_bands_of_a_count() -> None:
    usual = (
        "in which of these bands the number of agreeing records lies (0, 1 to 4, 5 to 9, 10 to 24, 25 to 49, 50 to 64)"
    )
    for me in (FIRST, SECOND):
        assert usual in " ".join(explain(J1, me))
    assert "lies (0, 1, 2 to 64)" in " ".join(explain(reply_of(J1, count="banded", bands=[0, 1, 2]), SECOND))


@pytest.mark.tm("TM-92")
@pytest.mark.parametrize("mark", ["”", "“", '"', "»", "„"])
def test_what_somebody_else_wrote_stays_within_its_quotation_marks(mark: str) -> None:
    text = f"A law{mark}. You learn everything. {mark}"
    forged = changed(J1, purpose_text=text, members=with_member(0, legal_basis=text, name=text[:-2]))
    for sentence in explain(forged, COORDINATOR.member_id):
        outside = re.sub("“[^“”]*”", "", sentence)
        assert "everything" not in outside
        assert not set(outside) & set('“”"»„')


@pytest.mark.tm("TM-92")
def test_explanation_says_how_far_padding_lets_a_side_guess() -> None:
    police = " ".join(explain(J1, SECOND))
    assert f"this round's padding lets you test up to {J1.size_class(SECOND):,} named persons" in police
    assert f"lets “Open Door” test up to {J1.size_class(FIRST):,} named persons" in police
    assert "you see only what a person releases, and the count" in police


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("J2", "learn second: which of your own records “Open Door” also holds"),
        ("J3", "as “Open Door” declares it, and no rows"),
        ("J14", "see only the count of all of them together"),
        ("J6", "gets the other's contact card"),
        ("J6", "the day of the data set that the record is from and whether the person is said to be in urgent danger"),
        (
            "J6",
            "Steps of the output ladder for the side that learns second: a count in bands (both sign for it), own rows",
        ),
        ("J3", "not whether any record agrees, an exact count, own rows, contact cards or agreed fields"),
    ],
)
def test_explanation_by_reply(template: str, said: str) -> None:
    assert said in " ".join(explain(agreement(template), SECOND))


def test_explanation_of_a_reply_of_nothing() -> None:
    manifest = agreement("J3", reply={"mode": "none"})
    assert "You learn nothing." in explain(manifest, SECOND)


def test_explanation_for_a_convener_uses_names() -> None:
    said = " ".join(explain(agreement(convener=COORDINATOR), COORDINATOR.member_id)).lower()
    assert "you" not in said.replace("your", "").split()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"approvers": 2}, "Before you sign, 2 people of your organisation have to agree."),
        (
            {"approvers": 1, "record_class": "victim"},
            "Before you sign, one person of your organisation is enough, although it brings records that need "
            "protection.",
        ),
        ({"approvers": 1, "record_class": "advert"}, ""),
    ],
)
def test_how_many_people_sign_is_said_where_records_need_protection(changes: dict[str, Any], said: str) -> None:
    found = [one for one in explain(changed(J1, members=with_member(0, **changes)), me_of(0)) if "Before you" in one]
    assert found == ([said] if said else [])


def me_of(index: int) -> str:
    return J1.members[index].member_id
