"""Every sync of docs/objects.md loads as it stands there, and its object can be made."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.iterable.events import IterableEvents
from connectors.iterable.lists import IterableLists
from connectors.iterable.users import IterableUsers
from worker.app.parts import Parts
from worker.config.load import load_config
from worker.config.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "objects.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OBJECTS = {"users": IterableUsers, "events": IterableEvents, "lists": IterableLists}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=OBJECTS)
def test_a_snippet_loads_and_works(tmp_path: Path, snippet: str) -> None:
    """Put into the example; what `match` and `fields` name is all that its model needs."""
    example: dict[str, Any] = yaml.safe_load(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    )
    for part, said in yaml.safe_load(snippet).items():
        example[part] |= said
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(example, sort_keys=False))
    parts = Parts(load_config(path), Settings(state_dir=tmp_path, port=0))
    [name] = yaml.safe_load(snippet)["syncs"]

    made = parts.destination(name)
    assert OBJECTS[parts.config.syncs[name].object] is type(made)
    assert parts.config.syncs[name].mode == "mirror" or not made.removes


def test_every_object_is_shown() -> None:
    """One tried configuration each."""
    shown = [one["object"] for s in SNIPPETS for one in yaml.safe_load(s)["syncs"].values()]

    assert [*OBJECTS] == shown
