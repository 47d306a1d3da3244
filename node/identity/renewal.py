"""A new certificate and sealing key under the same identity key: our own card renewed, and the newer card of a member.

    renew    our node, stopped     new TLS key, certificate and sealing key; the same identity; a newer card
    offer    a member's newer card is taken in, and waits; the one that we hold stays in force
    accept   a second person lets it take the place of the old one

The check words tie a card to an organisation, and what they tie is the identity key. A card that this very key signed,
that says the same about name, class and country and is newer than ours, needs no new words. Anything else, another name
or class above all, is a card like any other: remove the member, add it, compare the words (`MemberBook`). One person
alone changes no pin here either.

Peers learn of a renewed card by the file, as they did of the first one. Until they have taken it in they do not know
our new TLS key, and calls fail both ways; rounds wait and go on then. The sealing key before is kept: what peers
sealed for the older card is still opened. Not promised: safety against whoever has an old copy of the identity key;
that key is never renewed, a new one is a new member.
"""

import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection, delete, insert, select, update

from node.clock import Clock
from node.errors import NotAllowed, NotFound, UserError
from node.identity.admission import check_card, check_room, staff_label
from node.identity.cards import Card, Profile, SignedCard, issue_card, parse_card
from node.identity.certificates import new_certificate, new_tls_key
from node.identity.keys import CARD, PREVIOUS_SEALING_KEY, SEALING_KEY, TLS_KEY, Identity
from node.identity.members import AuditTrail, Member, MemberBook, MemberState
from node.ids import RandomBytes
from node.store import Store
from node.store.schema import settings

__all__ = ["Offered", "Renewals", "renew"]

_KEPT = ("name", "member_class", "country", "identity_key")
"""What a newer card must say as the one before did."""


def renew(store: Store, identity: Identity, audit: AuditTrail, clock: Clock, random_bytes: RandomBytes, by: str) -> Identity:  # fmt: skip  # noqa: E501
    """Give our node a new TLS key, certificate and sealing key, and a card that says so; the identity as it is then.

    Only on a node that does not run: a running one goes on with the keys it has loaded.
    """
    old, now = identity.signed_card.card, clock.now()
    tls_key, sealing_key = new_tls_key(random_bytes), random_bytes(32)
    signed = issue_card(
        identity,
        Profile(**{name: getattr(old, name) for name in Profile.model_fields}),
        identity_key=identity.public_key,
        sealing_key=X25519PrivateKey.from_private_bytes(sealing_key).public_key().public_bytes_raw(),
        certificate=new_certificate(tls_key, identity.member_id, now, random_bytes),
        now=now,
    )
    if signed.card.issued_at <= old.issued_at:
        raise UserError(
            "The card that this node has is not older than this computer's time.",
            advice="Check the clock, or wait a moment, and renew the card then.",
        )
    with store.transaction() as tx:
        kept = tx.execute(select(settings.c.value).where(settings.c.key == SEALING_KEY)).scalar_one()
        before = store.cells.unseal("settings", SEALING_KEY, "value", kept)
        values = {
            TLS_KEY: tls_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            SEALING_KEY: sealing_key,
            PREVIOUS_SEALING_KEY: before,
            CARD: signed.to_bytes(),
        }
        for key, plain in values.items():
            _put(store, tx, key, plain)
        audit.append(tx, "card-renewed", card_digest=signed.card.digest.hex(), by=staff_label(by))
    return Identity.load(store)


@dataclass(frozen=True)
class Offered:
    """A newer card that waits for a second person. `differs`: which of its other fields say something else."""

    member: Member
    card: Card
    offered_by: str
    differs: tuple[str, ...]


