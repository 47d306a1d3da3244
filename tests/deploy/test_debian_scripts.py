"""The scripts of the Debian package around an update that does not come to its end: what ran before runs again.

They are run as they are, but for their paths, beside a systemctl that only notes what it is told.
tests/deploy/test_installed.py has dpkg run them on a whole machine.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT

SCRIPTS = ROOT / "deploy" / "debian"
STOPPING = {"upgrade": "abort-upgrade", "remove": "abort-remove"}
"""What dpkg calls prerm with -> what it calls postinst with when it gives up."""


class Stage:
    """A folder in place of / ; `units`: what runs."""

    def __init__(self, folder: Path, units: str) -> None:
        self.folder, self.told = folder, folder / "told"
        (folder / "run" / "systemd" / "system").mkdir(parents=True)
        (folder / "usr" / "lib" / "blindmatch" / "lib").mkdir(parents=True)
        (folder / "bin").mkdir()
        self.told.touch()
        (folder / "units").write_text(units)
        stub = f"case $1 in list-units) cat {folder}/units ;; *) echo $* >>{folder}/told ;; esac\n"
        for name, text in (("systemctl", stub), ("systemd-sysusers", ""), ("systemd-tmpfiles", "")):
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}")
            (folder / "bin" / name).chmod(0o755)

    def run(self, script: str, word: str, *, sabotage: str = "") -> None:
        text = (SCRIPTS / script).read_text(encoding="utf-8").replace("@PYTHON@", "3")
        if sabotage:
            assert sabotage in text
            text = text.replace(sabotage, "")
        text = re.sub(r"(?<![\w/])/(?=run/|usr/lib/|var/|etc/)", f"{self.folder}/", text)
        path = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-s", word], input=text, text=True, check=True, timeout=60, env=path, capture_output=True)

    def started(self) -> list[str]:
        return [line for line in self.told.read_text().splitlines() if line.startswith("start ")]


@pytest.mark.parametrize(("word", "gave_up"), STOPPING.items())
def test_what_dpkg_stopped_runs_again_when_it_gives_up(tmp_path: Path, word: str, gave_up: str) -> None:
    stage = Stage(tmp_path, "blindmatch.service loaded active running a node\n")
    stage.run("prerm", word)
    assert "stop blindmatch.service" in stage.told.read_text()
    stage.run("postinst", gave_up)
    assert stage.started() == ["start blindmatch.service"]
    assert not (tmp_path / "run" / "blindmatch-ran-before").exists()


def test_twin_without_it_the_node_stays_stopped(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "blindmatch.service loaded active running a node\n")
    stage.run("prerm", "upgrade")
    stage.run("postinst", "abort-upgrade", sabotage=' || [ "${1#abort-}" != "$1" ]')
    assert stage.started() == []


def test_a_node_that_somebody_stopped_stays_stopped_and_a_removed_one_leaves_no_list(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "")
    stage.run("prerm", "upgrade")
    stage.run("postinst", "configure")
    assert stage.started() == []
    (tmp_path / "units").write_text("blindmatch.service loaded active running a node\n")
    stage.run("prerm", "remove")
    stage.run("postrm", "remove")
    assert not (tmp_path / "run" / "blindmatch-ran-before").exists()
