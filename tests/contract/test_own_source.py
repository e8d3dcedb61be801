"""A source of a user's own: the example of docs/connectors.md, run as it stands there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.ports import Source
from connectors.records import Column, ColumnType, Model, Position, Survey, Window
from worker.app.own_source import METHODS, own_source
from worker.config.document import ConfigError
from worker.rules.watermark import to_text

PAGE = Path("docs/connectors.md")
MODEL = Model("people", "people.csv\n", "id", "changed")
FILE = """id,changed,name
b,2026-02-03T00:00:01,Bo
a,2026-02-03T00:00:01,
c,2026-02-03T00:00:00.000002,Cy
,2026-02-03T00:00:00,nobody
d,,Di
a,2026-02-03T00:00:02,Ann
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The module that the page shows, where Python finds it."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    name = f"csv_folder_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "people.csv").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def source(module: str, tmp_path: Path) -> Source:
    return own_source(f"{module}:CsvFolder", {"folder": str(tmp_path)}, dict)


async def test_the_example_reads_windows_in_order(source: Source) -> None:
    """By time, then by key; from where the last window ended."""
    columns = await source.describe(MODEL)
    found: list[object] = []
    after: Position | None = None
    while page := [p async for p in source.read(Window(MODEL, columns, after, None, 1))]:
        [row], [number] = page[0].rows, page[0].watermarks
        found.append(row[0])
        after = Position(to_text(number), str(row[0]))
    snapshot = replace(MODEL, watermark=None)
    whole = Window(snapshot, columns, Position("", "a"), None, 10)

    assert ["c", "a", "b", "a"] == found
    assert [["b", "c", "d"]] == [[r[0] for r in p.rows] async for p in source.read(whole)]
    assert Column("changed", ColumnType.TIMESTAMP_TZ) == columns[1]


async def test_the_example_counts_and_notices(source: Source, tmp_path: Path) -> None:
    """What no window returns, and that the file is another one."""
    columns = await source.describe(MODEL)
    bounded = Window(MODEL, columns, Position("2026-02-03 00:00:01.000000000"), None, 1)
    first = await source.change_token(["people.csv"])
    (tmp_path / "people.csv").write_text(FILE + "e,2026-02-03T00:00:03,Ed\n")

    assert Survey(4, 1, 1, 1) == await source.survey(bounded)
    assert first != await source.change_token(["people.csv"])
    assert await source.clock_ns() > 0
    await source.close()


async def test_the_example_says_what_is_missing(source: Source) -> None:
    """Its errors are ours."""
    with pytest.raises(ConfigurationError, match="people lacks"):
        await source.describe(replace(MODEL, primary_key="no_key"))


def test_the_page_names_every_method_of_the_port() -> None:
    """One row of the table each."""
    rows = re.findall(r"^\| `(\w+)\(", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert list(METHODS) == rows


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("no_such_module:Class", "there is no module no_such_module: install it beside Hightide"),
        ("{0}.part:Class", "there is no module {0}.part"),
        ("{0}:NoSuchClass", "the module {0} has no class NoSuchClass"),
        ("{0}:csv", "the module {0} has no class csv"),
        ("{0}:Path", "it lacks clock_ns, change_token, describe, survey, read, close"),
        ("broken:Class", r"its module can't be imported \(ZeroDivisionError\)"),
        ("{0}:CsvFolder", r"it can't be made of its options \(KeyError\)"),
    ],
)
def test_a_class_that_can_not_be_used_is_one_sentence(
    module: str, tmp_path: Path, path: str, sentence: str
) -> None:
    """Naming what is missing; no text of the user's own errors, which may hold an option."""
    (tmp_path / "broken.py").write_text("1 / 0")
    options: Mapping[str, object] = {}
    with pytest.raises(ConfigError, match=f"source type {path}: {sentence}".format(module)):
        own_source(path.format(module), options, dict)
