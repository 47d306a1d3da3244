"""deploy/kustomize: `kubectl kustomize` renders it, the schemas of Kubernetes take it, and every pod is shut in.

No cluster runs here. What the manifests give is held against the schemas and our own rules (tests/support/cluster.py);
what a kubelet makes of the Secret, a file of root's with the pod's group and mode 0440, is laid out and read by the
program itself.
"""

import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cluster import Manifest, pods, problems, schema_problems
from tests.support.tree import ROOT

FOLDER = ROOT / "deploy" / "kustomize"
LEAST = (5, 0)
"""The oldest version of kustomize that reads these folders: inside kubectl 1.27."""


@cache
def why_not() -> str | None:
    if shutil.which("kubectl") is None:
        return "kubectl is not here (Debian: kubernetes-client of Debian 13 or newer)"
    said = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"Kustomize Version: v(\d+)\.(\d+)", said)
    if found is None or tuple(map(int, found.groups())) < LEAST:
        return "the kubectl that is here is older than 1.27"
    return None


@cache
def rendered(name: str) -> str:
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER / name)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def manifests(name: str) -> list[Manifest]:
    if reason := why_not():
        pytest.skip(reason)
    return [one for one in yaml.safe_load_all(rendered(name)) if one is not None]


@pytest.mark.tm("TM-250")
@pytest.mark.parametrize(("name", "count"), [("example", 6), ("init", 2)])
def test_what_is_rendered_fits_the_schemas_and_is_shut_in(
    name: str, count: int, record_property: Callable[[str, object], None]
) -> None:
    made = manifests(name)
    assert len(made) == count
    assert schema_problems(made) == []
    assert problems(made) == []
    record_property("ran", f"{len(made)} objects against 2 versions of Kubernetes")


def test_the_base_alone_lacks_the_digest_that_only_you_know() -> None:
    assert problems(manifests("base")) == ["Deployment blindmatch: has an image without a digest"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "template", "spec", "securityContexts"), {}),
        (("spec", "template", "spec", "containers", 0, "readonly"), True),
        (("spec", "replicas"), "one"),
        (("spec", "template", "spec", "volumes", 0, "persistentVolumeClaim", "claim"), "x"),
    ],
)
def test_a_misspelt_field_is_found(place: tuple[Any, ...], value: object) -> None:
    assert schema_problems([changed(deployment(), place, value)]) != []


def deployment() -> Manifest:
    return next(one for one in manifests("example") if one["kind"] == "Deployment")


GONE = object()


def changed(manifest: Manifest, place: tuple[Any, ...], value: object) -> Manifest:
    other = copy.deepcopy(manifest)
    inner: Any = other
    for step in place[:-1]:
        inner = inner[step]
    if value is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return other


POD: tuple[Any, ...] = ("spec", "template", "spec")
CONTAINER: tuple[Any, ...] = (*POD, "containers", 0)


@pytest.mark.tm("TM-250")
@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("spec", "replicas"), 2, "two pods"),
        (("spec", "strategy"), {"type": "RollingUpdate"}, "two pods"),
        ((*POD, "securityContext", "runAsNonRoot"), False, "may be root"),
        ((*POD, "securityContext", "runAsUser"), 0, "may be root"),
        ((*POD, "securityContext", "seccompProfile"), {"type": "Unconfined"}, "seccomp"),
        ((*POD, "securityContext", "fsGroupChangePolicy"), "Always", "opened to a group"),
        ((*POD, "automountServiceAccountToken"), GONE, "token"),
        ((*POD, "hostNetwork"), True, "sees the machine"),
        ((*POD, "enableServiceLinks"), True, "other services"),
        ((*POD, "volumes", 0), {"name": "state", "hostPath": {"path": "/var/lib/blindmatch"}}, "another kind"),
        ((*POD, "volumes", 2, "secret", "defaultMode"), 0o444, "secret that others"),
        ((*CONTAINER, "securityContext", "allowPrivilegeEscalation"), True, "gain privileges"),
        ((*CONTAINER, "securityContext", "capabilities"), {"drop": ["ALL"], "add": ["NET_RAW"]}, "capabilities"),
        ((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), False, "write to its root"),
        ((*CONTAINER, "image"), "registry.example/blindmatch:latest", "without a digest"),
        ((*CONTAINER, "resources"), {}, "no limit of memory"),
        ((*CONTAINER, "env", 1), {"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}}, "in its env"),
        ((*CONTAINER, "envFrom"), [{"secretRef": {"name": "s"}}], "from elsewhere"),
        ((*CONTAINER, "args"), ["node", "run", "--passphrase=x"], "in its arguments"),
        ((*CONTAINER, "livenessProbe"), GONE, "no livenessProbe"),
        ((*CONTAINER, "readinessProbe"), {"httpGet": {"path": "/ready", "port": 9464}}, "from outside"),
    ],
)
def test_each_wall_that_is_taken_out_is_found(place: tuple[Any, ...], value: object, said: str) -> None:
    made = [one for one in manifests("example") if one["kind"] != "Deployment"]
    assert any(said in problem for problem in problems([*made, changed(deployment(), place, value)]))


