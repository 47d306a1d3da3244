"""Class, basis, region; and the words in consent, child and class cells, where a doubt always leaves the row out."""

from datetime import date, timedelta
from typing import get_args

import pytest

from node.agreement.terms import Basis, Purpose, RecordClass
from node.datasets import RECORD_CLASSES, Consent, Mapping, Terms
from node.datasets.terms import BASES, URGENT_DAYS, read_child, read_class, read_consent
from node.datasets.words import KIND_WORDS, PURPOSE_WORDS, RECEIVER_WORDS, fold
from node.errors import UserError
from node.identity.cards import MemberClass
from psi.identifiers import CATALOGUE
from tests.support.intake import PHONES, TODAY


def test_the_closed_lists_are_those_of_agreements():
    assert get_args(RecordClass) == RECORD_CLASSES
    assert get_args(Basis) == BASES
    assert set(RECEIVER_WORDS.values()) == {str(member) for member in MemberClass} - {"relay"}  # which receives nothing
    assert set(KIND_WORDS.values()) == set(CATALOGUE)
    assert set(PURPOSE_WORDS.values()) == set(get_args(Purpose))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("people",), "record class does not exist"),
        (("victim", "because"), "basis does not exist"),
        (("victim", "legal_duty"), "needs a reference"),
        (("victim", "legal_duty", "  "), "needs a reference"),
        (("victim", "consent", "Act 1"), "needs a reference"),
        (("victim", "legal_duty", "x" * 201), "too long"),
        (("victim", "legal_duty", "Act\n1"), "control characters"),
        (("victim", "consent", "", "Romania"), "not a country code"),
        (("victim", "consent", "", "ro"), "not a country code"),
        (("victim", "consent", "", "XX"), "not a country code"),
        (("victim", "consent", "", "RO", "0721123456"), "second person is not named"),
        (("victim", "consent", "", "RO", "Mira\nK"), "second person is not named"),
    ],
)
def test_terms_that_do_not_hold_together_are_refused(arguments, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        Terms(*arguments)
    assert caught.value.advice


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(
    ("terms", "columns", "sentence"),
    [
        (Terms("victim", region="RO"), {"tel": "phone"}, "No column is mapped to consent"),
        (Terms("victim", "legal_duty", "Act 1"), {"tel": "phone"}, "need a region"),
        (Terms("victim", "legal_duty", "Act 1"), {"m": "email", "u": "consent_until"}, "limits the consent"),
        (Terms("victim", "legal_duty", "Act 1"), {"m": "email", "u": "consent_receivers"}, "limits the consent"),
        (Terms("victim", "legal_duty", "Act 1"), {"m": "email", "u": "consent_purposes"}, "limits the consent"),
        (Terms("victim", "legal_duty", "Act 1"), {"m": "email", "u": "urgent_danger"}, "who is in urgent danger"),
    ],
)
def test_terms_that_do_not_fit_the_mapping_are_refused(terms, columns, sentence):
    with pytest.raises(UserError, match=sentence):
        terms.check(Mapping.of({"ref": "reference"} | columns))


def test_terms_that_fit():
    Terms("victim", "legal_duty", "Act 1", "RO").check(PHONES)
    Terms("victim").check(Mapping.of({"ref": "reference", "m": "email", "c": "consent"}))


YES = ["yes", "Yes", "YES!", "y", "ja", "Ja.", "da", "Да", "oui", "waar", "VRAI", "adevărat", "TRUE", "1", "wahr"]


@pytest.mark.parametrize("word", YES)
def test_yes_in_six_languages(word):
    assert read_consent({"consent": word}, TODAY) == Consent(given=True)


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize("word", ["no", "Nein", "nee", "non", "nu", "не", "FALSE", "0", "falsch", "faux", "fals", "n"])
def test_no_in_six_languages(word):
    assert read_consent({"consent": word}, TODAY) == "consent/no"


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(
    "word",
    [
        "x",
        "✓",
        "maybe",
        "yes?? ask again",
        "yes/no",
        "ja nein",
        "2",
        "-1",
        "ok",
        "JaNein",
        "yes no",
        "?",
        "⊠",
        "yes?",
        "(yes)",
        "yes-no",
        "no yes",
        "не знам",
    ],
)
def test_a_word_that_could_mean_anything_else_is_no_consent(word):
    assert read_consent({"consent": word}, TODAY) == "consent/unknown-word"


@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"consent": ""}, "consent/blank"),
        ({"consent": "yes", "consent_until": "2026-02-28"}, "consent/expired"),
        ({"consent": "yes", "consent_until": "31.12.2027"}, "consent/until-not-a-date"),
        ({"consent": "yes", "consent_until": "2027-02-30"}, "consent/until-not-a-date"),
        ({"consent": "yes", "consent_until": "forever"}, "consent/until-not-a-date"),
        ({"consent": "yes", "consent_kinds": "phone; shoe size"}, "consent/unknown-kind"),
        ({"consent": "yes", "consent_receivers": "-police"}, "consent/unknown-receiver"),
        ({"consent": "yes", "consent_receivers": "police?"}, "consent/unknown-receiver"),
        ({"consent": "yes", "consent_kinds": ";"}, "consent/unknown-kind"),
        ({"consent": "yes", "consent_receivers": "police, aliens"}, "consent/unknown-receiver"),
        ({"consent": "yes", "consent_purposes": "investigation"}, "consent/unknown-purpose"),
        ({"consent": "yes", "consent_purposes": "protection; anything"}, "consent/unknown-purpose"),
        ({"consent": "yes", "consent_purposes": ";"}, "consent/unknown-purpose"),
        (
            {"consent": "da", "consent_purposes": "protecție; căutarea persoanelor dispărute"},
            Consent(True, purposes=frozenset({"protect_victims", "find_missing_persons"})),
        ),
        ({"consent": "no", "consent_until": "nonsense"}, "consent/no"),
        ({"consent": "yes", "consent_until": "2026-03-01"}, Consent(True, until=date(2026, 3, 1))),
        ({"consent": "yes", "consent_until": "2027-01-01 00:00:00"}, Consent(True, until=date(2027, 1, 1))),
        ({"consent": "ja", "consent_kinds": "Telefon, Name"}, Consent(True, frozenset({"phone", "person"}))),
        ({"consent": "да", "consent_kinds": "име; имейл"}, Consent(True, frozenset({"person", "email"}))),
        (
            {"consent": "da", "consent_receivers": "poliția;ONG\nadăpost"},
            Consent(True, receivers=frozenset({"police", "ngo", "shelter"})),
        ),
        ({"consent": "yes", "consent_kinds": "", "consent_receivers": "", "consent_until": ""}, Consent(True)),
        ({}, Consent(True)),
    ],
)
def test_what_a_row_consents_to(cells, found):
    assert read_consent(cells, TODAY) == found


