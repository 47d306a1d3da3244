"""What people here decided about leads: the review queue, and what was told to the other side and by it.

    nothing yet --> confirmed | rejected | disputed | duplicate | follow-up (with a due day) --> ... --> withdrawn

A lead is a hint until a person has looked at it. Each decision is a line with a label and a day; the last one counts,
and `withdrawn` is the last there can be. None of this leaves the node. **Feedback** does, when a person says so: the
status alone, as one word, by match handle, about leads that both sides know. What the other side tells is kept beside
our own status and never changes it: it is that organisation's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, select

from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.errors import UserError
from node.rounds.book import Round
from node.rounds.lead_notes import Status, read_feedback, write_feedback
from node.rounds.leads import LeadBook
from node.rounds.mailbox import Letter, Outbox
from node.rounds.parties import peer_of
from node.rounds.shared import chosen_leads, expect_known, handles_of, may_be_told, may_tell
from node.store import Store
from node.store.schema import feedback, reviews
from node.wire.envelope import EnvelopeKind
from psi.errors import UnexpectedMessage

__all__ = ["LATEST_DUE_DAYS", "MOST_REVIEWED_AT_ONCE", "Review", "Reviews"]

LATEST_DUE_DAYS = 366
"""How far ahead a follow-up may be due, in days: what nobody looks at within a year is not followed up."""

MOST_REVIEWED_AT_ONCE = 1_000
"""Leads that one command may decide about, in number."""


@dataclass(frozen=True, slots=True)
class Review:
    """One decision; `due_on` is the day of a follow-up."""

    status: Status
    by: str
    at: str
    due_on: str | None


@dataclass
class Reviews:
    """Reviews and feedback of a node's leads; takes FEEDBACK notes (`hearing.Further`)."""

    store: Store
    audit: AuditLog
    clock: Clock
    leads: LeadBook
    outbox: Outbox

    def decide(
        self, found: Round, numbers: Sequence[int], status: Status, *, by: str, due_on: str | None = None
    ) -> list[int]:
        """Note what a person decided about these leads; their numbers. UserError or NotFound, and nothing is noted, for
        a lead that does not exist or was withdrawn, and for a due day that is none."""
        chosen = sorted(set(numbers))
        days = self._days(status, due_on)
        if not chosen or len(chosen) > MOST_REVIEWED_AT_ONCE:
            raise UserError(f"Name between one lead and {MOST_REVIEWED_AT_ONCE:,}.")
        for number in chosen:
            self.leads.named(found.round_id, number)
        with self.store.transaction() as tx:
            known = self.latest(found.round_id)
            final = [number for number in chosen if number in known and known[number].status is Status.WITHDRAWN]
            if final:
                raise UserError(f"Lead {final[0]} was withdrawn, and that is final. Nothing was changed.")
            now = timestamp(self.clock.now())
            facts = {} if days is None else {"days": days}
            self.audit.append(
                tx,
                "lead-reviewed",
                round_id=found.round_id,
                by=by,
                verdict=status.value,
                records=len(chosen),
                **facts,
            )
            rows = [
                {
                    "round_id": found.round_id,
                    "number": number,
                    "status": status.value,
                    "by": by,
                    "at": now,
                    "due_on": due_on,
                }
                for number in chosen
            ]
            tx.execute(reviews.insert(), rows)
        return chosen

    def latest(self, round_id: str) -> dict[int, Review]:
        """Lead number -> the decision that counts."""
        query = select(reviews).where(reviews.c.round_id == round_id).order_by(reviews.c.id)
        with self.store.read() as connection:
            return {
                row.number: Review(Status(row.status), row.by, row.at, row.due_on) for row in connection.execute(query)
            }

    @staticmethod
    def day(due_on: str) -> date:
        """The day of a stored follow-up."""
        return date.fromisoformat(due_on)

    # Feedback.

    def tell(self, found: Round, numbers: Sequence[int], *, by: str) -> dict[int, Status]:
        """Tell the other side what was decided about these leads; lead number -> status. UserError if nothing was, if
        the other side does not know of one, or if it was told that already."""
        may_tell(found, self.clock.now())
        chosen = chosen_leads(self.leads, found, numbers)
        decided = self.latest(found.round_id)
        if missing := chosen.keys() - decided.keys():
            raise UserError(
                f"Nothing was decided about lead {min(missing)} yet. Nothing was sent.",
                advice="Decide first: `blindmatch lead confirm`, `reject` or another; `different` decides nothing.",
            )
        told = {number: decided[number].status for number in chosen}
        with self.store.transaction() as tx:
            known = self.said(found.round_id, "sent")
            fresh: dict[Status, set[str]] = {}
            for number, lead in chosen.items():
                new = {handle for handle in handles_of(lead) if known.get(handle) != told[number]}
                if not new:
                    raise UserError(f"The other side was told this about lead {number} already. Nothing was sent.")
                fresh.setdefault(told[number], set()).update(new)
            if sum(map(len, fresh.values())) != len(set().union(*fresh.values())):
                raise UserError(
                    "Two of these leads share an identifier and were decided about differently. Nothing was sent.",
                    advice="Tell the other side about one of them.",
                )
            for status, handles in fresh.items():
                self.audit.append(
                    tx,
                    "feedback-sent",
                    round_id=found.round_id,
                    peer=peer_of(found),
                    by=by,
                    verdict=status.value,
                    records=sum(told[number] is status for number in chosen),
                )
                self._keep(tx, found.round_id, "sent", status, sorted(handles))
                self.outbox.put_following(
                    tx,
                    round_id=found.round_id,
                    recipient=peer_of(found),
                    kind=EnvelopeKind.FEEDBACK,
                    payloads=write_feedback(status, sorted(handles)),
                )
        return told

    def take(self, tx: Connection, found: Round, letter: Letter) -> None:
        """What the other side tells. UnexpectedMessage for a lead that it cannot know, or if it says the same again."""
        may_be_told(found, letter, self.clock.now())
        judged = read_feedback(letter.payload)
        about = expect_known(self.leads, found, frozenset(judged.handles))
        known = self.said(found.round_id, "received")
        if any(known.get(handle) == judged.status for handle in judged.handles):
            raise UnexpectedMessage("The other side told the same about a lead twice.")
        self.audit.append(
            tx,
            "feedback-received",
            round_id=found.round_id,
            peer=letter.sender,
            verdict=judged.status.value,
            records=about,
        )
        self._keep(tx, found.round_id, "received", judged.status, judged.handles)

    def said(self, round_id: str, direction: str) -> Mapping[str, Status]:
        """Match handle -> what was last `sent` or `received` about it."""
        query = select(feedback.c.handle, feedback.c.status).where(
            feedback.c.round_id == round_id, feedback.c.direction == direction
        )
        with self.store.read() as connection:
            return {row.handle: Status(row.status) for row in connection.execute(query)}

    def _keep(self, tx: Connection, round_id: str, direction: str, status: Status, handles: Sequence[str]) -> None:
        """One row for each handle and direction, however often somebody changes their mind."""
        now = timestamp(self.clock.now())
        for handle in handles:
            here = (
                feedback.c.round_id == round_id,
                feedback.c.handle == handle,
                feedback.c.direction == direction,
            )
            if not tx.execute(feedback.update().where(*here).values(status=status.value, at=now)).rowcount:
                tx.execute(
                    feedback.insert().values(
                        round_id=round_id, handle=handle, direction=direction, status=status.value, at=now
                    )
                )

    def _days(self, status: Status, due_on: str | None) -> int | None:
        """Days until a follow-up is due; None for any other status."""
        if (status is Status.FOLLOW_UP) != (due_on is not None):
            raise UserError("A follow-up has a day on which it is due, and nothing else has.")
        if due_on is None:
            return None
        today = self.clock.now().date()
        try:
            day = date.fromisoformat(due_on)
        except ValueError:
            raise UserError("The day on which it is due is no day.", advice="Write it as 2027-01-31.") from None
        if day.isoformat() != due_on or not today <= day <= today + timedelta(days=LATEST_DUE_DAYS):
            raise UserError(
                f"A follow-up is due within {LATEST_DUE_DAYS} days from today.", advice="Write the day as 2027-01-31."
            )
        return (day - today).days
