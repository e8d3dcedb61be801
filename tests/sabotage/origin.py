"""A pytest plugin: refuses a run that imported another tree than the one its tests stand in.

The environment has the project installed in place, so that by default the original would be
imported, whatever is in the copy: each sabotage would stay green, or worse, look red.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

ELSEWHERE = 64  # no status of pytest's own
_OURS = {"worker", "connectors", "tests"}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the run with a status of its own when a module of ours came from elsewhere."""
    if found := elsewhere(sys.modules, session.config.rootpath):
        pytest.exit(f"imported from another tree: {', '.join(found)}", returncode=ELSEWHERE)


def elsewhere(modules: Mapping[str, ModuleType], root: Path) -> list[str]:
    """Return the names of the project's modules whose files are not below `root`."""
    files = {
        name: Path(file)
        for name, module in modules.items()
        if name.partition(".")[0] in _OURS and (file := getattr(module, "__file__", None))
    }
    return sorted(name for name, file in files.items() if not file.is_relative_to(root))
