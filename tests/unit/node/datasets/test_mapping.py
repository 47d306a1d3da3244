"""Mappings: what is proposed, what is refused and in which words, what is remembered."""

import json

import pytest

from node.datasets import Mapping, suggest
from node.datasets.header_words import FORBIDDEN_PARTS, FORBIDDEN_WORDS, HEADER_WORDS
from node.datasets.mapping import IDENTIFIER_ROLES, ROLES, fingerprint
from node.datasets.roles import read_role
from node.errors import UserError
from psi.identifiers import FORBIDDEN
from tests.support.intake import PHONES, make_book


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("Case number|First name|Surname|Phone|E-mail|Consent", "reference given_name family_name phone email consent"),
        ("Aktenzeichen|Vorname|Nachname|Geburtsdatum|Handy", "reference given_name family_name birth_date phone"),
        (
            "Nr. dosar|Prenume|Nume de familie|Data nașterii|Telefon",
            "reference given_name family_name birth_date phone",
        ),
        ("Номер|Име|Фамилия|Дата на раждане|Телефон", "reference given_name family_name birth_date phone"),
        ("Zaaknummer|Voornaam|Achternaam|Geboortedatum|GSM", "reference given_name family_name birth_date phone"),
        ("N° dossier|Prénom|Nom de famille|Né le|Téléphone", "reference given_name family_name birth_date phone"),
        (
            "ref|Phone 1|Phone 2|phone (mother)|Telegram|Instagram",
            "reference phone phone phone handle:telegram handle:instagram",
        ),
        ("ref|ref no|Name|Full name", "reference - full_name -"),
        ("ref|Phone|Phone", "reference - -"),
        ("ref|Notes|Religion|HIV status", "reference - - -"),
        ("Vorgang|Name|Vorname|Geb.-Datum", "reference family_name given_name birth_date"),
        ("Az.|Vorname|Name|geb.", "reference given_name family_name birth_date"),
        ("Fall|Name|Vorname|Nachname|geboren am", "reference full_name given_name family_name birth_date"),
        ("Nr. dosar|Nume|Prenume|Născut(ă) la", "reference family_name given_name birth_date"),
        ("Дело №|Име|Фамилия|Рождена дата", "reference given_name family_name birth_date"),
        ("Zaaknr.|Naam|Voornaam|Geboren op", "reference family_name given_name birth_date"),
        ("Réf.|Nom|Prénom|Né(e) le", "reference family_name given_name birth_date"),
        ("Our ref.|Name|First name|D.O.B.", "reference family_name given_name birth_date"),
        ("Geburtsort|Geburtsname|Geburtsland", "birth_place - -"),
        ("birth_place|consent_until|handle:telegram", "birth_place consent_until handle:telegram"),
    ],
)
def test_header_words_propose_roles(header, roles):
    names = header.split("|")
    found = suggest(names)
    assert [found.get(name, "-") for name in names] == roles.split()


def test_every_word_leads_to_a_role_or_to_a_reason():
    assert all((role := read_role(text)) is not None and role.text == text for text in HEADER_WORDS.values())
    assert set(FORBIDDEN_WORDS.values()) | set(FORBIDDEN_PARTS.values()) <= set(FORBIDDEN)
    assert not set(HEADER_WORDS) & (set(FORBIDDEN_WORDS) | set(FORBIDDEN_PARTS))
    assert {"phone", "email", "handle", "handle:telegram"} <= set(IDENTIFIER_ROLES)
    # Every role that can stand without a choice of country or calendar has words.
    wordless = {role for role in ROLES if ":" not in role} - set(HEADER_WORDS.values()) - {"ignore"}
    assert wordless == set()


