"""The alert rules of deploy/observe: each fires when it should, at the limit that it names, and is silent just before.

`promtool`, Prometheus' own tool, reads the rules and plays made-up figures to them, minute by minute. Where it is not
installed (Debian: the package prometheus), those tests skip; that every rule has a case for both, and asks for figures
that exist, is checked everywhere.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.test_documents import problem_with
from tests.support.exprs import problems
from tests.support.tree import ROOT

pytestmark = pytest.mark.tm("TM-253")

ALERTS = ROOT / "deploy" / "observe" / "alerts.yaml"
PROMTOOL_SECONDS = 60
DAY = 86_400
NODE = {"job": "blindmatch", "instance": "here"}
RELAY = {"job": "blindmatch-relay", "instance": "there"}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Prometheus) is not here")


@dataclass
class Case:
    """`figures`: series -> values a minute apart, in promtool's writing ("5x60": 5 and sixty times more, "5+1x60": one
    more each minute). At `minute` the alert fires with `labels` beside job and instance, or is silent (None)."""

    alert: str
    figures: dict[str, str]
    labels: dict[str, str] | None
    minute: int = 0
    at: dict[str, str] = field(default_factory=lambda: NODE)


def both(
    alert: str, series: str, fires: float, silent: float, minute: int = 1, at: dict[str, str] = NODE, **labels: str
) -> list[Case]:
    """One figure that stands: at `fires` the alert comes, at `silent` it does not, and neither before its time."""
    name = _named(series, at)
    cases = [
        Case(alert, {name: f"{fires}x{minute + 5}"}, labels, minute + 1, at),
        Case(alert, {name: f"{silent}x{minute + 5}"}, None, minute + 1, at),
    ]
    if minute > 1:
        cases.append(Case(alert, {name: f"{fires}x{minute + 5}"}, None, minute - 1, at))
    return cases


def _named(series: str, at: dict[str, str]) -> str:
    name, _, labels = series.partition("{")
    inner = ",".join([*(f'{key}="{value}"' for key, value in at.items()), labels.rstrip("}")]).rstrip(",")
    return f"{name}{{{inner}}}"


def pair(first: tuple[str, str], second: tuple[str, str], at: dict[str, str] = NODE) -> dict[str, str]:
    return {_named(series, at): values for series, values in (first, second)}


def disk(prefix: str, at: dict[str, str]) -> list[Case]:
    """Free bytes against the reserve of 256 MiB."""

    def figures(free: str) -> dict[str, str]:
        return pair((f"{prefix}_disk_free_bytes", free), (f"{prefix}_disk_reserve_bytes", "268435456x20"), at)

    return [
        Case("BlindmatchDiskLow", figures("1073741823x20"), {}, 6, at),
        Case("BlindmatchDiskLow", figures("1073741824x20"), None, 6, at),
        Case("BlindmatchDiskFull", figures("268435455x20"), {}, 3, at),
        Case("BlindmatchDiskFull", figures("268435456x20"), None, 3, at),
        Case("BlindmatchDiskFull", figures("268435455x20"), None, 1, at),
    ]


def filling(free: str) -> dict[str, str]:
    return pair(("blindmatch_disk_free_bytes", free), ("blindmatch_disk_reserve_bytes", "268435456x500"))


CASES = [
    *both("BlindmatchDown", "up", 0, 1, 10),
    *both("BlindmatchDown", "up", 0, 1, 10, RELAY),
    Case("BlindmatchDown", {'up{job="another",instance="here"}': "0x60"}, None, 30),
    *both("BlindmatchNotReady", "blindmatch_ready", 0, 1, 15),
    *both("BlindmatchNotReady", "blindmatch_relay_ready", 0, 1, 15, RELAY),
    Case(
        "BlindmatchErrorsLogged",
        {_named('blindmatch_log_lines_total{level="error"}', NODE): "0x30 1x30"},
        {"level": "error"},
        40,
    ),
    Case("BlindmatchErrorsLogged", {_named('blindmatch_log_lines_total{level="error"}', NODE): "7x90"}, None, 80),
    Case(
        "BlindmatchErrorsLogged", {_named('blindmatch_log_lines_total{level="warning"}', NODE): "0x30 9x30"}, None, 40
    ),
    Case(
        "BlindmatchErrorsLogged",
        {_named('blindmatch_relay_log_lines_total{level="error"}', RELAY): "0x30 1x30"},
        {"level": "error"},
        40,
        RELAY,
    ),
    *both(
        "BlindmatchPeerUnreachable", 'blindmatch_unreachable_seconds{whose="member"}', 21_601, 21_600, 5, whose="member"
    ),
    Case(
        "BlindmatchPeerUnreachable", {_named('blindmatch_unreachable_seconds{whose="relay"}', NODE): "90000x9"}, None, 8
    ),
    *both(
        "BlindmatchRelayUnreachable", 'blindmatch_unreachable_seconds{whose="relay"}', 3_601, 3_600, 5, whose="relay"
    ),
    Case(
        "BlindmatchDeadlineNear",
        pair(
            ('blindmatch_round_seconds_left{state="deciding"}', "86340x5"),
            ('blindmatch_round_seconds_left{state="running"}', "400000x5"),
        ),
        {},
        1,
    ),
    *both("BlindmatchDeadlineNear", 'blindmatch_round_seconds_left{state="agreed"}', 0, DAY),
    *both("BlindmatchDeadlineNear", 'blindmatch_round_seconds_left{state="preparing"}', 60, DAY),
    Case("BlindmatchDeadlineNear", {_named('blindmatch_round_seconds_left{state="proposed"}', NODE): "60x5"}, None, 1),
    *both(
        "BlindmatchProposalLapses",
        'blindmatch_round_seconds_left{state="proposed"}',
        2 * DAY - 1,
        2 * DAY,
        state="proposed",
    ),
    Case(
        "BlindmatchRoundFailed",
        {_named('blindmatch_rounds{state="failed"}', NODE): "3x30 4x30"},
        {"state": "failed"},
        40,
    ),
    Case("BlindmatchRoundFailed", {_named('blindmatch_rounds{state="failed"}', NODE): "3x90"}, None, 80),
    Case("BlindmatchRoundFailed", {_named('blindmatch_rounds{state="finished"}', NODE): "3x30 4x30"}, None, 40),
    *both("BlindmatchRoundsShortOfRoom", "blindmatch_rounds_short_of_room", 1, 0, 15),
    *both("BlindmatchMemberFrozen", "blindmatch_members_frozen", 1, 0),
    *both("BlindmatchBudgetNear", 'blindmatch_budget_used_ratio{of="member"}', 0.8, 0.79, of="member"),
    *both("BlindmatchBudgetNear", 'blindmatch_budget_used_ratio{of="all"}', 1, 0.5, of="all"),
    *both("BlindmatchBudgetClosed", "blindmatch_budget_closed_seconds", 864_000, 0, 10),
    *both("BlindmatchCheckpointNotCosigned", "blindmatch_cosignature_wait_seconds", DAY + 1, DAY),
    Case(
        "BlindmatchLogUnwitnessed",
        pair(
            ("blindmatch_audit_uncosigned_seconds", f"{35 * DAY + 1}x5"),
            ('blindmatch_members{state="confirmed"}', "1x5"),
        ),
        {},
        2,
    ),
    Case(
        "BlindmatchLogUnwitnessed",
        pair(
            ("blindmatch_audit_uncosigned_seconds", f"{35 * DAY}x5"), ('blindmatch_members{state="confirmed"}', "1x5")
        ),
        None,
        2,
    ),
    Case(
        "BlindmatchLogUnwitnessed",  # nobody is there who could
        pair(
            ("blindmatch_audit_uncosigned_seconds", f"{90 * DAY}x5"), ('blindmatch_members{state="confirmed"}', "0x5")
        ),
        None,
        2,
    ),
    *disk("blindmatch", NODE),
    *disk("blindmatch_relay", RELAY),
    # 7 GB that go at 5 MB a minute are gone within the day; at 1 MB they are not; what is large waits.
    Case("BlindmatchDiskFilling", filling("9000000000-5000000x500"), {}, 450),
    Case("BlindmatchDiskFilling", filling("9000000000-1000000x500"), None, 450),
    Case("BlindmatchDiskFilling", filling("90000000000-50000000x500"), None, 450),
    *both("BlindmatchClockSkew", "blindmatch_clock_skew_seconds", 60.1, 60, 30),
    *both("BlindmatchClockWrong", "blindmatch_clock_skew_seconds", 3600.1, 3600),
    *both("BlindmatchBackupOld", "blindmatch_backup_age_seconds", 8 * DAY + 1, 8 * DAY),
    *both(
        "BlindmatchCertificateEnds",
        'blindmatch_certificate_seconds_left{whose="own"}',
        30 * DAY - 1,
        30 * DAY,
        whose="own",
    ),
    *both(
        "BlindmatchCertificateEnds", 'blindmatch_certificate_seconds_left{whose="member"}', 0, 31 * DAY, whose="member"
    ),
    *both(
        "BlindmatchCertificateEnds",
        'blindmatch_relay_certificate_seconds_left{whose="own"}',
        DAY,
        99 * DAY,
        1,
        RELAY,
        whose="own",
    ),
    *both("BlindmatchRelayFull", 'blindmatch_relay_used_ratio{of="pair"}', 0.8, 0.79, 15, RELAY, of="pair"),
    Case(
        "BlindmatchRelayParcelsOld",
        pair(
            ("blindmatch_relay_oldest_parcel_seconds", "846721x5"),
            ("blindmatch_relay_keep_seconds", "1209600x5"),
            RELAY,
        ),
        {},
        1,
        RELAY,
    ),
    Case(
        "BlindmatchRelayParcelsOld",
        pair(
            ("blindmatch_relay_oldest_parcel_seconds", "846720x5"),
            ("blindmatch_relay_keep_seconds", "1209600x5"),
            RELAY,
        ),
        None,
        1,
        RELAY,
    ),
]


def rules(path: Path = ALERTS) -> dict[str, dict[str, Any]]:
    """Alert -> its rule. The file has each name once."""
    found = [rule for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=PROMTOOL_SECONDS)


def played(folder: Path, alerts: Path) -> subprocess.CompletedProcess[str]:
    """All cases, played to the rules of this file. Those that end in the same minute are played together, each as an
    instance of its own ("case 7"), and for each alert it is said which of them it names then."""
    known = rules()
    tests = []
    for minute in sorted({case.minute for case in CASES}):
        together = [(number, case) for number, case in enumerate(CASES) if case.minute == minute]
        series: list[tuple[str, str]] = []
        expected: dict[str, list[Any]] = {case.alert: [] for _, case in together}
        for number, case in together:
            series += [
                (re.sub(r'(?<=instance=")\w+', f"case {number}", name), case.figures[name]) for name in case.figures
            ]
            rule = known[case.alert]
            if case.labels is not None:
                labels = {
                    "severity": rule["labels"]["severity"],
                    **case.at,
                    **case.labels,
                    "instance": f"case {number}",
                }
                expected[case.alert].append({"exp_labels": labels, "exp_annotations": rule["annotations"]})
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "alert_rule_test": [
                    {"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": wanted}
                    for alert, wanted in expected.items()
                ],
            }
        )
    file = folder / "played.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(alerts)], "evaluation_interval": "1m", "tests": tests}))
    return promtool("test", "rules", str(file))


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    result = promtool("check", "rules", "--lint-fatal", str(ALERTS))
    assert result.returncode == 0, result.stderr
    assert f"{len(rules())} rules found" in result.stdout


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path, record_property: Any) -> None:
    result = played(tmp_path, ALERTS)
    assert result.returncode == 0, result.stdout + result.stderr
    record_property("ran", f"{len(CASES)} cases of {len(rules())} alerts, played by promtool")


@needs_promtool
@pytest.mark.parametrize(
    ("expression", "noticed_by"),
    [
        ("vector(1) < 0", {(case.alert, case.minute) for case in CASES if case.labels is not None}),
        pytest.param("vector(1)", {(case.alert, case.minute) for case in CASES}, marks=pytest.mark.ci),
    ],
    ids=["never", "always"],
)
def test_twin_rules_that_never_or_always_fire_are_found(
    tmp_path: Path, expression: str, noticed_by: set[tuple[str, int]]
) -> None:
    """At every alert and minute that is looked at."""
    broken = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    for group in broken["groups"]:
        for rule in group["rules"]:
            rule["expr"] = expression
            rule.pop("for", None)
    alerts = tmp_path / "broken.yaml"
    alerts.write_text(yaml.safe_dump(broken))
    result = played(tmp_path, alerts)
    assert result.returncode != 0
    failed = re.findall(r"alertname: (\w+), time: (?:(\d+)h)?(?:(\d+)m)?", result.stdout + result.stderr)
    assert {(alert, 60 * int(hours or 0) + int(minutes or 0)) for alert, hours, minutes in failed} == noticed_by


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(record_property: Any) -> None:
    for fires in (True, False):
        assert {case.alert for case in CASES if (case.labels is not None) is fires} == set(rules())
    assert len(CASES) >= 3 * len(rules())
    record_property("ran", f"{len(rules())} alerts, each with a case for both")


def test_every_rule_asks_for_figures_that_exist_and_says_what_to_do() -> None:
    for name, rule in rules().items():
        assert re.fullmatch(r"Blindmatch[A-Za-z]+", name)
        assert problems(rule["expr"]) == [], name
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        for text in rule["annotations"].values():
            assert text[0].isupper() or text.startswith(("`", "whose=")), text
            assert text.endswith("."), text
            assert "{{" not in text  # so that nothing of a label, which a scrape may add, gets into a message


@pytest.mark.usefixtures("_plain_help")
def test_the_commands_in_the_rules_exist() -> None:
    said = " ".join(text for rule in rules().values() for text in rule["annotations"].values())
    commands = re.findall(r"`(blindmatch [^`]+)`", said)
    assert len(commands) >= 15
    assert {command: problem for command in commands if (problem := problem_with(command))} == {}


@pytest.fixture
def _plain_help(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "250", "TERMINAL_WIDTH": "250", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)


ISSUE = {
    "peer unreachable": "BlindmatchPeerUnreachable",
    "deadline near": "BlindmatchDeadlineNear",
    "budget near": "BlindmatchBudgetNear",
    "checkpoint not co-signed": "BlindmatchCheckpointNotCosigned",
    "disk": "BlindmatchDiskLow",
    "clock skew": "BlindmatchClockSkew",
}


def test_what_was_promised_is_there() -> None:
    assert set(ISSUE.values()) <= set(rules())
