"""Every error that leaves psi, and whose fault it is.

    PsiError
    ├── LocalError              our own side, or the person using it
    │   ├── BackendUnavailable      no trustworthy curve arithmetic on this machine
    │   ├── ListDoesNotFit          more identifiers than the agreement declares
    │   ├── RefusedValue            a cell, field or rule that cannot become an identifier
    │   └── WrongState              a call that the protocol does not allow now
    └── PeerError               the other side broke the protocol: the round ends, nothing is released
        ├── MalformedMessage        bytes that are not a message
        ├── VersionMismatch         another suite, protocol or normaliser
        ├── UnexpectedMessage       a message out of turn
        ├── WrongParty              names, run or agreement that are not this round's
        ├── InvalidElement          not a canonical, non-identity group element
        ├── ReflectedKey            the other side shows our own key
        ├── SharedElement           one blinded element on both lists
        ├── ListOutOfOrder          not strictly ascending (a duplicate, or an order that tells)
        ├── WrongCount              more or fewer than was committed to
        ├── BrokenCommitment        the list is not the one committed to
        ├── BadProof                an answer that its proof does not cover
        ├── ForgedRelease           a released element that is no agreement
        ├── BadSignature            a count or closing that its sender did not sign
        ├── ChangedAnswer           a second, different answer to the same question
        └── TranscriptMismatch      the two sides did not see the same round

A caller needs two answers: *whose fault* (the class decides: `LocalError` or `PeerError`) and *what do I tell
the person* (`diagnostics()`). Neither the sentence nor the advice ever holds an identifier, a record reference or
a key; `index` is the position of the offender in a list of blinded elements, which says nothing about a person.
"""

from typing import ClassVar

__all__ = [
    "BackendUnavailable",
    "BadProof",
    "BadSignature",
    "BrokenCommitment",
    "ChangedAnswer",
    "ForgedRelease",
    "InvalidElement",
    "ListDoesNotFit",
    "ListOutOfOrder",
    "LocalError",
    "MalformedMessage",
    "PeerError",
    "PsiError",
    "ReflectedKey",
    "RefusedValue",
    "SharedElement",
    "TranscriptMismatch",
    "UnexpectedMessage",
    "VersionMismatch",
    "WrongCount",
    "WrongParty",
    "WrongState",
]


class PsiError(Exception):
    """Base of all errors of psi.

    `code` is a stable slug for logs, audit entries and exit codes; `sentence` says what happened and `advice` what
    to do next, both for a person without training; `index` is the position of the first offender, if there is one.
    """

    code: ClassVar[str] = "psi"

    def __init__(self, sentence: str, *, advice: str = "", index: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice
        self.index = index

    def diagnostics(self) -> str:
        """The whole message for a person: what happened, then what to do."""
        return f"{self.sentence} {self.advice}".strip()


class LocalError(PsiError):
    """Our own side could not or would not go on; the peer is not to blame."""

    code = "local"


class PeerError(PsiError):
    """The other side broke the protocol. The round is over and nothing more is released."""

    code = "peer"


class BackendUnavailable(LocalError):
    code = "backend-unavailable"


class ListDoesNotFit(LocalError):
    code = "list-does-not-fit"


class RefusedValue(LocalError):
    """`reason` is a stable slug such as `phone/too-short`, so that reports can count and vectors can name it."""

    code = "refused-value"

    def __init__(self, sentence: str, *, advice: str = "", reason: str) -> None:
        super().__init__(sentence, advice=advice)
        self.reason = reason


class WrongState(LocalError):
    code = "wrong-state"


class MalformedMessage(PeerError):
    code = "malformed-message"


class VersionMismatch(PeerError):
    code = "version-mismatch"


class UnexpectedMessage(PeerError):
    code = "unexpected-message"


class WrongParty(PeerError):
    code = "wrong-party"


class InvalidElement(PeerError):
    code = "invalid-element"


class ReflectedKey(PeerError):
    code = "reflected-key"


class SharedElement(PeerError):
    code = "shared-element"


class ListOutOfOrder(PeerError):
    code = "list-out-of-order"


class WrongCount(PeerError):
    code = "wrong-count"


class BrokenCommitment(PeerError):
    code = "broken-commitment"


class BadProof(PeerError):
    code = "bad-proof"


class ForgedRelease(PeerError):
    code = "forged-release"


class BadSignature(PeerError):
    code = "bad-signature"


class ChangedAnswer(PeerError):
    code = "changed-answer"


class TranscriptMismatch(PeerError):
    code = "transcript-mismatch"
