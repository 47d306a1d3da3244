"""The folder of a relay: how it is made, what it may look like, and who may read what is in it."""

import os
import stat
from pathlib import Path

import pytest

from node.errors import Busy, NotFound, StateDamaged, UserError
from node.identity.cards import MemberClass, parse_card
from node.relay.folder import RelayFolder
from node.relay.running import create_relay, opened
from tests.support.offices import profile
from tests.support.relays import make_relay

PROFILE = profile("Joint Relay", member_class="relay")


@pytest.fixture
def place(tmp_path: Path) -> RelayFolder:
    make_relay(tmp_path / "relay")
    return RelayFolder(tmp_path / "relay")


def test_what_is_made_is_closed_to_others(place: RelayFolder) -> None:
    with opened(place.path):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.path.iterdir()}
    assert set(modes) == {"card", "lock", "mail.db", "mail.db-shm", "mail.db-wal", "relay.toml", "tls.key"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o700


def test_the_card_is_a_relays_and_only_the_tls_key_is_kept(place: RelayFolder) -> None:
    card = parse_card(place.card.read_bytes()).card
    assert card.member_class is MemberClass.RELAY
    keys = place.read_keys()
    assert keys.tls_cert_pem == card.certificate.pem
    assert b"PRIVATE KEY" in keys.tls_key_pem
    assert "PRIVATE" not in repr(keys)
    private = [path for path in place.path.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert private == [place.tls_key]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_not_used(place: RelayFolder, mode: int) -> None:
    place.tls_key.chmod(mode)
    with pytest.raises(StateDamaged, match="may read the key file") as caught, opened(place.path):
        pass
    assert "chmod 600" in caught.value.advice


def test_a_key_behind_a_link_is_not_used(place: RelayFolder, tmp_path: Path) -> None:
    place.tls_key.rename(tmp_path / "elsewhere")
    place.tls_key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDamaged):
        place.read_keys()


def test_an_open_folder_is_not_used(place: RelayFolder) -> None:
    place.path.chmod(0o755)
    with pytest.raises(StateDamaged, match="could enter the folder"):
        place.read_keys()


@pytest.mark.parametrize("what", ["other key", "no key", "cut card"])
def test_what_does_not_belong_together_is_not_used(place: RelayFolder, tmp_path: Path, what: str) -> None:
    if what == "cut card":
        place.card.write_bytes(place.card.read_bytes()[:-5])
    else:
        create_relay(tmp_path / "other", PROFILE, listen="127.0.0.1:0")
        key = RelayFolder(tmp_path / "other").tls_key.read_bytes()
        place.tls_key.write_bytes(key if what == "other key" else b"nothing")
    with pytest.raises(StateDamaged):
        place.read_keys()


def test_one_relay_runs_in_a_folder(place: RelayFolder) -> None:
    with place.lock():
        with pytest.raises(Busy), place.lock():
            pass
        with opened(place.path):
            pass  # commands need no lock
    with place.lock():
        pass


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        create_relay(tmp_path, PROFILE, listen="127.0.0.1:0")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_step_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("node.relay.folder.replace_file", full)
    with pytest.raises(OSError):
        create_relay(tmp_path / "relay", PROFILE, listen="127.0.0.1:0")
    assert not (tmp_path / "relay").exists()


def test_no_relay_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no relay"):
        RelayFolder(tmp_path).read_keys()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[limits]\nkeep_dayz = 3\n", "no setting"),
        ("[limits]\nkeep_days = 0\n", "not acceptable"),
        ("[node]\nlisten = '1.2.3.4:5'\n", "no setting"),
        ("[limits]\npair_mib = 1\n", "not acceptable"),
        ("[limits]\nsender_mib = 1\n", "not acceptable"),
        ("[limits]\nworkers = 3\n", "not acceptable"),
    ],
)
def test_settings_that_cannot_be_are_named(place: RelayFolder, text: str, why: str) -> None:
    place.settings.write_text(text)
    with pytest.raises(UserError, match=why), opened(place.path):
        pass
