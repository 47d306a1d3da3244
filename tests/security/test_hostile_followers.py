"""A peer that misuses what may be said about leads: offers and gifts of contact cards, and feedback.

A shelter released two of its three leads. The police's node is honest but for the notes that a test puts into its
outbox, so each of them arrives as a rightly signed and sealed letter. Whatever it says: what the shelter knows, has
offered and has given stays as it was, no answer leaves, and the log names who did it.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from node.agreement.terms import moment
from node.audit import AuditLog
from node.audit.witness_notes import Ask, Note
from node.clock import ManualClock
from node.config import ContactSection
from node.errors import NodeError, RefusedByPolicy
from node.rounds import contact, lead_notes, reviews, shared
from node.rounds.lead_notes import ContactCard, Status, write_feedback, write_gifts, write_offer, write_withdrawal
from node.rounds.mailbox import MOST_FOLLOWING, MOST_NOTES, Letter
from node.rounds.parties import MAX_LONG_NOTE_BYTES
from node.rounds.states import RoundState
from node.store.schema import contacts, feedback, outbox
from node.store.schema import reviews as reviews_table
from node.tripwires import FreezeBook
from node.wire.envelope import EnvelopeKind, ReceiptKind
from psi.errors import MalformedMessage, PeerError, UnexpectedMessage
from tests.support.inside import by_hand
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import OURS, SHARED, THEIRS, agree, decide, go
from tests.support.two_nodes import two

FEEDBACK, CONTACT = EnvelopeKind.FEEDBACK, EnvelopeKind.CONTACT
CARD = ContactCard("Night desk", "+49 30 90180000", "", "always")
FIELDS = {"as_of": "2026-03-01", "urgent_danger": "no"}
NOBODYS = "00000000deadbeef"
RELEASED, WITHHELD = OURS[-SHARED : -SHARED + 2], OURS[-1]


class Pair:
    """The two nodes, and one finished round."""

    def __init__(self, shelter: Running, police: Running) -> None:
        self.shelter, self.police = shelter, police
        for node in (shelter, police):
            node.parts.desk.section = ContactSection(desk=f"Desk of {node.alias}", phone="+49 30 90180000")
        self.round_id = self.finished()

    def finished(self, *, references: list[str] | None = None) -> str:
        round_id = agree(self.shelter, self.shelter, self.police, template="J6")
        go(self.shelter, round_id)
        decide(self.shelter, round_id, RELEASED if references is None else references)
        wait_for(lambda: self.shelter.state(round_id) == self.police.state(round_id) == "finished")
        return round_id

    def handle(self, reference: str, node: Running | None = None, round_id: str = "") -> str:
        """The match handle of a lead of the shelter's."""
        found = (node or self.shelter).ask("round.results", round=round_id or self.round_id)["leads"]
        return str(next(one["agreements"][0]["handle"] for one in found if one["reference"] == reference))

    def number(self, node: Running, reference: str, round_id: str = "") -> int:
        found = node.ask("round.results", round=round_id or self.round_id)["leads"]
        return int(next(one["number"] for one in found if one["reference"] == reference))

    def say(self, kind: EnvelopeKind, payload: bytes, round_id: str = "") -> None:
        """The police's node says this; until the shelter's has dealt with it."""
        here = round_id or self.round_id
        parts, victim = self.police.parts, self.shelter.parts
        with parts.store.transaction() as tx:
            parts.outbox.put(tx, round_id=here, recipient=victim.identity.member_id, kind=kind, payload=payload)
        self.settle(here)

    def settle(self, round_id: str) -> None:
        """Until nothing is on its way between the two, in either direction."""
        nodes = (self.shelter, self.police)
        for node in nodes:
            node.parts.wake(round_id)

        def quiet() -> bool:
            on_the_way = any(node.parts.outbox.recipients(round_id) for node in nodes)
            return not on_the_way and not any(node.parts.engine.inbox.waits(round_id) for node in nodes)

        wait_for(quiet)

    def known(self, round_id: str = "") -> dict[str, Any]:
        """What the shelter has about leads, and how many notes it has sent about them."""
        here = round_id or self.round_id
        with self.shelter.parts.store.read() as connection:
            rows = {
                table.name: sorted(map(tuple, connection.execute(select(*columns).where(table.c.round_id == here))))
                for table, columns in (
                    (contacts, (contacts.c.handle, contacts.c.direction, contacts.c.state)),
                    (feedback, (feedback.c.handle, feedback.c.direction, feedback.c.status)),
                    (reviews_table, (reviews_table.c.number, reviews_table.c.status)),
                )
            }
            following = outbox.c.kind.in_(("FEEDBACK", "CONTACT"))
            said = select(func.count()).select_from(outbox).where(outbox.c.round_id == here, following)
            return rows | {"said": connection.execute(said).scalar_one()}

    def blames(self) -> list[str]:
        """Codes under which the shelter's log names the police."""
        peer, found = self.police.parts.identity.member_id, []
        entries: list[dict[str, Any]] = []
        while shown := self.shelter.ask("audit.show", first=len(entries), limit=1000)["entries"]:
            entries += shown
        found = [e["facts"] for e in entries if e["event"] == "peer-blamed" and e["facts"].get("peer") == peer]
        return [facts["code"] for facts in found]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with two(tmp_path_factory.mktemp("followers")) as (shelter, police):
            yield Pair(shelter, police)


