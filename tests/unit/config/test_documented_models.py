"""Every snippet of docs/models.md loads as it stands there."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.config.load import load_config

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_loads(tmp_path: Path, snippet: str) -> None:
    """Put into the example: a model, a part of one, or the contract."""
    example: dict[str, Any] = yaml.safe_load(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    )
    said = yaml.safe_load(snippet)
    if "models" in said:
        example["models"] |= said["models"]
    elif "mqr" in said:
        example["mqr"] |= said["mqr"]
    else:
        example["models"]["marketing_contacts"] |= said
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(example, sort_keys=False))

    assert load_config(path).models


def test_there_are_snippets() -> None:
    """The page is looked for where it is."""
    assert len(SNIPPETS) >= 4
