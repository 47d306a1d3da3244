"""Words of the closed lists of an agreement and of a person's record, in English and German, for reports."""

from collections.abc import Mapping
from types import MappingProxyType

from node.audit.words import LANGUAGES, Language

__all__ = ["WORDS", "in_words"]

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # purposes
        "protect_victims": ("protect victims", "Opfer schützen"),
        "find_missing_persons": ("find missing persons", "Vermisste finden"),
        "deconflict_cases": ("deconflict cases", "Fälle abstimmen"),
        "find_recurring_contacts": ("find recurring contacts", "wiederkehrende Kontakte finden"),
        "check_employers": ("check employers", "Arbeitgeber prüfen"),
        "count_without_duplicates": ("count without duplicates", "ohne Doppelzählung zählen"),
        # legal bases and record classes
        "consent": ("consent", "Einwilligung"),
        "legal_duty": ("legal duty", "gesetzliche Pflicht"),
        "victim": ("victims", "Opfer"),
        "missing": ("missing persons", "Vermisste"),
        "suspect": ("suspects", "Verdächtige"),
        "mixed": ("victims and suspects", "Opfer und Verdächtige"),
        "advert": ("adverts", "Anzeigen"),
        "contact": ("contacts", "Kontakte"),
        "employer": ("employers", "Arbeitgeber"),
        "tip": ("tips", "Meldungen"),
        # states of a round
        "proposed": ("proposed", "vorgeschlagen"),
        "agreed": ("agreed", "vereinbart"),
        "preparing": ("being prepared", "in Vorbereitung"),
        "running": ("running", "im Gang"),
        "deciding": ("waiting for a decision", "wartet auf eine Entscheidung"),
        "finished": ("finished", "abgeschlossen"),
        "failed": ("failed", "gescheitert"),
        "refused": ("refused", "abgelehnt"),
        "cancelled": ("called off", "abgesagt"),
        # leads
        "lead": ("a lead, not decided yet", "ein Hinweis, noch nicht entschieden"),
        "released": ("released to the other side", "an die andere Seite freigegeben"),
        "withheld": ("not released", "nicht freigegeben"),
        "confirmed": ("confirmed", "bestätigt"),
        "rejected": ("rejected", "verworfen"),
        "disputed": ("disputed", "bestritten"),
        "duplicate": ("a duplicate", "ein Doppel"),
        "withdrawn": ("withdrawn", "zurückgezogen"),
        "follow-up": ("to be followed up", "zur Wiedervorlage"),
    }
)
"""Word of a closed list -> (English, German)."""


def in_words(word: str, language: Language) -> str:
    """The word as people say it; one that is not in the table as it stands, with blanks."""
    found = WORDS.get(word)
    return word.replace("_", " ") if found is None else found[LANGUAGES.index(language)]
