"""The systemd units: systemd accepts them, finds them well shut in, and they keep what deploy/README.md promises."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT

UNIT = ROOT / "deploy" / "blindmatch.service"
RELAY = ROOT / "deploy" / "blindmatch-relay.service"
UNITS = pytest.mark.parametrize("source", [UNIT, RELAY], ids=lambda path: path.stem)
MAX_EXPOSURE = 12  # tenths, as `systemd-analyze security` counts: 0 shut in, 100 wide open

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def analyze(unit: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *words, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def copy(folder: Path, source: Path = UNIT, drop: str = "(?!)") -> Path:
    """The unit without the lines that match `drop`, and with a program that exists here."""
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", source.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [line for line in text.splitlines() if not re.match(drop, line)]
    unit = folder / source.name
    unit.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return unit


@needs_systemd
@UNITS
def test_systemd_accepts_the_unit(tmp_path: Path, source: Path) -> None:
    result = analyze(copy(tmp_path, source), "verify", "--man=no")
    assert (result.returncode, result.stderr) == (0, "")


@needs_systemd
def test_a_misspelt_setting_is_found(tmp_path: Path) -> None:
    unit = copy(tmp_path)
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in analyze(unit, "verify", "--man=no").stderr


@needs_systemd
@UNITS
def test_the_unit_is_shut_in(tmp_path: Path, source: Path) -> None:
    result = analyze(copy(tmp_path, source), "security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}")
    assert result.returncode == 0, result.stdout


@needs_systemd
@UNITS
@pytest.mark.parametrize("setting", ["User", "CapabilityBoundingSet", "SystemCallFilter", "PrivateUsers"])
def test_a_unit_without_one_of_its_walls_is_found(tmp_path: Path, source: Path, setting: str) -> None:
    unit = copy(tmp_path, source, drop=f"{setting}=")
    result = analyze(unit, "security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}")
    assert result.returncode != 0, result.stdout


def test_the_passphrase_is_in_no_argument_and_in_no_variable() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT, encoding="utf-8")
    service = unit["Service"]
    assert service["ExecStart"].split()[1:] == ["node", "run"]
    assert service["LoadCredential"].split(":")[0] == "passphrase"
    # The variable names the file that systemd shows to this service alone; it does not hold the secret.
    assert "BLINDMATCH_PASSPHRASE_FILE=%d/passphrase" in service["Environment"].split()
    assert service["LimitCORE"] == "0"
    assert service["UMask"] == "0077"


def test_a_relay_asks_for_no_secret_and_has_its_own_folder() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(RELAY, encoding="utf-8")
    service = unit["Service"]
    assert service["ExecStart"].split()[1:] == ["relay", "run"]
    assert service["Environment"] == "BLINDMATCH_RELAY=%S/blindmatch-relay"
    assert "LoadCredential" not in service
    assert service["User"] != "blindmatch"
    assert service["LimitCORE"] == "0"
    assert service["UMask"] == "0077"
