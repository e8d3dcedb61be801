"""New and missing columns flow on; a column of another type is named."""

from __future__ import annotations

from connectors.records import Column, ColumnType
from worker.rules.drift import retyped_columns

BEFORE = [Column("ID", ColumnType.TEXT), Column("AMOUNT", ColumnType.DECIMAL, 10, 2)]


def test_new_and_missing_columns_are_no_retype() -> None:
    """Old and new records can be read side by side."""
    assert [] == retyped_columns(BEFORE, [BEFORE[0], Column("NEW", ColumnType.JSON)])


def test_a_wider_number_is_the_same_type_and_another_scale_is_not() -> None:
    """NUMBER(38,2) reads NUMBER(10,2); NUMBER(10,0) would move the comma."""
    assert [] == retyped_columns(BEFORE, [Column("AMOUNT", ColumnType.DECIMAL, 38, 2)])
    assert ["AMOUNT"] == retyped_columns(BEFORE, [Column("AMOUNT", ColumnType.DECIMAL, 10, 0)])


def test_every_retyped_column_is_named() -> None:
    """In the order of the query."""
    now = [Column("AMOUNT", ColumnType.TEXT), Column("ID", ColumnType.FLOAT)]

    assert ["AMOUNT", "ID"] == retyped_columns(BEFORE, now)
