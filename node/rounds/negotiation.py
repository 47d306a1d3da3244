"""From a proposal to an agreement that may run: propose, sign, refuse, start, cancel.

    convener                         each member
    propose  -- PROPOSAL ----------> stored; its rules are asked; a person reads it
             <- SIGNATURE or REFUSAL -- to the convener and to the other member
    start    -- START -------------> the round is prepared once every signature is here

A signature is an identity key's over the digest of the manifest and the key under which its signer wants the messages
of this round sealed. Every node checks the others' signatures against its
own pins; what the convener says about who signed counts for nothing. Members' signatures are kept as evidence.
The rules are asked when a person signs and again before the list is made (`Speaking`), since days may lie between.
Whatever a person asks for is checked in the transaction that does it: a letter may have changed the round meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from node.agreement.manifest import MAX_MANIFEST_BYTES, REFUSE_LABEL, SIGN_LABEL, Manifest
from node.agreement.terms import moment
from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.datasets import Dataset, DatasetBook, PreparedRecord
from node.errors import NotAllowed, RefusedByPolicy, UserError
from node.identity.keys import Identity, verify
from node.identity.members import MemberBook, MemberState
from node.policy import RULES, Budget, Context, DatasetFacts, charge_for, enforce, evaluate
from node.policy.agreement import CLOCK_SKEW
from node.policy.budgets import closed_sentence
from node.policy.resources import BudgetSuffices
from node.policy.rules import LONGEST_AGREEMENT_DAYS
from node.policy.verdict import Verdict as RuleVerdict
from node.rounds.book import Round, RoundBook, Verdict, round_id_of
from node.rounds.ends import end
from node.rounds.mailbox import Letter, Outbox
from node.rounds.parties import others, peer_of, read_note, require_member, tell, write_note
from node.rounds.preparing import records_without_room
from node.rounds.room import Room
from node.rounds.seals import Seals
from node.rounds.states import ENDS, RoundState
from node.store import Store
from node.wire.envelope import EnvelopeKind
from node.wire.sealing import ROUND_KEY_BYTES, is_usable, round_key
from node.wire.signing import SIGNATURE_BYTES
from psi.errors import BadSignature, MalformedMessage, UnexpectedMessage, WrongParty
from psi.secret import SecretBytes

__all__ = ["MAX_ROUNDS_PER_CONVENER", "Negotiation"]

MAX_ROUNDS_PER_CONVENER = 1_000
"""Rounds of one convener at this node that are not over or were proposed within a day."""


@dataclass
class Negotiation:
    """Everything that happens to a round before its list is made, and how it is called off."""

    store: Store
    audit: AuditLog
    clock: Clock
    identity: Identity
    members: MemberBook
    datasets: DatasetBook
    budget: Budget
    book: RoundBook
    outbox: Outbox
    seals: Seals
    room: Room
    wake: Callable[[str], None]

    # What a person does here.

    def propose(self, manifest: Manifest, *, by: str) -> Round:
        """Store a manifest that this node convenes and send it to its members."""
        me = self.identity.member_id
        if manifest.convener != me:
            raise NotAllowed("Only the convener that a manifest names can propose it.")
        for member_id in others(manifest, me):
            require_member(self.members, member_id)
        with self.store.transaction() as tx:
            round_id = self.book.add(tx, manifest, me=me)
            self.audit.append(tx, "round-proposed", round_id=round_id, by=by, manifest_digest=_short(manifest))
            tell(tx, self.outbox, self.book.get(round_id), me, EnvelopeKind.PROPOSAL, manifest.canonical())
        self.wake(round_id)
        return self.book.get(round_id)

    def judge(self, manifest: Manifest, dataset: Dataset | None = None) -> list[RuleVerdict]:
        """What every rule of this node says about an agreement."""
        return evaluate(manifest, self._context(manifest, dataset))

    def enforce(self, found: Round) -> None:
        """Ask the rules once more, right before the list is made; RefusedByPolicy if one objects, BudgetSpent if there
        is nothing but to wait for the budget."""
        if found.dataset_id is None:
            raise UserError("No data set was chosen for this round.", advice="Sign it with --dataset.")
        dataset = self.datasets.by_id(found.dataset_id)
        rules = [rule for rule in RULES if not isinstance(rule, BudgetSuffices)]
        enforce(found.manifest, self._context(found.manifest, dataset), rules)
        peer = peer_of(found)
        self.budget.check(peer, charge_for(found.manifest, peer))

    def version(self, found: Round) -> str:
        """The version that the data set chosen for a round has now (decision 0013)."""
        if found.dataset_id is None:
            raise _dataset_gone()
        return self.datasets.by_id(found.dataset_id).version_id

    def records(self, found: Round) -> Iterator[PreparedRecord]:
        """The records of the data set that was chosen for a round, as it is now, in order."""
        if found.dataset_id is None:
            raise _dataset_gone()
        return self.datasets.records(self.datasets.by_id(found.dataset_id).name)

    def marks(self, found: Round, numbers: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        """Reference and person mark of the records with these numbers, ascending, in the version that a round's list
        is from."""
        if found.dataset_id is None or found.version_id is None:
            raise _dataset_gone()
        return self.datasets.marks(found.version_id, numbers)

    def sign(self, found: Round, *, dataset_name: str, by: str) -> Round:
        """Say yes, with one data set. RefusedByPolicy, with every objection, if the rules of this node say no."""
        if found.position == "none":
            raise NotAllowed("This node convenes the round but is no member of it, so there is nothing to sign.")
        self._may_sign(found.round_id)
        dataset = self.datasets.get(dataset_name)
        try:
            enforce(found.manifest, self._context(found.manifest, dataset))
        except RefusedByPolicy:
            with self.store.transaction() as tx:
                self.audit.append(tx, "policy-refused", round_id=found.round_id, by=by)
            raise
        self._check_room(found.manifest, dataset)
        self.room.check_before(found, "signed")
        secret = self.seals.new_secret()
        try:
            return self._signed(found, dataset, secret, by=by)
        finally:
            secret.wipe()

    def _signed(self, found: Round, dataset: Dataset, secret: SecretBytes, *, by: str) -> Round:
        me, key = self.identity.member_id, round_key(secret)
        signature = self.identity.sign(SIGN_LABEL, found.manifest.accepted_with(key))
        with self.store.transaction() as tx:
            self._may_sign(found.round_id)
            self.book.choose_dataset(tx, found.round_id, dataset.dataset_id)
            self.book.save_round_secret(tx, found.round_id, secret)
            self.book.record_verdict(tx, found.round_id, self._verdict(me, True, signature, key))
            self.audit.append(
                tx, "round-signed", round_id=found.round_id, by=by, member=me, manifest_digest=_short(found.manifest)
            )
            tell(tx, self.outbox, found, me, EnvelopeKind.SIGNATURE, signature + key)
            self._complete(tx, found.round_id)
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    def refuse(self, found: Round, *, by: str) -> Round:
        """Say no. The others learn that this member refused, and nothing else."""
        me = self.identity.member_id
        if found.position == "none":
            raise NotAllowed("This node is no member of the round.", advice="A convener can cancel it instead.")
        signature = self.identity.sign(REFUSE_LABEL, found.manifest.digest())
        with self.store.transaction() as tx:
            if self.book.get(found.round_id).state not in (RoundState.PROPOSED, RoundState.AGREED):
                raise UserError("This round can no longer be refused.", advice="It can be cancelled until it is over.")
            self.book.record_verdict(tx, found.round_id, self._verdict(me, False, signature))
            self.audit.append(tx, "round-refused", round_id=found.round_id, by=by, member=me)
            tell(tx, self.outbox, found, me, EnvelopeKind.REFUSAL, signature)
            end(tx, self.book, self.outbox, found.round_id, RoundState.REFUSED)
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    def start(self, found: Round, *, by: str) -> Round:
        """The convener says go, once all have signed."""
        me = self.identity.member_id
        if found.convener != me:
            raise NotAllowed("Only the convener of a round can start it.")
        if found.position != "none" and found.state is RoundState.AGREED:
            self.room.check_before(found, "started")
        with self.store.transaction() as tx:
            now = self.book.get(found.round_id)
            if now.started:
                raise UserError("This round has already been started.")
            self._expect(now, RoundState.AGREED, "" if now.over else "Not every member has signed yet.")
            self.book.mark_started(tx, found.round_id)
            self.audit.append(tx, "round-started", round_id=found.round_id, by=by)
            tell(tx, self.outbox, found, me, EnvelopeKind.START, write_note("started"))
            self.book.move(tx, found.round_id, RoundState.PREPARING)
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    def cancel(self, found: Round, *, by: str) -> Round:
        """Call a round off, at any time before its end. What was already released cannot be called back."""
        with self.store.transaction() as tx:
            now = self.book.get(found.round_id)
            if now.over:
                raise UserError(f"This round is over: {now.state}.")
            self.audit.append(tx, "round-cancelled", round_id=found.round_id, by=by)
            tell(tx, self.outbox, found, self.identity.member_id, EnvelopeKind.CANCEL, write_note("cancelled"))
            end(tx, self.book, self.outbox, found.round_id, RoundState.CANCELLED)
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    # What the others' envelopes do here, each in the transaction that marks the letter as read.

    def admit(self, tx: Connection, payload: bytes, sender: str, round_id: str) -> Manifest:
        """The agreement in a proposal. PeerError if it is none or not this sender's to propose, RefusedByPolicy if the
        sender proposes too much, too late or for too long. Says nothing else about the agreement itself: that is for
        the rules, and a person."""
        try:
            if len(payload) > MAX_MANIFEST_BYTES:
                raise RefusedByPolicy("This agreement is far too long.")
            manifest = Manifest.parse(payload)
        except RefusedByPolicy as error:
            raise MalformedMessage(f"The other side proposed what is no agreement here. {error.sentence}") from None
        named = {member.member_id for member in manifest.members}
        concerns_us = manifest.convener == sender and self.identity.member_id in named
        if not concerns_us or round_id_of(manifest) != round_id:
            raise WrongParty("The other side proposed a round in another name, or one that does not concern us.")
        now = self.clock.now()
        longest = timedelta(days=LONGEST_AGREEMENT_DAYS) + CLOCK_SKEW
        if moment(manifest.deadline) <= now or moment(manifest.expires_at) > now + longest:
            # Not only for a person to refuse: at its deadline a round ends here by itself, and writes a report.
            raise RefusedByPolicy("The deadline of this agreement is over, or it would hold for too long.")
        since = timestamp(now - timedelta(days=1))
        if self.book.rounds_of(tx, sender, since) >= MAX_ROUNDS_PER_CONVENER:
            raise RefusedByPolicy("This convener has too many open rounds at this node.")
        return manifest

    def on_proposal(self, tx: Connection, letter: Letter) -> None:
        manifest = self.admit(tx, letter.payload, letter.sender, letter.round_id)
        self.book.add(tx, manifest, me=self.identity.member_id)
        self.audit.append(
            tx, "round-received", round_id=letter.round_id, peer=letter.sender, manifest_digest=_short(manifest)
        )

    def on_signature(self, tx: Connection, letter: Letter, found: Round) -> None:
        key = letter.payload[SIGNATURE_BYTES:]
        signature = self._check_verdict(letter, found, SIGN_LABEL, found.manifest.accepted_with(key), len(key))
        if len(key) != ROUND_KEY_BYTES or not is_usable(key):
            raise MalformedMessage("The other side signed with a key for this round that is none.")
        if any(verdict.member_id == letter.sender for verdict in self.book.verdicts(found.round_id)):
            raise UnexpectedMessage("The other side signed the same agreement twice.")
        self.book.record_verdict(tx, found.round_id, self._verdict(letter.sender, True, signature, key))
        self.audit.append(tx, "round-signed", round_id=found.round_id, member=letter.sender)
        self._complete(tx, found.round_id)

    def on_refusal(self, tx: Connection, letter: Letter, found: Round) -> None:
        signature = self._check_verdict(letter, found, REFUSE_LABEL, found.manifest.digest(), 0)
        self.book.record_verdict(tx, found.round_id, self._verdict(letter.sender, False, signature))
        self.audit.append(tx, "round-refused", round_id=found.round_id, member=letter.sender)
        # It may have refused before it heard of the start; for us that is a cancellation then.
        early = found.state in (RoundState.PROPOSED, RoundState.AGREED)
        end(tx, self.book, self.outbox, found.round_id, RoundState.REFUSED if early else RoundState.CANCELLED)

    def on_start(self, tx: Connection, letter: Letter, found: Round) -> None:
        if letter.sender != found.convener:
            raise UnexpectedMessage("A member that does not convene the round tried to start it.")
        if found.started:
            raise UnexpectedMessage("The other side started the same round twice.")
        read_note(letter.payload)
        self.book.mark_started(tx, found.round_id)
        self.audit.append(tx, "round-started", round_id=found.round_id, peer=letter.sender)
        if found.state is RoundState.AGREED:
            self.book.move(tx, found.round_id, RoundState.PREPARING)

    def on_cancel(self, tx: Connection, letter: Letter, found: Round) -> None:
        read_note(letter.payload)
        self.audit.append(tx, "round-cancelled", round_id=found.round_id, peer=letter.sender)
        end(tx, self.book, self.outbox, found.round_id, RoundState.CANCELLED)

    # Parts of the above.

    def _check_room(self, manifest: Manifest, dataset: Dataset) -> None:
        """Better to hear it before signing: a list leaves no value out, so it would fail when it is made."""
        for kind, count in records_without_room(self.datasets.records(dataset.name), manifest.rules()).items():
            room = next(rule.per_record for rule in manifest.rules() if rule.kind == kind)
            raise UserError(
                f"{count} record(s) of this data set hold more values of the kind {kind} than the agreement has room "
                f"for ({room} a record).",
                advice="Correct them in the source file and refresh the data set, or ask the convener for an agreement "
                "with more room. Nothing was signed.",
            )

    def _complete(self, tx: Connection, round_id: str) -> None:
        found = self.book.get(round_id)
        signed = {verdict.member_id for verdict in self.book.verdicts(round_id) if verdict.signed}
        if found.state is RoundState.PROPOSED and signed == {entry.member_id for entry in found.manifest.members}:
            self.book.move(tx, round_id, RoundState.AGREED)
            if found.started:
                self.book.move(tx, round_id, RoundState.PREPARING)

    def _check_verdict(self, letter: Letter, found: Round, label: bytes, signed: bytes, more_bytes: int) -> bytes:
        """The signature at the beginning of a letter, if it is the sender's over `signed`."""
        if letter.sender not in {member.member_id for member in found.manifest.members}:
            raise UnexpectedMessage("A party that is no member answered the proposal.")
        member = require_member(self.members, letter.sender)
        if len(letter.payload) != SIGNATURE_BYTES + more_bytes:
            raise MalformedMessage("The other side sent something that is not a signature.")
        signature = letter.payload[:SIGNATURE_BYTES]
        if not verify(member.identity_key, label, signed, signature):
            raise BadSignature("The other side's signature is not one over this agreement.")
        return signature

    def _context(self, manifest: Manifest, dataset: Dataset | None) -> Context:
        own = self.identity.signed_card.card
        ids = {entry.member_id for entry in manifest.members}
        peers = sorted(ids - {own.member_id}) if own.member_id in ids else []
        cards = {own.member_id: own} | {
            member.member_id: member.card for member in self.members.list() if member.state is MemberState.CONFIRMED
        }
        facts = None
        if dataset is not None:
            facts = DatasetFacts(dataset.record_class, dataset.basis, dataset.normaliser_version, dataset.usable)
        until = self.budget.closed_until()
        return Context(
            me=own.member_id,
            now=self.clock.now(),
            cards=cards,
            remaining=min((self.budget.remaining(peer) for peer in peers), default=0),
            budget=self.budget.per_peer,
            dataset=facts,
            closed="" if until is None else closed_sentence(until),
        )

    def _may_sign(self, round_id: str) -> None:
        self._expect(self.book.get(round_id), RoundState.PROPOSED)
        if any(verdict.member_id == self.identity.member_id for verdict in self.book.verdicts(round_id)):
            raise UserError("This node has already signed this round.")

    def _verdict(self, member_id: str, signed: bool, signature: bytes, key: bytes | None = None) -> Verdict:
        return Verdict(member_id, signed, signature, timestamp(self.clock.now()), key)

    def _expect(self, found: Round, state: RoundState, sentence: str = "") -> None:
        if found.state is not state:
            raise UserError(
                sentence or f"That is not possible now: the round is {found.state}.",
                advice="" if found.state in ENDS else "`blindmatch round status` says whose turn it is.",
            )


def _dataset_gone() -> UserError:
    return UserError("The data set of this round was removed.", advice="Propose the round again.")


def _short(manifest: Manifest) -> str:
    """The first half of the manifest's digest: enough to tell agreements apart in an audit log."""
    return manifest.digest()[:32].hex()
