"""The keys of one node, in one file.

    passphrase --Argon2id--> wrapping key --AES-256-GCM--> master key --AES-256-GCM--> data key 1, 2, ...
    officers' secret --HKDF--> wrapping key --AES-256-GCM----┘                            |        └ sealed cells
    (only after a split: node.keeping.shares)                                             └ HKDF(label): sub-keys

Argon2id is RFC 9106; the default cost is its second recommended choice (64 MiB, 3 passes, 4 lanes), which an old
laptop can pay. The cost stands in the file, so that it can rise later. Without a passphrase the master key stands in
the file as it is, and the file says so ("protection": "none"): then whoever reads the file reads everything.

Rotation adds a data key: new cells are sealed under the newest, old cells stay readable until everything is sealed
anew and the old keys are dropped (`renew`, `drop`; node.keeping.rotation). `renew` also makes another master key, so
that an old copy of this file with its passphrase opens nothing of a later one; `protect` changes the passphrase alone
and does not promise that. The file is replaced in one step every time.

Keys live in wipeable buffers; copies inside OpenSSL and short-lived ones that Python makes while parsing the file are
beyond our reach. Not promised: protection on a machine whose running node is compromised, or against putting back an
older key file.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import UserError
from node.ids import RandomBytes
from node.store.files import NotFlushed, replace_file
from node.store.keyfile import (
    KEY_BYTES,
    NONCE_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    KeyFile,
    PassphraseCost,
    Recovery,
    damaged,
    decode,
    dump,
    encode,
    parse,
    read,
)
from psi.secret import SecretBytes

__all__ = [
    "KEY_BYTES",
    "MIN_PASSPHRASE_BYTES",
    "KeyRing",
    "MayHaveChanged",
    "PassphraseCost",
    "Recovery",
    "WrongPassphrase",
    "WrongSecret",
    "check_passphrase",
]

MIN_PASSPHRASE_BYTES = 12
"""Shortest passphrase accepted, in bytes of UTF-8."""


class WrongPassphrase(UserError):
    """The passphrase does not open this key file. Whoever read it from a file can say which."""


class WrongSecret(UserError):
    """What the officers' shares gave together does not open this key file."""


class MayHaveChanged(UserError):
    """The key file was replaced, but the disk did not confirm it: old and new may both be what is found later."""


