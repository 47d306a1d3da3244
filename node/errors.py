"""Every error of the service that a person may see.

    NodeError
    ├── UserError           a mistake at the keyboard: a wrong name, file or option
    ├── NotFound            nothing has that name
    ├── NotAllowed          this caller or person may not do that
    ├── RefusedByPolicy     the rules of this node or of the agreement say no
    ├── Busy                another process holds what is needed, or the queue is full
    │   └── FolderInUse     ... the folder of this node
    ├── PeerUnreachable     the other node could not be reached or did not accept us
    ├── PeerRefused         the other node took our message and said no
    └── StateDamaged        files of this node are missing, altered or from a newer version

`node/rpc/status.py` is the only place that turns them into gRPC codes, `cli/_exit.py` the only one that turns them
into exit codes. A sentence never holds an identifier, a record reference or a key. Of an error that is none of these
only the class and the place (`place_of`) are ever told: its text may hold data.
"""

import traceback
from pathlib import Path
from typing import ClassVar

__all__ = [
    "Busy",
    "FolderInUse",
    "NodeError",
    "NotAllowed",
    "NotFound",
    "PeerRefused",
    "PeerUnreachable",
    "RefusedByPolicy",
    "StateDamaged",
    "UserError",
    "place_of",
]


class NodeError(Exception):
    """Base: `sentence` says what happened, `advice` what to do next, `code` is a stable slug."""

    code: ClassVar[str] = "node"

    def __init__(self, sentence: str, *, advice: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice

    def diagnostics(self) -> str:
        """The whole message for a person: what happened, then what to do."""
        return f"{self.sentence} {self.advice}".strip()


class UserError(NodeError):
    code = "user-error"


class NotFound(NodeError):
    code = "not-found"


class NotAllowed(NodeError):
    code = "not-allowed"


class RefusedByPolicy(NodeError):
    code = "refused-by-policy"


class Busy(NodeError):
    code = "busy"


class FolderInUse(Busy):
    """Another process holds the node's folder."""


class PeerUnreachable(NodeError):
    code = "peer-unreachable"


class PeerRefused(NodeError):
    """The other node took our call and said no: sending the same again will not help. `reason`: its error code.

    Sentence, advice and reason may be the other node's words: for the screen of who asked, never to be stored.
    """

    code = "peer-refused"

    def __init__(self, sentence: str, *, advice: str = "", reason: str) -> None:
        super().__init__(sentence, advice=advice)
        self.reason = reason


class StateDamaged(NodeError):
    code = "state-damaged"


def place_of(error: BaseException) -> str:
    """The innermost line of the trace, as "module.line": says where, and nothing about data."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).stem.strip('_').lower()}.{frames[-1].lineno}" if frames else "unknown"
