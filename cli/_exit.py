"""Exit codes: the only place that chooses them.

The running node reports its errors by code word, the same words that its errors carry here, so an error gives the
same exit code whether the node runs or not.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from node.errors import NodeError
from psi.errors import PsiError

__all__ = ["MEANINGS", "Exit", "exit_code", "explained"]


class Exit(IntEnum):
    OK = 0
    DEFECT = 1
    USAGE = 2
    USER = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5
    BUSY = 6
    UNREACHABLE = 7
    DAMAGED = 8
    NOT_VERIFIED = 9
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.OK: "done",
        Exit.DEFECT: "a defect of blindmatch; please report it",
        Exit.USAGE: "the command line is not understood",
        Exit.USER: "the command cannot be done as given; the message says why",
        Exit.NOT_FOUND: "nothing has that name, or there is no node in that folder",
        Exit.NOT_ALLOWED: "refused by the rules, or not allowed for this person or member",
        Exit.BUSY: "something else holds what is needed, or it takes too long; try again",
        Exit.UNREACHABLE: "a node could not be reached, or broke off",
        Exit.DAMAGED: "files of the node, or the installation, are damaged or unsafe",
        Exit.NOT_VERIFIED: "a check failed: the audit log, old papers, or what a member sent",
        Exit.INTERRUPTED: "stopped by Ctrl-C",
        Exit.TERMINATED: "stopped by SIGTERM",
    }
)

_BY_CODE: Mapping[str, Exit] = MappingProxyType(
    {
        # node/errors.py and its relatives
        "user-error": Exit.USER,
        "password-needed": Exit.USER,
        "wrong-password": Exit.USER,
        "not-found": Exit.NOT_FOUND,
        "not-allowed": Exit.NOT_ALLOWED,
        "own-passphrase-needed": Exit.NOT_ALLOWED,
        "refused-by-policy": Exit.NOT_ALLOWED,
        "list-refused": Exit.NOT_ALLOWED,
        "unauthenticated": Exit.NOT_ALLOWED,
        "peer-refused": Exit.NOT_ALLOWED,
        "busy": Exit.BUSY,
        "deadline": Exit.BUSY,
        "peer-unreachable": Exit.UNREACHABLE,
        "node-not-running": Exit.UNREACHABLE,
        "broken-off": Exit.UNREACHABLE,
        "state-damaged": Exit.DAMAGED,
        "bad-checkpoint": Exit.NOT_VERIFIED,
        "internal": Exit.DEFECT,
        # psi/errors.py, LocalError
        "local": Exit.USER,
        "backend-unavailable": Exit.DAMAGED,
        "list-does-not-fit": Exit.USER,
        "refused-value": Exit.USER,
        "wrong-state": Exit.USER,
        # psi/errors.py, PeerError: what the other side sent does not hold
        "peer": Exit.NOT_VERIFIED,
        "malformed-message": Exit.NOT_VERIFIED,
        "version-mismatch": Exit.NOT_VERIFIED,
        "older-reader": Exit.NOT_VERIFIED,
        "older-sender": Exit.NOT_VERIFIED,
        "unexpected-message": Exit.NOT_VERIFIED,
        "wrong-party": Exit.NOT_VERIFIED,
        "invalid-element": Exit.NOT_VERIFIED,
        "reflected-key": Exit.NOT_VERIFIED,
        "shared-element": Exit.NOT_VERIFIED,
        "list-out-of-order": Exit.NOT_VERIFIED,
        "wrong-count": Exit.NOT_VERIFIED,
        "broken-commitment": Exit.NOT_VERIFIED,
        "bad-proof": Exit.NOT_VERIFIED,
        "forged-release": Exit.NOT_VERIFIED,
        "bad-signature": Exit.NOT_VERIFIED,
        "changed-answer": Exit.NOT_VERIFIED,
        "transcript-mismatch": Exit.NOT_VERIFIED,
        "shrunken-log": Exit.NOT_VERIFIED,
    }
)


def exit_code(error: NodeError | PsiError) -> Exit:
    """The exit code for an error of node or psi, near or reported by the running node."""
    return _BY_CODE.get(error.code, Exit.DEFECT)


def explained() -> str:
    """The table of exit codes, for `--help`."""
    return "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
