"""The keys of one node, in one file.

    passphrase --Argon2id--> wrapping key --AES-256-GCM--> master key --HKDF-SHA256(label)--> sub-keys
                                                               └--AES-256-GCM--> data key 1, 2, ... (sealed cells)

Argon2id is RFC 9106; the default cost is its second recommended choice (64 MiB, 3 passes, 4 lanes), which an old
laptop can pay. The cost stands in the file, so that it can rise later. Without a passphrase the master key stands in
the file as it is, and the file says so ("protection": "none"): then whoever reads the file reads everything.

Rotation adds a data key: new cells are sealed under the newest, old cells stay readable. Keys live in wipeable
buffers; copies inside OpenSSL and short-lived ones that Python makes while parsing the file are beyond our reach.
Not promised: protection on a machine whose running node is compromised, or against putting back an older key file.
"""

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import NotFound, StateDamaged, UserError
from node.ids import RandomBytes
from node.store.files import FILE_MODE, replace_file
from psi.secret import SecretBytes

__all__ = ["KEY_BYTES", "MIN_PASSPHRASE_BYTES", "KeyRing", "PassphraseCost", "WrongPassphrase"]

KEY_BYTES = 32
"""Bytes of every key: AES-256."""

MIN_PASSPHRASE_BYTES = 12
"""Shortest passphrase accepted, in bytes of UTF-8."""

MAX_KEY_FILE_BYTES = 64 * 1024
"""Largest key file read, in bytes: room for several hundred data keys."""

FORMAT = "blindmatch-key/1"
NONCE_BYTES = 12
SALT_BYTES = 16
TAG_BYTES = 16
_DAMAGED_ADVICE = "Restore the file `key` from a backup or from your recovery key."


class WrongPassphrase(UserError):
    """The passphrase does not open this key file. Whoever read it from a file can say which."""


@dataclass(frozen=True)
class PassphraseCost:
    """What one guess of the passphrase costs (RFC 9106, section 3.1)."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4

    def check(self) -> None:
        """Bounds on what a key file may ask of this machine: up to 1 GiB of memory, 64 passes, 16 lanes."""
        if not (8 * self.lanes <= self.memory_kib <= 1024 * 1024 and 1 <= self.passes <= 64 and 1 <= self.lanes <= 16):
            raise ValueError("cost out of bounds")


@dataclass(frozen=True)
class _KeyFile:
    """What stands in the file: `master` is sealed, or the key itself where protection is None."""

    protection: Mapping[str, Any] | None
    master: bytes = field(repr=False)
    data_keys: Mapping[int, bytes] = field(repr=False)


class KeyRing:
    """The open key file. `repr` shows key numbers only."""

    def __init__(self, path: Path, file: _KeyFile, master: SecretBytes, data_keys: dict[int, SecretBytes]) -> None:
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
        master = _fresh(random_bytes)
        if passphrase is None:
            file = _KeyFile(None, bytes(master.view()), {})
        else:
            if passphrase.size < MIN_PASSPHRASE_BYTES:
                raise UserError(
                    f"The passphrase is too short: {MIN_PASSPHRASE_BYTES} characters at least.",
                    advice="Four or five random words make a good one.",
                )
            salt = _encode(random_bytes(SALT_BYTES))
            protection = {"argon2id": {**asdict(cost or PassphraseCost()), "salt": salt}}
            with _passphrase_key(passphrase, protection) as wrapping:
                sealed = _wrap(wrapping, master, _master_label(protection), random_bytes)
            file = _KeyFile(protection, sealed, {})
        ring = cls(path, file, master, {})
        ring.rotate(random_bytes)
        return ring

    @classmethod
    def open(cls, path: Path, passphrase: SecretBytes | None) -> "KeyRing":
        """Read the key file.

        Raises NotFound without one, StateDamaged if other accounts may read it or it was altered, UserError if the
        passphrase is missing, wrong, or given where the file has none, or if this account may not read the file.
        """
        file = _read(path)
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
        try:
            with _derive(master, b"data keys") as wrapping:
                keys = {n: _unwrap(wrapping, sealed, _data_label(n)) for n, sealed in file.data_keys.items()}
        except InvalidTag:
            master.wipe()
            raise _damaged(path) from None
        return cls(path, file, master, keys)

    @staticmethod
    def needs_passphrase(path: Path) -> bool:
        """Whether the key file at `path` is locked. Raises as `open`, except for the passphrase."""
        return _read(path).protection is not None

    @property
    def newest(self) -> int:
        """The number of the data key that new cells are sealed under."""
        return max(self._data_keys)

    def data_key(self, number: int) -> SecretBytes:
        """The data key of that number, the ring's own buffer: do not wipe it. KeyError if there is none."""
        return self._data_keys[number]

    def subkey(self, label: bytes) -> SecretBytes:
        """32 bytes for one purpose, the same every time for the same label. The caller wipes the buffer."""
        return _derive(self._master, b"subkey " + label)

    def rotate(self, random_bytes: RandomBytes) -> int:
        """Add a data key and write the file; the number of the new key."""
        number = max(self._data_keys, default=0) + 1
        key = _fresh(random_bytes)
        with _derive(self._master, b"data keys") as wrapping:
            sealed = _wrap(wrapping, key, _data_label(number), random_bytes)
        changed = replace(self._file, data_keys={**self._file.data_keys, number: sealed})
        replace_file(self._path, _dump(changed))
        # Only now: a key that is not on the disk must not seal anything.
        self._file = changed
        self._data_keys[number] = key
        return number

    def close(self) -> None:
        """Wipe every key of the ring."""
        self._master.wipe()
        for key in self._data_keys.values():
            key.wipe()


