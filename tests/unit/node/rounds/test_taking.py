"""Which records a list is made of, and which of them an agreement has no room for."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.datasets.alike import Alike
from node.datasets.exclusions import Excluded
from node.datasets.records import Consent, PreparedRecord
from node.policy.exposure import Sketch
from node.rounds.own_list import OwnList
from node.rounds.participation import Asked, TakingPart
from node.rounds.preparing import LINK_BYTES, Taking, records_without_room
from node.texts import Texts
from psi.backend import choose
from psi.errors import PsiError
from psi.spool import CHUNK_ROWS, MemorySpool, chunks
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


SEVERAL = [{"kind": "phone", "per_record": 1}, {"kind": "email", "per_record": 1}]
PERSON = {"kind": "person", "fields": ["given_name", "family_name", "birth_date"], "at_least": 3}


def block(first: int, count: int, **changes: Any) -> Alike:
    """Telephone numbers, every fifth of which comes again, and addresses."""
    numbers = range(first, first + count)
    phones = [f"+4930{9_010_000 + n - (n % 5 == 4)}" for n in numbers]
    values = {"email": Texts.of(f"n{n}@example.org" for n in numbers), "phone": Texts.of(phones)}
    said = {"references": Texts.of(f"S-{n}" for n in numbers), "values": values, "consent": YES, "child": False}
    return Alike(**{**said, **changes})


def whole(agreed: Manifest, records: Iterable[PreparedRecord | Alike], excluded: Excluded) -> Any:
    """All that comes of a list: messages, links, counts, and what this node sees of its own list."""
    links = MemorySpool(LINK_BYTES)
    day = date(2026, 3, 1)
    own = OwnList(Asked.of(agreed, NGO.member_id, day, excluded), Sketch(bytes(32), choose()))
    walk = Taking(agreed, me=NGO.member_id, today=day, links=links, backend=choose(), excluded=excluded, seen=own.take)
    batches = list(walk.batches(records))
    assert all(len(batch) <= CHUNK_ROWS for batch in batches)
    messages = [message for batch in batches for message in batch]
    series = own._series.findings()
    return messages, b"".join(chunks(links)), walk.counts, series, own.sketch.digests().tolist(), own.sketch.records


@pytest.mark.tm("TM-192")
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("match", [SEVERAL[:1], SEVERAL, [*SEVERAL[:1], PERSON], [PERSON]])
@pytest.mark.parametrize("gone", [Excluded(), Excluded(frozenset({"S-3"}), frozenset({"S-1000", "S-1999"}))])
def test_columns_give_what_their_records_give(match: list[dict[str, Any]], near: bool, gone: Excluded) -> None:
    if near and match == [PERSON]:
        match = SEVERAL
    agreed = agreement("J2", match=match, near_matches=near, members={NGO.member_id: {"records": 10_000}})
    blocks = [
        block(0, 1000),
        block(1000, 300, consent=replace(YES, kinds=frozenset({"email"}))),
        ROOMY,
        block(1300, 10, child=True),
        block(1310, 10, consent=replace(YES, given=False)),
        block(1320, 700, values={"iban": Texts.of(["DE02120300000000202051"] * 700)}),
        block(2020, 5),
        *(block(first, 1024) for first in range(3000, 3000 + 5 * 1024, 1024)),
    ]
    apart = [record for found in blocks for record in ([found] if isinstance(found, PreparedRecord) else found)]
    assert whole(agreed, blocks, gone) == whole(agreed, apart, gone)


def test_twin_columns_that_ask_nobody_give_more(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Excluded(frozenset({"S-3"}))
    blocks, apart = [block(0, 10)], list(block(0, 10))
    monkeypatch.setattr(TakingPart, "_places", lambda _self, found: range(len(found)))
    assert whole(PHONES, blocks, gone) != whole(PHONES, apart, gone)


def test_the_check_before_signing_walks_columns_too() -> None:
    seen: list[PreparedRecord | Alike] = []
    blocks = [block(0, 10), CROWDED, block(10, 5, child=True)]
    assert records_without_room(blocks, PHONES.rules(), ASKED, seen.append) == {"phone": 1}
    assert seen == [blocks[0], CROWDED]


def test_of_every_kind_of_a_long_list_some_values_are_kept_for_decoys() -> None:
    agreed = agreement("J2", match=SEVERAL, members={NGO.member_id: {"records": 10_000}})
    links = MemorySpool(LINK_BYTES)
    walk = Taking(agreed, me=NGO.member_id, today=date(2026, 3, 1), links=links, backend=choose())
    for _ in walk.batches(block(first, 1024) for first in range(0, 8192, 1024)):
        pass
    assert set(walk.samples) == {"phone", "email"}
