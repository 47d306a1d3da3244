"""From a proposal to an agreement that may run: propose, sign, refuse, start, cancel.

    convener                         each member
    propose  -- PROPOSAL ----------> stored; its rules are asked; a person reads it
             <- SIGNATURE or REFUSAL -- to the convener and to the other member
    start    -- START -------------> the round is prepared once every signature is here

A signature is an identity key's over the digest of the manifest and the key under which its signer wants the messages
of this round sealed. Every node checks the others' signatures against its
own pins; what the convener says about who signed counts for nothing. Members' signatures are kept as evidence.
Where it takes two people, signing only asks (`node.rounds.second_person`): the second one's yes signs. The rules are
asked each time a person says yes and again before the list is made (`Speaking`), since days may lie between.
Whatever a person asks for is checked in the transaction that does it: a letter may have changed the round meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from node.agreement.manifest import MAX_MANIFEST_BYTES, REFUSE_LABEL, SIGN_LABEL, Manifest, OtherForm
from node.agreement.terms import moment
from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.datasets import Alike, Dataset, DatasetBook, PreparedRecord
from node.datasets.exclusions import Excluded
from node.errors import NotAllowed, RefusedByPolicy, UserError
from node.identity.keys import Identity, verify
from node.identity.members import MemberBook, MemberState
from node.policy import RULES, Budget, Context, DatasetFacts, charge_for, enforce, evaluate
from node.policy.agreement import CLOCK_SKEW
from node.policy.budgets import closed_sentence
from node.policy.exposure import Exposures, Shown
from node.policy.generated import ListRefused
from node.policy.narrowing import Policy
from node.policy.resources import BudgetSuffices
from node.policy.rules import LONGEST_AGREEMENT_DAYS
from node.policy.verdict import Verdict as RuleVerdict
from node.rounds.book import Round, RoundBook, Verdict, round_id_of
from node.rounds.ends import end
from node.rounds.mailbox import Letter, Outbox
from node.rounds.own_list import MOST_LOOKED_AT, OwnList
from node.rounds.participation import Asked, Coverage, TakingPart, coverage
from node.rounds.parties import others, peer_of, read_note, require_member, tell, write_note
from node.rounds.preparing import records_without_room
from node.rounds.room import Room
from node.rounds.seals import Seals
from node.rounds.second_person import approver_role, approvers_needed, sign_digest
from node.rounds.states import ENDS, RoundState
from node.staff import Approvals, Subject
from node.store import Store
from node.tripwires import FreezeBook
from node.tripwires.words import frozen_sentence
from node.wire.envelope import EnvelopeKind
from node.wire.sealing import ROUND_KEY_BYTES, is_usable, round_key
from node.wire.signing import SIGNATURE_BYTES
from node.wording import plural
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
    approvals: Approvals
    freezes: FreezeBook
    book: RoundBook
    outbox: Outbox
    seals: Seals
    room: Room
    exposures: Exposures
    wake: Callable[[str], None]
    policy: Policy = field(default_factory=Policy)
    _shown: dict[str, Shown] = field(default_factory=dict)

    # What a person does here.

    def propose(self, manifest: Manifest, *, by: str) -> Round:
        """Store a manifest that this node convenes and send it to its members."""
        me = self.identity.member_id
        if manifest.convener != me:
            raise NotAllowed("Only the convener that an agreement names can propose it.")
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
        return self._chosen(found).version_id

    def records(self, found: Round) -> Iterator[PreparedRecord]:
        """The records of the data set that was chosen for a round, as it is now, in order."""
        return self.datasets.records(self._chosen(found).name)

    def stretches(self, found: Round) -> Iterator[PreparedRecord | Alike]:
        """As `records`; those that are alike in columns."""
        return self.datasets.stretches(self._chosen(found).name)

    def _chosen(self, found: Round) -> Dataset:
        if found.dataset_id is None:
            raise _dataset_gone()
        return self.datasets.by_id(found.dataset_id)

    def excluded(self, found: Round) -> Excluded:
        """The records of the chosen data set that take no part in this round, as somebody here decided."""
        return self.datasets.exclusions.of(self._chosen(found).dataset_id, peer_of(found))

    def coverage(self, manifest: Manifest, dataset: Dataset) -> Coverage:
        """How many records of a data set would take part in a list made today, and why the others would not."""
        return coverage(self.datasets.records(dataset.name), manifest, self._asked(manifest, dataset))

    def marks(self, found: Round, numbers: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
        """Reference and person mark of the records with these numbers, ascending, in the version that a round's list
        is from."""
        if found.dataset_id is None or found.version_id is None:
            raise _dataset_gone()
        return self.datasets.marks(found.version_id, numbers)

    def sign(self, found: Round, *, dataset_name: str, by: str, urgent: bool = False) -> Round:
        """Say yes, with one data set; where it takes two people, ask the second one. `urgent`: sign without the second
        person, which is logged and stands as overdue until somebody else has looked at it.

        RefusedByPolicy, with every objection, if the rules of this node say no.
        """
        if found.position == "none":
            raise NotAllowed("This node convenes the round but is no member of it, so there is nothing to sign.")
        dataset = self.datasets.get(dataset_name)
        self._check_signable(found, dataset, by)
        two = approvers_needed(found.manifest, self.identity.member_id) > 1
        if two and not urgent:
            digest = sign_digest(found.manifest, dataset.dataset_id)
            with self.store.transaction() as tx:
                self._may_sign(found.round_id)
                self.approvals.ask(tx, Subject.ROUND_SIGN, found.round_id, digest, by)
                self.book.choose_dataset(tx, found.round_id, dataset.dataset_id)
            return self.book.get(found.round_id)
        return self._signed(found, dataset, by=by, urgent=two)

    def approve(self, found: Round, *, by: str) -> Round:
        """The second person's yes: the round is signed with it. After an urgent signature it is a look afterwards.

        Raises as `sign`, and NotAllowed for whoever signed.
        """
        asked = self.approvals.latest(Subject.ROUND_SIGN, found.round_id)
        if asked is None or not asked.open or found.dataset_id is None:
            raise UserError(
                "Nobody has asked for a second person in this round.",
                advice="First somebody signs it: blindmatch round sign ROUND --dataset NAME --by NAME",
            )
        if asked.overdue:
            role = approver_role(found.manifest)
            with self.store.transaction() as tx:
                self.approvals.approve(tx, Subject.ROUND_SIGN, found.round_id, asked.digest, by, role=role)
            return self.book.get(found.round_id)
        dataset = self.datasets.by_id(found.dataset_id)
        self._check_signable(found, dataset, by)
        return self._signed(found, dataset, by=asked.asked_by, second=by)

    def _check_signable(self, found: Round, dataset: Dataset, by: str) -> None:
        self._may_sign(found.round_id)
        try:
            enforce(found.manifest, self._context(found.manifest, dataset))
        except RefusedByPolicy:
            with self.store.transaction() as tx:
                self.audit.append(tx, "policy-refused", round_id=found.round_id, by=by)
            raise
        self._check_list(found, dataset, by)
        self.room.check_before(found, "signed")

    def _signed(
        self, found: Round, dataset: Dataset, *, by: str, second: str | None = None, urgent: bool = False
    ) -> Round:
        secret = self.seals.new_secret()
        try:
            self._store_signature(found, dataset, secret, by=by, second=second, urgent=urgent)
        finally:
            secret.wipe()
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    def _store_signature(
        self, found: Round, dataset: Dataset, secret: SecretBytes, *, by: str, second: str | None, urgent: bool
    ) -> None:
        me, key = self.identity.member_id, round_key(secret)
        signature = self.identity.sign(SIGN_LABEL, found.manifest.accepted_with(key))
        digest = sign_digest(found.manifest, dataset.dataset_id)
        people = {"by": by} if second is None else {"by": by, "second": second}
        with self.store.transaction() as tx:
            self._may_sign(found.round_id)
            if second is not None:
                role = approver_role(found.manifest)
                self.approvals.approve(tx, Subject.ROUND_SIGN, found.round_id, digest, second, role=role)
            elif urgent:
                self.approvals.override(tx, Subject.ROUND_SIGN, found.round_id, digest, by)
            self.book.choose_dataset(tx, found.round_id, dataset.dataset_id)
            self.book.save_round_secret(tx, found.round_id, secret)
            self.book.record_verdict(tx, found.round_id, self._verdict(me, True, signature, key))
            self.audit.append(
                tx, "round-signed", round_id=found.round_id, member=me, manifest_digest=_short(found.manifest), **people
            )
            tell(tx, self.outbox, found, me, EnvelopeKind.SIGNATURE, signature + key)
            self._complete(tx, found.round_id)

    def refuse(self, found: Round, *, by: str) -> Round:
        """Say no. The others learn that this member refused, and nothing else."""
        me = self.identity.member_id
        if found.position == "none":
            raise NotAllowed("This node is no member of the round.", advice="A convener can cancel it instead.")
        signature = self.identity.sign(REFUSE_LABEL, found.manifest.digest())
        with self.store.transaction() as tx:
            now = self.book.get(found.round_id)
            if now.over:
                raise _over(now)
            if now.state not in (RoundState.PROPOSED, RoundState.AGREED):
                raise UserError(
                    "This round has been started, so it can no longer be refused.",
                    advice=f"`blindmatch round cancel {found.round_id[:8]} --by NAME` calls it off until it is over.",
                )
            self.approvals.drop(tx, Subject.ROUND_SIGN, found.round_id, by)
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
            raise NotAllowed(
                "Only the convener of a round can start it: the node that proposed it.",
                advice=f"Ask there. `blindmatch round status {found.round_id[:8]}` says when it goes on.",
            )
        if found.position != "none" and found.state is RoundState.AGREED:
            self.room.check_before(found, "started")
        with self.store.transaction() as tx:
            self._refuse_frozen(tx, found)
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
            self.cancel_in(tx, found, by=by)
        self.wake(found.round_id)
        return self.book.get(found.round_id)

    def cancel_in(self, tx: Connection, found: Round, *, by: str) -> None:
        """`cancel` in the transaction of whatever it is called off for; `wake` the round after it."""
        now = self.book.get(found.round_id)
        if now.over:
            raise _over(now)
        self.audit.append(tx, "round-cancelled", round_id=found.round_id, by=by)
        tell(tx, self.outbox, found, self.identity.member_id, EnvelopeKind.CANCEL, write_note("cancelled"))
        end(tx, self.book, self.outbox, found.round_id, RoundState.CANCELLED)

    # What the others' envelopes do here, each in the transaction that marks the letter as read.

    def admit(self, tx: Connection, payload: bytes, sender: str, round_id: str) -> Manifest:
        """The agreement in a proposal. PeerError if it is none or not this sender's to propose, RefusedByPolicy if the
        sender proposes too much, too late or for too long. Says nothing else about the agreement itself: that is for
        the rules, and a person."""
        try:
            if len(payload) > MAX_MANIFEST_BYTES:
                raise RefusedByPolicy("This agreement is far too long.")
            manifest = Manifest.parse(payload)
        except OtherForm as error:
            raise error.mismatch from None
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

    def own_list(self, found: Round) -> OwnList:
        """What looks at our own list while it is made or shown, for the data set that was chosen."""
        asked = self._asked(found.manifest, self._chosen(found))
        return OwnList(asked, self.exposures.sketch(peer_of(found)))

    def check_own(self, found: Round, own: OwnList, by: str | None = None) -> None:
        """ListRefused, after the log has it, if our own list looks generated."""
        try:
            own.check()
        except ListRefused as refused:
            who = {} if by is None else {"by": by}
            with self.store.transaction() as tx:
                self.audit.append(
                    tx, "list-refused", round_id=found.round_id, kind=refused.kind, records=refused.found, **who
                )
            raise

    def note_shown(self, tx: Connection, found: Round, own: OwnList) -> None:
        """Our list leaves: what was on it is kept, and the log says how much of it was shown to that member before."""
        peer, now = peer_of(found), timestamp(self.clock.now())
        shown = self.exposures.keep(tx, peer, found.round_id, own.sketch, now)
        if shown.records:
            known = {"records": shown.records, "rounds": shown.rounds}
            self.audit.append(tx, "records-exposed-again", round_id=found.round_id, peer=peer, **known)

    def shown_before(self, found: Round, *, look: bool = False) -> str:
        """A warning for a person: how many of our records the other side saw in earlier rounds; empty if there is
        nothing to say. Before the list is made that takes a walk over the data set, which is done only to `look`."""
        if found.position == "none" or found.dataset_id is None:
            return ""
        shown = self.exposures.shown_in(found.round_id) or self._shown.get(found.round_id)
        if shown is None and look and not found.over:
            dataset = self.datasets.by_id(found.dataset_id)
            if dataset.records > MOST_LOOKED_AT:
                return "How many of these records were shown before is said when somebody signs: they are many."
            own = self.own_list(found)
            for _numbers, part in TakingPart(self.stretches(found), own.asked):
                if isinstance(part, Alike):
                    own.sketch.take_all(part.references)
                else:
                    own.sketch.take(part.reference)
            shown = self._shown[found.round_id] = self.exposures.compare(peer_of(found), own.sketch)
        return "" if shown is None else shown.sentence(found.manifest.member(peer_of(found)).name)

    def _check_list(self, found: Round, dataset: Dataset, by: str) -> None:
        """Better to hear it before signing: a list leaves no value out, so it would fail when it is made; and it does
        not leave if it looks generated."""
        manifest = found.manifest
        records = self.datasets.stretches(dataset.name)
        own = OwnList(self._asked(manifest, dataset), self.exposures.sketch(peer_of(found)))
        for kind, count in records_without_room(records, manifest.rules(), own.asked, own.take).items():
            room = next(rule.per_record for rule in manifest.rules() if rule.kind == kind)
            raise UserError(
                f"{count} {plural(count, 'record')} of this data set {plural(count, 'holds', 'hold')} more values of "
                f"the kind {kind} than the agreement has room for ({room} a record).",
                advice="Correct them in the source file and refresh the data set, or ask the convener for an agreement "
                "with more room. Nothing was signed.",
            )
        self.check_own(found, own, by)
        self._shown[found.round_id] = self.exposures.compare(peer_of(found), own.sketch)

    def _asked(self, manifest: Manifest, dataset: Dataset) -> Asked:
        me = self.identity.member_id
        excluded = self.datasets.exclusions.of(dataset.dataset_id, manifest.other(me).member_id)
        return Asked.of(manifest, me, self.clock.now().date(), excluded)

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
        known = self.members.list()
        cards = {own.member_id: own} | {
            member.member_id: member.card for member in known if member.state is MemberState.CONFIRMED
        }
        refused = set(self.policy.refuse.members)
        facts = None
        if dataset is not None:
            facts = DatasetFacts(dataset.record_class, dataset.basis, dataset.normaliser_version, dataset.usable)
        until = self.budget.closed_until()
        return Context(
            me=own.member_id,
            now=self.clock.now(),
            cards=cards,
            remaining=min((self.budget.remaining(peer) for peer in peers), default=0),
            budget=min((self.budget.allowance(peer) for peer in peers), default=0),
            dataset=facts,
            closed="" if until is None else closed_sentence(until),
            policy=self.policy,
            refused=frozenset(member.member_id for member in known if refused & {member.alias, member.member_id}),
            children=frozenset(member.member_id for member in known if member.children),
            frozen=self.freezes.frozen(),
        )

    def expect_not_frozen(self, found: Round) -> None:
        """RefusedByPolicy if a member of the round is frozen here now."""
        with self.store.read() as connection:
            self._refuse_frozen(connection, found)

    def _refuse_frozen(self, tx: Connection, found: Round) -> None:
        frozen = self.freezes.frozen(tx)
        for entry in found.manifest.members:
            if entry.member_id in frozen:
                alias = self.members.get(entry.member_id).alias
                raise RefusedByPolicy(
                    frozen_sentence(entry.name, alias),
                    advice="Ring them first. `blindmatch member unfreeze` and a second person end it.",
                )

    def _may_sign(self, round_id: str) -> None:
        self._expect(self.book.get(round_id), RoundState.PROPOSED)
        if any(verdict.member_id == self.identity.member_id for verdict in self.book.verdicts(round_id)):
            raise UserError("This node has already signed this round.")

    def _verdict(self, member_id: str, signed: bool, signature: bytes, key: bytes | None = None) -> Verdict:
        return Verdict(member_id, signed, signature, timestamp(self.clock.now()), key)

    def _expect(self, found: Round, state: RoundState, sentence: str = "") -> None:
        if found.state is not state:
            why = f" {found.failure_sentence}" if found.failure_sentence else ""
            over = "" if found.state is RoundState.FINISHED else "It is over: it has to be proposed again."
            raise UserError(
                sentence or f"That is not possible now: the round is {found.state}.{why}",
                advice=over if found.state in ENDS else "`blindmatch round status` says whose turn it is.",
            )


def _over(found: Round) -> UserError:
    """For who would end a round that has ended: why it did, and what is left to do."""
    why, name = f" {found.failure_sentence}" if found.failure_sentence else "", found.round_id[:8]
    if found.state is RoundState.FINISHED:
        left = f"`blindmatch round results {name}` shows what it gave."
    else:
        left = f"`blindmatch round status {name}` shows how it ended. To try again, propose it again."
    return UserError(f"This round is over: {found.state}.{why}", advice=f"Nothing is left to be called off. {left}")


def _dataset_gone() -> UserError:
    return UserError("The data set of this round was removed.", advice="Propose the round again.")


def _short(manifest: Manifest) -> str:
    """The first half of the manifest's digest: enough to tell agreements apart in an audit log."""
    return manifest.digest()[:32].hex()
