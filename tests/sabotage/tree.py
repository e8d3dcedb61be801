"""A copy of the project, as it stands in the working tree, to do harm in."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
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
        try:
            yield root
        finally:
            end_strays(root)


def end_strays(root: Path) -> None:
    """Kill what still runs on the copy, where the system shows processes in /proc.

    A stand-in has a session of its own; one that was just starting when its test was ended is
    nobody's any more.
    """
    ours = f"PYTHONPATH={root}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            if ours in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


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
