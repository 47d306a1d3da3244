"""`blindmatch dataset` as a person uses it: report, marked copy, refresh, stop-lists, profiles, locked workbooks."""

import json
import subprocess
from pathlib import Path

import openpyxl
import pytest

from cli._exit import Exit
from tests.support.commands import INIT, blindmatch

TERMS = ("--record-class", "victim", "--region", "DE", "--by", "ana")
HEADER = "Case,Phone,Consent,SOS"
MAP = ("--map", "SOS=urgent_danger")
ROWS = ("C-1,+49 30 90180001,yes,", "C-2,12,yes,", "C-3,+49 30 90180003,no,", "C-4,+49 30 90180004,,yes")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("datasets") / "n"
    assert blindmatch(*INIT, "--endpoint", "127.0.0.1:7443", "--no-passphrase", state=made).returncode == 0
    return made


def table(folder: Path, *rows: str) -> Path:
    path = folder / "clients.csv"
    path.write_text("\n".join((HEADER, *rows, "")))
    return path


def plain(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def answer(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_report_is_a_table_a_document_and_a_marked_copy(state: Path, tmp_path: Path) -> None:
    source, copy = table(tmp_path, *ROWS), tmp_path / "marked.xlsx"
    words = ("dataset", "add", source, "--name", "one", *TERMS, *MAP, "--marked-copy", copy)
    said = plain(blindmatch(*words, state=state))
    assert "one: 1 of 4 rows are prepared." in said
    assert "B Phone phone 1 0 1 0" in said
    assert "B3" in said
    assert f"marked cells was made. It holds your raw data: {copy}" in said
    assert copy.stat().st_mode & 0o777 == 0o600
    assert openpyxl.load_workbook(copy).worksheets[0]["B3"].comment is not None
    report = answer(blindmatch("dataset", "report", "one", "--json", state=state))
    phone = next(column for column in report["columns"] if column["name"] == "Phone")
    assert (phone["accepted"], phone["repaired"], phone["refused"], phone["blank"]) == (1, 0, 1, 0)
    assert {problem["address"] for problem in report["problems"]} >= {"B3", "C4"}
    assert report["changes"] is None
    again = blindmatch(*words[:4], "two", *words[5:], state=state)
    assert again.returncode == Exit.USER
    assert "already a file" in again.stderr


def test_urgent_danger_takes_a_second_person(state: Path, tmp_path: Path) -> None:
    source = table(tmp_path, *ROWS)
    words = ("dataset", "add", source, "--name", "urgent", *TERMS, *MAP, "--second")
    alone = blindmatch(*words, "Ana", state=state)
    assert alone.returncode == Exit.USER
    assert "second person" in alone.stderr
    said = plain(blindmatch(*words, "ben", state=state))
    assert "in urgent danger, without a consent 1" in said
    entries = answer(blindmatch("audit", "show", "--json", state=state))["entries"]
    facts = entries[-1]["facts"]
    assert (facts["by"], facts["second"], facts["urgent"]) == ("ana", "ben", 1)


@pytest.mark.ci
def test_a_data_set_is_refreshed_from_its_own_file_or_another(state: Path, tmp_path: Path) -> None:
    source = table(tmp_path, *ROWS)
    blindmatch("dataset", "add", source, "--name", "cases", *TERMS, *MAP, state=state)
    table(tmp_path, *ROWS, "C-5,+49 30 90180005,yes,")
    said = plain(blindmatch("dataset", "refresh", "cases", "--by", "ana", state=state))
    assert "cases is now version 2: 2 of 5 rows are prepared." in said
    assert "taken over unchanged 1" in said
    other = tmp_path / "june.csv"
    other.write_text("\n".join((HEADER, ROWS[0], "")))
    changes = answer(blindmatch("dataset", "refresh", "cases", other, "--by", "ana", "--json", state=state))["changes"]
    assert changes == {"taken_over": 1, "prepared": 0, "gone": 1, "withdrawn": 0, "told": []}
    other.unlink()
    gone = blindmatch("dataset", "refresh", "cases", "--by", "ana", state=state)
    assert gone.returncode == Exit.USER
    assert "june.csv" in gone.stderr
    assert "no such data set" in blindmatch("dataset", "refresh", "none", "--by", "ana", state=state).stderr


@pytest.mark.ci
def test_what_was_remembered_of_a_workbook_does_not_hinder_a_csv_file(state: Path, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Cases")
    for row in (HEADER.split(","), ROWS[0].split(",")):
        book["Cases"].append(row)
    book.save(tmp_path / "may.xlsx")
    added = ("dataset", "add", tmp_path / "may.xlsx", "--name", "sheets", *TERMS, *MAP, "--sheet", "Cases")
    assert blindmatch(*added, state=state).returncode == 0
    refresh = ("dataset", "refresh", "sheets", "--by", "ana")
    assert "version 2" in plain(blindmatch(*refresh, table(tmp_path, *ROWS), state=state))
    assert "version 3" in plain(blindmatch(*refresh, tmp_path / "may.xlsx", "--sheet", "Cases", state=state))
    book["Cases"].title = "June"
    book.save(tmp_path / "june.xlsx")
    other = blindmatch(*refresh, tmp_path / "june.xlsx", state=state)
    assert other.returncode == Exit.USER
    assert "opened as last time, with --sheet 'Cases'" in " ".join(other.stderr.split())
    assert "have no" not in other.stderr
    said = blindmatch(*refresh, table(tmp_path, *ROWS), "--sheet", "Cases", state=state)
    assert "has no sheets" in said.stderr


@pytest.mark.ci
def test_rows_in_urgent_danger_are_not_lost_without_a_word(state: Path, tmp_path: Path) -> None:
    source, copy = table(tmp_path, *ROWS), tmp_path / "marked.xlsx"
    words = ("dataset", "add", source, "--name", "danger", *TERMS, *MAP, "--marked-copy", copy, "--second")
    assert blindmatch(*words, "ana", state=state).returncode == Exit.USER
    assert not copy.exists()  # so that the same command does its work with another name
    assert blindmatch(*words, "ben", state=state).returncode == 0
    said = plain(blindmatch("dataset", "refresh", "danger", "--by", "ana", state=state))
    assert "1 row in urgent danger took part" in said
    assert "`blindmatch dataset refresh danger --by NAME --second NAME`" in said
    said = plain(blindmatch("dataset", "refresh", "danger", "--by", "ana", "--second", "ben", state=state))
    assert "took part" not in said


@pytest.mark.ci
def test_the_list_inside_a_record_is_named_on_the_command_line(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "forms.jsonl"
    people = ({"phone": "+49 30 90180001"}, {"phone": "+49 30 90180002"})
    path.write_text(json.dumps({"_uuid": "u-1", "consent": "yes", "household": people}) + "\n")
    words = ("dataset", "preview", path, *TERMS[:4], "--json")
    explode = ("--explode", "household")
    columns = ("--map", "_uuid=reference", "--map", "household.phone=phone")
    found = answer(blindmatch(*words, state=state))
    assert "--explode" in found["notes"][0]
    found = answer(blindmatch(*words, *explode, *columns, state=state))
    assert (found["explode"], len(found["rows"])) == ("household", 2)
    profile = ("--profile", "kobo-odk-repeat-json")
    refused = blindmatch(*words, *profile, state=state)  # its list is called people
    assert refused.returncode == Exit.USER
    assert "--explode" in refused.stderr
    assert answer(blindmatch(*words, *profile, *explode, state=state))["explode"] == "household"
    assert answer(blindmatch(*words, *profile, "--explode", "", state=state))["explode"] == ""
    added = ("dataset", "add", path, "--name", "forms", *TERMS, *explode, *columns)
    assert answer(blindmatch(*added, "--json", state=state))["dataset"]["records"] == 2
    refresh = ("dataset", "refresh", "forms", "--by", "ana", "--json")
    assert answer(blindmatch(*refresh, state=state))["dataset"]["records"] == 2
    other = blindmatch(*words, "--explode", "people", state=state)
    assert "in none of the lines" in other.stderr
    other = blindmatch("dataset", "preview", table(tmp_path, *ROWS), *TERMS[:4], *explode, state=state)
    assert "Only JSON Lines has" in " ".join(other.stderr.split())


def test_a_preview_says_of_how_many_rows_it_speaks_and_what_comes_next(state: Path, tmp_path: Path) -> None:
    said = plain(blindmatch("dataset", "preview", table(tmp_path, *ROWS), *TERMS[:4], "--rows", "2", state=state))
    assert "Of the 2 rows shown:" in said
    assert "Nothing was stored" in said
    book = openpyxl.Workbook()
    book.active.append(["Numbers of the year", "12"])
    book.create_sheet("Cases")
    book.save(tmp_path / "two.xlsx")
    done = blindmatch("dataset", "preview", tmp_path / "two.xlsx", *TERMS[:4], state=state)
    assert done.returncode == Exit.USER
    assert "--sheet 'Cases'" in done.stdout


LETTER = """Dear colleagues,
we met a young woman at the harbour last night, who says that her sister is with you.
She asks you to ring her, but not before Monday, and not at her home.
"""


@pytest.mark.parametrize("text", [LETTER, LETTER.replace(",", "")], ids=["commas", "none"])
def test_a_letter_is_told_to_be_no_table(state: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "letter.csv").write_text(text)
    words = ("dataset", "preview", tmp_path / "letter.csv", *TERMS[:4])
    done = blindmatch(*words, state=state)
    said = " ".join(done.stdout.split())
    assert done.returncode == Exit.USER, done.stderr
    assert "does not look like a table with identifiers" in said
    assert "a row for each person" in said
    assert "--map" in said
    assert "who is a child" not in said  # of what is no table, that would only lead astray
    assert blindmatch(*words, "--json", state=state).returncode == Exit.USER


@pytest.mark.parametrize("header", ["Who,Tel", "Case,Memo"])
def test_one_column_that_is_known_makes_it_a_table(state: Path, tmp_path: Path, header: str) -> None:
    (tmp_path / "list.csv").write_text(f"{header}\nx,we spoke\n")
    said = plain(blindmatch("dataset", "preview", tmp_path / "list.csv", *TERMS[:4], state=state))
    assert "Still needed" in said
    assert "does not look like a table" not in said


def test_cells_that_look_like_something_make_it_a_table(state: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"x,+49 30 901{number}80{number}{number}{number}" for number in range(8))
    (tmp_path / "list.csv").write_text(f"Eins,Zwei\n{rows}\n")
    said = plain(blindmatch("dataset", "preview", tmp_path / "list.csv", *TERMS[:4], state=state))
    assert "its cells look like phone" in said
    assert "does not look like a table" not in said


@pytest.mark.ci
def test_a_stop_list_comes_from_a_file_or_standard_input(state: Path, tmp_path: Path) -> None:
    source = table(tmp_path, ROWS[0], "C-6,+49 30 90180006,yes,")
    blindmatch("dataset", "add", source, "--name", "stopped", *TERMS, *MAP, state=state)
    values = tmp_path / "own.txt"
    values.write_text("phone +49 30 90180006\nemail desk@harbour.example\n")
    add = ("dataset", "stop-list", "add", "own", "--by", "ana")
    said = plain(blindmatch(*add, values, state=state))
    assert "2 values new on the list." in said
    assert "stopped was prepared before this" in said
    said = plain(blindmatch(*add, "--stdin", "--kind", "phone", "--region", "DE", state=state, stdin="030 90180007\n"))
    assert "1 value new on the list." in said
    listed = plain(blindmatch("dataset", "stop-list", "list", state=state))
    assert "1 email, 2 phone" in listed
    assert "90180006" not in listed
    assert "+493090180006" in plain(blindmatch("dataset", "stop-list", "show", "own", "--by", "ana", state=state))
    assert "before the stop-list changed" in plain(blindmatch("dataset", "list", state=state))
    said = plain(blindmatch("dataset", "refresh", "stopped", "--by", "ana", state=state))
    assert "contact of your own" in said
    assert "stopped: It was prepared" not in plain(blindmatch("dataset", "list", state=state))
    assert "3 values removed." in plain(blindmatch("dataset", "stop-list", "remove", "own", "--by", "ana", state=state))


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        ([], None, "Name a file"),
        (["--stdin", "own.txt"], "", "Name a file"),
        (["--stdin"], "phone 12\n", "line 1 cannot be read"),
        (["--stdin"], "CANARY-7741\n", "line 1 cannot be read"),
        (["--stdin", "--kind", "telephone"], "12\n", "The kinds are: phone,"),
        (["nowhere.txt"], None, "cannot be read"),
    ],
)
def test_a_stop_list_that_cannot_be_read(state: Path, words: list[str], stdin: str | None, told: str) -> None:
    done = blindmatch("dataset", "stop-list", "add", "bad", "--by", "ana", *words, state=state, stdin=stdin)
    assert done.returncode in (Exit.USER, Exit.USAGE)
    assert told in " ".join(done.stderr.split())
    assert "CANARY" not in done.stderr


def test_profiles_are_listed_with_what_is_not_known_of_them(state: Path) -> None:
    listed = answer(blindmatch("dataset", "profiles", "--json", state=state))["profiles"]
    assert len(listed) >= 7
    assert {profile["status"] for profile in listed} == {"unverified until tried on a partner's export"}
    shown = plain(blindmatch("dataset", "profiles", state=state))
    assert all(f"{profile['name']}: " in shown for profile in listed)


@pytest.mark.ci
def test_a_profile_says_whose_records_these_are(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "hotline.csv"
    path.write_text("a,phone\n1,2\n")
    done = blindmatch("dataset", "preview", path, "--profile", "hotline-log", state=state)
    assert done.returncode == 0, done.stderr
    assert "of the profile hotline-log" in plain(done)
    done = blindmatch("dataset", "preview", path, state=state)
    assert done.returncode == Exit.USER
    assert "whose records" in done.stderr
    done = blindmatch("dataset", "preview", path, "--profile", "nothing", state=state)
    assert "no profile of this name" in done.stderr


def locked(folder: Path) -> Path:
    from msoffcrypto.format.ooxml import OOXMLFile

    book = openpyxl.Workbook()
    for row in ([*HEADER.split(",")], ["C-1", "+49 30 90180001", "yes", ""]):
        book.active.append(row)
    book.save(folder / "open.xlsx")
    with (folder / "open.xlsx").open("rb") as plain_file, (folder / "locked.xlsx").open("wb") as out:
        OOXMLFile(plain_file).encrypt("sesame street", out)
    return folder / "locked.xlsx"


@pytest.mark.ci
def test_a_locked_workbook_opens_with_a_private_file(state: Path, tmp_path: Path) -> None:
    path, secret = locked(tmp_path), tmp_path / "secret"
    words = ("dataset", "preview", path, *TERMS[:4], *MAP)
    done = blindmatch(*words, state=state)
    assert done.returncode == Exit.USER
    assert "--password-file" in done.stderr
    for text, mode, told in (("wrong street", 0o600, "does not open"), ("sesame street", 0o644, "Other accounts")):
        secret.write_text(f"{text}\n")
        secret.chmod(mode)
        done = blindmatch(*words, "--password-file", secret, state=state)
        assert done.returncode == Exit.USER
        assert told in done.stderr
        assert text not in done.stderr
    secret.chmod(0o600)
    assert "C-1" in plain(blindmatch(*words, "--password-file", secret, state=state))
    added = ("dataset", "add", path, "--name", "locked", *TERMS, *MAP, "--password-file", secret)
    assert blindmatch(*added, state=state).returncode == 0
    everything = b"".join(one.read_bytes() for one in state.rglob("*") if one.is_file())
    assert b"sesame street" not in everything
