"""The member book: nobody is trusted until a second person has compared the words, and nobody stays trusted."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import rfc8785
from sqlalchemy import update

from node.clock import ManualClock
from node.errors import NotAllowed, NotFound, StateDamaged, UserError
from node.identity import admission
from node.identity import members as members_module
from node.identity.admission import MAX_ALIAS_CHARACTERS
from node.identity.cards import LABEL, issue_card, parse_card
from node.identity.keys import Identity
from node.identity.members import Member, MemberBook, MemberState
from node.store.schema import members
from tests.support.offices import START, Office, office, profile


@dataclass
class Two:
    us: Office
    them: Office

    @property
    def words(self) -> str:
        """What the other office reads out: computed from *its* side."""
        return " ".join(self.them.book.check_words(self.us.identity.member_id))


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    # The real stretching has its own tests; here it would only take time.
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with office(tmp_path / "us", "Harbour House") as us, office(tmp_path / "them", "Politie Noord") as them:
        them.book.add(us.card_file, "Theirs")
        yield Two(us, them)


def pinned(book: MemberBook, key_hash: bytes) -> Member | None:
    """Who would get in with this TLS key: its holder, if that is a confirmed member (node.rpc.interceptors)."""
    member = book.holder(key_hash)
    return member if member is not None and member.state is MemberState.CONFIRMED else None


def trusted(two: Two) -> Member | None:
    return pinned(two.us.book, two.them.identity.certificate.key_hash)


def reissued(owner: Office, **changes: object) -> bytes:
    """A newer card of the same owner with the same keys."""
    card = owner.identity.signed_card.card
    return issue_card(
        owner.identity,
        profile(card.name, **changes),
        identity_key=bytes.fromhex(card.identity_key),
        sealing_key=bytes.fromhex(card.sealing_key),
        certificate=base64.b64decode(card.tls_certificate),
        now=START,
    ).to_bytes()


def test_the_way_into_the_book(two: Two) -> None:
    added = two.us.book.add(two.them.card_file, "Ada")
    assert (added.alias, added.state, trusted(two)) == ("politie-noord", MemberState.PENDING, None)
    confirmed = two.us.book.confirm("politie-noord", two.words, "Ben")
    assert confirmed.state is MemberState.CONFIRMED
    assert (confirmed.added_by, confirmed.confirmed_by) == ("Ada", "Ben")
    assert trusted(two) == confirmed == two.us.book.confirmed(two.them.identity.member_id)
    assert [event["by"] for event in (*two.us.events("member-added"), *two.us.events("member-confirmed"))] == [
        "Ada",
        "Ben",
    ]


@pytest.mark.tm("TM-69")
@pytest.mark.parametrize("person", ["Ada", "ADA", "ada"])
def test_the_same_person_cannot_confirm(two: Two, person: str) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    with pytest.raises(NotAllowed, match="somebody else"):
        two.us.book.confirm("politie-noord", two.words, person)
    assert trusted(two) is None
    assert two.us.events("member-confirmed") == []


@pytest.mark.tm("TM-69")
@pytest.mark.parametrize("words", ["", "abandon " * 8, "a man in the middle reads other words than these"])
def test_wrong_words_confirm_nothing(two: Two, words: str) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    with pytest.raises(UserError, match="do not trust this card"):
        two.us.book.confirm("politie-noord", words, "Ben")
    assert trusted(two) is None


@pytest.mark.tm("TM-69")
def test_a_card_replaced_on_its_way_shows_other_words(two: Two, tmp_path: Path) -> None:
    """The man in the middle: same name, class and address, other keys."""
    with office(tmp_path / "mallory", "Politie Noord") as mallory:
        two.us.book.add(mallory.card_file, "Ada")
        with pytest.raises(UserError, match="do not trust this card"):
            two.us.book.confirm("politie-noord", two.words, "Ben")
        assert pinned(two.us.book, mallory.identity.certificate.key_hash) is None


@pytest.mark.tm("TM-69")
def test_a_comparison_that_always_agrees_would_be_noticed(
    two: Two, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin of the test above: without the comparison the forged card is trusted."""
    monkeypatch.setattr(members_module, "words_agree", lambda *_: True)
    with office(tmp_path / "mallory", "Politie Noord") as mallory:
        two.us.book.add(mallory.card_file, "Ada")
        two.us.book.confirm("politie-noord", two.words, "Ben")
        assert pinned(two.us.book, mallory.identity.certificate.key_hash) is not None


def test_confirming_twice_or_nobody_is_refused(two: Two) -> None:
    with pytest.raises(NotFound):
        two.us.book.confirm("politie-noord", "words", "Ben")
    two.us.trust(two.them)
    with pytest.raises(UserError, match="not waiting"):
        two.us.book.confirm("politie-noord", two.words, "Cem")


