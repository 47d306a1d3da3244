"""What must hold while a simulation runs. (What must hold at its end is in `verdict`.)

    every envelope that leaves   its audit entry and its charge are committed before; a number of the protocol never
                                 carries two different messages; no identifier in it, sealed or in clear
    what tells something         the other side's log was shown to go on before it, and cosigned
    every list                   no scalar was used for another list, of whatever round, node or attempt
    after every action           budgets: never more than the limit in a window, each charge once, one audit entry each;
                                 inbox, outbox and open conversations within their caps

Scalars are compared by keyed digests, which are forgotten with the run.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.rounds import opened, reception
from node.rounds.mailbox import MOST_NOTES, PROTOCOL_LINE
from node.rounds.parties import read_note
from node.wire.envelope import Envelope, EnvelopeKind
from psi.messages import Open, decode
from tests.simulation.office import Office
from tests.simulation.organisations import canaries

__all__ = ["Broken", "Watch"]


class Broken(AssertionError):
    """An invariant does not hold."""


_ENTRY = {
    "PROPOSAL": "round-proposed",
    "SIGNATURE": "round-signed",
    "REFUSAL": "round-refused",
    "START": "round-started",
    "CANCEL": "round-cancelled",
    "STATUS failed": "round-failed",
    "Open": "list-committed",
    "Blinded": "list-committed",
    "Evaluated": "answer-sent",
    "Count": "count-sent",
    "Released": "release-sent",
    "Close": "round-closed",
    "WITNESS cosigned": "checkpoint-cosigned",
}
"""What must stand in the sender's log before a message of that sort leaves."""

_TELLS = frozenset({"Evaluated", "Count", "Released"})
"""Messages from which the other side learns something."""

_PROVEN = """select 1 from cosignatures where member_id = ? and round_id = ? and moment = 'open' and log = 'theirs'"""

_CHARGED = {"Evaluated": "answer", "Released": "release"}

_BUDGETS = "select peer, round_id, reason, elements, at from charges order by at"
_UNREAD = """select sender, sequence > 2147483648, count(*) from inbox where not processed group by 1, 2"""
_UNSENT = """select round_id, recipient, count(*) from outbox
    where not acknowledged and sequence > 2147483648 group by 1, 2"""
_NOTES = """select round_id, sender, count(*) from inbox where sequence < 2147483648 group by 1, 2"""


