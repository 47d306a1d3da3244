"""Rows become records or reasons: what takes part, what stays out, what is reported and where."""

import pytest

from node.datasets import Mapping, Terms, open_table, preview
from node.datasets.prepare import PROGRESS_ROWS, prepare
from node.datasets.report import MAX_REPORTED_CELLS, ROW_REASONS
from node.datasets.rows import MAX_REFERENCE_CHARACTERS
from node.errors import UserError
from psi.identifiers import Cell
from tests.support.intake import CANARIES, PHONE_TERMS, PHONES, TODAY, write_csv, write_xlsx

PEOPLE = {
    "ref": "reference", "given": "given_name", "family": "family_name", "born": "birth_date", "tel": "phone",
    "tel2": "phone", "mail": "email", "tg": "handle:telegram", "ok": "consent", "until": "consent_until",
    "kinds": "consent_kinds", "who": "consent_receivers", "child": "child", "class": "record_class",
}  # fmt: skip


class Lines:
    """Stands for the record file."""

    def __init__(self):
        self.lines = []

    def append(self, line):
        self.lines.append(line)


def run(path, mapping=PHONES, terms=PHONE_TERMS, **options):
    from node.datasets import PreparedRecord

    lines = Lines()
    with open_table(path) as table:
        report = prepare(table, mapping, terms, lines, today=TODAY, **options)
    return [PreparedRecord.from_line(line) for line in lines.lines], report


def person_row(**cells):
    usual = {"ref": "1", "given": "Olena", "family": "Kovalenko", "born": "1990-05-06", "ok": "yes", "child": "no"}
    return usual | {"class": "victim"} | cells


def run_people(tmp_path, *rows, terms=None):
    header = list(PEOPLE)
    text = ";".join(header) + "\n" + "".join(";".join(row.get(name, "") for name in header) + "\n" for row in rows)
    good = person_row(ref="good")
    text += ";".join(good.get(name, "") for name in header) + "\n"
    records, report = run(write_csv(tmp_path, text), Mapping.of(PEOPLE), terms or Terms("victim", region="RO"))
    assert records[-1].reference == "good"
    return records[:-1], report


def test_a_whole_row_becomes_a_whole_record(tmp_path):
    row = person_row(tel="0721 123 456", tel2="+40 721 123 457, 0721123458", mail="A@Example.org", tg="@Olena_demo")
    (record,), report = run_people(tmp_path, row | {"until": "2027-01-01", "kinds": "phone, person", "who": "police"})
    assert record.reference == "1"
    assert record.identifiers == {
        "phone": ("+40721123456", "+40721123457", "+40721123458"),
        "email": ("a@example.org",),
        "handle": ("telegram:olena_demo",),
    }
    assert record.person.to_dict()["birth_date"] == "1990-05-06"
    assert record.consent.covers("phone", "police", TODAY)
    assert not record.consent.covers("email", "police", TODAY)
    assert not record.child
    counts = report.counts()
    columns = counts.pop("columns")
    assert counts == {
        "rows": 2, "usable": 2, "left_out": 0, "children": 0, "urgent": 0, "reasons": {},
        "identifiers": {"email": 1, "handle": 1, "person": 2, "phone": 1},
    }  # fmt: skip
    assert {tuple(count.values()) for index, count in columns.items() if index in "123"} == {(2, 0, 0, 0)}
    assert {tuple(count.values()) for index, count in columns.items() if index in "4567"} == {(1, 0, 0, 1)}
    assert set(columns) == set("1234567")


LEFT_OUT = [
    ({"ref": ""}, "A2", "reference/blank"),
    ({"ref": "x" * (MAX_REFERENCE_CHARACTERS + 1)}, "A2", "reference/unusable"),
    ({"ref": "a\x00b"}, "A2", "reference/unusable"),
    ({"ok": ""}, "I2", "consent/blank"),
    ({"ok": "no"}, "I2", "consent/no"),
    ({"ok": "x"}, "I2", "consent/unknown-word"),
    ({"until": "2020-01-01"}, "J2", "consent/expired"),
    ({"until": "soon"}, "J2", "consent/until-not-a-date"),
    ({"kinds": "everything"}, "K2", "consent/unknown-kind"),
    ({"who": "friends"}, "L2", "consent/unknown-receiver"),
    ({"child": ""}, "M2", "child/blank"),
    ({"child": "16"}, "M2", "child/unknown-word"),
    ({"class": ""}, "N2", "class/blank"),
    ({"class": "suspect"}, "N2", "class/other"),
    ({"class": "witness"}, "N2", "class/unknown-word"),
    ({"given": "", "family": "", "born": ""}, "row 2", "row/nothing-to-compare"),
    (
        {"given": "unknown", "family": "n/a", "born": "-", "tel": "000", "mail": "none"},
        "row 2",
        "row/nothing-to-compare",
    ),
]


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(("cells", "address", "reason"), LEFT_OUT, ids=[case[2] for case in LEFT_OUT])
def test_a_row_that_stays_out_is_reported_with_address_and_fix(tmp_path, cells, address, reason):
    records, report = run_people(tmp_path, person_row(**cells))
    assert records == []
    assert (report.rows, report.usable, report.left_out) == (2, 1, 1)
    assert [(problem.address, problem.reason) for problem in report.problems] == [(address, reason)]
    assert (report.problems[0].sentence, report.problems[0].fix) == ROW_REASONS[reason]
    assert report.reasons == {reason: 1}