@pytest.mark.tm("TM-250")
@pytest.mark.parametrize(
    ("kind", "place", "value", "said"),
    [
        ("NetworkPolicy", ("spec", "policyTypes"), ["Ingress"], "may be called by anybody"),
        ("NetworkPolicy", ("spec", "podSelector", "matchLabels", "app.kubernetes.io/component"), "x", "by anybody"),
        ("NetworkPolicy", ("spec", "ingress", 0, "ports"), [{"port": 9464}], "another port"),
        ("NetworkPolicy", ("spec", "egress", 1, "ports"), [], "calls any port"),
        ("PersistentVolumeClaim", ("spec", "accessModes"), ["ReadWriteMany"], "more than one pod"),
    ],
)
def test_each_rule_around_the_pod_that_is_taken_out_is_found(
    kind: str, place: tuple[Any, ...], value: object, said: str
) -> None:
    made = [changed(one, place, value) if one["kind"] == kind else one for one in manifests("example")]
    assert any(said in problem for problem in problems(made))


def test_the_service_and_the_policy_find_the_node_and_not_the_job() -> None:
    made = manifests("example") + manifests("init")
    labels = {name: labels for name, labels, _ in pods(made)}
    service = next(one for one in made if one["kind"] == "Service")["spec"]
    found = [name for name, has in labels.items() if service["selector"].items() <= has.items()]
    assert found == ["Deployment blindmatch"]
    assert service["ports"][0]["targetPort"] == "node"


def test_node_and_job_share_account_folder_and_secret() -> None:
    (_, _, node), (_, _, job) = pods([deployment(), *(one for one in manifests("init") if one["kind"] == "Job")])
    for part in ("serviceAccountName", "securityContext", "volumes"):
        assert node[part] == job[part]
    assert node["containers"][0]["env"] == job["containers"][0]["env"]
    assert node["containers"][0]["volumeMounts"] == job["containers"][0]["volumeMounts"]


def test_the_options_of_the_job_are_those_of_the_command() -> None:
    from typer.main import get_command

    from cli.node import app

    job = next(one for one in manifests("init") if one["kind"] == "Job")
    words = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert words[:2] == ["node", "init"]
    command = get_command(app).commands["init"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


READ = """
import os, sys
from pathlib import Path
from cli._passphrase import read_file
from node.errors import UserError
os.setgroups([20000]); os.setgid(10001); os.setuid(10001)
try:
    with read_file(Path(sys.argv[1])) as secret:
        print("read", secret.size)
except UserError as error:
    print(error.sentence)
"""


def as_a_kubelet_lays_it(folder: Path, mode: int) -> Path:
    """A Secret with fsGroup 20000: root's, links into a folder whose name changes with each update."""
    real = folder / "..2026_01_31"
    real.mkdir()
    (folder / "..data").symlink_to(real.name)
    (folder / "passphrase").symlink_to("..data/passphrase")
    (real / "passphrase").write_text("four made up words\n")
    os.chown(real / "passphrase", 0, 20000)
    (real / "passphrase").chmod(mode)
    for path in (folder, real):
        path.chmod(0o755)
    return folder / "passphrase"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another account")
@pytest.mark.parametrize(
    ("mode", "named", "said"),
    [
        (0o440, True, "read 18"),
        (0o440, False, "Other accounts of this machine may read"),  # as on any machine that is not a pod
        (0o444, True, "Other accounts of this machine may read"),
        (0o400, True, "cannot be read"),  # what it would be without fsGroup: root's alone
    ],
)
@pytest.mark.tm("TM-248")
def test_the_program_reads_a_secret_as_a_kubelet_lays_it_out(
    mode: int, named: bool, said: str, request: pytest.FixtureRequest
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:  # pytest's own folders let nobody else in
        folder = Path(temporary)
        file = as_a_kubelet_lays_it(folder, mode)
        environment = {"PATH": os.environ["PATH"]} | ({"CREDENTIALS_DIRECTORY": str(folder)} if named else {})
        done = subprocess.run(
            [sys.executable, "-c", READ, str(file)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert said in done.stdout, done.stderr
        assert "made up" not in done.stdout + done.stderr
