"""Contact cards: two caseworkers find each other, about one record that agrees, because both asked for it.

    here                                     there
    a person offers, for a lead     offer -->
                                <-- offer    a person offers, for the lead with the same match handle
                                <-- give     card and agreed fields, at once
    card and agreed fields          give -->

Only where the agreement provides for it, only for leads that both sides know (`shared`), and only when a person on
either side has said so. Until then neither learns more than that the other would speak to it. An offer stands for
the card of a desk (`[contact]` of the settings), and for the fields of the closed list that the agreement names, read
from our own data set at the moment of giving: a record that may no longer take part in the round (withdrawn, expired,
withheld, erased) is not spoken about, and its offer is taken back instead. To a frozen member nothing is offered or
given; what both offered meanwhile goes with the next offer after two people here have lifted the freeze.

One table says what may follow on what, for what we say and for what the other side says alike:

    none      offer               withdraw                give
    offered   withdraw, give      withdrawn               offer
    given     nothing: a card cannot be called back

An offer that crosses its own withdrawal brings a card that nobody waits for any more: it is dropped, and nobody is
blamed. Cards and fields are sealed for the other side in their envelope and lie sealed in the database.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, select

from node.agreement.ladder import NO_DAY
from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.config import ContactSection
from node.datasets.records import PreparedRecord, marks
from node.errors import Busy, NodeError, RefusedByPolicy, UserError
from node.rounds.book import Round
from node.rounds.lead_notes import ContactCard, Gift, read_contact, write_gifts, write_offer, write_withdrawal
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Letter, Outbox
from node.rounds.negotiation import Negotiation
from node.rounds.participation import Asked, participation
from node.rounds.parties import peer_of, require_member
from node.rounds.results import Lead
from node.rounds.shared import chosen_leads, expect_known, handles_of, known_to_both, may_be_told, may_tell
from node.store import Store
from node.store.schema import contacts
from node.wire.envelope import EnvelopeKind
from psi.errors import UnexpectedMessage

__all__ = ["GIVEN", "NONE", "ContactDesk", "Exchange"]

NONE, OFFERED, GIVEN, WITHDRAWN = "none", "offered", "given", "withdrawn"

NEXT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        NONE: frozenset({OFFERED}),
        OFFERED: frozenset({GIVEN, WITHDRAWN}),
        WITHDRAWN: frozenset({OFFERED}),
        GIVEN: frozenset(),
    }
)
"""What may follow, for one match handle and one side."""


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """How a lead that both sides know stands: `ours` and `theirs` are the states furthest on over its handles; card and
    fields once the other side has given them."""

    number: int
    handle: str
    ours: str
    theirs: str
    card: ContactCard | None
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class _Row:
    state: str
    body: dict[str, Any]


@dataclass
class ContactDesk:
    """Offers, gives and keeps contact cards; takes CONTACT notes (`hearing.Further`). `section`: our own card;
    `wake(round_id)` sends what was stored."""

    store: Store
    audit: AuditLog
    clock: Clock
    leads: LeadBook
    outbox: Outbox
    negotiation: Negotiation
    section: ContactSection

    def offer(self, found: Round, numbers: Sequence[int], *, by: str) -> int:
        """A person offers our card for these leads and asks for the other side's; how many leads those are.

        UserError or RefusedByPolicy, and nothing is sent: the agreement or the moment does not allow it, both sides do
        not know the lead, it was offered already, its record may not take part any more, or this node has no card.
        """
        self._provided_for(found)
        may_tell(found, self.clock.now())
        require_member(self.negotiation.members, peer_of(found))
        self.negotiation.expect_not_frozen(found)
        ContactCard.of(self.section)
        chosen = chosen_leads(self.leads, found, numbers)
        barred = sorted(chosen.keys() - self._records(found, chosen).keys())
        if barred:
            raise RefusedByPolicy(
                f"The record of lead {barred[0]} may not take part in this round any more, so it is not spoken about.",
                advice="Nothing was sent. `blindmatch round coverage` counts why records stay out.",
            )
        with self.store.transaction() as tx:
            rows = self._rows(tx, found.round_id, "ours")
            fresh: dict[str, int] = {}
            for number, lead in chosen.items():
                new = [handle for handle in handles_of(lead) if OFFERED in NEXT[_state(rows, handle)]]
                if not new:
                    raise UserError(f"A card was offered for lead {number} already. Nothing was sent.")
                for handle in new:
                    fresh.setdefault(handle, number)
            self._note(tx, "contact-offered", found, direction="ours", records=len(chosen), by=by)
            for handle, number in fresh.items():
                self._save(tx, found.round_id, handle, "ours", OFFERED, {"lead": number})
            self._send(tx, found, write_offer(list(fresh)))
            self._give(tx, found)
        return len(chosen)

    def withdraw(self, found: Round, numbers: Sequence[int], *, by: str) -> int:
        """Take offers back; how many leads. UserError for one that stands on no offer: not made, or given already."""
        self._provided_for(found)
        may_tell(found, self.clock.now())
        with self.store.transaction() as tx:
            rows = self._rows(tx, found.round_id, "ours")
            of_lead = {handle: row.body.get("lead") for handle, row in rows.items() if row.state == OFFERED}
            for number in (wanted := set(numbers)):
                if number not in of_lead.values():
                    given = any(row.state == GIVEN and row.body.get("lead") == number for row in rows.values())
                    raise UserError(
                        f"The card for lead {number} was given, and cannot be called back."
                        if given
                        else f"No card is on offer for lead {number}.",
                        advice="Nothing was changed. `blindmatch round cards` shows how each lead stands.",
                    )
            self._take_back(tx, found, [handle for handle, lead in of_lead.items() if lead in wanted], by=by)
        return len(wanted)

    def take(self, tx: Connection, found: Round, letter: Letter) -> None:
        """What the other side says. PeerError for what no honest node says; nothing is kept of that."""
        if not found.manifest.contact_card:
            raise UnexpectedMessage("The other side spoke of contact cards, which the agreement does not provide for.")
        may_be_told(found, letter, self.clock.now())
        note = read_contact(letter.payload, found.manifest.payload)
        if isinstance(note, Gift):
            self._take_gift(tx, found, note)
            return
        about = expect_known(self.leads, found, frozenset(note.handles))
        rows, state = self._rows(tx, found.round_id, "theirs"), WITHDRAWN if note.withdraws else OFFERED
        for handle in note.handles:
            if state not in NEXT[_state(rows, handle)]:
                raise UnexpectedMessage("The other side offered a contact card twice, or took back what was no offer.")
        event = "contact-withdrawn" if note.withdraws else "contact-offered"
        self._note(tx, event, found, direction="theirs", records=about)
        for handle in note.handles:
            self._save(tx, found.round_id, handle, "theirs", state, None)
        if not note.withdraws:
            self._give(tx, found)

    def exchanges(self, found: Round) -> list[Exchange]:
        """How every lead that both sides know stands, in order of number."""
        with self.store.read() as connection:
            ours = self._rows(connection, found.round_id, "ours")
            theirs = self._rows(connection, found.round_id, "theirs")
        made = []
        for number, lead in known_to_both(self.leads, found):
            handles = handles_of(lead)
            given = [theirs[handle].body for handle in handles if handle in theirs and theirs[handle].body]
            body = given[0] if given else None
            made.append(
                Exchange(
                    number,
                    handles[0],
                    _furthest(ours, handles),
                    _furthest(theirs, handles),
                    None if body is None else ContactCard(**body["card"]),
                    {} if body is None else body["fields"],
                )
            )
        return made

    # Giving.

    def _give(self, tx: Connection, found: Round) -> None:
        """Give our card wherever both have offered, once for each lead, under the smallest handle that both offered.

        Reads the data set once. What may not be spoken about any more is taken back instead.
        """
        if peer_of(found) in self.negotiation.freezes.frozen(tx):
            return
        ours, theirs = self._rows(tx, found.round_id, "ours"), self._rows(tx, found.round_id, "theirs")
        ready: dict[int, list[str]] = {}
        for handle in sorted(ours):
            if ours[handle].state == OFFERED and _state(theirs, handle) in (OFFERED, GIVEN):
                ready.setdefault(ours[handle].body["lead"], []).append(handle)
        if not ready:
            return
        known = {number: lead for number, lead in known_to_both(self.leads, found) if number in ready}
        try:
            card = ContactCard.of(self.section)
            records = self._records(found, known)
        except Busy:
            raise
        except NodeError:  # no card or no data set any more: nothing can be given
            card, records = None, {}
        matches: dict[str, dict[str, str]] = {}
        back: list[str] = []
        for number, handles in ready.items():
            record = records.get(number)
            if record is None or card is None:
                back += handles
                continue
            matches[handles[0]] = self._fields(found, record)
            for handle in handles:
                self._save(tx, found.round_id, handle, "ours", GIVEN, {"lead": number})
        if back:
            self._take_back(tx, found, back)
        if matches and card is not None:
            self._note(tx, "contact-given", found, records=len(matches))
            self._send(tx, found, write_gifts(card, matches))

    def _take_gift(self, tx: Connection, found: Round, gift: Gift) -> None:
        expect_known(self.leads, found, gift.matches.keys())
        ours, theirs = self._rows(tx, found.round_id, "ours"), self._rows(tx, found.round_id, "theirs")
        for handle in gift.matches:
            if _state(ours, handle) == NONE or GIVEN not in NEXT[_state(theirs, handle)]:
                raise UnexpectedMessage("The other side gave a contact card that was not asked for, or gave it twice.")
        wanted = {handle for handle in gift.matches if _state(ours, handle) != WITHDRAWN}
        self._note(tx, "contact-received", found, records=len(wanted))
        for handle, fields in gift.matches.items():
            body = {"card": gift.card.parts(), "fields": dict(fields)} if handle in wanted else None
            self._save(tx, found.round_id, handle, "theirs", GIVEN, body)

    def _take_back(self, tx: Connection, found: Round, handles: Sequence[str], *, by: str | None = None) -> None:
        """`by`: who decided it; None: the rules did."""
        rows = self._rows(tx, found.round_id, "ours")
        leads = {rows[handle].body["lead"] for handle in handles}
        facts = {"reason": "may-not-take-part"} if by is None else {"by": by}
        self._note(tx, "contact-withdrawn", found, direction="ours", records=len(leads), **facts)
        for handle in handles:
            self._save(tx, found.round_id, handle, "ours", WITHDRAWN, rows[handle].body)
        self._send(tx, found, write_withdrawal(handles))

    def _records(self, found: Round, leads: Mapping[int, Lead]) -> dict[int, PreparedRecord]:
        """Lead number -> the first record of ours that it is about and that may take part in the round today.

        Where several records carry one reference (a mother and a child), it is the one about the person of the lead.
        """
        me, today = self.negotiation.identity.member_id, self.clock.now().date()
        asked = Asked.of(found.manifest, me, today, self.negotiation.excluded(found))
        carrying: dict[str, list[PreparedRecord]] = {lead.reference: [] for lead in leads.values()}
        for record in self.negotiation.records(found):
            if record.reference in carrying:
                carrying[record.reference].append(record)
        allowed: dict[int, PreparedRecord] = {}
        for number, lead in leads.items():
            records = carrying[lead.reference]
            if len(records) > 1:
                persons = [person for _, person in marks(record.to_line() for record in records)]
                records = [one for one, person in zip(records, persons, strict=True) if person == lead.person]
            taking_part = [record for record in records if participation(record, asked) is None]
            if taking_part:
                allowed[number] = taking_part[0]
        return allowed

    def _fields(self, found: Round, record: PreparedRecord) -> dict[str, str]:
        """The agreed fields of one of our records; nothing else of it."""
        assert found.dataset_id is not None  # its record was just read
        dataset, until = self.negotiation.datasets.by_id(found.dataset_id), record.consent.until
        readers: dict[str, Callable[[], str]] = {
            "as_of": lambda: (dataset.refreshed_at or dataset.created_at)[:10],
            "basis": lambda: dataset.basis,
            "consent_until": lambda: NO_DAY if until is None else until.isoformat(),
            "record_class": lambda: dataset.record_class,
            "urgent_danger": lambda: "yes" if record.consent.urgent else "no",
        }
        return {field: readers[field]() for field in found.manifest.payload}

    @staticmethod
    def _provided_for(found: Round) -> None:
        if not found.manifest.contact_card:
            raise UserError(
                "The agreement of this round provides for no contact cards.",
                advice="Propose a round with contact_card=true, for example with template J4 or J6.",
            )

    # Rows.

    def _rows(self, tx: Connection, round_id: str, direction: str) -> dict[str, _Row]:
        query = select(contacts).where(contacts.c.round_id == round_id, contacts.c.direction == direction)
        found = {}
        for row in tx.execute(query):
            name = f"{round_id}/{row.handle}/{direction}"
            plain = self.store.cells.unseal("contacts", name, "body", row.body) if row.body else b"{}"
            found[row.handle] = _Row(row.state, json.loads(plain))
        return found

    def _save(
        self, tx: Connection, round_id: str, handle: str, direction: str, state: str, body: dict[str, Any] | None
    ) -> None:
        sealed = None
        if body is not None:
            plain = json.dumps(body, ensure_ascii=False).encode()
            sealed = self.store.cells.seal("contacts", f"{round_id}/{handle}/{direction}", "body", plain)
        values = {"state": state, "body": sealed, "at": timestamp(self.clock.now())}
        here = (contacts.c.round_id == round_id, contacts.c.handle == handle, contacts.c.direction == direction)
        if not tx.execute(contacts.update().where(*here).values(values)).rowcount:
            tx.execute(contacts.insert().values(round_id=round_id, handle=handle, direction=direction, **values))

    def _send(self, tx: Connection, found: Round, payloads: Sequence[bytes]) -> None:
        self.outbox.put_following(
            tx,
            round_id=found.round_id,
            recipient=peer_of(found),
            kind=EnvelopeKind.CONTACT,
            payloads=payloads,
        )

    def _note(self, tx: Connection, event: str, found: Round, **facts: str | int) -> None:
        self.audit.append(tx, event, round_id=found.round_id, peer=peer_of(found), **facts)


def _state(rows: Mapping[str, _Row], handle: str) -> str:
    return rows[handle].state if handle in rows else NONE


def _furthest(rows: Mapping[str, _Row], handles: Sequence[str]) -> str:
    """Of the states that a lead's handles are in: the one that says most."""
    found = {_state(rows, handle) for handle in handles}
    return next(state for state in (GIVEN, OFFERED, WITHDRAWN, NONE) if state in found)