def gift(*handles: str, **changes: Any) -> bytes:
    fields = {name: value for name, value in (FIELDS | changes).items() if value is not None}
    return write_gifts(CARD, dict.fromkeys(handles, fields))[0]


def note(**content: Any) -> bytes:
    return lead_notes.padded(content)


# What no honest node says, after the end of a round. {w}: the withheld lead's handle, {r}: a released lead's.
SAID: dict[str, tuple[EnvelopeKind, Callable[[str, str], bytes], type[PeerError]]] = {
    "an offer for a withheld lead": (CONTACT, lambda w, r: write_offer([w])[0], UnexpectedMessage),
    "an offer for nobody": (CONTACT, lambda w, r: write_offer([NOBODYS])[0], UnexpectedMessage),
    "an offer, one of two withheld": (CONTACT, lambda w, r: write_offer([w, r])[0], UnexpectedMessage),
    "a card that nobody asked for": (CONTACT, lambda w, r: gift(r), UnexpectedMessage),
    "a card for a withheld lead": (CONTACT, lambda w, r: gift(w), UnexpectedMessage),
    "a card for nobody": (CONTACT, lambda w, r: gift(NOBODYS), UnexpectedMessage),
    "a withdrawal of no offer": (CONTACT, lambda w, r: write_withdrawal([r])[0], UnexpectedMessage),
    "feedback on a withheld lead": (FEEDBACK, lambda w, r: write_feedback(Status.CONFIRMED, [w])[0], UnexpectedMessage),
    "feedback on nobody": (FEEDBACK, lambda w, r: write_feedback(Status.REJECTED, [NOBODYS])[0], UnexpectedMessage),
    "feedback of no known word": (FEEDBACK, lambda w, r: note(handles=[r], status="guilty"), MalformedMessage),
    "feedback with a word more": (
        FEEDBACK,
        lambda w, r: note(handles=[r], status="confirmed", note="Olena K."),
        MalformedMessage,
    ),
    "feedback twice in one note": (FEEDBACK, lambda w, r: note(handles=[r, r], status="confirmed"), MalformedMessage),
    "feedback on nothing": (FEEDBACK, lambda w, r: note(handles=[], status="confirmed"), MalformedMessage),
    "too many handles": (
        FEEDBACK,
        lambda w, r: note(handles=[f"{n:016x}" for n in range(lead_notes.MAX_HANDLES + 1)], status="confirmed"),
        MalformedMessage,
    ),
    "an offer of another kind": (CONTACT, lambda w, r: note(act="demand", handles=[r]), MalformedMessage),
    "a reference in place of a handle": (CONTACT, lambda w, r: note(act="offer", handles=["S-7"]), MalformedMessage),
    "no JSON": (CONTACT, lambda w, r: b"\xff", MalformedMessage),
    "JSON in another form": (
        CONTACT,
        lambda w, r: b'{"handles": ["' + r.encode() + b'"], "act":"offer"}',
        MalformedMessage,
    ),
    "a field that was not agreed": (CONTACT, lambda w, r: gift(r, basis="consent"), MalformedMessage),
    "a field that is missing": (CONTACT, lambda w, r: gift(r, as_of=None), MalformedMessage),
    "free text in a field": (CONTACT, lambda w, r: gift(r, urgent_danger="ask Olena"), MalformedMessage),
    "a card with a control character": (
        CONTACT,
        lambda w, r: write_gifts(replace(CARD, desk="Night\x1b[2J"), {r: FIELDS})[0],
        MalformedMessage,
    ),
    "a card that is too long": (
        CONTACT,
        lambda w, r: write_gifts(replace(CARD, hours="x" * 121), {r: FIELDS})[0],
        MalformedMessage,
    ),
}


