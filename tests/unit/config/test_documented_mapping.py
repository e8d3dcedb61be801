"""Every snippet of docs/mapping.md loads as it stands there, and does something with a row."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from connectors.records import Column, ColumnType
from tests.unit.rules.physical import map_row
from worker.config.load import load_config

PAGE = Path(__file__).parents[3] / "docs" / "mapping.md"
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SYNC = "iterable-production"
TEXTS = ("FIRST_NAME", "LAST_NAME", "COUNTRY", "JOB_TITLE", "COMPANY_NAME")
COLUMNS = (
    *(Column(name, ColumnType.TEXT) for name in (*TEXTS, "GITLAB_DOTCOM_ACTIVE_STATE")),
    Column("GITLAB_DOTCOM_USER_ID", ColumnType.DECIMAL, 38),
    Column("GITLAB_DOTCOM_CREATED_DATE", ColumnType.TIMESTAMP_NTZ),
    Column("NAMESPACES_ARRAY", ColumnType.JSON),
)
ROW = {
    **{name: name for name in TEXTS},
    "GITLAB_DOTCOM_USER_ID": 7,
    "GITLAB_DOTCOM_ACTIVE_STATE": "active",
    "GITLAB_DOTCOM_CREATED_DATE": 0,
    "NAMESPACES_ARRAY": '[{"GITLAB_PLAN_IS_PAID": true, "NAMESPACE_ID": 9}]',
}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_loads_and_maps_a_row(tmp_path: Path, snippet: str) -> None:
    """Put into the example's sync; each of its fields gets a value, NULLs are no error."""
    example: dict[str, Any] = yaml.safe_load(
        files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
    )
    said = yaml.safe_load(snippet)
    example["syncs"][SYNC] |= said
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(example, sort_keys=False))
    found = map_row(ROW, load_config(path).syncs[SYNC].mapping, COLUMNS)

    assert found.wanted
    assert b"null" not in orjson.dumps(found.fields)
    assert {name.partition(".")[0] for name in said.get("fields", {})} <= found.fields.keys()
    empty = {"GITLAB_DOTCOM_USER_ID": 7, "GITLAB_DOTCOM_ACTIVE_STATE": "inactive"}
    assert "7" == map_row(empty, load_config(path).syncs[SYNC].mapping, COLUMNS).identity


def test_there_are_snippets() -> None:
    """The page is looked for where it is."""
    assert len(SNIPPETS) >= 4
