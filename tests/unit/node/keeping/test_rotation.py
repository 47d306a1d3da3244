"""Rotation of keys: everything is readable at every step, and nothing is left under the old key at the end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, select

from node.app import open_node
from node.errors import StateDamaged, UserError
from node.failpoints import KEEPING
from node.keeping.rotation import rotate
from node.operations import Parts
from node.store import KeyRing, cells
from node.store.schema import datasets, metadata, settings
from node.store.sealed import PLACES, check_cells, reseal_cells
from psi.spool import CHUNK_ROWS
from tests.security.test_at_rest import OPEN, SEALED
from tests.support.nodes import make_folder
from tests.support.small_rounds import OURS, write_numbers
from tests.support.stores import CHEAP, secret, small_node
from tests.support.tree import ROOT

ROTATE = sorted(step for step in KEEPING if step.startswith("rotate."))
SPOOL_ROWS = b"r" * 32 * 3


def furnish(folder: Path) -> Path:
    """A node with a data set, a stop-list, and a list of a round."""
    make_folder(folder / "node", "shelter", "ngo")
    with open_node(folder / "node", None) as parts:
        add(parts, write_numbers(folder / "ours.csv", OURS, 0))
        spool = parts.spools.create("list", 32)
        spool.append(SPOOL_ROWS)
        spool.close()
    return folder / "node"


def add(parts: Parts, path: Path) -> None:
    from node.operations import OPERATIONS, Dispatcher

    ask = Dispatcher(parts, OPERATIONS)
    mapping = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
    terms = {"record_class": "victim", "region": "DE", "mapping": mapping, "by": "ada", "path": str(path)}
    ask.invoke("dataset.add", json.dumps(terms | {"name": "cases"}).encode(), lambda _step: None)
    stop = {"name": "own", "text": "phone +49 30 90180999", "by": "ada"}
    ask.invoke("stop-list.add", json.dumps(stop).encode(), lambda _step: None)


def turn(parts: Parts) -> int:
    return rotate(
        None,
        state=parts.folder,
        store=parts.store,
        keys=parts.keys,
        audit=parts.audit,
        random_bytes=os.urandom,
        by="ada",
    )


def is_whole(folder: Path) -> KeyRing:
    """Everything opens, with the key file as it lies there."""
    with open_node(folder, None) as parts:
        with parts.store.read() as connection:
            assert check_cells(connection, parts.store.cells) >= 6
        records = list(parts.datasets.records("cases"))
        assert len(records) == len(OURS)
        spool = parts.spools.open("list")
        assert spool.rows == 3
        assert spool.read(0) == SPOOL_ROWS
        spool.close()
        assert parts.audit.verify().ok
        assert parts.identity.member_id
    return KeyRing.open(folder / "key", None)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("rotation"))


@pytest.fixture
def folder(furnished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(furnished, tmp_path / "node"))


def test_the_list_of_sealed_places_is_the_schema_s() -> None:
    assert {name: set(columns) for name, (_, columns) in PLACES.items()} == SEALED
    for table in metadata.sorted_tables:
        binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
        left = binary - set(PLACES.get(table.name, ((), ()))[1])
        assert not {name for name in left if name not in OPEN and not name.endswith("digest")}, table.name


@pytest.mark.tm("TM-135")
def test_after_a_rotation_nothing_opens_with_the_old_key(folder: Path) -> None:
    old = KeyRing.open(folder / "key", None)
    with open_node(folder, None) as parts:
        assert turn(parts) >= 6
        assert parts.keys.newest == 2
    ring = is_whole(folder)
    assert not ring.retiring
    with pytest.raises(KeyError):
        ring.data_key(1)
    old_cells = cells.Cells(old, os.urandom)
    opened = 0
    with open_node(folder, None) as parts, parts.store.read() as connection:
        for key, value in connection.execute(select(settings.c.key, settings.c.value)):
            with pytest.raises(StateDamaged):
                old_cells.unseal("settings", key, "value", value)
            opened += 1
        (name,) = connection.execute(select(datasets.c.version_id)).scalars()
    assert opened >= 4
    held = bytes(old.data_key(1).view())
    assert not [path for path in folder.rglob("*") if path.is_file() and held in path.read_bytes()]
    assert (folder / "datasets" / f"{name}.records").read_bytes()[10:14] == b"\0\0\0\2"


@pytest.mark.tm("TM-135")
def test_an_old_copy_of_the_key_file_opens_no_later_one(tmp_path: Path) -> None:
    """Who leaves with the key file and its passphrase cannot unwrap what a later key file holds."""
    with small_node(tmp_path / "state") as node:
        kept = KeyRing.open(node.state.key, secret())
        node.keys.renew(secret(b"another passphrase"), os.urandom, cost=CHEAP)
        reseal_cells(node.store, node.keys.newest)
        node.keys.drop()
        later = node.state.key.read_bytes()
        with pytest.raises(UserError, match="passphrase is wrong"):
            KeyRing.open(node.state.key, secret())
        # With the old master key in hand, and the later file: its data key does not come out.
        opened = json.loads(later)
        opened["protection"], opened["master"] = "none", "A" * 43 + "="
        (tmp_path / "forged").write_text(json.dumps(opened))
        (tmp_path / "forged").chmod(0o600)
        with pytest.raises(StateDamaged):
            KeyRing._with(tmp_path / "forged", kept._file.__class__(None, b"", node.keys._file.data_keys), kept._master)


@pytest.mark.tm("TM-135")
def test_twin_that_only_adds_a_data_key_is_opened_by_the_old_master_key(tmp_path: Path) -> None:
    with small_node(tmp_path / "state") as node:
        kept = KeyRing.open(node.state.key, secret())
        node.keys.rotate(os.urandom)
        KeyRing._with(tmp_path / "x", kept._file.__class__(None, b"", node.keys._file.data_keys), kept._master)


def kill(orders: list[dict[str, Any]]) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.keeping_child"],
        cwd=ROOT,
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


QUICK = [("rotate.batch", 3), ("rotate.noted", 1)]
EVERY = [*((step, 1) for step in ROTATE), ("rotate.batch", 3)]


def test_there_are_seven_steps_to_die_at() -> None:
    assert len(EVERY) == 8
    assert set(QUICK) <= set(EVERY) | {("rotate.noted", 1)}


@pytest.mark.tm("TM-136")
@pytest.mark.parametrize("steps", [QUICK, pytest.param(EVERY, marks=pytest.mark.ci)], ids=["two", "every"])
def test_kill_9_at_a_step_leaves_a_node_that_opens_and_a_rotation_that_goes_on(
    furnished: Path, tmp_path: Path, steps: list[tuple[str, int]]
) -> None:
    folders = [Path(shutil.copytree(furnished, tmp_path / f"{step}-{count}")) for step, count in steps]
    ended = kill(
        [
            {"what": "rotate", "folder": str(folder), "step": step, "count": count}
            for folder, (step, count) in zip(folders, steps, strict=True)
        ]
    )
    assert ended == [signal.SIGKILL] * len(steps)
    for folder, (step, _) in zip(folders, steps, strict=True):
        half = is_whole(folder)
        assert bool(half.retiring) is (step != "rotate.dropped"), step
        with open_node(folder, None) as parts:
            if half.retiring:
                turn(parts)
            assert parts.keys.newest == 2, "an interrupted rotation is finished, not begun again"
        ring = is_whole(folder)
        assert not ring.retiring
        with pytest.raises(KeyError):
            ring.data_key(1)


@pytest.mark.tm("TM-136")
def test_twin_that_drops_the_old_key_before_everything_is_sealed_anew_loses_cells(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.keeping.rotation.reseal_cells", lambda *_: 0)
    monkeypatch.setattr("node.keeping.rotation.check_cells", lambda *_, **__: 0)
    with open_node(folder, None) as parts:
        turn(parts)
    with pytest.raises(StateDamaged), open_node(folder, None):
        pass


def test_a_damaged_cell_stops_the_rotation_and_the_old_key_stays(folder: Path) -> None:
    with open_node(folder, None) as parts:
        with parts.store.transaction() as tx:
            tx.execute(datasets.update().values(details=b"\1\0\0\0\1" + bytes(60)))
        with pytest.raises(StateDamaged, match="altered or moved"):
            turn(parts)
        assert parts.keys.retiring == {1}
    assert KeyRing.open(folder / "key", None).data_key(1)


@pytest.mark.tm("TM-135")
def test_a_full_chunk_of_a_list_stays_readable(folder: Path) -> None:
    with open_node(folder, None) as parts:
        spool = parts.spools.create("long", 32)
        spool.append(bytes(range(32)) * CHUNK_ROWS)
        spool.close()
        turn(parts)
    with open_node(folder, None) as parts:
        assert parts.spools.open("long").read(0) == bytes(range(32)) * CHUNK_ROWS
