"""No row makes an expression cost what a process can't bear: what would is set aside before."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.records import Column, ColumnType
from tests.unit.rules.physical import map_row
from worker.rules.mapping import Expression, MappingPolicy, UnmappableError
from worker.rules.mapping.cel import columns_of
from worker.rules.mapping.cost import LARGEST_COST, shape_of
from worker.rules.mapping.results import MOST_LEVELS

COLUMNS = (
    Column("ID", ColumnType.DECIMAL, 38),
    Column("T", ColumnType.TEXT),
    Column("J", ColumnType.JSON),
)
MOST_SECONDS = 0.5  # of the processor's time: what is let through takes a fifth of it at most


def said(text: str, row: Mapping[str, object]) -> object:
    fields = {"f": Expression(text, columns_of(text))}
    return map_row(row, MappingPolicy("ID", fields), COLUMNS).fields["f"]


def ones(number: int) -> str:
    return f"[{','.join(['1'] * number)}]"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('T.split(",").filter(t, t != "x")', {"T": ",".join(["a"] * 15_000)}),
        ('size(T.split("").map(c, c))', {"T": "a" * 9_900}),
        ('J.exists(a, size(T.split("")) == 1)', {"T": "a" * 65_000, "J": ones(1_000)}),
        ("J.map(c, T + T)", {"T": "a" * 65_000, "J": ones(1_000)}),
        ("J.map(a, J)", {"J": ones(1_000)}),
        ("J.map(a, J.map(b, J.map(c, c)))", {"J": ones(1_000)}),
        ("J.map(a, a.map(b, a))", {"J": f"[{ones(1_000)}]"}),
        ("J.map(a, [a, a]).map(b, [b, b]).map(c, c)", {"J": ones(1_000)}),
        ("[J, J, J, J, J, J, J, J, J, J, J]", {"J": ones(30_000)}),
        ('T.replace("a", "bbbbbbbbbb").replace("b", "cccccccccc")', {"T": "a" * 65_000}),
        ('size(T.replace("", "bbbbbbbbbb").split(""))', {"T": "a" * 65_000}),
        (r"J.exists(a, T.matches('\\pL') && a == 2)", {"T": "a", "J": ones(1_000)}),
        ("J.exists(a, [1, 2, 3, 4, 5, 6, 7, 8] == [a] + J)", {"J": ones(1_000)}),
    ],
)
def test_a_row_that_would_cost_too_much_is_set_aside_at_once(
    text: str, row: Mapping[str, object]
) -> None:
    """Lists made of texts, copies for each member, texts that grow, patterns made again."""
    columns_of(text)
    began = time.process_time()
    with pytest.raises(UnmappableError, match="too long for the expression"):
        said(text, row)

    assert time.process_time() - began < MOST_SECONDS


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("J.filter(n, has(n.x) && n.x == 1).map(n, n.id)", {"J": f"[{'{},' * 500}{{}}]"}),
        ("J.exists(a, J.exists(b, a == b && a == 3))", {"J": ones(80)}),
        ('T.split(",").map(t, t.trim())', {"T": "ab," * 400}),
        ('T + " " + T', {"T": "a" * 65_000}),
        ('T.replace(" ", "%20").matches("^[a-z]+$")', {"T": "a " * 15_000}),
        ("size(J)", {"J": ones(30_000)}),
        ("J.map(a, a).map(b, b).map(c, c)", {"J": ones(800)}),
        ('T.split("").map(c, c)', {"T": "a" * 1_400}),
        (r"T.matches('\\pL{40}')", {"T": "a" * 10_000}),
    ],
)
def test_what_is_let_through_is_cheap(text: str, row: Mapping[str, object]) -> None:
    """What rows are like, and what is as large as it may be."""
    columns_of(text)
    began = time.process_time()
    said(text, row)

    assert time.process_time() - began < MOST_SECONDS


@pytest.mark.parametrize(
    ("text", "loops", "depth", "spread"),
    [
        ("J.filter(a, a.x).map(b, b.y)", 2, 1, 0),
        ("J.map(a, a.map(b, b))", 2, 2, 0),
        ("J.map(a, a.map(b, a))", 2, 2, 1),
        ("J.map(a, J.map(b, J))", 2, 2, 2),
        ("J.map(a, J).map(b, b.map(c, b))", 3, 2, 2),
        ("J.map(J, J) == K.all(x, true)", 2, 1, 0),
        ('"J.map(a, J)" + T // .map(a, J)', 0, 0, 0),
    ],
)
def test_what_stands_in_a_loop_and_is_not_its_own_is_copied_for_each_member(
    text: str, loops: int, depth: int, spread: int
) -> None:
    """Members of the list that a loop goes through are as large as the list, all together."""
    found = shape_of(text)

    assert (loops, depth, spread) == (found.loops, found.depth, found.spread)


sizes = st.integers(0, 70_000)


@given(
    st.sampled_from(
        ["J", "T + T", "J.map(a, [a, J])", 'T.split("").map(c, c + T)', 'T.replace("a", "bb")']
    ),
    sizes,
    sizes,
    sizes,
)
def test_a_larger_row_never_costs_less(text: str, size: int, longest: int, more: int) -> None:
    """So a limit on the cost is one on the row."""
    shape = shape_of(text)
    cost = shape.cost(text=size, json=size, longest=longest)

    assert cost <= shape.cost(text=size + more, json=size, longest=longest)
    assert cost <= shape.cost(text=size, json=size + more, longest=longest)
    assert cost <= shape.cost(text=size, json=size, longest=longest + more)
    assert shape.cost() <= LARGEST_COST


@pytest.mark.parametrize("levels", [MOST_LEVELS, MOST_LEVELS + 1, 300, 900])
def test_what_is_nested_too_deeply_is_set_aside(levels: int) -> None:
    """No library has to say so in its own words."""
    deep = "[" * levels + "]" * levels
    if levels <= MOST_LEVELS:
        assert isinstance(said("J", {"J": deep}), list)
        return
    with pytest.raises(UnmappableError, match="nested too deeply"):
        said("J", {"J": deep})


def test_a_deep_list_is_measured_without_going_deep() -> None:
    """A loop looks for the longest list of a VARIANT, wherever it is."""
    deep = '{"a":' * 700 + ones(1_100) + "}" * 700
    with pytest.raises(UnmappableError, match="a list is too long"):
        said("J.x.map(a, a)", {"J": f'{{"x": [1], "y": {deep}}}'})
