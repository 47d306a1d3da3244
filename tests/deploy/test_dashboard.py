"""The dashboard and the page about it: every query asks for figures that exist, every figure is told, nothing else is.

Grafana is not run here: its file is read as the classic JSON model says, and promtool reads the queries.
"""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.facts import FACTS
from node.metrics import NODE, Catalogue, Metrics
from node.relay.figures import RELAY
from tests.deploy.test_alerts import rules
from tests.support.exprs import names_in, problems
from tests.support.tree import ROOT, project_files

OBSERVE = ROOT / "deploy" / "observe"
LEAST_QUERIES = 40
GRID_WIDTH = 24

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Prometheus) is not here")


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OBSERVE / "dashboard.json").read_text(encoding="utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def page() -> str:
    return (OBSERVE / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """Of the first table under a heading: what stands in back-ticks in the first cell -> the other cells."""
    part = page().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", part, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


@pytest.mark.tm("TM-253")
def test_every_query_asks_for_figures_that_exist(record_property: Any) -> None:
    assert len(queries()) >= LEAST_QUERIES
    assert {query: found for query in queries() if (found := problems(query))} == {}
    record_property("ran", f"{len(queries())} queries of the dashboard")


@pytest.mark.tm("TM-253")
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("blindmatch_disk_free_byte < 5", "there is no figure blindmatch_disk_free_byte"),
        ("blindmatch_steps", "there is no figure blindmatch_steps"),  # a counter ends in _total
        ('rate(blindmatch_steps_total{result="done"}[5m])', "blindmatch_steps_total has no label result"),
        ('blindmatch_rounds{state="done"} > 0', "blindmatch_rounds is never state=done"),
        ('sum by (state) (blindmatch_rounds{state=~"agreed|runing"})', "blindmatch_rounds is never state=runing"),
        ('up == 0 or blindmatch_relay_reddy{instance=~"$instance"} == 0', "there is no figure blindmatch_relay_reddy"),
        ("3 > 2", "asks for nothing"),
    ],
)
def test_twin_a_query_for_what_is_not_there_is_found(expression: str, said: str) -> None:
    assert said in problems(expression)


@needs_promtool
@pytest.mark.tm("TM-253")
def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    """As a rule each, with Grafana's variables filled in."""
    filled = [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in queries()]
    assert not [query for query in filled if "$" in query]
    for queries_tried, good in ((filled, True), ([*filled, "sum by (rate("], False)):
        recorded = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries_tried)]
        file = tmp_path / "queries.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
        command = ["promtool", "check", "rules", "--lint=none", str(file)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (result.returncode == 0) is good, result.stderr


@needs_promtool
@pytest.mark.parametrize("catalogue", [NODE, RELAY], ids=["node", "relay"])
def test_prometheus_has_nothing_to_say_against_the_names_of_the_figures(catalogue: Catalogue) -> None:
    metrics = Metrics(catalogue=catalogue)
    for name, shape in catalogue.shapes.items():
        metrics.set(name, 1, **{label: known[0] for label, known in shape.labels.items()})
    bad = b"# HELP blindmatch_steps Steps\n# TYPE blindmatch_steps counter\nblindmatch_steps 1\n"
    for text, good in ((metrics.page(), True), (metrics.page() + bad, False)):
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
        assert (result.returncode == 0) is good, result.stderr


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    found = dashboard()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= GRID_WIDTH
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith((".", "!"))
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}  # no address of anybody's server
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert {variable["name"] for variable in found["templating"]["list"]} == {"datasource", "instance"}


@pytest.mark.tm("TM-251")
@pytest.mark.parametrize(
    ("heading", "catalogue"), [("Figures of a node", NODE), ("Figures of a relay", RELAY)], ids=["node", "relay"]
)
def test_the_page_tells_every_figure_as_the_program_does(heading: str, catalogue: Catalogue) -> None:
    told = table(heading)
    assert list(told) == list(catalogue.shapes)
    for name, shape in catalogue.shapes.items():
        labels, what = told[name]
        values = {
            label: "the version" if label == "version" else " ".join(known) for label, known in shape.labels.items()
        }
        assert labels == ", ".join(f"`{label}`: {said}" for label, said in values.items()), name
        assert what == shape.help + " (counter)" * shape.counter, name


def test_every_figure_is_on_the_dashboard_or_in_a_rule() -> None:
    asked = set().union(*(names_in(one) for one in [*queries(), *(rule["expr"] for rule in rules().values())]))
    for catalogue in (NODE, RELAY):
        for name, shape in catalogue.shapes.items():
            assert f"{catalogue.prefix}_{name}{'_total' * shape.counter}" in asked, name


def test_the_page_tells_every_alert() -> None:
    told = table("Alerts")
    assert list(told) == list(rules())
    assert {name: cells[-1] for name, cells in told.items()} == {
        name: rule["labels"]["severity"] for name, rule in rules().items()
    }


LEVELS = frozenset({"info", "warning", "error", "exception"})
SPOKEN = frozenset({"call-refused", "peer-blamed"})
"""Handed on by name, from node.rpc.refusals."""


def events_of(source: str) -> tuple[set[str], list[str]]:
    """What a module says to a log of `node.logs`: the fixed words, and calls in which it is no fixed word."""
    fixed: set[str] = set()
    other: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        teller = ast.unparse(node.func.value)
        if not re.fullmatch(r"(self\.)?_?log|(logs\.)?get\(.*\)", teller) or not node.args:
            continue
        said = node.args[0]
        options = [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]
        words = [one.value for one in options if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        fixed.update(words)
        if len(words) < len(options):
            other.append(ast.unparse(node))
    return fixed, other


@pytest.mark.tm("TM-254")
def test_the_page_tells_every_event_of_the_logs_and_each_is_a_fixed_word() -> None:
    said: set[str] = set(SPOKEN)
    other: list[str] = []
    for path in project_files():
        if path.parts[0] in ("node", "cli") and path.suffix == ".py":
            fixed, unfixed = events_of((ROOT / path).read_text(encoding="utf-8"))
            said |= fixed
            other += unfixed
    assert other == ["_log.warning(event, **facts)"]  # node.relay.running: what SPOKEN lists
    assert set(table("Logs")) == said
    assert len(said) >= 20


@pytest.mark.tm("TM-254")
def test_twin_an_event_that_is_made_up_at_run_time_is_found() -> None:
    assert events_of('_log.info(f"{name} came")') == (set(), ["_log.info(f'{name} came')"])
    assert events_of('get("store").error("a" if now else name)')[1] != []


@pytest.mark.tm("TM-254")
def test_the_fields_of_the_page_are_those_of_the_logs() -> None:
    part = page().partition("\n## Logs\n")[2].partition("| event |")[0]
    fields = {
        name for row in re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert fields <= {*FACTS, "at", "level", "part", "event", "error", "library"}
    assert len(fields) >= 15
