"""Our own keys: one identity, three key pairs, all sealed in the store.

    identity   Ed25519         signs cards, manifests, envelopes, transcripts, checkpoints    -> member id
    TLS        ECDSA P-256     proves on every connection that we are that member             -> pin in the card
    sealing    X25519          others seal for it what they say about a round

What this does not promise: that no copy of a private key is left in the memory of the process. The library keeps
keys in its own memory, gRPC wants the TLS key as text, and Python does not wipe what it frees. They are the
long-lived keys; the scalars of a round, which would undo its blinding, live in wipeable buffers (psi.secret).
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from node.clock import Clock
from node.errors import StateDamaged, UserError
from node.identity.cards import Profile, SignedCard, issue_card, member_id_of, parse_card
from node.identity.certificates import Certificate, new_certificate, new_tls_key
from node.ids import RandomBytes
from node.store import Store
from node.store.own_settings import read_own
from node.store.schema import settings
from node.wire.sealing import Place, SealBrokenError, open_note
from node.wire.signing import labelled, verify

__all__ = ["CARD", "PREVIOUS_SEALING_KEY", "SEALING_KEY", "TLS_KEY", "Identity", "verify"]

_IDENTITY_KEY = "identity.key"
TLS_KEY = "identity.tls_key"
SEALING_KEY = "identity.sealing_key"
PREVIOUS_SEALING_KEY = "identity.sealing_key.previous"
"""Of the card before, once a card was renewed: what was sealed for that one still opens."""
CARD = "identity.card"


class Identity:
    """The keys of this node and the card that shows their public halves. Make one with `create` or `load`."""

    def __init__(
        self,
        identity_key: bytes,
        tls_key_pem: bytes,
        sealing_key: bytes,
        card_file: bytes,
        previous_sealing_key: bytes | None = None,
    ) -> None:
        self._identity_key = Ed25519PrivateKey.from_private_bytes(identity_key)
        self._sealing_key = X25519PrivateKey.from_private_bytes(sealing_key)
        self._before: X25519PrivateKey | None = None
        if previous_sealing_key is not None:
            self._before = X25519PrivateKey.from_private_bytes(previous_sealing_key)
        self._tls_key_pem = tls_key_pem
        self._signed_card = parse_card(card_file)
        card = self._signed_card.card
        spki = (
            load_pem_private_key(tls_key_pem, None)
            .public_key()
            .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        ours = (self.public_key.hex(), self.sealing_public_key.hex(), hashlib.sha256(spki).digest())
        if ours != (card.identity_key, card.sealing_key, card.certificate.key_hash):
            raise ValueError("the card and the keys do not belong together")

    @classmethod
    def create(cls, store: Store, profile: Profile, *, clock: Clock, random_bytes: RandomBytes) -> "Identity":
        """Make the keys and the card of a new node and store them sealed. Raises UserError if it has some already."""
        identity_key = random_bytes(32)
        sealing_key = random_bytes(32)
        tls_key = new_tls_key(random_bytes)
        signer = _KeySigner(identity_key)
        certificate = new_certificate(tls_key, signer.member_id, clock.now(), random_bytes)
        signed = issue_card(
            signer,
            profile,
            identity_key=signer.public_key,
            sealing_key=_raw_public(X25519PrivateKey.from_private_bytes(sealing_key)),
            certificate=certificate,
            now=clock.now(),
        )
        cells = {
            _IDENTITY_KEY: identity_key,
            SEALING_KEY: sealing_key,
            TLS_KEY: tls_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            CARD: signed.to_bytes(),
        }
        with store.transaction() as tx:
            if read_own(store, tx, _IDENTITY_KEY) is not None:
                raise UserError(
                    "This node already has an identity.", advice="Use another folder for another organisation."
                )
            for key, plaintext in cells.items():
                sealed = store.cells.seal("settings", key, "value", plaintext)
                tx.execute(settings.insert().values(key=key, value=sealed))
        return cls.load(store)

    @classmethod
    def load(cls, store: Store) -> "Identity":
        """The identity in the store. Raises UserError when the node has none yet, StateDamaged when it is broken."""
        with store.read() as tx:
            cells = [read_own(store, tx, key) for key in (_IDENTITY_KEY, TLS_KEY, SEALING_KEY, CARD)]
            previous = read_own(store, tx, PREVIOUS_SEALING_KEY)
        if cells[0] is None:
            raise UserError("This node has no identity yet.", advice="Run `blindmatch node init` first.")
        identity_key, tls_key_pem, sealing_key, card_file = (cell or b"" for cell in cells)
        try:
            return cls(identity_key, tls_key_pem, sealing_key, card_file, previous)
        except (ValueError, UserError) as error:
            raise StateDamaged(
                "The stored identity of this node is damaged.", advice="Restore the node's folder from a backup."
            ) from error

    def __repr__(self) -> str:
        return f"Identity({self.member_id})"

    @property
    def member_id(self) -> str:
        return self._signed_card.card.member_id

    @property
    def public_key(self) -> bytes:
        """The public identity key, 32 bytes."""
        return _raw_public(self._identity_key)

    @property
    def sealing_public_key(self) -> bytes:
        """The public X25519 sealing key, 32 bytes."""
        return _raw_public(self._sealing_key)

    @property
    def signed_card(self) -> SignedCard:
        """Our card, as others get it."""
        return self._signed_card

    @property
    def certificate(self) -> Certificate:
        """Our TLS certificate."""
        return self._signed_card.card.certificate

    @property
    def tls_key_pem(self) -> bytes:
        """The private TLS key in PEM: for gRPC's credentials and nothing else."""
        return self._tls_key_pem

    @property
    def tls_cert_pem(self) -> bytes:
        return self.certificate.pem

    def open_note(self, place: Place, sealed: bytes) -> bytes:
        """What somebody sealed for the key of our card, or of the one before it (node.wire.sealing). Raises
        SealBrokenError."""
        try:
            return open_note(self._sealing_key, place, sealed)
        except SealBrokenError:
            if self._before is None:
                raise
        return open_note(self._before, place, sealed)

    def sign(self, label: bytes, data: bytes) -> bytes:
        """A 64-byte Ed25519 signature for one purpose (see node.wire.signing). Deterministic."""
        return self._identity_key.sign(labelled(label, data))

    def sign_note(self, text: bytes) -> bytes:
        """A 64-byte signature over the text of a checkpoint of our audit log, as C2SP's signed notes want it: bare.

        It passes for nothing else: such a text begins with our log's name, every labelled message with a zero byte.
        Raises ValueError for any other text.
        """
        if not text.startswith(f"blindmatch/{self.member_id}\n".encode("ascii")):
            raise ValueError("not a checkpoint of this node's audit log")
        return self._identity_key.sign(text)

    def cosign_note(self, text: bytes) -> bytes:
        """A 64-byte signature over another member's checkpoint, as C2SP's cosignatures want it: bare.

        It passes for nothing else: our checkpoints begin with our log's name, every labelled message with a zero byte.
        Raises ValueError for any other text.
        """
        if not text.startswith(b"cosignature/v1\ntime "):
            raise ValueError("not the message of a cosignature")
        return self._identity_key.sign(text)


class _KeySigner:
    """Signs the first card, before there is an Identity."""

    def __init__(self, identity_key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(identity_key)
        self.public_key = _raw_public(self._key)
        self.member_id = member_id_of(self.public_key)

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self._key.sign(labelled(label, data))


def _raw_public(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
