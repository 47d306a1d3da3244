"""Reports of batches, joined in the order of their rows, are the report of the whole."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from node.datasets import report as module
from node.datasets.report import MAX_REPORTED_CELLS, REPAIRS, ROW_REASONS, Problem, Report

REASONS = ["consent/no", "reference/blank", "cell/repaired-number", "row/too-few-cells"]
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("problem"), st.sampled_from(REASONS)),
        st.tuples(st.sampled_from(["accepted", "repaired", "refused", "blank"]), st.integers(0, 3)),
        st.just(("row", 0)),
    ),
    max_size=30,
)


def note(report: Report, number: int, event) -> None:
    what, value = event
    if what == "problem":
        report.add(Problem.of(value, f"C{number}"))
    elif what == "row":
        report.rows += 1
        report.usable += number % 2
        report.urgent += number % 3 == 0
        report.identifiers["phone"] += 1
    else:
        column = report.column(value)
        setattr(column, what, getattr(column, what) + 1)


@given(batches=st.lists(EVENTS, max_size=5))
def test_batches_joined_are_the_whole(batches) -> None:
    whole, joined, number = Report(), Report(), 0
    with_cap = MAX_REPORTED_CELLS
    module.MAX_REPORTED_CELLS = 4
    try:
        for batch in batches:
            part = Report()
            for event in batch:
                number += 1
                note(whole, number, event)
                note(part, number, event)
            joined.merge(pickle.loads(pickle.dumps(part)))
    finally:
        module.MAX_REPORTED_CELLS = with_cap
    assert joined == whole
    assert joined.counts() == whole.counts()
    assert len(joined.problems) <= 4
    assert all(problem.reason in REPAIRS for problem in joined.repairs)


def test_merging_leaves_the_other_as_it_is() -> None:
    one, other = Report(), Report()
    other.column(2).accepted = 1
    one.merge(other)
    one.column(2).accepted += 1
    assert other.columns[2].accepted == 1


def test_every_reason_says_what_happened_and_what_to_do() -> None:
    for reason, (sentence, fix) in ROW_REASONS.items():
        assert sentence.endswith("."), reason
        assert not fix or fix.endswith("."), reason
    assert set(ROW_REASONS) >= REPAIRS


def test_the_counts_hold_numbers_and_names_of_ours_only() -> None:
    report = Report()
    report.add(Problem.of("consent/no", "C2"))
    report.column(3).refused += 1
    counts = report.counts()
    assert counts["columns"] == {"3": {"accepted": 0, "repaired": 0, "refused": 1, "blank": 0}}
    assert counts["reasons"] == {"consent/no": 1}
