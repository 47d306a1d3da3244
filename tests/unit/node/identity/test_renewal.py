"""A newer card of the same identity: who may bring it, who must agree, and what it may not change."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import NotAllowed, NotFound, UserError
from node.identity.cards import LABEL, MemberClass, SignedCard
from node.identity.keys import Identity
from node.identity.renewal import Renewals, renew
from node.wire.sealing import Place, SealBrokenError, seal_note
from tests.support.offices import Office, office

PLACE = Place("ab" * 16, "them", "us", 1, 2)


@pytest.fixture(autouse=True)
def cheap_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


@pytest.fixture
def shelter(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "shelter", "Harbour House") as made:
        yield made


@pytest.fixture
def police(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "police", "Police Lab", member_class="police") as made:
        yield made


@pytest.fixture
def renewals(shelter: Office, police: Office) -> Renewals:
    """The shelter's, which knows the police and trusts it."""
    shelter.trust(police)
    return Renewals(shelter.store, shelter.audit, shelter.identity, shelter.book, shelter.clock)


def newer(them: Office, seconds: float = 60) -> Identity:
    """Their node after `card renew`."""
    assert isinstance(them.clock, ManualClock)
    them.clock.advance(seconds)
    return renew(them.store, them.identity, them.audit, them.clock, os.urandom, "carl")


def resigned(them: Office, signer: Identity | None = None, **changes: Any) -> bytes:
    """Their card with other words, signed by them, or by somebody else."""
    card = newer(them).signed_card.card.model_copy(update=changes)
    return SignedCard(card, (signer or them.identity).sign(LABEL, card.to_bytes())).to_bytes()


@pytest.mark.tm("TM-138")
def test_a_renewed_card_has_new_keys_and_the_same_identity(police: Office) -> None:
    before = police.identity
    after = newer(police)
    assert after.member_id == before.member_id
    assert after.public_key == before.public_key
    assert after.certificate.key_hash != before.certificate.key_hash
    assert after.sealing_public_key != before.sealing_public_key
    assert after.signed_card.card.issued_at > before.signed_card.card.issued_at
    assert Identity.load(police.store).signed_card == after.signed_card
    (entry,) = police.events("card-renewed")
    assert entry == {"by": "carl", "card_digest": after.signed_card.card.digest.hex()}


@pytest.mark.tm("TM-138")
def test_what_was_sealed_for_the_card_before_still_opens_and_for_one_before_that_no_more(police: Office) -> None:
    notes = [seal_note(police.identity.sealing_public_key, PLACE, b"one")]
    after = newer(police)
    notes.append(seal_note(after.sealing_public_key, PLACE, b"two"))
    assert [after.open_note(PLACE, note) for note in notes] == [b"one", b"two"]
    police.identity = after
    latest = newer(police)
    assert latest.open_note(PLACE, notes[1]) == b"two"
    with pytest.raises(SealBrokenError):
        latest.open_note(PLACE, notes[0])


def test_a_card_is_not_renewed_by_a_clock_that_stands_still(police: Office) -> None:
    with pytest.raises(UserError, match="not older than this computer's time"):
        newer(police, 0)


@pytest.mark.tm("TM-138")
def test_a_newer_card_takes_effect_when_a_second_person_accepts_it(
    shelter: Office, police: Office, renewals: Renewals
) -> None:
    told: list[bool] = []
    shelter.book.watch(lambda: told.append(True))
    old_pin = police.identity.certificate.key_hash
    after = newer(police)
    offered = renewals.offer(after.signed_card.to_bytes(), "Ada")
    assert offered.differs == ()
    assert shelter.book.get("police-lab").tls_key_hash == old_pin, "one person changes no pin"
    assert told == []
    for same in ("Ada", "ada", "ADA"):
        with pytest.raises(NotAllowed, match="somebody else"):
            renewals.accept("police-lab", same)
    member = renewals.accept("police-lab", "Ben")
    assert member.tls_key_hash == after.certificate.key_hash
    assert shelter.book.holder(old_pin) is None
    assert shelter.book.confirmed(after.member_id) == member
    assert told == [True]
    with pytest.raises(NotFound, match="No newer card"):
        renewals.accept("police-lab", "Carl")
    assert [len(shelter.events(name)) for name in ("member-renewal-added", "member-renewed")] == [1, 1]


@pytest.mark.tm("TM-138")
def test_twin_without_the_second_person_lets_one_change_a_pin(
    shelter: Office, police: Office, renewals: Renewals, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anybody(str):
        def casefold(self) -> str:
            return repr(object())

    monkeypatch.setattr("node.identity.renewal.staff_label", Anybody)
    renewals.offer(newer(police).signed_card.to_bytes(), "Ada")
    before = shelter.book.get("police-lab").tls_key_hash
    assert renewals.accept("police-lab", "Ada").tls_key_hash != before


@pytest.mark.tm("TM-138")
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"member_class": MemberClass.NGO}, "says something else"),
        ({"name": "Police Lab 2"}, "says something else"),
        ({"country": "RO"}, "says something else"),
        ({"issued_at": "2026-01-01T00:00:00Z"}, "is not newer"),
    ],
)
def test_a_card_that_changes_more_than_keys_needs_check_words(
    police: Office, renewals: Renewals, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises(UserError, match=match):
        renewals.offer(resigned(police, **changes), "Ada")


@pytest.mark.tm("TM-138")
def test_nobody_else_can_bring_a_card_in_a_member_s_name(
    shelter: Office, police: Office, renewals: Renewals, tmp_path: Path
) -> None:
    with office(tmp_path / "stranger", "Police Lab", member_class="police") as stranger:
        with pytest.raises(UserError, match="signature does not fit"):
            renewals.offer(resigned(police, stranger.identity), "Ada")
        with pytest.raises(NotFound):
            renewals.offer(stranger.card_file, "Ada")
        shelter.book.add(stranger.card_file, "Ada", alias="stranger")
        with pytest.raises(UserError, match="not a confirmed member"):
            renewals.offer(newer(stranger).signed_card.to_bytes(), "Ada")


def test_another_contact_or_address_is_shown_to_the_second_person(police: Office, renewals: Renewals) -> None:
    offered = renewals.offer(resigned(police, contact="The day desk", endpoint="127.0.0.1:9"), "Ada")
    assert offered.differs == ("contact", "endpoint")
    assert renewals.waiting("police-lab").offered_by == "Ada"


def test_a_member_that_was_removed_meanwhile_does_not_come_back(
    shelter: Office, police: Office, renewals: Renewals
) -> None:
    renewals.offer(newer(police).signed_card.to_bytes(), "Ada")
    shelter.book.remove("police-lab", "Ada")
    with pytest.raises(UserError, match="not a confirmed member"):
        renewals.accept("police-lab", "Ben")
