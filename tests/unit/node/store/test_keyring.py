"""The key file: what opens it, what it keeps, and what of a damaged or foreign one is refused."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import NotFound, StateDamaged, UserError
from node.store import KeyRing, PassphraseCost
from node.store.files import replace_file
from node.store.keyring import MayHaveChanged, Recovery
from tests.support.stores import CHEAP, PASSPHRASE, secret


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    KeyRing.create(path, secret(), os.urandom, cost=CHEAP).close()
    return path


def edit(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_what_was_made_opens_again_with_the_same_keys(tmp_path: Path) -> None:
    made = KeyRing.create(tmp_path / "key", secret(), os.urandom, cost=CHEAP)
    opened = KeyRing.open(tmp_path / "key", secret())
    assert bytes(made.data_key(1).view()) == bytes(opened.data_key(1).view())
    assert bytes(made.subkey(b"a").view()) == bytes(opened.subkey(b"a").view())
    assert bytes(made.subkey(b"a").view()) != bytes(made.subkey(b"b").view())
    assert KeyRing.needs_passphrase(tmp_path / "key")


def test_without_a_passphrase_the_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "key"
    KeyRing.create(path, None, os.urandom)
    assert json.loads(path.read_text())["protection"] == "none"
    assert not KeyRing.needs_passphrase(path)
    assert KeyRing.open(path, None).newest == 1
    with pytest.raises(UserError, match="no passphrase"):
        KeyRing.open(path, secret())


def test_the_default_cost_is_the_one_of_rfc_9106(tmp_path: Path) -> None:
    KeyRing.create(tmp_path / "key", secret(), os.urandom)
    settings = json.loads((tmp_path / "key").read_text())["protection"]["argon2id"]
    assert {key: settings[key] for key in ("memory_kib", "passes", "lanes")} == {
        "memory_kib": 65536,
        "passes": 3,
        "lanes": 4,
    }


@pytest.mark.parametrize("wrong", [b"four random words hers", PASSPHRASE + b" ", PASSPHRASE[:-1]])
def test_a_wrong_passphrase_is_said_in_a_sentence(key_file: Path, wrong: bytes) -> None:
    with pytest.raises(UserError, match="passphrase is wrong") as caught:
        KeyRing.open(key_file, secret(wrong))
    assert wrong.decode() not in str(caught.value)


def test_a_missing_passphrase_is_asked_for(key_file: Path) -> None:
    with pytest.raises(UserError, match="locked"):
        KeyRing.open(key_file, None)


def test_a_short_passphrase_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too short"):
        KeyRing.create(tmp_path / "key", secret(b"short words"), os.urandom, cost=CHEAP)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()
    with pytest.raises(UserError, match="already"):
        KeyRing.create(key_file, None, os.urandom)
    assert key_file.read_bytes() == before


def test_a_missing_key_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        KeyRing.open(tmp_path / "key", None)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c: c.update(format="blindmatch-key/0"), id="another-format"),
        pytest.param(lambda c: c.update(more=1), id="unknown-field"),
        pytest.param(lambda c: c.pop("data_keys"), id="no-data-keys"),
        pytest.param(lambda c: c.update(data_keys={}), id="empty-data-keys"),
        pytest.param(lambda c: c["data_keys"].update({"2": c["data_keys"]["1"]}), id="data-key-under-another-number"),
        pytest.param(lambda c: c["data_keys"].update({"0": c["data_keys"]["1"]}), id="number-zero"),
        pytest.param(lambda c: c["data_keys"].update({"1": "AAAA"}), id="short-data-key"),
        pytest.param(lambda c: c["data_keys"].update({"1": "%%%%"}), id="not-base64"),
        pytest.param(lambda c: c.update(master="AAAA"), id="short-master"),
        pytest.param(lambda c: c.update(protection="scrypt"), id="unknown-protection"),
        pytest.param(lambda c: c.update(protection={}), id="no-protection-named"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(memory_kib=2**30), id="a-terabyte"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(passes=0), id="no-pass"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(passes=10**6), id="a-million-passes"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(lanes="4"), id="lanes-as-text"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(salt=""), id="no-salt"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(memory_kib=65536.0), id="memory-as-fraction"),
        pytest.param(lambda c: c["protection"]["argon2id"].update(lanes=True), id="lanes-as-truth"),
        pytest.param(lambda c: c.update(master=5), id="master-as-number"),
        pytest.param(lambda c: c.update(data_keys=[]), id="data-keys-as-list"),
        pytest.param(lambda c: c["data_keys"].update({" 1": c["data_keys"]["1"]}), id="number-with-space"),
        pytest.param(lambda c: c.update(retiring=[1.0]), id="retiring-as-fraction"),
        pytest.param(lambda c: c.update(retiring=5), id="retiring-as-number"),
        pytest.param(lambda c: c.update(recovery=[]), id="recovery-as-list"),
    ],
)
def test_an_altered_key_file_is_damaged(key_file: Path, change: Any) -> None:
    edit(key_file, change)
    with pytest.raises(StateDamaged, match="damaged"):
        KeyRing.open(key_file, secret())


def test_claiming_that_a_locked_file_has_no_protection_does_not_open_it(key_file: Path) -> None:
    edit(key_file, lambda c: c.update(protection="none"))
    with pytest.raises(StateDamaged):
        KeyRing.open(key_file, None)


def test_a_lower_cost_in_the_file_makes_it_unreadable(tmp_path: Path) -> None:
    KeyRing.create(tmp_path / "key", secret(), os.urandom, cost=PassphraseCost(128, 2, 1))
    edit(tmp_path / "key", lambda c: c["protection"]["argon2id"].update(passes=1))
    with pytest.raises(UserError):
        KeyRing.open(tmp_path / "key", secret())


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_damage_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("key") / "key"
    replace_file(path, data)
    with pytest.raises(StateDamaged):
        KeyRing.open(path, None)


def test_a_huge_key_file_is_not_read_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "key", b"[" * 100_000)
    with pytest.raises(StateDamaged):
        KeyRing.open(tmp_path / "key", None)


def test_rotation_that_cannot_be_written_changes_nothing(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing.open(key_file, secret())
    before = key_file.read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="It is as it was"):
        ring.rotate(os.urandom)
    assert ring.newest == 1
    assert key_file.read_bytes() == before
    assert [path.name for path in key_file.parent.iterdir()] == ["key"]


CHANGES: dict[str, Callable[[KeyRing], object]] = {
    "rotate": lambda ring: ring.rotate(os.urandom),
    "renew": lambda ring: ring.renew(secret(b"another passphrase"), os.urandom, cost=CHEAP),
    "protect": lambda ring: ring.protect(secret(b"another passphrase"), os.urandom, cost=CHEAP),
    "entrust": lambda ring: ring.entrust(secret(bytes(16)), Recovery(bytes(8), 2, 2, (bytes(16),) * 2), os.urandom),
    "drop": KeyRing.drop,
}


def unconfirmed(_folder: object) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.tm("TM-178")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_the_disk_does_not_confirm_is_told_and_is_the_one_in_memory(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    ring = KeyRing.open(key_file, secret())
    if change == "drop":
        ring.renew(secret(), os.urandom, cost=CHEAP)
    before = ring.as_file()
    with monkeypatch.context() as patch:
        patch.setattr("node.store.files.sync_folder", unconfirmed)
        with pytest.raises(MayHaveChanged, match="may have changed"):
            CHANGES[change](ring)
    assert key_file.read_bytes() == ring.as_file() != before
    passphrase = b"another passphrase" if change in ("renew", "protect") else PASSPHRASE
    found = KeyRing.open(key_file, secret(passphrase))
    held = {number: bytes(key.view()) for number, key in ring._data_keys.items()}
    assert {number: bytes(key.view()) for number, key in found._data_keys.items()} == held
    assert bytes(found._master.view()) == bytes(ring._master.view())


@pytest.mark.tm("TM-178")
def test_twin_that_takes_it_for_unchanged_goes_on_with_another_file_than_lies_there(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing.open(key_file, secret())
    monkeypatch.setattr("node.store.files.sync_folder", unconfirmed)
    monkeypatch.setattr("node.store.keyring.NotFlushed", KeyError)
    with pytest.raises(UserError, match="It is as it was"):
        ring.rotate(os.urandom)
    assert key_file.read_bytes() != ring.as_file()


def test_rotation_without_passphrase_keeps_the_file_open(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "key", None, os.urandom)
    assert [ring.rotate(os.urandom) for _ in range(3)] == [2, 3, 4]
    assert KeyRing.open(tmp_path / "key", None).newest == 4
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_neither_repr_nor_a_closed_ring_shows_a_key(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "key", None, os.urandom)
    key = ring.data_key(1)
    assert repr(ring) == "<KeyRing data keys [1]>"
    ring.close()
    assert key.wiped
