"""Where the control socket is, for both ends.

A Unix socket's path holds at most 107 bytes, and gRPC reads some characters in it as syntax. Neither matters here:
both ends open the node's folder and name the socket through their own descriptor of it,
`/proc/self/fd/<n>/control.sock`, which is short and plain whatever the folder is called. (Linux only, as blindmatch
is.) Who may connect is decided by the folder (0700) and the socket (0600): only the account that owns them. gRPC's
local credentials refuse anything that did not come through a Unix socket.
"""

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from node.errors import NotFound, StateDamaged

__all__ = ["SOCKET_NAME", "ControlFolder"]

SOCKET_NAME = "control.sock"


class ControlFolder:
    """An open descriptor of a node's folder. Raises NotFound or StateDamaged when there is no safe folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SOCKET_NAME
        try:
            self._descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise NotFound(
                f"There is no node in the folder {folder}.", advice="Make one with `blindmatch node init`."
            ) from None
        details = os.fstat(self._descriptor)
        if details.st_uid != os.geteuid() or stat.S_IMODE(details.st_mode) & 0o077:
            self.close()
            raise StateDamaged(
                f"Other accounts of this machine could enter the folder {folder}.",
                advice=f"Use the account that owns the node, and close the folder: chmod 700 {folder}",
            )

    @property
    def address(self) -> str:
        """The socket, for gRPC, as long as this object is open."""
        return f"unix:/proc/self/fd/{self._descriptor}/{SOCKET_NAME}"

    def restrict(self) -> None:
        """Let nobody but the owner open the socket."""
        self.path.chmod(0o600)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
