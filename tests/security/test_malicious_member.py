"""A confirmed member that turns against the others: what it tries, what stops it, who sees it, what the log has.

A whole node plays the malicious member (the police unit); it has everything an honest one has: a confirmed card, keys,
signed agreements. Each attempt is a row of `tests.support.attempts`, of which the table in threat_model.md (part 4, "A
malicious member") is made: a test compares them. What no software can stop is a row too, and says so.
"""

import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import delete, select

from node.agreement.manifest import SIGN_LABEL, Manifest
from node.audit import log as audit_log
from node.audit.merkle import RightEdge, leaf_hash
from node.clock import Clock
from node.errors import RefusedByPolicy, UserError
from node.identity.cards import MemberClass, Profile, issue_card
from node.identity.certificates import new_certificate, new_tls_key
from node.rounds.book import round_id_of
from node.store.schema import audit_entries, checkpoints, results
from node.transport.explain import PeerRefused
from node.tripwires import Decoy
from node.wire import strict_json
from node.wire.envelope import Envelope, EnvelopeKind, ReceiptKind
from node.wire.sealing import round_key
from node.wire.signing import verify
from psi.backend import choose
from psi.group import ELEMENT_BYTES
from psi.messages import Blinded, decode
from psi.protocol import receiving
from tests.support.attempts import ATTEMPTS, table
from tests.support.carriers import Deliver, meddle
from tests.support.inside import by_hand, inside
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import OURS, SHARED, agree, decide, go, knows, learned, plant, write_numbers
from tests.support.tree import ROOT

pytestmark = pytest.mark.tm("TM-240")

Pair = tuple[Running, Running]
BUDGET = 192
"""Elements the shelter evaluates for the police in ten days: three lists of 64."""


@contextmanager
def members(folder: Path, settings: str = "", clock: Clock | None = None) -> Iterator[Pair]:
    """An honest shelter and a malicious police unit, introduced and with data."""
    with ExitStack() as stack:
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make_folder(folder / alias, alias, member_class, settings if alias == "shelter" else "")
            nodes.append(stack.enter_context(run(folder / alias, alias, clock=clock)))
        introduce(*nodes)
        plant(folder, *nodes)
        yield nodes[0], nodes[1]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with members(tmp_path_factory.mktemp("malicious")) as nodes:
            yield nodes


class Watching:
    """What the victim's log says from here on."""

    def __init__(self, node: Running) -> None:
        self._node = node
        self._from = node.parts.audit.size()

    def entries(self) -> list[Any]:
        return self._node.parts.audit.entries(first=self._from)

    def has(self, name: str, **facts: Any) -> None:
        """The events of the attempt's row stand in the log, in order; `facts` in the last of them."""
        wanted, said = list(ATTEMPTS[name].log), self.entries()
        events = [entry.event.value for entry in said]
        rest = iter(events)
        assert all(event in rest for event in wanted), (wanted, events)
        if wanted:
            last = [entry for entry in said if entry.event == wanted[-1]][-1]
            assert facts.items() <= dict(last.facts).items(), dict(last.facts)


def blamed(victim: Running, cheat: Running, round_id: str, code: str) -> None:
    """The round is over by the cheat's fault, and nothing was learned by anybody."""
    wait_for(lambda: victim.state(round_id) == "failed")
    shown = victim.ask("round.status", round=round_id)["round"]
    assert shown["blamed"] in (cheat.parts.identity.signed_card.card.name, cheat.parts.identity.member_id)
    assert shown["failure"]
    assert victim.parts.book.get(round_id).failure_code == code
    assert learned(victim, round_id) == []


# Guessing.


def test_guesses_within_the_budget_are_answered_counted_and_told_beforehand(pair: Pair) -> None:
    """Not stopped. What is shown is that it is said, charged and written down."""
    shelter, police = pair
    watching = Watching(shelter)
    round_id = agree(police, shelter, police)
    said = " ".join(shelter.ask("round.show", round=round_id)["sentences"])
    assert "test up to 64 named persons or identifiers" in said
    go(police, round_id)
    decide(shelter, round_id)
    wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
    watching.has("within-budget")


def lay(node: Running, numbers: list[str]) -> None:
    decoys = [Decoy("phone", "phone", number, free=True) for number in numbers]
    node.parts.engine.tripwires.draw = lambda _found, _walk, room: decoys[:room]  # type: ignore[assignment, method-assign]


SWEPT = [f"+49309018{number:04}" for number in (11, 12, 13)]
"""Numbers that the police's list holds and the shelter's does not: what a sweep would meet as decoys."""


