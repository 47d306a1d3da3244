"""`blindmatch doctor`: what works on this machine, how fast it is, and whether a node's folder is sound.

Needs no folder, leaves no file, asks for no passphrase and prints nothing secret: its report can be sent to whoever
helps. One check is one function that gives one `Check`.
"""

import os
import platform
import stat
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from cli import _node_checks
from cli._elsewhere import nodes_run_here, system_name
from cli._exit import Exit
from cli._node_checks import Check
from cli._options import AsJson, Folder
from cli._output import Printer, show, working
from cli._session import Session
from node import __version__
from node.errors import NodeError
from node.wording import plural
from psi.errors import BackendUnavailable, PsiError
from psi.group import Backend

__all__ = ["Check", "doctor", "examine"]

MEASURED_ELEMENTS = 1_000
"""Multiplications measured: some 50 ms on an old laptop."""


def doctor(folder: Folder = None, as_json: AsJson = False) -> None:
    """Check this machine and, if there is one, the node's folder. Exit code 8 if something must be put right."""
    with working("Checking"):
        checks = list(examine(folder))
    good = all(check.ok is not False for check in checks)
    report = {"ok": good, "version": __version__, "checks": [asdict(check) for check in checks]}
    show(report, as_json, _report)
    if not good:
        raise typer.Exit(Exit.DAMAGED)


