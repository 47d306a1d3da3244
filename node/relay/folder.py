"""The folder of a relay, and how it comes to be.

    relay.toml   settings
    card         its member card, of class "relay": what nodes take in, compare words for and pin
    tls.key      the private key of its TLS certificate, mode 0600: all that is secret here
    mail.db      names, and sealed parcels (node.relay.database)
    lock         held while the relay runs

A relay signs nothing, so the identity key that signed its card, and the sealing key that a card must have, are thrown
away once the card is made. A new address or a new certificate means a new relay to its members: a new card, compared
and confirmed. Whoever copies `tls.key` can stand in for the relay (threat_model.md, part 5); there is no passphrase on
it, so that a relay comes up by itself after a power cut.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from node import config
from node.clock import Clock
from node.errors import Busy, NotFound, StateDamaged, UserError
from node.identity.cards import Profile, SignedCard, issue_card, member_id_of, parse_card
from node.identity.certificates import new_certificate, new_tls_key
from node.ids import RandomBytes
from node.relay.settings import RelaySettings
from node.store.files import FILE_MODE, FOLDER_MODE, lock_file, replace_file, sync_folder
from node.store.place import refuse_unfit
from node.wire.signing import labelled

__all__ = ["RelayFolder", "RelayKeys"]


class RelayKeys:
    """What a relay shows on every connection: its key and the certificate on its card, both in PEM."""

    def __init__(self, card: SignedCard, tls_key_pem: bytes) -> None:
        self.signed_card = card
        self._tls_key_pem = tls_key_pem

    def __repr__(self) -> str:
        return f"RelayKeys({self.signed_card.card.member_id})"

    @property
    def tls_key_pem(self) -> bytes:
        return self._tls_key_pem

    @property
    def tls_cert_pem(self) -> bytes:
        return self.signed_card.card.certificate.pem


class RelayFolder:
    """Names what lies in the folder; touches nothing until it is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = path / "relay.toml"
        self.card = path / "card"
        self.tls_key = path / "tls.key"
        self.database = path / "mail.db"
        self.lock_file = path / "lock"

    def create(
        self, profile: Profile, *, listen: str, clock: Clock, random_bytes: RandomBytes, watch: str | None = None
    ) -> SignedCard:
        """Make the folder, the key and the card. `profile.member_class` must be relay. UserError if there is something
        in the folder already; if a step fails nothing stays."""
        new = not self.path.exists()
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise UserError(
                    f"The folder {self.path} is not empty.",
                    advice="If a relay is in it, start that with `blindmatch relay run`; else choose a new folder.",
                )
            self.path.chmod(FOLDER_MODE)
            refuse_unfit(self.path, sockets=False)
        except OSError as error:
            raise UserError(
                f"The folder {self.path} cannot be used: {error.strerror}.",
                advice="Choose a folder in which you may write.",
            ) from None
        try:
            card, key = _new_card(profile, clock, random_bytes)
            config.write_default(self.settings, listen=listen, watch=watch, kind=RelaySettings)
            config.load_settings(self.settings, RelaySettings)
            replace_file(self.card, card.to_bytes())
            self.lock_file.touch(mode=FILE_MODE)
            replace_file(self.tls_key, key)  # last: with it, there is a relay
            sync_folder(self.path)
        except BaseException:
            for path in (self.settings, self.card, self.tls_key, self.lock_file):
                path.unlink(missing_ok=True)
            if new:
                self.path.rmdir()
            raise
        return card

    def read_keys(self) -> RelayKeys:
        """The card and its key. NotFound without a relay; StateDamaged if others may read the key, or if the two do not
        belong together."""
        self.check()
        try:
            details = os.lstat(self.tls_key)
            card, key = parse_card(self.card.read_bytes()), self.tls_key.read_bytes()
        except OSError as error:
            raise StateDamaged(
                f"The files of the relay in {self.path} cannot be read: {error.strerror}.",
                advice="Run blindmatch as the account that owns them.",
            ) from None
        except UserError:
            raise StateDamaged(f"The card in {self.path} is damaged.", advice="Restore it from a copy.") from None
        if not stat.S_ISREG(details.st_mode) or stat.S_IMODE(details.st_mode) & 0o077:
            raise StateDamaged(
                f"Other accounts of this machine may read the key file {self.tls_key}.",
                advice="If they could have read it, make a new relay and tell its members. Else close it: "
                f"chmod 600 {self.tls_key}",
            )
        if _key_hash_of(key) != card.card.certificate.key_hash:
            raise StateDamaged(
                f"The key and the card of the relay in {self.path} do not belong together.",
                advice="Restore the two from the same copy.",
            )
        return RelayKeys(card, key)

    def read_settings(self) -> RelaySettings:
        return config.load_settings(self.settings, RelaySettings)

    def check(self) -> None:
        """NotFound if there is no relay; StateDamaged if other accounts may enter the folder."""
        try:
            there = self.tls_key.exists()
        except OSError as error:
            raise UserError(
                f"The folder {self.path} cannot be used: {error.strerror}.",
                advice="Run blindmatch as the account that it belongs to, or name another folder.",
            ) from None
        if not there:
            raise NotFound(
                f"There is no relay in the folder {self.path}.", advice="Make one with `blindmatch relay init`."
            )
        details = self.path.stat()
        if details.st_uid != os.geteuid() or stat.S_IMODE(details.st_mode) & 0o077:
            raise StateDamaged(
                f"Other accounts of this machine could enter the folder {self.path}.",
                advice=f"Use the account that owns the relay, and close the folder: chmod 700 {self.path}",
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one relay that runs in this folder. Busy if another process is."""
        self.check()
        taken = Busy(
            f"Another relay is already running in the folder {self.path}.",
            advice="Stop that one first, or give this relay a folder of its own.",
        )
        with lock_file(self.lock_file, taken):
            yield


class _CardSigner:
    """Signs the one card of a relay; the key is gone with this object."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(random_bytes(32))
        self.public_key = self._key.public_key().public_bytes_raw()
        self.member_id = member_id_of(self.public_key)

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self._key.sign(labelled(label, data))


def _new_card(profile: Profile, clock: Clock, random_bytes: RandomBytes) -> tuple[SignedCard, bytes]:
    """A card, and the TLS key to it in PEM."""
    signer, key = _CardSigner(random_bytes), new_tls_key(random_bytes)
    card = issue_card(
        signer,
        profile,
        identity_key=signer.public_key,
        sealing_key=X25519PrivateKey.from_private_bytes(random_bytes(32)).public_key().public_bytes_raw(),
        certificate=new_certificate(key, signer.member_id, clock.now(), random_bytes),
        now=clock.now(),
    )
    return card, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key_hash_of(key_pem: bytes) -> bytes:
    """The pin that belongs to a private key; empty if it is none."""
    try:
        public = load_pem_private_key(key_pem, None).public_key()
    except (ValueError, TypeError):
        return b""
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
