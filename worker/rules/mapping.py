"""From a row to the fields of a profile: a pure function, compiled once per sync and schema."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

import orjson

from connectors.records import Column, ColumnType, MappedRow
from worker.rules.fingerprint import key_text

LARGEST_LONG = 2**63 - 1

# Iterable's own system fields: writing them breaks subscriptions or is ignored silently.
RESERVED_FIELDS = frozenset(
    {
        "email",
        "userId",
        "emailListIds",
        "userListIds",
        "itblInternal",
        "itblDS",
        "itblUserId",
        "profileUpdatedAt",
        "signupSource",
        "devices",
        "subscribedMessageTypeIds",
        "unsubscribedChannelIds",
        "unsubscribedMessageTypeIds",
    }
)


@dataclass(frozen=True, slots=True)
class MappingPolicy:
    """Which column identifies the profile and which columns become which fields."""

    match_column: str
    fields: Mapping[str, str]
    nulls: Literal["clear", "keep"] = "clear"


class MissingColumnError(Exception):
    """The column to match profiles by is not in the model's rows."""

    def __init__(self, column: str) -> None:
        super().__init__(f"the model has no column {column} to match profiles by")
        self.column = column


class UnmappableError(Exception):
    """A value has no form that the destination takes."""


Mapper = Callable[[Mapping[str, object]], MappedRow]


def compile_mapping(
    policy: MappingPolicy, columns: Sequence[Column], field_name: Callable[[str], str]
) -> Mapper:
    """Return the function from a decoded row to a MappedRow.

    `field_name` says under which name a column stands in the decoded row.
    A mapped column that is not there is left out: it was added after these rows were written (the
    poller publishes nothing while a mapped column is missing). Raises MissingColumnError for the
    column to match by. The function raises UnmappableError when the row has no identity or a value
    that cannot be sent.
    """
    by_name = {c.name: c for c in columns}
    if policy.match_column not in by_name:
        raise MissingColumnError(policy.match_column)
    identity_key = field_name(policy.match_column)
    steps = [
        (target, field_name(column), _CONVERTERS.get(by_name[column].type))
        for target, column in policy.fields.items()
        if column in by_name
    ]
    clear = policy.nulls == "clear"

    def update(row: Mapping[str, object]) -> MappedRow:
        identity = row[identity_key]
        if identity is None:
            raise UnmappableError("the row has no value to match the profile by")
        fields: dict[str, object] = {}
        for target, key, convert in steps:
            value = row[key]
            if value is None:
                if clear:
                    fields[target] = None
            else:
                fields[target] = value if convert is None else convert(value)
        return MappedRow(key_text(identity), fields)

    return update


def iterable_date(value: datetime) -> str:
    """Return the one form of a moment that Iterable both takes and shows: no fractions, UTC."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(" ", "seconds") + " +00:00"


def _number(value: Any) -> object:
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and int(value.as_tuple().exponent) >= 0:
            value = int(value)
        else:
            return float(value)
    if abs(value) > LARGEST_LONG:
        raise UnmappableError("a number is larger than Iterable's long")
    return value


def _float(value: Any) -> object:
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN
        raise UnmappableError("a float is not a number")
    return value


def _json(value: Any) -> object:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UnmappableError("a semi-structured value is not JSON") from error
    return orjson.Fragment(value)


def _date(value: Any) -> object:
    return value.isoformat() if isinstance(value, date) else str(value)


def _time(value: Any) -> object:
    return value.isoformat("seconds") if isinstance(value, time) else str(value)


_CONVERTERS: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.DECIMAL: _number,
    ColumnType.FLOAT: _float,
    ColumnType.JSON: _json,
    ColumnType.TIMESTAMP_NTZ: iterable_date,
    ColumnType.TIMESTAMP_TZ: iterable_date,
    ColumnType.DATE: _date,
    ColumnType.TIME: _time,
    ColumnType.BINARY: lambda value: base64.b64encode(value).decode(),
}
