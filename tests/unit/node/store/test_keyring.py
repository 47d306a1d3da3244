import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import NotFound, StateDamaged, UserError
from node.store import KeyRing, PassphraseCost
from node.store.files import replace_file
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
        pytest.param(lambda c: c.update(format="blindmatch-key/2"), id="newer-format"),
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
    with pytest.raises(OSError, match="space"):
        ring.rotate(os.urandom)
    assert ring.newest == 1
    assert key_file.read_bytes() == before
    assert [path.name for path in key_file.parent.iterdir()] == ["key"]


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
