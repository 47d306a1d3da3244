"""Cosignatures in the form of C2SP tlog-cosignature.

The published example is that of the specification; the witness's key is not published with it, so what it shows here
is the form: line, time, and the message that is signed. Ours are verified with a parser and a library of their own.
"""

import base64
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.audit import BadCheckpoint, Checkpoint, NoteKey, cosign
from node.audit.checkpoint import note_parts
from node.audit.cosign import MAX_TIME, Cosignature, cosigned_note, find_cosignature, key_id
from tests.support.signed_notes import read_cosigned
from tests.support.stores import note_signer

PUBLISHED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
    "zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5"
    "nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
PUBLISHED_MESSAGE = (
    b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
    b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
)
OWNER, WITNESS = note_signer("a" * 32), note_signer("b" * 32)
SHOWN = Checkpoint.signed(4711, bytes(range(32)), OWNER)
MADE = Cosignature.made(SHOWN, OWNER.key, 1_800_000_000, WITNESS)
NOTE = cosigned_note(SHOWN, OWNER.key, [(MADE, WITNESS.key)])


def test_the_published_example_has_our_form() -> None:
    lines, signatures = note_parts(PUBLISHED.encode())
    name, data = signatures[1]
    assert (name, len(data), data[:4].hex()) == ("witness.example.com/w1", 4 + 8 + 64, "8d66cf3f")
    assert int.from_bytes(data[4:12], "big") == 1_679_315_147
    signed: list[bytes] = []
    shown = Checkpoint(int(lines[1]), base64.b64decode(lines[2]), bytes(64))
    signer = replace(WITNESS, sign=lambda message: signed.append(message) or data[12:])  # type: ignore[func-returns-value]
    made = Cosignature.made(shown, NoteKey(lines[0], bytes(32)), 1_679_315_147, signer)
    assert signed == [PUBLISHED_MESSAGE]
    assert made.signature == data[12:]


def test_the_key_id_of_a_published_key() -> None:
    """A cosigner's key as it is handed round, with its key id (transparency-dev/formats)."""
    raw = base64.b64decode("BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2")
    assert raw[0] == 4
    assert key_id(NoteKey("remora.n621.de", raw[1:])).hex() == "da77ade7"


@pytest.mark.tm("TM-212")
def test_our_note_verifies_by_the_words_of_the_specification() -> None:
    text, signed, time = read_cosigned(NOTE, OWNER.key, WITNESS.key)
    assert (text.split("\n")[1], signed, time) == ("4711", True, 1_800_000_000)
    assert find_cosignature(NOTE.encode(), SHOWN, OWNER.key, WITNESS.key) == MADE
    with pytest.raises(ValueError):
        read_cosigned(NOTE.replace("\n4711\n", "\n4712\n"), OWNER.key, WITNESS.key)


def line(data: bytes, name: str = WITNESS.key.name) -> str:
    return f"\u2014 {name} {base64.b64encode(data).decode()}\n"


ID, GOOD = key_id(WITNESS.key), MADE.time.to_bytes(8, "big") + MADE.signature
BAD: dict[str, str] = {
    "none": SHOWN.to_text(OWNER.key),
    "of another name": SHOWN.to_text(OWNER.key) + line(ID + GOOD, "blindmatch/other"),
    "of another key id": SHOWN.to_text(OWNER.key) + line(WITNESS.key.key_id + GOOD),
    "without a time": SHOWN.to_text(OWNER.key) + line(ID + MADE.signature),
    "too long": SHOWN.to_text(OWNER.key) + line(ID + GOOD + b"0"),
    "too short": SHOWN.to_text(OWNER.key) + line(ID + GOOD[:-1]),
    "another time": SHOWN.to_text(OWNER.key) + line(ID + (MADE.time + 1).to_bytes(8, "big") + MADE.signature),
    "an impossible time": SHOWN.to_text(OWNER.key) + line(ID + (MAX_TIME + 1).to_bytes(8, "big") + MADE.signature),
    "another signature": SHOWN.to_text(OWNER.key) + line(ID + GOOD[:8] + bytes(64)),
    "a good one, then a bad one": NOTE + line(ID + GOOD[:8] + bytes(64)),
    "of another checkpoint": Checkpoint.signed(4712, bytes(32), OWNER).to_text(OWNER.key) + line(ID + GOOD),
}


@pytest.mark.tm("TM-212")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_cosignature_of_this_checkpoint_is_our_error(name: str) -> None:
    note = BAD[name].encode()
    shown = SHOWN if name != "of another checkpoint" else Checkpoint.signed(4712, bytes(32), OWNER)
    with pytest.raises(BadCheckpoint):
        find_cosignature(note, shown, OWNER.key, WITNESS.key)


# The other cases are refused for their form, by a parser that has its property test below.
@pytest.mark.tm("TM-212")
@pytest.mark.parametrize(
    "name", ["another time", "another signature", "a good one, then a bad one", "of another checkpoint"]
)
def test_a_cosignature_that_nobody_verifies_would_be_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr(Cosignature, "verify", lambda *_parts: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_what_is_no_cosignature_of_this_checkpoint_is_our_error(name)


@pytest.mark.tm("TM-212")
def test_a_line_of_whatever_name_or_key_would_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin of the key id: all keys of one name have the same, so the owner's checkpoint line of a
    witness's own log is read as its cosignature, and only the length of it still tells."""
    monkeypatch.setattr(cosign, "key_id", lambda key: key.key_id)
    note = BAD["of another key id"].encode()
    assert find_cosignature(note, SHOWN, OWNER.key, WITNESS.key) == MADE


@given(st.binary(max_size=300))
def test_any_bytes_give_our_error(data: bytes) -> None:
    with suppress(BadCheckpoint):
        note_parts(data)
    with pytest.raises(BadCheckpoint):
        find_cosignature(data, SHOWN, OWNER.key, WITNESS.key)
    with suppress(BadCheckpoint):
        find_cosignature(NOTE.encode()[: len(data)] + data, SHOWN, OWNER.key, WITNESS.key)


def test_a_time_that_no_cosignature_can_carry_is_a_mistake() -> None:
    for time in (-1, MAX_TIME + 1):
        with pytest.raises(ValueError):
            Cosignature.made(SHOWN, OWNER.key, time, WITNESS)


def test_a_key_that_is_none_verifies_nothing() -> None:
    with pytest.raises(BadCheckpoint):
        MADE.verify(SHOWN, OWNER.key, NoteKey(WITNESS.key.name, b"short"))