@pytest.mark.tm("TM-80")
def test_identifiers_of_a_row_without_consent_are_never_read(tmp_path, monkeypatch):
    from node.datasets import rows

    read = []
    monkeypatch.setattr(rows, "Cell", lambda text, number=None: read.append(text) or Cell(text, number))
    secret = person_row(ref="no", ok="no", given="Nadia", tel="0721123456", mail="a@example.org")
    run_people(tmp_path, secret)
    assert "Olena" in read, "the good row's cells are seen here"
    assert not {"Nadia", "0721123456", "a@example.org"} & set(read)


def test_a_bad_cell_costs_the_cell_and_not_the_row(tmp_path):
    (record,), report = run_people(tmp_path, person_row(tel="12", tel2="0721123456", born="31.31.1990", mail="nobody"))
    assert record.identifiers == {"phone": ("+40721123456",)}
    assert "birth_date" not in record.person.to_dict()
    found = {problem.address: problem.reason for problem in report.problems}
    assert found == {"E2": "phone/too-short", "D2": "date/impossible", "G2": found["G2"]}
    assert found["G2"].startswith("email/")
    assert all(problem.sentence and problem.fix for problem in report.problems)


def test_spreadsheet_errors_are_named_and_count_as_empty(tmp_path):
    (record,), report = run_people(tmp_path, person_row(tel="#REF!", tel2="########", given="#N/A"))
    assert record.identifiers == {}
    assert set(record.person.to_dict()) == {"family_name", "family_letters", "birth_date"}
    assert {p.address for p in report.problems if p.reason == "cell/spreadsheet-error"} == {"E2", "F2", "B2"}


@pytest.mark.tm("TM-82")
@pytest.mark.parametrize(
    ("born", "child"),
    [
        ("2008-03-01", False),  # 18 today
        ("2008-03-02", True),
        ("2008-02-03", True),  # may be 3 February or 2 March
        ("2008-02-27", False),
        ("2007", False),
        ("2008", True),
        ("2015-01-01", True),
        ("1990", False),
        ("", False),
    ],
)
def test_a_recent_birth_overrules_a_no(tmp_path, born, child):
    (record,), report = run_people(tmp_path, person_row(born=born))
    assert record.child is child
    assert report.children == child
    assert report.reasons["child/born-recently"] == child


def test_a_child_is_kept_and_marked(tmp_path):
    (record,), report = run_people(tmp_path, person_row(child="yes"))
    assert record.child
    assert (report.usable, report.children, report.problems) == (2, 1, [])


def test_a_number_that_a_spreadsheet_took_for_a_quantity_is_repaired(tmp_path):
    path = write_xlsx(tmp_path, [["ref", "tel"], [1001, 721123456], [1002, "721123457.0"], [1003, 7.2e8], [1004, 0.5]])
    records, report = run(path)
    assert [(record.reference, record.identifiers["phone"]) for record in records][:2] == [
        ("1001", ("+40721123456",)),
        ("1002", ("+40721123457",)),
    ]
    assert {"B5": "cell/not-whole"}.items() <= {p.address: p.reason for p in report.problems}.items()


def test_a_reference_that_lost_digits_is_not_used(tmp_path):
    path = write_xlsx(
        tmp_path, [["ref", "tel"], [2024.1, "0721123456"], [1e15, "0721123457"], ["2024.10", "0721123458"]]
    )
    records, report = run(path)
    assert [record.reference for record in records] == ["2024.10"]
    assert [(p.address, p.reason) for p in report.problems] == [
        ("A2", "reference/unusable"),
        ("A3", "reference/unusable"),
    ]


def test_rows_with_too_many_or_too_few_cells(tmp_path):
    text = "ref,tel,x\n1,0721123456,a,b\n2,0721123457\n3,0721123458,,,,\n\n"
    records, report = run(write_csv(tmp_path, text))
    assert [record.reference for record in records] == ["2", "3"]
    assert [(p.address, p.reason) for p in report.problems] == [
        ("row 2", "row/too-many-cells"),
        ("row 3", "row/too-few-cells"),
    ]
    assert report.rows == 3


def test_a_million_character_cell_is_reported_and_the_rest_takes_part(tmp_path):
    records, report = run(write_csv(tmp_path, "ref,tel\n1,0721123456\n2," + "9" * 1_000_000 + "\n3,0721123457\n"))
    assert [record.reference for record in records] == ["1", "3"]
    assert [(p.address, p.reason) for p in report.problems] == [("row 3", "cell/too-long")]