URGENT = Consent(True, until=TODAY + timedelta(days=URGENT_DAYS), urgent=True)


@pytest.mark.tm("TM-104")
@pytest.mark.tm("TM-80")
@pytest.mark.parametrize(
    ("cells", "second", "found"),
    [
        # nobody could ask: a blank answer, or one that has run out
        ({"consent": "", "urgent_danger": "yes"}, "Mira K", URGENT),
        ({"consent": "", "urgent_danger": "да"}, "Mira K", URGENT),
        ({"consent": "yes", "consent_until": "2026-02-28", "urgent_danger": "ja"}, "Mira K", URGENT),
        # one person is not enough
        ({"consent": "", "urgent_danger": "yes"}, "", "urgent/second-person-missing"),
        ({"consent": "yes", "consent_until": "2026-02-28", "urgent_danger": "oui"}, "", "urgent/second-person-missing"),
        # a no is never overruled, with or without a second person
        ({"consent": "no", "urgent_danger": "yes"}, "Mira K", "urgent/person-said-no"),
        ({"consent": "nein", "urgent_danger": "yes"}, "", "urgent/person-said-no"),
        # what nobody can read could be a no
        ({"consent": "refused", "urgent_danger": "yes"}, "Mira K", "consent/unknown-word"),
        ({"consent": "?", "urgent_danger": "yes"}, "Mira K", "consent/unknown-word"),
        ({"consent": "yes", "consent_until": "soon", "urgent_danger": "yes"}, "Mira K", "consent/until-not-a-date"),
        # no claim, no override
        ({"consent": "", "urgent_danger": ""}, "Mira K", "consent/blank"),
        ({"consent": "", "urgent_danger": "no"}, "Mira K", "consent/blank"),
        ({"consent": "no", "urgent_danger": "no"}, "Mira K", "consent/no"),
        ({"consent": "", "urgent_danger": "maybe"}, "Mira K", "urgent/unknown-word"),
        ({"consent": "", "urgent_danger": "x"}, "Mira K", "urgent/unknown-word"),
        # a consent that was given stands as it is
        ({"consent": "yes", "urgent_danger": "yes"}, "Mira K", Consent(True)),
        ({"consent": "yes", "urgent_danger": "maybe"}, "", Consent(True)),
        ({"consent": "yes", "consent_kinds": "phone", "urgent_danger": "yes"}, "", Consent(True, frozenset({"phone"}))),
        ({"consent": "yes", "consent_kinds": "shoes", "urgent_danger": "yes"}, "Mira K", "consent/unknown-kind"),
        # what the person limited in advance still holds
        (
            {"consent": "", "consent_receivers": "ngo; shelter", "urgent_danger": "yes"},
            "Mira K",
            Consent(True, None, frozenset({"ngo", "shelter"}), TODAY + timedelta(days=URGENT_DAYS), urgent=True),
        ),
        (
            {"consent": "", "consent_receivers": "not the police", "urgent_danger": "yes"},
            "Mira K",
            "consent/unknown-receiver",
        ),
    ],
)
def test_an_urgent_danger_stands_in_for_an_answer_that_nobody_could_get(cells, second, found):
    assert read_consent(cells, TODAY, urgent_second=second) == found


