"""One command's way to a node: the running one over its local socket, or else the folder itself.

    session = Session(folder, passphrase_file)
    reply = session.call("round.status", {"round": "4f"})

If no node runs, the folder is opened in this process and the same table of operations is asked, so replies and errors
are the same. Two commands that do this at the same moment take turns.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import _passphrase
from node.errors import Busy, UserError
from psi.secret import SecretBytes

__all__ = ["DEFAULT_FOLDER", "Ask", "Session"]

DEFAULT_FOLDER = "~/.local/share/blindmatch"
FOLDER_WAIT_SECONDS = 5.0
"""How long a command waits for a folder that another command, or a starting node, holds."""
_POLL_SECONDS = 0.2

Reply = dict[str, Any]
Progress = Callable[[Mapping[str, Any]], None]
Ask = Callable[[str, Mapping[str, Any]], Reply]


def _no_progress(_step: Mapping[str, Any]) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Session:
    """Where the node is, and how to unlock it. Building one touches nothing."""

    place: Path | None
    passphrase_file: Path | None

    @property
    def folder(self) -> Path:
        """The node's folder; UserError if none is named and this account has no home."""
        try:
            return (self.place or Path(DEFAULT_FOLDER)).expanduser().absolute()
        except RuntimeError:
            raise UserError("This account has no home folder.", advice="Name the node's folder: --folder.") from None

    def call(self, operation: str, request: Mapping[str, Any], progress: Progress = _no_progress) -> Reply:
        """Ask one thing."""
        with self.connect(progress) as ask:
            return ask(operation, request)

    @contextmanager
    def connect(self, progress: Progress = _no_progress, *, running: bool = False) -> Iterator[Ask]:
        """Ask several things of the same node. `running`: only of a node that runs, else UserError."""
        from node.rpc.control_client import ControlClient, NodeNotRunning

        with ExitStack() as stack:
            client = stack.enter_context(ControlClient(self.folder))
            here: list[Ask] = []

            def ask(operation: str, request: Mapping[str, Any]) -> Reply:
                if here:
                    return here[0](operation, request)
                try:
                    reply: Reply = client.call(operation, request, progress)
                except NodeNotRunning:
                    if running:
                        raise UserError(
                            "The node is not running, so nothing can change.",
                            advice="Start it with `blindmatch node run`.",
                        ) from None
                    here.append(stack.enter_context(self._opened(progress)))
                    return here[0](operation, request)
                return reply

            yield ask

    def passphrase(self) -> SecretBytes | None:
        """The passphrase of this folder's key file, None if it has none. The caller wipes it."""
        from node.store import KeyRing, StateDir

        state = StateDir(self.folder)
        state.check()
        if self.passphrase_file is not None:
            return _passphrase.read_file(self.passphrase_file)
        if not KeyRing.needs_passphrase(state.key):
            return None
        if not _passphrase.at_terminal():
            raise UserError(
                "This node's key file is locked, and nobody is there to type the passphrase.",
                advice="Name a private file that holds it: --passphrase-file.",
            )
        return _passphrase.ask("Passphrase of this node: ")

    @contextmanager
    def _opened(self, progress: Progress) -> Iterator[Ask]:
        """The same operations without a running node."""
        from node.app import harden, open_node
        from node.operations import OPERATIONS, Dispatcher

        harden()
        with ExitStack() as stack:
            passphrase = self.passphrase()
            if passphrase is not None:
                stack.enter_context(passphrase)
            until = time.monotonic() + FOLDER_WAIT_SECONDS
            while True:
                try:
                    parts = stack.enter_context(open_node(self.folder, passphrase))
                    break
                except Busy:
                    if time.monotonic() > until:
                        raise
                    time.sleep(_POLL_SECONDS)
            dispatcher = Dispatcher(parts, OPERATIONS)

            def ask(operation: str, request: Mapping[str, Any]) -> Reply:
                reply: Reply = json.loads(dispatcher.invoke(operation, json.dumps(dict(request)).encode(), progress))
                return reply

            yield ask


os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its C core would write to our standard error
