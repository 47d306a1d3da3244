"""Why a record stays out of a round: each reason, the first that holds, and that the numbers are those of the list."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from node.datasets.exclusions import Excluded, read_references
from node.datasets.records import Consent, PreparedRecord
from node.errors import UserError
from node.rounds import participation as module
from node.rounds.participation import Asked, Why, coverage, participation
from node.rounds.preparing import LINK_BYTES, Taking
from psi.backend import choose
from psi.identifiers import Person
from psi.spool import MemorySpool, chunks
from tests.support.agreements import NGO, agreement, changed

TODAY = date(2026, 3, 1)
J1 = agreement()
ADULTS = Asked.of(J1, NGO.member_id, TODAY, Excluded(frozenset({"W"}), frozenset({"H"})))
CHILDREN = Asked.of(changed(J1, children="only"), NGO.member_id, TODAY)
YES = Consent(True)
PHONE = {"phone": ("+493090180001",)}


def record(reference: str = "R", consent: Consent = YES, *, child: bool = False, **identifiers: str) -> PreparedRecord:
    values = {kind: (value,) for kind, value in identifiers.items()} or PHONE
    return PreparedRecord(reference, values, None, consent, child)


CASES = [
    (record(), ADULTS, None),
    (record("W"), ADULTS, Why.WITHDRAWN),
    (record("H"), ADULTS, Why.WITHHELD),
    (record("w"), ADULTS, None),
    (record(child=True), ADULTS, Why.CHILD),
    (record(), CHILDREN, Why.NOT_A_CHILD),
    (record(child=True), CHILDREN, None),
    (record(consent=Consent()), ADULTS, Why.NO_CONSENT),
    (record(consent=replace(YES, until=date(2026, 2, 28))), ADULTS, Why.EXPIRED),
    (record(consent=replace(YES, until=TODAY)), ADULTS, None),
    (record(consent=replace(YES, receivers=frozenset({"shelter"}))), ADULTS, Why.RECEIVER),
    (record(consent=replace(YES, receivers=frozenset({"police"}))), ADULTS, None),
    (record(consent=replace(YES, purposes=frozenset({"check_employers"}))), ADULTS, Why.PURPOSE),
    (record(consent=replace(YES, purposes=frozenset({"protect_victims"}))), ADULTS, None),
    (record(consent=replace(YES, kinds=frozenset({"iban"}))), ADULTS, Why.KIND),
    (record(consent=replace(YES, kinds=frozenset({"iban", "phone"}))), ADULTS, None),
    # Of several reasons the first: what the person or the organisation decided stands before what a date says.
    (record("W", replace(YES, until=date(2020, 1, 1)), child=True), ADULTS, Why.WITHDRAWN),
    (record("H", replace(YES, until=date(2020, 1, 1))), ADULTS, Why.WITHHELD),
]


@pytest.mark.tm("TM-192")
@pytest.mark.parametrize(
    ("one", "asked", "why"), CASES, ids=[f"{number}-{why or 'in'}" for number, (_, _, why) in enumerate(CASES)]
)
def test_why(one: PreparedRecord, asked: Asked, why: Why | None) -> None:
    assert participation(one, asked) is why


def test_every_reason_has_a_case() -> None:
    assert {why for _, _, why in CASES} == {None, *Why} - {Why.NOTHING}


MIXED = [
    record("R1"),
    record("R2", email="a@example.org"),
    record("R3", iban="DE02120300000000202051"),
    PreparedRecord("R4", {}, Person({"given_name": "AN", "family_name": "PP", "birth_date": "1990-01-02"}), YES, False),
    PreparedRecord("R5", {}, Person({"given_name": "AN"}), YES, False),
    record("R6", replace(YES, until=date(2026, 3, 5))),
    *(one for one, asked, why in CASES if asked is ADULTS and why is not None),
]


def taken() -> list[int]:
    """Numbers of the records on the list of J1."""
    links = MemorySpool(LINK_BYTES)
    walk = Taking(J1, me=NGO.member_id, today=TODAY, links=links, backend=choose(), excluded=ADULTS.excluded)
    for _ in walk.batches(MIXED):
        pass
    rows = b"".join(chunks(links))
    numbers = {int.from_bytes(rows[at + 4 : at + 8], "big") for at in range(0, len(rows), LINK_BYTES)}
    assert walk.counts.taking_part == len(numbers)
    return sorted(numbers)


@pytest.mark.tm("TM-192")
def test_the_numbers_of_the_coverage_are_those_of_the_list() -> None:
    found = coverage(MIXED, J1, ADULTS)
    assert taken() == [0, 1, 3, 5]
    assert found.taking_part == 4
    assert found.records == len(MIXED)
    assert found.records == found.taking_part + sum(found.out.values())
    expected = Counter(why for _, asked, why in CASES if asked is ADULTS and why) + Counter({Why.NOTHING: 2})
    assert {why: count for why, count in found.out.items() if count} == expected
    assert found.kinds == {"person": 1, "phone": 2, "email": 1, "handle": 0, "alias": 0}
    assert found.ending == 1


@pytest.mark.tm("TM-192")
def test_twin_without_the_one_function_everybody_is_on_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "participation", lambda _record, _asked: None)
    assert len(taken()) > 4
    found = coverage(MIXED, J1, ADULTS)
    assert found.out[Why.WITHDRAWN] == found.out[Why.CHILD] == 0


def test_references_are_read_as_the_data_set_spells_them() -> None:
    assert read_references("\ufeffR-1\r\n  R  2 \n\nR-1\n") == {"R-1", "R 2"}
    for text in ("", " \n\t\n"):
        with pytest.raises(UserError, match="no record reference"):
            read_references(text)


def test_neither_a_record_nor_an_exclusion_shows_what_it_holds() -> None:
    assert "W" not in repr(Excluded(frozenset({"W"})))
