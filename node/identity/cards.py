"""Member cards: how an organisation introduces itself.

    file = {"card": {...}, "signature": hex}       canonical JSON (RFC 8785), at most 16 KiB
    signature = Ed25519 by the card's identity key, label "blindmatch/card/1", over the canonical JSON of "card"

Card files are exchanged by hand. The signature shows that whoever made the card holds its keys; it does not show
*who that is*: a stranger can make a flawless card in another organisation's name. Only the check words
(node.identity.words), compared by voice, and the second person who confirms (node.identity.members) show that.

The sealing key is what others seal for what they say about a round, so that a relay carries what it cannot read
(node.wire.sealing).
"""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from node.clock import timestamp
from node.errors import UserError
from node.identity.certificates import Certificate
from node.wire.older import number_of, reader_is_older
from node.wire.signing import SIGNATURE_BYTES, Signer, labelled, verify
from node.wire.strict_json import canonical, parse

__all__ = [
    "FIELDS",
    "FORMAT",
    "LABEL",
    "MAX_CARD_BYTES",
    "MAX_CONTACT_CHARACTERS",
    "MAX_ENDPOINT_CHARACTERS",
    "MAX_LANGUAGES",
    "MAX_NAME_CHARACTERS",
    "NO_ENDPOINT",
    "Card",
    "MemberClass",
    "Profile",
    "SignedCard",
    "check_endpoint",
    "check_text",
    "issue_card",
    "member_id_of",
    "parse_card",
]

FORMAT = "blindmatch-card/1"
LABEL = b"blindmatch/card/1"
MAX_CARD_BYTES = 16 * 1024
"""Bytes of a card file. A card with every field at its limit has about 6 KiB."""
MAX_NAME_CHARACTERS = 100
MAX_CONTACT_CHARACTERS = 200
MAX_ENDPOINT_CHARACTERS = 200
MAX_LANGUAGES = 10
NO_ENDPOINT = "none"
"""In place of an address: this node calls others, and nobody can call it."""

_DIGEST_LABEL = b"blindmatch/card-digest/1"
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_ED25519_PRIME = 2**255 - 19
_SMALL_ORDER_Y = frozenset(
    int.from_bytes(bytes.fromhex(encoding), "little")
    for encoding in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)
# Letters and symbols that show as nothing although Unicode counts them as printable.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


class MemberClass(StrEnum):
    """What kind of organisation a member is. Classes decide what is allowed by default."""

    NGO = "ngo"
    SHELTER = "shelter"
    HOTLINE = "hotline"
    POLICE = "police"
    PROSECUTOR = "prosecutor"
    LABOUR_INSPECTORATE = "labour_inspectorate"
    IMMIGRATION = "immigration"
    FINANCIAL = "financial"
    PLATFORM = "platform"
    RESEARCH = "research"
    INTERGOVERNMENTAL = "intergovernmental"
    COORDINATOR = "coordinator"
    RELAY = "relay"
    """Keeps sealed envelopes for others until they are taken: calls nobody, and is no party of any round."""


FIELDS: Mapping[str, str] = {
    "name": f"one line of at most {MAX_NAME_CHARACTERS} characters, without ones that cannot be seen",
    "member_class": f"one of {', '.join(MemberClass)}",
    "country": "the two capital letters of a country, for example RO",
    "languages": f"up to {MAX_LANGUAGES} codes of two or three small letters, for example ro",
    "contact": f"one line of at most {MAX_CONTACT_CHARACTERS} characters, without ones that cannot be seen",
    "endpoint": "host:port, for example node.example.org:7443, or none for a node that others cannot call",
}
"""What a person may write into each field of a `Profile`, in words."""


def check_text(text: str) -> str:
    """One line that looks like what it is. Raises ValueError for control, bidirectional and invisible characters,
    for text that is not in Unicode normal form C, and for blanks at either end."""
    if not text.isprintable() or _INVISIBLE.intersection(text):
        raise ValueError("has characters that cannot be seen")
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError("is not in Unicode normal form C")
    if text != text.strip() or not text:
        raise ValueError("is empty, or begins or ends with a blank")
    return text


