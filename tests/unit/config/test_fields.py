"""What may stand under `fields` and `filter`, and the sentence for what may not."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.app.roles import model
from worker.config.document import ConfigError
from worker.config.load import load_config
from worker.config.syncs import Config
from worker.rules.mapping import Constant, Expression, FromColumn

SYNC = "iterable-production"
Load = Callable[[dict[str, Any]], Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the example with some settings of its sync replaced."""

    def load(said: dict[str, Any]) -> Config:
        text = files("worker.config").joinpath("example.yaml").read_text(encoding="utf-8")
        config: dict[str, Any] = yaml.safe_load(text)
        config["syncs"][SYNC] |= said
        path = tmp_path / "hightide.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return load_config(path)

    return load


def test_each_form_is_read(load: Load) -> None:
    """A column, one with a type, a constant, an expression with the columns it reads."""
    fields = {
        "a": "A",
        "b": {"column": "B"},
        "c": {"column": "C", "type": "date"},
        "d": {"value": False},
        "e.f": {"expression": "E + 1"},
    }

    assert load({"fields": fields}).syncs[SYNC].fields == {
        "a": FromColumn("A"),
        "b": FromColumn("B"),
        "c": FromColumn("C", "date"),
        "d": Constant(value=False),
        "e.f": Expression("E + 1", frozenset({"E"})),
    }


def test_what_was_read_can_be_written_again(load: Load) -> None:
    """As the file says it."""
    fields = {
        "a": "A",
        "b": {"column": "B", "type": "long"},
        "c": {"value": 1},
        "d": {"expression": "A + B"},
    }
    said = {"fields": fields, "filter": "F > 1"}
    dumped = load(said).model_dump()["syncs"][SYNC]

    assert said == {name: dumped[name] for name in said}


def test_the_poller_needs_every_column_that_is_read(load: Load) -> None:
    """Those of expressions and of the filter too."""
    config = load({"fields": {"a": {"expression": "A + B.c"}, "d": "D"}, "filter": "F"})

    needed = model("marketing_contacts", config).needed_columns
    assert {"GITLAB_DOTCOM_USER_ID", "A", "B", "D", "F"} == needed


@pytest.mark.parametrize(
    "expression",
    [
        "A == 'x.matches(\"(\")'",
        'A.matches("^[a-z]+$") // not .matches("(")',
        "true ? 1 : 1 / 0",
        "null",
    ],
)
def test_an_expression_that_some_row_can_pass_is_read(load: Load, expression: str) -> None:
    """What only looks like a mistake is left to the rows."""
    field = load({"fields": {"a": {"expression": expression}}}).syncs[SYNC].fields["a"]

    assert isinstance(field, Expression)
    assert expression == field.text


@pytest.mark.parametrize(
    ("said", "place", "sentence"),
    [
        ({"fields": {"a": None}}, "fields.a", "write COLUMN, {column: C, type: T}"),
        ({"fields": {"a": ""}}, "fields.a", "write COLUMN"),
        ({"fields": {"a": {"colum": "A"}}}, "fields.a", "write COLUMN"),
        ({"fields": {"a": {"column": "A", "type": "int"}}}, "fields.a", "type: write one of"),
        ({"fields": {"a": {"column": 1}}}, "fields.a", "column: write its name"),
        ({"fields": {"a": {"value": None}}}, "fields.a", "value: write text, a number"),
        ({"fields": {"a": {"value": [1]}}}, "fields.a", "value: write text, a number"),
        ({"fields": {"a": {"value": 2**63}}}, "fields.a", "larger than Iterable's long"),
        ({"fields": {"a": {"value": float("nan")}}}, "fields.a", "larger than Iterable's long"),
        ({"fields": {"a": {"expression": 1}}}, "fields.a", "an expression is text"),
        ({"fields": {"a": {"expression": "A +"}}}, "fields.a", "the expression at 1:4: Syntax"),
        ({"fields": {"a": "A", "a.b": "B"}}, "fields", "a can't be a value and hold a.b too"),
        ({"fields": {"devices.x": "A"}}, "fields.devices.x", "is Iterable's own field"),
        ({"filter": "'x'"}, "filter", "the expression is neither true nor false"),
        ({"filter": "shout(A)"}, "filter", "there is no function shout"),
        ({"filter": ""}, "filter", "an expression is text"),
    ],
)
def test_a_wrong_one_is_one_sentence(
    load: Load, said: dict[str, Any], place: str, sentence: str
) -> None:
    """With its place in the file."""
    with pytest.raises(ConfigError) as raised:
        load(said)

    assert f": syncs.{SYNC}.{place}: " in str(raised.value)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)
