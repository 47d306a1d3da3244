"""One of the staff, alone: naming a second person who knows nothing, taking in again who withdrew, a wide window."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.app import open_node
from node.datasets.removed_lists import RemovedLists
from node.errors import NotAllowed, UserError
from node.operations import OPERATIONS, Dispatcher, Parts
from node.operations import datasets as dataset_operations
from node.policy import Limits
from node.policy.limits import MOST_DAYS_AT_ONCE
from node.staff import Role, Roster
from tests.support.nodes import make_folder
from tests.support.stores import CHEAP, secret

OWN = b"a passphrase of one's own"
MAPPING = {"Case": "reference", "Phone": "phone", "Consent": "consent", "Danger": "urgent_danger"}
ROWS = ("U-1,+49 30 9018 0001,,yes", "U-2,+49 30 9018 0002,yes,", "U-3,+49 30 9018 0003,yes,")

Ask = Callable[..., Any]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A node that does not run. anna operates and approves, bela approves, carl reviews."""
    make_folder(tmp_path / "shelter", "shelter", "ngo")
    with open_node(tmp_path / "shelter", None) as parts:
        parts.roster = Roster(parts.store, parts.audit, parts.clock, parts.random_bytes, cost=CHEAP)
        parts.approvals._holders = parts.roster
        people = (("anna", {Role.OPERATOR, Role.APPROVER}), ("bela", {Role.APPROVER}), ("carl", {Role.REVIEWER}))
        for label, roles in people:
            with parts.store.transaction() as tx, secret(OWN) as own:
                person = parts.roster.add(tx, label, frozenset(roles), own, "anna")
                if person.state == "waiting":
                    parts.roster._change(tx, person, "active", None)
        yield parts


@pytest.fixture
def ask(parts: Parts) -> Ask:
    def asked(operation: str, **request: Any) -> Any:
        with secret(OWN) as own:
            said = json.dumps(request).encode()
            return json.loads(Dispatcher(parts, OPERATIONS).invoke(operation, said, lambda _step: None, credential=own))

    return asked


@pytest.fixture
def add(ask: Ask, tmp_path: Path) -> Ask:
    """Take in the file, which says what it is called with."""

    def added(*rows: str, **said: Any) -> Any:
        file = tmp_path / "clients.csv"
        file.write_text("\n".join(("Case,Phone,Consent,Danger", *(rows or ROWS), "")))
        terms = {"record_class": "victim", "region": "DE", "mapping": MAPPING, "by": "anna"}
        return ask("dataset.add", path=str(file), name="clients", **terms | said)

    return added


def references(parts: Parts) -> list[str]:
    return [record.reference for record in parts.datasets.records("clients")]


def test_rows_in_urgent_danger_wait_for_whoever_is_named(parts: Parts, ask: Ask, add: Ask) -> None:
    for nobody in ("mallory", "carl"):
        with pytest.raises(NotAllowed):
            add(second=nobody)
    with pytest.raises(UserError, match="second person has approved this file"):
        add(second="bela")
    with pytest.raises(UserError, match="has asked for this already"):
        add(second="bela")
    (waiting,) = ask("approval.list")["approvals"]
    assert (waiting["subject"], waiting["asked_by"]) == ("urgent-rows", "anna")
    with pytest.raises(NotAllowed):
        ask("approval.approve", number=waiting["number"], by="anna")
    assert parts.datasets.list() == ()
    ask("approval.approve", number=waiting["number"], by="bela")

    # Exactly this file: one more row, and it is asked for again.
    with pytest.raises(UserError, match="second person has approved this file"):
        add(*ROWS, "U-4,+49 30 9018 0004,,yes", second="bela")
    (again,) = ask("approval.list")["approvals"]
    ask("approval.decline", number=again["number"], by="bela")
    with pytest.raises(UserError, match="second person has approved this file"):
        add(second="bela")
    (last,) = ask("approval.list")["approvals"]
    ask("approval.approve", number=last["number"], by="bela")
    assert add(second="bela")["dataset"]["counts"]["urgent"] == 1
    assert references(parts) == ["U-1", "U-2", "U-3"]
    (entry,) = [one for one in parts.audit.entries() if one.event == "dataset-added"]
    assert (entry.facts["by"], entry.facts["second"]) == ("anna", "bela")

    # The same holds for the next version; without a second person the row is left out.
    ask("dataset.refresh", name="clients", by="anna")
    assert references(parts) == ["U-2", "U-3"]


