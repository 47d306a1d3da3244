"""Reports for people: who learned what in a round, and in a period; `person_report` has the one on a person's record.

    report.round    for a regulator: the agreement, who approved, who learned what, every entry of the log
    report.period   the same in numbers over all rounds, by member

Each is a page (`node.audit.page`) of plain sentences beside the numbers that it was made from, and each is noted in the
audit log before it is given out: who made it, about what; never about whom. A report tells what this node knows: what
the other side did with what it learned stands in its own log.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from node.audit.log import Entry
from node.audit.page import Page, Section
from node.audit.words import Language, chooser, number, sentence, short
from node.errors import UserError
from node.operations.audit import entries_of, names_of, when
from node.operations.parts import Parts, Progress
from node.operations.person_report import ReportReply, noted
from node.operations.report_words import in_words
from node.operations.table import Operation, Request
from node.rounds.book import Round
from node.store.schema import audit_entries
from node.wording import plural

__all__ = ["OPERATIONS", "Learned", "PeriodRequest", "RoundRequest"]

MAX_ENTRIES_TOLD = 2_000
"""Entries of one round that a report tells one by one, in number."""

OVERRIDES = ("approval-overridden",)
ALARMS = ("tripwire-hit", "member-frozen", "peer-blamed", "cosignature-refused", "staff-refused", "policy-refused")
"""Events that a regulator asks after: each is told on its own in a report of a period."""


class RoundRequest(Request):
    round: str
    by: str
    lang: Language = "en"


class PeriodRequest(Request):
    """`since` is included, `until` is not: days or times in UTC. `member`: alias or id, for one member alone."""

    since: str
    until: str
    by: str
    member: str | None = None
    lang: Language = "en"


# One round, and a period.


@dataclass
class Learned:
    """What was learned in one round or by one member, counted from the log. `us_*`: by this node."""

    rounds: set[str] = field(default_factory=set)
    us_rows: int = 0
    us_counts: int = 0
    us_releases: int = 0
    answered: int = 0
    counts: int = 0
    released: int = 0
    charged: int = 0
    failed: int = 0

    def take(self, entry: Entry) -> None:
        """Count one entry."""
        facts = entry.facts
        if isinstance(round_id := facts.get("round_id"), str):
            self.rounds.add(round_id)
        match entry.event:
            case "overlap-learned":
                self.us_rows += _whole(facts.get("hits"))
            case "count-received":
                self.us_counts += 1
            case "release-received":
                self.us_releases += 1
            case "answer-sent":
                self.answered += _whole(facts.get("elements"))
            case "count-sent":
                self.counts += 1
            case "release-decided":
                self.released += _whole(facts.get("released"))
            case "budget-charged":
                self.charged += _whole(facts.get("elements"))
            case "round-failed":
                self.failed += 1
            case _:
                pass

    def figures(self) -> dict[str, int]:
        return {
            "rounds": len(self.rounds),
            "we_learned_records": self.us_rows,
            "we_received_counts": self.us_counts,
            "we_received_releases": self.us_releases,
            "elements_answered": self.answered,
            "counts_told": self.counts,
            "records_released": self.released,
            "elements_charged": self.charged,
            "rounds_failed": self.failed,
        }

    def sentences(self, name: str, language: Language) -> list[str]:
        """Who learned what, in words. `name` is the other side."""
        say = chooser(language)
        shown = {key: number(value, language) for key, value in self.figures().items()}
        found = [
            say(
                f"This node learned that {shown['we_learned_records']} of its own records agree, received"
                f" {shown['we_received_counts']} {plural(self.us_counts, 'count')} and"
                f" {shown['we_received_releases']} {plural(self.us_releases, 'release')}.",
                f"Dieser Knoten erfuhr, dass {shown['we_learned_records']} seiner Datensätze übereinstimmen, und bekam"
                f" {shown['we_received_counts']} {plural(self.us_counts, 'Anzahl', 'Anzahlen')} und"
                f" {shown['we_received_releases']} {plural(self.us_releases, 'Freigabe', 'Freigaben')}.",
            )
        ]
        if not (self.answered or self.counts or self.released):
            found.append(say(f"{name} learned nothing from this node.", f"{name} erfuhr von diesem Knoten nichts."))
            return found
        if self.answered:
            found.append(
                say(
                    f"{name} was answered to a list of {shown['elements_answered']} elements (padding included), and so"
                    " learned which of its own records agree, as far as it learns them by the agreement.",
                    f"{name} bekam Antwort auf eine Liste von {shown['elements_answered']} Elementen (mit Auffüllung)"
                    " und erfuhr so, welche seiner Datensätze übereinstimmen, soweit vereinbart.",
                )
            )
        if self.counts:
            found.append(
                say(
                    f"{name} was told how many records agree, in the agreed form, {shown['counts_told']}"
                    f" {plural(self.counts, 'time')}.",
                    f"{name} bekam {shown['counts_told']}-mal die Anzahl übereinstimmender Datensätze, wie vereinbart.",
                )
            )
        if self.released:
            found.append(
                say(
                    f"A person here released {shown['records_released']} {plural(self.released, 'record')} to {name}.",
                    f"Eine Person hier gab {shown['records_released']}"
                    f" {plural(self.released, 'Datensatz', 'Datensätze')} an {name} frei.",
                )
            )
        return found


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _round(parts: Parts, request: RoundRequest, _progress: Progress) -> ReportReply:
    found, say, names = parts.book.find(request.round), chooser(request.lang), names_of(parts)
    query = select(audit_entries.c.body).where(audit_entries.c.body.contains(found.round_id))
    with parts.store.read() as connection:
        entries = [one for one in entries_of(connection, query) if one.facts.get("round_id") == found.round_id]
    learned = Learned()
    for entry in entries:
        learned.take(entry)
    noted(parts, "round", request.by, found.round_id)
    names |= {member.member_id: member.name for member in found.manifest.members}
    sections = [_agreement_section(parts, found, request.lang)]
    if found.peer is not None:
        heading = say("Who learned what", "Wer was erfuhr")
        sections.append(Section(heading, tuple(learned.sentences(names[found.peer], request.lang))))
    told = [f"{one.time}  {sentence(one.event, one.facts, request.lang, names)}" for one in entries[:MAX_ENTRIES_TOLD]]
    if len(entries) > MAX_ENTRIES_TOLD:
        more = number(len(entries) - MAX_ENTRIES_TOLD, request.lang)
        told.append(say(f"and {more} more: `blindmatch audit show --round`.", f"und {more} weitere."))
    sections.append(Section(say("Everything in the log", "Alles im Protokoll"), tuple(told)))
    title = say(f"Round {short(found.round_id)}: who learned what", f"Runde {short(found.round_id)}: wer was erfuhr")
    page = Page(title, request.lang, (*sections, _limits(request.lang)))
    figures = learned.figures() | {"round_id": found.round_id, "state": found.state.value, "entries": len(entries)}
    return ReportReply(kind="round", page=page.as_dict(), figures=figures)


def _agreement_section(parts: Parts, found: Round, language: Language) -> Section:
    say, manifest = chooser(language), found.manifest
    purpose, state = in_words(manifest.purpose, language), in_words(found.state, language)
    lines = [
        say(
            f"To {purpose}: “{manifest.purpose_text}”; proposed {found.created_at[:10]}, now {state}.",
            f"Um: {purpose}: „{manifest.purpose_text}“; vorgeschlagen {found.created_at[:10]}, jetzt {state}.",
        )
    ]
    signed = {one.member_id: one for one in parts.book.verdicts(found.round_id)}
    for member in manifest.members:
        verdict = signed.get(member.member_id)
        what = (
            say("did not answer", "hat nicht geantwortet")
            if verdict is None
            else say(f"signed at {verdict.at}", f"hat am {verdict.at} unterschrieben")
            if verdict.signed
            else say(f"refused at {verdict.at}", f"hat am {verdict.at} abgelehnt")
        )
        basis = in_words(member.basis, language)
        lines.append(
            say(
                f"{member.name} ({member.member_class}, {member.country}) {what}. It brings up to"
                f" {number(member.records, language)} records ({in_words(member.record_class, language)}), on the basis"
                f" of {basis}: “{member.legal_basis}”, and keeps results {member.retention_days} days.",
                f"{member.name} ({member.member_class}, {member.country}) {what}. Bis zu"
                f" {number(member.records, language)} Datensätze ({in_words(member.record_class, language)}),"
                f" Grundlage: {basis}: „{member.legal_basis}“; hält Ergebnisse {member.retention_days} Tage.",
            )
        )
    return Section(say("The agreement", "Die Vereinbarung"), tuple(lines))


def _period(parts: Parts, request: PeriodRequest, _progress: Progress) -> ReportReply:
    since, until = when(request.since, "--from"), when(request.until, "--to")
    if since >= until:
        raise UserError("The period ends before it begins.", advice="Give --from a day before the one of --to.")
    names, say, me = names_of(parts), chooser(request.lang), parts.identity.member_id
    only = None if request.member is None else parts.members.get(request.member).member_id
    query = select(audit_entries.c.body).where(audit_entries.c.at >= since, audit_entries.c.at < until)
    peers = {one.round_id: one.peer for one in parts.book.all()}
    learned: dict[str, Learned] = {}
    events: Counter[str] = Counter()
    told: list[str] = []
    with parts.store.read() as connection:
        for entry in entries_of(connection, query):
            peer = entry.facts.get("peer") or peers.get(str(entry.facts.get("round_id")))
            named = {peer, entry.facts.get("member")}
            if only is not None and only not in named:
                continue
            events[entry.event] += 1
            if isinstance(peer, str) and peer != me and "round_id" in entry.facts:
                learned.setdefault(peer, Learned()).take(entry)
            if entry.event in (*OVERRIDES, *ALARMS) and len(told) < MAX_ENTRIES_TOLD:
                told.append(f"{entry.time}  {sentence(entry.event, entry.facts, request.lang, names)}")
    noted(parts, "period", request.by)
    sections = [
        Section(
            names.get(peer, short(peer)),
            (
                *_rounds_line(one, request.lang),
                *one.sentences(names.get(peer, short(peer)), request.lang),
                *_budget_line(parts, peer, request.lang),
            ),
        )
        for peer, one in sorted(learned.items(), key=lambda each: names.get(each[0], each[0]))
    ]
    if not sections:
        nothing = say("Nobody learned anything.", "Niemand erfuhr etwas.")
        sections = [Section(say("Rounds", "Runden"), (nothing,))]
    none = say("Nothing of this kind.", "Nichts dergleichen.")
    sections += [
        Section(say("What needs a look", "Was einen Blick braucht"), tuple(told) or (none,)),
        Section(say("How often what happened", "Wie oft was geschah"), tuple(_tally(events, request.lang)) or (none,)),
    ]
    title = say(f"Who learned what, {since[:10]} to {until[:10]}", f"Wer was erfuhr, {since[:10]} bis {until[:10]}")
    figures = {
        "since": since,
        "until": until,
        "members": {peer: one.figures() for peer, one in learned.items()},
        "events": dict(sorted(events.items())),
    }
    page = Page(title, request.lang, (*sections, _limits(request.lang)))
    return ReportReply(kind="period", page=page.as_dict(), figures=json.loads(json.dumps(figures)))


def _rounds_line(learned: Learned, language: Language) -> list[str]:
    say, many = chooser(language), len(learned.rounds)
    rounds = number(many, language)
    return [
        say(
            f"{rounds} {plural(many, 'round')}, of which {learned.failed} failed; {number(learned.charged, language)}"
            " elements charged to its budget.",
            f"{rounds} {plural(many, 'Runde', 'Runden')}, davon {learned.failed} gescheitert;"
            f" {number(learned.charged, language)} Elemente vom Budget.",
        )
    ]


def _budget_line(parts: Parts, peer: str, language: Language) -> list[str]:
    if parts.members.confirmed(peer) is None:
        return []
    left = number(parts.budget.remaining(peer), language)
    return [chooser(language)(f"Budget left today: {left} elements.", f"Budget heute noch: {left} Elemente.")]


def _tally(events: Counter[str], language: Language) -> Iterable[str]:
    for event, count in sorted(events.items()):
        yield f"{number(count, language)} x {sentence(event, {}, language)}"


def _limits(language: Language) -> Section:
    say = chooser(language)
    return Section(
        say("What this report cannot say", "Was dieser Bericht nicht sagen kann"),
        (
            say(
                "It is made from this node's own log. `blindmatch audit verify` says if the log is whole,"
                " `audit reconcile` if the other side's log agrees.",
                "Er beruht auf dem Protokoll dieses Knotens. Ob es unversehrt ist, sagt `blindmatch audit verify`; ob"
                " das der anderen Seite dazu passt, `audit reconcile`.",
            ),
            say(
                "What the others know of the persons, and what they did with it.",
                "Was die anderen über die Personen wissen und was sie damit taten.",
            ),
        ),
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation("report.round", RoundRequest, _round, role=None),
    Operation("report.period", PeriodRequest, _period, role=None),
)
