"""The manifests as a cluster gets them: what kustomize makes of deploy/k8s/base."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.demands import command, demand

BASE_FOLDER = Path(__file__).parents[2] / "deploy/k8s/base"

Manifest = dict[str, Any]


def rendered() -> list[Manifest]:
    """Return the manifests, each time anew, so that a test may plant faults in them."""
    kubectl, kustomize = command("kubectl"), command("kustomize")
    demand(kubectl or kustomize, "deploy/k8s renders (install kubectl or kustomize)")
    tool = (kubectl, "kustomize") if kubectl else (str(kustomize), "build")
    return list(yaml.safe_load_all(_render(tool)))


@cache
def _render(tool: tuple[str, str]) -> str:
    return subprocess.run(
        [*tool, str(BASE_FOLDER)], check=True, capture_output=True, text=True
    ).stdout


def only(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the manifest of that kind and name; there must be one."""
    [one] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return one


def pod_of(manifests: list[Manifest], role: str) -> Manifest:
    """Return the pod template's spec of a role."""
    spec: Manifest = only(manifests, "Deployment", f"hightide-{role}")["spec"]["template"]["spec"]
    return spec
