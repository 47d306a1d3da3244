"""The report on one person's record, for an access request: what is held, what was agreed, with whom it was compared.

It answers in kinds and numbers and shows no identifier, neither of this person nor of anybody else: whoever makes it
need not see any. That it was made stands in the audit log; about whom does not.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from node.audit.page import Page, Section
from node.audit.words import Language, chooser, short
from node.datasets import Dataset, PreparedRecord
from node.operations.audit import names_of
from node.operations.datasets import uses_of
from node.operations.parts import Parts, Progress
from node.operations.report_words import in_words
from node.operations.retention import MAX_ASKED_CHARACTERS, erasing_of
from node.operations.table import Operation, Reply, Request
from node.rounds.book import Round
from node.wording import plural

__all__ = ["OPERATIONS", "PersonRequest", "ReportReply", "noted"]


class PersonRequest(Request):
    """`record`: the reference of the person's record."""

    record: str = Field(min_length=1, max_length=MAX_ASKED_CHARACTERS, repr=False)
    by: str
    lang: Language = "en"


class ReportReply(Reply):
    """`page`: title and sections of sentences; `figures`: what they were made from."""

    kind: str
    page: dict[str, Any]
    figures: dict[str, Any]


def noted(parts: Parts, kind: str, by: str, round_id: str | None = None) -> None:
    """The entry of a report, before it is given out."""
    facts = {} if round_id is None else {"round_id": round_id}
    with parts.store.transaction() as tx:
        parts.audit.append(tx, "report-made", kind=kind, by=by, **facts)


def _person(parts: Parts, request: PersonRequest, _progress: Progress) -> ReportReply:
    request = request.model_copy(update={"record": " ".join(request.record.split())})  # as data sets spell it
    say = chooser(request.lang)
    sections: list[Section] = []
    figures: dict[str, Any] = {"datasets": 0, "rounds": [], "erased_at": None}
    part_of: dict[str, str] = {}
    for dataset in parts.datasets.list():
        records, earlier = parts.datasets.carrying(dataset, request.record)
        if not records:
            continue
        figures["datasets"] += 1
        part_of |= dict.fromkeys(earlier, "earlier")
        part_of |= {
            use.round_id: "perhaps" if _kept_out(parts, dataset, use.round_id, request.record) else "now"
            for use in uses_of(parts, dataset)
            if use.version_id == dataset.version_id and any(use.took_part(record) for record in records)
        }
        sections.append(_held(parts, dataset, records, request))
    leads = _leads_of(parts, request.record)
    for round_id in leads:
        part_of[round_id] = "lead"
    rounds = [found for found in parts.book.all() if found.round_id in part_of]
    for found in rounds:
        section, one = _round_of_person(parts, found, leads.get(found.round_id, []), request.lang)
        if part_of[found.round_id] == "perhaps":
            section = _perhaps(section, request.lang)
        sections.append(section)
        figures["rounds"].append(one)
    figures["erased_at"] = erasing_of(parts).when(request.record)
    summary = [
        say(
            f"This record is in {figures['datasets']} {plural(figures['datasets'], 'data set')} of this organisation"
            f" and took part in {len(rounds)} {plural(len(rounds), 'round')}.",
            f"Dieser Datensatz steht in {figures['datasets']}"
            f" {plural(figures['datasets'], 'Datenbestand', 'Datenbeständen')} dieser Organisation und nahm an"
            f" {len(rounds)} {plural(len(rounds), 'Runde', 'Runden')} teil.",
        )
    ]
    if figures["erased_at"] is not None:
        summary.append(
            say(
                f"It was erased at {figures['erased_at']}; the node knows that from a digest of its number alone.",
                f"Er wurde am {figures['erased_at']} gelöscht; der Knoten weiß das nur aus einer Prüfsumme der Nummer.",
            )
        )
    listed = 0 if figures["datasets"] else parts.datasets.exclusions.mentions(request.record)
    if listed:
        summary.append(
            say(
                f"Its number stands on {listed} {plural(listed, 'list')} of withdrawn or withheld records.",
                f"Seine Nummer steht auf {listed} {plural(listed, 'Liste', 'Listen')} zurückgezogener oder"
                " vorenthaltener Datensätze.",
            )
        )
    if not figures["datasets"] and not rounds and not listed and figures["erased_at"] is None:
        summary.append(
            say("This node holds nothing under this number.", "Dieser Knoten hat unter dieser Nummer nichts.")
        )
    noted(parts, "person", request.by)
    page = Page(
        say("What was done with this person's record", "Was mit dem Datensatz dieser Person geschah"),
        request.lang,
        (Section(say("In short", "Kurz gesagt"), tuple(summary)), *sections, _person_limits(request.lang)),
    )
    return ReportReply(kind="person", page=page.as_dict(), figures=figures)


