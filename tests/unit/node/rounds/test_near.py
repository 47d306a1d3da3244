"""Near matches: agreed by both, told before anybody signs, and counted in the padding."""

from datetime import date

import pytest

from node.datasets.records import Consent, PreparedRecord
from node.errors import RefusedByPolicy
from node.policy import enforce
from node.rounds.explain import explain
from node.rounds.preparing import LINK_BYTES, Taking
from psi.backend import choose
from psi.identifiers import NEAR_VARIANTS
from psi.spool import MemorySpool
from tests.support.agreements import NGO, POLICE, agreement, context

PHONES = [{"kind": "phone", "per_record": 2}]
NEAR = agreement("J2", match=PHONES, near_matches=True)


def elements(phone: str, *, near: bool) -> int:
    """How many distinct identifiers one record gives."""
    manifest = NEAR if near else agreement("J2", match=PHONES)
    record = PreparedRecord("S-1", {"phone": (phone,)}, None, Consent(True), False)
    links = MemorySpool(LINK_BYTES)
    walk = Taking(manifest, me=NGO.member_id, today=date(2026, 3, 1), links=links, backend=choose())
    return sum(len(batch) for batch in walk.batches([record]))


@pytest.mark.tm("TM-102")
def test_the_variants_take_part_and_are_counted_whatever_the_data() -> None:
    assert elements("+493090180001", near=False) == 1
    assert 1 < elements("+493090180001", near=True) <= 1 + NEAR_VARIANTS["phone"]
    assert NEAR.tokens_per_record == 2 * (1 + NEAR_VARIANTS["phone"])


@pytest.mark.tm("TM-102")
def test_both_sides_read_it_before_they_sign() -> None:
    for me in (NGO, POLICE):
        assert any("shown as near and never as the same" in one for one in explain(NEAR, me.member_id))
        assert not any("near" in one for one in explain(agreement("J2", match=PHONES), me.member_id))
    enforce(NEAR, context())


def test_kinds_without_variants_are_compared_as_they_are() -> None:
    both = agreement("J2", match=[*PHONES, {"kind": "iban", "per_record": 1}], near_matches=True)
    assert [rule.near for rule in both.rules()] == [True, False]


def test_near_matches_of_nothing_are_refused() -> None:
    with pytest.raises(RefusedByPolicy, match="no kind that is compared has any"):
        agreement("J2", match=[{"kind": "iban", "per_record": 1}], near_matches=True)


def test_keys_that_too_many_people_share_are_named_with_a_number() -> None:
    said = " ".join(explain(agreement("J6"), NGO.member_id))
    assert "too many people share" in said
    assert "in a country of 10 million" in said
    assert "too many people share" not in " ".join(explain(agreement("J10"), NGO.member_id))