@pytest.mark.tm("TM-229")
@pytest.mark.parametrize("what", SAID)
def test_what_no_honest_node_says_changes_nothing_and_is_put_down_to_its_sender(pair: Pair, what: str) -> None:
    kind, made, error = SAID[what]
    before, blames = pair.known(), pair.blames()
    pair.say(kind, made(pair.handle(WITHHELD), pair.handle(RELEASED[0])))
    assert pair.known() == before
    assert pair.blames() == [*blames, error.code]
    assert pair.shelter.state(pair.round_id) == "finished"


def letter(pair: Pair, kind: EnvelopeKind, payload: bytes, sender: str = "") -> Letter:
    """A letter as the inbox gives it, from the police if nobody else is named."""
    return Letter(0, pair.round_id, sender or pair.police.parts.identity.member_id, 9, kind, payload)


class UndoneError(Exception):
    """Takes back what a transaction did."""


def rows_of(tx: Connection) -> int:
    """Contacts and feedback, of all rounds."""
    return sum(int(tx.execute(select(func.count()).select_from(one)).scalar_one()) for one in (contacts, feedback))


def kept(pair: Pair, taker: Any, said: Letter) -> int:
    """How many rows about leads the shelter would have more after this letter; it is taken back."""
    store, rows = pair.shelter.parts.store, 0
    found = pair.shelter.parts.book.get(said.round_id)
    with suppress(UndoneError), store.transaction() as tx:
        before = rows_of(tx)
        taker.take(tx, found, said)
        rows = rows_of(tx) - before
        raise UndoneError
    return rows


def everything(leads: Any, found: Any) -> Any:
    """Twin of `known_to_both`: as if both sides knew all leads."""
    return ((number, lead) for number, _status, lead in leads.numbered(found.round_id))


@pytest.mark.tm("TM-229")
def test_withheld_and_not_there_are_answered_alike(pair: Pair) -> None:
    """Otherwise an offer would be a way to ask whether a record that was not released agrees."""
    said, desk = [], pair.shelter.parts.desk
    found = pair.shelter.parts.book.get(pair.round_id)
    for handle in (pair.handle(WITHHELD), NOBODYS):
        offer = letter(pair, CONTACT, write_offer([handle])[0])
        with pytest.raises(UnexpectedMessage) as refused, pair.shelter.parts.store.transaction() as tx:
            desk.take(tx, found, offer)
        said.append((refused.value.code, refused.value.diagnostics()))
    assert said[0] == said[1]


