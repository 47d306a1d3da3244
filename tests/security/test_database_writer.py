"""Who can write the database of a stopped node, but has neither its passphrase nor its keys, gains no trust by it."""

import sqlite3
from pathlib import Path

import pytest

from node.errors import StateDamaged
from node.policy.budgets import Budget
from tests.support.nodes import introduce, make_folder, run
from tests.support.offices import office

CONFIRMED = "update members set state='confirmed', confirmed_by='ben', confirmed_at=added_at"
CHARGED = "insert into charges (peer, round_id, reason, elements, at) values ('p', 'r', 'x', 5, '2026-01-02T03:04:05Z')"


def write(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture(autouse=True)
def cheap_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)


@pytest.mark.tm("TM-69")
def test_a_member_whom_nobody_confirmed_is_not_trusted_after_the_next_start(tmp_path: Path) -> None:
    for alias in ("shelter", "stranger"):
        make_folder(tmp_path / alias, alias, "ngo")
    with run(tmp_path / "shelter", "shelter") as shelter, run(tmp_path / "stranger", "stranger") as stranger:
        shelter.ask("member.add", file=stranger.ask("card.show")["file"], by="ada", alias="stranger")
    write(tmp_path / "shelter", CONFIRMED)
    with pytest.raises(StateDamaged, match="outside the program"), run(tmp_path / "shelter", "shelter"):
        pytest.fail("the node started")


@pytest.mark.tm("TM-69")
def test_without_the_seal_over_its_state_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: what is sealed of a member is its card alone."""
    monkeypatch.setattr("node.identity.members._standing", lambda _columns: b"")
    with office(tmp_path / "shelter") as shelter, office(tmp_path / "stranger") as stranger:
        shelter.book.add(stranger.card_file, "ada")
        member_id = stranger.identity.member_id
        assert shelter.book.confirmed(member_id) is None
        write(tmp_path / "shelter", CONFIRMED)
        assert shelter.book.confirmed(member_id) is not None


@pytest.mark.tm("TM-69")
def test_the_seal_over_its_state_is_what_tells(tmp_path: Path) -> None:
    """The same steps as in the twin, with the seal: what is refused there is no matter of the start alone."""
    with office(tmp_path / "shelter") as shelter, office(tmp_path / "stranger") as stranger:
        shelter.book.add(stranger.card_file, "ada")
        write(tmp_path / "shelter", CONFIRMED)
        with pytest.raises(StateDamaged, match="outside the program"):
            shelter.book.confirmed(stranger.identity.member_id)


@pytest.mark.tm("TM-79")
def test_a_charge_without_an_entry_is_told_when_the_log_is_verified(tmp_path: Path) -> None:
    for alias in ("shelter", "police"):
        make_folder(tmp_path / alias, alias, "ngo")
    with run(tmp_path / "shelter", "shelter") as shelter, run(tmp_path / "police", "police") as police:
        introduce(shelter, police)
        assert shelter.ask("audit.verify")["ok"]
    write(tmp_path / "shelter", CHARGED)
    with run(tmp_path / "shelter", "shelter") as shelter:
        found = shelter.ask("audit.verify")
    assert not found["ok"]
    assert "charges to budgets are not those that the log tells of" in found["problems"][0]


@pytest.mark.tm("TM-79")
def test_without_comparing_them_it_would_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twin: only the log itself is verified, and it holds."""
    monkeypatch.setattr(Budget, "fits_log", lambda _budget: True)
    make_folder(tmp_path / "shelter", "shelter", "ngo")
    write(tmp_path / "shelter", CHARGED)
    with run(tmp_path / "shelter", "shelter") as shelter:
        assert shelter.ask("audit.verify")["ok"]


def test_a_name_that_looks_like_that_of_another_member_is_told(tmp_path: Path) -> None:
    names = {"shelter": "us", "first": "Harbour House", "second": "HARBOUR-H\u043eus\u0435"}
    for alias, name in names.items():
        make_folder(tmp_path / alias, name, "ngo")
    with (
        run(tmp_path / "shelter", "shelter") as us,
        run(tmp_path / "first", "first") as first,
        run(tmp_path / "second", "second") as second,
    ):
        assert us.ask("member.add", file=first.ask("card.show")["file"], by="ada", alias="first")["warning"] == ""
        told = us.ask("member.add", file=second.ask("card.show")["file"], by="ada", alias="second")["warning"]
    assert "looks like that of first" in told


def test_compared_letter_by_letter_it_would_not_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sabotaged twin."""
    monkeypatch.setattr("node.operations.members.name_skeleton", str)
    with pytest.raises(AssertionError):
        test_a_name_that_looks_like_that_of_another_member_is_told(tmp_path)