def test_removal_holds_at_once_and_keeps_the_name(two: Two) -> None:
    two.us.trust(two.them)
    removed = two.us.book.remove("politie-noord", "Ada")
    assert removed.state is MemberState.REMOVED
    assert trusted(two) is None
    assert two.us.book.confirmed(two.them.identity.member_id) is None
    holder = two.us.book.holder(two.them.identity.certificate.key_hash)
    assert holder is not None
    assert holder.alias == "politie-noord"
    with pytest.raises(UserError, match="removed already"):
        two.us.book.remove("politie-noord", "Ada")
    assert len(two.us.events("member-removed")) == 1


@pytest.mark.tm("TM-69")
def test_a_removed_member_comes_back_only_through_two_people(two: Two) -> None:
    two.us.trust(two.them)
    two.us.book.remove("politie-noord", "Ada")
    with pytest.raises(UserError, match="not waiting"):
        two.us.book.confirm("politie-noord", two.words, "Ben")
    assert two.us.book.add(two.them.card_file, "Ada").state is MemberState.PENDING
    assert trusted(two) is None
    two.us.book.confirm("politie-noord", two.words, "Ben")
    assert trusted(two) is not None


@pytest.mark.tm("TM-69")
def test_a_new_card_never_replaces_a_confirmed_one(two: Two) -> None:
    two.us.trust(two.them)
    before = trusted(two)
    with pytest.raises(UserError, match="with another card"):
        two.us.book.add(reissued(two.them, endpoint="203.0.113.9:7443"), "Ada")
    with pytest.raises(UserError, match="this very card"):
        two.us.book.add(two.them.card_file, "Ada")
    assert trusted(two) == before


def test_a_pending_card_may_be_replaced_and_the_words_change(two: Two) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    first = two.us.book.check_words("politie-noord")
    two.us.book.add(reissued(two.them, endpoint="203.0.113.9:7443"), "Ada")
    assert two.us.book.check_words("politie-noord") != first
    with pytest.raises(UserError, match="do not trust"):
        two.us.book.confirm("politie-noord", " ".join(first), "Ben")


@pytest.mark.tm("TM-69")
def test_a_card_swapped_while_somebody_confirms_is_not_confirmed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    two.us.book.add(two.them.card_file, "Ada")

    def swap(*_: object) -> bool:
        two.us.book.add(reissued(two.them, endpoint="203.0.113.9:7443"), "Ada")
        return True

    monkeypatch.setattr(members_module, "words_agree", swap)
    with pytest.raises(UserError, match="in the meantime"):
        two.us.book.confirm("politie-noord", "any", "Ben")
    assert trusted(two) is None


def test_our_own_card_is_refused(two: Two) -> None:
    with pytest.raises(UserError, match="your own card"):
        two.us.book.add(two.us.card_file, "Ada")


@pytest.mark.parametrize(("days", "sentence"), [(-2, "only valid from"), (1096, "ran out")])
def test_a_card_out_of_its_time_is_refused(two: Two, days: int, sentence: str) -> None:
    assert isinstance(two.us.clock, ManualClock)
    two.us.clock.advance(timedelta(days=days).total_seconds())
    with pytest.raises(UserError, match=sentence):
        two.us.book.add(two.them.card_file, "Ada")
    assert two.us.book.list() == ()


@pytest.mark.parametrize("by", ["", " ", "x" * 65, "A\nB", "+31 6 1234 5678", "a@b.example", "7"])
def test_the_person_must_have_a_plain_name(two: Two, by: str) -> None:
    with pytest.raises(UserError):
        two.us.book.add(two.them.card_file, by)
    assert two.us.book.list() == ()


@pytest.mark.parametrize("alias", ["", "Politie", "a b", "-a", "ä", "x" * (MAX_ALIAS_CHARACTERS + 1), "a/../b"])
def test_an_alias_that_is_none_is_refused(two: Two, alias: str) -> None:
    if alias:
        with pytest.raises(UserError, match="alias"):
            two.us.book.add(two.them.card_file, "Ada", alias)
    else:
        assert two.us.book.add(two.them.card_file, "Ada", alias).alias == "politie-noord"


def test_an_alias_in_use_is_refused_or_made_different(two: Two, tmp_path: Path) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    with office(tmp_path / "third", "Politie: Noord") as third:
        with pytest.raises(UserError, match="in use"):
            two.us.book.add(third.card_file, "Ada", "politie-noord")
        made = two.us.book.add(third.card_file, "Ada").alias
        assert made == f"politie-noord-{third.identity.member_id[:4]}"


@pytest.mark.parametrize(("name", "alias"), [("Полиция", "politsiya"), ("王", "wang"), ("???", "member")])
def test_any_script_makes_an_alias(two: Two, tmp_path: Path, name: str, alias: str) -> None:
    with office(tmp_path / "third", name) as third:
        assert two.us.book.add(third.card_file, "Ada").alias == alias


def test_members_are_found_by_alias_and_id(two: Two) -> None:
    added = two.us.book.add(two.them.card_file, "Ada", "noord")
    assert two.us.book.get("noord") == two.us.book.get(added.member_id) == added
    assert two.us.book.list() == (added,)
    for unknown in ("", "Noord", "noor%", added.member_id.upper()):
        with pytest.raises(NotFound):
            two.us.book.get(unknown)


