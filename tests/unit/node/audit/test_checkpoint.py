"""Checkpoints in the C2SP form.

The published examples come from the Go project: a key of the `sumdb/note` package's documentation, and a checkpoint
of its checksum database, which the C2SP page shows under other names.
"""

import base64
from contextlib import suppress

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from node.audit import BadCheckpoint, Checkpoint, NoteKey, parse_checkpoint
from node.audit import checkpoint as module
from tests.support.stores import MEMBER, note_signer

GO = NoteKey("sum.golang.org", base64.b64decode("Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")[1:])
GO_ORIGIN = "go.sum database tree"
GO_NOTE = (
    "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
SIGNER = note_signer()
ROOT = bytes(range(32))
MADE = Checkpoint.signed(4711, ROOT, SIGNER)
NOTE = MADE.to_text(SIGNER.key)
TEXT, _, SIGNATURE = NOTE.partition("\n\n")


def test_the_published_checkpoint_verifies() -> None:
    found = parse_checkpoint(GO_NOTE.encode(), GO, origin=GO_ORIGIN)
    assert found.tree_size == 20852163
    assert base64.b64encode(found.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


def test_the_key_ids_of_published_keys() -> None:
    assert GO.key_id.hex() == "033de0ae"
    other = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert NoteKey("PeterNeumann", other[1:]).key_id.hex() == "c74f20a3"


def test_our_note_has_the_published_form() -> None:
    assert TEXT.split("\n") == [f"blindmatch/{MEMBER}", "4711", base64.b64encode(ROOT).decode()]
    dash, name, encoded = SIGNATURE.split(" ")
    assert (dash, name) == ("\u2014", f"blindmatch/{MEMBER}")
    # Checked without our own code, from the specification alone.
    raw = base64.b64decode(encoded)
    Ed25519PublicKey.from_public_bytes(SIGNER.key.public_key).verify(raw[4:], TEXT.encode() + b"\n")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(SIGNER.key.public_key).verify(raw[4:], TEXT.encode())


def test_both_forms_come_back() -> None:
    assert parse_checkpoint(NOTE.encode(), SIGNER.key) == MADE
    assert Checkpoint.from_bytes(MADE.to_bytes()) == MADE
    assert len(MADE.to_bytes()) == 104


def test_signatures_of_others_are_passed_over() -> None:
    other = note_signer("c" * 32)
    line = Checkpoint.signed(1, ROOT, other).to_text(other.key).splitlines()[-1]
    same_name = note_signer()
    twin = Checkpoint.signed(1, ROOT, same_name).to_text(same_name.key).splitlines()[-1]
    assert parse_checkpoint(f"{TEXT}\n\n{line}\n{twin}\n{SIGNATURE}".encode(), SIGNER.key) == MADE
    with pytest.raises(BadCheckpoint, match="did not sign"):
        parse_checkpoint(f"{TEXT}\n\n{line}\n{twin}\n".encode(), SIGNER.key)


def again(key_name: str = SIGNER.key.name, data: bytes = SIGNER.key.key_id + MADE.signature) -> str:
    return f"\u2014 {key_name} {base64.b64encode(data).decode()}\n"


NO_BREAK, BELL = "a\u00a0b", "a\x07b"
BAD_NOTES: dict[str, str | bytes] = {
    "empty": "",
    "no-signature": f"{TEXT}\n",
    "no-signature-line": f"{TEXT}\n\n",
    "no-empty-line": f"{TEXT}\n{SIGNATURE}",
    "no-last-newline": NOTE[:-1],
    "two-last-newlines": NOTE + "\n",
    "carriage-returns": NOTE.replace("\n", "\r\n"),
    "hyphen": NOTE.replace("\u2014", "-"),
    "two-spaces": NOTE.replace("\u2014 ", "\u2014  "),
    "other-origin": "x" + NOTE,
    "other-size": NOTE.replace("\n4711\n", "\n4712\n"),
    "zero-before": NOTE.replace("\n4711\n", "\n04711\n"),
    "plus-before": NOTE.replace("\n4711\n", "\n+4711\n"),
    "other-digits": NOTE.replace("\n4711\n", "\n٤٧١١\n"),
    "no-size": NOTE.replace("\n4711\n", "\n\n"),
    "huge-size": NOTE.replace("\n4711\n", "\n9999999999999999999\n"),
    "short-root": NOTE.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT[:31]).decode()),
    "root-with-loose-bits": NOTE.replace("Hh8=", "Hh9="),
    "extension-line": f"{TEXT}\nmore\n\n{SIGNATURE}",
    "text-with-empty-line": f"{TEXT}\n\nmore\n\n{SIGNATURE}",
    "key-name-with-plus": f"{TEXT}\n\n{again('a+b')}{again()}",
    "key-name-with-space": f"{TEXT}\n\n{again(NO_BREAK)}{again()}",
    "no-key-name": f"{TEXT}\n\n{again('')}{again()}",
    "signature-too-short": f"{TEXT}\n\n{again(data=SIGNER.key.key_id + MADE.signature[:63])}",
    "signature-too-long": f"{TEXT}\n\n{again(data=SIGNER.key.key_id + MADE.signature + b'0')}",
    "only-a-key-id": f"{TEXT}\n\n{again(data=SIGNER.key.key_id)}{again()}",
    "good-then-bad": f"{TEXT}\n\n{again()}{again(data=SIGNER.key.key_id + bytes(64))}",
    "too-many-signatures": f"{TEXT}\n\n{again() * 17}",
    "too-long": f"{TEXT}\n\n{again('x' * 20_000)}{again()}",
    "control-character": f"{TEXT}\n\n{again(BELL)}{again()}",
    "not-utf-8": NOTE.encode() + b"\xff",
    "base64-with-spaces": f"{TEXT}\n\n{SIGNATURE.strip()} \n",
}