REFUSED = [
    ({}, "No column is mapped to reference"),
    ({"ref": "reference"}, "nothing|anything that could be compared"),
    ({"ref": "reference", "c": "consent", "k": "child"}, "anything that could be compared"),
    ({"tel": "phone"}, "No column is mapped to reference"),
    ({"a": "reference", "b": "reference", "tel": "phone"}, '"a" and "b" are both mapped to reference'),
    ({"ref": "reference", "a": "birth_date", "b": "birth_date"}, "both mapped to birth_date"),
    ({"ref": "reference", "tel": "fone"}, 'column "tel" is mapped to a role that does not exist'),
    ({"ref": "reference", "tel": "handle:myspace"}, "role that does not exist"),
    ({"ref": "reference", "x": "person"}, "role that does not exist"),
    ({"ref": "reference", "x": "document:XQ"}, "role that does not exist"),
    ({"ref": "reference", "x": "phone:RO"}, "role that does not exist"),
    ({"ref": "reference", "x": "birth_date:julian"}, "role that does not exist"),
    ({"ref": "reference", "x": "document_issuer"}, "anything that could be compared"),
    (
        {"ref": "reference", "t": "phone", "x": "document_issuer"},
        'column "x" is mapped to document_issuer, but no column',
    ),
    ({"ref": "reference", "t": "document:RO", "x": "document_issuer"}, "no column is mapped to document"),
    (
        {"ref": "reference", "d": "document", "x": "document_issuer", "y": "document_issuer"},
        "both mapped to document_is",
    ),
    ({"ref": "reference", "a": "birth_date", "b": "birth_date:hijri"}, '"a" and "b" are both mapped to birth_date'),
    ({"ref": "reference", "a": "urgent_danger", "b": "urgent_danger", "t": "phone"}, "both mapped to urgent_danger"),
    ({"ref": "reference", "t": "phone", "HIV test 2": "alias"}, "about health"),
    ({"ref": "reference", "tel": "phone", "x": "religion"}, "about religion, which is refused"),
    ({"ref": "reference", "tel": "phone", "x": "password"}, "about password, which is refused"),
    ({"ref": "reference", "Religion": "handle"}, 'column "Religion" is about religion'),
    ({"ref": "reference", "Diagnose": "region"}, "about health"),
    ({"ref": "reference", "Бележки": "handle"}, "about free text"),
    ({"ref": "reference", "Face": "handle"}, "about face template"),
    ({"ref": "reference", "  ": "phone"}, "needs a name"),
    ({"ref": "reference", "x" * 201: "phone"}, "needs a name"),
    ({"ref": "reference", "tel": "phone"} | {str(i): "ignore" for i in range(200)}, "not a list of column names"),
    ({"ref": "reference", "tel": 5}, "not a list of column names"),
]


