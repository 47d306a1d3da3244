"""Who may be taken into the member book, and under which name: the checks of `MemberBook.add`.

A card arrives from outside. Before it becomes an entry it must be somebody else's, be in its time, have a TLS key of
its own (a call is known by its key alone) and find room. Nothing here makes anybody trusted: that is `confirm`.
"""

import re
from collections.abc import Callable
from datetime import datetime

from anyascii import anyascii
from sqlalchemy import Connection, func, select

from node.errors import UserError
from node.facts import is_staff_label
from node.identity.cards import Card
from node.identity.keys import Identity
from node.store.schema import members

__all__ = [
    "MAX_ALIAS_CHARACTERS",
    "MAX_MEMBERS",
    "already_confirmed",
    "check_card",
    "check_room",
    "choose_alias",
    "name_skeleton",
    "pick_alias",
    "staff_label",
]

MAX_MEMBERS = 500
"""Members in one book, removed ones included; all confirmed ones are trust roots of our TLS server."""
MAX_ALIAS_CHARACTERS = 24

_ALIAS = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_ALIAS_CHARACTERS - 1}}}")


def staff_label(by: str) -> str:
    """`by` if it can name a local person in the audit log; UserError if it cannot."""
    if not is_staff_label(by):
        raise UserError(
            "The name of the person who does this is missing or cannot be written into the audit log.",
            advice="Use a short label that your organisation knows, such as a first name or a role, in Latin letters.",
        )
    return by


def check_card(card: Card, own: Identity, now: datetime) -> None:
    """UserError for our own card, and for a certificate out of its time."""
    if card.member_id == own.member_id or card.certificate.key_hash == own.certificate.key_hash:
        raise UserError("This is your own card.", advice="Send it to the other organisation and add theirs.")
    problem = card.certificate.date_problem(now)
    if problem:
        raise UserError(
            f"The certificate in this card {problem}.",
            advice="Check this computer's clock. If it is right, ask for a new card.",
        )


def check_room(tx: Connection, card: Card) -> None:
    """UserError for a TLS key that another member has, and for a full book."""
    others = select(members.c.alias).where(members.c.member_id != card.member_id)
    shared = tx.execute(others.where(members.c.tls_key_hash == card.certificate.key_hash)).scalar()
    if shared is not None:
        raise UserError(
            f"This card uses the same TLS key as {shared}, so the two could not be told apart.",
            advice="Ask for a card from a newly made node.",
        )
    if tx.execute(select(func.count()).select_from(others.subquery())).scalar_one() >= MAX_MEMBERS:
        raise UserError(f"A node can know at most {MAX_MEMBERS} members.")


def choose_alias(tx: Connection, card: Card, wanted: str | None) -> str:
    """`wanted`, or one made from the name on the card. UserError for one that is malformed or in use."""

    def taken(alias: str) -> bool:
        clash = (members.c.alias == alias) & (members.c.member_id != card.member_id)
        return tx.execute(select(members.c.alias).where(clash)).first() is not None

    return pick_alias(card, wanted, taken)


def pick_alias(card: Card, wanted: str | None, taken: Callable[[str], bool]) -> str:
    """The same for any book: `taken` says whether somebody else has an alias."""
    if wanted is not None:
        if not _ALIAS.fullmatch(wanted):
            raise UserError(
                f"An alias has at most {MAX_ALIAS_CHARACTERS} lower-case letters, digits and hyphens.",
                advice="For example: harbour-house",
            )
        if taken(wanted):
            raise UserError(f"The alias {wanted} is in use.", advice="Choose another one with --alias.")
        return wanted
    words = re.findall(r"[a-z0-9]+", anyascii(card.name).lower())
    made = "-".join(words)[: MAX_ALIAS_CHARACTERS - 5].strip("-") or "member"
    return f"{made}-{card.member_id[:4]}" if taken(made) else made


def name_skeleton(name: str) -> str:
    """What is left of a name when script, case, accents, blanks and marks are taken away: equal for look-alikes."""
    return "".join(character for character in anyascii(name).casefold() if character.isalnum()) or name


def already_confirmed(alias: str, known: Card, card: Card) -> UserError:
    """Why this card of a confirmed member is not taken in: it is the same one, or it is not."""
    if known.digest == card.digest:
        return UserError(f"{alias} is a confirmed member with this very card.")
    return UserError(
        f"{alias} is a confirmed member with another card.",
        advice="If it is a newer card of the same node, `blindmatch member renew` takes it in. If not, and the "
        f"organisation told you in person that its card changed, run `blindmatch member remove {alias}`, add the new "
        "card, and compare the words again.",
    )
