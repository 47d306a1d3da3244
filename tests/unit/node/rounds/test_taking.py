"""Which records a list is made of, and which of them an agreement has no room for."""

from dataclasses import replace
from datetime import date

import pytest

from node.datasets.records import Consent, PreparedRecord
from node.rounds.participation import Asked
from node.rounds.preparing import LINK_BYTES, Taking, records_without_room
from psi.backend import choose
from psi.errors import PsiError
from psi.spool import MemorySpool
from tests.support.agreements import NGO, agreement

PHONES = agreement("J1", match=[{"kind": "phone", "per_record": 1}])
YES = Consent(True, None, None, None)
ASKED = Asked.of(PHONES, NGO.member_id, date(2026, 3, 1))
ROOMY = PreparedRecord("S-1", {"phone": ("+493090180001",)}, None, YES, False)
CROWDED = PreparedRecord("S-2", {"phone": ("+493090180002", "+493090180003")}, None, YES, False)


def taken(*records: PreparedRecord) -> int:
    """How many records take part in a list."""
    links = MemorySpool(LINK_BYTES)
    walk = Taking(PHONES, me=NGO.member_id, today=date(2026, 3, 1), links=links, backend=choose())
    for _ in walk.batches(records):
        pass
    return walk.counts.taking_part


def test_a_list_with_too_many_values_is_not_made_and_the_check_says_so() -> None:
    with pytest.raises(PsiError, match="more values of the kind phone"):
        taken(ROOMY, CROWDED)
    assert records_without_room([ROOMY, CROWDED, CROWDED], PHONES.rules(), ASKED) == {"phone": 2}


@pytest.mark.parametrize("out", [replace(CROWDED, child=True), replace(CROWDED, consent=replace(YES, given=False))])
def test_what_never_takes_part_may_hold_what_it_likes(out: PreparedRecord) -> None:
    """Otherwise the signature would be given and the list could not be made."""
    assert taken(ROOMY, out) == 1
    assert records_without_room([ROOMY, out], PHONES.rules(), ASKED) == {}
