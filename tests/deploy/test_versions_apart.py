"""Two versions in one round: they agree, or refuse with the sentence that says whose software is the older one.

Each form that crosses between two organisations is tried both ways: what a newer one sent to an older one, and the
reverse. Where today's form is the first there ever was, the older one is today's and the reader's number is raised.
Both sides are asked what they read: the one that refuses, and the one that is refused.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.agreement import manifest
from node.agreement.manifest import Manifest, OtherForm
from node.errors import UserError
from node.identity import cards
from node.identity.cards import parse_card
from node.operations.members import _apart
from node.policy.agreement import SameVersions
from node.rounds.parties import known_code, why
from node.transport import file as legs
from node.transport.direct import MAX_VERSION_CHARACTERS, DirectCarrier
from node.transport.explain import PeerRefused
from node.transport.file import MAGIC, LegReader
from node.wire import envelope as envelopes
from node.wire import peer_pb2, receipts, strict_json
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.older import OlderReader, OlderSender, number_of
from node.wire.receipts import Receipts
from psi.errors import MalformedMessage, VersionMismatch
from psi.identifiers import NORMALISER_VERSION
from psi.messages import PROTOCOL_VERSION, decode
from tests.support.agreements import NGO, POLICE, agreement, changed, context, fields
from tests.support.releases import PREVIOUS, RELEASES, Sleeping, nodes
from tests.support.small_rounds import SETTINGS
from tests.support.tls_stage import Stage, staged

READER = "The organisation that got it has the older blindmatch and should update it"
SENDER = "The organisation that sent it has the older blindmatch and should update it"
J1 = agreement()
CARD = (RELEASES / PREVIOUS / "shelter.card").read_bytes()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    with staged(tmp_path) as made:
        yield made


def in_format(found: int) -> Callable[[Envelope], bytes]:
    def written(self: Envelope) -> bytes:
        message = self.to_proto()
        message.format = found
        return message.SerializeToString()

    return written


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("found", "code", "advice"), [(3, "older-reader", READER), (1, "older-sender", SENDER)])
def test_an_envelope_of_another_format_both_ends_hear_who_updates(
    stage: Stage, found: int, code: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real connection: the sender's person reads it, and the receiver's log has the code."""
    monkeypatch.setattr(Envelope, "to_bytes", in_format(found))
    sender = DirectCarrier(stage.beta.identity, stage.beta.book, stage.beta.clock)
    try:
        with pytest.raises(PeerRefused, match=f"has format {found}") as caught:
            sender.deliver(stage.beta.envelope(stage.alpha))
    finally:
        sender.close()
    assert advice in caught.value.advice
    assert caught.value.reason == code
    assert stage.alpha.events("peer-blamed")[-1]["code"] == code
    assert not stage.inbox.taken


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(
    ("code", "who"), [("older-reader", "updated there"), ("older-sender", "here is the older one")]
)
def test_what_a_refused_round_says_at_the_node_that_was_refused(code: str, who: str) -> None:
    """Of a refusal only the code is kept, whichever way it came: no word of a peer's choice."""
    assert known_code(code)
    assert who in why(code)
    assert "propose the round again" in why(code)
    assert why(code).startswith(": it says that "), "a claim of theirs is no finding of ours"
    assert why("malformed-message") == " (malformed-message)"
    assert why("update-from-my-site") == ""