@pytest.mark.tm("TM-104")
def test_an_urgent_danger_ends_by_itself():
    urgent = read_consent({"consent": "", "urgent_danger": "yes"}, TODAY, urgent_second="Mira K")
    assert isinstance(urgent, Consent)
    assert urgent.covers("phone", "police", TODAY + timedelta(days=URGENT_DAYS))
    assert not urgent.covers("phone", "police", TODAY + timedelta(days=URGENT_DAYS + 1))
    assert Consent.from_dict(urgent.to_dict()) == urgent


@pytest.mark.parametrize("word", ["Notruf", "onderzoek", "recherche", "cercetare"])
def test_a_word_that_is_two_receivers_is_none(word):
    """An emergency call is also the police; research is also a criminal investigation."""
    assert read_consent({"consent": "yes", "consent_receivers": word}, TODAY) == "consent/unknown-receiver"


@pytest.mark.parametrize("word", ["Konto", "account", "cont", "compte", "Anzeige"])
def test_a_word_that_is_two_kinds_is_none(word):
    assert read_consent({"consent": "yes", "consent_kinds": word}, TODAY) == "consent/unknown-kind"


@pytest.mark.parametrize("table", [KIND_WORDS, RECEIVER_WORDS, PURPOSE_WORDS], ids=["kinds", "receivers", "purposes"])
def test_every_kind_and_every_receiver_can_be_named_by_its_own_name(table):
    for name in set(table.values()):
        assert table[fold(name)] == name


SCOPES = [
    ("Telefon; Ausweisnummer; Bankverbindung", "phone document iban"),
    ("număr de telefon, CNP, act de identitate", "phone national_id document"),
    ("телефонен номер; ЕГН; банкова сметка", "phone national_id iban"),
    ("telefoonnummer, BSN, kenteken", "phone national_id plate"),
    ("téléphone; pièce d'identité; adresse IP", "phone document ip_window"),
    ("phone; number plate; payment reference; wallet", "phone plate payment_ref wallet"),
]


@pytest.mark.parametrize(("text", "kinds"), SCOPES)
def test_kinds_in_six_languages(text, kinds):
    assert read_consent({"consent": "yes", "consent_kinds": text}, TODAY) == Consent(True, frozenset(kinds.split()))