def test_the_book_has_an_end(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_MEMBERS", 0)
    with pytest.raises(UserError, match="at most 0"):
        two.us.book.add(two.them.card_file, "Ada")


def test_the_pin_comes_from_the_sealed_card_not_from_its_column(two: Two) -> None:
    two.us.trust(two.them)
    forged = os.urandom(32)
    with two.us.store.transaction() as tx:
        tx.execute(update(members).values(tls_key_hash=forged))
    assert pinned(two.us.book, forged) is None


def test_an_altered_row_is_damage(two: Two) -> None:
    two.us.trust(two.them)
    with two.us.store.transaction() as tx:
        tx.execute(update(members).values(card_digest=bytes(32)))
    with pytest.raises(StateDamaged):
        trusted(two)


@pytest.mark.tm("TM-69")
@pytest.mark.parametrize(
    "changes",
    [
        {"state": "confirmed"},
        {"state": "confirmed", "confirmed_by": "Bea", "confirmed_at": "2026-01-02T03:04:05Z"},
        {"added_by": "Somebody Else"},
        {"alias": "harbour-house"},
    ],
)
def test_who_can_write_the_database_confirms_nobody(two: Two, changes: dict[str, str]) -> None:
    """Without the key: the words were never compared, or somebody could confirm what he added himself."""
    two.us.book.add(two.them.card_file, "Anna")
    with two.us.store.transaction() as tx:
        tx.execute(update(members).values(**changes))
    for ask in (lambda: trusted(two), lambda: two.us.book.confirmed(two.them.identity.member_id), two.us.book.list):
        with pytest.raises(StateDamaged, match="outside the program"):
            ask()


@pytest.mark.tm("TM-69")
def test_who_can_write_the_database_brings_no_removed_member_back(two: Two) -> None:
    two.us.book.add(two.them.card_file, "Anna")
    two.us.book.confirm("politie-noord", two.words, "Bea")
    two.us.book.remove("politie-noord", "Bea")
    with two.us.store.transaction() as tx:
        tx.execute(update(members).values(state="confirmed"))
    with pytest.raises(StateDamaged, match="outside the program"):
        trusted(two)


def test_a_book_that_believed_its_columns_would_be_noticed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: nothing else stands between a changed column and trust."""
    monkeypatch.setattr(members_module, "_standing", lambda _columns: b"")
    two.us.book.add(two.them.card_file, "Anna")
    with two.us.store.transaction() as tx:
        tx.execute(update(members).values(state="confirmed"))
    assert trusted(two) is not None


def test_two_members_with_one_tls_key_are_refused(two: Two, tmp_path: Path) -> None:
    with office(tmp_path / "third", "Third") as third:
        two.us.book.add(third.card_file, "Ada")
        with two.us.store.transaction() as tx:
            tx.execute(update(members).values(tls_key_hash=two.them.identity.certificate.key_hash))
        with pytest.raises(UserError, match="same TLS key as third"):
            two.us.book.add(two.them.card_file, "Ada")


def test_a_failed_audit_entry_undoes_the_change(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise StateDamaged("The disk is full.")

    two.us.book.add(two.them.card_file, "Ada")
    monkeypatch.setattr(two.us.audit, "append", full)
    with pytest.raises(StateDamaged):
        two.us.book.confirm("politie-noord", two.words, "Ben")
    assert trusted(two) is None


def test_watchers_hear_of_every_change_of_trust(two: Two) -> None:
    heard: list[bool] = []
    two.us.book.watch(lambda: heard.append(trusted(two) is not None))
    two.us.book.add(two.them.card_file, "Ada")
    assert heard == []
    two.us.book.confirm("politie-noord", two.words, "Ben")
    two.us.book.remove("politie-noord", "Ada")
    assert heard == [True, False]


def test_one_of_many_simultaneous_confirmations_counts(two: Two) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    words = two.words
    done: list[str] = []

    def confirm(person: str) -> None:
        try:
            two.us.book.confirm("politie-noord", words, person)
            done.append(person)
        except UserError:
            pass

    threads = [threading.Thread(target=confirm, args=(person,)) for person in ("Ben", "Cem", "Dora", "Eva")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert len(two.us.events("member-confirmed")) == 1


def test_a_card_signed_by_somebody_else_is_no_card(two: Two) -> None:
    document = json.loads(two.them.card_file)
    document["signature"] = two.us.identity.sign(LABEL, rfc8785.dumps(document["card"])).hex()
    with pytest.raises(UserError, match="signature"):
        two.us.book.add(rfc8785.dumps(document), "Ada")


def test_the_stored_card_is_the_one_that_was_given(two: Two) -> None:
    two.us.book.add(two.them.card_file, "Ada")
    assert two.us.book.get("politie-noord").signed_card == parse_card(two.them.card_file)
    assert Identity.load(two.them.store).signed_card == two.us.book.get("politie-noord").signed_card