class KeyRing:
    """The open key file. `repr` shows key numbers only."""

    def __init__(self, path: Path, file: KeyFile, master: SecretBytes, data_keys: dict[int, SecretBytes]) -> None:
        self._path = path
        self._file = file
        self._master = master
        self._data_keys = data_keys

    def __repr__(self) -> str:
        return f"<KeyRing data keys {sorted(self._data_keys)}>"

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: SecretBytes | None,
        random_bytes: RandomBytes,
        *,
        cost: PassphraseCost | None = None,
    ) -> "KeyRing":
        """Write a new key file with one data key. None for `passphrase` means, explicitly, no protection.

        Raises UserError if there is a key file already or the passphrase is too short.
        """
        if path.exists():
            raise UserError(f"There is already a key file in {path.parent}.", advice="Choose another folder.")
        check_passphrase(passphrase)
        master = _fresh(random_bytes)
        ring = cls(path, KeyFile(*_protected(master, passphrase, random_bytes, cost), {}), master, {})
        ring.rotate(random_bytes)
        return ring

    @classmethod
    def open(cls, path: Path, passphrase: SecretBytes | None) -> "KeyRing":
        """Read the key file.

        Raises NotFound without one, StateDamaged if other accounts may read it or it was altered, UserError if the
        passphrase is missing, wrong, or given where the file has none, or if this account may not read the file.
        """
        return cls._of(path, read(path), passphrase)

    @classmethod
    def from_bytes(cls, path: Path, data: bytes, passphrase: SecretBytes | None) -> "KeyRing":
        """As `open`, for the content of a key file that stands elsewhere: in a backup at `path`. Do not change it."""
        return cls._of(path, parse(path, data), passphrase)

    @classmethod
    def open_recovered(cls, path: Path, secret: SecretBytes, *, data: bytes | None = None) -> "KeyRing":
        """As `open`, with the officers' secret (16 bytes) in place of the passphrase; `data` as for `from_bytes`.

        Raises UserError if there was no split, WrongSecret if the secret is not the one of the split in force.
        """
        file = read(path) if data is None else parse(path, data)
        if file.recovery is None:
            raise UserError(
                "The key file does not know any recovery shares.",
                advice="They were never made, or the keys were renewed since: only the passphrase opens it.",
            )
        with _recovery_key(secret, file.recovery.split) as wrapping:
            try:
                master = _unwrap(wrapping, file.recovered, _recovery_label(file.recovery))
            except InvalidTag:
                raise WrongSecret(
                    "The shares together do not open this key file.", advice="Check that they belong to this node."
                ) from None
        return cls._with(path, file, master)

    @classmethod
    def _of(cls, path: Path, file: KeyFile, passphrase: SecretBytes | None) -> "KeyRing":
        if file.protection is None:
            # A passphrase that protects nothing must not look as if it did.
            if passphrase is not None:
                raise UserError("This node's key file has no passphrase.", advice="Start it without one.")
            master = SecretBytes(KEY_BYTES)
            master.view()[:] = file.master
        else:
            if passphrase is None:
                raise UserError("This node's key file is locked.", advice="Give the passphrase it was made with.")
            with _passphrase_key(passphrase, file.protection) as wrapping:
                try:
                    master = _unwrap(wrapping, file.master, _master_label(file.protection))
                except InvalidTag:
                    raise WrongPassphrase(
                        "The passphrase is wrong, or the key file was altered.", advice="Try again."
                    ) from None
        return cls._with(path, file, master)

    @classmethod
    def _with(cls, path: Path, file: KeyFile, master: SecretBytes) -> "KeyRing":
        try:
            with _derive(master, b"data keys") as wrapping:
                keys = {n: _unwrap(wrapping, sealed, _data_label(n)) for n, sealed in file.data_keys.items()}
        except InvalidTag:
            master.wipe()
            raise damaged(path) from None
        return cls(path, file, master, keys)

    @staticmethod
    def needs_passphrase(path: Path) -> bool:
        """Whether the key file at `path` is locked. Raises as `open`, except for the passphrase."""
        return read(path).protection is not None

    @staticmethod
    def recovery_of(path: Path, *, data: bytes | None = None) -> Recovery | None:
        """The split in force of a key file, which is no secret; `data` as for `from_bytes`. Raises as `open`."""
        return (read(path) if data is None else parse(path, data)).recovery

    @staticmethod
    def is_locked(path: Path, data: bytes) -> bool:
        """As `needs_passphrase`, for the content of a key file that stands elsewhere."""
        return parse(path, data).protection is not None

    def is_opened_by(self, passphrase: SecretBytes | None) -> bool:
        """Whether `passphrase` is the one of the file as it stands; None: it has none. Costs as much as to open it."""
        protection = self._file.protection
        if protection is None or passphrase is None:
            return protection is None and passphrase is None
        with _passphrase_key(passphrase, protection) as wrapping:
            try:
                _unwrap(wrapping, self._file.master, _master_label(protection)).wipe()
            except InvalidTag:
                return False
        return True

    def as_file(self) -> bytes:
        """The key file of this ring, as it was read or written last, whatever lies on the disk by now."""
        return dump(self._file)

    @property
    def protected(self) -> bool:
        """Whether a passphrase protects the file."""
        return self._file.protection is not None

    @property
    def recovery(self) -> Recovery | None:
        """The split that is in force, if there is one."""
        return self._file.recovery

    @property
    def retiring(self) -> frozenset[int]:
        """Data keys that a rotation is about to drop; empty while no rotation is under way."""
        return self._file.retiring

    @property
    def newest(self) -> int:
        """The number of the data key that new cells are sealed under."""
        return max(self._data_keys)

    def data_key(self, number: int) -> SecretBytes:
        """The data key of that number, the ring's own buffer: do not wipe it. KeyError if there is none."""
        return self._data_keys[number]

    def subkey(self, label: bytes) -> SecretBytes:
        """32 bytes for one purpose, the same for a label until the next rotation. The caller wipes the buffer."""
        return _derive(self._data_keys[self.newest], b"subkey " + label)

    def subkeys(self, label: bytes) -> list[SecretBytes]:
        """The sub-keys of every data key there is, the newest first: more than one while a rotation is under way."""
        return [
            _derive(self._data_keys[number], b"subkey " + label) for number in sorted(self._data_keys, reverse=True)
        ]

    def lasting_subkey(self, label: bytes, salt: bytes) -> SecretBytes:
        """32 bytes for one purpose and salt, which whoever opens this very key file gets again. The caller wipes it."""
        return _derive(self._master, b"lasting " + label, salt)

    def rotate(self, random_bytes: RandomBytes) -> int:
        """Add a data key and write the file; the number of the new key."""
        number = max(self._data_keys, default=0) + 1
        key = _fresh(random_bytes)
        with _derive(self._master, b"data keys") as wrapping:
            sealed = _wrap(wrapping, key, _data_label(number), random_bytes)

        def adopt() -> None:
            self._data_keys[number] = key

        # Only then: a key that is not in the file must not seal anything.
        self._replace(replace(self._file, data_keys={**self._file.data_keys, number: sealed}), adopt)
        return number

    def renew(
        self, passphrase: SecretBytes | None, random_bytes: RandomBytes, *, cost: PassphraseCost | None = None
    ) -> int:
        """Begin a rotation: another master key under `passphrase` (None: unprotected, as it was), another data key,
        and every older one retiring; the number of the new one. Recovery shares are void from here on.

        Raises UserError for a passphrase that is too short, or None where the file has one.
        """
        self._check_protection(passphrase)
        number = self.newest + 1
        keys = {**self._data_keys, number: _fresh(random_bytes)}
        master = _fresh(random_bytes)
        with _derive(master, b"data keys") as wrapping:
            sealed = {n: _wrap(wrapping, key, _data_label(n), random_bytes) for n, key in keys.items()}
        retiring = frozenset(self._data_keys)

        def adopt() -> None:
            self._master.wipe()
            self._master, self._data_keys = master, keys

        self._replace(KeyFile(*_protected(master, passphrase, random_bytes, cost), sealed, retiring=retiring), adopt)
        return number

    def drop(self) -> None:
        """End a rotation: forget the retiring data keys. What is still sealed under one of them is lost for good."""
        kept = {n: sealed for n, sealed in self._file.data_keys.items() if n not in self._file.retiring}
        gone = self._file.retiring

        def adopt() -> None:
            for number in gone:
                self._data_keys.pop(number).wipe()

        self._replace(replace(self._file, data_keys=kept, retiring=frozenset()), adopt)

    def protect(
        self, passphrase: SecretBytes, random_bytes: RandomBytes, *, cost: PassphraseCost | None = None
    ) -> None:
        """Another passphrase for the same master key. Raises UserError if it is too short."""
        check_passphrase(passphrase)
        protection, sealed = _protected(self._master, passphrase, random_bytes, cost)
        self._replace(replace(self._file, protection=protection, master=sealed))

    def entrust(self, secret: SecretBytes, recovery: Recovery, random_bytes: RandomBytes) -> None:
        """Let the officers' secret (16 bytes) open this file from now on, in place of any earlier one."""
        with _recovery_key(secret, recovery.split) as wrapping:
            sealed = _wrap(wrapping, self._master, _recovery_label(recovery), random_bytes)
        self._replace(replace(self._file, recovery=recovery, recovered=sealed))

    def _check_protection(self, passphrase: SecretBytes | None) -> None:
        check_passphrase(passphrase)
        if passphrase is None and self.protected:
            raise UserError("This node's key file has a passphrase.", advice="Give it, or a new one.")

    def _replace(self, changed: KeyFile, adopt: Callable[[], None] = lambda: None) -> None:
        """Write the file, then let `adopt` do in memory what it says: also where the disk did not confirm it."""
        unsure: NotFlushed | None = None
        try:
            replace_file(self._path, dump(changed))
        except NotFlushed as error:
            unsure = error
        except OSError as error:
            raise UserError(
                f"The key file {self._path} cannot be written: {error.strerror}. It is as it was.",
                advice="Make room on the disk, or check the permissions of the folder, and try again.",
            ) from None
        self._file = changed
        adopt()
        if unsure is not None:
            raise MayHaveChanged(
                f"The key file {self._path} may have changed: it was replaced, but the disk did not confirm it "
                f"({unsure.strerror}).",
                advice="Keep the old and the new passphrase and shares, have the disk checked, and see which of them "
                "opens the node.",
            )

    def close(self) -> None:
        """Wipe every key of the ring."""
        self._master.wipe()
        for key in self._data_keys.values():
            key.wipe()


