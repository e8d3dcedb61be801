"""docs/faults.md names tests and sabotages that exist, for each fault of its list."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import pytest

from tests.sabotage.mutations import MUTATIONS
from tests.sabotage.tree import PROJECT

NUMBERS = range(14, 46)
WITHOUT = {"not applicable", "not built"}


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of the page."""

    fault: str
    tests: tuple[str, ...]
    sabotages: tuple[str, ...]

    @property
    def number(self) -> int | None:
        found = re.match(r"\d+", self.fault)
        return int(found[0]) if found else None


def _rows() -> list[Row]:
    lines = (PROJECT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    rows = [four for four in cells if len(four) == 4 and four[0] not in {"fault", "---"}]
    return [Row(one[0], _names(one[2]), _names(one[3])) for one in rows]


def _names(cell: str) -> tuple[str, ...]:
    return tuple(name for name in cell.split(", ") if name)


ROWS = _rows()


def test_every_fault_has_its_row() -> None:
    """One for each number, in order."""
    assert list(NUMBERS) == [row.number for row in ROWS if row.number is not None]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_a_fault_names_tests_that_exist(row: Row) -> None:
    """At least one, unless the page says why there is none."""
    assert row.tests
    for test in set(row.tests) - WITHOUT:
        file, _, name = test.partition("::")
        tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
        assert name in {found for node in tree.body for found in _defined(node)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_a_fault_names_sabotages_that_exist(row: Row) -> None:
    """At least one where a numbered fault has a test."""
    assert set(row.sabotages) <= {mutation.name for mutation in MUTATIONS}
    if row.number is not None and not WITHOUT & set(row.tests):
        assert row.sabotages


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):  # a state machine's test case
            return [name]
    return []
