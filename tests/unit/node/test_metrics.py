"""Figures for those who watch: a closed list, and nothing that is not on it gets onto the page."""

import re

import pytest

from node.identity.members import MemberState
from node.metrics import METRICS, PREFIX, Metrics
from node.rounds.presence import _OUTCOMES
from node.rounds.states import RoundState

PERSONAL = [
    "+40721123456",
    "ana.popescu@mail.example",
    "HS-0001",
    "Harbour Shelter",
    "fs4ywoxt26jxcycoreampfh2672vljpw",
]
PROCESS = re.compile(r"process_[a-z_]+")
LINE = re.compile(r"([a-z_]+)(?:\{([^}]*)\})? \S+")


def names_and_values(page: bytes) -> tuple[set[str], set[str]]:
    """Every name of a series on a page, and every value of a label."""
    names, values = set(), set()
    for line in page.decode().splitlines():
        if not line.startswith("#"):
            found = LINE.fullmatch(line)
            assert found, line
            names.add(found[1])
            values |= set(re.findall(r'="([^"]*)"', found[2] or ""))
    return names, values


def on_the_list(page: bytes) -> bool:
    """Does a page hold names and label values of the list only?"""
    allowed = {f"{PREFIX}_{name}{'_total' if shape.counter else ''}" for name, shape in METRICS.items()}
    labels = {value for shape in METRICS.values() for known in shape.labels.values() for value in known}
    names, values = names_and_values(page)
    return {name for name in names if not PROCESS.fullmatch(name)} <= allowed and values <= labels


@pytest.mark.tm("TM-140")
@pytest.mark.parametrize("text", PERSONAL)
def test_no_text_gets_into_a_figure(text: str) -> None:
    metrics = Metrics()
    metrics.set("rounds", 1, state=text)
    metrics.set(text, 1)
    metrics.add("steps", 1, **{text: "done"})
    metrics.add("calls", 1, outcome="accepted", peer=text)
    metrics.set("members", 1)
    page = metrics.page()
    assert text.encode() not in page
    assert metrics.value("dropped") == 5
    assert on_the_list(page)


@pytest.mark.tm("TM-140")
def test_a_list_that_took_everything_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the list the same text stands on the page, and the check sees it."""
    monkeypatch.setattr(Metrics, "_key", lambda _self, name, _value, labels, **_: (name, tuple(labels.values())))
    metrics = Metrics()
    metrics.set("rounds", 1, state=PERSONAL[0])
    assert not on_the_list(metrics.page())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 1e19])
def test_a_figure_that_is_none_is_left_out(value: float) -> None:
    metrics = Metrics()
    metrics.set("audit_entries", value)
    metrics.add("step_seconds", value)
    assert (metrics.value("dropped"), metrics.value("audit_entries"), metrics.value("step_seconds")) == (2, 0, 0)


def test_counters_grow_and_gauges_stand() -> None:
    metrics = Metrics(lambda figures: figures.set("ready", 1))
    for _ in range(3):
        metrics.add("steps", outcome="done")
        metrics.set("members", 2, state="confirmed")
    metrics.add("ready")  # a gauge does not grow
    page = metrics.page().decode()
    assert 'blindmatch_steps_total{outcome="done"} 3.0' in page
    assert 'blindmatch_members{state="confirmed"} 2.0' in page
    assert "blindmatch_ready 1.0" in page
    assert "blindmatch_dropped_total 1.0" in page


def test_the_labels_are_the_program_s_own_words() -> None:
    assert set(METRICS["rounds"].labels["state"]) == {state.value for state in RoundState}
    assert set(METRICS["members"].labels["state"]) == {state.value for state in MemberState}
    assert set(METRICS["calls"].labels["outcome"]) == {*_OUTCOMES.values(), "busy", "unreachable", "refused"}