def examine(folder: Path | None) -> Iterator[Check]:
    """Every check, in order. A check that breaks is itself a finding."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("system", _system),
        ("memory files", _memory_files),
        ("backend", _backend),
        ("curve core", _curve_core),
        ("speed", _speed),
        ("normaliser", _normaliser),
        ("phone numbers", _phone_numbers),
        ("unicode", _unicode),
    ]
    place = _node_folder(folder) if nodes_run_here() else None
    if not nodes_run_here():
        pass  # "system" has said so
    elif place is None or not any(_entries(place)):
        checks.append(("node", lambda: _no_node(place)))
    else:
        checks += [
            ("folder", lambda: _folder(place)),
            ("key file", lambda: _key_file(place)),
            ("settings", lambda: _settings(place)),
            ("database", lambda: _database(place)),
            ("node", lambda: _node_checks.running(place)),
            ("watching", lambda: _node_checks.watching(place)),
            ("certificate", lambda: _node_checks.certificate(place)),
        ]
    for name, check in checks:
        try:
            yield check()
        except (NodeError, PsiError) as error:
            yield Check(name, False, error.sentence, error.advice)
        except Exception as error:  # noqa: BLE001  a doctor reports, whatever is wrong
            yield Check(name, False, f"The check itself failed ({type(error).__name__}).", "Please report this.")
    if place is not None and any(_entries(place)):
        yield from _node_checks.members(place)


def _python() -> Check:
    version = platform.python_version()
    return Check("python", sys.version_info >= (3, 11), f"{platform.python_implementation()} {version}")


def _system() -> Check:
    says = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if nodes_run_here():
        return Check("system", True, says)
    return Check("system", None, f"{says}; a node does not run on {system_name()}.", "`blindmatch verify` does.")


def _chosen_backend() -> Backend:
    """The arithmetic that a node would take here; on a computer that runs none, the best one."""
    if not nodes_run_here():
        from psi.backend import choose

        return choose()
    from node.app import chosen_backend

    return chosen_backend()


def _memory_files() -> Check:
    if not hasattr(os, "memfd_create"):
        return Check("memory files", None, "This system has none; a private folder is used instead.")
    try:
        os.close(os.memfd_create("blindmatch-doctor", os.MFD_CLOEXEC))
    except OSError:
        return Check("memory files", False, "The system refuses them.", "Allow memfd_create for this program.")
    return Check("memory files", True, "The cryptographic library is loaded without leaving a file.")


def _backend() -> Check:
    return Check("backend", True, f"{_chosen_backend().name}; its self-test agrees with RFC 9496")


def _curve_core() -> Check:
    """Whether the fastest arithmetic could run here; not which one was chosen."""
    from psi.backend import built_with, shortfall

    built = built_with()
    how = f"compiled with {built}" if built else ""
    short = shortfall()
    if short is None:
        return Check("curve core", True, how)
    sentence, advice = short
    try:
        _chosen_backend()
    except BackendUnavailable as refusal:
        if advice in refusal.advice:  # one cause, and said once
            return Check("curve core", None, 'The fastest one does not run here; see "backend".', how)
    return Check("curve core", None, sentence, " ".join(filter(None, (advice, how))))


def _speed() -> Check:
    from psi.group import GENERATOR

    try:
        backend = _chosen_backend()
    except BackendUnavailable:
        return Check("speed", None, 'Not measured: see "backend".')
    with backend.new_scalar() as scalar:
        before = time.perf_counter()
        backend.multiply(scalar, GENERATOR * MEASURED_ELEMENTS)
        seconds = time.perf_counter() - before
    rate = MEASURED_ELEMENTS / seconds / 1000
    return Check("speed", True, f"{backend.name}: {rate:.1f} thousand multiplications a second, measured just now")


def _normaliser() -> Check:
    from psi.identifiers import NORMALISER_VERSION

    return Check("normaliser", True, f"{NORMALISER_VERSION} (both sides of a round need the same)")


def _phone_numbers() -> Check:
    import phonenumbers

    number = phonenumbers.parse("0721 123 456", "RO")
    works = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == "+40721123456"
    return Check("phone numbers", works, f"phonenumbers {phonenumbers.__version__}", "" if works else "Install again.")


def _unicode() -> Check:
    return Check("unicode", True, f"{unicodedata.unidata_version} here; text is limited to what version 14 knows")


def _node_folder(named: Path | None) -> Path | None:
    """The folder to look at: one that was named, or the usual one; None if this account has no home."""
    try:
        return Session(named, None).folder
    except NodeError:
        return None


def _entries(place: Path) -> Iterator[Path]:
    """What is in a folder; nothing if there is none. One that may not be read is not empty."""
    try:
        yield from place.iterdir()
    except PermissionError:
        yield place
    except OSError:
        return


def _no_node(place: Path | None) -> Check:
    """One sentence instead of a row for each part that is not there yet."""
    if place is None:
        return Check("node", None, "This account has no home folder.", "Name the node's folder: --folder.")
    return Check("node", None, f"There is no node in {place} yet.", "`blindmatch node init` makes one.")


def _folder(place: Path) -> Check:
    from node.store import StateDir

    StateDir(place).check()
    return Check("folder", True, f"{place} belongs to this account, and no other can enter it")


def _key_file(place: Path) -> Check:
    from node.store import KeyRing, StateDir

    locked = KeyRing.needs_passphrase(StateDir(place).key)
    if locked:
        return Check("key file", True, "mode 0600, locked with a passphrase")
    return Check("key file", True, "mode 0600, NOT locked with a passphrase: whoever copies the folder reads it")


def _settings(place: Path) -> Check:
    from node import config
    from node.store import StateDir

    found = config.load(StateDir(place).config)
    return Check("settings", True, f"every setting is known; listens at {found.node.listen}")


def _database(place: Path) -> Check:
    """Read-only, so that a running node is not disturbed and no file appears."""
    import sqlite3

    from node import config
    from node.store import StateDir

    settings = config.load(StateDir(place).config)
    if settings.store.database_file:
        return _server(place, settings)
    path = place / "db"
    if not path.is_file():
        return Check("database", False, "The database is missing.", "Restore the folder from a backup.")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check("database", False, "Other accounts could read the database.", f"Close it: chmod 600 {path}")
    if schema := _schema(place):
        return schema
    # Without its companion file SQLite would make one, so then the file is read as one that nobody changes.
    mode = "mode=ro" if path.with_name("db-shm").exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(f"file:{_quoted(path)}?{mode}", uri=True)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError:
        found = "damaged"
    finally:
        connection.close()
    if found != "ok":
        return Check("database", False, "The database is damaged.", "Restore the folder from a backup.")
    return Check("database", True, "SQLite finds it sound; `blindmatch audit verify` checks what stands in it")


def _schema(place: Path) -> Check | None:
    """Whether the next start changes the shape of the database, or cannot open it at all; None if it is today's."""
    from cli._upgrade import the_way_back
    from node.store import StateDir
    from node.store.revisions import look_at_file
    from node.store.upgrading import moved_away

    found = look_at_file(StateDir(place).database)
    if found.left:
        moved = moved_away()
        return Check("database", False, moved.sentence, moved.advice)
    if found.newer:
        return Check("database", False, "A newer blindmatch wrote it, and this one cannot open it.",
                     "Install that version again, or restore a backup made with this one.")  # fmt: skip
    if found.older:
        says = f"of an older version: the next start brings schema {found.revision} to {found.today}"
        return Check("database", None, says, the_way_back(found.backup))
    return None


def _server(place: Path, settings: Any) -> Check:
    """A look from outside: takes no lock and writes nothing."""
    from node.app import database_address
    from node.store import StateDir
    from node.store.engine import look_at_server

    return Check("database", True, look_at_server(database_address(StateDir(place), settings)))


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def _report(printer: Printer, report: dict[str, Any]) -> None:
    printer.line(f"blindmatch {report['version']}", style="bold")
    signs = {True: "ok", False: "NO", None: "-"}
    printer.table(
        ["check", "", "finding"],
        [
            (check["name"], signs[check["ok"]], f"{check['says']} {check['advice']}".strip())
            for check in report["checks"]
        ],
        empty="",
    )
    printer.line()
    away = [check["name"] for check in report["checks"] if check["name"].startswith("member ") and not check["ok"]]
    if report["ok"] and away:
        said = f"{len(away)} {plural(len(away), 'member')} cannot be reached now."
        printer.line(f"Nothing stands in the way here; {said}", style="yellow")
    elif report["ok"]:
        printer.line("Nothing stands in the way.", style="green")
    else:
        printer.line("Something must be put right before real data is used here.", style="red")