def _held(parts: Parts, dataset: Dataset, records: Sequence[PreparedRecord], request: PersonRequest) -> Section:
    """What a data set holds of the person: kinds and numbers, and what was agreed; never a value."""
    say, lines = chooser(request.lang), []
    basis = in_words(dataset.basis, request.lang)
    lines.append(
        say(
            f"On the basis of: {basis}. Read in on {dataset.created_at[:10]}, last refreshed on"
            f" {(dataset.refreshed_at or dataset.created_at)[:10]}.",
            f"Grundlage: {basis}. Eingelesen am {dataset.created_at[:10]}, zuletzt aufgefrischt am"
            f" {(dataset.refreshed_at or dataset.created_at)[:10]}.",
        )
    )
    kinds: Counter[str] = Counter()
    for record in records:
        kinds.update({kind: len(values) for kind, values in record.identifiers.items()})
        kinds["person"] += record.person is not None
        lines += _consent(record, request.lang)
    held = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()) if count)
    lines.append(say(f"Kept to be compared: {held or 'nothing'}.", f"Zum Vergleich gespeichert: {held or 'nichts'}."))
    excluded = {
        member_id: parts.datasets.exclusions.of(dataset.dataset_id, member_id)
        for member_id in ["", *(member.member_id for member in parts.members.list())]
    }
    if request.record in excluded[""].withdrawn:
        lines.append(
            say(
                "The consent was withdrawn: no list that is made now holds this record.",
                "Die Einwilligung wurde zurückgezogen: keine Liste, die jetzt entsteht, enthält diesen Datensatz.",
            )
        )
    names = names_of(parts)
    lines += [
        say(f"It is kept from {names[member_id]}.", f"Er wird {names[member_id]} vorenthalten.")
        for member_id, one in excluded.items()
        if member_id and request.record in one.withheld
    ]
    title = say(
        f"Data set {dataset.name}, {len(records)} {plural(len(records), 'record')}",
        f"Bestand {dataset.name}, {len(records)} {plural(len(records), 'Datensatz', 'Datensätze')}",
    )
    return Section(title, tuple(lines))


def _consent(record: PreparedRecord, language: Language) -> list[str]:
    say, consent = chooser(language), record.consent
    everything, everybody = say("everything", "alles"), say("everybody", "alle")
    if not consent.given:
        found = [say("There is no consent: this record takes part in nothing.", "Es gibt keine Einwilligung.")]
    else:
        kinds, receivers, purposes = (
            ", ".join(sorted(chosen)) if chosen is not None else whole
            for chosen, whole in (
                (consent.kinds, everything),
                (consent.receivers, everybody),
                (consent.purposes, everything),
            )
        )
        until = consent.until.isoformat() if consent.until is not None else say("it is withdrawn", "auf Widerruf")
        found = [
            say(
                f"May take part until {until}; kinds: {kinds}; receivers: {receivers}; purposes: {purposes}.",
                f"Darf teilnehmen bis: {until}; Arten: {kinds}; Empfänger: {receivers}; Zwecke: {purposes}.",
            )
        ]
    if consent.urgent:
        found.append(
            say(
                "Nobody could ask: two people here said that the person is in urgent danger.",
                "Niemand konnte fragen: zwei Personen hier haben dringende Gefahr bestätigt.",
            )
        )
    if record.child:
        found.append(
            say("It is about a child: only in rounds for children.", "Es geht um ein Kind: nur in Runden für Kinder.")
        )
    return found


def _leads_of(parts: Parts, reference: str) -> dict[str, list[tuple[int, str, int]]]:
    """Round -> number, status and number of agreements of each lead of this reference."""
    found: dict[str, list[tuple[int, str, int]]] = {}
    for one in parts.book.all():
        if not one.learned or one.erased_at is not None:
            continue
        mine = [
            (at, status, len(lead.agreements))
            for at, status, lead in parts.leads.numbered(one.round_id)
            if lead.reference == reference
        ]
        if mine:
            found[one.round_id] = mine
    return found


