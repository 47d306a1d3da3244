"""Operations on who takes part: consent taken back, records kept from one member, and how much of a data set a round
reaches.

Taking a consent back holds at once. For lists that are made from now on the record is not there. Of a round whose list
holds it already, what can still be stopped is stopped:

    we release by hand, and give no count     the round goes on; the record cannot be released
    the answer is not given yet               the round is cancelled here; it can be proposed again
    we have answered                          nothing can be called back; the reply says so

The record and the rounds are one transaction: no crash leaves a record that is withdrawn in a round that goes on.
"""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import Field
from sqlalchemy import select

from node.datasets import Dataset, PreparedRecord
from node.datasets.exclusions import EVERYBODY, read_references
from node.errors import StateDamaged, UserError
from node.operations.datasets import uses_of
from node.operations.parts import Parts, Progress
from node.operations.round_forms import CoverageView
from node.operations.table import Operation, Reply, Request
from node.rounds.book import Round
from node.rounds.participation import Coverage
from node.rounds.states import RoundState
from node.store.schema import charges

__all__ = [
    "MAX_SHOWN_RECORDS",
    "OPERATIONS",
    "CoverageReply",
    "CoverageRequest",
    "ExcludedReply",
    "ReadmitRequest",
    "TouchedView",
    "WithdrawRequest",
    "WithholdRequest",
    "coverage_of_round",
    "coverage_view",
    "kept_out_leads",
]

MAX_SHOWN_RECORDS = 100_000
"""Records of a data set up to which `round show` counts how many of them take part; above, `round coverage` does."""


class WithdrawRequest(Request):
    """`text` has one record reference a line."""

    name: str
    text: str = Field(repr=False)
    by: str


class WithholdRequest(WithdrawRequest):
    """`peer`: alias or id of the member that the records are kept from."""

    peer: str


class ReadmitRequest(WithdrawRequest):
    """`peer` None: records that were withdrawn; else those that are kept from this member."""

    peer: str | None = None


class TouchedView(Reply):
    """A round with one of the records on its list. `fate`: see `FATES`."""

    round_id: str
    title: str
    fate: str
    sentence: str


class ExcludedReply(Reply):
    """`named`: references given; `changed`: of which this was not so before; `unknown`: that stand on no record of the
    data set as it is; `also_in`: other data sets in which some of them stand (name -> how many)."""

    dataset: str
    named: int
    changed: int
    unknown: int
    also_in: dict[str, int]
    withdrawn: int
    withheld: dict[str, int]
    rounds: list[TouchedView]


class CoverageRequest(Request):
    """`dataset` None: the one that the round was signed with."""

    round: str
    dataset: str | None = None


class CoverageReply(Reply):
    round_id: str
    title: str
    coverage: CoverageView


_Versions = dict[str, list[PreparedRecord]]
"""Version of a data set -> its records that are looked for."""

FATES = {
    "over": "is over: what the other side learned cannot be called back. Speak to it if it has to forget the record.",
    "answered": "was answered already, with the record on its list: that cannot be called back.",
    "cancelled": "was cancelled, because its list held the record: what was not answered yet will not be. It can be "
    "proposed again.",
    "not released": "goes on; the record cannot be released in it any more.",
    "goes on": "goes on with the record on its list: cancel the round if that must not be.",
}


def _withdraw(parts: Parts, request: WithdrawRequest, _progress: Progress) -> ExcludedReply:
    wanted = read_references(request.text)
    try:
        changed, touched = _withdraw_everywhere(parts, request, wanted)
    except StateDamaged:
        # A file of records that cannot be read keeps nobody from taking the consent back.
        parts.datasets.exclude(request.name, wanted, by=request.by)
        raise
    for one in touched:
        if one.fate == "cancelled":
            parts.negotiation.wake(one.round_id)
    return _reply(parts, parts.datasets.get(request.name), wanted, changed, touched)


def _withdraw_everywhere(
    parts: Parts, request: WithdrawRequest, wanted: frozenset[str]
) -> tuple[int, list[TouchedView]]:
    """How many references were not withdrawn before, and what became of the rounds that they are in."""
    versions: _Versions = {}
    list(_rounds_with(parts, parts.datasets.get(request.name), wanted, versions))  # read before anybody waits for us
    touched = []
    with parts.store.transaction() as tx:
        dataset = parts.datasets.get(request.name)
        changed = parts.datasets.exclude_in(tx, dataset, wanted, by=request.by)
        for found in list(_rounds_with(parts, dataset, wanted, versions)):
            if (fate := _fate(parts, found, wanted)) == "cancelled":
                parts.negotiation.cancel_in(tx, found, by=request.by)
            touched.append(_touched(found, fate))
    return changed, touched


def _withhold(parts: Parts, request: WithholdRequest, _progress: Progress) -> ExcludedReply:
    wanted, dataset = read_references(request.text), parts.datasets.get(request.name)
    peer = parts.members.get(request.peer).member_id
    changed = parts.datasets.exclude(request.name, wanted, by=request.by, peer=peer)
    touched = []
    for found in _rounds_with(parts, dataset, wanted, {}, peer):
        fate = _fate(parts, found, wanted)
        touched.append(_touched(found, "goes on" if fate == "cancelled" else fate))
    return _reply(parts, dataset, wanted, changed, touched)


def _readmit(parts: Parts, request: ReadmitRequest, _progress: Progress) -> ExcludedReply:
    wanted, dataset = read_references(request.text), parts.datasets.get(request.name)
    peer = EVERYBODY if request.peer is None else parts.members.get(request.peer).member_id
    changed = parts.datasets.readmit(request.name, wanted, by=request.by, peer=peer)
    return _reply(parts, dataset, wanted, changed, [])


