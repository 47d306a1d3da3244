"""Preparing over processes: the same result bit for bit, and what happens when a process does not come back."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.datasets import Mapping, Terms, open_table, workers
from node.datasets import prepare as preparing
from node.datasets.batches import Setup
from node.datasets.prepare import prepare
from node.datasets.records import PreparedRecord
from node.datasets.report import MAX_REPORTED_CELLS
from node.errors import UserError
from tests.support.intake import PHONE_TERMS, PHONES, TODAY, write_csv

KEY = bytes(range(32))
PEOPLE = Mapping.of(
    {"ref": "reference", "tel": "phone", "mail": "email", "given": "given_name", "family": "family_name",
     "born": "birth_date", "ok": "consent", "child": "child"}
)  # fmt: skip
CELLS = {
    "ref": ["{n}", "{n}", "c-{n}", "", "twice", "ünï {n}"],
    "tel": ["0721{n:06d}", "+40 721 {n:06d}", "721{n:06d}.0", "12", "", "0721{n:06d}; 0722{n:06d}", "none", "#N/A"],
    "mail": ["a{n}@example.org", "not one", "", "A{n}@EXAMPLE.com"],
    "given": ["Olena", "Олена", "", "王小明"],
    "family": ["Kovalenko", "Müller", ""],
    "born": ["1990-05-06", "31.31.1990", "2015-01-01", ""],
    "ok": ["yes", "yes", "yes", "da", "no", "", "perhaps"],
    "child": ["no", "no", "no", "yes", ""],
}


class Lines(list):
    """Stands for the record file."""


@pytest.fixture
def _small(monkeypatch):
    """Processes and many batches for a small table."""
    monkeypatch.setattr(preparing, "ALONE_ROWS", 40)
    monkeypatch.setattr(preparing, "BATCH_ROWS", 23)


def table_of(tmp_path, rows, name="t.csv"):
    """Every column goes through its cells at its own pace, so that rows of all sorts follow each other."""
    text = ",".join(CELLS) + "\n"
    for n in range(rows):
        row = [cells[(n // (place + 1)) % len(cells)].format(n=n) for place, cells in enumerate(CELLS.values())]
        text += ",".join(row) + ("\n\n" if n % 17 == 0 else "\n")
    return write_csv(tmp_path, text, name=name)


def run(path, *, mapping=PEOPLE, terms=None, **options):
    lines = Lines()
    with open_table(path) as table:
        report = prepare(table, mapping, terms or Terms("victim", region="RO"), lines, today=TODAY, key=KEY, **options)
    return lines, report


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("processes", [2, 3])
def test_workers_give_the_same_lines_and_the_same_report(tmp_path, processes):
    path = table_of(tmp_path, 1_500)
    records = [PreparedRecord.from_line(line) for line in run(path, processes=1)[0]]
    stop = frozenset((kind, record.identifiers[kind][0]) for record in records[::9] for kind in record.identifiers)
    alone, report = run(path, processes=1, stop=stop)
    shared, other = run(path, processes=processes, stop=stop)
    assert shared == alone
    assert other == report
    assert len(alone) > 300
    assert len(report.problems) == MAX_REPORTED_CELLS
    assert {"stop-list/own-contact", "reference/repeated", "phone/too-short", "consent/no"} <= report.reasons.keys()
    assert report.columns[1].repaired > 50


@pytest.mark.usefixtures("_small")
def test_one_batch_or_many_make_no_difference(tmp_path, monkeypatch):
    path = table_of(tmp_path, 400)
    many = run(path, processes=1)
    monkeypatch.setattr(preparing, "BATCH_ROWS", 100_000)
    assert run(path, processes=1) == many


@pytest.mark.usefixtures("_small")
def test_a_comparison_that_sees_a_batch_out_of_order(tmp_path, monkeypatch):
    """The sabotaged twin: batches written in another order than that of their rows would be seen."""
    path = table_of(tmp_path, 400)
    alone, _ = run(path, processes=1)
    right = preparing._prepared
    monkeypatch.setattr(preparing, "_prepared", lambda *args: iter(list(right(*args))[::-1]))
    assert run(path, processes=2)[0] != alone


def test_a_small_table_starts_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_start", lambda: pytest.fail("a process for ten rows"))
    assert run(table_of(tmp_path, 10))[1].usable
    assert run(table_of(tmp_path, 200), processes=1)[1].usable


class _Row:
    """What `refresh.Known` does, for every third row."""

    def __init__(self):
        self.asked = []
        self.finished = None

    def take(self, row):
        self.asked.append(row.number)
        return (b"known %d" % row.number, f"known {row.number % 30}") if row.number % 3 == 0 else None

    def finish(self, report):
        self.finished = report


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("processes", [1, 2])
def test_rows_that_are_known_keep_their_place(tmp_path, processes):
    path = write_csv(tmp_path, "ref,tel\n" + "".join(f"{n},0721{n:06d}\n" for n in range(2, 202)))
    known = _Row()
    lines, report = run(path, mapping=PHONES, terms=PHONE_TERMS, known=known, processes=processes)
    assert known.asked == list(range(2, 202))
    assert known.finished is report
    for number, line in enumerate(lines, start=2):
        assert (line == b"known %d" % number) if number % 3 == 0 else (f'"reference":"{number}"'.encode() in line)
    assert report.usable == sum(number % 3 != 0 for number in range(2, 202))
    # The references of known rows repeat every 30 rows: only their first rows stand alone.
    assert report.reasons == {"reference/repeated": len(range(3, 202, 3)) - 10}
    assert report.problems[0].address == "A33"


@pytest.mark.usefixtures("_small")
def test_a_table_of_nothing_but_known_rows_is_no_error(tmp_path):
    path = write_csv(tmp_path, "ref,tel\n" + "".join(f"{n},\n" for n in range(50)))
    assert run(path, mapping=PHONES, terms=PHONE_TERMS, known=_Row())[1].usable == 0


def children():
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "worker_child"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.tm("TM-108")
@pytest.mark.usefixtures("_small")
def test_a_worker_that_dies_ends_the_preparation_with_a_sentence(tmp_path):
    def kill(_rows):
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(UserError, match="ended before its work was done"):
        run(table_of(tmp_path, 3_000), processes=2, progress=kill)
    assert children() == []


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_ctrl_c_and_other_ends_leave_no_worker(tmp_path, error):
    def interrupt(_rows):
        assert len(children()) == 2
        raise error

    with pytest.raises(error):
        run(table_of(tmp_path, 3_000), processes=2, progress=interrupt)
    assert children() == []


@pytest.mark.usefixtures("_small")
def test_a_worker_that_cannot_start_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(UserError, match="could not start"):
        run(table_of(tmp_path, 200), processes=2)


@pytest.mark.tm("TM-108")
def test_a_worker_gets_nothing_of_the_node(monkeypatch):
    monkeypatch.setenv("BLINDMATCH_PASSPHRASE", "a secret")
    setup = Setup(PHONES.bind(["ref", "tel"]), PHONE_TERMS, 2, TODAY, frozenset(), KEY)
    with open(os.devnull) as inherited, workers.Workers(setup, 1) as pool:
        os.set_inheritable(inherited.fileno(), True)
        assert pool.submit([(2, ("1", "0721123456"), "")]).result().report.usable == 1
        (pid,) = pool.pids
        proc = Path(f"/proc/{pid}")
        status = proc.joinpath("limits").read_text()
        assert "Max core file size        0" in status
        assert "Max file size             0" in status
        if os.geteuid() == 0:  # it is not dumpable: nobody else may look
            assert b"secret" not in proc.joinpath("environ").read_bytes()
            assert {path.name for path in proc.joinpath("fd").iterdir()} <= {"0", "1", "2", "3"}
    assert not proc.exists()


@pytest.mark.tm("TM-108")
def test_a_worker_ends_when_its_node_does(tmp_path):
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from tests.unit.node.datasets.test_workers import PHONES, PHONE_TERMS, TODAY, KEY\n"
        "from node.datasets.batches import Setup; from node.datasets.workers import Workers\n"
        "pool = Workers(Setup(PHONES.bind(['ref', 'tel']), PHONE_TERMS, 2, TODAY, frozenset(), KEY), 1)\n"
        "pool.submit([(2, ('1', '0721123456'), '')]).result()\n"
        "print(pool.pids[0], flush=True); time.sleep(60)\n"
    )
    root = Path(workers.__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True) as node:
        pid = int(node.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        node.kill()
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end, "the worker outlived its node"
        time.sleep(0.05)


def test_long_cells_make_short_batches(tmp_path, monkeypatch):
    """Memory is bounded by characters, not by rows alone."""
    monkeypatch.setattr(preparing, "BATCH_CHARACTERS", 10_000)
    path = write_csv(tmp_path, "ref,tel\n" + "".join(f"{n},{'x' * 2_000}\n" for n in range(50)))
    with open_table(path) as table:
        sizes = [batch.size for batch in preparing._batches(table, None)]
    assert sum(sizes) == 50
    assert max(sizes) == 5