@dataclass
class Watch:
    """`limits`: elements per peer, in all, days; of every node."""

    limits: tuple[int, int, int]
    most_waiting: int
    carried: list[bytes] = field(default_factory=list)
    envelopes: int = 0
    disclosures: int = 0
    _said: dict[tuple[str, str, str, int], tuple[str, bytes]] = field(default_factory=dict)
    """(node, round, recipient, sequence) -> sort of message, and its content before sealing."""
    _went: dict[tuple[str, str, str, int], tuple[bytes, bytes]] = field(default_factory=dict)
    _seen: set[tuple[str, str, str]] = field(default_factory=set)
    _scalars: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    _keys: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    _salt: bytes = field(default_factory=lambda: random.SystemRandom().randbytes(32))
    lists: int = 0
    _checked: dict[str, Any] = field(default_factory=dict)
    """Node -> its database as it was when it was last looked through."""

    def listen(self, office: Office) -> None:
        """Hear what a node puts into its outbox, before it is sealed."""
        outbox = office.running.outbox
        put_all = outbox.put_all

        def heard(
            tx: Any, *, round_id: str, recipient: str, kind: EnvelopeKind, payloads: Sequence[bytes], **more: Any
        ) -> None:
            put_all(tx, round_id=round_id, recipient=recipient, kind=kind, payloads=payloads, **more)
            protocol = kind is EnvelopeKind.ROUND
            low, high = (PROTOCOL_LINE, 2 * PROTOCOL_LINE) if protocol else (0, PROTOCOL_LINE)
            query = "select max(sequence) from outbox where round_id=? and recipient=? and sequence>? and sequence<?"
            last = tx.exec_driver_sql(query, (round_id, recipient, low, high)).scalar()
            for back, payload in enumerate(reversed(payloads)):
                self._said[office.name, round_id, recipient, last - back] = (_sort(kind, payload), payload)
            for payload in payloads:
                self.carried.append(payload)
                if protocol and isinstance(message := decode(payload), Open):
                    self._one_key(office, round_id, message.public_key)

        outbox.put_all = heard  # type: ignore[method-assign]

    def blinds(self, office: Office, scalar: memoryview) -> None:
        """A list is made: under a scalar that no list had before."""
        digest = hashlib.blake2b(scalar, key=self._salt).digest()
        self.lists += 1
        if digest in self._scalars:
            raise Broken(f"{office.name} blinded two lists under one scalar")
        self._scalars[digest] = (office.name, self.lists)

    def leaves(self, office: Office, envelope: Envelope) -> None:
        """An envelope is about to leave a node."""
        key = (office.name, envelope.round_id, envelope.recipient, envelope.sequence)
        if key not in self._said:
            raise Broken(f"{office.name} sent what it never put into its outbox")
        sort, content = self._said[key]
        sealed = hashlib.sha256(envelope.to_bytes()).digest()
        before = self._went.get(key)
        if before is None or before[0] != sealed:
            # A note that nobody took may be withdrawn, and another gets its number; never one of the protocol.
            if before is not None and envelope.kind is EnvelopeKind.ROUND:
                raise Broken(f"{office.name} sent two different messages ({sort}) in one place")
            self._went[key] = (sealed, content)
            self.carried.append(envelope.to_bytes())
            self.envelopes += 1
        self._has_entry(office, envelope, sort)

    def check(self, office: Office) -> None:
        """What must hold at a node after whatever it did."""
        if office.parts is not None and len(office.parts.engine._opened._open) > opened.MOST_OPEN + 1:
            raise Broken(f"{office.name} keeps too many conversations open")
        now = (office.up, office.commits)
        if self._checked.get(office.name) != now:  # nothing new is committed: nothing to look at
            self._look_through(office)
            self._checked[office.name] = now

    def _look_through(self, office: Office) -> None:
        self._budgets(office)
        for sender, protocol, count in office.rows(_UNREAD):
            if count > self.most_waiting:
                raise Broken(f"{office.name} keeps {count} unread envelopes of one sender ({sender[:4]}, {protocol})")
        for _round_id, recipient, count in office.rows(_UNSENT) if office.up else ():
            if count > office.running.engine.post.window(recipient):
                raise Broken(f"{office.name} keeps {count} messages of one round in its outbox")
        for _round_id, _sender, count in office.rows(_NOTES):
            if count > MOST_NOTES:
                raise Broken(f"{office.name} keeps {count} notes of one sender about one round")
        early = "select count(*) from inbox join rounds using (round_id) where not processed and state not in "
        early += "('running', 'deciding') and sequence > 2147483648 group by round_id, inbox.sender"
        if any(count > reception.MOST_EARLY for (count,) in office.rows(early)):
            raise Broken(f"{office.name} keeps too many messages before its list is made")

    def canaries(self, logs: list[bytes]) -> list[str]:
        """Identifiers in what was carried, or in these logs."""
        return canaries().findings("what was carried", b"\0".join([*self.carried, *logs]))

    def charges(self, office: Office) -> Counter[tuple[str, str]]:
        """(peer, round) -> charges; at most one is right."""
        return Counter((peer, round_id) for peer, round_id, *_ in office.rows(_BUDGETS))

    def _one_key(self, office: Office, round_id: str, public_key: bytes) -> None:
        owner = self._keys.setdefault(public_key, (office.name, round_id))
        if owner != (office.name, round_id):
            raise Broken(f"{office.name} opened two rounds under one key")

    def _has_entry(self, office: Office, envelope: Envelope, sort: str) -> None:
        event = _ENTRY.get(sort)
        if event is None or (office.name, envelope.round_id, sort) in self._seen:
            return
        facts = entries(office, envelope.round_id, event)
        if sort in ("SIGNATURE", "REFUSAL"):
            facts = [one for one in facts if one.get("member") == envelope.sender]
        if not facts:
            raise Broken(f"{office.name} sent {sort} and its log does not say so")
        if sort in _TELLS and not office.rows(_PROVEN, envelope.recipient, envelope.round_id):
            raise Broken(f"{office.name} sent {sort} to a member whose log it had not cosigned")
        if (reason := _CHARGED.get(sort)) is not None:
            self.disclosures += 1
            charged = "select elements from charges where peer = ? and round_id = ? and reason = ?"
            found = [one for (one,) in office.rows(charged, envelope.recipient, envelope.round_id, reason)]
            if found != [facts[0]["elements"]]:
                raise Broken(f"{office.name} sent {sort} of {facts[0]['elements']} elements and charged {found}")
        self._seen.add((office.name, envelope.round_id, sort))

    def _budgets(self, office: Office) -> None:
        per_peer, in_all, days = self.limits
        rows = office.rows(_BUDGETS)
        if len({(peer, round_id, reason) for peer, round_id, reason, *_ in rows}) != len(rows):
            raise Broken(f"{office.name} charged the same answer twice")
        times = [datetime.fromisoformat(at) for *_, at in rows]
        for end, until in enumerate(times):
            window = [row for row, at in zip(rows[: end + 1], times, strict=False) if (until - at).days < days]
            spent = Counter[str]()
            for peer, _round_id, _reason, elements, _at in window:
                spent[peer] += elements
            if max(spent.values()) > per_peer or spent.total() > in_all:
                raise Broken(f"{office.name} spent more than its budget: {sorted(spent.values())}")


def entries(office: Office, round_id: str, event: str) -> list[dict[str, Any]]:
    """The facts of every committed audit entry of a round with this event."""
    query = "select body from audit_entries where instr(body, ?) and instr(body, ?) order by position"
    found = office.rows(query, f'"event":"{event}"', round_id)
    return [json.loads(body)["facts"] for (body,) in found]


def _sort(kind: EnvelopeKind, payload: bytes) -> str:
    if kind is EnvelopeKind.ROUND:
        return type(decode(payload)).__name__
    if kind is EnvelopeKind.STATUS:
        return f"STATUS {read_note(payload)[0]}"
    if kind is EnvelopeKind.WITNESS:
        return f"WITNESS {json.loads(payload)['type']}"
    return kind.name
