"""Time-stamps (RFC 3161): an authority says that a checkpoint of our log existed at a time. Optional, and offline.

    request  a file to be sent to the authority, in whatever way: the SHA-512 of the checkpoint's note, nothing else
    reply    the file that came back; it is checked against the authority's certificate and our checkpoints

No nonce: the hash is of one checkpoint of one log, so an old reply is a reply about that very checkpoint. What a peer's
cosignature shows to the two of them, a time-stamp shows to everybody who trusts the authority: that the log up to there
is not younger. Whether the authority's clock is right it does not show.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from node.errors import UserError

__all__ = ["MAX_REPLY_BYTES", "Stamp", "check_reply", "request_for"]

MAX_REPLY_BYTES = 1024 * 1024
"""Longest reply or file of certificates that is read, in bytes."""


@dataclass(frozen=True)
class Stamp:
    """The checkpoint of `tree_size` entries existed at `time` (aware, UTC), says the authority."""

    tree_size: int
    time: datetime


def request_for(note: str) -> bytes:
    """What is sent to an authority about a checkpoint: DER, some 100 bytes."""
    builder = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA512)
    return builder.nonce(nonce=False).cert_request(cert_request=True).build().as_bytes()


def check_reply(reply: bytes, certificates: bytes, notes: Iterable[tuple[int, str]]) -> Stamp:
    """The time-stamp in a reply (DER) over one of the checkpoints in `notes` (size, note).

    `certificates`: PEM, of the authority's root, and what lies between. UserError for anything that does not hold.
    """
    try:
        trusted = x509.load_pem_x509_certificates(certificates)
    except ValueError:
        raise UserError(
            "The file of the authority's certificate cannot be read.",
            advice="Give the certificate of the authority's root, in PEM form.",
        ) from None
    try:
        response = decode_timestamp_response(reply)
        imprint = response.tst_info.message_imprint.message
        found = [(size, note) for size, note in notes if hashlib.sha512(note.encode()).digest() == imprint]
        if not found:
            raise UserError(
                "The reply is not about a checkpoint of this node's log, as far as this node remembers.",
                advice="Make a request with `blindmatch audit timestamp --request`, and give the reply to that one.",
            )
        builder = VerifierBuilder()
        for one in trusted:
            own = one.issuer == one.subject
            builder = builder.add_root_certificate(one) if own else builder.add_intermediate_certificate(one)
        builder.build().verify_message(response, found[0][1].encode())
        return Stamp(found[0][0], response.tst_info.gen_time)
    except (VerificationError, ValueError, TypeError):
        raise UserError(
            "The reply is not a time-stamp that this authority signed.",
            advice="Check that the reply is whole, and that the certificate is the root of this very authority.",
        ) from None
