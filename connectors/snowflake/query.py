"""The SQL we send to Snowflake: pure text. Values are bound, identifiers checked and quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType, Model, Window

WATERMARK_NS = "_HIGHTIDE_WATERMARK"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
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
    return Statement(f"SELECT m.* FROM (\n{_body(model)}\n) m")


def read(window: Window) -> Statement:
    """Read a window in (watermark, key) order: one statement, one snapshot.

    The first condition is what lets Snowflake skip partitions; the second makes the start exact
    inside a run of equal watermarks, as every daily build has one.
    """
    model = window.model
    watermark, key = _quoted(model.watermark), _quoted(model.primary_key)
    kind = _watermark_type(model, window.columns)
    cast = f"CAST(? AS {kind})"
    suffix = "+00:00" if kind == "TIMESTAMP_TZ(9)" else ""
    conditions: list[str] = []
    binds: list[str] = []
    if window.after is not None:
        start = window.after.value + suffix
        conditions.append(f"m.{watermark} >= {cast}")
        binds.append(start)
        if window.after.key is not None:
            conditions.append(f"(m.{watermark} > {cast} OR m.{key} > ?)")
            binds += [start, window.after.key]
    if window.before is not None:
        conditions.append(f"m.{watermark} < {cast}")
        binds.append(window.before + suffix)
    where = f"WHERE {' AND '.join(conditions)}\n" if conditions else ""
    sql = (
        f"SELECT m.*, DATE_PART(EPOCH_NANOSECOND, m.{watermark}) AS {WATERMARK_NS}\n"
        f"FROM (\n{_body(model)}\n) m\n"
        f"{where}"
        f"ORDER BY m.{watermark}, m.{key} LIMIT {int(window.limit)}"
    )
    return Statement(sql, tuple(binds))


def check_columns(model: Model, columns: Sequence[Column]) -> None:
    """Raise ConfigurationError unless the model can be read in (watermark, key) order."""
    _column(model, columns, model.primary_key)
    _watermark_type(model, columns)


def _watermark_type(model: Model, columns: Sequence[Column]) -> str:
    column = _column(model, columns, model.watermark)
    if column.type is ColumnType.TIMESTAMP_TZ:
        return "TIMESTAMP_TZ(9)"
    if column.type is ColumnType.TIMESTAMP_NTZ:
        if model.watermark_zone != "UTC":
            raise ConfigurationError(
                f"model {model.name}: the watermark {column.name} has no time zone "
                "(TIMESTAMP_NTZ); say `watermark_zone: UTC` if it is written in UTC",
                kind="watermark_zone",
            )
        return "TIMESTAMP_NTZ(9)"
    raise ConfigurationError(
        f"model {model.name}: the watermark {column.name} must be a timestamp column, "
        f"it is {column.type.value}",
        kind="watermark_type",
    )


def _column(model: Model, columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if column.name == name:
            return column
    raise ConfigurationError(
        f"model {model.name} has no column {name}; it has {', '.join(c.name for c in columns)}",
        kind="unknown_column",
    )


def _body(model: Model) -> str:
    # A model may end in a semicolon or a comment: it stands on lines of its own.
    return model.sql.strip().rstrip(";").rstrip()


def _quoted(name: str) -> str:
    if _IDENTIFIER.fullmatch(name) is None:
        raise ConfigurationError(
            f"{name!r} is not a column name Hightide can use: letters, digits, _ and $",
            kind="bad_identifier",
        )
    return f'"{name}"'


def missing_values(model: Model) -> Statement:
    """Count rows without a key and rows without a watermark: no window would ever return them."""
    key, watermark = _quoted(model.primary_key), _quoted(model.watermark)
    return Statement(
        f"SELECT COUNT(*) - COUNT(m.{key}), COUNT(*) - COUNT(m.{watermark}) "
        f"FROM (\n{_body(model)}\n) m"
    )
