"""Looking inside what is sealed, and sealing by hand.

inside(envelope)                          what an envelope that was sealed in this process says
by_hand(parts, ..., payload=...)          an envelope as this node's own code would seal and sign it
"""

import hashlib
from collections import OrderedDict
from typing import Any

from node.errors import StateDamaged
from node.operations import Parts
from node.wire import sealing
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.sealing import Place

__all__ = ["by_hand", "inside", "look_inside"]

_MOST_KEPT = 4_096
_plain: OrderedDict[bytes, bytes] = OrderedDict()


def look_inside() -> None:
    """From now on this process remembers what it seals. Once is enough; `inside` says it when this module is loaded."""
    for name in ("seal_note", "seal_message"):
        honest = getattr(sealing, name)
        if not hasattr(honest, "watched"):
            setattr(sealing, name, _watched(honest))


def _watched(honest: Any) -> Any:
    def seal(key: bytes, place: Place, plaintext: bytes) -> bytes:
        sealed: bytes = honest(key, place, plaintext)
        _plain[hashlib.sha256(sealed).digest()] = bytes(plaintext)
        if len(_plain) > _MOST_KEPT:
            _plain.popitem(last=False)
        return sealed

    seal.watched = True  # type: ignore[attr-defined]
    return seal


def inside(envelope: Envelope) -> bytes:
    """What is sealed in an envelope of a node in this process. KeyError if it was sealed elsewhere, or long ago."""
    return _plain[hashlib.sha256(envelope.payload).digest()]


def by_hand(
    parts: Parts, *, round_id: str, recipient: str, sequence: int, kind: EnvelopeKind, payload: bytes
) -> Envelope:
    """An envelope from this node that says what a test wants it to. Where the recipient has given no key for the round,
    a message of its protocol is not sealed at all."""
    place = Place(round_id, parts.identity.member_id, recipient, sequence, kind)
    try:
        with parts.store.transaction() as tx:
            seal = parts.negotiation.seals.sealer(tx, place.round_id, place.recipient, EnvelopeKind(place.kind))
            payload = seal(place, payload) if seal else payload
    except StateDamaged:
        pass
    return Envelope.signed(
        parts.identity, round_id=round_id, recipient=recipient, sequence=sequence, kind=kind, payload=payload
    )


look_inside()
