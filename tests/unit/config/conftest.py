from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.wrong import Wrong


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    """A file in which something is wrong."""
    return Wrong(tmp_path / "hightide.yaml")