def _read(path: Path) -> _KeyFile:
    """The checked content of a key file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise NotFound(
            f"There is no key file in the folder {path.parent}.", advice="Make a node with `blindmatch node init`."
        ) from None
    except PermissionError:
        raise UserError(
            f"You may not read the key file {path}.",
            advice="Run blindmatch as the account that the node's folder belongs to.",
        ) from None
    except OSError as error:
        raise StateDamaged(f"The key file {path} cannot be opened: {error.strerror}.", advice=_DAMAGED_ADVICE) from None
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode != FILE_MODE:
            raise StateDamaged(
                f"The key file {path} has mode {mode:04o}: other accounts may have read it.",
                advice=f"Find out who could, then close it: chmod 600 {path}",
            )
        data = file.read(MAX_KEY_FILE_BYTES + 1)
    try:
        if len(data) > MAX_KEY_FILE_BYTES:
            raise ValueError("too large")
        return _load(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged(path) from None


def _load(data: bytes) -> _KeyFile:
    raw = json.loads(data)
    if set(raw) != {"format", "protection", "master", "data_keys"} or raw["format"] != FORMAT:
        raise ValueError("not a key file")
    protection = None if raw["protection"] == "none" else raw["protection"]
    if protection is not None:
        if set(protection) != {"argon2id"}:
            raise ValueError("unknown protection")
        settings = dict(protection["argon2id"])
        if len(_decode(settings.pop("salt"))) != SALT_BYTES:
            raise ValueError("not a salt")
        PassphraseCost(**settings).check()
    data_keys = {int(number): _decode(sealed) for number, sealed in raw["data_keys"].items()}
    if not data_keys or not all(0 < number < 2**32 for number in data_keys):
        raise ValueError("no data key")
    master = _decode(raw["master"])
    if len(master) != (KEY_BYTES if protection is None else NONCE_BYTES + KEY_BYTES + TAG_BYTES):
        raise ValueError("not a master key")
    return _KeyFile(protection, master, data_keys)


def _dump(file: _KeyFile) -> bytes:
    readable = {
        "format": FORMAT,
        "protection": "none" if file.protection is None else file.protection,
        "master": _encode(file.master),
        "data_keys": {str(number): _encode(sealed) for number, sealed in file.data_keys.items()},
    }
    return json.dumps(readable, indent=1).encode() + b"\n"


def _damaged(path: Path) -> StateDamaged:
    return StateDamaged(f"The key file {path} is damaged or is not a key file.", advice=_DAMAGED_ADVICE)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


def _fresh(random_bytes: RandomBytes) -> SecretBytes:
    key = SecretBytes(KEY_BYTES)
    key.view()[:] = random_bytes(KEY_BYTES)
    return key


def _passphrase_key(passphrase: SecretBytes, protection: Mapping[str, Any]) -> SecretBytes:
    settings = protection["argon2id"]
    key = SecretBytes(KEY_BYTES)
    Argon2id(
        salt=_decode(settings["salt"]),
        length=KEY_BYTES,
        iterations=settings["passes"],
        lanes=settings["lanes"],
        memory_cost=settings["memory_kib"],
    ).derive_into(passphrase.view(), key.view())  # type: ignore[arg-type]
    return key


def _derive(master: SecretBytes, label: bytes) -> SecretBytes:
    key = SecretBytes(KEY_BYTES)
    HKDF(SHA256(), KEY_BYTES, salt=None, info=b"blindmatch key 1: " + label).derive_into(master.view(), key.view())
    return key


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
