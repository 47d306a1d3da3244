"""The primitives that we call through `cryptography` give Wycheproof's verdicts: Ed25519, AES-256-GCM, HKDF-SHA256.

Only what this project uses is asked: keys of 256 bits, nonces of 96 and tags of 128 for AES-GCM. ECDSA and X25519
belong to TLS, which OpenSSL does by itself.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.wire.signing import labelled, verify

FOLDER = Path(__file__).parent
COUNTS = {"ed25519": 151, "aes_gcm": 66, "hkdf_sha256": 86}


def cases(name: str) -> list[Any]:
    found = json.loads((FOLDER / f"wycheproof_{name}.json").read_text())["cases"]
    return [pytest.param(case, id=f"{case['id']}") for case in found]


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_every_case_is_there(name: str, count: int) -> None:
    assert len(cases(name)) == count


@pytest.mark.parametrize("case", cases("ed25519"))
def test_ed25519(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # The vectors sign bare messages; ours always stand behind a label, so the label is taken off for them.
    monkeypatch.setattr("node.wire.signing.labelled", lambda _label, data: data)
    key, message, signature = (bytes.fromhex(case[part]) for part in ("key", "message", "signature"))
    assert verify(key, b"wycheproof", message, signature) is case["valid"], case["why"]


def test_a_label_changes_what_is_signed() -> None:
    assert labelled(b"one", b"data") != labelled(b"two", b"data") != b"data"


@pytest.mark.parametrize("case", cases("aes_gcm"))
def test_aes_gcm(case: dict[str, Any]) -> None:
    key, nonce, data, plaintext, sealed = (
        bytes.fromhex(case[part]) for part in ("key", "nonce", "data", "plaintext", "sealed")
    )
    if case["valid"]:
        assert AESGCM(key).encrypt(nonce, plaintext, data) == sealed, case["why"]
        assert AESGCM(key).decrypt(nonce, sealed, data) == plaintext, case["why"]
    else:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(nonce, sealed, data)


@pytest.mark.parametrize("case", cases("hkdf_sha256"))
def test_hkdf_sha256(case: dict[str, Any]) -> None:
    secret, salt, info = (bytes.fromhex(case[part]) for part in ("secret", "salt", "info"))
    if case["valid"]:
        made = HKDF(SHA256(), case["length"], salt, info).derive(secret)
        assert made == bytes.fromhex(case["key"]), case["why"]
    else:
        with pytest.raises(ValueError, match=r".+"):
            HKDF(SHA256(), case["length"], salt, info)
