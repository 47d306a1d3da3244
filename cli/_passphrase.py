"""Passphrases: typed at the terminal or read from a private file, never an argument and never a variable.

A passphrase goes from the system straight into a wipeable buffer (`psi.secret`): no Python string of it ever exists.
So the terminal is read here and not with `getpass`, which returns one.

A file must be readable by its owner alone. One exception: systemd hands credentials to a service in a folder that
only the service can enter, and there the group bits of the mode are the mask of an access list, not a group's right.
"""

import hmac
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import UserError
from psi.secret import SecretBytes

__all__ = ["MAX_PASSPHRASE_BYTES", "ask", "ask_twice", "at_terminal", "read_file", "tell"]

MAX_PASSPHRASE_BYTES = 1024
"""Longest passphrase, in bytes of UTF-8. (A terminal passes on at most 4095 bytes of a line.)"""

TRIES = 3
"""How often a person may try to type a new passphrase twice the same."""

_TERMINAL = "/dev/tty"


def read_file(path: Path) -> SecretBytes:
    """The first line of a private file. UserError if others may read it, or there is no usable passphrase in it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise UserError(
            f"The passphrase file {path} cannot be read: {error.strerror}.", advice="Check its name and its owner."
        ) from None
    try:
        details = os.fstat(descriptor)
        if not (stat.S_ISREG(details.st_mode) or stat.S_ISFIFO(details.st_mode)):
            raise UserError(f"The passphrase file {path} is not a file.", advice="Name a file with one line.")
        if stat.S_IMODE(details.st_mode) & (0o007 if _is_credential(path) else 0o077):
            raise UserError(
                f"Other accounts of this machine may read the passphrase file {path}, so it was not used.",
                advice=f"Close it: `chmod 600 {path}`. If chmod changes nothing, that disk keeps no access rights (a "
                "Windows disk, a memory stick): put the file elsewhere. If others have been able to read it, choose "
                "another passphrase.",
            )
        return _line(descriptor)
    except OSError as error:
        raise UserError(f"The passphrase file {path} cannot be read: {error.strerror}.") from None
    finally:
        os.close(descriptor)


def at_terminal() -> bool:
    """Can a person be asked?"""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError:
        return False
    return os.isatty(0)


def ask(question: str) -> SecretBytes:
    """One line from the terminal, which does not show it."""
    with _silent_terminal() as terminal:
        os.write(terminal, question.encode())
        try:
            return _line(terminal)
        finally:
            os.write(terminal, b"\n")


def tell(text: str) -> None:
    """One line to whoever sits at the terminal, if somebody does."""
    if at_terminal():
        with _silent_terminal() as terminal:
            os.write(terminal, f"{text}\n".encode())


def ask_twice(at_least: int = 1) -> SecretBytes:
    """A new passphrase of `at_least` so many bytes, typed twice the same. UserError after three tries."""
    trouble = ""
    for _ in range(TRIES):
        first = ask(f"{trouble}New passphrase (at least 12 characters; four or five random words make a good one): ")
        if first.size < at_least:
            trouble = "That is too short. "
        else:
            with ask("The same again: ") as second:
                if hmac.compare_digest(first.view(), second.view()):
                    return first
            trouble = "The two passphrases differ. "
        first.wipe()
    raise UserError(trouble.strip(), advice="Nothing was made. Try again.")


@contextmanager
def _silent_terminal() -> Iterator[int]:
    try:
        terminal = os.open(_TERMINAL, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        raise UserError(
            "There is no terminal to ask for the passphrase.", advice="Name a private file with --passphrase-file."
        ) from None
    import termios  # not on Windows, where `blindmatch --help` must work all the same

    try:
        before = termios.tcgetattr(terminal)
        silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
        try:
            yield terminal
        finally:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    finally:
        os.close(terminal)


def _is_credential(path: Path) -> bool:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.absolute().parent == Path(str(folder)).absolute()


def _line(descriptor: int) -> SecretBytes:
    """The first line, read into a buffer and moved into one of its exact size."""
    with SecretBytes(MAX_PASSPHRASE_BYTES + 2) as buffer:
        view = buffer.view()
        filled = 0
        while filled < len(view) and (count := os.readv(descriptor, [view[filled:]])):
            filled += count
            if 0x0A in view[filled - count : filled]:
                break
        end = next((place for place in range(filled) if view[place] in b"\r\n"), filled)
        if not end:
            raise UserError("The passphrase is empty.", advice="Type it, or put it in the first line of the file.")
        if end > MAX_PASSPHRASE_BYTES:
            raise UserError(f"The passphrase is longer than {MAX_PASSPHRASE_BYTES} bytes.")
        passphrase = SecretBytes(end)
        passphrase.view()[:] = view[:end]
    return passphrase
