"""What may stand under `fields`: a column, a column with a type, a constant, an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from worker.config.constants import fails_always
from worker.rules.mapping import Constant, Expression, FieldSource, FromColumn
from worker.rules.mapping.names import wrong_names
from worker.rules.mapping.sources import Pin

_FORMS = "write COLUMN, {column: C, type: T}, {value: V} or {expression: '…'}"


def field_source(said: object) -> FieldSource:
    """Return where a field's value comes from; ValueError says how to write it."""
    if isinstance(said, FromColumn | Constant | Expression):
        return said
    if isinstance(said, str) and said.strip():
        return FromColumn(said)
    if not isinstance(said, Mapping):
        raise ValueError(_FORMS)  # noqa: TRY004  # pydantic wants ValueError
    make = _MADE.get(frozenset(said))
    if make is None:
        raise ValueError(_FORMS)
    return make(said)


def expression(said: object) -> Expression:
    """Return an expression with the columns it reads; ValueError says where it is wrong."""
    return _expression(said, condition=False)


def condition(said: object) -> Expression | None:
    """Return an expression that is true or false; ValueError says where it is wrong."""
    return None if said is None else _expression(said, condition=True)


def _expression(said: object, *, condition: bool) -> Expression:
    # The language takes 14 MB: only where one is used.
    from worker.rules.mapping.cel import ExpressionError, columns_of  # noqa: PLC0415

    if isinstance(said, Expression):
        return said
    if not isinstance(said, str) or not said.strip():
        raise ValueError("an expression is text: put it in quotes")
    try:
        made = Expression(said, columns_of(said, condition=condition))
    except ExpressionError as error:
        raise ValueError(f"the expression {error}") from None
    if (sentence := fails_always(made)) is not None:
        raise ValueError(f"the expression {sentence}")
    return made


def _column(said: Mapping[str, Any]) -> FromColumn:
    column, pin = said["column"], said.get("type")
    if not isinstance(column, str) or not column.strip():
        raise ValueError("column: write its name")
    if pin is not None and pin not in get_args(Pin):
        raise ValueError(f"type: write one of {', '.join(get_args(Pin))}")
    return FromColumn(column, pin)


def _constant(said: Mapping[str, Any]) -> Constant:
    value = said["value"]
    if not isinstance(value, str | int | float):
        raise ValueError("value: write text, a number, true or false")  # noqa: TRY004  # as above
    if not isinstance(value, str) and not -(2**63) < value < 2**63:  # infinity and NaN too
        raise ValueError("value: the number is larger than Iterable's long")
    return Constant(value)


def written(source: FieldSource) -> object:
    """Return a source as the file says it."""
    match source:
        case FromColumn(column, None):
            return column
        case FromColumn(column, pin):
            return {"column": column, "type": pin}
        case Constant(value):
            return {"value": value}
        case Expression(text):
            return {"expression": text}


def _names(fields: dict[str, FieldSource]) -> dict[str, FieldSource]:
    for name in fields:
        if not name.isprintable() or not all(part.strip() for part in name.split(".")):
            raise ValueError(f"{name!r} is blank in part, or holds what can't be seen: rename it")
    if (sentence := wrong_names(fields)) is not None:
        raise ValueError(sentence)
    return fields


_MADE: Mapping[frozenset[str], Callable[[Mapping[str, Any]], FieldSource]] = {
    frozenset({"column"}): _column,
    frozenset({"column", "type"}): _column,
    frozenset({"value"}): _constant,
    frozenset({"expression"}): lambda said: expression(said["expression"]),
}

Fields = Annotated[
    dict[str, Annotated[FieldSource, PlainValidator(field_source), PlainSerializer(written)]],
    AfterValidator(_names),
]
Condition = Annotated[
    Expression | None,
    PlainValidator(condition),
    PlainSerializer(lambda said: None if said is None else said.text),
]