def sweep(pair: Pair) -> str:
    """A round in which the police asks about numbers that the shelter laid as decoys."""
    shelter, police = pair
    honest = shelter.parts.engine.tripwires.draw
    lay(shelter, SWEPT)
    try:
        round_id = agree(police, shelter, police)
        go(police, round_id)
        wait_for(lambda: shelter.state(round_id) in ("failed", "deciding"))
    finally:
        shelter.parts.engine.tripwires.draw = honest  # type: ignore[method-assign]
    return round_id


def swept(pair: Pair, watching: Watching, round_id: str) -> None:
    shelter, police = pair
    assert shelter.state(round_id) == "failed"
    watching.has("sweep")
    with shelter.parts.store.read() as connection:
        assert connection.execute(select(results).where(results.c.round_id == round_id)).first() is None
    wait_for(lambda: police.state(round_id) == "failed")
    assert learned(police, round_id) == []
    assert "tripwire" not in json.dumps(police.ask("round.status", round=round_id))


def unfreeze(node: Running, name: str) -> None:
    number = node.ask("member.unfreeze", name=name, by="ada")["number"]
    node.ask("approval.approve", number=number, by="ben")


def test_a_sweep_meets_decoys_and_freezes_the_member(pair: Pair) -> None:
    shelter, police = pair
    watching = Watching(shelter)
    swept(pair, watching, sweep(pair))
    refused = police.ask("round.propose", template="J1", members=["shelter", "me"], settings={}, by="carl")
    asked = str(refused["round"]["round_id"])
    wait_for(lambda: knows(shelter, asked))
    with pytest.raises(RefusedByPolicy, match="frozen"):
        sign(shelter, asked, "cases")
    unfreeze(shelter, "police")


def test_twin_without_the_check_of_decoys_a_sweep_is_answered(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police = pair
    watching = Watching(shelter)
    monkeypatch.setattr(type(shelter.parts.engine.tripwires), "check", lambda *_arguments: None)
    round_id = sweep(pair)
    with pytest.raises(AssertionError):
        swept(pair, watching, round_id)
    shelter.ask("round.cancel", round=round_id, by="ada")


def ordered_rounds(pair: Pair, most: int) -> int:
    """The malicious side asks for its rows again and again; how many rounds were signed by the other side."""
    shelter, police = pair
    for number in range(most):
        try:
            round_id = agree(police, shelter, police, template="J2", reply={"mode": "ordered"})
        except RefusedByPolicy:
            return number
        go(police, round_id)
        decide(shelter, round_id)
        wait_for(lambda round_id=round_id: police.state(round_id) == "finished")  # type: ignore[misc]
    return most


@contextmanager
def poor(folder: Path) -> Iterator[Pair]:
    """The shelter's budget for the police is three lists; both hold adverts, of which whole lists may be answered."""
    budget = f"[budget]\nelements = {BUDGET}\nelements_in_all = {BUDGET}\n"
    terms: dict[str, Any] = {"record_class": "advert", "region": "DE", "by": "ada"}
    terms |= {"mapping": {"Case": "reference", "Phone": "phone", "Consent": "consent"}}
    with members(folder, budget) as (shelter, police):
        for node, name, first in ((shelter, "cases", 0), (police, "files", 7)):
            file = write_numbers(folder / f"{name}.csv", [f"{name}-{number}" for number in range(10)], first)
            node.ask("dataset.remove", name=name, by="ada")
            duty = {"basis": "legal_duty", "legal_reference": "Article 1"} if node is police else {}
            node.ask("dataset.add", path=str(file), name=name, **terms, **duty)
        yield shelter, police


@pytest.mark.ci
@pytest.mark.parametrize("sabotaged", [False, True])
def test_beyond_the_budget_nothing_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any, *, sabotaged: bool
) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with poor(tmp_path) as pair:
        shelter, _police = pair
        watching = Watching(shelter)
        if sabotaged:
            monkeypatch.setattr(type(shelter.parts.budget), "remaining", lambda *_arguments, **_named: 1 << 20)
            monkeypatch.setattr(type(shelter.parts.budget), "charge", lambda *_arguments, **_named: None)
        signed = ordered_rounds(pair, 5)
        record_property("ran", f"{signed} rounds signed of 5 asked for")
        if sabotaged:
            assert signed == 5
            return
        assert signed == BUDGET // 64
        watching.has("beyond-budget")


# Agreements.


def deliver(sender: Running, victim: Running, round_id: str, kind: EnvelopeKind, payload: bytes, number: int) -> Any:
    envelope = by_hand(
        sender.parts,
        round_id=round_id,
        recipient=victim.parts.identity.member_id,
        sequence=number,
        kind=kind,
        payload=payload,
    )
    return sender.parts.carrier.deliver(envelope)


