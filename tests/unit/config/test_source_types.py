"""The kind of a source: one of ours, or a class of the user's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import worker.config
from worker.config.document import ConfigError
from worker.config.load import load_config
from worker.config.syncs import Config

EXAMPLE = Path(worker.config.__file__).parent / "example.yaml"


def loaded(tmp_path: Path, old: str, new: str) -> Config:
    path = tmp_path / "hightide.yaml"
    path.write_text(EXAMPLE.read_text().replace(old, new, 1))
    return load_config(path)


@pytest.mark.parametrize(
    "kind", ["snowflake", "postgres", "shop:Orders", "our.sources.shop:Orders"]
)
def test_a_source_is_one_of_ours_or_a_class(tmp_path: Path, kind: str) -> None:
    """Nothing is imported by loading the file."""
    config = loaded(tmp_path, "type: snowflake", f"type: {kind}")

    assert kind == config.sources["snowflake"].type


@pytest.mark.parametrize(
    "kind", ["postgresql", "shop", "shop:", ":Orders", "shop.:Orders", "a/b:C"]
)
def test_any_other_kind_is_refused(tmp_path: Path, kind: str) -> None:
    """With the line, and the forms that there are."""
    with pytest.raises(
        ConfigError, match=r"line 6: sources.snowflake.type: .*none of snowflake, p"
    ):
        loaded(tmp_path, "type: snowflake", f"type: '{kind}'")


@pytest.mark.parametrize("name", ["password", "sslpassword", "conninfo"])
def test_secrets_of_postgres_do_not_stand_in_the_file(tmp_path: Path, name: str) -> None:
    """A conninfo may hold one: it is a secret as a whole."""
    with pytest.raises(ConfigError, match=f"{name} is a secret: write"):
        loaded(tmp_path, "role: HIGHTIDE_ROLE", f"{name}: postgresql://x:y@z/db")


@pytest.mark.parametrize(
    ("name", "kind"), [("shop", "postgres"), ("files", "csv_folder:CsvFolder")]
)
def test_what_the_page_shows_can_be_loaded(tmp_path: Path, name: str, kind: str) -> None:
    """The snippets of docs/connectors.md, as a whole file has them."""
    shown = re.findall(r"```yaml\n(.*?)```", Path("docs/connectors.md").read_text(), re.DOTALL)
    [source] = [s["sources"][name] for s in map(yaml.safe_load, shown) if name in s["sources"]]
    whole = yaml.safe_load(EXAMPLE.read_text())
    whole["sources"]["snowflake"] = source
    path = tmp_path / "hightide.yaml"
    path.write_text(yaml.safe_dump(whole))

    assert kind == load_config(path).sources["snowflake"].type
