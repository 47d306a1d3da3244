"""How a member is reached: what its card says, what is set here, and that nobody else sets it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from node.errors import StateDamaged, UserError
from node.identity.members import Member
from node.identity.reach import WORDS, Reach, Way, usual_reach
from node.store.schema import members
from node.transport.routes import Routes
from tests.support.offices import Office, office


@dataclass
class Three:
    us: Office
    called: Member
    hidden: Member
    relay: Member


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with (
        office(tmp_path / "us", "Us") as us,
        office(tmp_path / "called", "Called") as called,
        office(tmp_path / "hidden", "Hidden", endpoint="none") as hidden,
        office(tmp_path / "relay", "Relay", member_class="relay") as relay,
    ):
        yield Three(us, us.trust(called), us.trust(hidden), us.trust(relay))


def test_a_card_says_how_unless_somebody_here_does(three: Three) -> None:
    book = three.us.book
    assert three.called.reach == usual_reach(three.called.card) == Reach(Way.DIRECT)
    assert three.hidden.reach == Reach(Way.COLLECTS)
    through = Reach(Way.RELAY, three.relay.member_id)
    assert book.set_reach("called", through, "Ada").reach == through
    assert book.get("called").reach == through
    assert book.set_reach("called", None, "Ada").reach == Reach(Way.DIRECT)
    said = [(event["mode"], event["by"]) for event in three.us.events("member-reach-set")]
    assert said == [("relay", "Ada"), ("direct", "Ada")]


def test_a_setting_outlives_a_new_card(three: Three, tmp_path: Path) -> None:
    book = three.us.book
    book.set_reach("called", Reach(Way.FILE), "Ada")
    card = book.get("called").signed_card.to_bytes()
    book.remove("called", "Ada")
    assert book.add(card, "Ada").reach == Reach(Way.FILE)


def test_what_cannot_be_set(three: Three) -> None:
    book = three.us.book
    for name, reach, why in (
        ("hidden", Reach(Way.DIRECT), "no address"),
        ("relay", Reach(Way.FILE), "is a relay"),
        ("called", Reach(Way.RELAY, three.hidden.member_id), "No confirmed relay"),
        ("called", Reach(Way.RELAY, "a" * 32), "No confirmed relay"),
    ):
        with pytest.raises(UserError, match=why):
            book.set_reach(name, reach, "Ada")
    book.remove("relay", "Ada")
    with pytest.raises(UserError, match="No confirmed relay"):
        book.set_reach("called", Reach(Way.RELAY, three.relay.member_id), "Ada")
    assert not three.us.events("member-reach-set")


@pytest.mark.parametrize("text", ["", "relay:", "relay:police", "DIRECT", "relay", "file ", "relay:" + "A" * 32])
def test_words_that_name_no_way(text: str) -> None:
    with pytest.raises(UserError, match="one of these ways"):
        Reach.parse(text)


def test_every_way_has_its_form_and_its_words() -> None:
    for way in Way:
        reach = Reach(way, "a" * 32 if way is Way.RELAY else "")
        assert Reach.parse(str(reach)) == reach
    assert set(WORDS) == set(Way)


@pytest.mark.parametrize(("before", "after"), [(None, "file"), ("file", None), ("file", "collects")])
def test_whoever_writes_the_database_sends_nothing_another_way(
    three: Three, before: str | None, after: str | None
) -> None:
    book = three.us.book
    if before:
        book.set_reach("called", Reach.parse(before), "Ada")
    with three.us.store.transaction() as tx:
        tx.execute(update(members).where(members.c.alias == "called").values(reach=after))
    with pytest.raises(StateDamaged):
        book.get("called")


def test_routes_follow_the_book(three: Three) -> None:
    book = three.us.book
    routes = Routes(book, None)  # type: ignore[arg-type]
    assert routes.way(three.called.member_id) is Way.DIRECT
    book.set_reach("called", Reach(Way.FILE), "Ada")
    assert routes.way(three.called.member_id) is Way.FILE
    book.remove("called", "Ada")
    # Then it is called, and the carrier says that it is no member: so the rounds with it end.
    assert routes.way(three.called.member_id) is Way.DIRECT


def test_a_relay_is_no_root_of_trust(three: Three) -> None:
    assert three.relay.card.certificate.pem not in three.us.book.roots()
    assert three.called.card.certificate.pem in three.us.book.roots()
