"""What must hold at the end of a run: what became of every round, against the overlap in clear.

finished      each side has exactly the leads that the records in clear give it, or that were released to it
otherwise     a refused, cancelled or failed round says why, and whatever leads there are are true all the same
sizes         both sides' logs tell of the same sizes, and a count is the number of records that agree
nothing left  no scalar, snapshot, decision, list or waiting envelope of a round that is over
audit log     verifies at every node, and against the checkpoints that the others keep of it and cosigned; who has
              learned something has an entry of it that is provable under a signed checkpoint; what one cosigned of
              another's log, that one has, and both have the opening and closing of every finished round
"""

from dataclasses import dataclass
from typing import Any

from node.agreement.manifest import Manifest
from node.audit import Checkpoint
from node.audit.merkle import leaf_hash, verify_inclusion
from node.rounds.states import ENDS
from tests.simulation.office import Office
from tests.simulation.organisations import Row, overlap, rows_of
from tests.simulation.watch import Broken, Watch, entries

__all__ = ["Versions", "judge"]

Versions = dict[tuple[str, str], tuple[str, int]]
"""(node, version id) -> which data set and which of its versions that is."""

_REASONS = ("deadline", "ended-by-peer", "member-removed", "not-found", "refused-by-peer", "refused-by-policy")
"""Why a round may fail where nobody cheats. (`not-found`: the sender of a message was removed before it was read.)"""

_OF_THEIRS = "select tree_size, root, signature from cosignatures where log = 'theirs' and member_id = ?"
_PLACES = "select member_id, round_id, moment, tree_size, root, cosignature from cosignatures where log = ?"

_ROUND = """select state, position, peer, manifest, learned, version_id, failure_code, count_low, count_high,
    scalar, snapshot, decision, convener from rounds where round_id = ?"""


@dataclass(frozen=True)
class _Side:
    """How a round ended at one node."""

    office: Office
    state: str
    code: str | None
    position: str
    manifest: Manifest
    learned: bool
    records: tuple[Row, ...] | None
    leads: tuple[tuple[str, str], ...]
    """(reference, lead, released or withheld)"""
    count: tuple[int, int | None] | None

    @property
    def end(self) -> str:
        return self.state if self.code is None else f"{self.state}: {self.code}"

    @property
    def references(self) -> list[str]:
        return sorted(reference for reference, _status in self.leads)

    @property
    def released(self) -> frozenset[int]:
        """The numbers of what this side released."""
        given = {reference for reference, status in self.leads if status == "released"}
        return frozenset(row.number for row in self.records or () if row.reference in given)


def judge(
    offices: list[Office], rounds: list[str], versions: Versions, watch: Watch, cheated: set[str], *, calm: bool
) -> dict[str, int]:
    """Broken if an invariant does not hold; how many rounds ended how. In rounds that are `cheated` somebody may be
    blamed. `calm`: no member was ever removed, so that every note has arrived."""
    seen: dict[str, int] = {}
    logs = []
    for office in offices:
        _log_is_sound(office, offices)
        logs += [body.encode() for (body,) in office.rows("select body from audit_entries")]
        if any(count > 1 for count in watch.charges(office).values()):
            raise Broken(f"{office.name} charged one round twice")
        if left := sorted(path.name for path in (office.folder / "spools").iterdir()):
            raise Broken(f"{office.name} kept {len(left)} lists of rounds that are over")
        if (
            waiting := office.rows("select count(*) from inbox where not processed")[0][0]
            + office.rows("select count(*) from outbox where not acknowledged")[0][0]
        ):
            raise Broken(f"{office.name} keeps {waiting} envelopes of rounds that are over")
    if found := watch.canaries(logs):
        raise Broken(f"an identifier left its owner: {found[0]}")
    _cosigned_by_each_other(offices)
    for round_id in rounds:
        sides = [side for office in offices if (side := _side(office, round_id, versions)) is not None]
        _fit_together(round_id, sides)
        _provable(round_id, sides)
        if calm and round_id not in cheated:
            _witnessed(round_id, sides)
        odd = [side for side in sides if side.code not in (None, *_REASONS)]
        if odd and round_id not in cheated:
            raise Broken(f"a round failed at {odd[0].office.name} for what did not happen: {odd[0].end}")
        for side in sides:
            seen[side.end] = seen.get(side.end, 0) + 1
    return seen