def check_passphrase(passphrase: SecretBytes | None) -> None:
    """UserError for a passphrase that is too short; None, which is none at all, passes."""
    if passphrase is not None and passphrase.size < MIN_PASSPHRASE_BYTES:
        raise UserError(
            f"The passphrase is too short: {MIN_PASSPHRASE_BYTES} characters at least.",
            advice="Four or five random words make a good one.",
        )


def _fresh(random_bytes: RandomBytes) -> SecretBytes:
    key = SecretBytes(KEY_BYTES)
    key.view()[:] = random_bytes(KEY_BYTES)
    return key


def _passphrase_key(passphrase: SecretBytes, protection: Mapping[str, Any]) -> SecretBytes:
    settings = protection["argon2id"]
    key = SecretBytes(KEY_BYTES)
    Argon2id(
        salt=decode(settings["salt"]),
        length=KEY_BYTES,
        iterations=settings["passes"],
        lanes=settings["lanes"],
        memory_cost=settings["memory_kib"],
    ).derive_into(passphrase.view(), key.view())  # type: ignore[arg-type]
    return key


def _protected(
    master: SecretBytes, passphrase: SecretBytes | None, random_bytes: RandomBytes, cost: PassphraseCost | None
) -> tuple[Mapping[str, Any] | None, bytes]:
    """What the file says of its protection, and the master key under it."""
    if passphrase is None:
        return None, bytes(master.view())
    salt = encode(random_bytes(SALT_BYTES))
    protection = {"argon2id": {**asdict(cost or PassphraseCost()), "salt": salt}}
    with _passphrase_key(passphrase, protection) as wrapping:
        return protection, _wrap(wrapping, master, _master_label(protection), random_bytes)


