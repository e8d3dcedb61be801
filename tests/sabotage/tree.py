"""A copy of the project, as it stands in the working tree, to do harm in."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Have a copy of every file that is or may be committed; it is gone after that."""
    with tempfile.TemporaryDirectory(prefix="hightide-sabotage-") as name:
        root = Path(name).resolve()
        copy_files(project_files(), PROJECT, root)
        yield root


def project_files() -> list[str]:
    """Return the paths of all files that git tracks, or would take in."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    return [path for path in listed.stdout.split("\0") if path]


def copy_files(paths: Iterable[str], project: Path, root: Path) -> None:
    """Copy files as they are in the working tree; one that was removed there is left out."""
    for path in paths:
        if (project / path).is_file():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / path, root / path)
