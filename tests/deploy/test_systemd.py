"""The systemd units: systemd accepts them and finds them shut in, and they keep what deploy/systemd/README.md promises.

Each is read as systemd reads it, without being started; tests/deploy/test_installed.py starts them.
"""

import configparser
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tree import ROOT

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
UNITS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".service", ".socket", ".timer"})
NODE, RELAY, PORT = (FOLDER / f"{name}.service" for name in ("blindmatch", "blindmatch-relay", "blindmatch-port"))
JOBS = {
    "retention": "retention run",
    "checkpoint": "audit verify",
    "backup": "backup",
}
MAX_EXPOSURE = 20
"""Tenths, as `systemd-analyze security` counts: 0 is shut in, 100 wide open."""

# What may differ: everything else of [Service] that shuts a node in stands in each of the other units, too.
OWN = {
    *("Type", "User", "Group", "ExecStart", "ExecStartPost", "Environment", "TimeoutStartSec", "TimeoutStopSec"),
    *("Restart", "RestartSec", "KillSignal", "StateDirectory", "StateDirectoryMode", "ReadWritePaths"),
    *("LoadCredential", "LimitMEMLOCK", "TasksMax", "OOMPolicy", "SocketBindAllow", "SystemCallFilter"),
}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
each_service = pytest.mark.parametrize("source", SERVICES, ids=lambda path: path.stem)


def settings(unit: Path, section: str = "Service") -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read(unit, encoding="utf-8")
    return read[section]


def copies(folder: Path, sources: list[Path], drop: str = "(?!)") -> list[Path]:
    """The units without the lines that match `drop`, and with programs that exist here."""
    made = []
    for source in sources:
        text = source.read_text(encoding="utf-8").replace("/usr/lib/blindmatch/bin/blindmatch", "/bin/true")
        text = text.replace("/usr/lib/systemd/systemd-socket-proxyd", "/bin/true")
        made.append(folder / source.name)
        made[-1].write_text("\n".join(line for line in text.splitlines() if not re.match(drop, line)) + "\n")
    return made