def check_endpoint(endpoint: str) -> str:
    """`host:port` with a host name, an IPv4 address or an IPv6 address in brackets, or NO_ENDPOINT. Raises ValueError.

    Strict, because gRPC would take other forms (`unix:/...`, `dns://server/...`) as instructions.
    """
    if endpoint == NO_ENDPOINT:
        return endpoint
    host, colon, port = endpoint.rpartition(":")
    if not colon or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise ValueError("has no port between 1 and 65535 after the last colon")
    try:
        if host.startswith("[") and host.endswith("]"):
            IPv6Address(host[1:-1])
        elif re.fullmatch(r"[0-9.]+", host):
            IPv4Address(host)
        elif not all(_HOST_LABEL.fullmatch(part) for part in host.split(".")):
            raise ValueError("has no usable host name before the port")
    except AddressValueError:
        raise ValueError("has no usable IP address before the port") from None
    if "%" in host:
        raise ValueError("has a network interface in its address")
    return endpoint


def _check_moment(moment: str) -> str:
    if timestamp(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)) != moment:
        raise ValueError("is not a time")
    return moment


def _check_identity_key(key: str) -> str:
    # A key of small order would accept one signature for any document: whoever used it could deny every signature.
    y = int.from_bytes(bytes.fromhex(key), "little") & (2**255 - 1)
    if y % _ED25519_PRIME in _SMALL_ORDER_Y or y >= _ED25519_PRIME:
        raise ValueError("is not a usable key")
    return key


def _check_sealing_key(key: str) -> str:
    # RFC 7748 section 6.1: a point of small order gives a secret that everybody knows; the library refuses it.
    X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(key)))
    return key


_Text = Annotated[str, AfterValidator(check_text)]
_Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Profile(BaseModel):
    """What a person says about the organisation. `country`: ISO 3166-1 alpha-2; `languages`: ISO 639; `endpoint`:
    host:port under which others reach the node, or NO_ENDPOINT."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[_Text, Field(max_length=MAX_NAME_CHARACTERS)]
    member_class: MemberClass
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    languages: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...], Field(min_length=1, max_length=MAX_LANGUAGES)
    ]
    contact: Annotated[_Text, Field(max_length=MAX_CONTACT_CHARACTERS)]
    endpoint: Annotated[str, Field(max_length=MAX_ENDPOINT_CHARACTERS), AfterValidator(check_endpoint)]

    @property
    def dials_out_only(self) -> bool:
        """Nobody can call this node: it calls others, and takes what waits there."""
        return self.endpoint == NO_ENDPOINT

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Profile":
        """From what a person typed. Raises UserError that names the field."""
        try:
            return cls.model_validate_json(canonical(dict(values)))
        except ValidationError as error:
            raise _field_error(error) from None


class Card(Profile):
    """The statement of a card file. Keys in lower-case hex (32 bytes), the certificate in base64 of DER."""

    format: Literal["blindmatch-card/1"] = "blindmatch-card/1"
    identity_key: Annotated[_Hex32, AfterValidator(_check_identity_key)]
    sealing_key: Annotated[_Hex32, AfterValidator(_check_sealing_key)]
    tls_certificate: Annotated[str, Field(max_length=4096)]
    issued_at: Annotated[str, AfterValidator(_check_moment)]

    @model_validator(mode="after")
    def _certificate_fits(self) -> Self:
        _ = self.certificate
        return self

    @cached_property
    def member_id(self) -> str:
        return member_id_of(bytes.fromhex(self.identity_key))

    @cached_property
    def certificate(self) -> Certificate:
        """The TLS certificate, read and checked."""
        try:
            der = base64.b64decode(self.tls_certificate, validate=True)
        except binascii.Error:
            raise ValueError("the certificate is not base64") from None
        return Certificate.from_der(der, self.member_id)

    def to_bytes(self) -> bytes:
        """The canonical JSON that is signed."""
        return canonical(self.model_dump(mode="json"))

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that stand for everything the card says."""
        return hashlib.sha256(labelled(_DIGEST_LABEL, self.to_bytes())).digest()


