"""Sealing: only its recipient can read what an envelope says, and nobody who carries it (HPKE, RFC 9180, base mode).

    sealed = Seal(recipient's key, info, plaintext)
    info = length_prefixed(label, round id, sender, recipient, sequence, kind)

    what is said              the recipient's key                                    made of            grows by
    about a round (a note)    on its card; of a renewed card, the one before opens   X25519             48 bytes
                              as well
    of a round's protocol     of this round alone: comes with its signature, is      ML-KEM-768 and     1136 bytes
                              destroyed when the round ends                          X25519 together

Every envelope is sealed by itself, under a key that nobody keeps, so that there is no sender's state to lose or to use
twice; and `info` ties it to its place, so that what is taken out of one envelope does not open in another. Who sealed
it is not said here: the envelope's signature says that, over the sealed bytes.

Because a round's key is gone with the round, a recording of the traffic cannot be opened afterwards with what is found
at either node; because half of it is ML-KEM, not with a quantum computer either. Not promised: the same for notes
(agreements, states), which open as long as the card's key exists; nor is the protocol inside post-quantum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from psi.codec import length_prefixed
from psi.secret import SecretBytes

__all__ = [
    "LABEL",
    "MESSAGE_GROWTH_BYTES",
    "NOTE_GROWTH_BYTES",
    "ROUND_KEY_BYTES",
    "ROUND_SECRET_BYTES",
    "Place",
    "SealBrokenError",
    "is_usable",
    "open_message",
    "open_note",
    "opener",
    "round_key",
    "seal_message",
    "seal_note",
]

LABEL = b"blindmatch/sealing/1"
ROUND_KEY_BYTES = 1184 + 32
"""The public key of a round: ML-KEM-768 (FIPS 203) and X25519, in this order."""
ROUND_SECRET_BYTES = 64 + 32
"""Its secret half: the seed of the one and the scalar of the other."""
_KEYS_KEPT = 64
"""Public keys of rounds kept in memory once they are read, in number, some 10 KiB each."""
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_TAG_BYTES = 16
NOTE_GROWTH_BYTES = 32 + _TAG_BYTES
MESSAGE_GROWTH_BYTES = KEM.MLKEM768_X25519.enc_length() + _TAG_BYTES

_NOTES = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MESSAGES = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBrokenError(Exception):
    """It does not open: another key, another place, or altered. The caller knows who is to blame, if anybody is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which envelope this is: the fields of `node.wire.envelope.Envelope` without its content; `kind` its number."""

    round_id: str
    sender: str
    recipient: str
    sequence: int
    kind: int

    def info(self) -> bytes:
        return length_prefixed(
            LABEL,
            bytes.fromhex(self.round_id),
            self.sender.encode("ascii"),
            self.recipient.encode("ascii"),
            self.sequence.to_bytes(4, "big"),
            self.kind.to_bytes(4, "big"),
        )


def round_key(secret: SecretBytes) -> bytes:
    """The public key (ROUND_KEY_BYTES) to a secret of ROUND_SECRET_BYTES random bytes."""
    seed, scalar = _parts(secret)
    return seed.public_key().public_bytes_raw() + scalar.public_key().public_bytes_raw()


def seal_note(card_key: bytes, place: Place, plaintext: bytes) -> bytes:
    """Sealed for the holder of the X25519 key (32 bytes) of a card."""
    return _NOTES.encrypt(plaintext, X25519PublicKey.from_public_bytes(card_key), place.info())


def open_note(card_key: X25519PrivateKey, place: Place, sealed: bytes) -> bytes:
    """What `seal_note` sealed. Raises SealBrokenError."""
    try:
        return _NOTES.decrypt(sealed, card_key, place.info())
    except (InvalidTag, ValueError):
        raise SealBrokenError from None


def seal_message(key: bytes, place: Place, plaintext: bytes | memoryview) -> bytes:
    """Sealed for the holder of a round's key. ValueError if that is no usable key of ROUND_KEY_BYTES."""
    return _MESSAGES.encrypt(plaintext, _public(key), place.info())


@lru_cache(maxsize=_KEYS_KEPT)
def _public(key: bytes) -> MLKEM768X25519PublicKey:
    """A round's key, read. ValueError if it is none."""
    if len(key) != ROUND_KEY_BYTES:
        raise ValueError("not the key of a round")
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(key[:_MLKEM_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(key[_MLKEM_PUBLIC_BYTES:]),
    )


def is_usable(key: bytes) -> bool:
    """Whether messages can be sealed for this key; not for one of small order, which everybody could open."""
    try:
        seal_message(key, Place("", "", "", 0, 0), b"")
    except ValueError:
        return False
    return True


def opener(secret: SecretBytes) -> Callable[[Place, bytes], bytes]:
    """What opens all that was sealed by `seal_message` for a round's key: reading the secret takes as long as opening
    a message. It holds the key and does not refer to `secret`, so whoever has it keeps it no longer than that."""
    key = MLKEM768X25519PrivateKey(*_parts(secret))

    def opened(place: Place, sealed: bytes) -> bytes:
        try:
            return _MESSAGES.decrypt(sealed, key, place.info())
        except (InvalidTag, ValueError):
            raise SealBrokenError from None

    return opened


def open_message(secret: SecretBytes, place: Place, sealed: bytes) -> bytes:
    """What `seal_message` sealed. Raises SealBrokenError."""
    return opener(secret)(place, sealed)


def _parts(secret: SecretBytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if secret.size != ROUND_SECRET_BYTES:
        raise ValueError("not the secret of a round's key")
    whole = secret.view()
    return (
        MLKEM768PrivateKey.from_seed_bytes(whole[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(whole[_MLKEM_SEED_BYTES:]),
    )
