"""Refreshing a data set: the same as adding it anew, whatever changed; and what was withdrawn is told."""

import os
import random
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from node.clock import ManualClock
from node.datasets import Mapping, Terms, open_table, takeover
from node.datasets import refresh as refresh_module
from node.datasets.refresh import Use
from node.errors import NotFound, UserError
from node.store.schema import datasets
from psi.identifiers import Rule
from tests.support.intake import NOW, Recorder, make_book, write_csv

HEADER = "ref,tel,mail,name,born,ok,until,kinds"
MAPPING = Mapping.of(
    {"ref": "reference", "tel": "phone", "mail": "email", "name": "family_name", "born": "birth_date",
     "ok": "consent", "until": "consent_until", "kinds": "consent_kinds"}
)  # fmt: skip
TERMS = Terms("victim", region="RO")
PHONE_ROUND = (Rule("phone", 3),)


def table(folder: Path, rows, header: str = HEADER) -> Path:
    return write_csv(folder, "\n".join([header, *(",".join(row) for row in rows), ""]))


def plain(number: int, **cells: str) -> list[str]:
    known = {"tel": f"0721{number:06d}", "mail": "", "name": "Pop", "born": "1980-02-03", "ok": "yes", "until": "",
             "kinds": ""} | cells  # fmt: skip
    return [cells.get("ref", f"R{number}"), *(known[name] for name in HEADER.split(",")[1:])]


def add(book, path, name="cases", mapping=MAPPING, terms=TERMS):
    with open_table(path) as found:
        return book.add(name, found, terms, mapping, by="anna", source=path.name)


def refresh(book, path, name="cases", mapping=MAPPING, **options):
    with open_table(path) as found:
        return book.refresh(name, found, mapping, by="anna", **options)


def use(version, *, round_id="r1", rules=PHONE_ROUND, receiver="police", day=date(2026, 3, 1), running=False):
    return Use(round_id, "A round", version, day, receiver, rules, running)


def contents(book, name):
    """Everything that a data set shows, without what names the version."""
    dataset = book.get(name)
    lost = {"key", "rounds", "refresh", "opened", "source"}
    details = {key: value for key, value in dataset.details.items() if key not in lost}
    return list(book.records(name)), dataset.records, dataset.usable, dataset.counts, details


# The same as adding it anew.

CELLS = {
    "ref": st.sampled_from([*(f"R{number}" for number in range(8)), ""]),
    "tel": st.sampled_from(["0721123456", "0721123457", "12", "", "n/a", "0721123456; 0722000000", "0721123456.0"]),
    "mail": st.sampled_from(["", "a@example.org", "a@@", "b@example.org"]),
    "name": st.sampled_from(["Pop", "Popa", "", "unknown"]),
    "born": st.sampled_from(["", "1980-02-03", "2015-02-03", "soon"]),
    "ok": st.sampled_from(["yes", "yes", "yes", "no", "", "perhaps"]),
    "until": st.sampled_from(["", "2026-03-01", "2026-03-02", "2030-01-01", "never"]),
    "kinds": st.sampled_from(["", "", "phone", "phone; email"]),
}


@st.composite
def one_row(draw):
    """Mostly a sound row, since only such rows are ever taken over; with up to three other cells."""
    cells = dict(zip(CELLS, plain(draw(st.integers(0, 7))), strict=True))
    for column in draw(st.lists(st.sampled_from(list(CELLS)), max_size=3)):
        cells[column] = draw(CELLS[column])
    return list(cells.values())


ROWS = st.lists(one_row(), max_size=12)


@st.composite
def two_states(draw):
    """A table, and the table as it is later: rows changed, gone, new, moved."""
    before = draw(ROWS)
    after = [list(row) for row in before]
    for _ in range(draw(st.integers(0, 6))):
        what = draw(st.sampled_from(["change", "drop", "insert", "move"]))
        at = draw(st.integers(0, max(len(after) - 1, 0)))
        if what == "insert":
            after.insert(at, draw(ROWS.filter(bool))[0])
        elif not after:
            continue
        elif what == "drop":
            del after[at]
        elif what == "move":
            after.insert(draw(st.integers(0, len(after) - 1)), after.pop(at))
        else:
            column = draw(st.sampled_from(list(CELLS)))
            after[at][list(CELLS).index(column)] = draw(CELLS[column])
    return before, after