@pytest.mark.tm("TM-261")
def test_a_kind_of_message_that_came_later_is_no_broken_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds are added with their number alone. One that never was is malformed; one above all is from the future."""
    later = peer_pb2.Envelope(format=envelopes.FORMAT, sequence=1)
    later.kind = max(EnvelopeKind) + 1  # type: ignore[assignment]
    with pytest.raises(OlderReader) as caught:
        Envelope.from_proto(later)
    assert READER in caught.value.advice
    later.kind = 0  # type: ignore[assignment]
    with pytest.raises(MalformedMessage):
        Envelope.from_proto(later)


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("found", "error"), [(2, OlderReader), (0, OlderSender)])
def test_receipts_of_another_format(found: int, error: type[VersionMismatch]) -> None:
    with pytest.raises(error, match=f"format {found}"):
        Receipts.from_bytes(found.to_bytes(4, "big") + bytes(100))
    assert receipts.FORMAT == 1


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("number", "sentence", "advice"), [
    (b"2", "written by a newer blindmatch", "Update blindmatch at this node"),
    (b"1", "written by an older blindmatch", "The organisation that wrote it should update"),
])  # fmt: skip
def test_a_carried_file_of_another_form(
    number: bytes, sentence: str, advice: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The older one is the file that the previous release recorded, read where the form is the second already."""
    data = (RELEASES / PREVIOUS / "proposed.leg").read_bytes()
    if number == b"1":
        monkeypatch.setattr(legs, "MAGIC", MAGIC.replace(b"1", b"2"))
        monkeypatch.setattr(legs, "_NUMBER", 2)
    (tmp_path / "leg").write_bytes(data.replace(b"/1\n", b"/" + number + b"\n", 1))
    with (tmp_path / "leg").open("rb") as file, pytest.raises(UserError, match=sentence) as caught:
        LegReader(file)
    assert advice in caught.value.advice
    assert "import the file again" in caught.value.advice or "export the round again" in caught.value.advice


@pytest.mark.tm("TM-261")
def test_a_file_that_is_none_is_not_taken_for_a_newer_one(tmp_path: Path) -> None:
    for data in (b"", b"blindmatch-leg/x\n", b"blindmatch-leg/", b"PK\x03\x04 and so on and on"):
        (tmp_path / "leg").write_bytes(data)
        with (tmp_path / "leg").open("rb") as file, pytest.raises(UserError, match="This is not a file"):
            LegReader(file)


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("theirs", "ours", "sentence", "advice"), [
    (2, 1, "made by a newer blindmatch", "Update blindmatch at this node"),
    (1, 2, "made by an older blindmatch", "The organisation that it is from should update"),
])  # fmt: skip
def test_a_card_of_another_form(
    theirs: int, ours: int, sentence: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "FORMAT", f"blindmatch-card/{ours}")
    data = CARD.replace(b"blindmatch-card/1", b"blindmatch-card/%d" % theirs)
    with pytest.raises(UserError, match=sentence) as caught:
        parse_card(data)
    assert advice in caught.value.advice


@pytest.mark.tm("TM-261")
def test_a_card_with_a_field_of_a_later_version_says_who_updates() -> None:
    document = strict_json.parse(CARD, max_bytes=len(CARD))
    document["card"]["later"] = 1
    with pytest.raises(UserError, match="does not know") as caught:
        parse_card(strict_json.canonical(document))
    assert "update blindmatch at this node" in caught.value.advice


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("theirs", "ours", "advice", "code"), [
    (2, 1, READER, "older-reader"),
    (1, 2, SENDER, "older-sender"),
])  # fmt: skip
def test_an_agreement_of_another_form(
    theirs: int, ours: int, advice: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "FORMAT", f"blindmatch-manifest/{ours}")
    data = strict_json.canonical(fields(J1) | {"format": f"blindmatch-manifest/{theirs}"})
    with pytest.raises(OtherForm, match=f"format is {theirs}.* format {ours}") as caught:
        Manifest.parse(data)
    assert advice in caught.value.advice
    assert caught.value.mismatch.code == code


