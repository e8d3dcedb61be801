"""The image, built by buildah from the real Dockerfile, and run under the pod's restrictions.

No registry is asked: the base is a stand-in made of Debian packages, with the Python and the Debian
that the tag in the Dockerfile names.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
BASE = "docker.io/library/python:3.11-slim-bookworm"
SUITE = "bookworm"
# Where this machine keeps what pip must trust and ask; lent to the build, never in the image.
LENT = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What the image says of itself."""

    user: str
    entrypoint: tuple[str, ...]
    environment: tuple[str, ...]
    ports: tuple[str, ...]
    stop_signal: str
    labels: dict[str, str]


class Store:
    """A folder of images; buildah's own, so that nothing of the machine's is used or left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._driver = "overlay"
        try:
            self.buildah("from", "--name", "probe", "scratch")
        except subprocess.CalledProcessError:
            self._driver = "vfs"  # inside another container's overlay; slower
            self.buildah("from", "--name", "probe", "scratch")
        self.buildah("rm", "probe")

    def buildah(self, *arguments: str) -> str:
        """Run buildah on this store; return what it printed."""
        store = ("--root", f"{self._folder}/root", "--runroot", f"{self._folder}/run")
        try:
            return subprocess.run(
                ["buildah", *store, "--storage-driver", self._driver, *arguments],
                check=True,
                capture_output=True,
                text=True,
                cwd=PROJECT,
                env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
            ).stdout
        except subprocess.CalledProcessError as error:
            error.add_note(error.stderr[-4000:])
            raise

    def build_base(self) -> None:
        """Make the stand-in for the base image."""
        subprocess.run(
            [str(HERE / "base_image.sh"), BASE, SUITE],
            check=True,
            env={**os.environ, "STORE": str(self._folder), "DRIVER": self._driver},
        )

    def build(self, tag: str) -> ImageConfig:
        """Build the Dockerfile; return what the image says of itself."""
        lent = [f"--volume={path}:{path}:ro" for path in LENT if Path(path).exists()]
        self.buildah("bud", "--quiet", "--pull-never", "--layers=false", *lent, "--tag", tag, ".")
        config = json.loads(self.buildah("inspect", "--type", "image", tag))["OCIv1"]["config"]
        return ImageConfig(
            user=config["User"],
            entrypoint=tuple(config["Entrypoint"]),
            environment=tuple(config["Env"]),
            ports=tuple(config["ExposedPorts"]),
            stop_signal=config["StopSignal"],
            labels=config["Labels"],
        )

    @contextmanager
    def mounted(self, tag: str) -> Iterator[Path]:
        """The root of a fresh container of the image."""
        container = self.buildah("from", "--pull-never", tag).strip()
        try:
            yield Path(self.buildah("mount", container).strip())
        finally:
            self.buildah("umount", container)
            self.buildah("rm", container)


@dataclass(frozen=True, slots=True)
class Pod:
    """Runs the image's entrypoint as deploy/k8s would."""

    root: Path
    config_folder: Path
    image: ImageConfig

    def command(self, arguments: Sequence[str], **environment: str) -> list[str]:
        """Return the command line that runs the entrypoint with these arguments."""
        variables = [*self.image.environment, *(f"{k}={v}" for k, v in environment.items())]
        inside = [*self.image.entrypoint, *arguments]
        return [
            str(HERE / "pod.sh"),
            str(self.root),
            str(self.config_folder),
            *variables,
            "--",
            *inside,
        ]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; the result holds exit code and output."""
        return subprocess.run(
            self.command(arguments), check=False, capture_output=True, text=True, timeout=60
        )


def installed_megabytes(root: Path) -> int:
    """Return the size of everything in the root, as `du` counts it."""
    size = subprocess.run(["du", "-sxm", str(root)], check=True, capture_output=True, text=True)
    return int(size.stdout.split()[0])


def first_child(pid: int) -> int:
    """Return the process that `unshare` forked: process 1 of its namespace."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return int(children.split()[0])
