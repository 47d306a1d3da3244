"""The folder that holds everything one node keeps.

    <folder>/            0700
      config.toml        settings; nothing secret
      policy.toml        what this organisation allows less of (node.policy.narrowing); may be missing
      key                the key file (keyring.py), 0600
      db db-wal db-shm   the database: cells with personal data are sealed (cells.py)
      db.schema-NNNN     the database before an upgrade, until the node was opened whole (upgrading.py)
      datasets/          prepared records (node.datasets.recordfile)
      spools/            lists too large for the database, sealed chunk by chunk (spool.py)
      control.sock       the local control service, while a node runs
      lock               held while a node runs

Copying the folder copies the node. Without the passphrase of the key file a copy shows table sizes, times, member
ids and how many rows there are, but no identifier, record reference, card or result.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import FolderInUse, NotFound, StateDamaged, UserError
from node.store.files import FILE_MODE, FOLDER_MODE, lock_file, sync_folder
from node.store.place import NO_RIGHTS_HERE, refuse_unfit

__all__ = ["StateDir"]


class StateDir:
    """Names and permissions of the state folder. Building one touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self.config = self.path / "config.toml"
        self.policy = self.path / "policy.toml"
        self.key = self.path / "key"
        self.database = self.path / "db"
        self.records = self.path / "datasets"
        self.spools = self.path / "spools"
        self.socket = self.path / "control.sock"
        self.lock_file = self.path / "lock"

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the embedded database."""
        return f"sqlite:///{self.database}"

    def create(self) -> None:
        """Make the folder for a new node. UserError if there is something in it already, or its disk is not fit."""
        if self.holds_node():
            raise UserError(
                f"There is already a node in the folder {self.path}.",
                advice="Start it with `blindmatch node run`, or choose another folder.",
            )
        try:
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise UserError(f"The folder {self.path} is not empty.", advice="Choose a new or an empty folder.")
            self.path.chmod(FOLDER_MODE)
            refuse_unfit(self.path)
            self.spools.mkdir(mode=FOLDER_MODE)
            self.lock_file.touch(mode=FILE_MODE)
            sync_folder(self.path)
        except OSError as error:
            raise UserError(
                f"The folder {self.path} cannot be used: {error.strerror}.",
                advice="Choose a folder in which you may write.",
            ) from None

    def discard(self) -> None:
        """Take back what `create` and the steps after it made, as if nothing had happened; the folder itself stays."""
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def check(self) -> None:
        """Refuse to go on without the folder (NotFound), with one that this account may not enter (UserError), or with
        one that other accounts may enter (StateDamaged)."""
        if not self.holds_node():
            raise NotFound(
                f"There is no node in the folder {self.path}.", advice="Make one with `blindmatch node init`."
            )
        for path in (self.path, self.spools):
            if not path.is_dir():
                raise StateDamaged(f"The folder {path} is missing.", advice="Restore the node's folder from a backup.")
            details = path.stat()
            if details.st_uid != os.geteuid():
                raise StateDamaged(
                    f"The folder {path} belongs to another account.",
                    advice="Run blindmatch as the account that made it, or change the owner of the whole folder.",
                )
            if stat.S_IMODE(details.st_mode) & 0o077:
                raise StateDamaged(
                    f"Other accounts of this machine can enter the folder {path}.",
                    advice=f"Check who has been in it, then close it: `chmod 700 {path}`. {NO_RIGHTS_HERE}",
                )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder. FolderInUse if another process has it; the system lets go when the holder ends, however it
        ends."""
        self.check()
        taken = FolderInUse(
            f"Another blindmatch node is already using the folder {self.path}.",
            advice="Stop that one first, or give this node a folder of its own.",
        )
        with lock_file(self.lock_file, taken):
            yield

    def holds_node(self) -> bool:
        """Whether there is a key file. UserError if this account may not even look."""
        try:
            return self.key.exists()
        except PermissionError:
            raise UserError(
                f"You may not enter the folder {self.path}.",
                advice="Run blindmatch as the account that it belongs to, or name another folder.",
            ) from None
        except OSError as error:
            raise UserError(
                f"The folder {self.path} cannot be used: {error.strerror}.", advice="Name another folder."
            ) from None
