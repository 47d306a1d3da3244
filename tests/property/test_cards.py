"""Any card that is made can be read, in one form only; any file is a card or a UserError that a terminal can print."""

import json
import os
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.errors import UserError
from node.identity.cards import LABEL, Card, MemberClass, Profile, check_text, issue_card, member_id_of, parse_card
from node.identity.certificates import new_certificate, new_tls_key
from node.identity.words import words_agree
from node.wire.signing import labelled
from node.wire.strict_json import canonical, parse
from tests.support.offices import START

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_PUBLIC = _KEY.public_key().public_bytes_raw()
_SEALING = X25519PrivateKey.from_private_bytes(bytes(31) + b"\x01").public_key().public_bytes_raw()
_CERTIFICATE = new_certificate(new_tls_key(os.urandom), member_id_of(_PUBLIC), START, os.urandom)


class _Signer:
    member_id = member_id_of(_PUBLIC)

    def sign(self, label: bytes, data: bytes) -> bytes:
        return _KEY.sign(labelled(label, data))


def _fine(text: str) -> bool:
    try:
        check_text(text)
    except ValueError:
        return False
    return True


_TEXT = st.text(min_size=1, max_size=100).filter(_fine)
_PROFILES = st.builds(
    Profile,
    name=_TEXT,
    member_class=st.sampled_from(MemberClass),
    country=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    languages=st.lists(st.text("abcdefghij", min_size=2, max_size=3), min_size=1, max_size=10).map(tuple),
    contact=_TEXT,
    endpoint=st.builds("{}:{}".format, st.sampled_from(["h.example", "192.0.2.1", "[::1]"]), st.integers(1, 65535)),
)


def _card_file(profile: Profile) -> bytes:
    signed = issue_card(
        _Signer(), profile, identity_key=_PUBLIC, sealing_key=_SEALING, certificate=_CERTIFICATE, now=START
    )
    return signed.to_bytes()


_FILE = _card_file(
    Profile.of(
        {
            "name": "Harbour House",
            "member_class": "ngo",
            "country": "NL",
            "languages": ["nl"],
            "contact": "desk",
            "endpoint": "h.example:7443",
        }
    )
)


@given(_PROFILES)
def test_every_card_that_is_made_is_read_in_its_one_form(profile: Profile) -> None:
    data = _card_file(profile)
    signed = parse_card(data)
    assert signed.to_bytes() == data
    assert all(getattr(signed.card, name) == getattr(profile, name) for name in Profile.model_fields)


@given(_PROFILES, _PROFILES)
def test_different_cards_have_different_digests(one: Profile, other: Profile) -> None:
    first, second = (parse_card(_card_file(profile)).card for profile in (one, other))
    assert (first.digest == second.digest) == (one == other)


@settings(max_examples=400)
@given(st.data())
def test_a_damaged_card_is_refused(data: st.DataObject) -> None:
    spoiled = bytearray(_FILE)
    for _ in range(data.draw(st.integers(1, 5))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    assume(bytes(spoiled) != _FILE)
    with pytest.raises(UserError) as caught:
        parse_card(bytes(spoiled))
    assert caught.value.diagnostics().isprintable()


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(UserError):
        parse_card(data)


_LARGEST = 2**53 - 1
_NUMBERS = st.integers(-_LARGEST, _LARGEST) | st.floats(-_LARGEST, _LARGEST)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(Card.model_fields)), _JSON)
def test_a_field_with_any_value_is_a_good_one_or_refused(field: str, value: Any) -> None:
    """Signed by its owner, so that only the model stands in the way."""
    statement = json.loads(_FILE)["card"] | {field: value}
    try:
        signed = rfc8785.dumps(statement)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        return
    data = rfc8785.dumps({"card": statement, "signature": _Signer().sign(LABEL, signed).hex()})
    try:
        card = parse_card(data).card
    except UserError as error:
        said = error.diagnostics()
    else:
        said = ""
        assert json.loads(card.to_bytes())[field] == value
    assert not said or said.isprintable()


@given(_JSON)
def test_canonical_json_has_one_form(value: Any) -> None:
    try:
        data = canonical(value)
    except ValueError:
        return
    assert canonical(parse(data, max_bytes=10**6)) == data


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE+-ntfalsru \\', max_size=60).map(str.encode))
def test_whatever_is_parsed_is_canonical(data: bytes) -> None:
    try:
        value = parse(data, max_bytes=1000)
    except ValueError:
        return
    assert canonical(value) == data


@given(st.text())
def test_only_the_words_are_the_words(typed: str) -> None:
    words = ("abandon", "zoo") * 4
    assert not words_agree(words, typed)
