"""Who stays out where something is missing or cannot be read: no consent is widened, no child made an adult, and a "no"
holds for the person."""

from pathlib import Path

import pytest

from node.datasets import Mapping, Terms, open_table
from node.datasets.prepare import prepare
from node.datasets.rows import RowReader
from node.datasets.tables import Row
from node.datasets.urgent import those_who_refused
from tests.support.intake import TODAY

CONSENTING = Terms("victim", region="RO")


class Collector:
    """Takes lines and keeps them."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def append(self, line: bytes) -> None:
        self.lines.append(line)


def reader(columns: dict[str, str], terms: Terms) -> RowReader:
    return RowReader(Mapping.of(columns).bind(list(columns)), terms, len(columns), TODAY)


CONSENT = {"ref": "reference", "tel": "phone", "ok": "consent", "until": "consent_until"}


def test_a_row_cut_off_before_the_limits_of_its_consent_is_left_out() -> None:
    """A consent without its limits would be a wider one."""
    made = reader(CONSENT, CONSENTING)
    whole = made.read(Row(2, ("R1", "+40721123456", "yes", "2099-01-01")))
    cut = made.read(Row(3, ("R1", "+40721123456", "yes")))
    assert whole.record is not None
    assert whole.record.consent.until is not None
    assert cut.record is None
    assert [problem.reason for problem in cut.problems] == ["consent/cut-off"]


BORN = {"ref": "reference", "name": "given_name", "born": "birth_date", "ok": "consent"}


@pytest.mark.tm("TM-82")
@pytest.mark.parametrize(
    ("text", "child"),
    [
        ("12.03.15", True),
        ("1394-05-06", True),
        ("2015?", True),
        ("11 years", True),
        ("ca. 2012", True),
        ("2012/2013", True),
        ("31.02.2015", True),
        ("age ١٢", True),
        ("31.02.1985", False),
        ("1985/1986", False),
        ("35 years", False),
        ("", False),
        ("unknown", False),
        ("0000-00-00", False),
        ("11.11.1111", False),
        ("1985-03-05", False),
    ],
)
def test_an_unreadable_date_makes_no_adult_of_a_child(text: str, child: bool) -> None:
    record = reader(BORN, CONSENTING).read(Row(2, ("R1", "Anna", text, "yes"))).record
    assert record is not None
    assert record.child is child


def test_where_a_column_says_who_is_a_child_an_unreadable_date_does_not() -> None:
    record = reader(BORN | {"minor": "child"}, CONSENTING).read(Row(2, ("R1", "Anna", "2015?", "yes", "no"))).record
    assert record is not None
    assert not record.child


URGENT = {"ref": "reference", "tel": "phone", "ok": "consent", "danger": "urgent_danger"}


@pytest.mark.tm("TM-104")
@pytest.mark.parametrize("rows", [[("no", ""), ("", "yes")], [("", "yes"), ("no", "")]])
def test_a_no_on_one_row_of_a_person_holds_for_all_of_them(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    file = tmp_path / "cases.csv"
    lines = ["ref,tel,ok,danger", *(f"R1,+4072112345{at},{ok},{danger}" for at, (ok, danger) in enumerate(rows))]
    file.write_text("\n".join([*lines, "R2,+40721123459,,yes", ""]))
    terms = Terms("victim", region="RO", urgent_second="bela")
    with open_table(file) as table:
        binding = Mapping.of(URGENT).bind(table.header)
        assert those_who_refused(table, binding) == {"R1"}
        report = prepare(table, Mapping.of(URGENT), terms, Collector(), today=TODAY)
    assert report.usable == 1
    assert report.reasons["urgent/person-said-no"] == 1


@pytest.mark.tm("TM-80")
def test_an_empty_list_of_kinds_is_a_consent_to_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(
        '{"ref": "R1", "tel": "+40721123456", "ok": "yes", "kinds": []}\n'
        '{"ref": [], "tel": "+40721123458", "ok": "yes", "kinds": ["phone"]}\n'
        '{"ref": "R2", "tel": "+40721123457", "ok": "yes", "kinds": ["phone"]}\n'
    )
    columns = {"ref": "reference", "tel": "phone", "ok": "consent", "kinds": "consent_kinds"}
    with open_table(file) as table:
        report = prepare(table, Mapping.of(columns), CONSENTING, Collector(), today=TODAY)
    assert (report.usable, report.reasons["consent/unknown-kind"]) == (1, 1)
    assert report.reasons["reference/unusable"] == 1