def analyze(units: list[Path], *words: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *words, *map(str, units)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def exposure(folder: Path, source: Path, drop: str = "(?!)") -> subprocess.CompletedProcess[str]:
    words = ("security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}")
    return analyze(copies(folder, [source], drop), *words)


@needs_systemd
@pytest.mark.tm("TM-247")
def test_systemd_accepts_the_units(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    result = analyze(copies(tmp_path, UNITS), "verify", "--man=no")
    assert (result.returncode, result.stderr) == (0, "")
    record_property("ran", f"{len(UNITS)} units")
    assert len(UNITS) == 10


@needs_systemd
@pytest.mark.parametrize(
    ("unit", "right", "wrong"),
    [
        ("blindmatch.service", "ProtectHome=", "ProtectHomes="),
        ("blindmatch-port.socket", "ListenStream=443", "ListenStream=443x:"),
        ("blindmatch-backup.timer", "OnCalendar=*-*-* 03", "OnCalendar=*-*-* 33"),
    ],
)
def test_a_misspelt_setting_is_found(tmp_path: Path, unit: str, right: str, wrong: str) -> None:
    made = copies(tmp_path, UNITS)
    sabotaged = tmp_path / unit
    text = sabotaged.read_text()
    assert right in text
    sabotaged.write_text(text.replace(right, wrong))
    assert unit in analyze(made, "verify", "--man=no").stderr


@needs_systemd
@each_service
@pytest.mark.tm("TM-247")
def test_the_unit_is_shut_in(tmp_path: Path, source: Path) -> None:
    result = exposure(tmp_path, source)
    assert result.returncode == 0, result.stdout


@needs_systemd
@each_service
def test_a_unit_without_its_walls_is_found(tmp_path: Path, source: Path) -> None:
    walls = "User=|DynamicUser=|CapabilityBoundingSet=|SystemCallFilter=|PrivateUsers=|ProtectSystem="
    assert exposure(tmp_path, source, drop=walls).returncode != 0


@each_service
@pytest.mark.tm("TM-247")
def test_each_unit_shuts_off_what_the_node_does(source: Path) -> None:
    """What `security` does not count, such as swap and core files, and so that an edit of one is an edit of all."""
    node, other = settings(NODE), settings(source)
    missing = {name: value for name, value in node.items() if name not in OWN and other.get(name) != value}
    assert missing == {}
    text = source.read_text(encoding="utf-8")
    assert re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE) == ["@system-service", "~@privileged"]


@pytest.mark.parametrize("line", ["MemorySwapMax=0", "LimitCORE=0", "UMask=0077", "ProcSubset=pid"])
def test_a_unit_that_forgot_one_is_found(tmp_path: Path, line: str) -> None:
    weaker = copies(tmp_path, [FOLDER / "blindmatch-backup.service"], drop=re.escape(line))[0]
    with pytest.raises(AssertionError):
        test_each_unit_shuts_off_what_the_node_does(weaker)


@pytest.mark.parametrize(
    "source", [NODE, *(FOLDER / f"blindmatch-{job}.service" for job in JOBS)], ids=lambda p: p.stem
)
@pytest.mark.tm("TM-248")
def test_the_passphrase_is_in_no_argument_and_in_no_variable(source: Path) -> None:
    service = settings(source)
    assert service["LoadCredential"] == "passphrase:/etc/blindmatch/passphrase"
    # The variable names the file that systemd shows to this service alone; it does not hold the secret.
    assert service["Environment"].split() == [
        "BLINDMATCH_STATE=%S/blindmatch",
        "BLINDMATCH_PASSPHRASE_FILE=%d/passphrase",
    ]
    assert "passphrase" not in service["ExecStart"]
    assert "SetCredential" not in service
    assert "EnvironmentFile" not in service


def test_a_relay_asks_for_no_secret_and_has_its_own_folder() -> None:
    service = settings(RELAY)
    assert service["ExecStart"].split()[1:] == ["relay", "run"]
    assert service["Environment"] == "BLINDMATCH_RELAY=%S/blindmatch-relay"
    assert "LoadCredential" not in service
    assert service["User"] != settings(NODE)["User"]


def test_node_and_relay_say_themselves_when_they_serve() -> None:
    assert [settings(unit)["Type"] for unit in (NODE, RELAY)] == ["notify", "notify"]


@pytest.mark.parametrize("job", JOBS)
def test_a_timer_runs_its_job_every_day_and_makes_up_for_a_day_off(job: str) -> None:
    timer, service = (FOLDER / f"blindmatch-{job}.{kind}" for kind in ("timer", "service"))
    when = settings(timer, "Timer")
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00", when["OnCalendar"])
    assert when["Persistent"] == "yes"
    job_settings = settings(service)
    assert re.search(rf"/blindmatch {JOBS[job]}\b", job_settings["ExecStart"])
    assert job_settings["Type"] == "oneshot"
    assert "SocketBindAllow" not in job_settings  # it opens no port
    assert not settings(service, "Unit").get("Requires"), "a job must not start a node that somebody stopped"


def test_the_checkpoint_comes_before_the_backup_and_goes_into_the_same_folder() -> None:
    checkpoint, backup = (settings(FOLDER / f"blindmatch-{job}.service") for job in ("checkpoint", "backup"))
    times = [settings(FOLDER / f"blindmatch-{job}.timer", "Timer")["OnCalendar"] for job in ("checkpoint", "backup")]
    assert times == sorted(times)
    folder = backup["ReadWritePaths"]
    assert checkpoint["ReadWritePaths"] == folder
    assert f" >>{folder}/checkpoints.txt'" in checkpoint["ExecStart"]
    assert settings(NODE)["ReadWritePaths"] == f"-{folder}"  # the node writes the backup
    assert f"d {folder} 0700 blindmatch blindmatch -" in (FOLDER / "blindmatch.tmpfiles").read_text().splitlines()


def opened_as_root(unit: Path) -> list[str]:
    """What systemd itself, as root and outside of all walls, opens or runs: the account may lay a link there."""
    service = settings(unit)
    streams = ("StandardInput", "StandardOutput", "StandardError")
    found = [name for name in streams if re.match(r"file:|append:|truncate:", service.get(name, ""))]
    found += [name for name in service if name.startswith("Exec") and service[name][0] in "+!@-:|"]
    return found + [name for name in ("EnvironmentFile", "PIDFile", "BindPaths", "OpenFile") if name in service]


@each_service
@pytest.mark.tm("TM-247")
def test_systemd_opens_no_file_in_a_folder_of_the_account(source: Path) -> None:
    assert opened_as_root(source) == []


@pytest.mark.parametrize(
    "line", ["StandardOutput=append:/var/backups/blindmatch/checkpoints.txt", "ExecStartPost=+/bin/true"]
)
def test_a_unit_that_has_one_opened_is_found(tmp_path: Path, line: str) -> None:
    weaker = tmp_path / "weaker.service"
    text = (FOLDER / "blindmatch-checkpoint.service").read_text(encoding="utf-8")
    weaker.write_text(text.replace("\nUMask=", f"\n{line}\nUMask="), encoding="utf-8")
    assert opened_as_root(weaker) == [line.partition("=")[0]]


def test_old_backups_go_only_after_a_new_one_was_made_and_nothing_else_goes(tmp_path: Path) -> None:
    """The very command of the unit, on a folder with old and new files."""
    command = settings(FOLDER / "blindmatch-backup.service")["ExecStartPost"].split()
    assert command[1] == "/var/backups/blindmatch"
    assert "ExecStartPre" not in settings(FOLDER / "blindmatch-backup.service")
    for name in ("old.backup", "new.backup", "old.txt", "checkpoints.txt"):
        (tmp_path / name).touch()
    for name in ("old.backup", "old.txt"):
        subprocess.run(["touch", "-d", "40 days ago", tmp_path / name], check=True)
    subprocess.run([command[0], str(tmp_path), *command[2:]], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints.txt", "new.backup", "old.txt"]


@pytest.mark.tm("TM-249")
def test_the_port_goes_down_and_up_with_the_node_and_never_starts_it() -> None:
    unit, socket = settings(PORT, "Unit"), settings(FOLDER / "blindmatch-port.socket", "Socket")
    assert unit["PartOf"] == "blindmatch.service"
    assert "blindmatch.service" in unit["After"].split()
    for pull in ("Requires", "Wants", "BindsTo", "Upholds"):
        assert "blindmatch.service" not in unit.get(pull, "").split()
    assert socket["ListenStream"] == "443"
    # It knows no key and no folder.
    service = settings(PORT)
    assert {"LoadCredential", "StateDirectory", "Environment"} & set(service) == set()
    assert service["DynamicUser"] == "yes"


def test_accounts_are_those_of_the_units_and_have_no_password_and_no_shell() -> None:
    lines = [
        line.split()
        for line in (FOLDER / "blindmatch.sysusers").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert {line[1] for line in lines} == {settings(NODE)["User"], settings(RELAY)["User"]}
    # sysusers gives an account of type u a locked password, and /usr/sbin/nologin where no shell is named.
    assert [(line[0], line[2], len(line)) for line in lines] == [("u", "-", 6), ("u", "-", 6)]


def test_every_unit_stands_in_the_document() -> None:
    document = (FOLDER / "README.md").read_text(encoding="utf-8")
    absent = [path.name for path in UNITS if path.suffix != ".service" and f"`{path.name}`" not in document]
    assert absent == []
    assert "`blindmatch.service`" in document
    assert "`blindmatch-relay.service`" in document