@dataclass(frozen=True, slots=True)
class SignedCard:
    """A card and its owner's signature (64 bytes), checked by whoever made this object through `parse_card`."""

    card: Card
    signature: bytes

    def to_bytes(self) -> bytes:
        """The card file."""
        return canonical({"card": self.card.model_dump(mode="json"), "signature": self.signature.hex()})


def member_id_of(identity_key: bytes) -> str:
    """The member id: 32 characters of lower-case base32 over the first 20 bytes of SHA-256(identity key)."""
    return base64.b32encode(hashlib.sha256(identity_key).digest()[:20]).decode("ascii").lower()


def issue_card(
    signer: Signer, profile: Profile, *, identity_key: bytes, sealing_key: bytes, certificate: bytes, now: datetime
) -> SignedCard:
    """Make and sign our own card. Keys: 32 public bytes each; `certificate`: DER."""
    card = Card(
        **{name: getattr(profile, name) for name in Profile.model_fields},
        identity_key=identity_key.hex(),
        sealing_key=sealing_key.hex(),
        tls_certificate=base64.b64encode(certificate).decode("ascii"),
        issued_at=timestamp(now),
    )
    return SignedCard(card, signer.sign(LABEL, card.to_bytes()))


def parse_card(data: bytes) -> SignedCard:
    """Read a card file and check its signature. Raises UserError with a sentence for the person who opened it."""
    try:
        document = parse(data, max_bytes=MAX_CARD_BYTES)
    except ValueError as error:
        raise _refused(f"it is {error}") from None
    if not isinstance(document, dict) or set(document) != {"card", "signature"}:
        raise _refused("it does not have the two parts of a card")
    signature = document["signature"]
    if not isinstance(signature, str) or not re.fullmatch(rf"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}", signature):
        raise _refused("its signature is malformed")
    statement = document["card"]
    if isinstance(statement, dict) and statement.get("format") != FORMAT:
        raise _of_another_form(statement.get("format"))
    try:
        card = Card.model_validate_json(canonical(statement))
    except ValidationError as error:
        raise _field_error(error) from None
    signed = SignedCard(card, bytes.fromhex(signature))
    if signed.to_bytes() != data:
        raise _refused("it is not in canonical form")
    if not verify(bytes.fromhex(card.identity_key), LABEL, card.to_bytes(), signed.signature):
        raise _refused("its signature does not fit its content")
    return signed


def _of_another_form(found: object) -> UserError:
    number, known = number_of(found, FORMAT), number_of(FORMAT, FORMAT)
    assert known is not None
    if number is None:
        return _refused("it does not say that it is one")
    if reader_is_older(number, known):
        return UserError(
            "This card was made by a newer blindmatch than this one, which cannot read it.",
            advice="Update blindmatch at this node, then take in the same card.",
        )
    return UserError(
        "This card was made by an older blindmatch, in a form that is not read any more.",
        advice="The organisation that it is from should update blindmatch and send a new card.",
    )


def _refused(reason: str) -> UserError:
    return UserError(
        f"This file is not an intact member card: {reason}.",
        advice="Ask for the card file again, as an attachment, and do not open and save it in an editor.",
    )


def _field_error(error: ValidationError) -> UserError:
    # pydantic's own text quotes the value, which may be long or full of control characters: name the field only.
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    known = [str(part) for part in first["loc"] if part in Card.model_fields]
    if first["type"] == "extra_forbidden":
        return UserError(
            "The card has a field that this version of blindmatch does not know.",
            advice="It was made by a newer one: update blindmatch at this node, then take in the same card.",
        )
    if not known:
        return UserError("The certificate in the card is not a valid one for its owner.", advice="Ask for a new card.")
    return UserError(
        f"The field {known[0]} of the card is missing or not acceptable.",
        advice=f"It holds {FIELDS[known[0]]}." if known[0] in FIELDS else "Ask for the card file again.",
    )