def finished(node: Running) -> str:
    """A round that was signed, run and is over."""
    return next(found.round_id for found in node.parts.book.all() if found.state == "finished")


def test_an_old_agreement_is_the_old_round(pair: Pair) -> None:
    shelter, police = pair
    round_id = finished(shelter)
    before = shelter.parts.book.get(round_id)
    watching, rounds = Watching(shelter), len(shelter.parts.book.all())
    proposal = before.manifest.canonical()
    with pytest.raises(PeerRefused) as caught:  # its number came before, sealed otherwise: a changed answer
        deliver(police, shelter, round_id, EnvelopeKind.PROPOSAL, proposal, 1)
    assert caught.value.reason == "changed-answer"
    with pytest.raises(UserError):
        sign(shelter, round_id, "cases")
    after = shelter.parts.book.get(round_id)
    assert (after.state, after.manifest, len(shelter.parts.book.all())) == (before.state, before.manifest, rounds)
    watching.has("replayed")
    assert not {"round-received", "round-signed", "budget-charged"} & {one.event.value for one in watching.entries()}
    # The same agreement under another name is refused at the door.
    with pytest.raises(PeerRefused):
        deliver(police, shelter, "f" * 32, EnvelopeKind.PROPOSAL, proposal, 1)


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "the purpose": lambda said: said.update(purpose="find_missing_persons"),
    "the member class": lambda said: next(one for one in said["members"] if one["member_class"] == "police").update(
        member_class="ngo"
    ),
    "how long": lambda said: said["members"][0].update(retention_days=365),
}


def altered(pair: Pair, change: Callable[[dict[str, Any]], None]) -> tuple[str, bool]:
    """The police proposes an agreement, the shelter signs it, and then the police signs a changed one in its place. The
    round's id, and whether the shelter's signature holds for the changed one."""
    shelter, police = pair
    made = police.ask("round.propose", template="J1", members=["shelter", "me"], settings={}, by="carl")
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(shelter, round_id))
    sign(shelter, round_id, "cases")
    wait_for(lambda: len(police.parts.book.verdicts(round_id)) == 1)
    (ours,) = police.parts.book.verdicts(round_id)
    said = json.loads(police.parts.book.get(round_id).manifest.canonical())
    change(said)
    other = Manifest.parse(strict_json.canonical(said))
    assert round_id_of(other) != round_id
    with police.parts.negotiation.seals.new_secret() as secret:
        key = round_key(secret)
    signature = police.parts.identity.sign(SIGN_LABEL, other.accepted_with(key))
    deliver(police, shelter, round_id, EnvelopeKind.SIGNATURE, signature + key, 2)
    assert ours.round_key is not None
    public = shelter.parts.identity.public_key
    return round_id, verify(public, SIGN_LABEL, other.accepted_with(ours.round_key), ours.signature)


@pytest.mark.parametrize("what", CHANGES)
def test_a_signature_covers_every_byte_of_the_agreement(pair: Pair, what: str) -> None:
    shelter, police = pair
    watching = Watching(shelter)
    round_id, ours_holds = altered(pair, CHANGES[what])
    assert not ours_holds
    blamed(shelter, police, round_id, "bad-signature")
    watching.has("altered", code="bad-signature", peer=police.parts.identity.member_id)


