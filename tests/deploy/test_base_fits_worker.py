"""deploy/k8s/base and the worker agree: configuration, secrets, ports, the time to drain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.image import PROJECT
from tests.deploy.rendering import BASE_FOLDER, Manifest, pod_of, rendered
from worker.app.run import CLOSE_DEADLINE_SECONDS, DRAIN_DEADLINE_SECONDS
from worker.config.load import load_config
from worker.config.settings import Settings
from worker.config.syncs import Config

ROLES = ("poll", "deliver")
CONFIG_PATH = BASE_FOLDER / "hightide.yaml"


def test_the_configuration_is_the_shipped_example() -> None:
    """Whoever starts from the manifests starts from the same models and syncs."""
    example = PROJECT / "worker/config/example.yaml"

    assert load_config(example) == load_config(CONFIG_PATH)


def test_the_pods_read_exactly_that_file() -> None:
    """The ConfigMap holds it, byte by byte, under the name that the image expects."""
    [config_map] = [m for m in rendered() if m["kind"] == "ConfigMap"]

    assert {"hightide.yaml": CONFIG_PATH.read_text(encoding="utf-8")} == config_map["data"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_secrets_it_reads_and_no_other(role: str) -> None:
    """Each secret file that the configuration names is mounted where it is read."""
    pod = pod_of(rendered(), role)
    [volume] = [v["secret"] for v in pod["volumes"] if "secret" in v]
    folder = _mount_path(pod, "secrets")

    assert _secret_files(role) == {f"{folder}/{item['path']}" for item in volume["items"]}


@pytest.mark.parametrize("role", ROLES)
def test_the_grace_period_covers_the_slowest_drain(role: str) -> None:
    """Draining, being cut off and closing every connection end before the pod is killed."""
    config, pod = load_config(CONFIG_PATH), pod_of(rendered(), role)
    sources, syncs = len(config.sources), len(config.syncs)
    connections = sources + 2 if role == "poll" else 1 + 2 * syncs
    slowest = DRAIN_DEADLINE_SECONDS + CLOSE_DEADLINE_SECONDS * (1 + connections)

    assert slowest + 5.0 < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("role", ROLES)
def test_the_probes_ask_the_port_and_routes_the_worker_serves(role: str) -> None:
    """Liveness asks /livez only; start and readiness ask /readyz."""
    [container] = pod_of(rendered(), role)["containers"]
    [port] = container["ports"]
    default_port = Settings.model_fields["port"].default
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    paths = [container[probe]["httpGet"]["path"] for probe in probes]

    assert (default_port, [role]) == (port["containerPort"], container["args"])
    assert ["/readyz", "/livez", "/readyz"] == paths


def test_only_the_poller_keeps_state() -> None:
    """Its index is on a volume; deliver writes to /tmp only."""
    manifests = rendered()
    written = {
        role: {m["mountPath"] for m in _mounts(pod_of(manifests, role)) if not m.get("readOnly")}
        for role in ROLES
    }

    assert {"poll": {"/tmp", "/var/lib/hightide"}, "deliver": {"/tmp"}} == written  # noqa: S108  # a mount point


def test_the_tag_is_the_version_of_the_project() -> None:
    """The manifests run the worker they belong to."""
    kustomization = yaml.safe_load((BASE_FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    [image] = kustomization["images"]

    assert f'version = "{image["newTag"]}"' in (PROJECT / "pyproject.toml").read_text("utf-8")


def _mounts(pod: Manifest) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = pod["containers"][0]["volumeMounts"]
    return mounts


def _mount_path(pod: Manifest, name: str) -> str:
    [mount] = [m for m in _mounts(pod) if m["name"] == name]
    return str(mount["mountPath"])


def _secret_files(role: str) -> set[str]:
    config: Config = load_config(CONFIG_PATH)
    if role == "deliver":
        files: list[Path | None] = [d.api_key.file for d in config.destinations.values()]
    else:
        keys = [s.connection["private_key_file"] for s in config.sources.values()]
        files = [config.mqr.hash_key.file, *(Path(key) for key in keys)]
    return {str(path) for path in files}
