"""Member cards and agreements for tests: real cards with real keys, the same in every run."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.agreement.manifest import Manifest
from node.clock import ManualClock
from node.identity.cards import Card, Profile, issue_card, member_id_of
from node.identity.certificates import new_certificate, new_tls_key
from node.policy import Context
from node.rounds.templates import build
from node.wire import strict_json
from node.wire.signing import labelled

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def seeded(seed: object) -> Callable[[int], bytes]:
    """Randomness that repeats."""
    return random.Random(str(seed)).randbytes


class _Signer:
    def __init__(self, key: Ed25519PrivateKey, member_id: str) -> None:
        self.member_id = member_id
        self._key = key

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self._key.sign(labelled(label, data))


@cache
def card(name: str, member_class: str, country: str = "NL") -> Card:
    """The card of an organisation; the same name always has the same keys."""
    random_bytes = seeded(name)
    key = Ed25519PrivateKey.from_private_bytes(random_bytes(32))
    public = key.public_key().public_bytes_raw()
    member_id = member_id_of(public)
    profile = Profile.of(
        {
            "name": name,
            "member_class": member_class,
            "country": country,
            "languages": ["en"],
            "contact": "the duty desk",
            "endpoint": "127.0.0.1:7000",
        }
    )
    return issue_card(
        _Signer(key, member_id),
        profile,
        identity_key=public,
        sealing_key=X25519PrivateKey.from_private_bytes(random_bytes(32)).public_key().public_bytes_raw(),
        certificate=new_certificate(new_tls_key(random_bytes), member_id, NOW, random_bytes),
        now=NOW,
    ).card


NGO = card("Open Door", "ngo", "RO")
POLICE = card("Regional Police Lab", "police", "NL")
SHELTER = card("Harbour House", "shelter", "DE")
COORDINATOR = card("Joint Office", "coordinator", "BE")


def agreement(
    template: str = "J1",
    cards: tuple[Card, Card] = (NGO, POLICE),
    *,
    convener: Card | None = None,
    now: datetime = NOW,
    **overrides: Any,
) -> Manifest:
    """An agreement out of a template; by default J1 between an NGO and a police unit, convened by the first."""
    return build(
        template,
        cards,
        overrides,
        convener=(convener or cards[0]).member_id,
        clock=ManualClock(now),
        random_bytes=seeded(template),
    )


def fields(manifest: Manifest) -> dict[str, Any]:
    """The JSON of an agreement, to change."""
    loaded: dict[str, Any] = manifest.model_dump(mode="json")
    return loaded


def changed(manifest: Manifest, **changes: Any) -> Manifest:
    """The agreement with top-level fields replaced; still has to parse."""
    return Manifest.parse(strict_json.canonical(fields(manifest) | changes))


def context(me: Card = NGO, *others: Card, **changes: Any) -> Context:
    """What a node knows: itself and the confirmed members, the usual ones by default."""
    known = (me, *(others or (NGO, POLICE, SHELTER, COORDINATOR)))
    cards = {one.member_id: one for one in known}
    facts = {"me": me.member_id, "now": NOW, "cards": cards, "remaining": 20_000, "budget": 20_000}
    return Context(**(facts | changes))
