"""One command's way to a node: the running one over its local socket, or else the folder itself.

    session = Session(folder, passphrase_file)
    reply = session.call("round.status", {"round": "4f"})

Where staff is registered, a node answers a request that names somebody in `by` with "show who you are": then the
person's own passphrase is asked for (or read from the file of --own-passphrase-file), and goes beside the request.

If no node runs, the folder is opened in this process and the same table of operations is asked, so replies and errors
are the same. Two commands that do this at the same moment take turns.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import _own, _passphrase, _upgrade
from node.errors import Busy, FolderInUse, NodeError, UserError
from psi.secret import SecretBytes

__all__ = ["DEFAULT_FOLDER", "FOLDER_WAIT_SECONDS", "POLL_SECONDS", "Ask", "Reply", "Session"]

DEFAULT_FOLDER = "~/.local/share/blindmatch"
FOLDER_WAIT_SECONDS = 15.0
"""How long a command waits for a folder that another command, or a starting node, holds. In seconds."""
POLL_SECONDS = 0.2
"""How often it looks, in seconds."""

Reply = dict[str, Any]
Progress = Callable[[Mapping[str, Any]], None]
Ask = Callable[[str, Mapping[str, Any]], Reply]
_Proven = Callable[[str, Mapping[str, Any], SecretBytes | None], Reply]


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

    def call(
        self,
        operation: str,
        request: Mapping[str, Any],
        progress: Progress = _no_progress,
        *,
        new: SecretBytes | None = None,
    ) -> Reply:
        """Ask one thing. `new`: a new passphrase that goes with it, beside the request; the caller wipes it."""
        with self.connect(progress, new=new) as ask:
            return ask(operation, request)

    @contextmanager
    def connect(
        self, progress: Progress = _no_progress, *, running: bool = False, new: SecretBytes | None = None
    ) -> Iterator[Ask]:
        """Ask several things of the same node. `running`: only of a node that runs, else UserError."""
        from node.rpc.control_client import ControlClient, NodeNotRunning

        with ExitStack() as stack:
            clients: list[ControlClient] = []
            opened: list[_Proven] = []
            shown = stack.enter_context(_own.Shown())

            def ask(operation: str, request: Mapping[str, Any]) -> Reply:
                own = shown.of(request)
                if opened:
                    return opened[0](operation, request, own)
                if not clients:
                    clients.append(stack.enter_context(ControlClient(self.folder)))
                reply: Reply = clients[0].call(operation, request, progress, credential=own, new_credential=new)
                return reply

            def ask_or_open(operation: str, request: Mapping[str, Any]) -> Reply:
                until = time.monotonic() + FOLDER_WAIT_SECONDS
                while True:
                    try:
                        return ask(operation, request)
                    except NodeError as error:
                        if not isinstance(error, NodeNotRunning):
                            if not shown.asked_for(error, request):
                                raise
                            continue
                        if running:
                            raise UserError(
                                "The node is not running, so nothing can change.",
                                advice="Start it with `blindmatch node run`.",
                            ) from None
                        clients.pop().close()
                    try:
                        opened.append(stack.enter_context(self._opened(progress, new)))
                    except Busy as busy:
                        # Held by another command, or by a node that starts and will answer in a moment.
                        if time.monotonic() > until:
                            if not isinstance(busy, FolderInUse):
                                raise
                            raise Busy(
                                f"A node that still starts, or another command, is using the folder {self.folder}.",
                                advice="Nothing was done. Wait a minute, then give the command again.",
                            ) from None
                        time.sleep(POLL_SECONDS)

            yield ask_or_open

    def node_answers(self) -> bool:
        """Does a node run in this folder, and answer?"""
        from node.rpc.control_client import ControlClient

        try:
            with ControlClient(self.folder) as client:
                client.call("node.status", {}, timeout_seconds=FOLDER_WAIT_SECONDS)
        except NodeError:
            return False
        return True

    def passphrase(self, *, starts: bool = False) -> SecretBytes | None:
        """The passphrase of this folder's key file, None if it has none. The caller wipes it. `starts`: the node is
        being started, so nobody is told to start it."""
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
                advice=("Name" if starts else "Start the node (`blindmatch node run`), or name")
                + " a private file that holds the passphrase: --passphrase-file, or BLINDMATCH_PASSPHRASE_FILE.",
            )
        return _passphrase.ask("Passphrase of this node: ")

    @contextmanager
    def naming_the_file(self) -> Iterator[None]:
        """Around the use of a passphrase: a wrong one is told with the file that it was read from."""
        from node.store.keyring import WrongPassphrase

        try:
            yield
        except WrongPassphrase as error:
            if self.passphrase_file is None:
                raise
            raise UserError(
                error.sentence,
                advice=f"It was read from {self.passphrase_file} (--passphrase-file or BLINDMATCH_PASSPHRASE_FILE): "
                "is that the file of this node?",
            ) from None

    @contextmanager
    def _opened(self, progress: Progress, new: SecretBytes | None) -> Iterator["_Proven"]:
        """The same operations without a running node. Busy if somebody holds the folder."""
        from node.app import harden, open_node
        from node.operations import OPERATIONS, Dispatcher
        from node.store import StateDir

        harden()
        with StateDir(self.folder).lock():
            pass  # nobody is asked for a passphrase in vain
        with (
            self.passphrase() or nullcontext() as passphrase,
            self.naming_the_file(),
            open_node(self.folder, passphrase, tell=_upgrade.tell) as parts,
        ):
            dispatcher = Dispatcher(parts, OPERATIONS)

            def ask(operation: str, request: Mapping[str, Any], own: SecretBytes | None) -> Reply:
                asked = json.dumps(dict(request)).encode()
                done = dispatcher.invoke(operation, asked, progress, credential=own, new_credential=new)
                reply: Reply = json.loads(done)
                return reply

            yield ask