AUDIENCES = [
    ("NRO; Frauenhaus; Arbeitsinspektion", "ngo shelter labour_inspectorate"),
    ("ONG, adăpost, inspecția muncii, parchet", "ngo shelter labour_inspectorate prosecutor"),
    ("НПО; приют; гореща линия; прокуратура", "ngo shelter hotline prosecutor"),
    ("opvang, politie, arbeidsinspectie", "shelter police labour_inspectorate"),
    ("ong; ligne d'écoute; parquet; organisation internationale", "ngo hotline prosecutor intergovernmental"),
    ("ngo; hotline; bank; platform; research; coordinator", "ngo hotline financial platform research coordinator"),
]


@pytest.mark.parametrize(("text", "receivers"), AUDIENCES)
def test_receivers_in_six_languages(text, receivers):
    found = read_consent({"consent": "yes", "consent_receivers": text}, TODAY)
    assert found == Consent(True, receivers=frozenset(receivers.split()))


@pytest.mark.tm("TM-81")
@pytest.mark.parametrize(
    ("consent", "asked", "answer"),
    [
        (Consent(), ("phone", "police", TODAY), False),
        (Consent(True), ("phone", "police", TODAY), True),
        (Consent(True, until=TODAY), ("phone", "police", TODAY), True),
        (Consent(True, until=TODAY), ("phone", "police", date(2026, 3, 2)), False),
        (Consent(True, frozenset({"phone"})), ("person", "police", TODAY), False),
        (Consent(True, frozenset({"phone"})), ("phone", "police", TODAY), True),
        (Consent(True, frozenset()), ("phone", "police", TODAY), False),
        (Consent(True, None, frozenset({"ngo"})), ("phone", "police", TODAY), False),
        (Consent(True, None, frozenset({"ngo"})), ("phone", "ngo", TODAY), True),
        (Consent(False, None, None, date(2099, 1, 1)), ("phone", "ngo", TODAY), False),
        (Consent(True, purposes=frozenset({"protect_victims"})), ("phone", "ngo", TODAY, "protect_victims"), True),
        (Consent(True, purposes=frozenset({"protect_victims"})), ("phone", "ngo", TODAY, "check_employers"), False),
        (Consent(True, purposes=frozenset({"protect_victims"})), ("phone", "ngo", TODAY), False),
        (Consent(True, purposes=frozenset()), ("phone", "ngo", TODAY, "protect_victims"), False),
        (Consent(True), ("phone", "ngo", TODAY, "check_employers"), True),
    ],
)
def test_a_consent_covers_exactly_what_it_says(consent, asked, answer):
    assert consent.covers(*asked) is answer
    assert Consent.from_dict(consent.to_dict()) == consent


@pytest.mark.tm("TM-82")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("yes", True), ("minor", True), ("Kind", True), ("дете", True), ("mineure", True), ("copil", True),
        ("no", False), ("adult", False), ("erwachsen", False), ("volwassen", False), ("пълнолетна", False),
        ("", "child/blank"), ("17", "child/unknown-word"), ("x", "child/unknown-word"), ("maybe", "child/unknown-word"),
    ],
)  # fmt: skip
def test_child_words(text, found):
    assert read_child(text) == found


@pytest.mark.parametrize(
    ("text", "record_class", "reason"),
    [
        ("victim", "victim", ""), ("Opfer", "victim", ""), ("жертва", "victim", ""), ("suspect", "mixed", ""),
        ("victim", "mixed", ""), ("suspect", "victim", "class/other"), ("victim", "suspect", "class/other"),
        ("contact", "mixed", "class/other"), ("mixed", "victim", "class/other"), ("", "victim", "class/blank"),
        ("witness", "victim", "class/unknown-word"), ("tip", "tip", ""), ("Hinweis", "tip", ""), ("сигнал", "tip", ""),
        ("Anzeige", "advert", "class/unknown-word"), ("Inserat", "advert", ""), ("tip", "contact", "class/other"),
    ],
)  # fmt: skip
def test_class_words(text, record_class, reason):
    assert read_class(text, record_class) == reason
