"""The SQL we send to Snowflake: pure text. Values are bound, identifiers checked and quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import ConfigurationError, unknown_column, wrong_watermark
from connectors.records import Column, ColumnType, Model, Window
from connectors.sql import body, check_identifier, quoted

WATERMARK_NUMBER = "_HIGHTIDE_WATERMARK"
TIMES = (ColumnType.TIMESTAMP_NTZ, ColumnType.TIMESTAMP_TZ)
_TOKEN_OBJECT = re.compile(r"[A-Za-z0-9_$\".]+")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its binds, in order."""

    sql: str
    binds: tuple[str, ...] = ()


def clock() -> Statement:
    """Ask for the source's clock, as nanoseconds since 1970."""
    return Statement("SELECT DATE_PART(EPOCH_NANOSECOND, SYSDATE())")


def change_token(name: str) -> Statement:
    """Ask for the token of one base object; needs no warehouse."""
    if _TOKEN_OBJECT.fullmatch(name) is None:
        raise ConfigurationError(
            f"change_tokens: {name!r} is not the name of a table or view", kind="bad_identifier"
        )
    return Statement(f"SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('{name}')")


def describe(model: Model) -> Statement:
    """Name the columns; it is described, never run, so it needs no warehouse."""
    return Statement(f"SELECT m.* FROM (\n{body(model)}\n) m")


def read(window: Window) -> Statement:
    """Read a window in (watermark, key) order: one statement, one snapshot.

    A snapshot is read in the order of its keys and has no watermark column in its result. Times are
    asked for as numbers: as objects they cost 2 microseconds each, a sixth of all that a row costs.
    """
    model = window.model
    key = _quoted(model.primary_key)
    conditions, binds = _conditions(window)
    selected = ", ".join(_selected(column) for column in window.columns)
    if model.watermark is None:
        number, order = "", f"m.{key}"
    else:
        watermark = f"m.{_quoted(model.watermark)}"
        number = f", {_as_number(watermark, _watermark_column(window))} AS {WATERMARK_NUMBER}"
        order = f"{watermark}, m.{key}"
    sql = (
        f"SELECT {selected}{number}\nFROM (\n{body(model)}\n) m\n"
        f"WHERE {conditions}\nORDER BY {order} LIMIT {int(window.limit)}"
    )
    return Statement(sql, binds)


def survey(window: Window) -> Statement:
    """Count the window's rows, and the rows of the whole model that no window returns."""
    model = window.model
    key = f"m.{_quoted(model.primary_key)}"
    conditions, binds = _conditions(window)
    no_watermark = later = "0"
    if model.watermark is not None:
        watermark = f"m.{_quoted(model.watermark)}"
        no_watermark = f"COUNT(*) - COUNT({watermark})"
        if window.before is not None:
            cast, suffix = _cast(window)
            later, binds = f"COUNT_IF({watermark} >= {cast})", (*binds, window.before + suffix)
    return Statement(
        f"SELECT COUNT_IF({conditions}), COUNT(*) - COUNT({key}), {no_watermark}, "
        f"COUNT({key}) - COUNT(DISTINCT {key}), {later}\nFROM (\n{body(model)}\n) m",
        binds,
    )


def check_columns(model: Model, columns: Sequence[Column]) -> None:
    """Raise ConfigurationError unless the model can be read in (watermark, key) order."""
    _column(model, columns, model.primary_key)
    if model.watermark is not None:
        _kind(model, _column(model, columns, model.watermark))


def _conditions(window: Window) -> tuple[str, tuple[str, ...]]:
    """Return the window as conditions with their binds.

    The first bound is what lets Snowflake skip partitions; the second makes the start exact inside
    a run of equal watermarks, as every daily build has one.
    """
    model, after = window.model, window.after
    key = f"m.{_quoted(model.primary_key)}"
    conditions, binds = [f"{key} IS NOT NULL"], []
    if model.watermark is None:
        if after is not None and after.key is not None:
            conditions.append(f"{key} > ?")
            binds.append(after.key)
        return " AND ".join(conditions), tuple(binds)
    watermark = f"m.{_quoted(model.watermark)}"
    cast, suffix = _cast(window)
    conditions.append(f"{watermark} IS NOT NULL")
    if after is not None:
        start = after.value + suffix
        conditions.append(f"{watermark} >= {cast}")
        binds.append(start)
        if after.key is not None:
            conditions.append(f"({watermark} > {cast} OR {key} > ?)")
            binds += [start, after.key]
    if window.before is not None:
        conditions.append(f"{watermark} < {cast}")
        binds.append(window.before + suffix)
    return " AND ".join(conditions), tuple(binds)


def _cast(window: Window) -> tuple[str, str]:
    """Return how a bound is bound, and what its text must end in."""
    kind = _kind(window.model, _watermark_column(window))
    return f"CAST(? AS {kind})", "+00:00" if kind == "TIMESTAMP_TZ(9)" else ""


def _selected(column: Column) -> str:
    name = quoted(column.name)
    if column.type in TIMES:
        return f"DATE_PART(EPOCH_MICROSECOND, m.{name}) AS {name}"
    return f"m.{name}"


def _watermark_column(window: Window) -> Column:
    return _column(window.model, window.columns, window.model.watermark or "")


def _kind(model: Model, column: Column) -> str:
    match column.type:
        case ColumnType.TIMESTAMP_TZ:
            return "TIMESTAMP_TZ(9)"
        case ColumnType.TIMESTAMP_NTZ:
            return "TIMESTAMP_NTZ(9)"
        case ColumnType.DATE:
            return "DATE"
        case ColumnType.DECIMAL if column.scale == 0:
            return "NUMBER(38,0)"
    raise wrong_watermark(model.name, column.name, column.type.value)


def _as_number(watermark: str, column: Column) -> str:
    if column.type is ColumnType.DATE:
        return f"DATEDIFF(DAY, CAST('1970-01-01' AS DATE), {watermark})"
    if column.type is ColumnType.DECIMAL:
        return watermark
    return f"DATE_PART(EPOCH_NANOSECOND, {watermark})"


def _column(model: Model, columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if column.name == name:
            return column
    raise unknown_column(model.name, name, (c.name for c in columns))


def _quoted(name: str) -> str:
    check_identifier(name)
    return quoted(name)
