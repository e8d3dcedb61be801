"""PostgreSQL's types: what each is called here, and in which form its values are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import ConfigurationError
from connectors.records import Column, ColumnType

# Avro's decimal and Snowflake's NUMBER end here too.
_LARGEST_PRECISION = 38


@dataclass(frozen=True, slots=True)
class Form:
    """How a type's values travel.

    `value` is the SQL of a value with `{}` for the column. Text that is compared with the column is
    cast to `bound`; a type without it can be neither key nor watermark.
    """

    type: ColumnType
    precision: int = 0
    scale: int = 0
    value: str = "{}"
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """A column of a result as the server describes it; None where a type has no typmod."""

    name: str
    oid: int
    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What pg_type says of a type that is not built in: an enum, an array, a table's row."""

    name: str
    kind: str
    category: str


@dataclass(frozen=True, slots=True)
class Native:
    """A column of a model, as we know it and as it is asked for."""

    column: Column
    form: Form


_TEXT = Form(ColumnType.TEXT, value="{}::text", bound="text")
_AS_JSON = Form(ColumnType.JSON, value="to_json({})::text")
_NUMERIC = 1700

# By oid, which is the same on every server (src/include/catalog/pg_type.dat). Whole numbers are
# compared as int8: an index on int4 takes that, but no index on int4 takes a numeric.
FORMS: Mapping[int, Form] = {
    16: Form(ColumnType.BOOLEAN),
    17: Form(ColumnType.BINARY),
    19: _TEXT,  # name
    20: Form(ColumnType.DECIMAL, 19, bound="int8"),
    21: Form(ColumnType.DECIMAL, 5, bound="int8"),
    23: Form(ColumnType.DECIMAL, 10, bound="int8"),
    25: Form(ColumnType.TEXT, bound="text"),
    # As text, numbers keep their digits: 1.10 stays 1.10.
    114: Form(ColumnType.JSON, value="{}::text"),
    700: Form(ColumnType.FLOAT),
    701: Form(ColumnType.FLOAT),
    1042: _TEXT,  # char(n): without the blanks that fill it up
    1043: Form(ColumnType.TEXT, bound="text"),
    1082: Form(ColumnType.DATE, bound="date"),
    1083: Form(ColumnType.TIME),
    1114: Form(ColumnType.TIMESTAMP_NTZ, bound="timestamp"),
    1184: Form(ColumnType.TIMESTAMP_TZ, bound="timestamptz"),
    2249: _AS_JSON,  # record, as ROW(...) makes one
    2950: Form(ColumnType.TEXT, value="{}::text", bound="uuid"),
    3802: Form(ColumnType.JSON, value="{}::text"),
}


def is_built_in(oid: int) -> bool:
    """Say whether a type is known without asking the server."""
    return oid in FORMS or oid == _NUMERIC


def natives(
    model: str, described: Sequence[Described], facts: Mapping[int, TypeFacts]
) -> tuple[Native, ...]:
    """Return a model's columns; ConfigurationError names the first that can't be carried."""
    names = [column.name for column in described]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                f"model {model} has two columns {name}: rename one in its SQL", kind="column_names"
            )
    return tuple(_native(model, column, facts.get(column.oid)) for column in described)


def _native(model: str, described: Described, facts: TypeFacts | None) -> Native:
    form = FORMS.get(described.oid)
    if described.oid == _NUMERIC:
        form = _numeric(model, described)
    elif form is None:
        form = _by_facts(facts)
    if form is None:
        name = facts.name if facts is not None else f"with oid {described.oid}"
        raise ConfigurationError(
            f"model {model}: column {described.name} has the type {name}, which Hightide can't "
            f"carry; cast it in the SQL ({described.name}::text) or leave it out",
            kind="column_type",
        )
    return Native(Column(described.name, form.type, form.precision, form.scale), form)


def _numeric(model: str, described: Described) -> Form:
    precision, scale = described.precision, described.scale
    # numeric without (p, s) has a scale of its own in every row; numeric(3, -2) and numeric(2, 4),
    # which PostgreSQL 15 takes, have no form in Avro.
    if precision is None or scale is None or not 0 <= scale <= precision <= _LARGEST_PRECISION:
        raise ConfigurationError(
            f"model {model}: column {described.name} is a numeric without a fixed number of "
            f"decimals, or of more than {_LARGEST_PRECISION} digits; cast it in the SQL, e.g. "
            f"{described.name}::numeric(18, 2)",
            kind="column_type",
        )
    return Form(ColumnType.DECIMAL, precision, scale, bound="numeric")


def _by_facts(facts: TypeFacts | None) -> Form | None:
    if facts is None:
        return None
    if facts.category == "A" or facts.kind == "c":
        return _AS_JSON
    # Enums, and string types of extensions such as citext. An enum is ordered as text here.
    if facts.kind == "e" or facts.category == "S":
        return _TEXT
    return None
