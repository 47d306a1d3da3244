"""Harbour, a shelter, and River, a police unit, on whose nodes the runbooks are tried."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from node.app import open_node
from tests.support.nodes import Running, introduce, make_folder, wait_for
from tests.support.runbooks import Play, Stage
from tests.support.signing import sign
from tests.support.small_rounds import SETTINGS, SHARED, knows, write_numbers

__all__ = [
    "FIRST",
    "GONE",
    "OURS",
    "SECOND",
    "Town",
    "agreed",
    "make_friends",
    "make_strangers",
    "private",
    "proposed",
    "waiting",
]

OURS = [f"HS-{number:02}" for number in range(10)]
THEIRS = [f"RP-{number:03}" for number in range(10)]
ROLES = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
DUTY = {"basis": "legal_duty", "legal_reference": "Police Act, section 4"}
FIRST, SECOND = b"correct horse battery", b"another passphrase here"
GONE = shutil.ignore_patterns("control.sock")


@dataclass
class Town:
    """Both nodes and the page that is played at them."""

    folder: Path
    stage: Stage
    play: Play

    @property
    def ours(self) -> Path:
        return self.play.folders[""]

    @property
    def theirs(self) -> Path:
        return self.play.folders["River"]

    @property
    def harbour(self) -> Running:
        return self.stage.running[self.ours][1]

    @property
    def river(self) -> Running:
        return self.stage.running[self.theirs][1]

    def start(self) -> None:
        for folder in (self.ours, self.theirs):
            self.stage.start(folder)

    def quarter(self) -> dict[str, str]:
        """The days of the page, as those of the round that was made a moment ago."""
        today = datetime.now(UTC).date()
        return {
            "2026-07-01": (today - timedelta(days=1)).isoformat(),
            "2026-10-01": (today + timedelta(days=2)).isoformat(),
        }


def proposed(harbour: Running, river: Running) -> str:
    made = harbour.ask("round.propose", template="J1", members=["me", "river"], settings=SETTINGS, by="anna")
    round_id = str(made["round"]["round_id"])
    wait_for(lambda: knows(river, round_id))
    return round_id


def agreed(harbour: Running, river: Running) -> str:
    round_id = proposed(harbour, river)
    sign(harbour, round_id, "clients", by="anna", second="bela")
    sign(river, round_id, "cases", by="milan", second="vera")
    wait_for(lambda: harbour.state(round_id) == river.state(round_id) == "agreed")
    return round_id


def waiting(node: Running) -> str:
    """The number of what waits for a second person."""
    (only,) = [one for one in node.ask("approval.list")["approvals"] if one["verdict"] == "waiting"]
    return str(only["number"])


def private(path: Path, text: bytes) -> Path:
    path.write_bytes(text + b"\n")
    path.chmod(0o600)
    return path


def make_strangers(folder: Path) -> None:
    """Two nodes that have not heard of each other, with a data set each and the files beside."""
    write_numbers(folder / "clients.csv", OURS, 0)
    write_numbers(folder / "cases.csv", THEIRS, len(OURS) - SHARED)
    terms: dict[str, Any] = {"record_class": "victim", "region": "DE", "mapping": ROLES}
    for alias, member_class, name, by, more in (
        ("harbour", "ngo", "clients", "anna", {}), ("river", "police", "cases", "milan", DUTY),
    ):  # fmt: skip
        make_folder(folder / alias, alias, member_class)
        with open_node(folder / alias, None) as parts:
            path = str(folder / f"{name}.csv")
            Running(alias, parts).ask("dataset.add", path=path, name=name, by=by, **terms, **more)


def make_friends(strangers: Path, folder: Path) -> None:
    """The same, introduced, after one whole round; its id stands in `round`."""
    shutil.copytree(strangers, folder, dirs_exist_ok=True, ignore=GONE)
    with ExitStack() as stack:
        stage = Stage(stack)
        harbour, river = (stage.start(folder / alias) for alias in ("harbour", "river"))
        introduce(harbour, river)
        round_id = agreed(harbour, river)
        harbour.ask("round.start", round=round_id, by="anna")
        wait_for(lambda: harbour.state(round_id) == "deciding")
        harbour.ask("round.release", round=round_id, leads=[1, 2], by="bela")
        wait_for(lambda: harbour.state(round_id) == river.state(round_id) == "finished")
    (folder / "round").write_text(round_id)
