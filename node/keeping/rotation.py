"""Another master key and data key for a stopped node, and everything sealed anew under them.

    begin    key file: another master key, another data key; the old data keys stay, as retiring   one replacement
    cells    every sealed cell of the database                                                     a batch of rows
    records  every record file: written anew beside the old one, then put in its place             a file at a time
    spools   the header of every list of an open round: the key that its chunks are under          a header at a time
    check    nothing is left under an old key
    drop     key file: the old data keys are gone                                                  one replacement

Killed at any of these steps, the node starts and reads everything: what is old under the old key, what is new under
the new one. The next `rotate` finds retiring keys in the key file and goes on where it was, under the passphrase that
was chosen when it began. It takes no other one then, since that would be dropped without a word; `rotate_anew` finishes
what was begun and rotates once more. A handover needs that: whoever leaves knows the keys of a rotation they began.

Who kept an old copy of the key file with its passphrase, or an old backup, reads what was sealed until then and nothing
that is sealed afterwards. Recovery shares are void, since they open the old master key: split again. Chunks of lists
stay under their own keys, which live as long as their round.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from node import failpoints
from node.audit import AuditLog
from node.datasets.recordfile import reseal_file
from node.errors import UserError
from node.ids import RandomBytes
from node.store import KeyRing, PassphraseCost, SpoolFolder, StateDir, Store
from node.store.schema import datasets, rounds
from node.store.sealed import check_cells, reseal_cells
from psi.secret import SecretBytes

__all__ = ["rotate", "rotate_anew"]

_Progress = Callable[[Mapping[str, Any]], None]


def rotate(
    passphrase: SecretBytes | None,
    *,
    state: StateDir,
    store: Store,
    keys: KeyRing,
    audit: AuditLog,
    random_bytes: RandomBytes,
    by: str,
    cost: PassphraseCost | None = None,
    progress: _Progress = lambda _step: None,
) -> int:
    """Rotate the keys of a node that nothing else works on, or bring an unfinished rotation to its end; the number of
    cells that were sealed anew. `passphrase` protects the new key file: the old one or another one, None if there is
    none. `by`: a staff label.

    Raises StateDamaged at something that does not open: then the old keys stay. UserError if a rotation is unfinished
    and `passphrase` is not the one that the key file has now.
    """
    if keys.retiring and not keys.is_opened_by(passphrase):
        raise UserError(
            "A rotation of the keys was interrupted, so the passphrase cannot be changed with them now.",
            advice="Finish it with the passphrase that the node has: `blindmatch key rotate`. Then choose another one.",
        )
    if not keys.retiring:
        with store.transaction() as tx:
            audit.append(tx, "key-rotated", by=by, key_number=keys.newest + 1, state="begun")
        keys.renew(passphrase, random_bytes, cost=cost)
    failpoints.hit("rotate.begun")
    done = 0

    def told(cells: int) -> None:
        nonlocal done
        done += cells
        progress({"done": done, "what": "cells"})
        if cells:
            failpoints.hit("rotate.batch")

    resealed = reseal_cells(store, keys.newest, told)
    for name in _record_files(store):
        if reseal_file(state.records, name, store.cells, keys.newest):
            failpoints.hit("rotate.file")
    _reseal_spools(state, keys, random_bytes)
    failpoints.hit("rotate.resealed")
    with store.read() as connection:
        check_cells(connection, store.cells, only=keys.newest)
    with store.transaction() as tx:
        audit.append(tx, "key-rotated", by=by, key_number=keys.newest, state="finished")
    failpoints.hit("rotate.noted")
    keys.drop()
    failpoints.hit("rotate.dropped")
    return resealed


def rotate_anew(
    passphrase: SecretBytes | None,
    known: SecretBytes | None,
    *,
    state: StateDir,
    store: Store,
    keys: KeyRing,
    audit: AuditLog,
    random_bytes: RandomBytes,
    by: str,
    cost: PassphraseCost | None = None,
    progress: _Progress = lambda _step: None,
) -> int:
    """As `rotate`, but the keys are new in any case: a rotation that was interrupted is first brought to its end under
    `known`, the passphrase that the key file has now. Raises as `rotate`."""
    resealed = 0
    for chosen in (known, passphrase) if keys.retiring else (passphrase,):
        resealed += rotate(
            chosen,
            state=state,
            store=store,
            keys=keys,
            audit=audit,
            random_bytes=random_bytes,
            by=by,
            cost=cost,
            progress=progress,
        )
    return resealed


def _record_files(store: Store) -> list[str]:
    """The versions of data sets that are needed: those that stand, and those of running rounds."""
    running = select(rounds.c.version_id).where(rounds.c.snapshot.is_not(None), rounds.c.version_id.is_not(None))
    with store.read() as connection:
        names = {*connection.execute(select(datasets.c.version_id)).scalars(), *connection.execute(running).scalars()}
    return sorted(name for name in names if name)


def _reseal_spools(state: StateDir, keys: KeyRing, random_bytes: RandomBytes) -> None:
    newest, *older = keys.subkeys(b"spools")
    try:
        folder = SpoolFolder(state.spools, newest, random_bytes, older=older)
        for name in folder.names():
            if folder.reseal(name):
                failpoints.hit("rotate.spool")
    finally:
        for key in (newest, *older):
            key.wipe()