def _log_is_sound(office: Office, offices: list[Office]) -> None:
    me = office.running.identity.member_id
    query = "select tree_size, root, signature from peer_checkpoints where member_id = ?"
    kept = [Checkpoint(*row) for other in offices for row in other.rows(query, me)]
    kept += [Checkpoint(*row) for other in offices for row in other.rows(_OF_THEIRS, me)]
    with office.working():
        if problems := office.running.audit.verify(kept).problems:
            raise Broken(f"the audit log of {office.name} does not verify: {problems[0]}")
        if not office.running.budget.fits_log():
            raise Broken(f"the charges of {office.name} are not those that its log tells of")


def _cosigned_by_each_other(offices: list[Office]) -> None:
    """What is kept as cosigned by somebody, that one gave; nothing was refused or lost where nobody changed a log."""
    ids = {office.running.identity.member_id: office for office in offices}
    for office in offices:
        odd = office.rows("select count(*) from cosignatures where log not in ('ours', 'theirs')")[0][0]
        if odd:
            raise Broken(f"{office.name} refused {odd} states of audit logs, and nobody changed one")
        for member_id, *place in office.rows(_PLACES, "ours"):
            given = [row[1:] for row in ids[member_id].rows(_PLACES, "theirs")]
            if tuple(place) not in given:
                raise Broken(f"{office.name} has a cosignature that was never given")


def _provable(round_id: str, sides: list[_Side]) -> None:
    """Who has learned something has an entry of it, and it is in the log that the node signs."""
    for side in sides:
        if not side.learned:
            continue
        with side.office.working():
            audit, store = side.office.running.audit, side.office.running.store
            with store.transaction() as tx:
                signed, tree = audit.checkpoint(tx), audit.tree(tx)
        signed.verify(audit.key)
        query = "select position, body from audit_entries where instr(body, ?) and instr(body, ?)"
        found = side.office.rows(query, '"event":"overlap-learned"', round_id)
        proofs = [(at, leaf_hash(body.encode()), tree.inclusion(at, signed.tree_size)) for at, body in found]
        if not any(verify_inclusion(leaf, at, signed.tree_size, proof, signed.root) for at, leaf, proof in proofs):
            raise Broken(f"{side.office.name} has learned something, and no entry of it can be proven")


def _witnessed(round_id: str, sides: list[_Side]) -> None:
    """Both ends of a finished round have cosigned each other's log at the opening and at the closing."""
    members = [side for side in sides if side.position != "none"]
    if len(members) != 2 or any(side.state != "finished" for side in members):
        return
    for side in members:
        found = side.office.rows("select moment, log from cosignatures where round_id = ?", round_id)
        if sorted(found) != [("close", "ours"), ("close", "theirs"), ("open", "ours"), ("open", "theirs")]:
            raise Broken(f"{side.office.name} finished a round and the logs were not cosigned at both ends: {found}")


