"""What a check of a certificate or an export means, as a page: what holds, what it proves, and what it does not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from node.agreement.manifest import Manifest
from node.audit.certificate import CertificateReport
from node.audit.export import Cosigned, ExportReport
from node.audit.page import Page, Section
from node.audit.words import Language, chooser, number, sentence, short
from node.clock import timestamp
from psi.errors import PsiError

__all__ = ["PROBLEMS", "certificate_page", "export_page"]

PROBLEMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "form": (
            "The file does not have the form of a certificate, or was damaged.",
            "Die Datei hat nicht die Form einer Bescheinigung, oder sie ist beschädigt.",
        ),
        "not-signed": (
            "The node did not sign what stands in this file: it was changed, or somebody else made it.",
            "Der Knoten hat nicht unterschrieben, was in dieser Datei steht: sie wurde geändert oder stammt von jemand"
            " anderem.",
        ),
        "other-agreement": (
            "The agreement in the file is not the one of this round.",
            "Die Vereinbarung in der Datei ist nicht die dieser Runde.",
        ),
        "no-party": (
            "The node that made the file is no party of this round.",
            "Der Knoten, von dem die Datei stammt, ist an dieser Runde nicht beteiligt.",
        ),
        "bad-agreement-signature": (
            "A signature under the agreement is not by the member that it is said to be of.",
            "Eine Unterschrift unter der Vereinbarung ist nicht von dem Mitglied, das dort steht.",
        ),
        "not-agreed": (
            "Not every member signed the agreement, so there can be no lead.",
            "Nicht jedes Mitglied hat die Vereinbarung unterschrieben; einen Hinweis kann es also nicht geben.",
        ),
        "bad-checkpoint": (
            "The node did not sign the state of its log that the file names.",
            "Der Knoten hat den genannten Stand seines Protokolls nicht unterschrieben.",
        ),
        "entry-not-in-log": (
            "An entry in the file is not in the log that the node signed.",
            "Ein Eintrag der Datei steht nicht in dem Protokoll, das der Knoten unterschrieben hat.",
        ),
        "entry-elsewhere": (
            "An entry in the file is about something else than this round.",
            "Ein Eintrag der Datei betrifft etwas anderes als diese Runde.",
        ),
        "not-in-log": (
            "The log does not say that this certificate was made.",
            "Das Protokoll sagt nicht, dass diese Bescheinigung ausgestellt wurde.",
        ),
        "other-statement": (
            "What the certificate says is not what the log says that it said when it was made.",
            "Was die Bescheinigung sagt, ist nicht das, was laut Protokoll bei der Ausstellung darin stand.",
        ),
        "bad-cosignature": (
            "A cosignature is not by the member that it is said to be of, or is over something else.",
            "Eine Gegenzeichnung ist nicht von dem Mitglied, das dort steht, oder gilt etwas anderem.",
        ),
        "rewritten": (
            "Another member signed another log than this one: entries were changed since.",
            "Ein anderes Mitglied hat ein anderes Protokoll gegengezeichnet: Einträge wurden seither geändert.",
        ),
        "other-card": (
            "The card that you gave is of another organisation than any in this file.",
            "Die angegebene Karte gehört zu keiner Organisation in dieser Datei.",
        ),
    }
)
"""Problem of a certificate -> sentence in English and German."""


def certificate_page(report: CertificateReport, language: Language, cards: Mapping[str, str] | None = None) -> Page:
    """The verdict on a certificate. `cards`: member id -> name of who gave us a card that we checked."""
    say, known = chooser(language), cards or {}
    if report.manifest is None or report.owner is None:
        return _no_such_file(report, language)
    # What a card says goes before what was agreed, and that before what the owner calls itself.
    names = {report.owner.member_id: report.owner.name} | _names(report.manifest) | dict(known)
    covered, total = report.covered(known), len(report.entries)
    if not report.ok:
        verdict = say("DOES NOT HOLD: do not rely on this file", "HÄLT NICHT STAND: auf diese Datei ist kein Verlass")
    elif covered:
        verdict = say("Holds, and another member vouches for it", "Hält stand, und ein anderes Mitglied bürgt dafür")
    else:
        verdict = say(
            "Holds, but rests on the word of the node that made it", "Hält stand, beruht aber allein auf dem Aussteller"
        )
    sections = [_claims(report, names, language)]
    if report.problems:
        failed = tuple(say(*PROBLEMS[code]) for code in report.problems)
        sections.insert(0, Section(say("What does not hold", "Was nicht stimmt"), failed))
    else:
        sections.append(_proven(report, names, known, covered, total, language))
    lines = tuple(f"{one['time']}  {sentence(one['event'], one['facts'], language, names)}" for one in report.entries)
    sections += [
        Section(say("What the log says of this round", "Was das Protokoll zu dieser Runde sagt"), lines),
        _not_proven(report, known, language),
    ]
    return Page(verdict, language, tuple(sections))


def _no_such_file(report: CertificateReport, language: Language) -> Page:
    """The file is of no kind that is checked here, or its beginning is damaged: nothing of it can be told."""
    say = chooser(language)
    why = (
        "It has not the form of a certificate or of an exported log, or it was damaged or changed on its way.",
        "Sie hat nicht die Form einer Bescheinigung oder eines ausgegebenen Protokolls, oder sie wurde unterwegs"
        " beschädigt oder verändert.",
    )
    problems = tuple(say(*(why if code == "form" else PROBLEMS[code])) for code in report.problems)
    todo = (
        say(
            "Two kinds of files are checked here: a certificate of a round or of a lead (`blindmatch audit"
            " certificate`), and a log (`blindmatch audit export` or `blindmatch audit share`).",
            "Zwei Arten von Dateien werden hier geprüft: eine Bescheinigung über eine Runde oder einen Hinweis"
            " (`blindmatch audit certificate`) und ein Protokoll (`blindmatch audit export` oder `blindmatch audit"
            " share`).",
        ),
        say(
            "If it should be one of them, ask who made it for the file itself, as it was written: a PDF, a picture or"
            " copied text cannot be checked.",
            "Soll sie eine davon sein, so braucht es vom Aussteller die Datei selbst, so wie sie geschrieben wurde: ein"
            " PDF, ein Bild davon oder kopierter Text lassen sich nicht prüfen.",
        ),
        say(
            "A member's card is checked by `blindmatch member add`, a carried file by `blindmatch round import`, a"
            " backup by `blindmatch restore`.",
            "Die Karte eines Mitglieds prüft `blindmatch member add`, eine überbrachte Datei `blindmatch round import`,"
            " eine Sicherung `blindmatch restore`.",
        ),
    )
    return Page(
        say(
            "This file is neither a certificate nor a log that can be checked",
            "Diese Datei ist weder eine Bescheinigung noch ein Protokoll, die sich prüfen lassen",
        ),
        language,
        (Section(say("Why", "Warum"), problems), Section(say("What to do", "Was zu tun ist"), todo)),
    )


def _claims(report: CertificateReport, names: Mapping[str, str], language: Language) -> Section:
    say, found, manifest = chooser(language), report.statement, report.manifest
    assert manifest is not None
    assert report.owner is not None
    members = ", ".join(
        f"{names[member.member_id]} ({member.member_class}, {member.country})" for member in manifest.members
    )
    lines = [
        say(
            f"{names[report.owner.member_id]} made it at {found['made_at']}; {found['by']} asked for it.",
            f"{names[report.owner.member_id]} hat sie am {found['made_at']} ausgestellt; veranlasst durch"
            f" {found['by']}.",
        ),
        say(
            f"Round {short(found['round_id'])} between {members}; it was {found['state']} then.",
            f"Runde {short(found['round_id'])} zwischen {members}; Stand damals: {found['state']}.",
        ),
        say(
            f"Purpose as agreed: {manifest.purpose.replace('_', ' ')}: “{manifest.purpose_text}”.",
            f"Vereinbarter Zweck: {manifest.purpose.replace('_', ' ')}: „{manifest.purpose_text}“.",
        ),
    ]
    lines += [
        say(
            f"Legal basis of {names[one.member_id]}: “{one.legal_basis}”.",
            f"Rechtsgrundlage von {names[one.member_id]}: „{one.legal_basis}“.",
        )
        for one in manifest.members
    ]
    if found["about"] == "lead":
        keys = ", ".join(found["keys"])
        lines.append(
            say(
                f"One match handle, {found['handle']}: a record of this node agrees with one of the other side in"
                f" {_in_words(found['keys'])} ({keys}). A lead may have more handles, one for each way in which the two"
                " records agree; this certificate is about this one.",
                f"Eine Trefferkennung, {found['handle']}: ein Datensatz dieses Knotens stimmt mit einem der"
                f" anderen Seite überein in {keys}. Ein Hinweis kann mehrere Kennungen haben, je Art der"
                " Übereinstimmung eine; diese Bescheinigung gilt für diese eine.",
            )
        )
    return Section(say("What it says", "Was sie sagt"), tuple(lines))


def _in_words(keys: Sequence[str]) -> str:
    """What agrees, for people; a certificate may come from a version that knows other keys, or from a liar."""
    from psi.identifiers import strength  # with everything behind it, which few commands need

    try:
        return " and ".join(strength(keys).fields)
    except (PsiError, ValueError):
        return "a way that this version does not know"


def _proven(
    report: CertificateReport,
    names: Mapping[str, str],
    known: Mapping[str, str],
    covered: int,
    total: int,
    language: Language,
) -> Section:
    say = chooser(language)
    signed = ", ".join(names.get(one, short(one)) for one in report.signed) or say("nobody", "niemand")
    lines = [
        say(
            f"The agreement is unchanged, and it was signed by: {signed}.",
            f"Die Vereinbarung ist unverändert, und unterschrieben haben: {signed}.",
        ),
        say(
            f"All {number(total, language)} entries below stand in the node's log of {number(report.size, language)}"
            " entries, unchanged and in this order.",
            f"Alle {number(total, language)} Einträge unten stehen im Protokoll des Knotens mit"
            f" {number(report.size, language)} Einträgen, unverändert und in dieser Reihenfolge.",
        ),
    ]
    for one in report.witnessed:
        who, when = names.get(one.member_id, short(one.member_id)), _moment(one.time)
        lines.append(
            say(
                f"{who} signed at {when} that this log then had {number(one.size, language)} entries; those cannot have"
                " been changed since.",
                f"{who} hat am {when} gegengezeichnet, dass dieses Protokoll damals {number(one.size, language)}"
                " Einträge hatte; diese können seither nicht geändert worden sein.",
            )
        )
    lines.append(
        say(
            f"Of the entries below, another member vouches for the first {covered}, the node alone for"
            f" {total - covered}.",
            f"Von den Einträgen unten bürgt für die ersten {covered} ein anderes Mitglied, für {total - covered} allein"
            " der Knoten.",
        )
    )
    lines += [
        say(
            f"The keys of {name} are those of the card that you gave.",
            f"Die Schlüssel von {name} sind die der angegebenen Karte.",
        )
        for name in known.values()
    ]
    return Section(say("What is proven", "Was bewiesen ist"), tuple(lines))


def _not_proven(report: CertificateReport, known: Mapping[str, str], language: Language) -> Section:
    say, lines = chooser(language), []
    if report.statement.get("about") == "lead":
        lines.append(
            say(
                "That this handle was found is this node's word. If the other side's certificate of the round names the"
                " same handle, both found it independently.",
                "Dass diese Kennung gefunden wurde, sagt dieser Knoten. Nennt die Bescheinigung der anderen Seite zur"
                " selben Runde dieselbe Kennung, so haben beide sie unabhängig gefunden.",
            )
        )
        lines.append(
            say(
                "A lead is a reason to look, not a proof that two records are about one person: what was compared may"
                " be wrong, shared, or somebody else's.",
                "Ein Hinweis ist ein Anlass zu prüfen, kein Beweis, dass zwei Datensätze dieselbe Person betreffen: die"
                " verglichenen Angaben können falsch, geteilt oder von jemand anderem sein.",
            )
        )
    lines += [
        say(
            "That the records are true, or that the node's entries tell the truth about it: it wrote them itself.",
            "Dass die Datensätze stimmen oder dass die Einträge des Knotens über ihn die Wahrheit sagen: er hat sie"
            " selbst geschrieben.",
        ),
        say(
            "That these are all entries about the round; for that ask for an export of the log.",
            "Dass dies alle Einträge zu der Runde sind; dafür braucht es eine Ausgabe des Protokolls.",
        ),
    ]
    if not report.members() <= known.keys():
        lines.append(_whose(language))
    return Section(say("What is not proven", "Was nicht bewiesen ist"), tuple(lines))


def export_page(report: ExportReport, language: Language, cards: Mapping[str, str] | None = None) -> Page:
    """The verdict on an export."""
    say, known = chooser(language), cards or {}
    sections = []
    if report.problems:
        more = (
            [say(f"and {report.more_problems} more.", f"und {report.more_problems} weitere.")]
            if report.more_problems
            else []
        )
        sections.append(Section(say("What does not hold", "Was nicht stimmt"), (*report.problems, *more)))
    if report.owner is not None:
        owner = known.get(report.owner.member_id, report.owner.name)
        last, first = number(max(report.first, report.size - 1), language), number(report.first, language)
        lines = [
            say(
                f"The log of {owner}, entries {first} to {last} (the first ever has the number 0), written at"
                f" {report.made_at}.",
                f"Das Protokoll von {owner}, Einträge {first} bis {last} (der allererste hat die Nummer 0), ausgegeben"
                f" am {report.made_at}.",
            )
        ]
        if report.ok:
            lines.append(
                say(
                    "These entries and no others, in this order, are what the node signed.",
                    "Diese Einträge und keine anderen, in dieser Reihenfolge, hat der Knoten unterschrieben.",
                )
            )
            lines += [
                say(
                    f"{known.get(one.other.member_id, one.other.name)} signed at"
                    f" {_moment(one.cosignature.time)} that it then had"
                    f" {number(one.checkpoint.tree_size, language)} entries"
                    f" (round {short(one.round_id)}, {one.moment}).",
                    f"{known.get(one.other.member_id, one.other.name)} hat am"
                    f" {_moment(one.cosignature.time)} gegengezeichnet, dass es damals"
                    f" {number(one.checkpoint.tree_size, language)} Einträge hatte (Runde {short(one.round_id)},"
                    f" {one.moment}).",
                )
                for one in _latest(report)
            ]
            if report.hidden:
                hidden = number(report.hidden, language)
                lines.append(
                    say(
                        f"{hidden} of them are in the file by their hash alone: they are there, and what they say is"
                        " not told.",
                        f"{hidden} davon stehen nur mit ihrer Prüfsumme in der Datei: es gibt sie, was sie sagen, steht"
                        " nicht darin.",
                    )
                )
            alone = report.size - max(report.covered, report.first)
            lines.append(
                say(
                    f"For the last {number(max(alone, 0), language)} entries only the node's own word stands: nobody"
                    " cosigned them yet.",
                    f"Für die letzten {number(max(alone, 0), language)} Einträge steht allein das Wort des Knotens:"
                    " niemand hat sie bisher gegengezeichnet.",
                )
            )
        sections.append(Section(say("What it says", "Was sie sagt"), tuple(lines)))
    not_proven = [
        say(
            "That the entries tell the truth: the node wrote them itself. What others did with it,"
            " their logs tell too.",
            "Dass die Einträge die Wahrheit sagen: der Knoten hat sie selbst geschrieben. Was andere mit ihm taten,"
            " sagen auch deren Protokolle.",
        )
    ]
    vouching = {one.other.member_id for one in report.cosigned}
    if report.owner is None or not vouching | {report.owner.member_id} <= known.keys():
        not_proven.append(_whose(language))
    sections.append(Section(say("What is not proven", "Was nicht bewiesen ist"), tuple(not_proven)))
    if not report.ok:
        verdict = say("DOES NOT HOLD: this log was changed", "HÄLT NICHT STAND: dieses Protokoll wurde verändert")
    elif report.cosigned:
        verdict = say("The log holds, and others vouch for it", "Das Protokoll hält stand, und andere bürgen dafür")
    else:
        verdict = say(
            "The log holds, but nobody else has signed it", "Das Protokoll hält stand, aber niemand sonst bürgt dafür"
        )
    return Page(verdict, language, tuple(sections))


MOST_COSIGNATURES_TOLD = 10
"""Cosignatures that the verdict on an export names, newest first; the file has all."""


def _latest(report: ExportReport) -> Sequence[Cosigned]:
    return sorted(report.cosigned, key=lambda one: one.checkpoint.tree_size, reverse=True)[:MOST_COSIGNATURES_TOLD]


def _whose(language: Language) -> str:
    return chooser(language)(
        "Whose keys these are, where you gave no card: the names are those that stand in the file, and anybody can make"
        " a key. Give the cards of all members that you have from them (--card), or compare the member ids.",
        "Wem die Schlüssel gehören, zu denen Sie keine Karte angegeben haben: die Namen sind die in der Datei, und"
        " einen Schlüssel kann jeder machen. Mit den Karten aller Mitglieder, die Sie von ihnen selbst haben (--card),"
        " oder am Vergleich der Mitgliedskennungen zeigt es sich.",
    )


def _names(manifest: Manifest) -> dict[str, str]:
    return {member.member_id: member.name for member in manifest.members}


def _moment(seconds: int) -> str:
    try:
        return timestamp(datetime.fromtimestamp(seconds, tz=UTC))
    except (OverflowError, OSError, ValueError):
        return "?"
