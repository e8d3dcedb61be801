"""deploy/k8s/base is what a cluster accepts, and the checks that say so catch planted faults.

This is no server-side dry run: schemas of the oldest and newest supported Kubernetes, and our own
rules for what schemas can't see.
"""

from __future__ import annotations

from collections.abc import Callable

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

from tests.deploy.rendering import BASE_FOLDER, Manifest, only, pod_of, rendered
from tests.deploy.semantics import findings


@pytest.mark.parametrize("version", ["1.32", "1.37"])
def test_every_manifest_fits_the_strict_schema(version: str) -> None:
    """Unknown fields and wrong types are in none of them, in old and new clusters."""
    for manifest in rendered():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_manifests_are_all_there_and_right() -> None:
    """Two roles, one configuration, a budget; the semantic checks find nothing."""
    manifests = rendered()
    kinds = sorted(manifest["kind"] for manifest in manifests)
    one_each = ["ConfigMap", "Deployment", "Deployment", "Namespace", "PodDisruptionBudget"]

    assert [*one_each, "ServiceAccount", "ServiceAccount"] == kinds
    assert [] == findings(manifests)


def test_the_example_secret_is_a_secret_but_not_part_of_the_base() -> None:
    """Its keys are those that the pods mount; kustomize never applies it."""
    path = BASE_FOLDER.parent / "examples/secret.example.yaml"
    secret = yaml.safe_load(path.read_text(encoding="utf-8"))
    kubernetes_validate.validate(secret, "1.37", strict=True)
    manifests = rendered()
    mounted = {
        item["key"]
        for role in ("poll", "deliver")
        for volume in pod_of(manifests, role)["volumes"]
        if volume.get("secret", {}).get("secretName") == secret["metadata"]["name"]
        for item in volume["secret"]["items"]
    }

    assert mounted == set(secret["stringData"])


def _deploy(manifests: list[Manifest], role: str) -> Manifest:
    spec: Manifest = only(manifests, "Deployment", f"hightide-{role}")["spec"]
    return spec


def _container(manifests: list[Manifest]) -> Manifest:
    one: Manifest = pod_of(manifests, "deliver")["containers"][0]
    return one


_LIMITS = ("requests", "limits")
FAULTS: dict[str, tuple[Callable[[list[Manifest]], object], str]] = {
    "selector": (
        lambda m: _deploy(m, "deliver")["selector"]["matchLabels"].update({"a": "b"}),
        "the selector does not match the pods' labels",
    ),
    "probe port": (
        lambda m: _container(m)["livenessProbe"]["httpGet"].update({"port": "nowhere"}),
        "livenessProbe asks a port that is not declared",
    ),
    "mount": (
        lambda m: _container(m)["volumeMounts"].append({"name": "x", "mountPath": "/x"}),
        "the mount x has no volume",
    ),
    "security": (
        lambda m: _container(m).pop("securityContext"),
        "not restricted: non-root, read-only, no capabilities, no escalation, seccomp",
    ),
    "root": (
        lambda m: pod_of(m, "deliver")["securityContext"].update({"runAsNonRoot": False}),
        "not restricted: non-root, read-only, no capabilities, no escalation, seccomp",
    ),
    "memory unit": (
        lambda m: [_container(m)["resources"][w].update(memory="512Mb") for w in _LIMITS],
        "512Mb is no quantity",
    ),
    "memory request": (
        lambda m: _container(m)["resources"]["requests"].update(memory="1Gi"),
        "memory asked for is not the memory it may have",
    ),
    "two pollers": (lambda m: _deploy(m, "poll").update(replicas=2), "more than one poller"),
    "rolling poller": (
        lambda m: _deploy(m, "poll").update(strategy={"type": "RollingUpdate"}),
        "two pollers overlap in a roll-out",
    ),
    "strategy typo": (
        lambda m: _deploy(m, "deliver").update(strategy={"type": "Rolling"}),
        "no such strategy",
    ),
    "budget for nobody": (
        lambda m: only(m, "PodDisruptionBudget", "hightide-deliver")["spec"]["selector"].update(
            {"matchLabels": {"app.kubernetes.io/component": "delivery"}}
        ),
        "selects no pod",
    ),
    "kind typo": (lambda m: m[0].update(kind="Namespase"), "a kind that is not expected here"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    """The checks see what they are there for."""
    plant, sentence = FAULTS[fault]
    manifests = rendered()
    plant(manifests)

    assert sentence in {finding.split(": ", 1)[1] for finding in findings(manifests)}


@pytest.mark.parametrize(
    ("role", "key", "value"),
    [("deliver", "replica", 2), ("poll", "replicas", "1")],
)
def test_a_planted_field_is_refused_by_the_schema(role: str, key: str, value: object) -> None:
    """A field that does not exist, or holds the wrong type, is an error and not a warning."""
    deployment = only(rendered(), "Deployment", f"hightide-{role}")
    deployment["spec"][key] = value

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.37", strict=True)