def _rounds_with(
    parts: Parts, dataset: Dataset, wanted: frozenset[str], versions: _Versions, peer: str | None = None
) -> Iterable[Round]:
    """The rounds whose lists hold one of these records, as far as the versions they were made from are still there.
    `versions`: what an earlier look has read; what this one reads is added."""
    rounds = {found.round_id: found for found in parts.book.all()}
    for use in uses_of(parts, dataset):
        found = rounds[use.round_id]
        if peer is not None and found.manifest.other(parts.identity.member_id).member_id != peer:
            continue
        # Of a version that was replaced and let go, the record as it is now has to do.
        version = use.version_id if use.running else dataset.version_id
        if version not in versions:
            versions[version] = list(parts.datasets.records_with(version, wanted))
        if any(use.took_part(record) for record in versions[version]):
            yield found


def _fate(parts: Parts, found: Round, wanted: frozenset[str]) -> str:
    """What withdrawing a record that is on its list means for a round: a key of `FATES`."""
    if found.over:
        return "over"
    reply = found.manifest.reply
    if found.position == "first" and reply.mode in ("released", "none") and not reply.count_then_release:
        if not _chosen(parts, found, wanted):
            return "not released"
        # Somebody has chosen it for release; as long as the round is deciding, that was not carried out.
        return "cancelled" if found.state is RoundState.DECIDING else "answered"
    query = select(charges.c.id).where(charges.c.round_id == found.round_id, charges.c.reason == "answer")
    with parts.store.read() as connection:
        answered = connection.execute(query).first() is not None
    return "answered" if answered else "cancelled"


def _chosen(parts: Parts, found: Round, wanted: frozenset[str]) -> bool:
    """Did a person choose one of these records for release?"""
    decision = parts.book.decision(found.round_id)
    if decision is None:
        return False
    chosen = json.loads(decision)
    leads = enumerate(parts.leads.walk(found.round_id), 1)
    return any(lead.reference in wanted and (chosen is None or number in chosen) for number, lead in leads)


def _touched(found: Round, fate: str) -> TouchedView:
    return TouchedView(round_id=found.round_id, title=found.manifest.title, fate=fate, sentence=FATES[fate])


def _reply(
    parts: Parts, dataset: Dataset, wanted: frozenset[str], changed: int, touched: list[TouchedView]
) -> ExcludedReply:
    counts = parts.datasets.exclusions.counts(dataset.dataset_id)
    aliases = {member.member_id: member.alias for member in parts.members.list()}
    others = [one for one in parts.datasets.list() if one.dataset_id != dataset.dataset_id]
    also = {one.name: len(parts.datasets.found_in(one, wanted)) for one in others}
    return ExcludedReply(
        dataset=dataset.name,
        named=len(wanted),
        changed=changed,
        unknown=len(wanted) - len(parts.datasets.found_in(dataset, wanted)),
        also_in={name: number for name, number in also.items() if number},
        withdrawn=counts.get(EVERYBODY, 0),
        withheld={aliases.get(peer, peer): number for peer, number in counts.items() if peer != EVERYBODY},
        rounds=touched,
    )


def _coverage(parts: Parts, request: CoverageRequest, _progress: Progress) -> CoverageReply:
    found = parts.book.find(request.round)
    if found.position == "none":
        raise UserError("This node convenes the round and brings no records to it.")
    if request.dataset is not None:
        dataset = parts.datasets.get(request.dataset)
    elif found.dataset_id is not None:
        dataset = parts.datasets.by_id(found.dataset_id)
    else:
        raise UserError("No data set was chosen for this round yet.", advice="Name one: --dataset NAME.")
    view = coverage_view(parts, found, dataset, parts.negotiation.coverage(found.manifest, dataset))
    return CoverageReply(round_id=found.round_id, title=found.manifest.title, coverage=view)


def coverage_view(parts: Parts, found: Round, dataset: Dataset, counted: Coverage) -> CoverageView:
    """The numbers of a coverage beside what was agreed."""
    terms = found.manifest.member(parts.identity.member_id)
    return CoverageView(
        dataset=dataset.name,
        records=counted.records,
        taking_part=counted.taking_part,
        ending=counted.ending,
        out={str(why): number for why, number in counted.out.items()},
        kinds=counted.kinds,
        minimum=terms.minimum_records,
        maximum=terms.records,
        enough=terms.minimum_records <= counted.taking_part <= terms.records,
    )


def coverage_of_round(parts: Parts, found: Round | None, dataset: Dataset | None) -> CoverageView | None:
    """For `round show`: of a round that is signed here and not over, if its data set is small enough to be walked."""
    if found is None or dataset is None or found.over or dataset.records > MAX_SHOWN_RECORDS:
        return None
    if parts.datasets.outdated(dataset):
        return None  # no round takes it as it is; `dataset list` says why
    return coverage_view(parts, found, dataset, parts.negotiation.coverage(found.manifest, dataset))


def kept_out_leads(parts: Parts, found: Round) -> set[int]:
    """Numbers of the leads that may not be released: of records that were withdrawn, or are kept from that member."""
    excluded = parts.negotiation.excluded(found)
    if not excluded:
        return set()
    return {number for number, lead in enumerate(parts.leads.walk(found.round_id), 1) if lead.reference in excluded}


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("dataset.withdraw", WithdrawRequest, _withdraw),
    Operation("dataset.withhold", WithholdRequest, _withhold),
    Operation("dataset.readmit", ReadmitRequest, _readmit),
    Operation("round.coverage", CoverageRequest, _coverage),
)