class Renewals:
    """Newer cards of confirmed members."""

    def __init__(self, store: Store, audit: AuditTrail, identity: Identity, members: MemberBook, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._identity = identity
        self._members = members
        self._clock = clock

    def offer(self, card_file: bytes, by: str) -> Offered:
        """Take in the newer card of a confirmed member; a later one replaces an earlier one that waits.

        Raises NotFound for a card of nobody in the book, UserError for one that is not newer or not acceptable.
        """
        signed, person = parse_card(card_file), staff_label(by)
        member = self._members.get(signed.card.member_id)
        self._check(member, signed.card)
        sealed_as = json.dumps({"by": person, "file": signed.to_bytes().decode()}).encode()
        with self._store.transaction() as tx:
            check_room(tx, signed.card)
            _put(self._store, tx, _key(member.member_id), sealed_as)
            self._audit.append(
                tx, "member-renewal-added", member=member.member_id, card_digest=signed.card.digest.hex(), by=person
            )
        return self._offered(member, signed.card, person)

    def waiting(self, name: str) -> Offered:
        """The newer card of a member that waits. NotFound."""
        member = self._members.get(name)
        with self._store.read() as connection:
            signed, person = self._stored(connection, member)
        return self._offered(member, signed.card, person)

    def accept(self, name: str, by: str) -> Member:
        """Let the card that waits take effect; `by` is another person than the one who took it in.

        Raises NotFound without one, NotAllowed for the same person, UserError if it is not acceptable any more.
        """
        person, member = staff_label(by), self._members.get(name)
        with self._store.transaction() as tx:
            signed, offered_by = self._stored(tx, member)
            if person.casefold() == offered_by.casefold():
                raise NotAllowed(
                    f"{offered_by} took this card in, so somebody else has to accept it.",
                    advice="Let a colleague look at what changed, and run this.",
                )
            self._check(self._members.get(member.member_id), signed.card)
            check_room(tx, signed.card)
            self._members.exchange_card(tx, member.member_id, signed)
            tx.execute(delete(settings).where(settings.c.key == _key(member.member_id)))
            self._audit.append(
                tx, "member-renewed", member=member.member_id, card_digest=signed.card.digest.hex(), by=person
            )
        self._members.tell_watchers()
        return self._members.get(member.member_id)

    def _check(self, member: Member, card: Card) -> None:
        if member.state is not MemberState.CONFIRMED:
            raise UserError(
                f"{member.alias} is not a confirmed member, so a newer card cannot take the place of one.",
                advice="Add the card with `blindmatch member add`, and compare the check words.",
            )
        if any(getattr(card, field) != getattr(member.card, field) for field in _KEPT):
            raise UserError(
                f"This card says something else about {member.alias} than its name, class or country were.",
                advice=f"If that is right, run `blindmatch member remove {member.alias}`, add the new card, and "
                "compare the check words again.",
            )
        if card.issued_at <= member.card.issued_at:
            raise UserError(
                f"This card of {member.alias} is not newer than the one in the book.",
                advice="Ask the organisation for the newest one: `blindmatch card export` writes it.",
            )
        check_card(card, self._identity, self._clock.now())

    def _stored(self, tx: Connection, member: Member) -> tuple[SignedCard, str]:
        key = _key(member.member_id)
        sealed = tx.execute(select(settings.c.value).where(settings.c.key == key)).scalar_one_or_none()
        if sealed is None:
            raise NotFound(
                f"No newer card of {member.alias} waits to be accepted.",
                advice="`blindmatch member renew` takes one in.",
            )
        offered = json.loads(self._store.cells.unseal("settings", key, "value", sealed))
        return parse_card(offered["file"].encode()), offered["by"]

    def _offered(self, member: Member, card: Card, by: str) -> Offered:
        seen = ("contact", "languages", "endpoint")
        return Offered(
            member, card, by, tuple(field for field in seen if getattr(card, field) != getattr(member.card, field))
        )


def _key(member_id: str) -> str:
    return f"renewal/{member_id}"


def _put(store: Store, tx: Connection, key: str, plain: bytes) -> None:
    sealed = store.cells.seal("settings", key, "value", plain)
    if not tx.execute(update(settings).where(settings.c.key == key).values(value=sealed)).rowcount:
        tx.execute(insert(settings).values(key=key, value=sealed))