def test_twin_that_does_not_check_signatures_takes_the_altered_agreement(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelter, _police = pair
    with monkeypatch.context() as patch:
        patch.setattr("node.rounds.negotiation.verify", lambda *_arguments: True)
        round_id, _ours = altered(pair, CHANGES["how long"])
        wait_for(lambda: len(shelter.parts.book.verdicts(round_id)) == 2)
    assert shelter.state(round_id) == "agreed"
    shelter.ask("round.cancel", round=round_id, by="ada")


def other_class(pair: Pair) -> str:
    """An agreement that calls the police a hotline, as its card does not; the other node has been asked to sign it."""
    shelter, police = pair
    made = police.ask("round.propose", template="J1", members=["shelter", "me"], settings={}, by="carl", dry_run=True)
    said = made["manifest"]
    for member in said["members"]:
        if member["member_id"] == police.parts.identity.member_id:
            member["member_class"] = "hotline"
    manifest = Manifest.parse(strict_json.canonical(said))
    round_id = round_id_of(manifest)
    deliver(police, shelter, round_id, EnvelopeKind.PROPOSAL, manifest.canonical(), 1)
    wait_for(lambda: knows(shelter, round_id))
    return round_id


def test_another_class_than_the_confirmed_card_says_is_refused(pair: Pair) -> None:
    shelter, _police = pair
    watching = Watching(shelter)
    with pytest.raises(RefusedByPolicy, match="card"):
        sign(shelter, other_class(pair), "cases")
    watching.has("class-changed")


def newer_card(node: Running, member_class: str) -> str:
    """A newer card of a node, signed by its identity, with another class."""
    identity, old = node.parts.identity, node.parts.identity.signed_card.card
    profile = {name: getattr(old, name) for name in Profile.model_fields} | {"member_class": MemberClass(member_class)}
    now = node.parts.clock.now() + timedelta(minutes=1)
    card = issue_card(
        identity,
        Profile(**profile),
        identity_key=identity.public_key,
        sealing_key=X25519PrivateKey.generate().public_key().public_bytes_raw(),
        certificate=new_certificate(new_tls_key(os.urandom), identity.member_id, now, os.urandom),
        now=now,
    )
    return card.to_bytes().decode()


def test_a_newer_card_with_another_class_is_refused(pair: Pair) -> None:
    shelter, police = pair
    with pytest.raises(UserError, match="class"):
        shelter.ask("member.renew", file=newer_card(police, "hotline"), by="ada")
    assert shelter.ask("member.renew", file=newer_card(police, "police"), by="ada")["alias"] == "police"


def test_twin_that_lets_a_card_change_its_class(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, police = pair
    monkeypatch.setattr("node.identity.renewal._KEPT", ("identity_key",))
    assert shelter.ask("member.renew", file=newer_card(police, "hotline"), by="ada")["alias"] == "police"


# The list.


def another_list(message: Blinded) -> Blinded:
    """One element of the list in another's place, in order."""
    rows = [message.elements[at : at + ELEMENT_BYTES] for at in range(0, len(message.elements), ELEMENT_BYTES)]
    secret = choose().new_scalar()
    try:
        rows[0] = choose().base_multiply(secret)
    finally:
        secret.wipe()
    return dataclasses.replace(message, elements=b"".join(sorted(rows)))


def with_another_list(pair: Pair) -> str:
    """A round in which the police commits to one list and sends another."""
    shelter, police = pair
    round_id = agree(police, shelter, police)
    done: dict[int, Envelope] = {}

    def trick(envelope: Envelope, send: Deliver) -> ReceiptKind:
        if envelope.kind is EnvelopeKind.ROUND and isinstance(message := decode(inside(envelope)), Blinded):
            if envelope.sequence not in done:
                payload = another_list(message).encode()
                done[envelope.sequence] = by_hand(
                    police.parts,
                    round_id=round_id,
                    recipient=envelope.recipient,
                    sequence=envelope.sequence,
                    kind=envelope.kind,
                    payload=payload,
                )
            return send(done[envelope.sequence])
        return send(envelope)

    carrier = meddle(police.parts, trick)
    try:
        go(police, round_id)
        wait_for(lambda: shelter.state(round_id) in ("failed", "deciding"))
    finally:
        police.parts.engine.post.carrier = carrier.honest
    return round_id


def test_another_list_than_the_committed_one_is_refused(pair: Pair) -> None:
    shelter, police = pair
    watching = Watching(shelter)
    round_id = with_another_list(pair)
    blamed(shelter, police, round_id, "broken-commitment")
    watching.has("another-list", code="broken-commitment")
    assert "answer-sent" not in [one.event.value for one in watching.entries()]


def test_twin_without_the_commitment_another_list_is_taken(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    shelter, _police = pair
    monkeypatch.setattr(receiving, "commitment", lambda opening, _root: opening.commitment)
    round_id = with_another_list(pair)
    assert shelter.state(round_id) != "failed" or shelter.parts.book.get(round_id).failure_code != "broken-commitment"
    if shelter.state(round_id) == "deciding":
        shelter.ask("round.cancel", round=round_id, by="ada")


# Consent.


def consenting(folder: Path, word: str = "no", until: str = "") -> Path:
    """Ten records: one whose person said no (or `word`), one whose consent has ended, eight that take part."""
    file = folder / f"consent-{word}.csv"
    lines = ["Case,Phone,Consent,Until"]
    for number, reference in enumerate(OURS):
        said = {8: (word, ""), 9: ("yes", until or "2020-01-01")}.get(number, ("yes", ""))
        lines.append(f"{reference},+49 30 9018 {number:04},{','.join(said)}")
    file.write_text("\n".join(lines) + "\n")
    return file


def matched(pair: Pair, folder: Path, file: Path) -> list[str]:
    """What the shelter's own data set of this file matches with the police's, whose records hold the same numbers."""
    shelter, police = pair
    name = f"consent{len(shelter.parts.datasets.list())}"
    roles = {"Case": "reference", "Phone": "phone", "Consent": "consent", "Until": "consent_until"}
    said = {"record_class": "victim", "region": "DE", "mapping": roles, "by": "ada"}
    shelter.ask("dataset.add", path=str(file), name=name, **said)
    made = police.ask(
        "round.propose",
        template="J1",
        members=["shelter", "me"],
        settings={"match": [{"kind": "phone", "per_record": 1}]},
        by="carl",
    )
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(shelter, round_id))
    sign(shelter, round_id, name)
    sign(police, round_id, "files")
    wait_for(lambda: police.state(round_id) == shelter.state(round_id) == "agreed")
    go(police, round_id)
    wait_for(lambda: shelter.state(round_id) == "deciding")
    found = learned(shelter, round_id)
    shelter.ask("round.cancel", round=round_id, by="ada")
    return found


def test_records_without_consent_are_on_no_list(pair: Pair, tmp_path: Path) -> None:
    shelter, _police = pair
    watching = Watching(shelter)
    assert matched(pair, tmp_path, consenting(tmp_path)) == ["S-7"]  # S-8 said no, the consent of S-9 has ended
    watching.has("no-consent", refused=2, usable=8)


def test_twin_changed_software_sends_them_and_nobody_else_can_see_it(pair: Pair, tmp_path: Path) -> None:
    """Not stopped: a file in which everybody said yes is all it takes. The log has the numbers, and who added it."""
    assert matched(pair, tmp_path, consenting(tmp_path, "yes", "2099-01-01")) == OURS[-SHARED:]


# Logs. Last: afterwards the police's log is not whole any more.


def rewrite(node: Running, change: Callable[[Any], None]) -> None:
    """Change the stored log as somebody with the node's keys can, and sign nothing of what was before again."""
    with node.parts.store.transaction() as tx:
        change(tx)
        node.parts.audit._edge = RightEdge()
        node.parts.audit._last_leaf = None


def cut_off(node: Running) -> Callable[[Any], None]:
    size = node.parts.audit.size() - 20

    def change(tx: Any) -> None:
        tx.execute(delete(audit_entries).where(audit_entries.c.position >= size))
        tx.execute(delete(checkpoints).where(checkpoints.c.tree_size > size))

    return change


def rewritten(_node: Running) -> Callable[[Any], None]:
    def change(tx: Any) -> None:
        body = tx.execute(select(audit_entries.c.body).where(audit_entries.c.position == 1)).scalar_one()
        other = re.sub(r'"time":"[^"]*"', '"time":"2020-01-01T00:00:00Z"', body)
        assert other != body
        values = {"body": other, "leaf_hash": leaf_hash(other.encode())}
        tx.execute(audit_entries.update().where(audit_entries.c.position == 1).values(**values))
        tx.execute(delete(checkpoints))

    return change


def lying_round(pair: Pair) -> str:
    """A round after the police changed its log."""
    shelter, police = pair
    round_id = agree(police, shelter, police)
    go(police, round_id)
    wait_for(lambda: shelter.state(round_id) in ("failed", "deciding"))
    return round_id


LIES = {"shrunken-log": cut_off, "forked-log": rewritten}


@pytest.mark.ci
@pytest.mark.parametrize("name", LIES)
def test_a_log_that_shrinks_or_forks_costs_the_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with members(tmp_path) as pair:
        shelter, police = pair
        round_id = agree(police, shelter, police)
        go(police, round_id)
        decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished")
        rewrite(police, LIES[name](police))
        watching = Watching(shelter)
        lie = lying_round(pair)
        blamed(shelter, police, lie, "shrunken-log")
        watching.has(name, code="shrunken-log")
        assert not police.ask("audit.verify")["ok"] or name == "forked-log"


# The table.


def test_the_table_of_the_threat_model_is_this_one() -> None:
    assert table() in (ROOT / "threat_model.md").read_text(encoding="utf-8")


def test_every_attempt_is_tried(record_property: Any) -> None:
    """A row that no test refers to shows nothing."""
    source = Path(__file__).read_text(encoding="utf-8").partition("# Guessing.")[2]
    assert {name for name in ATTEMPTS if f'"{name}"' not in source} == set()
    assert {event for one in ATTEMPTS.values() for event in one.log} <= {event.value for event in audit_log.Event}
    record_property("ran", f"{len(ATTEMPTS)} attempts")
