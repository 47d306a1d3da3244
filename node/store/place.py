"""Whether a disk can hold a node: it must keep the access rights that files are given, and take local sockets.

A Windows disk seen from Linux (`/mnt/c` under WSL), a memory stick with FAT or a share of another computer may show the
same rights whatever was asked for: then anybody with that disk in hand, or with an account on that computer, reads the
key file, and no mode says so. This is found by trying, before anything secret is written.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from node.errors import UserError
from node.store.files import FILE_MODE, FOLDER_MODE

__all__ = ["NO_RIGHTS_HERE", "refuse_unfit"]

NO_RIGHTS_HERE = (
    "If chmod changes nothing, that disk keeps no access rights (a Windows disk such as /mnt/c, a memory stick): "
    "move it to a Linux disk."
)
"""What to add where somebody is told to close a file or folder."""

_PROBE = ".blindmatch-probe"


def refuse_unfit(folder: Path, *, sockets: bool = True) -> None:
    """UserError if the disk of this new, private folder cannot hold a node. Leaves nothing in it; OSError if it may not
    be written at all. `sockets`: whether the node's local socket will lie there, too."""
    probe = folder / _PROBE
    _remove(probe)  # of a try that was killed
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        found = [(stat.S_IMODE(details.st_mode), details.st_uid) for details in (folder.stat(), probe.stat())]
        if found != [(FOLDER_MODE, os.geteuid()), (FILE_MODE, os.geteuid())]:
            raise UserError(
                f"The disk of the folder {folder} does not keep the access rights of files, so others could read the "
                "keys in it.",
                advice="Choose a folder on a Linux disk, for example in your home folder. Under WSL a folder in /mnt/c "
                "lies on the Windows disk; one in your Linux home folder does not.",
            )
        _remove(probe)
        if sockets:
            _try_a_socket(folder, probe)
    finally:
        _remove(probe)


def _try_a_socket(folder: Path, probe: Path) -> None:
    """The path of a socket may be 107 bytes long, so it is named through a descriptor of the folder."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{descriptor}/{probe.name}")
    except OSError:
        raise UserError(
            f"No local socket can be made in the folder {folder}, so nobody could talk to a node in it.",
            advice="Choose a folder on a Linux disk, for example in your home folder; not on a Windows disk, a memory "
            "stick or a share of another computer.",
        ) from None
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
