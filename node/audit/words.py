"""Entries of the audit log as sentences, in English or German: what a compliance officer reads.

    sentence(event, facts, language, names) -> "The agreement of round 4f20a91c was signed for Shelter, by anna."

`names` maps member ids to what people call them; ids, rounds and digests are shown by their beginning. Nothing is left
out: a fact that the sentence does not name follows in brackets. The words of others (names) are data here, and whoever
prints them makes them harmless.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

from node.audit.sentences import FACT_WORDS, SENTENCES, WORDS
from node.facts import FACTS, Fact

__all__ = ["LANGUAGES", "Language", "chooser", "number", "sentence", "short"]

Language = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = ("en", "de")

SHOWN_CHARACTERS = 8
"""Of a round's id, a member's id without a name, or a digest, in characters."""

_PART = re.compile(r"\[([^\[\]]*)\]")
_FACT = re.compile(r"\{(\w+)\}")
_UNTOLD = frozenset({"dataset_id", "manifest_digest", "card_digest", "salt"})
"""Facts that say nothing to a reader: `--json` and an export have them."""


def chooser(language: Language) -> Callable[[str, str], str]:
    """`say(english, german)`: both languages stand where a sentence is made, and one of them is said."""
    place = LANGUAGES.index(language)
    return lambda english, german: (english, german)[place]


def number(value: int, language: Language) -> str:
    """A count as people write it: 1,234 or 1.234."""
    text = f"{value:,}"
    return text.replace(",", ".") if language == "de" else text


def short(text: str) -> str:
    """The beginning of an id."""
    return text[:SHOWN_CHARACTERS]


def sentence(
    event: str, facts: Mapping[str, Fact], language: Language = "en", names: Mapping[str, str] | None = None
) -> str:
    """One sentence for an entry. An event that this version does not know is told by its name."""
    place = LANGUAGES.index(language)
    template = SENTENCES.get(event, (f"{event}.", f"{event}."))[place]
    told: set[str] = set()

    def part(found: re.Match[str]) -> str:
        wanted = _FACT.findall(found[1])
        if any(name not in facts for name in wanted):
            return ""
        told.update(wanted)
        return _FACT.sub(lambda fact: _shown(fact[1], facts[fact[1]], language, names or {}), found[1])

    text = _PART.sub(part, template)
    text = text[:1].upper() + text[1:]
    rest = [name for name in sorted(facts) if name not in told | _UNTOLD]
    if not rest:
        return text
    said = [f"{_label(name, place)}: {_shown(name, facts[name], language, names or {})}" for name in rest]
    return f"{text[:-1]} ({'; '.join(said)})." if text.endswith(".") else f"{text} ({'; '.join(said)})"


def _label(name: str, place: int) -> str:
    return FACT_WORDS.get(name, (name.replace("_", " "),) * 2)[place]


def _shown(name: str, value: Fact, language: Language, names: Mapping[str, str]) -> str:
    return _SHAPES.get(FACTS.get(name, ""), _as_it_is)(value, language, names)


def _as_it_is(value: Fact, language: Language, _names: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return {"en": ("no", "yes"), "de": ("nein", "ja")}[language][value]
    return str(value)


def _word(value: Fact, language: Language, names: Mapping[str, str]) -> str:
    known = WORDS.get(value) if isinstance(value, str) else None
    return known[LANGUAGES.index(language)] if known else _as_it_is(value, language, names)


def _id(value: Fact, _language: Language, _names: Mapping[str, str]) -> str:
    return short(str(value))


def _member(value: Fact, _language: Language, names: Mapping[str, str]) -> str:
    return names.get(str(value)) or short(str(value))


def _count(value: Fact, language: Language, names: Mapping[str, str]) -> str:
    plain = isinstance(value, int) and not isinstance(value, bool)
    return number(int(value), language) if plain else _as_it_is(value, language, names)


_SHAPES: Mapping[str, Callable[[Fact, Language, Mapping[str, str]], str]] = {
    "id": _id,
    "digest": _id,
    "member": _member,
    "count": _count,
    "word": _word,
}
