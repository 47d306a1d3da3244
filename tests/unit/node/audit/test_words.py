"""Every event has a sentence in both languages, whatever facts come with it, and no fact is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.audit import Event
from node.audit.sentences import FACT_WORDS, SENTENCES
from node.audit.words import LANGUAGES, Language, sentence
from node.facts import FACTS, Fact

VALUES: dict[str, Fact] = {
    "id": "4f20a91c" * 4,
    "member": "abcdefgh" * 4,
    "digest": "0123abcd" * 8,
    "word": "some-word",
    "label": "dora",
    "version": "0.1.0",
    "count": 12_345,
    "flag": True,
}
PART = re.compile(r"\[[^\[\]]*\]")
UNTOLD = {"dataset_id", "manifest_digest", "card_digest", "salt"}


@pytest.mark.tm("TM-220")
def test_every_event_and_every_fact_has_words_in_both_languages() -> None:
    assert {event.value for event in Event} == set(SENTENCES)
    assert set(FACTS) == set(FACT_WORDS)
    assert len(SENTENCES) >= 80


@pytest.mark.tm("TM-220")
@pytest.mark.parametrize("event", SENTENCES)
def test_a_sentence_stands_without_facts_and_both_languages_name_the_same(event: str) -> None:
    english, german = SENTENCES[event]
    assert english != german
    for template in (english, german):
        bare = PART.sub("", template)
        assert re.fullmatch(r"[^{}\[\]]+\.", bare), bare
        assert len(bare.split()) >= 3
    named = [set(re.findall(r"\{(\w+)\}", template)) for template in (english, german)]
    assert named[0] == named[1] <= set(FACTS)


@pytest.mark.tm("TM-220")
@given(
    st.sampled_from(sorted(SENTENCES)),
    st.sets(st.sampled_from(sorted(FACTS)), max_size=8),
    st.sampled_from(LANGUAGES),
)
def test_no_fact_is_lost_and_nothing_but_words_is_shown(event: str, named: set[str], language: Language) -> None:
    facts = {name: VALUES[FACTS[name]] for name in named}
    text = sentence(event, facts, language, {"abcdefgh" * 4: "Harbour House"})
    assert not set("{}[]") & set(text)
    shown = {
        "id": "4f20a91c",
        "member": "Harbour House",
        "digest": "0123abcd",
        "count": "12.345" if language == "de" else "12,345",
        "flag": "ja" if language == "de" else "yes",
    }
    for name in named - UNTOLD:
        assert shown.get(FACTS[name], str(VALUES[FACTS[name]])) in text, name


def test_an_event_of_a_later_version_is_told_by_its_name() -> None:
    text = sentence("moon-landed", {"records": 3, "unheard_of": "x"}, "de")
    assert text == "Moon-landed (Datensätze: 3; unheard of: x)."


def test_names_of_members_are_used_where_they_are_known() -> None:
    assert sentence("member-removed", {"member": "b" * 32, "by": "dora"}) == "Bbbbbbbb: the member was removed by dora."
    told = sentence("member-removed", {"member": "b" * 32}, "de", {"b" * 32: "Haus am Hafen"})
    assert told == "Haus am Hafen: das Mitglied wurde entfernt."