@pytest.mark.tm("TM-261")
def test_an_agreement_with_a_field_of_a_later_version_says_who_updates() -> None:
    with pytest.raises(OtherForm) as caught:
        Manifest.parse(strict_json.canonical(fields(J1) | {"later": 1}))
    assert READER in caught.value.advice


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize("sabotaged", [False, True])
def test_both_nodes_are_told_who_updates_when_a_proposal_cannot_be_read(
    tmp_path: Path, sabotaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes of the previous release, one of which got a newer form of agreements since; here by carried files. With
    the twin, which only says that something is malformed, the one that waits does not learn what to do."""
    found = nodes(PREVIOUS, tmp_path)
    shelter, police = found["shelter"], found["police"]
    round_id = propose(shelter)
    leg = export(shelter, police, round_id)
    with monkeypatch.context() as newer:
        newer.setattr(manifest, "FORMAT", "blindmatch-manifest/2")
        if sabotaged:
            newer.setattr(manifest, "_check_form", lambda _raw: manifest._refuse("it is not one"))
        assert police.ask("round.import", file=leg)["refused"] == 1
    back = police.ask("round.export", round=round_id, file=str(tmp_path), to="shelter")["file"]
    shelter.ask("round.import", file=back)
    said = str(shelter.round(round_id)["failure"])
    assert shelter.state(round_id) == "failed"
    assert ("it says that the blindmatch here is the older one" in said) is not sabotaged


def propose(node: Sleeping) -> str:
    asked = {"template": "J1", "members": ["me", "police"], "settings": SETTINGS, "by": "carl"}
    return str(node.ask("round.propose", **asked)["round"]["round_id"])


def export(here: Sleeping, there: Sleeping, round_id: str) -> str:
    written = here.ask("round.export", round=round_id, file=str(here.folder.parent), to=there.alias)["file"]
    return str(written)


OURS, THEIRS = "This node is the older one: update blindmatch here", "The older one is that of Open Door"
EARLIER = re.sub(r"^bm\d+", "bm0", NORMALISER_VERSION)
LATER = NORMALISER_VERSION.replace("bm", "bm9", 1)
MIXED = LATER.replace("pn", "pn0.", 1)


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("change", "advice"), [
    ({"protocol_version": PROTOCOL_VERSION + 1}, OURS),
    ({"normaliser_version": LATER}, OURS),
    ({"normaliser_version": EARLIER}, THEIRS),
    ({"normaliser_version": MIXED}, "both sides should update"),
    ({"suite": "P256-SHA256"}, "the side with the lower one should update"),
], ids=["newer protocol", "newer normaliser", "older normaliser", "each older in a part", "another suite"])  # fmt: skip
def test_rules_that_compare_versions_say_who_updates(change: dict[str, Any], advice: str) -> None:
    verdict = SameVersions().check(changed(J1, **change), context(POLICE, NGO, POLICE))
    assert not verdict.ok
    assert advice in verdict.advice
    assert "propose the round again" in verdict.advice


@pytest.mark.tm("TM-261")
def test_an_older_protocol_is_the_proposers_or_our_own_of_before_the_update() -> None:
    rule = replace(SameVersions(), protocol=PROTOCOL_VERSION + 1)
    at_the_police = rule.check(J1, context(POLICE, NGO, POLICE))
    assert THEIRS in at_the_police.advice
    at_the_proposer = rule.check(J1, context(NGO, NGO, POLICE))
    assert "This node was updated since it proposed the round: propose it again" in at_the_proposer.advice
    assert SameVersions().check(J1, context(POLICE, NGO, POLICE)).ok


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("version", "who"), [(PROTOCOL_VERSION + 1, "This node has"), (0, "The other side has")])
def test_a_message_of_another_protocol_version(version: int, who: str) -> None:
    with pytest.raises(VersionMismatch) as caught:
        decode(bytes([version, 1]) + bytes(40))
    assert who in caught.value.advice


@pytest.mark.tm("TM-261")
@pytest.mark.parametrize(("protocol", "normaliser", "said"), [
    (str(PROTOCOL_VERSION), NORMALISER_VERSION, ""),
    (str(PROTOCOL_VERSION), EARLIER, "until they update"),
    (str(PROTOCOL_VERSION), LATER, "until this node is updated"),
    (str(PROTOCOL_VERSION), MIXED, "until both sides update"),
    (str(PROTOCOL_VERSION + 1), NORMALISER_VERSION, "until this node is updated"),
    ("0", NORMALISER_VERSION, "until they update"),
    ("²", "what is no version", "until both sides update"),
])  # fmt: skip
def test_member_check_says_it_before_a_round_is_proposed(protocol: str, normaliser: str, said: str) -> None:
    sentence = _apart("police", protocol, normaliser)
    assert said in sentence
    assert bool(sentence) is bool(said)


def test_a_version_is_compared_whole() -> None:
    """What another node says of itself is cut off at this length."""
    assert len(NORMALISER_VERSION) <= MAX_VERSION_CHARACTERS


def test_numbers_of_forms() -> None:
    known = "blindmatch-card/1"
    assert number_of("blindmatch-card/12", known) == 12
    for form in ("blindmatch-card/", "blindmatch-card/01", "blindmatch-card/-1", "blindmatch-cart/2", "²", 2, None, {}):
        assert number_of(form, known) is None
