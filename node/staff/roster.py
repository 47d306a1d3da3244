"""Who of this organisation may act here, in which roles, and whether somebody is who they say.

    add        one person registers another one; if a second approver is there, that one has to approve it
    remove     one approver is enough: it is the safe direction
    admit      at every command that says `--by LABEL`: is it somebody active, with the role, with their passphrase?

While nobody is registered the node is **open**: a label is taken as said. From the first person on, nobody else acts.
Wrong passphrases make the next try wait, longer each time, also across restarts; each is in the log, and so is the
first success within `SIGN_IN_MINUTES`. What must not be changed without a key (roles, state, verifier) is sealed as a
whole; the counts of tries are not, so whoever writes into the database can only let somebody try more often.

Not promised: whoever can delete all rows of the table opens the node again; the log, which others cosign, still tells
that people were registered. A forgotten passphrase of the only approver cannot be replaced: register two.
"""

import json
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from node.agreement.terms import moment
from node.clock import Clock, timestamp
from node.errors import Busy, NotAllowed, NotFound, StateDamaged, UserError
from node.facts import is_staff_label
from node.ids import RandomBytes
from node.staff.approvals import Approval, AuditTrail
from node.staff.roles import Role
from node.staff.verifier import make_verifier, passes
from node.store import PassphraseCost, Store
from node.store.schema import staff
from node.wire.strict_json import canonical
from psi.secret import SecretBytes

__all__ = ["FREE_TRIES", "LONGEST_WAIT_SECONDS", "MAX_PEOPLE", "SIGN_IN_MINUTES", "OwnPassphraseNeeded", "Person",
           "Roster"]  # fmt: skip

MAX_PEOPLE = 500
"""People registered at one node, in number, those who left among them."""

FREE_TRIES = 3
"""Wrong passphrases before the next try has to wait, in number."""

FIRST_WAIT_SECONDS = 10
"""The first wait; each further wrong passphrase doubles it."""

LONGEST_WAIT_SECONDS = 900
"""No wait is longer than this: somebody who mistypes must be able to work again the same morning."""

SIGN_IN_MINUTES = 15
"""A success is written into the log if the last one that was is longer ago than this."""


class OwnPassphraseNeeded(NotAllowed):
    """The person has to show that it is they: the command line asks for their passphrase, and asks again."""

    code = "own-passphrase-needed"


@dataclass(frozen=True)
class Person:
    """One line of the roster. `state`: waiting (for a second approver), active or removed."""

    label: str
    roles: frozenset[Role]
    state: str
    added_by: str
    added_at: str
    removed_at: str | None = None

    @property
    def active(self) -> bool:
        return self.state == "active"


