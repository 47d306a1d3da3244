"""Cards: what a card file may hold, and that nothing else is taken for one."""

import base64
import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509 import load_der_x509_certificate

from node.errors import UserError
from node.identity.cards import LABEL, MAX_CARD_BYTES, MemberClass, Profile, issue_card, member_id_of, parse_card
from node.identity.certificates import Certificate, new_certificate, new_tls_key
from node.wire.signing import labelled
from tests.support.offices import START, profile


class Maker:
    """Makes cards, signs whatever it is told to, and can break each part."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()
        self.member_id = member_id_of(self.public)
        self.tls_key = new_tls_key(os.urandom)

    def sign(self, label: bytes, data: bytes) -> bytes:
        return self.key.sign(labelled(label, data))

    def card(self) -> bytes:
        return issue_card(
            self,
            profile(),
            identity_key=self.public,
            sealing_key=X25519PrivateKey.generate().public_key().public_bytes_raw(),
            certificate=new_certificate(self.tls_key, self.member_id, START, os.urandom),
            now=START,
        ).to_bytes()

    def changed(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """A card with a change, signed again by its owner: only the change is wrong with it."""
        statement = json.loads(self.card())["card"]
        change(statement)
        signature = self.sign(LABEL, rfc8785.dumps(statement)).hex()
        return rfc8785.dumps({"card": statement, "signature": signature})


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker()


def test_a_card_is_read_as_it_was_written(maker: Maker) -> None:
    data = maker.card()
    signed = parse_card(data)
    assert signed.to_bytes() == data
    assert signed.card.member_id == maker.member_id
    assert signed.card.member_class is MemberClass.NGO
    assert signed.card.certificate.not_before < START < signed.card.certificate.not_after


def test_the_digest_stands_for_the_whole_statement(maker: Maker) -> None:
    card = parse_card(maker.card()).card
    others = [
        card.model_copy(update={name: value})
        for name, value in {"name": "Other", "endpoint": "h:1", "issued_at": "2026-01-02T03:04:06Z"}.items()
    ]
    assert len({card.digest, *(type(card).model_construct(**other.model_dump()).digest for other in others)}) == 4


@pytest.mark.parametrize("member_class", list(MemberClass))
def test_every_class_of_the_domain_can_have_a_card(member_class: MemberClass, maker: Maker) -> None:
    data = maker.changed(lambda card: card.update(member_class=member_class.value))
    assert parse_card(data).card.member_class is member_class


@pytest.mark.parametrize(
    "endpoint", ["node.example.org:7443", "192.0.2.1:1", "[2001:db8::1]:65535", "localhost:7443", "a_b-c.example:80"]
)
def test_usual_addresses_are_accepted(endpoint: str) -> None:
    assert profile(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "unix:/tmp/socket:1"),
        ("endpoint", "dns://192.0.2.53/host:443"),
        ("endpoint", "onlyaname"),
        ("endpoint", "host:0"),
        ("endpoint", "host:65536"),
        ("endpoint", "host:07"),
        ("endpoint", "host:٣"),
        ("endpoint", ":7444"),
        ("endpoint", "2001:db8::1:7443"),
        ("endpoint", "[fe80::1%eth0]:7443"),
        ("endpoint", "999.1.1.1:7443"),
        ("endpoint", "-host:7443"),
        ("endpoint", "ho st:7443"),
        ("endpoint", "a" * 64 + ":7443"),
        ("endpoint", ".".join(["a" * 60] * 4) + ":7443"),
        ("name", ""),
        ("name", " Harbour"),
        ("name", "Harbour\nHouse"),
        ("name", "Harbour\x1b[2JHouse"),
        ("name", "Harbour \u202eesuoH"),
        ("name", "Harbour\u2066House"),
        ("name", "Harbour\u200bHouse"),
        ("name", "Harbour\u3164House"),
        ("name", "Cafe\u0301"),
        ("name", "x" * 101),
        ("name", 7),
        ("contact", "x" * 201),
        ("contact", "line one\u2028line two"),
        ("member_class", "NGO"),
        ("member_class", "charity"),
        ("country", "nl"),
        ("country", "NLD"),
        ("country", "NL\n"),
        ("languages", []),
        ("languages", ["dutch"]),
        ("languages", ["en"] * 11),
        ("languages", "en"),
        ("issued_at", "2026-02-30T00:00:00Z"),
        ("issued_at", "2026-01-02T03:04:05+00:00"),
        ("issued_at", "2026-1-2T03:04:05Z"),
        ("identity_key", "00" * 32),
        ("identity_key", "01" + "00" * 31),
        ("identity_key", "ee" + "ff" * 30 + "7f"),
        ("identity_key", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
        ("identity_key", "AB" * 32),
        ("sealing_key", "00" * 32),
        ("sealing_key", "01" + "00" * 31),
        ("sealing_key", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        ("sealing_key", "ab" * 31),
        ("tls_certificate", "!!!"),
        ("tls_certificate", "AAAA"),
        ("tls_certificate", "A" * 5000),
        ("surname", "unknown field"),
        ("name", None),
    ],
)
def test_a_field_that_holds_something_else_is_refused(maker: Maker, field: str, value: object) -> None:
    data = maker.changed(lambda card: card.update({field: value}))
    with pytest.raises(UserError) as caught:
        parse_card(data)
    # Whatever the field held does not come back to the terminal.
    assert not isinstance(value, str) or len(value) < 4 or value not in caught.value.diagnostics()
    assert caught.value.diagnostics().isprintable()


@pytest.mark.parametrize("field", ["name", "endpoint", "identity_key", "tls_certificate", "issued_at", "format"])
def test_a_missing_field_is_refused(maker: Maker, field: str) -> None:
    with pytest.raises(UserError):
        parse_card(maker.changed(lambda card: card.pop(field)))


def test_a_card_of_another_format_says_so(maker: Maker) -> None:
    with pytest.raises(UserError, match="newer blindmatch"):
        parse_card(maker.changed(lambda card: card.update(format="blindmatch-card/2")))


def test_a_certificate_that_names_somebody_else_is_refused(maker: Maker) -> None:
    foreign = new_certificate(maker.tls_key, member_id_of(os.urandom(32)), START, os.urandom)
    encoded = base64.b64encode(foreign).decode()
    with pytest.raises(UserError, match="certificate"):
        parse_card(maker.changed(lambda card: card.update(tls_certificate=encoded)))


def test_somebody_elses_certificate_is_refused(maker: Maker) -> None:
    """The thief of a certificate has no key for it, so cannot make one that names the thief."""
    encoded = json.loads(Maker().card())["card"]["tls_certificate"]
    with pytest.raises(UserError, match="certificate"):
        parse_card(maker.changed(lambda card: card.update(tls_certificate=encoded)))


def test_a_certificate_with_a_broken_self_signature_is_refused(maker: Maker) -> None:
    der = bytearray(new_certificate(maker.tls_key, maker.member_id, START, os.urandom))
    der[-1] ^= 1
    with pytest.raises(UserError, match="certificate"):
        parse_card(maker.changed(lambda card: card.update(tls_certificate=base64.b64encode(der).decode())))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data + b"\n", id="newline"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="byte-order-mark"),
        pytest.param(lambda data: data.replace(b",", b", ", 1), id="a-blank"),
        pytest.param(lambda data: data.replace(b'"country":"NL"', b'"country":"NL","country":"NL"'), id="twice"),
        pytest.param(lambda data: data.replace(b"Harbour", b"Harbovr"), id="other-name"),
        pytest.param(lambda data: data.replace(b"Harbour", b"\\u0048arbour"), id="other-spelling"),
        pytest.param(lambda data: data[:-3] + b'"}', id="short-signature"),
        pytest.param(lambda data: data.replace(b'"signature":"', b'"signature":"00')[:-4] + b'"}', id="shifted"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"[]", id="a-list"),
        pytest.param(lambda _: b"null", id="null"),
        pytest.param(lambda _: b'{"card":null,"signature":"' + b"00" * 64 + b'"}', id="no-card"),
        pytest.param(lambda _: b"[" * 10_000, id="deep"),
        pytest.param(lambda _: b"9" * 10_000, id="long-number"),
        pytest.param(lambda _: b'{"card":NaN}', id="not-a-number"),
        pytest.param(lambda _: b'"\\ud800"', id="lone-surrogate"),
        pytest.param(lambda data: data.decode().encode("utf-16"), id="utf-16"),
        pytest.param(lambda _: b" " * (MAX_CARD_BYTES + 1), id="too-long"),
    ],
)
def test_a_spoiled_file_is_refused_with_a_sentence(maker: Maker, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UserError) as caught:
        parse_card(spoil(maker.card()))
    assert caught.value.advice


def test_every_byte_of_a_card_counts(maker: Maker) -> None:
    data = maker.card()
    for position in range(len(data)):
        spoiled = bytearray(data)
        spoiled[position] ^= 1 << position % 8
        with pytest.raises(UserError):
            parse_card(bytes(spoiled))


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_every_byte_that_a_certificate_signs_counts(maker: Maker) -> None:
    """Read directly: in a card, the card's own signature would be broken as well and hide this."""
    der = new_certificate(maker.tls_key, maker.member_id, START, os.urandom)
    signed = load_der_x509_certificate(der).tbs_certificate_bytes
    begin = der.index(signed)
    for position in range(begin, begin + len(signed)):
        spoiled = bytearray(der)
        spoiled[position] ^= 1 << position % 8
        with pytest.raises(ValueError):
            Certificate.from_der(bytes(spoiled), maker.member_id)


def test_a_signature_for_another_purpose_is_refused(maker: Maker) -> None:
    document = json.loads(maker.card())
    document["signature"] = maker.sign(b"blindmatch/manifest/1", rfc8785.dumps(document["card"])).hex()
    with pytest.raises(UserError, match="signature"):
        parse_card(rfc8785.dumps(document))


def test_a_profile_names_the_field_that_is_wrong() -> None:
    with pytest.raises(UserError, match="endpoint"):
        Profile.of({**profile().model_dump(mode="json"), "endpoint": "nowhere"})


def test_a_certificate_says_how_its_dates_are_wrong(maker: Maker) -> None:
    certificate = parse_card(maker.card()).card.certificate
    assert certificate.date_problem(START) == ""
    assert "only valid from" in certificate.date_problem(START - timedelta(days=1))
    assert "ran out" in certificate.date_problem(START + timedelta(days=1095))
