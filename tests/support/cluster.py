"""What must hold of every manifest that we hand to a cluster, whoever rendered it: a list of what is wrong.

`schema_problems` asks the schemas of Kubernetes, strictly, so that a misspelt field is found; `problems` asks our own
rules: the profile "restricted" of the Pod Security Standards, and what a node needs beyond it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import kubernetes_validate

__all__ = ["NEWEST", "OLDEST", "Manifest", "pods", "problems", "schema_problems"]

Manifest = dict[str, Any]

OLDEST, NEWEST = "1.29", "1.37"
"""Versions of Kubernetes whose schemas are asked: from the first with ReadWriteOncePod to the newest we have."""

NODE_PORT = 7443
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
VOLUMES = {"persistentVolumeClaim", "emptyDir", "secret"}
"""Kinds of volumes that a pod of ours has; the profile would allow a few more, none of the machine's."""


def schema_problems(manifests: Sequence[Manifest]) -> list[str]:
    """What the schemas of the oldest and of the newest version refuse."""
    wrong = []
    for manifest in manifests:
        for version in (OLDEST, NEWEST):
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                wrong.append(f"{manifest.get('kind')} {version}: {getattr(error, 'message', error)}")
    return wrong


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Name, labels and specification of each pod that these manifests make."""
    for manifest in manifests:
        if manifest["kind"] in {"Deployment", "Job", "StatefulSet", "DaemonSet", "CronJob", "Pod", "ReplicaSet"}:
            template = manifest["spec"]["template"]
            yield f"{manifest['kind']} {manifest['metadata']['name']}", template["metadata"]["labels"], template["spec"]


def problems(manifests: Sequence[Manifest]) -> list[str]:
    """What breaks a rule of ours, in words; empty if nothing does."""
    found: list[str] = []
    for name, labels, pod in pods(manifests):
        found += [f"{name}: {what}" for what in (*_pod(pod), *_network(labels, manifests))]
    found += [what for manifest in manifests for what in _object(manifest)]
    return found


def _pod(pod: Mapping[str, Any]) -> Iterator[str]:
    security = pod.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "may be root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if not security.get("fsGroup") or security.get("fsGroupChangePolicy") != "OnRootMismatch":
        yield "would have its folder opened to a group at every start"
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token of the cluster"
    if any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "sees the machine"
    if pod.get("enableServiceLinks") is not False:
        yield "is told of other services in its environment"
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"has a volume of another kind: {volume['name']}"
        if "secret" in volume and volume["secret"].get("defaultMode") != 0o400:
            yield "has a secret that others in the pod may read"
    for container in (*pod.get("containers", []), *pod.get("initContainers", [])):
        yield from _container(container)


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "has capabilities"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"
    if "runAsUser" in security or "runAsNonRoot" in security:
        yield "changes its account"
    if "@sha256:" not in container.get("image", ""):
        yield "has an image without a digest"
    if not container.get("resources", {}).get("limits", {}).get("memory"):
        yield "has no limit of memory"
    if "envFrom" in container:
        yield "takes its environment from elsewhere"
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            yield f"has a secret in its environment: {variable['name']}"
    if any("passphrase" in word.lower() for word in (*container.get("args", []), *container.get("command", []))):
        yield "has a passphrase in its arguments"
    if "run" in container.get("args", []):
        missing = [kind for kind in PROBES if kind not in container]
        if missing:
            yield f"has no {missing[0]}"
        # Health is answered on loopback alone: a question of the cluster's own would never get there.
        if any("exec" not in container[kind] for kind in PROBES if kind in container):
            yield "is asked for its health from outside"


def _network(labels: Mapping[str, str], manifests: Sequence[Manifest]) -> Iterator[str]:
    policies = [
        one["spec"]
        for one in manifests
        if one["kind"] == "NetworkPolicy" and one["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    ]
    if not any({"Ingress", "Egress"} <= set(policy["policyTypes"]) for policy in policies):
        yield "may be called by anybody and call anybody"
    for policy in policies:
        for rule in policy.get("ingress", []):
            if [port.get("port") for port in rule.get("ports", [])] != [NODE_PORT]:
                yield "takes calls at another port"
        for rule in policy.get("egress", []):
            if not rule.get("ports"):
                yield "calls any port"


def _object(manifest: Manifest) -> Iterator[str]:
    kind, spec = manifest["kind"], manifest.get("spec", {})
    if kind == "Secret":
        yield "a Secret stands among the manifests"
    if kind in {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}:
        yield "rights in the cluster stand among the manifests"
    if kind == "Deployment" and (spec.get("replicas") != 1 or spec.get("strategy") != {"type": "Recreate"}):
        yield "two pods of one node may run at the same time"
    if kind in {"StatefulSet", "DaemonSet", "ReplicaSet", "HorizontalPodAutoscaler"}:
        yield f"a {kind} may run more than one pod of a node"
    if kind == "PersistentVolumeClaim" and spec.get("accessModes") != ["ReadWriteOncePod"]:
        yield "more than one pod may have the folder"
    if kind == "Ingress":
        yield "TLS would end outside the node"