@pytest.mark.parametrize(("columns", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_a_mapping_that_cannot_be_is_refused(columns, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        Mapping.of(columns)
    assert caught.value.advice


def test_a_wrong_role_gets_the_closest_one():
    with pytest.raises(UserError) as caught:
        Mapping.of({"ref": "reference", "tel": "fone"})
    assert caught.value.advice.startswith("Did you mean phone? ")
    assert "--help" in caught.value.advice


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"columns": 1}', b'{"columns": {}, "x": 1}', b"\xff", b"[" * 100_000, b'{"columns": []}'],
)
def test_what_is_no_mapping_file_is_refused(data):
    with pytest.raises(UserError, match="mapping"):
        Mapping.parse(data)


def test_json_is_canonical_and_comes_back():
    one = Mapping.of({"tel": "phone", "ref": "reference"})
    assert one.canonical() == PHONES.canonical()
    assert Mapping.parse(one.canonical()) == one
    assert json.loads(one.canonical()) == {"columns": {"ref": "reference", "tel": "phone"}}


def test_a_column_that_is_missing_is_named_with_the_closest_there_is():
    with pytest.raises(UserError, match='no column "tel"') as caught:
        PHONES.bind(["Ref", "Telf", "x"])
    assert 'closest is "Telf"' in caught.value.advice


def test_nothing_of_the_header_is_shown_when_nothing_is_close():
    # A file without a header row has a person in its first row.
    with pytest.raises(UserError) as caught:
        PHONES.bind(["ref", "Canarynamova", "0721555777"])
    assert "Canary" not in caught.value.diagnostics()
    assert "0721" not in caught.value.diagnostics()


def test_columns_are_found_without_case_accents_and_punctuation():
    assert Mapping.of({"Réf.": "reference", "tel": "phone"}).bind(["", "TEL:", "ref"]).columns() == {
        1: "phone",
        2: "reference",
    }


@pytest.mark.parametrize(
    ("columns", "header", "sentence"),
    [
        ({"ref": "reference", "tel": "phone"}, ["ref", "tel", "x", "tel"], "more than one column (.)B and D"),
        ({"ref": "reference", "tel": "phone"}, ["ref", "Tel", "TEL"], "more than one column"),
        ({"ref": "reference", "tel": "phone", "Tel": "email"}, ["ref", "TEL"], "names column B twice"),
        ({"ref": "reference", "!?": "phone"}, ["ref", ""], "no column"),
    ],
)
def test_columns_that_are_not_clear_are_refused(columns, header, sentence):
    with pytest.raises(UserError, match=sentence):
        Mapping.of(columns).bind(header)


def test_ignored_columns_need_not_exist():
    mapping = Mapping.of({"ref": "reference", "tel": "phone", "Religion": "ignore", "gone": "ignore"})
    assert mapping.bind(["ref", "tel"]).columns() == {0: "reference", 1: "phone"}


def test_a_fingerprint_follows_names_and_order_and_nothing_else():
    assert fingerprint(["Réf", "Tel."]) == fingerprint(["ref", "TEL"])
    assert len({fingerprint(["a", "b"]), fingerprint(["b", "a"]), fingerprint(["a"]), fingerprint(["a b"])}) == 4


def test_a_mapping_is_remembered_sealed_and_replaced(tmp_path):
    book = make_book(tmp_path)
    assert book.memory.recall(["ref", "tel"]) is None
    other = Mapping.of({"ref": "reference", "tel": "ignore", "mail": "email"})
    for mapping in (PHONES, other):
        with book._store.transaction() as tx:
            book.memory.remember(tx, ["ref", "tel"], mapping)
        assert book.memory.recall(["Ref", "TEL"]) == mapping
    assert book.memory.recall(["ref", "tel", "new"]) is None
    assert b"reference" not in (tmp_path / "state" / "db").read_bytes()


def test_a_remembered_mapping_that_is_no_longer_allowed_is_forgotten(tmp_path, monkeypatch):
    book = make_book(tmp_path)
    with book._store.transaction() as tx:
        book.memory.remember(tx, ["ref", "tel"], PHONES)
    assert book.memory.recall(["ref", "tel"]) == PHONES
    monkeypatch.setitem(FORBIDDEN_WORDS, "tel", "free_text")
    assert book.memory.recall(["ref", "tel"]) is None


def test_a_role_is_kept_in_its_one_spelling():
    one = Mapping.of({"ref": "reference", "d": "document:ro", "h": "handle:Telegram", "b": "birth_date:HIJRI"})
    assert one.columns == {"ref": "reference", "d": "document:RO", "h": "handle:telegram", "b": "birth_date:hijri"}
    assert one == Mapping.parse(one.canonical())


def test_a_binding_tells_columns_with_one_second_word_from_those_with_a_companion():
    header = ["ref", "pass", "issuer", "id", "nick", "nick 2", "born", "mother"]
    mapping = Mapping.of({
        "ref": "reference", "pass": "document", "issuer": "document_issuer", "id": "document:RO", "nick": "alias",
        "nick 2": "alias", "born": "birth_date:jalali", "mother": "mother_name",
    })  # fmt: skip
    binding = mapping.bind(header)
    assert binding.identifiers == (("alias", None, 4), ("alias", None, 5), ("document", None, 1), ("document", "RO", 3))
    assert binding.companions == {"document": 2}
    assert binding.calendar == "jalali"
    # A column of aliases is both: values of their own, and (the first of them) a field of the person.
    assert dict(binding.person) == {"birth_date": 6, "mother_name": 7, "alias": 4}
    assert binding.one("reference") == 0
    assert binding.one("urgent_danger") is None
    assert binding.columns()[6] == "birth_date:jalali"


def test_the_advice_for_a_wrong_second_word_says_how_it_is_written():
    for role, example in (("document:atlantis", "document:RO"), ("handle:myspace", "handle:telegram"),
                          ("birth_date:julian", "birth_date:hijri"), ("advert:not a site",
                           "advert:example.com")):  # fmt: skip
        with pytest.raises(UserError, match="does not exist") as caught:
            Mapping.of({"ref": "reference", "x": role})
        assert example in caught.value.advice
