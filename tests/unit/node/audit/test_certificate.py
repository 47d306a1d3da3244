"""A certificate holds as it was made and in no other form: by bytes, by field, and when its owner forges it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from node.audit import certificate
from node.audit.certificate import MAX_CERTIFICATE_BYTES, verify_certificate
from node.audit.checkpoint import Checkpoint, NoteSigner
from node.audit.cosign import Cosignature
from node.audit.export import Cosigned
from node.audit.merkle import Tree, leaf_hash
from node.audit.verdicts import PROBLEMS, certificate_page
from node.identity.cards import Card
from node.wire.strict_json import canonical
from tests.support.agreements import NGO, POLICE, SHELTER, agreement
from tests.support.certified import COSIGNED_ENTRIES, ENTRIES, Stage, key_of, note_key, party, resigned

Document = dict[str, Any]


def test_a_certificate_holds_and_says_how_far_others_vouch_for_it() -> None:
    report = verify_certificate(Stage().make())
    assert report.ok, report.problems
    assert sorted(report.signed) == sorted([NGO.member_id, POLICE.member_id])
    assert [entry["event"] for entry in report.entries][-1] == "certificate-made"
    assert [one.size for one in report.witnessed] == [COSIGNED_ENTRIES]
    # Of the six entries of the round, positions 1 to 4 were there when the peer signed.
    assert (len(report.entries), report.covered()) == (6, 4)
    assert verify_certificate(Stage().make() + b"\r\n").ok  # as a mail program leaves it
    assert verify_certificate(Stage(about="round").make()).ok


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value that is not a list or an object, and to every list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        yield path
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))
    else:
        yield path


def altered(value: Any) -> Any:
    """Another value of the same kind, one step away."""
    match value:
        case bool():
            return not value
        case None:
            return "0"
        case int():
            return value + 1
        case str():
            middle = len(value) // 2
            other = "1" if value[middle : middle + 1] != "1" else "2"
            return f"{value[:middle]}{other}{value[middle + 1 :]}"
        case _:
            return value[:-1] if value else [0]


def with_change(document: Document, path: tuple[Any, ...]) -> Document:
    """A copy in which one value is another."""
    copy: Document = json.loads(canonical(document))
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = altered(place[path[-1]])
    return copy


ONLY_THE_OWNERS_WORD = {
    ("entries",): "an entry more or less is the owner's choice; the last one has to be there",
    ("cosignatures",): "without a cosignature less is vouched for, and the verdict says so",
    ("cosignatures", 0, "round_id"): "says where it came from",
    ("cosignatures", 0, "moment"): "says where it came from",
}
"""What an owner who signs again may change without being found out by others' signatures."""
LEAST_PLACES = 100


@pytest.mark.tm("TM-221")
@pytest.mark.parametrize("signed_again", [False, True])
def test_another_value_at_any_place_is_found(
    signed_again: bool, record_property: Callable[[str, object], None]
) -> None:
    """With the twin, `signed_again`, the owner itself forges: all the rest is bound by the others and by the log."""
    document = json.loads(Stage().make())
    tried, passed = 0, set()
    for path in places(document):
        forged = with_change(document, path)
        report = verify_certificate(resigned(forged) if signed_again else canonical(forged))
        tried += 1
        if report.ok:
            passed.add(path)
    record_property("ran", f"{tried} places")
    assert tried >= LEAST_PLACES
    if signed_again:
        assert passed <= {*ONLY_THE_OWNERS_WORD, ("signature",)}
        assert ("cosignatures",) in passed  # so the check without the owner's signature would miss it
    else:
        assert passed == set()


def wrong_cosigner(stage: Stage) -> bytes:
    """A cosignature in the peer's name, made with another key."""
    return stage.make(cosigned=[stage.cosigned(tree_of(stage), by=SHELTER)])


def own_cosignature(stage: Stage) -> bytes:
    """The owner cosigns its own log."""

    def meddle(document: Document) -> None:
        document["cosignatures"][0] |= {"member_id": NGO.member_id, "public_key": NGO.identity_key}

    return stage.make(meddle=meddle)


def tree_of(stage: Stage) -> Tree:
    return Tree([leaf_hash(body.encode()) for body in stage.bodies])


def rewritten(stage: Stage) -> bytes:
    """The owner changes an entry after the peer signed, makes the tree anew and signs it."""
    before = stage.cosigned(tree_of(stage))
    stage.bodies[3] = stage.body(3, "answer-sent", elements=64)
    return stage.make(cosigned=[before])


