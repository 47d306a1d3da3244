"""What `node.rounds.room` computes, against what a real round wrote: never less than that, at most so many times more.

The sizes are those of the whole folder while the round runs, looked at all the time by a thread of its own.
"""

import threading
from pathlib import Path

import pytest

from node.rounds.room import needs
from tests.support.nodes import Running, introduce, make_folder, run, wait_for
from tests.support.small_rounds import agree, decide, go, plant

FACTOR = 3.0
"""How many times what was written may have been computed."""
RECORDS = {"quick": 16_384, "ci": 131_072}
"""Records declared a side, one element each; most of the list is padding, which takes the same room."""

SETTINGS = "[budget]\nelements = 10000000\n"


class Scale(threading.Thread):
    """The most that a folder grew by."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.before, self.most, self.over = folder, 0, 0, threading.Event()
        self.before = self.weigh()

    def weigh(self) -> int:
        total = 0
        for path in self.folder.rglob("*"):
            try:
                total += path.stat().st_size if path.is_file() else 0
            except OSError:
                continue
        return total

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.most = max(self.most, self.weigh() - self.before)


def measured(folder: Path, records: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """For each side of one round: bytes computed and bytes written at the most."""
    monkeypatch.setattr("node.identity.words.SCRYPT_COST", 2)
    for alias, kind in (("shelter", "ngo"), ("police", "police")):
        make_folder(folder / alias, alias, kind, SETTINGS)
    with run(folder / "shelter", "shelter") as shelter, run(folder / "police", "police") as police:
        nodes: tuple[Running, Running] = (shelter, police)
        introduce(*nodes)
        plant(folder, *nodes)
        terms = {"shelter": {"records": records}, "police": {"records": records}}
        terms["me"] = terms.pop("shelter")
        round_id = agree(shelter, shelter, police, members=terms)
        scales = [Scale(folder / node.alias) for node in nodes]
        for scale in scales:
            scale.start()
        go(shelter, round_id)
        decide(shelter, round_id)
        wait_for(lambda: shelter.state(round_id) == police.state(round_id) == "finished", 200)
        for scale in scales:
            scale.over.set()
            scale.join()
        manifest = shelter.parts.book.get(round_id).manifest
        computed = [needs(manifest, node.parts.identity.member_id).total for node in nodes]
    return list(zip(computed, [scale.most for scale in scales], strict=True))


@pytest.mark.tm("TM-142")
@pytest.mark.parametrize("size", ["quick", pytest.param("ci", marks=pytest.mark.ci)])
def test_a_round_takes_what_was_said_and_no_more(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for computed, written in measured(tmp_path, RECORDS[size], monkeypatch):
        assert written > 60 * RECORDS[size], "the round was not seen on the disk"
        assert written <= computed <= FACTOR * written
