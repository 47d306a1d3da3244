"""The key file as it stands on the disk: its JSON form, what is checked when it is read, and what stands in it.

    {"format": "blindmatch-key/1",
     "protection": "none" | {"argon2id": {"memory_kib", "passes", "lanes", "salt"}},
     "master": base64, sealed unless the protection is "none",
     "data_keys": {"1": base64, sealed under the master key, ...},
     "retiring": [1, ...]                                                while a rotation is under way
     "recovery": {"split", "needed", "officers", "checks", "master"}}    after `blindmatch key split`

A file that other accounts may read, that is a link, or that holds anything else is refused. What the keys are for, and
how they hang together, stands in `keyring`.
"""

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.errors import NotFound, StateDamaged, UserError
from node.store.files import FILE_MODE
from node.store.place import NO_RIGHTS_HERE

__all__ = [
    "KEY_BYTES",
    "MAX_KEY_FILE_BYTES",
    "NONCE_BYTES",
    "SALT_BYTES",
    "TAG_BYTES",
    "KeyFile",
    "PassphraseCost",
    "Recovery",
    "damaged",
    "decode",
    "dump",
    "encode",
    "parse",
    "read",
]

KEY_BYTES = 32
"""Bytes of every key: AES-256."""

MAX_KEY_FILE_BYTES = 64 * 1024
"""Largest key file read, in bytes: room for several hundred data keys."""

FORMAT = "blindmatch-key/1"
NONCE_BYTES = 12
SALT_BYTES = 16
TAG_BYTES = 16
SPLIT_BYTES = 8
_DAMAGED_ADVICE = "Restore the node from a backup (`blindmatch restore`)."


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
class Recovery:
    """The split that is in force: its id (8 bytes), how many shares are needed of how many, and for each share a check
    value (16 bytes) that says whether a share is the one that was handed out; see node.keeping.shares."""

    split: bytes
    needed: int
    officers: int
    checks: tuple[bytes, ...]


@dataclass(frozen=True)
class KeyFile:
    """What stands in the file: `master` is sealed, or the key itself where protection is None. `recovered`: the master
    key under the officers' secret, if there is one; `retiring`: data keys that a rotation is about to drop."""

    protection: Mapping[str, Any] | None
    master: bytes = field(repr=False)
    data_keys: Mapping[int, bytes] = field(repr=False)
    recovery: Recovery | None = None
    recovered: bytes = field(default=b"", repr=False)
    retiring: frozenset[int] = frozenset()


def read(path: Path) -> KeyFile:
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
                advice=f"Find out who could, then close it: `chmod 600 {path}`. {NO_RIGHTS_HERE}",
            )
        data = file.read(MAX_KEY_FILE_BYTES + 1)
    return parse(path, data)


def parse(path: Path, data: bytes) -> KeyFile:
    try:
        if len(data) > MAX_KEY_FILE_BYTES:
            raise ValueError("too large")
        raw = json.loads(data)
        if _is_newer(raw["format"]):
            raise StateDamaged(
                f"The key file {path} was written by a newer blindmatch. Nothing was changed.",
                advice="Install that version again, or restore a backup made with this one.",
            )
        return _load(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise damaged(path) from None


def _is_newer(form: str) -> bool:
    stem, _, known = FORMAT.rpartition("/")
    name, _, number = form.rpartition("/")
    return name == stem and number.isascii() and number.isdecimal() and int(number) > int(known)


def _load(raw: Any) -> KeyFile:
    if set(raw) - {"recovery", "retiring"} != {"format", "protection", "master", "data_keys"}:
        raise ValueError("not a key file")
    if raw["format"] != FORMAT:
        raise ValueError("of another format")
    protection = None if raw["protection"] == "none" else raw["protection"]
    if protection is not None:
        if set(protection) != {"argon2id"}:
            raise ValueError("unknown protection")
        settings = dict(protection["argon2id"])
        if len(decode(settings.pop("salt"))) != SALT_BYTES:
            raise ValueError("not a salt")
        PassphraseCost(**{name: _whole(value) for name, value in settings.items()}).check()
    data_keys = {int(number): decode(sealed) for number, sealed in raw["data_keys"].items()}
    if not data_keys or not all(0 < number < 2**32 for number in data_keys):
        raise ValueError("no data key")
    if {str(number) for number in data_keys} != set(raw["data_keys"]):
        raise ValueError("not the number of a data key")
    master = decode(raw["master"])
    if len(master) != (KEY_BYTES if protection is None else NONCE_BYTES + KEY_BYTES + TAG_BYTES):
        raise ValueError("not a master key")
    retiring = frozenset(_whole(number) for number in raw.get("retiring", ()))
    if retiring and (not retiring < set(data_keys) or max(data_keys) in retiring):
        raise ValueError("nothing would be left")
    recovery, recovered = _load_recovery(raw["recovery"]) if "recovery" in raw else (None, b"")
    return KeyFile(protection, master, data_keys, recovery, recovered, retiring)


def _load_recovery(raw: Mapping[str, Any]) -> tuple[Recovery, bytes]:
    if set(raw) != {"split", "needed", "officers", "checks", "master"}:
        raise ValueError("not a split")
    found = Recovery(
        bytes.fromhex(raw["split"]),
        _whole(raw["needed"]),
        _whole(raw["officers"]),
        tuple(map(bytes.fromhex, raw["checks"])),
    )
    sealed = decode(raw["master"])
    if len(found.split) != SPLIT_BYTES or len(sealed) != NONCE_BYTES + KEY_BYTES + TAG_BYTES:
        raise ValueError("not a split")
    if not 2 <= found.needed <= found.officers == len(found.checks):
        raise ValueError("not a split")
    return found, sealed


def _whole(value: object) -> int:
    """A whole number as JSON has it. 3.0 and true are none: they would reach the library that takes them for damage."""
    if type(value) is not int:
        raise ValueError("not a whole number")
    return value


def dump(file: KeyFile) -> bytes:
    readable: dict[str, Any] = {
        "format": FORMAT,
        "protection": "none" if file.protection is None else file.protection,
        "master": encode(file.master),
        "data_keys": {str(number): encode(sealed) for number, sealed in file.data_keys.items()},
    }
    if file.recovery is not None:
        split = file.recovery
        readable["recovery"] = {
            "split": split.split.hex(),
            "needed": split.needed,
            "officers": split.officers,
            "checks": [check.hex() for check in split.checks],
            "master": encode(file.recovered),
        }
    if file.retiring:
        readable["retiring"] = sorted(file.retiring)
    return json.dumps(readable, indent=1).encode() + b"\n"


def damaged(path: Path) -> StateDamaged:
    return StateDamaged(f"The key file {path} is damaged or is not a key file.", advice=_DAMAGED_ADVICE)


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