def _side(office: Office, round_id: str, versions: Versions) -> _Side | None:
    rows = office.rows(_ROUND, round_id)
    if not rows:
        return None
    state, position, _peer, manifest, learned, version_id, code, low, high, *secrets, _convener = rows[0]
    if state not in ENDS:
        raise Broken(f"a round at {office.name} did not end: {state}")
    if any(secret is not None for secret in secrets):
        raise Broken(f"{office.name} keeps a secret of a round that is over ({state})")
    if state == "failed" and not code:
        raise Broken(f"a round at {office.name} failed without a reason")
    events = {"refused": "round-refused", "cancelled": "round-cancelled", "failed": "round-failed"}
    if state in events and not (
        entries(office, round_id, events[state])
        or (state == "cancelled" and entries(office, round_id, "round-refused"))
    ):
        raise Broken(f"a round at {office.name} is {state} and its log does not say so")
    reply: dict[str, Any] = office.ask("round.results", round=round_id)
    leads = tuple((lead["reference"], lead["status"]) for lead in reply["leads"])
    known = None
    if version_id is not None:
        known = rows_of(office.name, *versions[office.name, version_id])
    if learned != bool(entries(office, round_id, "overlap-learned")):
        raise Broken(f"the log of {office.name} does not fit what it has learned")
    count = None if low is None else (low, high)
    return _Side(office, state, code, position, Manifest.parse(manifest), bool(learned), known, leads, count)


def _fit_together(round_id: str, sides: list[_Side]) -> None:
    if len({side.manifest.canonical() for side in sides}) > 1:
        raise Broken("two nodes hold different agreements of one round")
    by_position = {side.position: side for side in sides if side.position != "none"}
    if any(side.leads for side in sides if side.position == "none"):
        raise Broken("a convener without records has leads")
    first, second = by_position.get("first"), by_position.get("second")
    for side, other in ((first, second), (second, first)):
        if side is None:
            continue
        if side.leads and not side.learned:
            raise Broken(f"{side.office.name} has leads that it did not learn")
        if side.learned:
            assert other is not None
            _true_overlap(side, other)
    if first is not None and second is not None:
        _same_sizes(round_id, first, second)


def _true_overlap(side: _Side, other: _Side) -> None:
    if side.records is None or other.records is None:
        raise Broken(f"{side.office.name} has learned of a list that was never made")
    mode = side.manifest.mode
    only = None
    if side.position == "second":
        only = {"ordered": None, "released": other.released}.get(mode, frozenset())
    expected = overlap(side.records, other.records, only)
    if side.references != expected:
        raise Broken(
            f"{side.office.name} ({side.position}, {mode}) found {len(side.references)} records that agree; "
            f"in clear there are {len(expected)}"
        )
    if side.state == "finished" and side.position == "second" and mode == "ordered" and not side.learned:
        raise Broken(f"{side.office.name} finished without what it was to learn")


def _same_sizes(round_id: str, first: _Side, second: _Side) -> None:
    for side, other in ((first, second), (second, first)):
        me, it = side.office.running.identity.member_id, other.office.running.identity.member_id
        own = [one["elements"] for one in entries(side.office, round_id, "list-committed")]
        if own and own != [side.manifest.size_class(me)]:
            raise Broken(f"{side.office.name} committed to {own}, not to one list of the agreed size")
        answered = [one["elements"] for one in entries(side.office, round_id, "answer-sent")]
        if answered and answered != [side.manifest.size_class(it)]:
            raise Broken(f"{side.office.name} answered {answered} elements: not the size of the other side's list")
    if first.records is None or second.records is None:
        return
    agreeing = len(overlap(first.records, second.records))
    if second.count is not None:
        low, high = second.count
        if not (low <= agreeing and (high is None or agreeing <= high)):
            raise Broken(f"{second.office.name} was told {second.count} records; {agreeing} agree")
    sent = [one["elements"] for one in entries(first.office, round_id, "release-sent")]
    if sent and sent != [len(first.released)]:
        raise Broken(f"{first.office.name} released {sent} identifiers; a person released {len(first.released)}")
    if first.state == second.state == "finished":
        if not first.learned:
            raise Broken(f"{first.office.name} finished without learning anything")
        wanted = {"ordered": True, "released": bool(sent and sent[0])}.get(first.manifest.mode, False)
        if wanted and not second.learned:
            raise Broken(f"{second.office.name} finished without learning what it was to learn")
