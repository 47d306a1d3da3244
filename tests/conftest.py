"""Settings of all tests.

Properties have no deadline: the machine may be busy with other tests, and only the limits of the figures are timed.

A test that has to run a number of cases asserts that number itself, and says it: `record_property("ran", "500 simulated
rounds")`. What was said stands at the end of the run.

Over the whole run every error, log line, audit entry and figure is searched for the people of the test data
(`support/canary_watch.py`); a finding fails the last test of the process that ran them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from tests.support.postgres import Server

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def canaries_nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the people in the data is said in an error, a log, a figure or the audit log."""
    from tests.support.canaries import Search
    from tests.support.canary_watch import canaries, watching

    with watching() as watch:
        yield
    findings = watch.findings(Search(canaries()), tmp_path_factory.getbasetemp())
    assert not findings, findings


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Server]":
    """A PostgreSQL server for all tests of this process; where there is none to be had, the test is skipped."""
    from tests.support.postgres import running_server

    with running_server() as server:
        yield server


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """What the tests said they ran, in order of their names."""
    said = [
        (report.nodeid.partition("::")[2], value)
        for report in terminalreporter.getreports("passed")
        for name, value in getattr(report, "user_properties", ())
        if name == "ran" and report.when == "call"
    ]
    if said:
        terminalreporter.section("what was run")
        for test, value in sorted(said):
            terminalreporter.write_line(f"{value}   ({test})")
