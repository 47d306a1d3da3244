"""What a personal passphrase is checked against.

    verifier = {"memory_kib", "passes", "lanes", "salt", "check"}      check = Argon2id (RFC 9106) of the passphrase

The cost is the one of a node's key file, and stands in the verifier, so that it can rise later. A verifier is sealed
where it is stored: without the node's keys nobody can even begin to guess. Only who holds the passphrase passes;
the passphrase itself is kept nowhere.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from node.ids import RandomBytes
from node.store import PassphraseCost
from node.store.keyring import check_passphrase
from psi.secret import SecretBytes

__all__ = ["CHECK_BYTES", "SALT_BYTES", "make_verifier", "passes"]

SALT_BYTES = 16
CHECK_BYTES = 32


def make_verifier(passphrase: SecretBytes, random_bytes: RandomBytes, cost: PassphraseCost) -> dict[str, Any]:
    """The verifier of a passphrase, as JSON values. UserError if it is too short."""
    check_passphrase(passphrase)
    salt = random_bytes(SALT_BYTES)
    with _hashed(passphrase, salt, cost) as check:
        return {**asdict(cost), "salt": salt.hex(), "check": check.view().hex()}


def passes(passphrase: SecretBytes, verifier: Mapping[str, Any]) -> bool:
    """Whether this is the passphrase. Takes as long for a wrong one as for the right one."""
    cost = PassphraseCost(verifier["memory_kib"], verifier["passes"], verifier["lanes"])
    with _hashed(passphrase, bytes.fromhex(verifier["salt"]), cost) as check:
        return hmac.compare_digest(check.view(), bytes.fromhex(verifier["check"]))


def _hashed(passphrase: SecretBytes, salt: bytes, cost: PassphraseCost) -> SecretBytes:
    check = SecretBytes(CHECK_BYTES)
    Argon2id(
        salt=salt, length=CHECK_BYTES, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory_kib
    ).derive_into(passphrase.view(), check.view())  # type: ignore[arg-type]
    return check