@given(states=two_states(), days=st.sampled_from([0, 1, 2, 3650]), reach=st.sampled_from([1, 2, 32_768]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_refresh_is_the_same_as_adding_anew(tmp_path_factory, states, days, reach) -> None:
    folder = tmp_path_factory.mktemp("refresh")
    before, after = states
    clock = ManualClock(NOW)
    book = make_book(folder, clock=clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(takeover, "REACH", reach)
        patch.setattr(takeover, "JUMP_ROWS", reach)
        add(book, table(folder, [plain(99), *before]))
        clock.advance(days * 86400)
        path = table(folder, [plain(99), *after])
        dataset, report, changes = refresh(book, path)
        add(book, path, "anew")
    assert contents(book, "cases") == contents(book, "anew")
    assert changes.taken_over + changes.prepared == report.usable == dataset.usable


def test_what_did_not_change_is_taken_over(tmp_path, monkeypatch) -> None:
    book = make_book(tmp_path)
    rows = [plain(number) for number in range(3000)]
    add(book, table(tmp_path, rows))
    rows[5] = plain(5, tel="0722000005")
    rows[100:103] = []
    rows.insert(50, plain(7777))
    _, _, changes = refresh(book, table(tmp_path, rows))
    assert (changes.taken_over, changes.prepared, changes.gone, changes.withdrawn) == (2996, 2, 3, 0)
    _, _, changes = refresh(book, table(tmp_path, rows))
    assert (changes.taken_over, changes.prepared, changes.gone) == (2998, 0, 0), "a second time nothing is left to do"


@pytest.mark.parametrize("moved", [0, 50, -50])
def test_a_block_longer_than_the_window_costs_a_little_more(tmp_path, monkeypatch, moved) -> None:
    """Deleted at the top (an export of the last weeks) or put there (newest first)."""
    monkeypatch.setattr(takeover, "REACH", 10)
    monkeypatch.setattr(takeover, "JUMP_ROWS", 3)
    book = make_book(tmp_path)
    rows = [plain(number) for number in range(400)]
    add(book, table(tmp_path, rows))
    new = [plain(1000 + number) for number in range(50)]
    rows = rows[50:] if moved > 0 else new + rows if moved < 0 else rows
    _, _, changes = refresh(book, table(tmp_path, rows))
    assert changes.prepared == {0: 0, 50: 2, -50: 50}[moved]


def test_one_row_moved_to_the_top_costs_one_row(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(takeover, "REACH", 10)
    book = make_book(tmp_path)
    rows = [plain(number) for number in range(400)]
    add(book, table(tmp_path, rows))
    _, _, changes = refresh(book, table(tmp_path, [rows[-1], *rows[:-1]]))
    assert (changes.prepared, changes.gone) == (1, 0)


def test_columns_may_change_their_places(tmp_path) -> None:
    book = make_book(tmp_path)
    add(book, table(tmp_path, [plain(number) for number in range(10)]))
    other = ["extra", *reversed(HEADER.split(","))]
    rows = [["x", *reversed(plain(number))] for number in range(10)]
    _, _, changes = refresh(book, table(tmp_path, rows, ",".join(other)))
    assert (changes.taken_over, changes.prepared) == (10, 0)


def test_anything_that_decides_about_a_row_makes_all_be_prepared_again(tmp_path, monkeypatch) -> None:
    book = make_book(tmp_path)
    path = table(tmp_path, [plain(number) for number in range(10)])
    add(book, path)

    def again(**options):
        changes = refresh(book, path, **options)[2]
        return changes.taken_over, changes.prepared

    assert again() == (10, 0)
    fewer = Mapping.of({name: role for name, role in MAPPING.columns.items() if name != "mail"})
    assert again(mapping=fewer) == (0, 10)
    assert again(mapping=fewer) == (10, 0)
    book.change_stop_list("own", frozenset({("phone", "+40721000003")}), by="anna")
    assert again(mapping=fewer) == (0, 10)
    assert again(mapping=fewer) == (9, 1), "a row with a finding is prepared every time"
    monkeypatch.setattr("node.datasets.dataset.NORMALISER_VERSION", "bm0")
    assert again(mapping=fewer) == (0, 10)


def test_another_normaliser_is_cured_by_a_refresh(tmp_path) -> None:
    book = make_book(tmp_path)
    path = table(tmp_path, [plain(1)])
    add(book, path)
    with book._store.transaction() as tx:
        tx.execute(update(datasets).values(normaliser_version="bm0"))
    with pytest.raises(UserError, match="another version") as caught:
        book.records("cases")
    assert "dataset refresh" in caught.value.advice
    assert "another version" in book.outdated(book.get("cases"))[0]
    refresh(book, path)
    assert book.outdated(book.get("cases")) == ()
    assert len(list(book.records("cases"))) == 1


def test_an_empty_table_is_a_mistake_and_one_without_usable_rows_is_not(tmp_path) -> None:
    book = make_book(tmp_path)
    add(book, table(tmp_path, [plain(1), plain(2)]))
    with pytest.raises(UserError, match="stays as it was"):
        refresh(book, table(tmp_path, []))
    assert len(list(book.records("cases"))) == 2
    dataset, report, changes = refresh(book, table(tmp_path, [plain(1, ok="no"), plain(2, ok="")]))
    assert (dataset.usable, report.left_out, changes.gone) == (0, 2, 2)
    assert list(book.records("cases")) == []


def test_what_fails_leaves_the_version_before(tmp_path) -> None:
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    add(book, table(tmp_path, [plain(1)]))
    before, kept, entries = book.get("cases"), files(tmp_path), list(audit.entries)
    with pytest.raises(UserError, match="no column"):
        refresh(book, table(tmp_path, [["1", "2"]], "a,b"))
    with pytest.raises(NotFound):
        refresh(book, table(tmp_path, [plain(1)]), "other")

    def stopped(_rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refresh(book, table(tmp_path, [plain(n, tel="0722000000") for n in range(3000)]), progress=stopped)
    assert (book.get("cases"), files(tmp_path), audit.entries) == (before, kept, entries)


def test_two_refreshes_at_the_same_time_leave_one(tmp_path) -> None:
    book = make_book(tmp_path)
    add(book, table(tmp_path, [plain(n) for n in range(10)]))
    path = table(tmp_path, [plain(n, tel="0722000000") for n in range(3000)])
    done = []

    def meanwhile(_rows):
        if not done:
            done.append(True)
            refresh(book, table(tmp_path / "other", [plain(n) for n in range(4)]))

    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="at the same time"):
        refresh(book, path, progress=meanwhile)
    assert len(list(book.records("cases"))) == 4
    assert len(files(tmp_path)) == 1


def files(folder):
    return sorted(path.name for path in (folder / "state" / "datasets").iterdir())


# A crash.

CRASHES = {
    "the file is written, no row knows it": ("_rows.replace", False),
    "inside the transaction": ("memory.remember", False),
    "stored, the old file is still there": ("drop_unneeded", True),
}


def die(*_args, **_options):
    os._exit(9)


@pytest.mark.tm("TM-84")
@pytest.mark.parametrize("point", CRASHES)
def test_a_kill_between_steps_leaves_either_version(tmp_path, point) -> None:
    before = [plain(number) for number in range(5)]
    after = table(tmp_path, [plain(1), plain(2, tel="0722000002"), plain(9)])
    add(make_book(tmp_path), table(tmp_path, before))
    after = table(tmp_path, [plain(1), plain(2, tel="0722000002"), plain(9)])
    name, stored = CRASHES[point]
    child = os.fork()
    if child == 0:
        book = make_book(tmp_path)
        place, _, method = name.rpartition(".")
        setattr(getattr(book, place) if place else book, method, die)
        refresh(book, after)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(files(tmp_path)) == 2, "there is something to clear away"
    book = make_book(tmp_path)
    expected = ["R1", "R2", "R9"] if stored else [f"R{number}" for number in range(5)]
    assert [record.reference for record in book.records("cases")] == expected
    assert files(tmp_path) == [f"{book.get('cases').version_id}.records"]
    assert book.get("cases").version == (2 if stored else 1)
    dataset, _, _ = refresh(book, after)
    assert dataset.usable == 3


# Versions.


def test_a_version_stays_as_long_as_a_round_needs_it(tmp_path) -> None:
    book = make_book(tmp_path)
    rows = [plain(number) for number in range(5)]
    first, _ = add(book, table(tmp_path, rows))
    state = running_round(book, first)
    del rows[0]
    second, _, _ = refresh(book, table(tmp_path, rows))
    assert (second.dataset_id, second.version) == (first.dataset_id, 2)
    assert second.version_id != first.version_id
    assert [one for one, _ in book.marks(first.version_id, numbers(0, 4))] == ["R0", "R4"]
    assert [record.reference for record in book.records("cases")] == ["R1", "R2", "R3", "R4"]
    make_book(tmp_path)  # a restart does not take it away
    assert len(files(tmp_path)) == 2
    state(None)
    book.drop_unneeded()
    assert files(tmp_path) == [f"{second.version_id}.records"]


def numbers(*found):
    import numpy as np

    return np.array(found, dtype=np.int64)


def running_round(book, dataset):
    """A row as that of a round whose list was made from this version; call the result to change its snapshot."""
    from node.rounds.book import RoundBook
    from node.store.schema import rounds
    from tests.support.agreements import NGO, agreement

    with book._store.transaction() as tx:
        round_id = RoundBook(book._store).add(tx, agreement(), me=NGO.member_id)
        tx.execute(
            rounds.update().values(
                dataset_id=dataset.dataset_id, version_id=dataset.version_id, snapshot=b"x", listed_at="2026-03-01"
            )
        )

    def change(snapshot):
        with book._store.transaction() as tx:
            tx.execute(rounds.update().where(rounds.c.round_id == round_id).values(snapshot=snapshot))

    return change


# What was withdrawn.

WITHDRAWALS = [
    ("nothing", {}, False),
    ("the row is gone", None, True),
    ("no", {"ok": "no"}, True),
    ("blank", {"ok": ""}, True),
    ("a word that nobody knows", {"ok": "perhaps"}, True),
    ("another kind only", {"kinds": "email", "mail": "a@example.org"}, True),
    ("this kind only", {"kinds": "phone", "mail": "a@example.org"}, False),
    ("over before the round", {"until": "2026-02-28"}, True),
    ("until a later day", {"until": "2026-12-31"}, False),
    ("the number is corrected", {"tel": "0722999999"}, False),
    ("the number is gone", {"tel": "", "mail": "a@example.org"}, True),
    ("a child", {"born": "2015-01-01"}, True),
    ("another case number", {"ref": "X1"}, True),
]


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(("what", "cells", "told"), WITHDRAWALS, ids=[case[0] for case in WITHDRAWALS])
def test_what_is_withdrawn_is_told_with_its_rounds(tmp_path, what, cells, told) -> None:
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    rows = [plain(0), plain(1), plain(2)]
    first, _ = add(book, table(tmp_path, rows))
    rows[1:2] = [] if cells is None else [plain(1, **cells)]
    dataset, _, changes = refresh(book, table(tmp_path, rows), uses=[use(first.version_id)])
    assert [one.to_dict() for one in changes.told] == ([{"references": ["R1"], "rounds": ["r1"]}] if told else [])
    assert changes.withdrawn == told
    assert dataset.details["refresh"]["withdrawn"] == told
    assert audit.entries[-1][0] == "dataset-refreshed"
    facts = audit.entries[-1][1]
    assert (facts["withdrawn"], facts["rounds"], facts["gone"]) == (told, told, changes.gone)
    assert "R1" not in repr((facts, changes, dataset))


def test_a_round_that_the_person_was_not_in_is_not_told(tmp_path) -> None:
    book = make_book(tmp_path)
    first, _ = add(book, table(tmp_path, [plain(0), plain(1, kinds="email", mail="a@example.org")]))
    uses = [
        use(first.version_id),
        use(first.version_id, round_id="r2", rules=(Rule("email", 2),)),
        use("another version", round_id="r3"),
    ]
    _, _, changes = refresh(book, table(tmp_path, [plain(0)]), uses=uses)
    assert [one.to_dict() for one in changes.told] == [{"references": ["R1"], "rounds": ["r2"]}]


def test_the_past_goes_along_from_version_to_version(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(refresh_module, "_BLOCK", 2)
    book = make_book(tmp_path)
    rows = [plain(number) for number in range(5)]
    first, _ = add(book, table(tmp_path, rows))
    uses = [use(first.version_id)]
    rows[3] = plain(3, tel="0722111111")
    rows.append(plain(5))
    second, _, _ = refresh(book, table(tmp_path, rows), uses=uses)
    uses.append(use(second.version_id, round_id="r2"))
    random.Random(1).shuffle(rows)
    refresh(book, table(tmp_path, rows), uses=uses)
    dataset, _, changes = refresh(book, table(tmp_path, [plain(0)]), uses=uses)
    told = {reference: one.rounds for one in changes.told for reference in one.references}
    assert told == {**dict.fromkeys(["R1", "R2", "R3", "R4"], ("r1", "r2")), "R5": ("r2",)}
    assert dataset.details["rounds"] == ["r1", "r2"]


def test_of_two_rows_with_one_number_the_one_that_goes_is_told(tmp_path) -> None:
    book = make_book(tmp_path)
    rows = [plain(0), plain(1, ref="R0")]
    first, _ = add(book, table(tmp_path, rows))
    _, _, changes = refresh(book, table(tmp_path, rows[:1]), uses=[use(first.version_id)])
    assert [one.to_dict() for one in changes.told] == [{"references": ["R0"], "rounds": ["r1"]}]
    _, _, changes = refresh(book, table(tmp_path, [plain(0)]), uses=[use(first.version_id)])
    assert changes.told == (), "it is told once"


def test_few_references_are_told_and_all_are_counted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(refresh_module, "MAX_REFERENCES_TOLD", 3)
    book = make_book(tmp_path)
    first, _ = add(book, table(tmp_path, [plain(number) for number in range(10)]))
    _, _, changes = refresh(book, table(tmp_path, [plain(99)]), uses=[use(first.version_id)])
    assert (changes.gone, changes.withdrawn) == (10, 10)
    assert [len(one.references) for one in changes.told] == [3]


# Urgent danger takes two people.


def test_one_person_is_not_two(tmp_path) -> None:
    book = make_book(tmp_path)
    with pytest.raises(UserError, match="second person"):
        add(book, table(tmp_path, [plain(1)]), terms=Terms("victim", region="RO", urgent_second="Anna"))


def test_an_urgent_row_is_confirmed_anew_each_time(tmp_path) -> None:
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    mapping = Mapping.of({"ref": "reference", "tel": "phone", "ok": "consent", "sos": "urgent_danger"})
    path = write_csv(tmp_path, "ref,tel,ok,sos\nA,0721000001,yes,\nB,0721000002,,yes\n")
    dataset, report = add(book, path, mapping=mapping, terms=Terms("victim", region="RO", urgent_second="ben"))
    assert (dataset.usable, report.urgent) == (2, 1)
    facts = audit.entries[-1][1]
    assert (facts["by"], facts["second"], facts["urgent"]) == ("anna", "ben", 1)
    again, _, changes = refresh(book, path, mapping=mapping, urgent_second="ben")
    assert (again.usable, changes.taken_over, changes.prepared) == (2, 1, 1)
    again, report, changes = refresh(book, path, mapping=mapping)
    assert (again.usable, changes.gone) == (1, 1)
    assert report.reasons["urgent/second-person-missing"] == 1
    assert "second" not in audit.entries[-1][1]
