"""A newcomer's first steps with a table of her own: nothing is lost in silence, and every answer says what to do."""

import json
import subprocess
from pathlib import Path

import pytest

from cli._exit import Exit
from tests.support.commands import INIT, blindmatch

HEADER = "Vorgang;Name;Vorname;Geb.-Datum;Mobil;Notizen;Einwilligung"
ROWS = (
    "HS-1;Novak;Ana;01.02.1990;0170 1234567;x;ja",
    "HS-2;Popa;Ion;01.02.2020;0170 1234568;x;ja",
    "HS-3;Pop;Io;01.02.1985;0170 1234569;x;nein",
)
VICTIMS = ("--record-class", "victim", "--region", "DE")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("first") / "n"
    assert blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=made).returncode == 0
    return made


def table(folder: Path, header: str = HEADER) -> Path:
    path = folder / "clients.csv"
    path.write_text("\n".join(("Clients, north office", "", header, *ROWS, "")))
    return path


def plain(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_a_preview_of_a_mapping_that_is_not_whole_shows_what_is_needed(state: Path, tmp_path: Path) -> None:
    said = plain(blindmatch("dataset", "preview", table(tmp_path, HEADER.replace("Vorgang", "Spalte")),
                            "--record-class", "victim", state=state))  # fmt: skip
    assert "row 3" in said
    assert "D Geb.-Datum birth_date its name 01.02.1990" in said
    assert "A Spalte not used - HS-1" in said
    assert "--map 'COLUMN=reference'" in said
    assert "--region" in said


def test_a_data_set_tells_what_was_used_and_how_many_are_children(state: Path, tmp_path: Path) -> None:
    said = plain(blindmatch("dataset", "add", table(tmp_path), "--name", "one", "--by", "ana", *VICTIMS, state=state))
    assert "one: 2 of 3 rows are prepared." in said
    assert "of these about children, kept out of rounds 1" in said
    assert "left out 1" in said
    assert "B Name family_name 2 0 0 0" in said
    assert "Not used: F (Notizen)." in said
    assert "Warning" not in said
    assert "take part" not in said
    assert "Removed one with its 2 prepared records." in plain(
        blindmatch("dataset", "remove", "one", "--by", "ana", state=state)
    )


def test_a_table_that_says_nothing_of_children_is_warned_of(state: Path, tmp_path: Path) -> None:
    source = table(tmp_path, HEADER.replace("Geb.-Datum", "Alter"))
    words = ("dataset", "add", source, "--name", "two", "--by", "ana", *VICTIMS)
    said = blindmatch(*words, "--json", state=state)
    assert "nobody can be left out as one" in json.loads(said.stdout)["warnings"][0]
    shown = plain(blindmatch("dataset", "preview", source, *VICTIMS, state=state))
    assert "Warning: No column says who is a child, so nobody can be left out as one." in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--map", "Handy=phone", *VICTIMS], 'no column "Handy"'),
        (["--map", "Mobile=phone", *VICTIMS], 'The closest is "Mobil"'),
        (["--record-class", "victim", "--region", "Germany"], "not a country code"),
        (["--record-class", "spies"], "record class does not exist"),
    ],
)
def test_a_wrong_word_is_told_whatever_else_is_missing(
    state: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    done = blindmatch("dataset", "preview", table(tmp_path, HEADER.replace("Vorgang", "x")), *words, state=state)
    assert done.returncode == Exit.USER
    assert told in done.stderr


def test_a_file_that_is_not_there_is_named(state: Path, tmp_path: Path) -> None:
    done = blindmatch("dataset", "preview", tmp_path / "clinets.csv", *VICTIMS, state=state)
    assert done.returncode == Exit.USER
    assert "clinets.csv" in done.stderr


def test_a_bad_address_to_listen_at_leaves_nothing(tmp_path: Path) -> None:
    done = blindmatch(
        *INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", "--listen", "here", state=tmp_path / "n"
    )
    assert done.returncode == Exit.USAGE
    assert "host:port" in done.stderr
    assert "config.toml" not in done.stderr
    assert not (tmp_path / "n").exists()


def locked(state: Path) -> Path:
    """A node whose key file needs a passphrase; the file that holds it."""
    secret = state.with_name("secret")
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    made = blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--passphrase-file", secret, state=state)
    assert made.returncode == 0
    return secret


def test_a_wrong_passphrase_names_the_file_it_came_from(tmp_path: Path) -> None:
    secret = locked(tmp_path / "n")
    secret.write_text("another horse battery\n")
    for words in (("node", "status"), ("node", "run")):
        done = blindmatch(*words, state=tmp_path / "n", BLINDMATCH_PASSPHRASE_FILE=str(secret))
        assert done.returncode == Exit.USER
        assert str(secret) in done.stderr
        assert "another" not in done.stderr


def test_who_just_started_the_node_is_not_told_to_start_it(tmp_path: Path) -> None:
    locked(tmp_path / "n")
    for words, told in (("run", False), ("status", True)):
        done = blindmatch("node", words, state=tmp_path / "n")
        assert done.returncode == Exit.USER
        assert ("Start the node" in done.stderr) is told
        assert "--passphrase-file, or BLINDMATCH_PASSPHRASE_FILE." in done.stderr


def test_the_commands_of_a_new_node_can_be_copied(tmp_path: Path) -> None:
    place = tmp_path / ("my files " + "x" * 60) / "harbour"
    place.parent.mkdir()
    words = (*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", "--folder", str(place))
    said = blindmatch(*words, state=tmp_path / "other").stdout.splitlines()
    assert f"export BLINDMATCH_STATE='{place}'" in said
    assert any(f"`blindmatch member add FILE --by NAME --folder '{place}'`" in line for line in said)


def test_settings_are_listed_with_whole_names(state: Path) -> None:
    said = blindmatch("round", "settings", "J1", state=state).stdout
    for name in ("members.ALIAS.minimum_records", "members.ALIAS.record_class", "reply.count_then_release"):
        assert any(line.split()[:1] == [name] for line in said.splitlines()), said
    assert max(map(len, said.splitlines())) <= 80


def test_the_jobs_are_listed(state: Path) -> None:
    said = plain(blindmatch("round", "templates", state=state))
    assert "J1 The same person in two projects" in said
    assert "J9 Exact image hashes" in said
    assert "J12, Joint action day: needs rounds of more than two members" in said


@pytest.mark.ci
def test_a_member_is_introduced_with_slips(state: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert blindmatch(*INIT, "--endpoint", "127.0.0.1:7444", "--no-passphrase", state=other).returncode == 0
    card = tmp_path / "card"
    assert blindmatch("card", "export", card, state=other).returncode == 0
    assert blindmatch("member", "add", card, "--alias", "police", "--by", "ana", state=state).returncode == 0
    again = plain(blindmatch("member", "add", card, "--alias", "police2", "--by", "ana", state=state))
    assert "was known as police; it is now police2" in again
    for words, told in (("abandon " * 7, "7 were given"), ("abandon " * 7 + "blindmatch", "Word 8 is not one")):
        done = blindmatch("member", "confirm", "police2", "--by", "ben", "--words", words, state=state)
        assert done.returncode == Exit.USER
        assert told in done.stderr
        assert "do not trust" not in done.stderr
    done = blindmatch("member", "confirm", "police2", "--by", "ben", "--words", "abandon " * 8, state=state)
    assert "do not trust this card" in done.stderr
    done = blindmatch("member", "confirm", "police", "--by", "ben", "--words", "abandon", state=state)
    assert done.returncode == Exit.NOT_FOUND
