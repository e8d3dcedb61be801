"""What an API server would refuse, or a cluster would do wrong, and a schema can't see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.deploy.rendering import Manifest

KINDS = {"Namespace", "ServiceAccount", "ConfigMap", "Deployment", "PodDisruptionBudget"}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
VOLUME_TYPES = {"configMap", "secret", "emptyDir", "projected", "downwardAPI"}


def findings(manifests: list[Manifest]) -> list[str]:
    """Return a sentence for everything that is wrong."""
    return [
        f"{manifest['kind']}/{manifest['metadata']['name']}: {sentence}"
        for manifest in manifests
        for sentence in _manifest(manifest, manifests)
    ]


def _manifest(manifest: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    if manifest["kind"] not in KINDS:
        yield "a kind that is not expected here"
    if not NAME.fullmatch(manifest["metadata"]["name"]):
        yield "the name is no DNS label"
    if manifest["kind"] == "Deployment":
        yield from _deployment(manifest, manifests)
    if manifest["kind"] == "PodDisruptionBudget":
        wanted = manifest["spec"]["selector"]["matchLabels"]
        pods = [m["spec"]["template"] for m in manifests if m["kind"] == "Deployment"]
        if not any(_selects(wanted, pod) for pod in pods):
            yield "selects no pod"


def _selects(wanted: dict[str, str], pod: Manifest) -> bool:
    return bool(wanted) and wanted.items() <= pod["metadata"]["labels"].items()


def _deployment(manifest: Manifest, manifests: list[Manifest]) -> Iterator[str]:
    spec = manifest["spec"]
    template, pod = spec["template"], spec["template"]["spec"]
    if not _selects(spec["selector"]["matchLabels"], template):
        yield "the selector does not match the pods' labels"
    strategy = spec.get("strategy", {})
    if strategy.get("type", "RollingUpdate") not in {"Recreate", "RollingUpdate"}:
        yield "no such strategy"
    if strategy.get("type") == "Recreate" and "rollingUpdate" in strategy:
        yield "rollingUpdate under Recreate"
    if manifest["metadata"]["name"] == "hightide-poll":
        yield from _one_poller(spec)
    accounts = {m["metadata"]["name"] for m in manifests if m["kind"] == "ServiceAccount"}
    if pod.get("serviceAccountName") not in accounts:
        yield "its service account is not there"
    if pod.get("automountServiceAccountToken") is not False:
        yield "a token is mounted that nobody needs"
    yield from _volumes(pod, {m["metadata"]["name"] for m in manifests if m["kind"] == "ConfigMap"})
    for container in pod["containers"]:
        yield from _container(container, pod)


def _one_poller(spec: Manifest) -> Iterator[str]:
    if spec.get("replicas", 1) != 1:
        yield "more than one poller"
    if spec.get("strategy", {}).get("type") != "Recreate":
        yield "two pollers overlap in a roll-out"


def _volumes(pod: Manifest, config_maps: set[str]) -> Iterator[str]:
    for volume in pod.get("volumes", []):
        name = volume["name"]
        if not set(volume) - {"name"} <= VOLUME_TYPES:
            yield f"volume {name} has a type that restricted pods may not have"
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            yield f"volume {name} may fill the node's disk"
        if "configMap" in volume and volume["configMap"]["name"] not in config_maps:
            yield f"volume {name} names a ConfigMap that is not there"


def _container(container: Manifest, pod: Manifest) -> Iterator[str]:
    ports = {port.get("name") for port in container.get("ports", [])}
    for probe in PROBES:
        if container.get(probe, {}).get("httpGet", {}).get("port") not in ports:
            yield f"{probe} asks a port that is not declared"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"the mount {mount['name']} has no volume"
        if "subPath" in mount:
            yield f"the mount {mount['name']} would never see a rotated secret"
    yield from _resources(container.get("resources", {}))
    if not _restricted({**pod.get("securityContext", {}), **container.get("securityContext", {})}):
        yield "not restricted: non-root, read-only, no capabilities, no escalation, seccomp"


def _resources(resources: Manifest) -> Iterator[str]:
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for value in (*requests.values(), *limits.values()):
        if not QUANTITY.fullmatch(str(value)):
            yield f"{value} is no quantity"
    if requests.get("memory") is None or requests.get("memory") != limits.get("memory"):
        yield "memory asked for is not the memory it may have"
    if "cpu" in limits:
        yield "a CPU limit would throttle heartbeats"


def _restricted(context: dict[str, Any]) -> bool:
    return (
        context.get("runAsNonRoot") is True
        and context.get("readOnlyRootFilesystem") is True
        and context.get("allowPrivilegeEscalation") is False
        and context.get("capabilities") == {"drop": ["ALL"]}
        and context.get("seccompProfile") == {"type": "RuntimeDefault"}
    )