@pytest.mark.parametrize("name", BAD_NOTES)
def test_a_bad_note_is_refused(name: str) -> None:
    note = BAD_NOTES[name]
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(note if isinstance(note, bytes) else note.encode(), SIGNER.key)


def test_the_wrong_key_or_origin_is_refused() -> None:
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(NOTE.encode(), note_signer().key)
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(GO_NOTE.encode(), GO)
    with pytest.raises(BadCheckpoint):
        MADE.verify(SIGNER.key, origin="elsewhere")
    with pytest.raises(BadCheckpoint):
        MADE.verify(NoteKey(SIGNER.key.name, b"short"))


def flipped_and_accepted() -> int:
    accepted = 0
    data = NOTE.encode()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            parse_checkpoint(bytes(changed), SIGNER.key)
            accepted += 1
        except BadCheckpoint:
            continue
    return accepted


def test_no_bit_of_a_note_can_be_changed() -> None:
    assert flipped_and_accepted() == 0


def test_twin_without_the_signature_check_changes_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.Checkpoint, "verify", lambda *parts, **named: None)
    assert flipped_and_accepted() > 0


@pytest.mark.parametrize("data", [b"", bytes(103), bytes(105), b"\xff" * 104])
def test_a_bad_fixed_form_is_refused(data: bytes) -> None:
    with pytest.raises(BadCheckpoint):
        Checkpoint.from_bytes(data)


LINES = st.lists(st.sampled_from([*NOTE.split("\n"), "", "0", "\u2014 a b", "\u2014", " "]), max_size=12)


@given(st.one_of(st.binary(max_size=300), LINES.map(lambda lines: "\n".join(lines).encode())))
def test_any_bytes_give_a_checkpoint_or_our_error(data: bytes) -> None:
    with suppress(BadCheckpoint):
        assert parse_checkpoint(data, SIGNER.key) == MADE
    with suppress(BadCheckpoint):
        assert Checkpoint.from_bytes(data).to_bytes() == data


def test_neither_key_nor_signer_shows_its_function() -> None:
    assert "sign=" not in repr(SIGNER)
