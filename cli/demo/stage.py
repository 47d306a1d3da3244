"""The demo's folder and its three node processes: made here, and taken away again however the demo ends.

    <folder>/                0700, removed at the end unless it is to be kept
      shelter/ police/ coordinator/            one node's folder each
      shelter.passphrase ...                   0600
      shelter.card ...  shelter.log ...

A signal ends the demo by an exception in the main thread. Between starting a process and having noted it no signal is
let through, and none is while things are taken away.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import cli
from cli._exit import Exit
from cli._session import Session
from cli.demo.wire import Meter
from node.errors import NodeError, UserError

__all__ = ["Office", "Signals", "Stage", "Stopped"]

START_SECONDS = 30.0
"""How long a node may take to start."""
STOP_SECONDS = 3.0
"""How long a node may take to stop cleanly before it is killed."""
_POLL_SECONDS = 0.1


class Stopped(BaseException):
    """The demo was told to stop. Not an Exception, so that no command on the way takes it for a defect."""

    def __init__(self, code: Exit) -> None:
        super().__init__()
        self.code = code


class Signals:
    """SIGINT and SIGTERM as Stopped, once, at moments that are safe. Held back until `release`."""

    def __init__(self) -> None:
        self._held = True
        self._seen: Exit | None = None

    @contextmanager
    def caught(self) -> Iterator[None]:
        """While the block lasts."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        report = sys.unraisablehook

        def quiet(args: "sys.UnraisableHookArgs") -> None:
            # A signal that strikes in a destructor or a weakref's callback cannot be raised from there. It is not lost:
            # `check` raises it at the next step.
            if not isinstance(args.exc_value, Stopped):
                report(args)

        sys.unraisablehook = quiet
        try:
            yield
        finally:
            sys.unraisablehook = report
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What comes while the block lasts is told at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    def release(self) -> None:
        """Everything that must be taken away is noted; from now on signals are told."""
        self._held = False
        self.check()

    def hold(self) -> None:
        """From now on nothing interrupts."""
        self._held = True

    def check(self) -> None:
        """Raise what came while nobody was told, or what somebody on the way swallowed."""
        if self._seen is not None and not self._held:
            raise Stopped(self._seen)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._seen is None:
            self._seen = Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED
            self.check()


class Office:
    """One organisation: its folder, its passphrase, its process and the meter in front of it."""

    def __init__(self, stage: Path, name: str) -> None:
        self.name = name
        self.folder = stage / name
        self.card = stage / f"{name}.card"
        self.log = stage / f"{name}.log"
        self.passphrase = stage / f"{name}.passphrase"
        self.meter = Meter()
        self.process: subprocess.Popen[bytes] | None = None
        with os.fdopen(os.open(self.passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_urlsafe(24)}\n")

    @property
    def session(self) -> Session:
        return Session(self.folder, self.passphrase)

    def wait_until_running(self) -> None:
        """Until the node answers; then the meter forwards to it. UserError with its own words if it does not start."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                with self.session.connect(running=True) as ask:
                    self.meter.target = ask("node.status", {})["port"]
                return
            except NodeError:
                time.sleep(_POLL_SECONDS)
        raise UserError(
            f"The node of the {self.name} did not start.",
            advice=self.log.read_text("utf-8", "replace")[-1000:] if self.log.exists() else "",
        )


class Stage:
    """Made while signals are held back; `close` takes everything away."""

    def __init__(self, signals: Signals, keep: Path | None) -> None:
        self._signals = signals
        self._keep = keep
        self.offices: dict[str, Office] = {}
        self.folder = _kept_folder(keep) if keep else Path(tempfile.mkdtemp(prefix="blindmatch-demo-"))

    def add(self, name: str) -> Office:
        """A new organisation, without a node yet."""
        with self._signals.held():
            self.offices[name] = Office(self.folder, name)
        return self.offices[name]

    def start(self, office: Office, *command: str) -> None:
        """Start a node as a process of its own, away from the terminal's Ctrl-C."""
        environment = os.environ | {
            "BLINDMATCH_STATE": str(office.folder),
            "BLINDMATCH_PASSPHRASE_FILE": str(office.passphrase),
        }
        # Where the packages are, so that a folder named "cli" in the caller's place is not taken for ours.
        home = Path(cli.__file__).parent.parent
        with self._signals.held(), office.log.open("wb") as log:
            office.process = subprocess.Popen(  # noqa: S603  our own interpreter, our own words
                [sys.executable, "-m", "cli.demo.child", str(os.getpid()), *command],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def close(self) -> None:
        """Stop every process, then remove the folder. Doing it twice is fine."""
        self._signals.hold()
        processes = [office.process for office in self.offices.values() if office.process is not None]
        for process in processes:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for office in self.offices.values():
            office.meter.close()
        if self._keep is None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _kept_folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"The folder {folder} is not empty.", advice="Choose a new one with --keep.")
        folder.chmod(0o700)
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used: {error.strerror}.", advice="Choose another.") from None
    return folder