def test_sabotaged_twin_that_takes_the_name_for_the_person(
    parts: Parts, add: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_operations, "with_second", lambda _parts, request, _path: request)
    add(second="bela")
    assert references(parts) == ["U-1", "U-2", "U-3"]


def test_who_withdrew_stays_out_when_the_data_set_is_removed_and_added(parts: Parts, ask: Ask, add: Ask) -> None:
    add()
    ask("dataset.withdraw", name="clients", text="U-2\n", by="anna")
    ask("dataset.remove", name="clients", by="anna")
    added = add()
    assert any("withdrawn, or kept from a member" in one for one in added["warnings"])
    excluded = parts.datasets.exclusions.of(parts.datasets.get("clients").dataset_id, "anybody")
    assert excluded.withdrawn == {"U-2"}
    # Somebody agreed anew: it stays so, also the next time.
    ask("dataset.readmit", name="clients", text="U-2\n", by="anna")
    ask("dataset.remove", name="clients", by="anna")
    assert not any("were withdrawn" in one for one in add()["warnings"])
    assert not parts.datasets.exclusions.of(parts.datasets.get("clients").dataset_id, "anybody")


def test_sabotaged_twin_that_forgets_the_lists_of_removed_data_sets(
    parts: Parts, ask: Ask, add: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemovedLists, "keep", lambda *_: None)
    add()
    ask("dataset.withdraw", name="clients", text="U-2\n", by="anna")
    ask("dataset.remove", name="clients", by="anna")
    add()
    assert not parts.datasets.exclusions.of(parts.datasets.get("clients").dataset_id, "anybody")


def test_a_wide_window_is_no_way_to_spend_half_a_country_at_once() -> None:
    wide = Limits(49_000_000, 49_000_000, 3650)
    assert wide.years_in_all > 20
    assert wide.needs_approval
    assert wide.within_floor().elements_in_all == Limits(10**8, 10**8, MOST_DAYS_AT_ONCE).within_floor().elements_in_all
    assert not Limits(20_000, 100_000, 365).needs_approval


def test_sabotaged_twin_that_asks_for_the_pace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.policy.limits.MOST_DAYS_AT_ONCE", 3650)
    assert not Limits(49_000_000, 49_000_000, 3650).needs_approval


def test_the_log_finds_a_person_in_whatever_letters_they_typed_their_label(ask: Ask, add: Ask) -> None:
    add(by="aNNa")
    shown = ask("audit.show", staff="ANNA", event=["dataset-added"], by="bela")["entries"]
    assert [one["facts"]["by"] for one in shown] == ["anna"]


def test_sabotaged_twin_that_writes_down_what_was_typed(
    parts: Parts, add: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Roster, "spelt", lambda _self, label: label)
    add(by="aNNa")
    assert [one.facts["by"] for one in parts.audit.entries() if one.event == "dataset-added"] == ["aNNa"]


def test_the_report_on_a_person_says_that_their_number_is_on_a_list(ask: Ask, add: Ask) -> None:
    add()
    ask("dataset.withdraw", name="clients", text="U 77\n", by="anna")
    told = str(ask("report.person", record=" U  77 ", by="bela")["page"])
    assert "stands on 1 list of" in told
    assert "holds nothing under this number" not in told
    assert "holds nothing under this number" in str(ask("report.person", record="U 78", by="bela")["page"])