def _derive(key: SecretBytes, label: bytes, salt: bytes | None = None) -> SecretBytes:
    derived = SecretBytes(KEY_BYTES)
    HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"blindmatch key 1: " + label).derive_into(key.view(), derived.view())
    return derived


def _recovery_key(secret: SecretBytes, split: bytes) -> SecretBytes:
    return _derive(secret, b"recovery", split)


def _recovery_label(split: Recovery) -> bytes:
    return b"blindmatch recovery 1: %d of %d: " % (split.needed, split.officers) + split.split + b"".join(split.checks)


def _master_label(protection: Mapping[str, Any]) -> bytes:
    return b"blindmatch master key 1: " + json.dumps(protection, sort_keys=True).encode()


def _data_label(number: int) -> bytes:
    return b"blindmatch data key 1: %d" % number


def _wrap(key: SecretBytes, secret: SecretBytes, label: bytes, random_bytes: RandomBytes) -> bytes:
    nonce = random_bytes(NONCE_BYTES)
    return nonce + AESGCM(key.view()).encrypt(nonce, secret.view(), label)


def _unwrap(key: SecretBytes, sealed: bytes, label: bytes) -> SecretBytes:
    plain = SecretBytes(KEY_BYTES)
    if len(sealed) != NONCE_BYTES + KEY_BYTES + TAG_BYTES:
        raise InvalidTag
    AESGCM(key.view()).decrypt_into(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label, plain.view())
    return plain
