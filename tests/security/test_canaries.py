"""The watch over a whole run of tests (`support/canary_watch.py`) sees what it is there for.

The check itself is no test of its own: it is the end of every run (`conftest.py`). Here stands that each of the ways in
which a node says something is watched, and that a canary in any of them is found: the sabotaged twins.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from node import logs
from node.errors import UserError
from node.metrics import Metrics
from psi.errors import ListDoesNotFit
from tests.support.canaries import Search
from tests.support.canary_watch import Watch, canaries, watching
from tests.support.people import people
from tests.support.small_rounds import write_numbers
from tests.support.stores import small_node

pytestmark = pytest.mark.tm("TM-157")

CANARY = people("shelter", 1, 1)[0]
LEAST_FORMS = 20_000
Leak = Callable[[Path, pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def search() -> Search:
    return Search(canaries())


def in_an_error(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    UserError("It did not work.", advice=f"Look at {CANARY.phone}.")


def in_an_error_of_the_protocol(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    ListDoesNotFit(f"There is no room for {CANARY.reference}.")


def in_a_subclass(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    class Special(UserError):
        pass

    Special(f"{CANARY.family_name} is on no list.")


def in_the_audit_log(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("node.audit.log.check_fact", lambda *_arguments: None)
    with small_node(folder / "node") as node, node.store.transaction() as tx:
        node.audit.append(tx, "results-read", by="ada", dataset=CANARY.email)


def in_a_log_line(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(logs, "_may_say", lambda *_arguments: True)
    logs.get("rounds").info("round-started", peer=CANARY.reference)


def in_the_figures(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("node.metrics.generate_latest", lambda *_arguments: CANARY.handle.encode())
    Metrics().page()


def in_the_log_of_another_process(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    (folder / "shelter.log").write_text(f"warning: {CANARY.given_name}\n")


def in_hex(_folder: Path, _patch: pytest.MonkeyPatch) -> None:
    UserError(f"Damaged: {CANARY.reference.encode().hex()}")


@pytest.mark.parametrize(
    "leak",
    [
        in_an_error,
        in_an_error_of_the_protocol,
        in_a_subclass,
        in_the_audit_log,
        in_a_log_line,
        in_the_figures,
        in_the_log_of_another_process,
        in_hex,
    ],
    ids=lambda leak: leak.__name__,
)
def test_a_leak_is_found(leak: Leak, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching() as watch:
        leak(tmp_path, monkeypatch)
    assert watch.findings(search, tmp_path)
    for path in tmp_path.glob("*.log"):
        path.unlink()  # the watch over the whole run would find it, too


def test_what_may_be_said_is_no_finding(search: Search, tmp_path: Path) -> None:
    with watching() as watch, small_node(tmp_path / "node") as node:
        UserError("The file has no column for the case number.", advice="Look at its first line.")
        with node.store.transaction() as tx:
            node.audit.append(tx, "results-read", by="ada")
        logs.get("rounds").info("round-started", phone=CANARY.phone)  # left out, and counted
        Metrics().page()
    assert all(watch.said.values()), "one of the ways is not watched"
    assert watch.findings(search, tmp_path) == []


def test_the_watch_knows_who_is_in_the_data(search: Search, tmp_path: Path) -> None:
    assert search.size >= LEAST_FORMS
    numbers = write_numbers(tmp_path / "numbers.csv", [f"S-{number}" for number in range(17)], 0)
    for line in numbers.read_text().splitlines()[1:]:
        assert search.findings("the data", line.encode()), "a number of the small rounds is no canary"
    assert Watch().findings(search) == []
