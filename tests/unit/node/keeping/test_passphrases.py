"""Another passphrase, shares in files, somebody who leaves."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import NotAllowed, UserError
from node.keeping.handover import access_of, check_people, checklist, note_handover
from node.keeping.passphrases import change_passphrase, note_recovery, split_keys
from node.keeping.rotation import rotate, rotate_anew
from node.keeping.shares import combine, parse_share
from node.store import KeyRing
from node.store.keyring import WrongPassphrase
from tests.support.stores import CHEAP, PASSPHRASE, SmallNode, secret, small_node

NEW = b"a passphrase of the new person"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SmallNode]:
    with small_node(tmp_path / "state") as made:
        yield made


def parts_of(node: SmallNode) -> dict[str, Any]:
    return {"store": node.store, "keys": node.keys, "audit": node.audit, "random_bytes": os.urandom, "by": "Carl"}


def split(node: SmallNode, out: Path, needed: int = 2, officers: int = 3) -> list[Path]:
    return split_keys(
        out,
        needed=needed,
        officers=officers,
        state=node.state,
        clock=node.clock,
        organisation="Harbour",
        member_id="m",
        **parts_of(node),
    )


def events(node: SmallNode) -> list[str]:
    return [str(entry.event) for entry in node.audit.entries()]


@pytest.mark.tm("TM-139")
def test_after_a_change_only_the_new_passphrase_opens_the_node(node: SmallNode) -> None:
    change_passphrase(secret(NEW), cost=CHEAP, **parts_of(node))
    with pytest.raises(WrongPassphrase):
        KeyRing.open(node.state.key, secret())
    KeyRing.open(node.state.key, secret(NEW)).close()
    assert events(node) == ["passphrase-changed"]
    assert node.state.key.stat().st_mode & 0o777 == 0o600
    assert NEW not in node.state.key.read_bytes()


def test_a_short_passphrase_changes_nothing_and_is_not_noted(node: SmallNode) -> None:
    before = node.state.key.read_bytes()
    with pytest.raises(UserError, match="too short"):
        change_passphrase(secret(b"short"), **parts_of(node))
    assert node.state.key.read_bytes() == before
    assert events(node) == []


@pytest.mark.tm("TM-133")
def test_share_files_are_private_and_two_of_them_open_the_node(node: SmallNode, tmp_path: Path) -> None:
    files = split(node, tmp_path / "shares")
    assert [path.name for path in files] == [f"share-{number}-of-3.txt" for number in (1, 2, 3)]
    assert (tmp_path / "shares").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    shares = [(path.name, parse_share(path.read_text(), path.name)) for path in files[1:]]
    with combine(shares, KeyRing.recovery_of(node.state.key)) as together:
        opened = KeyRing.open_recovered(node.state.key, together)
    assert opened.recovery is not None
    note_recovery(node.store, node.audit, opened.recovery, "Ben")
    opened.protect(secret(NEW), os.urandom, cost=CHEAP)
    KeyRing.open(node.state.key, secret(NEW)).close()
    assert events(node) == ["key-split", "key-recovered"]
    written = node.state.key.read_bytes()
    assert not [share for _, share in shares if share.value in written or share.value.hex().encode() in written]


@pytest.mark.tm("TM-133")
def test_a_second_split_makes_the_first_shares_void(node: SmallNode, tmp_path: Path) -> None:
    first = split(node, tmp_path / "first")
    split(node, tmp_path / "second")
    old = [(path.name, parse_share(path.read_text(), path.name)) for path in first]
    with pytest.raises(UserError, match=r"share in share-1-of-3\.txt belongs to an earlier split"):
        combine(old, KeyRing.recovery_of(node.state.key))


def test_a_split_that_cannot_be_written_changes_nothing(
    node: SmallNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("x")
    before = node.state.key.read_bytes()
    with pytest.raises(UserError, match="cannot be written"):
        split(node, tmp_path / "there")
    assert (tmp_path / "there" / "mine").exists()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left"):
            split(node, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patch:
        patch.setattr("node.store.keyring.replace_file", full)
        with pytest.raises(UserError, match="It is as it was"):
            split(node, tmp_path / "out")
    assert not (tmp_path / "out").exists(), "no shares lie about that open nothing"
    assert node.state.key.read_bytes() == before


@pytest.mark.tm("TM-178")
@pytest.mark.parametrize("twin", [False, True], ids=["as-it-is", "twin"])
def test_shares_that_may_be_the_only_ones_that_open_the_node_are_not_deleted(
    node: SmallNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: bool
) -> None:
    def unconfirmed(_folder: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("node.store.files.sync_folder", unconfirmed)
        if twin:
            patch.setattr("node.keeping.passphrases.MayHaveChanged", KeyError)
        with pytest.raises(UserError, match="may have changed"):
            split(node, tmp_path / "out")
    assert (tmp_path / "out").exists() is not twin
    if not twin:
        files = sorted((tmp_path / "out").iterdir())
        shares = [(path.name, parse_share(path.read_text(), path.name)) for path in files[1:]]
        with combine(shares, KeyRing.recovery_of(node.state.key)) as together:
            KeyRing.open_recovered(node.state.key, together).close()


@pytest.mark.tm("TM-133")
def test_shares_are_not_written_beside_the_key_file_that_they_open(node: SmallNode, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(node.state.path)
    before = node.state.key.read_bytes()
    for out in (node.state.path / "shares", node.state.path, tmp_path / "way" / "shares"):
        with pytest.raises(UserError, match="inside the node's own folder"):
            split(node, out)
    assert node.state.key.read_bytes() == before
    assert events(node) == []


def test_a_node_without_a_passphrase_has_nothing_to_split(tmp_path: Path) -> None:
    with small_node(tmp_path / "state") as node:
        open_ring = KeyRing.create(tmp_path / "open", None, os.urandom)
        with pytest.raises(UserError, match="nothing that shares could recover"):
            split_keys(
                tmp_path / "out", needed=2, officers=2, state=node.state, clock=node.clock, organisation="x",
                member_id="m", **(parts_of(node) | {"keys": open_ring}),
            )  # fmt: skip


@pytest.mark.tm("TM-139")
def test_a_handover_lists_what_was_open_to_the_one_who_leaves_and_locks_the_node_anew(
    node: SmallNode, tmp_path: Path
) -> None:
    split(node, tmp_path / "shares")
    old_file = node.state.key.read_bytes()
    with node.store.transaction() as tx:
        for _ in range(3):
            node.audit.append(tx, "results-read", by="Ada", round_id="0" * 32)
        node.audit.append(tx, "results-read", by="Eve", round_id="0" * 32)
        node.audit.append(tx, "key-rotated", by="ada", state="begun")
    check_people("Ada", "Ben", "Carl")
    access = access_of(node.store, node.audit, "ada")
    assert access.did == ["read results: 3 times"]
    assert any(sentence.startswith("data sets") for sentence in access.could_see)
    note_handover(node.store, node.audit, "Ada", "Ben", "Carl")
    rotate(secret(NEW), state=node.state, cost=CHEAP, **parts_of(node))
    assert "staff-handover" in events(node)
    with pytest.raises(WrongPassphrase):
        KeyRing.open(node.state.key, secret())
    ring = KeyRing.open(node.state.key, secret(NEW))
    assert ring.recovery is None
    # What Ada may have kept: the old file with its passphrase. Its master key opens nothing in the new one.
    kept = KeyRing.from_bytes(tmp_path / "kept", old_file, secret(PASSPHRASE))
    assert set(kept._data_keys) & set(ring._data_keys) == set()
    todo = checklist("Ada", "Ben", had_shares=True)
    assert any("void" in sentence for sentence in todo)
    assert all(sentence.endswith((".", ":")) for sentence in todo)


def begun_by_the_one_who_leaves(node: SmallNode, tmp_path: Path) -> KeyRing:
    """A rotation under the passphrase of today, and nothing after it; the keys that whoever began it has."""
    node.keys.renew(secret(), os.urandom, cost=CHEAP)
    assert node.keys.retiring
    return KeyRing.from_bytes(tmp_path / "kept", node.state.key.read_bytes(), secret(PASSPHRASE))


@pytest.mark.tm("TM-139")
def test_a_handover_after_an_interrupted_rotation_makes_new_keys_under_the_new_passphrase(
    node: SmallNode, tmp_path: Path
) -> None:
    kept = begun_by_the_one_who_leaves(node, tmp_path)
    rotate_anew(secret(NEW), secret(), state=node.state, cost=CHEAP, **parts_of(node))
    with pytest.raises(WrongPassphrase):
        KeyRing.open(node.state.key, secret())
    ring = KeyRing.open(node.state.key, secret(NEW))
    assert set(kept._data_keys) & set(ring._data_keys) == set()
    assert not ring.retiring
    states = [(entry.facts["key_number"], entry.facts["state"]) for entry in node.audit.entries()]
    assert states == [(2, "finished"), (3, "begun"), (3, "finished")]


@pytest.mark.tm("TM-139")
def test_an_interrupted_rotation_does_not_drop_another_passphrase_without_a_word(
    node: SmallNode, tmp_path: Path
) -> None:
    begun_by_the_one_who_leaves(node, tmp_path)
    before = node.state.key.read_bytes()
    with pytest.raises(UserError, match="interrupted, so the passphrase cannot be changed"):
        rotate(secret(NEW), state=node.state, cost=CHEAP, **parts_of(node))
    assert (node.state.key.read_bytes(), events(node)) == (before, [])
    rotate(secret(), state=node.state, cost=CHEAP, **parts_of(node))
    assert not node.keys.retiring


@pytest.mark.tm("TM-139")
def test_twin_that_only_goes_on_leaves_keys_and_passphrase_to_the_one_who_leaves(
    node: SmallNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = begun_by_the_one_who_leaves(node, tmp_path)
    monkeypatch.setattr(KeyRing, "is_opened_by", lambda *_: True)
    rotate(secret(NEW), state=node.state, cost=CHEAP, **parts_of(node))
    assert set(kept._data_keys) & set(KeyRing.open(node.state.key, secret())._data_keys)


@pytest.mark.tm("TM-139")
def test_another_passphrase_alone_would_leave_the_keys_to_who_kept_a_copy(node: SmallNode, tmp_path: Path) -> None:
    """The twin: a handover without new keys, by the same comparison."""
    old_file = node.state.key.read_bytes()
    change_passphrase(secret(NEW), cost=CHEAP, **parts_of(node))
    kept = KeyRing.from_bytes(tmp_path / "kept", old_file, secret(PASSPHRASE))
    assert set(kept._data_keys) & set(KeyRing.open(node.state.key, secret(NEW))._data_keys)


@pytest.mark.parametrize(
    ("people", "error"),
    [
        (("Ada", "ada", "Carl"), NotAllowed),
        (("Ada", "Ben", "ADA"), NotAllowed),
        (("+49 30 90180001", "Ben", "Carl"), UserError),
        (("Ada", "", "Carl"), UserError),
    ],
)
def test_whoever_leaves_does_not_hand_over(people: tuple[str, str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        check_people(*people)
