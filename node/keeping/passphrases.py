"""What is done with the key file of a stopped node: another passphrase, recovery shares, a passphrase by shares.

Each puts its entry into the audit log first. Share files are on the disk before the key file knows their split, so a
crash in between leaves files of a split that was never in force, which say so when somebody uses them. They are taken
back only if the key file surely does not know them.
"""

import os
from pathlib import Path

from node.audit import AuditLog
from node.clock import Clock, timestamp
from node.errors import UserError
from node.ids import RandomBytes
from node.keeping.shares import share_text, split_secret
from node.store import KeyRing, PassphraseCost, StateDir, Store
from node.store.files import FILE_MODE, FOLDER_MODE, sync_folder
from node.store.keyring import MayHaveChanged, Recovery, check_passphrase
from psi.secret import SecretBytes

__all__ = ["change_passphrase", "note_recovery", "split_keys"]


def change_passphrase(
    passphrase: SecretBytes,
    *,
    store: Store,
    keys: KeyRing,
    audit: AuditLog,
    random_bytes: RandomBytes,
    by: str,
    cost: PassphraseCost | None = None,
) -> None:
    """Lock the key file with another passphrase; one that had none gets one. The keys stay as they are. `by`: a staff
    label. UserError if the passphrase is too short."""
    check_passphrase(passphrase)
    with store.transaction() as tx:
        audit.append(tx, "passphrase-changed", by=by)
    keys.protect(passphrase, random_bytes, cost=cost)


def split_keys(
    out: Path,
    *,
    needed: int,
    officers: int,
    state: StateDir,
    store: Store,
    keys: KeyRing,
    audit: AuditLog,
    clock: Clock,
    random_bytes: RandomBytes,
    organisation: str,
    member_id: str,
    by: str,
) -> list[Path]:
    """Make recovery shares, one text file for each officer in the folder `out`, which is made; earlier ones are void.

    Raises UserError for numbers that make no sense, a key file without a passphrase, and a folder that is there
    already, cannot be made, or would lie beside the very key file that the shares open.
    """
    if out.resolve().is_relative_to(state.path.resolve()):
        raise UserError(
            "Shares inside the node's own folder would open the node to whoever takes that folder.",
            advice="Name a folder outside it, best on a stick that you take away.",
        )
    if not keys.protected:
        raise UserError(
            "This node's key file has no passphrase, so there is nothing that shares could recover.",
            advice="Give it one: `blindmatch key passphrase`.",
        )
    secret, recovery, shares = split_secret(needed, officers, random_bytes)
    with secret:
        made_at = timestamp(clock.now())
        texts = [share_text(share, organisation=organisation, member_id=member_id, made_at=made_at) for share in shares]
        files = _write_shares(out, officers, texts)
        try:
            with store.transaction() as tx:
                audit.append(tx, "key-split", by=by, needed=needed, officers=officers)
            keys.entrust(secret, recovery, random_bytes)
        except MayHaveChanged:
            raise  # these may be the only shares that open the node
        except Exception:
            for path in files:
                path.unlink(missing_ok=True)
            out.rmdir()
            raise
    return files


def note_recovery(store: Store, audit: AuditLog, recovery: Recovery, by: str) -> None:
    """Before the passphrase that the officers set takes effect."""
    with store.transaction() as tx:
        audit.append(tx, "key-recovered", by=by, needed=recovery.needed, officers=recovery.officers)


def _write_shares(out: Path, officers: int, texts: list[str]) -> list[Path]:
    written: list[Path] = []
    try:
        out.mkdir(mode=FOLDER_MODE)
        for number, text in enumerate(texts, start=1):
            path = out / f"share-{number}-of-{officers}.txt"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
        sync_folder(out)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        if not isinstance(error, FileExistsError):
            out.rmdir() if out.is_dir() else None
        raise UserError(
            f"The shares cannot be written into {out}: {error.strerror}. Nothing was changed.",
            advice="Name a folder that does not exist yet, best on a stick that you take away.",
        ) from None
    return written