def _round_of_person(
    parts: Parts, found: Round, leads: list[tuple[int, str, int]], language: Language
) -> tuple[Section, dict[str, Any]]:
    say, manifest = chooser(language), found.manifest
    other = manifest.other(parts.identity.member_id)
    purpose = in_words(manifest.purpose, language)
    lines = [
        say(
            f"With {other.name} ({other.member_class}, {other.country}), to {purpose}: “{manifest.purpose_text}”."
            f" List made on {(found.listed_at or found.created_at)[:10]}; now {in_words(found.state, language)}.",
            f"Mit {other.name} ({other.member_class}, {other.country}), um: {purpose}: „{manifest.purpose_text}“."
            f" Liste vom {(found.listed_at or found.created_at)[:10]}; jetzt {in_words(found.state, language)}.",
        )
    ]
    reviews = parts.reviews.latest(found.round_id)
    for at, status, agreements in leads:
        lines.append(
            say(
                f"A record of the other side agreed with it in {agreements} {plural(agreements, 'detail')}:"
                f" {in_words(status, language)}.",
                f"Ein Datensatz der anderen Seite stimmte in {agreements} {plural(agreements, 'Angabe', 'Angaben')}"
                f" überein: {in_words(status, language)}.",
            )
        )
        if at in reviews:
            verdict = in_words(reviews[at].status, language)
            lines.append(
                say(
                    f"{reviews[at].by} reviewed it at {reviews[at].at}: {verdict}.",
                    f"{reviews[at].by} hat es am {reviews[at].at} geprüft: {verdict}.",
                )
            )
    if not leads:
        lines.append(_no_lead(found, language))
    title = say(f"Round {short(found.round_id)}", f"Runde {short(found.round_id)}")
    figures = {
        "round_id": found.round_id,
        "with": other.member_id,
        "leads": [{"number": at, "status": status, "agreements": count} for at, status, count in leads],
    }
    return Section(title, tuple(lines)), figures


def _kept_out(parts: Parts, dataset: Dataset, round_id: str, reference: str) -> bool:
    """Is the record withdrawn, or kept from the other side of this round, today?"""
    peer = parts.book.get(round_id).peer
    return peer is not None and reference in parts.datasets.exclusions.of(dataset.dataset_id, peer)


def _perhaps(section: Section, language: Language) -> Section:
    line = chooser(language)(
        "It is kept out today. Whether it was already when the list was made, this node does not keep.",
        "Heute ist er ausgenommen. Ob er es schon war, als die Liste entstand, hält dieser Knoten nicht fest.",
    )
    return Section(section.heading, (*section.lines, line), section.marked)


def _no_lead(found: Round, language: Language) -> str:
    say = chooser(language)
    if found.erased_at is not None:
        return say(
            f"Whether it agreed was deleted at {found.erased_at}, as agreed.",
            f"Ob er übereinstimmte, wurde am {found.erased_at} gelöscht, wie vereinbart.",
        )
    if found.learned:
        return say(
            "It agreed with nothing that was found here.", "Er stimmte mit nichts überein, was hier gefunden wurde."
        )
    return say("This node did not learn whether it agreed.", "Dieser Knoten hat nicht erfahren, ob er übereinstimmte.")


def _person_limits(language: Language) -> Section:
    say = chooser(language)
    return Section(
        say("What this report cannot say", "Was dieser Bericht nicht sagen kann"),
        (
            say(
                "What a member did with what it learned: ask that member. `round show` names whom.",
                "Was ein Mitglied mit dem tat, was es erfuhr: das weiß nur dieses Mitglied.",
            ),
            say(
                "Rounds of a data set that was removed since, and whether somebody outside these commands looked.",
                "Runden eines Bestands, der seither entfernt wurde, und was außerhalb dieser Befehle geschah.",
            ),
            say(
                "A record that takes part is shown to nobody as such: others see blinded elements among padding.",
                "Ein teilnehmender Datensatz ist als solcher nicht sichtbar: andere sehen nur verblindete Elemente.",
            ),
        ),
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (Operation("report.person", PersonRequest, _person, role=None),)