def other_agreement(stage: Stage) -> bytes:
    """The agreement is another one than that which was signed."""

    def meddle(document: Document) -> None:
        document["manifest"]["purpose_text"] += " and everything else"

    return stage.make(meddle=meddle)


def lent_signature(stage: Stage) -> bytes:
    """One member's signature stands under the other one's name."""
    first, second = stage.signatures()
    return stage.make(signatures=[first, (second[0], second[1], first[2], first[3])])


def unsigned_member(stage: Stage) -> bytes:
    """A lead of a round that one member never signed."""
    return stage.make(signatures=stage.signatures()[:1])


def stranger(_stage: Stage) -> bytes:
    """A node that is no party of the round certifies it."""
    return Stage(owner=SHELTER).make()


def other_owner(stage: Stage) -> bytes:
    """The file names the node, and somebody else signed it."""
    return resigned(json.loads(stage.make()), SHELTER)


def entry_from_nowhere(stage: Stage) -> bytes:
    """An entry that the log does not have."""

    def meddle(document: Document) -> None:
        document["entries"][1]["body"] = stage.body(2, "round-signed", by="nobody")

    return stage.make(meddle=meddle)


def entry_of_another_round(stage: Stage) -> bytes:
    """An entry that is in the log and about something else."""
    stage.bodies[3] = stage.body(3, "answer-sent", round_id="ab" * 16, code=stage.round_id)
    return stage.make()


def other_statement(stage: Stage) -> bytes:
    """Another handle than the log says that was certified."""

    def meddle(document: Document) -> None:
        document["statement"]["handle"] = "f" * 16

    return stage.make(meddle=meddle)


def unnoted(stage: Stage) -> bytes:
    """A certificate of which the log knows nothing."""

    def meddle(document: Document) -> None:
        document["entries"].pop()

    return stage.make(meddle=meddle)


def other_checkpoint(stage: Stage) -> bytes:
    """The state of the log is signed by somebody else."""

    def meddle(document: Document) -> None:
        tree = tree_of(stage)
        other = Stage(owner=SHELTER)
        checkpoint = certificate.Checkpoint.signed(tree.size, tree.root(), other.signer())
        document["checkpoint"] = checkpoint.to_text(note_key(SHELTER))

    return stage.make(meddle=meddle)


FORGERIES: dict[Callable[[Stage], bytes], tuple[str, str]] = {
    # forgery: what is found, and the defence that finds it
    wrong_cosigner: ("bad-cosignature", "_cosignatures"),
    own_cosignature: ("bad-cosignature", "_cosignatures"),
    rewritten: ("rewritten", "_cosignatures"),
    other_agreement: ("other-agreement", "_agreement"),
    lent_signature: ("bad-agreement-signature", "_agreement"),
    unsigned_member: ("not-agreed", "_agreement"),
    stranger: ("no-party", "_agreement"),
    other_owner: ("not-signed", "_owner_signed"),
    entry_from_nowhere: ("entry-not-in-log", "_entries"),
    entry_of_another_round: ("entry-elsewhere", "_entries"),
    other_statement: ("other-statement", "_entries"),
    unnoted: ("not-in-log", "_entries"),
    other_checkpoint: ("bad-checkpoint", "_entries"),
}


@pytest.mark.tm("TM-221")
@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forgery_is_found_and_told_in_a_sentence(
    forge: Callable[[Stage], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, defence = FORGERIES[forge]
    made = forge(Stage())
    report = verify_certificate(made)
    assert code in report.problems
    assert set(report.problems) <= set(PROBLEMS)
    page = certificate_page(report, "en")
    assert page.title == "DOES NOT HOLD: do not rely on this file"
    assert PROBLEMS[code][0] in page.sections[0].lines
    # The twin: without this defence the forgery passes for that reason.
    monkeypatch.setattr(certificate, "CHECKS", tuple(c for c in certificate.CHECKS if c.__name__ != defence))
    assert code not in verify_certificate(made).problems


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["phone"], "in telephone number (phone)"),
        (["person:birth_date+name+name"], "in two names and date of birth (person:birth_date+name+name)"),
        (["phone", "sign:of+the+zodiac"], "in a way that this version does not know (phone, sign:of+the+zodiac)"),
        (["person:hat+shoe"], "in a way that this version does not know (person:hat+shoe)"),
    ],
)
def test_what_a_lead_agrees_in_is_said_in_words(keys: list[str], words: str) -> None:
    """Also of keys that only another version, or a liar, makes."""
    stage = Stage()
    stage.statement["keys"] = keys
    report = verify_certificate(stage.make())
    assert report.ok
    lines = [line for section in certificate_page(report, "en").sections for line in section.lines]
    assert any(words in line and "A lead may have more handles" in line for line in lines), lines