@pytest.mark.tm("TM-229")
def test_where_withheld_leads_counted_as_known_the_offer_would_be_kept(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twin: the defence is that both sides have to know the lead."""
    monkeypatch.setattr(shared, "known_to_both", everything)
    assert kept(pair, pair.shelter.parts.desk, letter(pair, CONTACT, write_offer([pair.handle(WITHHELD)])[0])) == 1


@pytest.mark.tm("TM-229")
@pytest.mark.parametrize("what", ["offer", "feedback", "card"])
def test_the_same_twice_is_refused(pair: Pair, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    round_id = pair.finished()
    handle = pair.handle(RELEASED[0], round_id=round_id)
    first, second = {
        "offer": ((CONTACT, write_offer([handle])[0]),) * 2,
        "feedback": ((FEEDBACK, write_feedback(Status.REJECTED, [handle])[0]),) * 2,
        "card": ((CONTACT, write_offer([handle])[0]), (CONTACT, gift(handle))),
    }[what]
    pair.say(*first, round_id)
    if what == "card":  # given a first time for our own offer
        number = pair.number(pair.shelter, RELEASED[0], round_id)
        pair.shelter.ask("round.contact", round=round_id, leads=[number], by="ada")
        pair.settle(round_id)
        pair.say(*second, round_id)
    before, blames = pair.known(round_id), pair.blames()
    assert len(before["contacts"] + before["feedback"]) > 0
    pair.say(*second, round_id)
    assert pair.blames() == [*blames, UnexpectedMessage.code]
    assert pair.known(round_id) == before
    # Twin: without the table of what may follow, and without a look at what was said.
    monkeypatch.setattr(contact, "NEXT", dict.fromkeys(contact.NEXT, frozenset(contact.NEXT)))
    monkeypatch.setattr(reviews.Reviews, "said", lambda *_: {})
    pair.say(*second, round_id)
    assert pair.blames() == [*blames, UnexpectedMessage.code]


@pytest.mark.tm("TM-229")
def test_before_the_release_an_offer_ends_the_round_and_nothing_is_released(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = agree(pair.shelter, pair.shelter, pair.police, template="J6")
    go(pair.shelter, round_id)
    wait_for(lambda: pair.shelter.state(round_id) == "deciding")
    offers = [write_offer([pair.handle(reference, round_id=round_id)])[0] for reference in RELEASED]
    with monkeypatch.context() as patch:  # twin: what was not released counts as known, too
        patch.setattr(shared, "known_to_both", everything)
        pair.say(CONTACT, offers[0], round_id)
        assert pair.shelter.state(round_id) == "deciding"
        assert len(pair.known(round_id)["contacts"]) == 1
    pair.say(CONTACT, offers[1], round_id)
    wait_for(lambda: pair.shelter.state(round_id) == "failed")
    assert pair.shelter.ask("round.status", round=round_id)["round"]["blamed"] == "Police"
    assert len(pair.known(round_id)["contacts"]) == 1
    wait_for(lambda: pair.police.state(round_id) == "failed")
    assert pair.police.ask("round.results", round=round_id)["leads"] == []


@pytest.mark.tm("TM-229")
@pytest.mark.parametrize("kind", [CONTACT, FEEDBACK])
def test_after_the_agreement_nothing_is_taken(pair: Pair, monkeypatch: pytest.MonkeyPatch, kind: EnvelopeKind) -> None:
    """It may have been on its way, so nobody is blamed; and nothing is kept."""
    found, handles = pair.shelter.parts.book.get(pair.round_id), [pair.handle(RELEASED[1])]
    payload = write_offer(handles) if kind is CONTACT else write_feedback(Status.DUPLICATE, handles)
    taker: Any = pair.shelter.parts.desk if kind is CONTACT else pair.shelter.parts.reviews
    late = replace(taker, clock=ManualClock(moment(found.manifest.expires_at) + timedelta(seconds=1)))
    with pytest.raises(RefusedByPolicy):
        kept(pair, late, letter(pair, kind, payload[0]))
    for module in (contact, reviews):  # twin: nobody looks at the time
        monkeypatch.setattr(module, "may_be_told", lambda *_: None)
    assert kept(pair, late, letter(pair, kind, payload[0])) == 1


@pytest.mark.tm("TM-229")
def test_somebody_who_knows_none_of_the_round_says_nothing_about_leads(pair: Pair) -> None:
    """The convener of a round may write to its members, but holds no lead."""
    found, other = pair.shelter.parts.book.get(pair.round_id), "a" * 32
    handle = pair.handle(RELEASED[0])
    for taker, kind, payload in (
        (pair.shelter.parts.desk, CONTACT, write_offer([handle])[0]),
        (pair.shelter.parts.reviews, FEEDBACK, write_feedback(Status.CONFIRMED, [handle])[0]),
    ):
        with pytest.raises(UnexpectedMessage), pair.shelter.parts.store.transaction() as tx:
            taker.take(tx, found, letter(pair, kind, payload, other))


@pytest.mark.tm("TM-229")
def test_a_note_that_is_too_long_is_refused_at_the_door(pair: Pair) -> None:
    victim, before = pair.shelter.parts, pair.known()
    for excess, error in ((1, MalformedMessage), (-1, None)):
        envelope = by_hand(
            pair.police.parts,
            round_id=pair.round_id,
            recipient=victim.identity.member_id,
            sequence=MOST_NOTES,  # not its turn: what is not refused is asked to come later
            kind=CONTACT,
            payload=b"x" * (MAX_LONG_NOTE_BYTES + excess),
        )
        if error is None:
            assert victim.engine.accept(envelope) is ReceiptKind.RETRY_LATER
        else:
            with pytest.raises(error):
                victim.engine.accept(envelope)
    assert pair.known() == before


@pytest.mark.tm("TM-229")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_free_text_cannot_travel_in_an_agreed_field(monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    payload = gift(NOBODYS, urgent_danger="ask for Olena at the hotel")
    if sabotaged:
        monkeypatch.setattr(lead_notes, "fits_payload", lambda *_: True)
        assert isinstance(lead_notes.read_contact(payload, tuple(FIELDS)), lead_notes.Gift)
        return
    with pytest.raises(MalformedMessage):
        lead_notes.read_contact(payload, tuple(FIELDS))


@pytest.mark.tm("TM-229")
def test_what_the_other_side_says_of_a_lead_never_changes_what_was_decided_here(pair: Pair) -> None:
    round_id = pair.round_id
    number = pair.number(pair.shelter, RELEASED[0], round_id)
    pair.shelter.ask("lead.review", round=round_id, leads=[number], status="rejected", by="ada")
    pair.say(FEEDBACK, write_feedback(Status.CONFIRMED, [pair.handle(RELEASED[0], round_id=round_id)])[0], round_id)
    (one,) = [one for one in pair.shelter.ask("lead.list", round=round_id)["leads"] if one["number"] == number]
    assert (one["status"], one["theirs"]) == ("rejected", "confirmed")


@pytest.mark.tm("TM-228")
def test_one_side_alone_moves_no_card(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    round_id = pair.finished()
    one, other = (pair.number(pair.shelter, reference, round_id) for reference in RELEASED)
    assert pair.shelter.ask("round.contact", round=round_id, leads=[one], by="ada")["given"] == []
    pair.settle(round_id)
    (theirs,) = [one for one in pair.police.ask("round.cards", round=round_id)["cards"] if one["theirs"] != "none"]
    assert (theirs["theirs"], theirs["desk"], theirs["fields"]) == ("offered", "", {})
    honest = contact.ContactDesk._rows

    def everybody_offers(self: Any, tx: Any, here: str, direction: str) -> Any:
        rows = honest(self, tx, here, "ours")
        return {handle: contact._Row("offered", {}) for handle in rows} if direction == "theirs" else rows

    monkeypatch.setattr(contact.ContactDesk, "_rows", everybody_offers)
    assert pair.shelter.ask("round.contact", round=round_id, leads=[other], by="ada")["given"] == [other]


@pytest.mark.tm("TM-228")
def test_a_record_that_may_not_take_part_any_more_is_not_spoken_about(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its consent went after the release: neither is a new offer made, nor one that stands honoured."""
    round_id, shelter, police = pair.finished(), pair.shelter, pair.police
    ours = [pair.number(shelter, reference, round_id) for reference in RELEASED]
    theirs = [pair.number(police, reference, round_id) for reference in THEIRS[: len(ours)]]
    shelter.ask("round.contact", round=round_id, leads=ours[:1], by="ada")
    pair.settle(round_id)
    with monkeypatch.context() as patch:
        patch.setattr(
            contact, "participation", lambda record, _asked: "no-consent" if record.reference in OURS else None
        )
        with pytest.raises(RefusedByPolicy):
            shelter.ask("round.contact", round=round_id, leads=ours[1:], by="ada")
        police.ask("round.contact", round=round_id, leads=theirs[:1], by="carl")
        pair.settle(round_id)
    # Twin: where the record may take part, or nobody asks, both cards go.
    shelter.ask("round.contact", round=round_id, leads=ours[1:], by="ada")
    police.ask("round.contact", round=round_id, leads=theirs[1:], by="carl")
    pair.settle(round_id)
    cards = {one["number"]: one for one in police.ask("round.cards", round=round_id)["cards"]}
    assert [(cards[number]["theirs"], bool(cards[number]["desk"])) for number in theirs] == [
        ("withdrawn", False),
        ("given", True),
    ]


@pytest.mark.tm("TM-229")
def test_a_node_of_ours_never_says_more_than_the_other_side_takes(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    round_id, number = pair.round_id, pair.number(pair.shelter, RELEASED[1])
    said = pair.known(round_id)["said"]
    monkeypatch.setattr("node.rounds.mailbox.MOST_FOLLOWING", said + 2)
    for turn in range(2):
        pair.shelter.ask("round.contact", round=round_id, leads=[number], by="ada", withdraw=bool(turn))
    before = pair.known(round_id)
    with pytest.raises(NodeError, match="No more can be said"):
        pair.shelter.ask("round.contact", round=round_id, leads=[number], by="ada")
    assert pair.known(round_id) == before
    assert MOST_FOLLOWING < MOST_NOTES


@pytest.mark.tm("TM-233")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_note_that_comes_while_a_round_is_cleared_away_is_read(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool
) -> None:
    """Notes of a round are read first of all, but one may come between the last look and the clearing."""
    engine, found = pair.shelter.parts.engine, pair.shelter.parts.book.get(pair.round_id)
    status = (Status.DISPUTED, Status.DUPLICATE)[sabotaged]
    with monkeypatch.context() as patch:
        patch.setattr(type(engine), "_read_next", lambda *_: False)  # the last look is over
        if sabotaged:
            patch.setattr(type(engine.inbox), "drop_protocol", type(engine.inbox).drop_round)
        with pair.police.parts.store.transaction() as tx:
            note = write_feedback(status, [pair.handle(RELEASED[1])])[0]
            recipient = pair.shelter.parts.identity.member_id
            pair.police.parts.outbox.put(tx, round_id=pair.round_id, recipient=recipient, kind=FEEDBACK, payload=note)
        pair.police.parts.wake(pair.round_id)
        wait_for(lambda: not pair.police.parts.outbox.recipients(pair.round_id))
        engine._clear(found)
    pair.settle(pair.round_id)
    heard = pair.shelter.parts.reviews.said(pair.round_id, "received")
    assert (heard.get(pair.handle(RELEASED[1])) is status) is not sabotaged


@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_frozen_member_gets_no_card(pair: Pair, monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool) -> None:
    """Our offer stood when the member met decoys: what it says then brings it nothing, and our people offer nothing."""
    round_id, shelter, police = pair.finished(), pair.shelter, pair.police
    one, other = (pair.number(shelter, reference, round_id) for reference in RELEASED)
    shelter.ask("lead.review", round=round_id, leads=[one], status="confirmed", by="ada")
    shelter.ask("round.contact", round=round_id, leads=[one], by="ada")
    pair.settle(round_id)
    peer = police.parts.identity.member_id

    def frozen(book: FreezeBook, _tx: Any = None) -> frozenset[str]:
        return frozenset({peer}) if book is shelter.parts.freezes and not sabotaged else frozenset()

    with monkeypatch.context() as patch:
        patch.setattr(FreezeBook, "frozen", frozen)
        police.ask("round.contact", round=round_id, leads=[pair.number(police, THEIRS[0], round_id)], by="carl")
        pair.settle(round_id)
        given = [card for card in police.ask("round.cards", round=round_id)["cards"] if card["desk"]]
        assert len(given) == int(sabotaged)
        if not sabotaged:
            for operation, asked in (("round.contact", other), ("lead.feedback", one)):
                with pytest.raises(RefusedByPolicy, match="frozen"):
                    shelter.ask(operation, round=round_id, leads=[asked], by="ada")


def asked_of(pair: Pair) -> tuple[Letter, list[Note]]:
    """A rightly signed question about the shelter's log, and what it would answer."""
    parts = pair.shelter.parts
    with parts.store.transaction() as tx:
        here = parts.audit.checkpoint(tx)
    return letter(pair, EnvelopeKind.WITNESS, Ask("open", here, (here,), ()).to_bytes()), []


@pytest.mark.parametrize("sabotaged", [False, True])
def test_a_flood_of_questions_about_our_log_is_not_computed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, sabotaged: bool
) -> None:
    """An answer is made of the whole log, so what will not be answered is not looked at."""
    parts, (question, said) = pair.shelter.parts, asked_of(pair)
    witnessing, found = parts.engine.witnessing, parts.book.get(pair.round_id)
    built: list[int] = []
    honest = AuditLog.tree

    def counted(log: AuditLog, connection: Connection) -> Any:
        built.append(1)
        return honest(log, connection)

    monkeypatch.setattr(AuditLog, "tree", counted)
    monkeypatch.setattr(type(witnessing), "_put", lambda _self, _tx, _found, note: said.append(note))
    monkeypatch.setattr("node.rounds.witnessing.MOST_WITNESS_NOTES", 1000)
    with parts.store.transaction() as tx:
        witnessing.take(tx, found, question)
    assert (len(built), len(said)) == (1, 1)
    monkeypatch.setattr("node.rounds.witnessing.MOST_WITNESS_NOTES", 1000 if sabotaged else 0)
    with parts.store.transaction() as tx:
        witnessing.take(tx, found, question)
    assert len(built) == (2 if sabotaged else 1)


@pytest.mark.parametrize(("state", "taken"), [("proposed", False), ("failed", False), ("agreed", True)])
def test_no_log_is_shown_or_signed_in_a_round_that_was_never_agreed(pair: Pair, state: str, *, taken: bool) -> None:
    parts, (question, _) = pair.shelter.parts, asked_of(pair)
    found = replace(parts.book.get(pair.round_id), state=RoundState(state), started=False)
    with suppress(UndoneError), parts.store.transaction() as tx:
        if taken:
            parts.engine.witnessing.take(tx, found, question)
            raise UndoneError
        with pytest.raises(RefusedByPolicy):
            parts.engine.witnessing.take(tx, found, question)