class Roster:
    """The staff of one node: `node.staff.approvals.Holders`."""

    def __init__(
        self,
        store: Store,
        audit: AuditTrail,
        clock: Clock,
        random_bytes: RandomBytes,
        *,
        cost: PassphraseCost | None = None,
    ) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._random_bytes = random_bytes
        self._cost = cost or PassphraseCost()
        self._turn = threading.Lock()  # tries are counted one after the other

    @property
    def open(self) -> bool:
        """Is nobody registered, so that labels are taken as said?"""
        with self._store.read() as connection:
            return connection.execute(select(staff.c.label).limit(1)).first() is None

    def people(self) -> list[Person]:
        """Everybody, in order of label; those who left among them."""
        with self._store.read() as connection:
            rows = connection.execute(select(staff).order_by(staff.c.label)).mappings().all()
            return [self._person(row) for row in rows]

    def named(self, label: str) -> Person:
        """The person with this label, whatever the case of its letters; NotFound if there is none."""
        for person in self.people():
            if person.label.casefold() == label.casefold():
                return person
        raise NotFound("Nobody of that label is registered here.", advice="`blindmatch staff list` shows who is.")

    def spelt(self, label: str) -> str:
        """A label as it is registered, whatever case its letters were typed in; as it was typed where nobody has it."""
        folded = label.casefold()
        return next((person.label for person in self.people() if person.label.casefold() == folded), label)

    def demand(self, tx: Connection, label: str, role: Role) -> None:
        """NotAllowed if staff is registered and this is nobody active with that role. Proves nothing: see `admit`."""
        if self.open:
            return
        _check_role(self._active(label), role)

    def admit(self, label: str, role: Role | None, passphrase: SecretBytes | None) -> None:
        """Let somebody act in a role; None: in any. Nothing while the node is open.

        Raises OwnPassphraseNeeded without a passphrase, NotAllowed for a stranger, a wrong passphrase or a missing
        role, Busy while too many wrong ones make everybody of that label wait. Refusals and sign-ins are logged.
        """
        if self.open:
            return
        if passphrase is None:
            raise OwnPassphraseNeeded(
                "People are registered at this node, so whoever acts here shows who they are.",
                advice="Type your own passphrase when asked, or name a private file that holds it: "
                "blindmatch --own-passphrase-file FILE ...",
            )
        try:
            person = self._active(label)
        except NotAllowed:
            self._refused("unknown", None)
            raise
        with self._turn:
            row = self._row(person.label)
            self._check_wait(row)
            if not passes(passphrase, self._sealed(row)["check"]):
                self._refused("passphrase", row)
                raise NotAllowed(
                    "That is not the passphrase of this person.",
                    advice="It is your own one, not that of the node. After some wrong ones you have to wait.",
                )
            self._signed_in(row)
        if role is not None and role not in person.roles:
            self._note("staff-refused", person.label, "role")
            _check_role(person, role)

    def add(self, tx: Connection, label: str, roles: frozenset[Role], passphrase: SecretBytes, by: str) -> Person:
        """Register somebody. `waiting` if another approver than `by` is there: that one approves it (`activate`).

        Raises UserError for a label that cannot be one or is taken, a short passphrase, a full roster, or a first
        person who is no approver: nobody could register a second one.
        """
        if not is_staff_label(label):
            raise UserError(
                "A staff label must begin with a letter and hold letters, points, dashes and at most four digits.",
                advice="Use a short label that your organisation knows, such as a first name or a role.",
            )
        known = self.people()
        if any(one.label.casefold() == label.casefold() and one.state != "removed" for one in known):
            raise UserError("Somebody of that label is registered already.", advice="Choose another label.")
        if len(known) >= MAX_PEOPLE:
            raise UserError(f"No more than {MAX_PEOPLE} people can be registered at a node.")
        if not known and Role.APPROVER not in roles:
            raise UserError(
                "The first person registered has to be an approver, or nobody could register others.",
                advice="Add --role approver, or register an approver first.",
            )
        others = [one for one in known if one.active and Role.APPROVER in one.roles]
        second = any(one.label.casefold() != by.casefold() for one in others)
        person = Person(label, roles, "waiting" if second else "active", by, timestamp(self._clock.now()))
        check = make_verifier(passphrase, self._random_bytes, self._cost)
        self._audit.append(tx, "staff-added", by=by, joining=label, state=person.state)
        tx.execute(staff.delete().where(staff.c.label.in_([one.label for one in known
                                                          if one.label.casefold() == label.casefold()])))  # fmt: skip
        tx.execute(staff.insert().values(**self._columns(person, check), tries=0))
        return person

    def digest(self, person: Person) -> bytes:
        """32 bytes for exactly this registration: label, roles, time and verifier. What a second approver approves."""
        plain = canonical([person.label, sorted(person.roles), person.added_at, self._sealed(self._row(person.label))])
        return sha256(b"blindmatch staff 1\0" + plain).digest()

    def approved(self, tx: Connection, approval: Approval) -> None:
        """A second approver has approved a registration: exactly this one, or nothing happens (an `Effect`)."""
        person = self.named(approval.subject_id)
        if person.state != "waiting" or self.digest(person) != approval.digest:
            raise UserError(
                "This registration has changed since it was asked for.", advice="Remove the person, and register again."
            )
        self._change(tx, person, "active", None)

    def remove(self, tx: Connection, label: str, by: str) -> Person:
        """From the next command on, this person does not act here. UserError for the last approver there is."""
        person = self.named(label)
        if person.state == "removed":
            raise UserError("This person has been removed already.")
        approvers = [one for one in self.people() if one.active and Role.APPROVER in one.roles]
        if person.active and [one.label for one in approvers] == [person.label]:
            raise UserError(
                "This is the only approver: without one nobody could register others.",
                advice="Register another approver first.",
            )
        self._audit.append(tx, "staff-removed", by=by, leaving=person.label)
        return self._change(tx, person, "removed", timestamp(self._clock.now()))

    def change_passphrase(self, tx: Connection, label: str, passphrase: SecretBytes) -> None:
        """Another passphrase for somebody who has shown the old one (`admit`)."""
        person = self.named(label)
        check = make_verifier(passphrase, self._random_bytes, self._cost)
        self._audit.append(tx, "passphrase-changed", by=person.label, kind="staff")
        values = self._columns(person, check)
        tx.execute(staff.update().where(staff.c.label == person.label).values(**values))

    # Parts of the above.

    def _active(self, label: str) -> Person:
        try:
            person = self.named(label)
        except NotFound:
            person = None
        if person is None or not person.active:
            raise NotAllowed(
                "Nobody who may act at this node is registered under that label.",
                advice="`blindmatch staff list` shows who is; an approver registers others: `blindmatch staff add`.",
            )
        return person

    def _check_wait(self, row: RowMapping) -> None:
        wrong = int(row["tries"])
        if wrong < FREE_TRIES or row["tried_at"] is None:
            return
        wait = min(FIRST_WAIT_SECONDS * 2 ** min(wrong - FREE_TRIES, 10), LONGEST_WAIT_SECONDS)
        now, last = self._clock.now(), moment(row["tried_at"])
        # A clock that was set back must not lock anybody out: then the whole wait begins again, no more.
        until = min(last, now) + timedelta(seconds=wait)
        if now < until:
            raise Busy(
                f"There were {wrong} wrong passphrases for this person; the next try is possible in "
                f"{_seconds(until, now)} seconds.",
                advice="If it was not you, tell whoever looks after this node: somebody is guessing.",
            )

    def _refused(self, reason: str, row: RowMapping | None) -> None:
        label = None if row is None else str(row["label"])
        self._note("staff-refused", label, reason)
        if row is not None:
            with self._store.transaction() as tx:
                values = {"tries": staff.c.tries + 1, "tried_at": timestamp(self._clock.now())}
                tx.execute(staff.update().where(staff.c.label == label).values(**values))

    def _signed_in(self, row: RowMapping) -> None:
        now, last = self._clock.now(), row["signed_in_at"]
        fresh = last is not None and timedelta() <= now - moment(last) < timedelta(minutes=SIGN_IN_MINUTES)
        if fresh and not row["tries"]:
            return
        with self._store.transaction() as tx:
            values: dict[str, Any] = {"tries": 0, "tried_at": None}
            if not fresh:
                self._audit.append(tx, "staff-signed-in", by=row["label"])
                values["signed_in_at"] = timestamp(now)
            tx.execute(staff.update().where(staff.c.label == row["label"]).values(**values))

    def _note(self, event: str, label: str | None, reason: str) -> None:
        # A label that nobody has is what somebody typed, which could be anything: it does not go into the log.
        facts = {"reason": reason} if label is None else {"reason": reason, "by": label}
        with self._store.transaction() as tx:
            self._audit.append(tx, event, **facts)

    def _change(self, tx: Connection, person: Person, state: str, removed_at: str | None) -> Person:
        changed = Person(person.label, person.roles, state, person.added_by, person.added_at, removed_at)
        check = self._sealed(self._row(person.label))["check"]
        tx.execute(staff.update().where(staff.c.label == person.label).values(**self._columns(changed, check)))
        return changed

    def _row(self, label: str) -> RowMapping:
        with self._store.read() as connection:
            return connection.execute(select(staff).where(staff.c.label == label)).mappings().one()

    def _person(self, row: RowMapping) -> Person:
        sealed = self._sealed(row)
        roles = frozenset(Role(word) for word in row["roles"].split(","))
        person = Person(row["label"], roles, row["state"], row["added_by"], row["added_at"], row["removed_at"])
        if sealed["standing"] != _standing(person):
            raise StateDamaged(
                "An entry of the staff list was changed outside the program.",
                advice="Find out who can write to the folder, and restore it from a backup.",
            )
        return person

    def _columns(self, person: Person, check: dict[str, Any]) -> dict[str, Any]:
        plain = canonical({"standing": _standing(person), "check": check})
        return {
            "label": person.label,
            "roles": ",".join(sorted(person.roles)),
            "verifier": self._store.cells.seal("staff", person.label, "verifier", plain),
            "state": person.state,
            "added_by": person.added_by,
            "added_at": person.added_at,
            "removed_at": person.removed_at,
        }

    def _sealed(self, row: RowMapping) -> dict[str, Any]:
        plain = self._store.cells.unseal("staff", row["label"], "verifier", row["verifier"])
        found: dict[str, Any] = json.loads(plain)
        return found


def _standing(person: Person) -> list[Any]:
    return [person.state, sorted(person.roles), person.added_by, person.added_at, person.removed_at]


def _check_role(person: Person, role: Role) -> None:
    if role not in person.roles:
        raise NotAllowed(
            f"This takes somebody with the role {role.value}; {person.label} has {' and '.join(sorted(person.roles))}.",
            advice="Ask a colleague who has it: `blindmatch staff list` shows who.",
        )


def _seconds(until: datetime, now: datetime) -> int:
    return max(1, round((until - now).total_seconds()))