def test_repeated_references_are_kept_apart_and_reported(tmp_path):
    text = "ref,tel\nA,0721123456\nB,0721123457\nA,0721123458\n A ,0721123459\n"
    records, report = run(write_csv(tmp_path, text))
    assert [record.reference for record in records] == ["A", "B", "A", "A"]
    assert [(p.address, p.reason) for p in report.problems] == [
        ("A4", "reference/repeated"),
        ("A5", "reference/repeated"),
    ]


def test_the_list_of_cells_is_capped_and_the_counts_are_not(tmp_path):
    rows = MAX_REPORTED_CELLS + 50
    text = "ref,tel\n1,0721123456\n" + "".join(f"{i},12\n" for i in range(2, rows + 2))
    _, report = run(write_csv(tmp_path, text))
    assert len(report.problems) == MAX_REPORTED_CELLS
    assert report.reasons == {"phone/too-short": rows, "row/nothing-to-compare": rows}


def test_progress_is_told_and_ctrl_c_passes(tmp_path):
    path = write_csv(tmp_path, "ref,tel\n" + "".join(f"{i},0721{i:06d}\n" for i in range(PROGRESS_ROWS * 2 + 5)))
    told = []
    run(path, progress=told.append)
    assert told == [PROGRESS_ROWS, PROGRESS_ROWS * 2, PROGRESS_ROWS * 2 + 5]

    def interrupt(_rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(path, progress=interrupt)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ref,tel\n", "no rows below its header"),
        ("ref,tel\n\n , \n", "no rows below its header"),
        ("ref,tel\n1,12\n2,\n3,13\n", "None of the 3 rows .* nothing was stored"),
        ("ref,tel\n,0721123456\n", "has no case number"),
    ],
)
def test_no_usable_row_is_an_error_that_says_why(tmp_path, text, sentence):
    with pytest.raises(UserError, match=f"(?i){sentence}") as caught:
        run(write_csv(tmp_path, text))
    assert caught.value.advice


@pytest.mark.tm("TM-83")
def test_no_value_reaches_a_report_an_error_or_a_repr(tmp_path):
    reference, name, phone, mail = CANARIES
    cells = person_row(ref=reference, given=name, family=name, tel=phone + "99999", mail=mail + " " + mail, born=name)
    records, report = run_people(
        tmp_path, cells, person_row(ref=reference, ok=name), person_row(ref=reference, until=name)
    )
    assert records, report.problems
    shown = repr(records) + repr(report) + repr([p.to_dict() for p in report.problems]) + repr(report.counts())
    with pytest.raises(UserError) as caught:
        run(write_csv(tmp_path, f"ref,tel\n{reference},{name}\n"))
    shown += caught.value.diagnostics() + repr(caught.value)
    assert not [canary for canary in CANARIES if canary in shown]


@pytest.mark.tm("TM-83")
def test_the_canary_check_would_catch_a_report_that_quotes(tmp_path, monkeypatch):
    """The sabotaged twin: a report that quotes a cell must be seen by the check above."""
    from node.datasets import rows
    from node.datasets.report import Problem

    monkeypatch.setattr(
        rows.RowReader,
        "_refused",
        staticmethod(lambda row, index, refusal: Problem("E2", refusal.reason, f"{row.cells[index]}", "")),
    )
    _, report = run_people(tmp_path, person_row(tel=CANARIES[2] + "99999"))
    assert CANARIES[2] in repr(report)


def test_the_preview_shows_its_owner_what_becomes_of_each_cell(tmp_path):
    path = write_csv(tmp_path, "\nref,tel,note\n1,0721 123 456,hello\n2,12,x\n\n3,0721123457,\n4,0721123458,\n")
    with open_table(path) as table:
        shown = preview(table, PHONES, PHONE_TERMS, today=TODAY, rows=3)
    assert [(c.letter, c.name, c.role) for c in shown.columns] == [
        ("A", "ref", "reference"),
        ("B", "tel", "phone"),
        ("C", "note", "ignore"),
    ]
    assert [(row.number, row.takes_part) for row in shown.rows] == [(3, True), (4, False), (6, True)]
    assert (shown.rows[0].cells["B"].text, shown.rows[0].cells["B"].forms) == ("0721 123 456", ("+40721123456",))
    assert shown.rows[1].cells["B"].forms == ()
    assert shown.rows[1].notes[0].startswith("B4: This telephone number is too short.")
    assert "C" not in shown.rows[0].cells
    assert shown.report.counts()["usable"] == 2
    assert "0721" not in repr(shown)


def test_a_preview_of_nothing_usable_is_no_error(tmp_path):
    with open_table(write_csv(tmp_path, "ref,tel\n1,\n")) as table:
        shown = preview(table, PHONES, PHONE_TERMS, today=TODAY)
    assert [row.takes_part for row in shown.rows] == [False]
