"""The book of members: whose cards we hold, and which of them we trust.

    (nothing) --add--> pending --confirm--> confirmed
        pending, confirmed --remove--> removed --add--> pending

Only a **confirmed** member is pinned: may call us, and is called by us. A card becomes a pin only when a second local
person confirms it by typing the check words that the other organisation read out (node.identity.words).

A confirmed card is replaced in place only by a newer one that the same identity key signed and that says the same name,
class and country, when a second person accepts it (node.identity.renewal). Anybody else with a new card is removed
first, added, and confirmed again: that costs a phone call, and there is no moment at which one person alone, or two
cards at once, decide what is trusted. Removal needs one person only, because it is the safe direction, and holds from
the next call on. A removed member stays in the book, so that a call in its name can be refused *by name*.

What is trusted is read from the store at every question; there is no cached copy that a removal could miss. The pin
is taken from the sealed card, not from the column beside it, which only finds the row. The state, the alias and who
decided are sealed with the card too: whoever can write the database, but has no key, confirms nobody. He can put back
an older copy of a whole row, and that is not noticed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, or_, select

from node.clock import Clock, timestamp
from node.errors import NotAllowed, NotFound, StateDamaged, UserError
from node.identity.admission import already_confirmed, check_card, check_room, choose_alias, staff_label
from node.identity.cards import Card, MemberClass, SignedCard, parse_card
from node.identity.keys import Identity
from node.identity.reach import Reach, Way, usual_reach
from node.identity.words import check_words, words_agree
from node.store import Store
from node.store.schema import members
from node.wire.strict_json import canonical
from node.wording import meant

__all__ = ["AuditTrail", "Member", "MemberBook", "MemberState"]

_CARDS_KEPT = 256
"""Checked cards kept in memory, in number, some 5 KiB each."""

# Made once: every call of a peer and every message to one asks for its member.
_BY_KEY = select(members).where(members.c.tls_key_hash == bindparam("key_hash"))
_NAMED = select(members).where(or_(members.c.alias == bindparam("name"), members.c.member_id == bindparam("name")))
_BY_ID = select(members).where(members.c.member_id == bindparam("id"))


class AuditTrail(Protocol):
    """What the book needs of node.audit, which stands above it."""

    def append(self, tx: Connection, event: str, **facts: str | int | bool) -> int: ...


class MemberState(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """One member as we know it. `alias`: our own short name for it; `added_by`, `confirmed_by`: local people;
    `chosen_reach`: how we reach it, if somebody here has set that; `children`: it may take part in rounds about
    children, as two people here decided."""

    alias: str
    state: MemberState
    signed_card: SignedCard = field(repr=False)
    added_by: str
    confirmed_by: str | None
    added_at: str
    confirmed_at: str | None
    chosen_reach: Reach | None = None
    children: bool = False

    @property
    def reach(self) -> Reach:
        """How things get to this member: as set here, else as its card says."""
        return self.chosen_reach or usual_reach(self.card)

    @property
    def is_relay(self) -> bool:
        return self.card.member_class is MemberClass.RELAY

    @property
    def card(self) -> Card:
        return self.signed_card.card

    @property
    def member_id(self) -> str:
        return self.card.member_id

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def member_class(self) -> MemberClass:
        return self.card.member_class

    @property
    def identity_key(self) -> bytes:
        """The public Ed25519 key, 32 bytes."""
        return bytes.fromhex(self.card.identity_key)

    @property
    def tls_key_hash(self) -> bytes:
        """The pin: SHA-256 of the public TLS key, 32 bytes."""
        return self.card.certificate.key_hash


class MemberBook:
    """All members of one node. Safe for several threads; every change is one transaction with its audit entry."""

    def __init__(self, store: Store, audit: AuditTrail, identity: Identity, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._identity = identity
        self._clock = clock
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of who is confirmed: trust roots and open channels hang on it."""
        self._watchers.append(watcher)

    def add(self, card_file: bytes, by: str, alias: str | None = None) -> Member:
        """Take in a card as pending. `by` names the local person; without `alias` one is made from the name.

        Raises UserError for a damaged, expired, own or already confirmed card and for an alias in use.
        """
        signed = parse_card(card_file)
        card = signed.card
        person = staff_label(by)
        now = self._clock.now()
        check_card(card, self._identity, now)
        with self._store.transaction() as tx:
            known = self._find(tx, members.c.member_id == card.member_id)
            if known is not None and known.state is MemberState.CONFIRMED:
                raise already_confirmed(known.alias, known.card, card)
            check_room(tx, card)
            chosen = choose_alias(tx, card, alias or (known.alias if known else None))
            values = {
                "alias": chosen,
                "member_class": card.member_class.value,
                "country": card.country,
                "card_digest": card.digest,
                "tls_key_hash": card.certificate.key_hash,
                "state": MemberState.PENDING.value,
                "added_by": person,
                "confirmed_by": None,
                "added_at": timestamp(now),
                "confirmed_at": None,
                "reach": None if known is None else _row_text(known.chosen_reach),
                "children": None,  # another card is another decision
            }
            values["card"] = self._sealed(signed, values)
            if known is None:
                tx.execute(members.insert().values(member_id=card.member_id, **values))
            else:
                tx.execute(members.update().where(members.c.member_id == card.member_id).values(**values))
            self._audit.append(tx, "member-added", member=card.member_id, card_digest=card.digest.hex(), by=person)
        return self.get(card.member_id)

    def check_words(self, name: str) -> tuple[str, ...]:
        """The words that we and this member should both see, for our own and their card."""
        return check_words(self._identity.signed_card.card.digest, self.get(name).card.digest)

    def confirm(self, name: str, words: str, by: str) -> Member:
        """Trust a pending member: `words` as heard from the other side, `by` another person than the one who added.

        Raises UserError when the member is not pending or the words differ, NotAllowed for the same person.
        """
        person = staff_label(by)
        member = self.get(name)
        if member.state is not MemberState.PENDING:
            raise UserError(f"{member.alias} is not waiting for confirmation: it is {member.state.value}.")
        if person.casefold() == member.added_by.casefold():
            raise NotAllowed(
                f"{member.added_by} added this card, so somebody else has to confirm it.",
                advice="Ask a colleague to compare the words with the other organisation.",
            )
        if not words_agree(self.check_words(member.member_id), words):
            raise UserError(
                f"These are not the words for {member.alias}: do not trust this card.",
                advice="Ring a person you know there and let them read their words again. If the words still differ, "
                "somebody may have changed a card on its way: ask for it over another channel.",
            )
        now = timestamp(self._clock.now())
        still_this_card = (
            (members.c.member_id == member.member_id)
            & (members.c.card_digest == member.card.digest)
            & (members.c.state == MemberState.PENDING.value)
            & (members.c.added_by == member.added_by)
        )
        with self._store.transaction() as tx:
            changed = {"state": MemberState.CONFIRMED.value, "confirmed_by": person, "confirmed_at": now}
            if self._change(tx, still_this_card, changed) != 1:
                raise UserError(f"The card of {member.alias} was changed in the meantime.", advice="Begin again.")
            digest = member.card.digest.hex()
            self._audit.append(tx, "member-confirmed", member=member.member_id, card_digest=digest, by=person)
        self.tell_watchers()
        return self.get(member.member_id)

    def remove(self, name: str, by: str) -> Member:
        """Stop trusting a member, from its next call on. Raises NotFound, or UserError if it is removed already."""
        person = staff_label(by)
        with self._store.transaction() as tx:
            member = self._named(tx, name)
            if member.state is MemberState.REMOVED:
                raise UserError(f"{member.alias} is removed already.")
            self._change(tx, members.c.member_id == member.member_id, {"state": MemberState.REMOVED.value})
            self._audit.append(tx, "member-removed", member=member.member_id, by=person)
        self.tell_watchers()
        return self.get(member.member_id)

    def set_reach(self, name: str, reach: Reach | None, by: str) -> Member:
        """Say how a member is reached from now on; None: as its card says. One person is enough: whichever way an
        envelope takes, only its recipient can read it. Raises NotFound, or UserError for a relay that is none."""
        person = staff_label(by)
        with self._store.transaction() as tx:
            member = self._named(tx, name)
            if reach is not None and reach.way is Way.DIRECT and member.card.dials_out_only:
                raise UserError(
                    f"The card of {member.alias} has no address, so it cannot be called.",
                    advice="It calls this node instead (collects), or is reached through a relay or by file.",
                )
            if member.is_relay:
                raise UserError(f"{member.alias} is a relay: nothing is for it, so it needs no way of its own.")
            if reach is not None and reach.way is Way.RELAY:
                relay = self._find(tx, members.c.member_id == reach.relay)
                if relay is None or not relay.is_relay or relay.state is not MemberState.CONFIRMED:
                    raise UserError(
                        "No confirmed relay of that name is in the member book.",
                        advice="Add and confirm the card of the relay as you do with a member's.",
                    )
            self._change(tx, members.c.member_id == member.member_id, {"reach": _row_text(reach)})
            way = (reach or usual_reach(member.card)).way
            self._audit.append(tx, "member-reach-set", member=member.member_id, mode=way.value, by=person)
        self.tell_watchers()
        return self.get(member.member_id)

    def set_children(
        self, tx: Connection, member_id: str, card_digest: bytes, *, allowed: bool, by: str, second: str
    ) -> None:
        """Note that a member may, or may not any more, take part in rounds about children: decided by `by`, approved by
        `second` (for a "no" the same person). UserError if its card is another one by now, or it is not confirmed."""
        member = self._named(tx, member_id)
        if member.state is not MemberState.CONFIRMED or member.card.digest != card_digest:
            raise UserError(
                f"{member.alias} is not confirmed, or has another card since this was asked for.",
                advice="Ask for it again: `blindmatch member children ALIAS --by NAME`.",
            )
        self._change(tx, members.c.member_id == member.member_id, {"children": allowed or None})
        people = {"by": by} if second == by else {"by": by, "second": second}
        self._audit.append(tx, "member-children-set", member=member.member_id, ok=allowed, **people)

    def list(self) -> tuple[Member, ...]:
        """Every member, in order of alias."""
        with self._store.read() as tx:
            rows = tx.execute(select(members).order_by(members.c.alias)).mappings().all()
            return tuple(self._member(row) for row in rows)

    def roots(self) -> tuple[bytes, ...]:
        """The certificates of all confirmed members, in PEM: who may connect to us."""
        return tuple(
            one.card.certificate.pem for one in self.list() if one.state is MemberState.CONFIRMED and not one.is_relay
        )

    def get(self, name: str) -> Member:
        """The member with this alias or member id, in whatever state. Raises NotFound."""
        with self._store.read() as tx:
            return self._named(tx, name)

    def holder(self, tls_key_hash: bytes) -> Member | None:
        """Whose TLS key this is (32-byte hash), in whatever state: to name a caller that is refused."""
        with self._store.read() as tx:
            row = tx.execute(_BY_KEY, {"key_hash": tls_key_hash}).mappings().first()
            member = None if row is None else self._member(row)
        return member if member is not None and member.tls_key_hash == tls_key_hash else None

    def confirmed(self, member_id: str) -> Member | None:
        """The member with this id if it is confirmed."""
        with self._store.read() as tx:
            row = tx.execute(_BY_ID, {"id": member_id}).mappings().first()
            member = None if row is None else self._member(row)
        return member if member is not None and member.state is MemberState.CONFIRMED else None

    def _named(self, tx: Connection, name: str) -> Member:
        row = tx.execute(_NAMED, {"name": name}).mappings().first()
        member = None if row is None else self._member(row)
        if member is None:
            guess = meant(name, tx.execute(select(members.c.alias)).scalars())
            raise NotFound(
                "No member of that name is in the book.", advice=f"{guess}`blindmatch member list` shows who is."
            )
        return member

    def _find(self, tx: Connection, condition: ColumnElement[bool]) -> Member | None:
        row = tx.execute(select(members).where(condition)).mappings().first()
        return None if row is None else self._member(row)

    def _change(self, tx: Connection, which: ColumnElement[bool], changed: Mapping[str, str | bool | None]) -> int:
        """Change columns of the row, and seal them anew; how many rows that were."""
        row = tx.execute(select(members).where(which)).mappings().first()
        if row is None:
            return 0
        card = self._sealed(self._member(row).signed_card, {**row, **changed})
        return tx.execute(members.update().where(which).values(**changed, card=card)).rowcount

    def _sealed(self, signed: SignedCard, columns: Mapping[str, Any]) -> bytes:
        plain = _standing(columns) + b"\n" + signed.to_bytes()
        return self._store.cells.seal("members", signed.card.member_id, "card", plain)

    def _member(self, row: RowMapping) -> Member:
        plain = self._store.cells.unseal("members", row["member_id"], "card", row["card"])
        standing, _, card = plain.partition(b"\n")
        if standing != _standing(dict(row)):
            raise StateDamaged(
                "An entry of the member book was changed outside the program.",
                advice="Find out who can write to the folder, and restore it from a backup.",
            )
        signed = _parsed(card)
        member = Member(
            row["alias"],
            MemberState(row["state"]),
            signed,
            row["added_by"],
            row["confirmed_by"],
            row["added_at"],
            row["confirmed_at"],
            None if row["reach"] is None else Reach.parse(row["reach"]),
            bool(row["children"]),
        )
        if member.member_id != row["member_id"] or signed.card.digest != row["card_digest"]:
            raise StateDamaged(
                "An entry of the member book does not fit its card.", advice="Restore the folder from a backup."
            )
        return member

    def exchange_card(self, tx: Connection, member_id: str, signed: SignedCard) -> None:
        """Put a newer card of the same identity into a member's row. What it must say, and who must agree, is checked
        before (node.identity.renewal); call `tell_watchers` after the transaction."""
        which = members.c.member_id == member_id
        row = tx.execute(select(members).where(which)).mappings().one()
        changed = {
            "card_digest": signed.card.digest,
            "tls_key_hash": signed.card.certificate.key_hash,
            "card": self._sealed(signed, dict(row)),
        }
        tx.execute(members.update().where(which).values(**changed))

    def tell_watchers(self) -> None:
        """Who is confirmed, or with which key, has changed."""
        for watcher in self._watchers:
            watcher()


@lru_cache(maxsize=_CARDS_KEPT)
def _parsed(card: bytes) -> SignedCard:
    """A card that was checked when it was added, checked again: once, since every call of its member asks for it."""
    return parse_card(card)


def _standing(columns: Mapping[str, Any]) -> bytes:
    """What is sealed in front of the card: one line of JSON."""
    names = ["alias", "state", "added_by", "confirmed_by", "added_at", "confirmed_at"]
    if columns["reach"] is not None:  # rows that were sealed before there was a choice have six values, and stay so
        names.append("reach")
    marks = [{"children": True}] if columns["children"] else []
    return canonical([*(columns[name] for name in names), *marks])


def _row_text(reach: Reach | None) -> str | None:
    return None if reach is None else str(reach)
