"""The Dockerfile keeps its promises where a machine can't build it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.deploy.image import BASE, PROJECT, SUITE

DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def test_hadolint_finds_nothing() -> None:
    """The usual mistakes are not in it."""
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run(
        [str(hadolint), str(PROJECT / "Dockerfile")], check=False, capture_output=True, text=True
    )

    assert (0, "") == (found.returncode, found.stdout)


def test_both_stages_stand_on_the_base_that_is_tested() -> None:
    """The stand-in of the image test has the Python and the Debian that the tag names."""
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE))
    [python, suite] = re.findall(r"python:([\d.]+)-slim-(\w+)", BASE)[0]

    assert {BASE.removeprefix("docker.io/library/")} == bases
    assert (SUITE, PYPROJECT["project"]["requires-python"]) == (suite, f">={python}")


def test_every_package_is_installed_by_hash_or_without_an_index() -> None:
    """Nothing gets into the image that is not in a lock file of ours."""
    commands = DOCKERFILE.replace("\\\n", " ").split("\n")
    installs = [part for line in commands for part in line.split("&&") if " install " in part]
    pips = [part for part in installs if "pip" in part]

    assert 3 == len(pips)
    assert [] == [p for p in pips if "--require-hashes" not in p and "--no-index" not in p]


def test_the_image_says_the_version_of_the_project() -> None:
    """The label, the manifests and the package agree."""
    version = PYPROJECT["project"]["version"]

    assert f"ARG VERSION={version}\n" in DOCKERFILE
