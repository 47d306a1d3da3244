"""Every command that names somebody asks who that is, as soon as staff is registered: the whole table, tried."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.app import open_node
from node.errors import NodeError, NotAllowed
from node.operations import OPERATIONS, Dispatcher, Parts
from node.staff import OwnPassphraseNeeded, Role, Roster
from tests.support.nodes import make_folder
from tests.support.stores import CHEAP, secret

ANNA, CARL = b"anna has a long one", b"carl reviews what is found"
NAMING = sorted(name for name, row in OPERATIONS.items() if "by" in row.request.model_fields)
LEAST_NAMING = 20
"""Operations that name somebody, at least: so that a table that no longer says so is noticed."""

WORDS: dict[str, Any] = {
    "number": 1, "roles": ["reviewer"], "members": ["me", "river"], "leads": [1], "elements": 100,
    "until": "2027-01-31", "status": "confirmed",
}  # fmt: skip


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """A node that does not run, where anna approves and operates and carl only reviews."""
    monkeypatch.chdir(tmp_path)  # some operations write the file that they are told of
    make_folder(tmp_path / "shelter", "shelter", "ngo")
    with open_node(tmp_path / "shelter", None) as parts:
        parts.roster = Roster(parts.store, parts.audit, parts.clock, parts.random_bytes, cost=CHEAP)
        people = (("anna", {Role.APPROVER, Role.OPERATOR}, ANNA), ("carl", {Role.REVIEWER}, CARL))
        with parts.store.transaction() as tx:
            for label, roles, passphrase in people:
                with secret(passphrase) as own:
                    parts.roster.add(tx, label, frozenset(roles), own, "anna")
        yield parts


def request_of(name: str, by: str) -> bytes:
    """A request that its model takes, as far as the words go; what it asks for does not exist."""
    fields = OPERATIONS[name].request.model_fields
    needed = {field: WORDS.get(field, "none") for field, about in fields.items() if about.is_required()}
    return json.dumps({**needed, "by": by}).encode()


def invoke(parts: Parts, name: str, by: str, passphrase: bytes | None) -> str:
    """The code of the error, or "done"."""
    dispatcher = Dispatcher(parts, OPERATIONS)
    try:
        if passphrase is None:
            dispatcher.invoke(name, request_of(name, by), lambda _step: None)
        else:
            with secret(passphrase) as own:
                dispatcher.invoke(name, request_of(name, by), lambda _step: None, credential=own)
    except NodeError as error:
        return error.code if not error.sentence.startswith("The command does not have the right form") else "form"
    return "done"


def refusals(parts: Parts) -> tuple[int, int]:
    """How many operations there are that name somebody, and how many of them let nobody but the right person on."""
    well = 0
    for name in NAMING:
        alone = invoke(parts, name, "anna", None) == OwnPassphraseNeeded.code
        stranger = invoke(parts, name, "mallory", ANNA) == NotAllowed.code
        well += alone and stranger
    return len(NAMING), well


@pytest.mark.tm("TM-185")
def test_no_command_that_names_somebody_runs_without_them(parts: Parts, record_property: Any) -> None:
    ran, well = refusals(parts)
    record_property("ran", f"{ran} operations that name somebody")
    assert (ran >= LEAST_NAMING, well) == (True, ran)


@pytest.mark.tm("TM-185")
def test_sabotaged_a_dispatcher_that_does_not_ask_is_found(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the test above."""
    monkeypatch.setattr(Roster, "admit", lambda *_: None)
    ran, well = refusals(parts)
    assert (ran, well) == (len(NAMING), 0)


@pytest.mark.tm("TM-185")
def test_the_role_of_the_row_is_asked_for_before_anything_happens(parts: Parts) -> None:
    ran = 0
    for name in NAMING:
        role = OPERATIONS[name].role
        if role is None or role is Role.REVIEWER:
            continue
        entries = parts.audit.size()
        assert invoke(parts, name, "carl", CARL) == NotAllowed.code, name
        told = [entry.event.value for entry in parts.audit.entries(first=entries)]
        assert [event for event in told if event != "staff-signed-in"] == ["staff-refused"], name
        ran += 1
    assert ran >= LEAST_NAMING // 2


def test_what_decides_about_others_is_not_an_operators() -> None:
    """Two people where it takes two: the second one is never just an operator."""
    roles = {name: OPERATIONS[name].role for name in NAMING}
    assert roles["member.add"] is roles["round.sign"] is roles["dataset.add"] is Role.OPERATOR
    assert roles["member.confirm"] is roles["member.accept"] is roles["staff.add"] is Role.APPROVER
    assert roles["round.release"] is Role.REVIEWER
    assert {roles[name] for name in ("round.approve", "approval.approve", "approval.decline")} == {None}


@pytest.mark.tm("TM-187")
def test_a_passphrase_is_in_no_error_log_or_entry(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = b"a guess that must not be told"
    shown = []
    for given in (ANNA, wrong):
        try:
            with secret(given) as own:
                Dispatcher(parts, OPERATIONS).invoke(
                    "round.sign", request_of("round.sign", "anna"), lambda _step: None, credential=own
                )
        except NodeError as error:
            shown.append(error.diagnostics() + repr(error))
    shown.append(caplog.text)
    shown += [str(entry) for entry in parts.audit.entries()]
    files = b"".join(path.read_bytes() for path in parts.folder.path.rglob("*") if path.is_file())
    assert not [one for one in shown if ANNA.decode() in one or wrong.decode() in one]
    assert ANNA not in files
    assert wrong not in files


@pytest.mark.tm("TM-187")
def test_a_new_passphrase_does_not_show_in_the_request_that_it_comes_with() -> None:
    request = OPERATIONS["staff.add"].request.model_validate({"label": "dora", "roles": ["reviewer"], "by": "anna"})
    with secret(ANNA) as own:
        request.take(own)  # type: ignore[attr-defined]
        assert ANNA.decode() not in repr(request) + str(request.model_dump()) + request.model_dump_json()
