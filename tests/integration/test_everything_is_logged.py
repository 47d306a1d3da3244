"""Every command that tells, decides, exports or changes something stands in the audit log, before it does so.

`TOLD` has a row for each operation that must leave an entry, `QUIET` one for each that need not, with the reason. An
operation in neither fails the test. A scenario then asks them all of two whole nodes and looks for the entry; what
takes a stage of its own is named in `ELSEWHERE`, with the test in which it is seen.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.audit import AuditLog, Event
from node.errors import Busy
from node.operations import OPERATIONS, Dispatcher
from node.tripwires.freezes import Hit
from tests.support.nodes import Running, wait_for
from tests.support.small_rounds import agree, decide, go
from tests.support.stores import secret
from tests.support.tree import ROOT
from tests.support.two_nodes import two

TOLD: dict[str, str] = {
    "audit.show": "audit-read",
    "audit.export": "audit-exported",
    "audit.share": "audit-exported",
    "audit.certificate": "certificate-made",
    "audit.reconcile": "audit-reconciled",
    "audit.stamp-request": "audit-exported",
    "audit.stamp-reply": "checkpoint-stamped",
    "staff.add": "staff-added",
    "staff.remove": "staff-removed",
    "staff.passphrase": "passphrase-changed",
    "approval.approve": "approval-given",
    "approval.decline": "approval-declined",
    "member.add": "member-added",
    "member.confirm": "member-confirmed",
    "member.remove": "member-removed",
    "member.reach": "member-reach-set",
    "member.children": "approval-asked",
    "member.renew": "member-renewal-added",
    "member.accept": "member-renewed",
    "member.freeze": "member-frozen",
    "member.unfreeze": "approval-asked",
    "member.evidence": "results-read",
    "dataset.add": "dataset-added",
    "dataset.refresh": "dataset-refreshed",
    "dataset.remove": "dataset-removed",
    "dataset.withdraw": "consent-withdrawn",
    "dataset.withhold": "records-withheld",
    "dataset.readmit": "records-withheld",
    "stop-list.add": "stop-list-changed",
    "stop-list.show": "stop-list-read",
    "stop-list.remove": "stop-list-changed",
    "round.propose": "round-proposed",
    "round.sign": "approval-asked",  # where one person signs alone: round-signed, as round.approve
    "round.approve": "round-signed",
    "round.refuse": "round-refused",
    "round.start": "round-started",
    "round.release": "release-decided",
    "round.cancel": "round-cancelled",
    "round.results": "results-read",
    "round.contacts": "results-read",
    "round.contact": "contact-offered",
    "round.cards": "results-read",
    "budget.grant": "grant-asked",
    "budget.revoke": "grant-revoked",
    "budget.approve-settings": "approval-asked",
    "lead.list": "results-read",
    "lead.review": "lead-reviewed",
    "lead.different": "different-noted",
    "lead.feedback": "feedback-sent",
    "node.backup": "backup-made",
    "node.leave": "member-left",
    "report.person": "report-made",
    "report.round": "report-made",
    "report.period": "report-made",
    "report.dpia": "report-made",
    "retention.run": "results-erased",
    "record.erase": "record-erased",
}
"""Operation -> the event that it leaves."""

QUIET: dict[str, str] = {
    "node.status": "states and counts",
    "round.templates": "what every node of this version has",
    "audit.verify": "whether the log holds, and its signed state, which every peer gets",
    "audit.witness": "counts of signatures",
    "staff.list": "labels and roles",
    "approval.list": "what waits for whom",
    "card.show": "the card, which is made to be given away",
    "member.words": "check words of two public cards",
    "member.list": "cards of others",
    "member.check": "whether a member answers",
    "member.show": "a member's state and counts",
    "dataset.preview": "counts about a file that whoever asks has",
    "dataset.report": "counts",
    "dataset.list": "names and counts",
    "dataset.profiles": "words of this program",
    "stop-list.list": "names and counts",
    "round.list": "states",
    "round.show": "the agreement, which is said to all its members",
    "round.status": "states and counts",
    "round.coverage": "counts",
    "policy.show": "the rules",
    "policy.explain": "the rules",
    "budget.show": "counts",
    "retention.show": "days and counts",
    "round.export": "sealed envelopes, whose entries stood before they were made",
    "round.import": "what each letter does is noted as it is read",
    "round.to-carry": "counts",
}
"""Operation -> why it leaves no entry: what it tells."""

ELSEWHERE: dict[str, str] = {
    "round.approve": "tests/integration/test_four_eyes.py",
    "member.renew": "tests/unit/node/identity/test_renewal.py",
    "member.accept": "tests/unit/node/identity/test_renewal.py",
    "audit.stamp-reply": "tests/unit/node/audit/test_timestamps.py",
    "round.contact": "tests/integration/test_j4.py",
    "budget.approve-settings": "tests/cli/test_budget_commands.py",
    "retention.run": "tests/unit/node/keeping/test_retention.py",
    "record.erase": "tests/integration/test_erasure.py",
}
"""Operation -> where its entry is seen, if not here."""

DISCLOSES = (
    "audit.show", "audit.export", "audit.share", "audit.certificate", "round.results", "round.contacts", "lead.list",
    "stop-list.show", "report.person", "report.round", "report.period", "report.dpia",
)  # fmt: skip
"""What gives something out: nothing is, if it cannot be noted."""


@pytest.mark.tm("TM-216")
def test_every_operation_has_its_row() -> None:
    assert set(TOLD) | set(QUIET) == set(OPERATIONS)
    assert not set(TOLD) & set(QUIET)
    assert set(TOLD.values()) <= {event.value for event in Event}
    assert set(ELSEWHERE) <= set(TOLD)
    assert [name for name, path in ELSEWHERE.items() if TOLD[name] not in (ROOT / path).read_text()] == []


@pytest.mark.ci
@pytest.mark.tm("TM-216")
def test_every_command_leaves_its_entry_before_it_tells_anything(
    tmp_path: Path, record_property: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with two(tmp_path / "nodes") as (shelter, police):
        seen = Scenario(shelter, police, tmp_path, monkeypatch).play()
    wrong = {
        name: sorted(seen.get(name, ()))
        for name in TOLD
        if name not in ELSEWHERE and TOLD[name] not in seen.get(name, ())
    }
    assert wrong == {}
    record_property("ran", f"{len(set(seen) & set(TOLD))} commands, each with its entry")
    assert len(set(seen) & set(TOLD)) >= len(set(TOLD) - set(ELSEWHERE))


class Scenario:
    """Asks everything, and notes which events came into the log of the node that was asked."""

    def __init__(self, shelter: Running, police: Running, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.shelter, self.police, self.folder, self.patch = shelter, police, folder, patch
        self.seen: dict[str, set[str]] = {}

    def ask(self, node: Running, operation: str, **request: Any) -> Any:
        first = node.parts.audit.size()
        if operation in DISCLOSES:
            self._tells_nothing_unnoted(node, operation, request)
        reply = node.ask(operation, **request)
        new = {entry.event.value for entry in node.parts.audit.entries(first=first)}
        self.seen.setdefault(operation, set()).update(new)
        return reply

    def _tells_nothing_unnoted(self, node: Running, operation: str, request: dict[str, Any]) -> None:
        append = AuditLog.append

        def failing(log: AuditLog, tx: Any, event: str, **facts: Any) -> int:
            if log is node.parts.audit and Event(event).value == TOLD[operation]:
                raise Busy("The disk is full.")
            return append(log, tx, event, **facts)

        with self.patch.context() as patch:
            patch.setattr(AuditLog, "append", failing)
            with pytest.raises(Busy):
                node.ask(operation, **request)
        assert "file" not in request or not Path(request["file"]).exists()

    def play(self) -> dict[str, set[str]]:
        shelter, police, ask = self.shelter, self.police, self.ask
        self._own_data()
        round_id = self._round()
        ask(shelter, "round.results", round=round_id)
        ask(shelter, "round.contacts", round=round_id)
        ask(shelter, "lead.list", round=round_id)
        ask(shelter, "lead.review", round=round_id, leads=[1], status="confirmed", by="rita")
        ask(shelter, "lead.feedback", round=round_id, leads=[1], by="rita")
        ask(shelter, "lead.different", round=round_id, leads=[2], by="rita")
        ask(shelter, "report.person", record="S-9", by="rita")
        ask(shelter, "report.round", round=round_id, by="rita")
        ask(shelter, "report.period", since="2020-01-01", until="2100-01-01", by="rita")
        ask(shelter, "report.dpia", by="rita")
        ask(shelter, "audit.show", by="rita")
        ask(shelter, "audit.export", file=str(self.folder / "whole.jsonl"), by="rita")
        ask(police, "audit.share", member="shelter", file=str(self.folder / "police.jsonl"), by="rita")
        ask(shelter, "audit.reconcile", file=str(self.folder / "police.jsonl"), by="rita")
        ask(shelter, "audit.certificate", round=round_id, by="rita")
        ask(shelter, "audit.stamp-request", by="rita")
        ask(shelter, "node.backup", path=str(self.folder / "node.backup"), by="rita")
        ask(shelter, "round.cards", round=round_id)
        self._refused_and_cancelled()
        self._frozen(round_id)
        self._members()
        self._staff()
        return self.seen

    def _frozen(self, round_id: str) -> None:
        police, ask = self.police, self.ask
        with police.parts.store.transaction() as tx:
            police.parts.freezes.freeze(tx, self.shelter.parts.identity.member_id, round_id, Hit((), {}))
        ask(police, "member.evidence", round=round_id, by="ada")
        ask(police, "member.freeze", name="shelter", by="ada")
        asked = ask(police, "member.unfreeze", name="shelter", by="ada")
        ask(police, "approval.decline", number=asked["number"], by="ben")
        asked = ask(police, "member.unfreeze", name="shelter", by="ada")
        ask(police, "approval.approve", number=asked["number"], by="ben")

    def _staff(self) -> None:
        """Last, since from then on everybody has to show a passphrase."""
        node, first, second = self.shelter, secret(b"a passphrase of ten words"), secret(b"another of so many words")
        for label, role in (("ben", "approver"), ("ada", "operator")):
            self._with_passphrases(node, "staff.add", first, first, label=label, roles=[role], by="ben")
        self._with_passphrases(node, "staff.passphrase", first, second, by="ada")
        self._with_passphrases(node, "staff.remove", first, None, label="ada", by="ben")

    def _with_passphrases(self, node: Running, operation: str, own: Any, new: Any, **request: Any) -> None:
        begin = node.parts.audit.size()
        Dispatcher(node.parts, OPERATIONS).invoke(
            operation, json.dumps(request).encode(), lambda _said: None, credential=own, new_credential=new
        )
        new_events = {entry.event.value for entry in node.parts.audit.entries(first=begin)}
        self.seen.setdefault(operation, set()).update(new_events)

    def _own_data(self) -> None:
        shelter, ask = self.shelter, self.ask
        source = self.folder / "more.csv"
        source.write_text("Case,Phone,Consent\nM-1,+49 30 90180777,yes\nM-2,+49 30 90180778,yes\n")
        mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
        terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada"}
        ask(shelter, "dataset.add", path=str(source), name="more", **terms)
        ask(shelter, "dataset.refresh", path=str(source), name="more", by="ada")
        ask(shelter, "dataset.withdraw", name="more", text="M-1\n", by="ada")
        ask(shelter, "dataset.withhold", name="more", peer="police", text="M-2\n", by="ada")
        ask(shelter, "dataset.readmit", name="more", peer="police", text="M-2\n", by="ada")
        ask(shelter, "dataset.remove", name="more", by="ada")
        ask(shelter, "stop-list.add", name="desk", kind="phone", text="+49 30 90180999\n", region="DE", by="ada")
        ask(shelter, "stop-list.show", name="desk", by="ada")
        ask(shelter, "stop-list.remove", name="desk", by="ada")

    def _round(self) -> str:
        shelter, police = self.shelter, self.police
        with self.patch.context() as patch:
            for node in (shelter, police):
                patch.setattr(type(node), "ask", self._listening(type(node).ask))
            round_id = agree(shelter, shelter, police)
            go(shelter, round_id)
            decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
        return round_id

    def _listening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def ask(node: Running, operation: str, **request: Any) -> Any:
            first = node.parts.audit.size()
            reply = real(node, operation, **request)
            new = {entry.event.value for entry in node.parts.audit.entries(first=first)}
            self.seen.setdefault(operation, set()).update(new)
            return reply

        return ask

    def _refused_and_cancelled(self) -> None:
        for name in ("round.refuse", "round.cancel"):
            proposed = self.ask(
                self.shelter,
                "round.propose",
                template="J1",
                members=["me", "police"],
                settings={"match": [{"kind": "phone", "per_record": 1}]},
                by="carl",
            )
            self.ask(self.shelter, name, round=proposed["round"]["round_id"], by="ada")

    def _members(self) -> None:
        shelter, ask = self.shelter, self.ask
        until = (shelter.parts.clock.now() + timedelta(days=30)).date().isoformat()
        grant = ask(shelter, "budget.grant", member="police", elements=1000, until=until, by="ada")["grant"]
        ask(shelter, "budget.revoke", grant=grant["grant_id"], by="ben")
        ask(shelter, "member.reach", name="police", reach="collects", by="ada")
        ask(shelter, "member.children", name="police", allowed=True, by="ada")
        ask(shelter, "node.leave", members=["police"], by="ada", now=True)
        self._again()
        ask(shelter, "member.remove", name="police", by="ada")
        self._again()

    def _again(self) -> None:
        """The shelter takes the police in, which it had removed."""
        card = self.police.ask("card.show")["file"]
        words = self.ask(self.shelter, "member.add", file=card, by="ada", alias="police")["words"]
        self.ask(self.shelter, "member.confirm", name="police", words=" ".join(words), by="ben")
