"""What every event of the audit log means, in plain English and German: a table, read by `words`.

A part in square brackets stands there only if the entry has every fact that it names; outside of brackets there is no
fact, so that each sentence holds for any entry, also for one that another version wrote. What a template does not name
is told after it as a list. Keep the two languages saying the same: a test compares which facts they name.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["FACT_WORDS", "SENTENCES", "WORDS"]

SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # The node itself.
        "node-created": ("This node was created.", "Dieser Knoten wurde angelegt."),
        "node-started": (
            "The node was started[ (version {version})].",
            "Der Knoten wurde gestartet[ (Version {version})].",
        ),
        "node-stopped": ("The node was stopped.", "Der Knoten wurde beendet."),
        "node-restored": (
            "The node was restored from a backup[ by {by}][; its log then had {tree_size} entries]"
            "[, and {rounds} rounds were open].",
            "Der Knoten wurde aus einer Sicherung wiederhergestellt[, durch {by}][; sein Protokoll hatte damals"
            " {tree_size} Einträge][, und {rounds} Runden waren offen].",
        ),
        "node-upgraded": (
            "The database of the node was brought to the form of a newer version[: {version}].",
            "Die Datenbank des Knotens wurde in die Form einer neueren Version gebracht[: {version}].",
        ),
        "database-moved": (
            "The database of the node was moved to a server[ by {by}][: {rows} rows][, {tree_size} of them entries"
            " of this log].",
            "Die Datenbank des Knotens wurde auf einen Server umgezogen[, durch {by}][: {rows} Zeilen]"
            "[, davon {tree_size} Einträge dieses Protokolls].",
        ),
        "backup-made": ("A backup was made[ by {by}].", "Eine Sicherung wurde erstellt[, durch {by}]."),
        "passphrase-changed": (
            "The passphrase of the node was changed[ by {by}].",
            "Die Passphrase des Knotens wurde geändert[, durch {by}].",
        ),
        "key-split": (
            "The recovery key was split[ by {by}][ among {officers} officers][, of whom {needed} are needed].",
            "Der Wiederherstellungsschlüssel wurde geteilt[, durch {by}][, unter {officers} Personen]"
            "[, von denen {needed} nötig sind].",
        ),
        "key-recovered": (
            "The node was opened with the officers' shares of the recovery key[ by {by}].",
            "Der Knoten wurde mit den Teilen des Wiederherstellungsschlüssels geöffnet[, durch {by}].",
        ),
        "key-rotated": (
            "The keys of the node were renewed[ by {by}][: {state}].",
            "Die Schlüssel des Knotens wurden erneuert[, durch {by}][: {state}].",
        ),
        "staff-handover": (
            "The node was handed over[ from {leaving}][ to {joining}][, by {by}].",
            "Der Knoten wurde übergeben[, von {leaving}][ an {joining}][, durch {by}].",
        ),
        "settings-changed": (
            "The settings of the node changed[, set by {by}].",
            "Die Einstellungen des Knotens haben sich geändert[, gesetzt durch {by}].",
        ),
        "policy-changed": (
            "This node's own policy file changed[, set by {by}].",
            "Die eigene Regeldatei dieses Knotens hat sich geändert[, gesetzt durch {by}].",
        ),
        # People of this organisation.
        "staff-added": (
            "A person was registered to act here[ by {by}].",
            "Eine Person wurde als berechtigt eingetragen[, durch {by}].",
        ),
        "staff-removed": (
            "A person may no longer act here[; removed by {by}].",
            "Eine Person ist nicht mehr berechtigt[; ausgetragen durch {by}].",
        ),
        "staff-signed-in": (
            "A person[, {by},] proved who they are with their own passphrase.",
            "Eine Person[, {by},] hat sich mit ihrer eigenen Passphrase ausgewiesen.",
        ),
        "staff-refused": (
            "Somebody who wanted to act here[ as {by}] was refused[ ({reason})].",
            "Jemand, der hier[ als {by}] handeln wollte, wurde abgewiesen[ ({reason})].",
        ),
        "approval-asked": (
            "A second person's approval was asked for[ by {by}][: {kind}][, round {round_id}].",
            "Um die Zustimmung einer zweiten Person wurde gebeten[, durch {by}][: {kind}][, Runde {round_id}].",
        ),
        "approval-given": (
            "A second person[, {by},] approved[: {kind}][, round {round_id}].",
            "Eine zweite Person[, {by},] hat zugestimmt[: {kind}][, Runde {round_id}].",
        ),
        "approval-declined": (
            "A second person[, {by},] declined[: {kind}][, round {round_id}].",
            "Eine zweite Person[, {by},] hat abgelehnt[: {kind}][, Runde {round_id}].",
        ),
        "approval-overridden": (
            "URGENT: done without the second person[, by {by}][: {kind}][, round {round_id}]."
            " Somebody has to approve it afterwards.",
            "DRINGEND: ohne die zweite Person ausgeführt[, durch {by}][: {kind}][, Runde {round_id}]."
            " Jemand muss nachträglich zustimmen.",
        ),
        # Other members.
        "card-renewed": (
            "The card of this node was renewed[ by {by}].",
            "Die Karte dieses Knotens wurde erneuert[, durch {by}].",
        ),
        "member-added": (
            "The card of a member[, {member},] was taken in[ by {by}].",
            "Die Karte eines Mitglieds[, {member},] wurde aufgenommen[, durch {by}].",
        ),
        "member-confirmed": (
            "[{member}: ]the member was confirmed after its check words were compared[, by {by}].",
            "[{member}: ]das Mitglied wurde nach Vergleich der Prüfwörter bestätigt[, durch {by}].",
        ),
        "member-renewal-added": (
            "A newer card[ of {member}] was taken in[ by {by}].",
            "Eine neuere Karte[ von {member}] wurde aufgenommen[, durch {by}].",
        ),
        "member-renewed": (
            "The newer card[ of {member}] was accepted[ by {by}].",
            "Die neuere Karte[ von {member}] wurde angenommen[, durch {by}].",
        ),
        "member-removed": (
            "[{member}: ]the member was removed[ by {by}].",
            "[{member}: ]das Mitglied wurde entfernt[, durch {by}].",
        ),
        "member-left": (
            "[{member}: ]this organisation left the consortium with this member[, by {by}][; rounds there ever were"
            " with it: {rounds}][; of the end of {waiting} of them it has not heard yet].",
            "[{member}: ]diese Organisation verließ den Verbund mit diesem Mitglied[, durch {by}]"
            "[; Runden mit ihm insgesamt: {rounds}][; vom Ende von {waiting} davon hat es noch nichts gehört].",
        ),
        "member-reach-set": (
            "[{member}: ]how the member is reached was set[ to: {mode}][, by {by}].",
            "[{member}: ]der Weg zu diesem Mitglied wurde festgelegt[: {mode}][, durch {by}].",
        ),
        "member-children-set": (
            "[{member}: ]it was decided whether the member may take part in rounds about children[, by {by}].",
            "[{member}: ]es wurde entschieden, ob das Mitglied an Runden über Kinder teilnehmen darf[, durch {by}].",
        ),
        "member-frozen": (
            "[{member}: ]the member was frozen[ by {by}]; no round with it goes on until two people decide.",
            "[{member}: ]das Mitglied wurde gesperrt[, durch {by}]; keine Runde mit ihm geht weiter, bis zwei Personen"
            " entscheiden.",
        ),
        "member-unfrozen": (
            "[{member}: ]the member was unfrozen[ by {by}][ and {second}].",
            "[{member}: ]die Sperre des Mitglieds wurde aufgehoben[, durch {by}][ und {second}].",
        ),
        # Own records.
        "dataset-added": (
            "A data set was added[ by {by}][: {rows} rows read][, {usable} usable][, {refused} left out].",
            "Ein Datenbestand wurde angelegt[, durch {by}][: {rows} Zeilen gelesen][, {usable} brauchbar]"
            "[, {refused} ausgelassen].",
        ),
        "dataset-refreshed": (
            "A data set was refreshed[ by {by}][: {rows} rows read][, {usable} usable][, {refused} left out]"
            "[; {withdrawn} records were withdrawn since].",
            "Ein Datenbestand wurde aufgefrischt[, durch {by}][: {rows} Zeilen gelesen][, {usable} brauchbar]"
            "[, {refused} ausgelassen][; {withdrawn} Datensätze seither zurückgezogen].",
        ),
        "dataset-removed": (
            "A data set was removed[ by {by}][; it had {usable} usable records].",
            "Ein Datenbestand wurde entfernt[, durch {by}][; er hatte {usable} brauchbare Datensätze].",
        ),
        "stop-list-changed": (
            "A stop-list of own contacts was changed[ by {by}][: {entries} entries {state}].",
            "Eine Ausschlussliste eigener Kontakte wurde geändert[, durch {by}][: {entries} Einträge, {state}].",
        ),
        "stop-list-read": (
            "A stop-list was read[ by {by}][: {entries} entries].",
            "Eine Ausschlussliste wurde gelesen[, durch {by}][: {entries} Einträge].",
        ),
        "consent-withdrawn": (
            "Consent was withdrawn[ for {records} records][; entered by {by}]. From then on they take part in nothing.",
            "Einwilligung wurde zurückgezogen[, für {records} Datensätze][; eingetragen durch {by}]."
            " Ab da nehmen sie an nichts mehr teil.",
        ),
        "records-withheld": (
            "Records[, {records} of them,] were kept from one member[: {member}][, by {by}]."
            " That member does not see it.",
            "Datensätze[, {records} davon,] wurden einem Mitglied vorenthalten[: {member}][, durch {by}]."
            " Dieses Mitglied sieht das nicht.",
        ),
        "record-erased": (
            "A record was erased at a person's request[, by {by}][ and {second}].",
            "Ein Datensatz wurde auf Verlangen einer Person gelöscht[, durch {by}][ und {second}].",
        ),
        "results-erased": (
            "The results[ of round {round_id}] were deleted, as the agreement says.",
            "Die Ergebnisse[ der Runde {round_id}] wurden gelöscht, wie vereinbart.",
        ),
        # The agreement of a round.
        "round-proposed": (
            "The round[ {round_id}] was proposed to its members[ by {by}].",
            "Die Runde[ {round_id}] wurde ihren Mitgliedern vorgeschlagen[, durch {by}].",
        ),
        "round-received": (
            "The round[ {round_id}] was proposed to this node[ by {peer}].",
            "Die Runde[ {round_id}] wurde diesem Knoten vorgeschlagen[, von {peer}].",
        ),
        "round-signed": (
            "The agreement[ of round {round_id}] was signed[ for {member}][, by {by}].",
            "Die Vereinbarung[ der Runde {round_id}] wurde unterschrieben[ für {member}][, durch {by}].",
        ),
        "round-refused": (
            "The round[ {round_id}] was refused[ for {member}][, by {by}].",
            "Die Runde[ {round_id}] wurde abgelehnt[ für {member}][, durch {by}].",
        ),
        "round-started": (
            "The convener[ ({peer})] started the round[ {round_id}][, by {by}].",
            "Der Einberufer[ ({peer})] hat die Runde[ {round_id}] gestartet[, durch {by}].",
        ),
        "policy-refused": (
            "The rules of this node refused the round[ {round_id}][; {by} had wanted to sign it][ ({rule})].",
            "Die Regeln dieses Knotens haben die Runde[ {round_id}] abgelehnt[; {by} wollte sie unterschreiben]"
            "[ ({rule})].",
        ),
        # What happens in a round.
        "list-committed": (
            "The list[ of round {round_id}][ for {peer}] was made[: {records} records take part]"
            "[, hidden among {elements} elements].",
            "Die Liste[ der Runde {round_id}][ für {peer}] wurde erstellt[: {records} Datensätze nehmen teil]"
            "[, verborgen unter {elements} Elementen].",
        ),
        "list-refused": (
            "The own list[ of round {round_id}] was refused here before anything left[: {code}].",
            "Die eigene Liste[ der Runde {round_id}] wurde hier abgelehnt, bevor etwas hinausging[: {code}].",
        ),
        "records-exposed-again": (
            "Own records[ in round {round_id}: {records} of them] had been shown[ to {peer}] before.",
            "Eigene Datensätze[ in der Runde {round_id}: {records} davon] waren schon früher[ bei {peer}] dabei.",
        ),
        "budget-charged": (
            "The budget[ of {peer}] was charged[ with {elements} elements][ for round {round_id}].",
            "Das Budget[ von {peer}] wurde belastet[ mit {elements} Elementen][ für die Runde {round_id}].",
        ),
        "answer-sent": (
            "The answer[ to the {elements} elements][ of {peer}][ in round {round_id}] was given.",
            "Die Antwort[ auf die {elements} Elemente][ von {peer}][ in der Runde {round_id}] wurde gegeben.",
        ),
        "overlap-learned": (
            "This node learned which of its own records agree[ with {peer}][ in round {round_id}][: {hits}].",
            "Dieser Knoten hat erfahren, welche seiner Datensätze übereinstimmen[ mit {peer}][ in der Runde {round_id}]"
            "[: {hits}].",
        ),
        "count-sent": (
            "A number of agreeing records was told[ to {peer}][ in round {round_id}], as agreed.",
            "Eine Anzahl übereinstimmender Datensätze wurde mitgeteilt[, an {peer}][, in der Runde {round_id}],"
            " wie vereinbart.",
        ),
        "count-received": (
            "A number of agreeing records was received[ from {peer}][ in round {round_id}].",
            "Eine Anzahl übereinstimmender Datensätze wurde empfangen[, von {peer}][, in der Runde {round_id}].",
        ),
        "release-decided": (
            "It was decided[ by {by}] what is released[ in round {round_id}][: {released} records are released]"
            "[, {withheld} are not].",
            "Es wurde entschieden[, durch {by},] was freigegeben wird[ in der Runde {round_id}]"
            "[: {released} Datensätze freigegeben][, {withheld} nicht].",
        ),
        "release-sent": (
            "What was released[ in round {round_id}] was sent[ to {peer}][: {elements} elements].",
            "Das Freigegebene[ der Runde {round_id}] wurde gesendet[ an {peer}][: {elements} Elemente].",
        ),
        "release-received": (
            "What was released[ in round {round_id}] was received[ from {peer}].",
            "Das Freigegebene[ der Runde {round_id}] wurde empfangen[, von {peer}].",
        ),
        "round-closed": (
            "The round[ {round_id}] was closed[ with {peer}][; digest of the whole conversation {digest}].",
            "Die Runde[ {round_id}] wurde geschlossen[ mit {peer}][; Prüfsumme des ganzen Gesprächs {digest}].",
        ),
        "round-failed": (
            "The round[ {round_id}][ with {peer}] failed; nothing more is released[ (reason: {code})].",
            "Die Runde[ {round_id}][ mit {peer}] ist gescheitert; nichts mehr wird freigegeben[ (Grund: {code})].",
        ),
        "round-cancelled": (
            "The round[ {round_id}] was called off[ by {by}][ by {peer}].",
            "Die Runde[ {round_id}] wurde abgesagt[, durch {by}][, von {peer}].",
        ),
        "tripwire-hit": (
            "A decoy was hit[ in round {round_id}][ with {peer}]: a reason to stop and ask, not a proof."
            " Nothing more was released.",
            "Ein Köder wurde getroffen[ in der Runde {round_id}][ mit {peer}]: ein Grund anzuhalten und zu fragen,"
            " kein Beweis. Danach wurde nichts mehr freigegeben.",
        ),
        "peer-blamed": (
            "The other side[ ({peer})] sent something that breaks the rules of the protocol[ in round {round_id}]"
            "[ ({code})].",
            "Die andere Seite[ ({peer})] sandte etwas, das die Regeln des Verfahrens verletzt[ in der Runde {round_id}]"
            "[ ({code})].",
        ),
        "call-refused": (
            "A call[ of {peer}] was refused at the door[ ({code})].",
            "Ein Anruf[ von {peer}] wurde an der Tür abgewiesen[ ({code})].",
        ),
        # Budgets.
        "grant-asked": (
            "More budget was asked for[ by {by}][, for {peer}][: {elements} elements][ for {days} days].",
            "Mehr Budget wurde beantragt[, durch {by}][, für {peer}][: {elements} Elemente][ für {days} Tage].",
        ),
        "grant-approved": (
            "More budget[ for {peer}] was approved[ by {by}][: {elements} elements][ for {days} days].",
            "Mehr Budget[ für {peer}] wurde genehmigt[, durch {by}][: {elements} Elemente][ für {days} Tage].",
        ),
        "grant-revoked": (
            "More budget[ for {peer}] was taken back[ by {by}][: {elements} elements].",
            "Mehr Budget[ für {peer}] wurde zurückgenommen[, durch {by}][: {elements} Elemente].",
        ),
        # Leads.
        "results-read": (
            "The results[ of round {round_id}] were read[ by {by}][: {hits} leads].",
            "Die Ergebnisse[ der Runde {round_id}] wurden gelesen[, durch {by}][: {hits} Hinweise].",
        ),
        "lead-reviewed": (
            "A lead[ of round {round_id}] was reviewed[ by {by}][: {verdict}].",
            "Ein Hinweis[ der Runde {round_id}] wurde geprüft[, durch {by}][: {verdict}].",
        ),
        "feedback-sent": (
            "How a lead[ of round {round_id}] was judged was told[ to {peer}], without data.",
            "Wie ein Hinweis[ der Runde {round_id}] beurteilt wurde, wurde mitgeteilt[, an {peer}], ohne Daten.",
        ),
        "feedback-received": (
            "How a lead[ of round {round_id}] was judged was received[ from {peer}].",
            "Wie ein Hinweis[ der Runde {round_id}] beurteilt wurde, wurde empfangen[, von {peer}].",
        ),
        "different-noted": (
            "Two records are known to be different people[; noted by {by}].",
            "Zwei Datensätze sind bekanntlich verschiedene Personen[; vermerkt durch {by}].",
        ),
        "contact-offered": (
            "The contact card of the desk was offered for a lead[ of round {round_id}][ to {peer}][, by {by}].",
            "Die Kontaktkarte der Stelle wurde angeboten für einen Hinweis[ der Runde {round_id}][, an {peer}]"
            "[, durch {by}].",
        ),
        "contact-given": (
            "Both sides had offered: the contact card was given for a lead[ of round {round_id}][ to {peer}].",
            "Beide Seiten hatten angeboten: die Kontaktkarte wurde gegeben für einen Hinweis[ der Runde {round_id}]"
            "[, an {peer}].",
        ),
        "contact-received": (
            "A contact card was received for a lead[ of round {round_id}][ from {peer}].",
            "Eine Kontaktkarte wurde empfangen für einen Hinweis[ der Runde {round_id}][, von {peer}].",
        ),
        "contact-withdrawn": (
            "The offer of a contact card was taken back[ in round {round_id}][, by {by}].",
            "Das Angebot einer Kontaktkarte wurde zurückgenommen[ in der Runde {round_id}][, durch {by}].",
        ),
        # The log itself.
        "checkpoint-cosigned": (
            "This node signed where the log[ of {peer}] stands[ ({tree_size} entries)].",
            "Dieser Knoten hat gegengezeichnet, wo das Protokoll[ von {peer}] steht[ ({tree_size} Einträge)].",
        ),
        "cosignature-received": (
            "The other side[ ({peer})] signed where this log stands[ ({tree_size} entries)][, round {round_id}].",
            "Die andere Seite[ ({peer})] hat gegengezeichnet, wo dieses Protokoll steht[ ({tree_size} Einträge)]"
            "[, Runde {round_id}].",
        ),
        "cosignature-refused": (
            "What another member[ ({peer})] showed of its log, or signed of this one, was refused[ ({code})].",
            "Was ein anderes Mitglied[ ({peer})] von seinem Protokoll zeigte oder an diesem gegenzeichnete,"
            " wurde abgewiesen[ ({code})].",
        ),
        "checkpoint-stamped": (
            "An authority's time-stamp over this log[, over its first {tree_size} entries,] was checked[ by {by}].",
            "Der Zeitstempel einer Stelle über dieses Protokoll[, die ersten {tree_size} Einträge,] wurde geprüft"
            "[, durch {by}].",
        ),
        "audit-read": (
            "This log was read[ by {by}][: {entries} entries shown].",
            "Dieses Protokoll wurde gelesen[, durch {by}][: {entries} Einträge gezeigt].",
        ),
        "audit-exported": (
            "This log was exported[ by {by}][: {entries} entries].",
            "Dieses Protokoll wurde ausgegeben[, durch {by}][: {entries} Einträge].",
        ),
        "audit-reconciled": (
            "This log was compared with that of another member[, {peer}][; done by {by}].",
            "Dieses Protokoll wurde mit dem eines anderen Mitglieds verglichen[, {peer}][; durch {by}].",
        ),
        "certificate-made": (
            "A certificate[ of round {round_id}] was made[ by {by}][ (about: {kind})].",
            "Eine Bescheinigung[ zur Runde {round_id}] wurde ausgestellt[, durch {by}][ (über: {kind})].",
        ),
        "report-made": (
            "A report was made[ by {by}][ (about: {kind})].",
            "Ein Bericht wurde erstellt[, durch {by}][ (über: {kind})].",
        ),
    }
)
"""Event -> (English, German)."""

FACT_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "round_id": ("round", "Runde"),
        "dataset_id": ("data set", "Datenbestand"),
        "member": ("member", "Mitglied"),
        "peer": ("other side", "andere Seite"),
        "by": ("by", "durch"),
        "second": ("second person", "zweite Person"),
        "leaving": ("leaving", "geht"),
        "joining": ("joining", "kommt"),
        "manifest_digest": ("digest of the agreement", "Prüfsumme der Vereinbarung"),
        "card_digest": ("digest of the card", "Prüfsumme der Karte"),
        "digest": ("digest", "Prüfsumme"),
        "code": ("reason", "Grund"),
        "rule": ("rule", "Regel"),
        "reason": ("reason", "Grund"),
        "kind": ("about", "über"),
        "mode": ("mode", "Art"),
        "direction": ("direction", "Richtung"),
        "leg": ("leg", "Abschnitt"),
        "state": ("state", "Stand"),
        "verdict": ("verdict", "Urteil"),
        "moment": ("moment", "Zeitpunkt"),
        "method": ("call", "Aufruf"),
        "operation": ("command", "Befehl"),
        "position": ("position", "Stelle"),
        "version": ("version", "Version"),
        "records": ("records", "Datensätze"),
        "usable": ("usable", "brauchbar"),
        "refused": ("refused", "abgelehnt"),
        "rows": ("rows", "Zeilen"),
        "elements": ("elements", "Elemente"),
        "size_class": ("size class", "Größenklasse"),
        "budget_left": ("budget left", "Budget übrig"),
        "hits": ("hits", "Treffer"),
        "released": ("released", "freigegeben"),
        "withheld": ("not released", "nicht freigegeben"),
        "entries": ("entries", "Einträge"),
        "tree_size": ("entries of the log", "Einträge des Protokolls"),
        "chunks": ("chunks", "Teile"),
        "sequence": ("number", "Nummer"),
        "days": ("days", "Tage"),
        "key_number": ("number of the key", "Nummer des Schlüssels"),
        "dropped": ("not told", "nicht genannt"),
        "urgent": ("in urgent danger", "in dringender Gefahr"),
        "taken_over": ("unchanged", "unverändert"),
        "gone": ("gone", "weggefallen"),
        "withdrawn": ("withdrawn", "zurückgezogen"),
        "rounds": ("rounds", "Runden"),
        "port": ("port", "Port"),
        "waiting": ("waiting", "wartend"),
        "stored": ("stored", "gespeichert"),
        "taken": ("taken", "abgeholt"),
        "expired": ("expired", "abgelaufen"),
        "needed": ("needed", "nötig"),
        "officers": ("officers", "Personen"),
        "ok": ("in order", "in Ordnung"),
        "resumed": ("resumed", "fortgesetzt"),
        "declared": ("declared", "erklärt"),
        "salt": ("salt", "Zufallswert"),
    }
)
"""Fact -> (English, German), for what a sentence does not name."""

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # What waited for a second person.
        "round-sign": ("signing a round", "eine Runde unterschreiben"),
        "budget-settings": ("larger budgets", "größere Budgets"),
        "grant": ("more budget for a member", "mehr Budget für ein Mitglied"),
        "unfreeze": ("going on with a frozen member", "mit einem gesperrten Mitglied weitermachen"),
        "children-member": ("a member in rounds about children", "ein Mitglied in Runden über Kinder"),
        "staff": ("a person who acts here", "eine Person, die hier handelt"),
        "erase": ("erasing a record", "einen Datensatz löschen"),
        "urgent-rows": ("rows in urgent danger", "Zeilen in dringender Gefahr"),
        # What was said of a lead.
        "confirmed": ("confirmed", "bestätigt"),
        "rejected": ("rejected", "verworfen"),
        "disputed": ("disputed", "umstritten"),
        "duplicate": ("duplicate", "doppelt"),
        "withdrawn": ("withdrawn", "zurückgezogen"),
        "follow-up": ("follow-up", "Wiedervorlage"),
        # When, and in which state.
        "open": ("at the beginning", "am Anfang"),
        "close": ("at the end", "am Ende"),
        "added": ("added", "hinzugefügt"),
        "removed": ("removed", "entfernt"),
        "readmitted": ("readmitted", "wieder zugelassen"),
        "active": ("active", "aktiv"),
        "waiting": ("waiting", "wartend"),
        "round": ("a round", "eine Runde"),
        "lead": ("a lead", "einen Hinweis"),
        "person": ("a person", "eine Person"),
        "period": ("a period", "einen Zeitraum"),
        "settings": ("settings", "Einstellungen"),
    }
)
"""Word of a fact -> (English, German), as people read it; other words stand as they are."""