@pytest.mark.tm("TM-221")
def test_without_a_cosignature_the_verdict_says_that_nobody_else_vouches() -> None:
    report = verify_certificate(Stage().make(cosigned=[]))
    assert report.ok
    assert report.covered() == 0
    assert "rests on the word" in certificate_page(report, "en").title
    assert "allein auf dem Aussteller" in certificate_page(report, "de").title


def made_up_witness(stage: Stage) -> bytes:
    """The forger cosigns its own log with a key that it made for that."""
    tree = tree_of(stage)
    checkpoint = Checkpoint.signed(COSIGNED_ENTRIES, tree.root(COSIGNED_ENTRIES), stage.signer())
    signer = NoteSigner(note_key(SHELTER), key_of(SHELTER).sign)
    made = Cosignature.made(checkpoint, note_key(stage.owner), 1_772_366_500, signer)
    return stage.make(cosigned=[Cosigned(party(SHELTER), stage.round_id, "close", checkpoint, made)])


def test_a_key_that_nobody_knows_vouches_for_nothing() -> None:
    report = verify_certificate(made_up_witness(Stage()))
    assert report.ok, report.problems
    assert report.covered() == 0
    assert "rests on the word" in certificate_page(report, "en").title
    # Twin: where the key is taken for one that is known, it counts.
    assert report.covered({SHELTER.member_id}) == 4


@pytest.mark.parametrize("given", [(), (NGO,), (NGO, POLICE)])
def test_the_card_of_one_member_does_not_stand_for_the_others(given: tuple[Card, ...]) -> None:
    """The forger's own card is true: it says nothing about the keys of those who vouch for it."""
    report = verify_certificate(Stage().make())
    lines = list(certificate_page(report, "en", {card.member_id: card.name for card in given}).lines())
    assert any("Whose keys these are" in line for line in lines) is (len(given) < 2)


def test_a_name_in_the_file_gives_way_to_that_of_the_agreement_and_of_the_card() -> None:
    stage = Stage()
    stage.statement["node"]["name"] = "Europol"
    report = verify_certificate(stage.make())
    assert report.ok, report.problems
    assert not any("Europol" in line for line in certificate_page(report, "en").lines())
    called = list(certificate_page(report, "en", {POLICE.member_id: "Shady"}).lines())
    assert not any(POLICE.name in line for line in called)


def test_a_convener_without_records_certifies_no_lead() -> None:
    stage = Stage()
    stage.manifest = agreement(convener=SHELTER)
    stage.round_id = stage.statement["round_id"] = stage.manifest.digest()[:16].hex()
    stage.owner = SHELTER
    stage.bodies = [stage.body(number, event) for number, event in enumerate(ENTRIES)]
    stage.statement["node"] = {
        "member_id": SHELTER.member_id, "name": SHELTER.name, "public_key": SHELTER.identity_key,
    }  # fmt: skip
    assert verify_certificate(stage.make()).problems == ["no-party"]
    stage.statement |= {"about": "round", "handle": None, "keys": []}
    assert verify_certificate(stage.make()).problems == []  # twin: what it may say


def test_an_entry_nested_without_end_is_a_problem_and_no_crash() -> None:
    def meddle(document: Document) -> None:
        document["entries"][0]["body"] = "[" * 100_000

    assert "form" in verify_certificate(Stage().make(meddle=meddle)).problems


def test_a_cosignature_of_the_wrong_key_does_not_count_either() -> None:
    assert key_of(SHELTER).public_key().public_bytes_raw().hex() == SHELTER.identity_key
    report = verify_certificate(wrong_cosigner(Stage()))
    assert report.witnessed == []
    assert report.covered() == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"format":"blindmatch-certificate/1"}', b" " * MAX_CERTIFICATE_BYTES],
)
def test_what_is_no_certificate_is_said_to_be_none(data: bytes) -> None:
    report = verify_certificate(data)
    assert report.problems == ["form"]
    english, german = certificate_page(report, "en"), certificate_page(report, "de")
    assert english.title == "This file is neither a certificate nor a log that can be checked"
    assert german.title == "Diese Datei ist weder eine Bescheinigung noch ein Protokoll, die sich prüfen lassen"
    assert [one.heading for one in english.sections] == ["Why", "What to do"]
    assert [one.heading for one in german.sections] == ["Warum", "Was zu tun ist"]


def test_every_problem_has_a_sentence_in_both_languages() -> None:
    for english, german in PROBLEMS.values():
        assert english != german
        assert english.endswith(".")
        assert german.endswith(".")
