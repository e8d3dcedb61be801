"""Expressions: CEL, Google's language for conditions in configurations, by its C++ library.

It can't loop without a list, call anything or see more than the columns it names. The library stops
after 10,000 steps through lists; how long a text or list may be is limited here, and what both cost
together in cost.py.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import orjson
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings
from google.protobuf.timestamp_pb2 import Timestamp

from connectors.records import Column, ColumnType
from worker.rules.mapping.cost import LARGEST_COST, Shape, shape_of, wrong_calls
from worker.rules.mapping.moments import time_text
from worker.rules.mapping.results import from_cel
from worker.rules.mapping.sources import Expression, UnmappableError
from worker.rules.mapping.values import Convert, converter, finite
from worker.rules.mapping.words import wrong_words

# One text, or the JSON of one VARIANT.
LONGEST_TEXT = 65_536
# `map` copies what it has with every step: 1,000 steps take 20 ms, 10,000 take 5 s.
LONGEST_LIST = 1_000
# So few commas have no list that is too long: most need no second look.
_FEW = 64
# The first version of the extension: later ones have functions whose results know no measure.
_STRINGS_VERSION = 0

LONGEST_SENTENCE = 200
_PROBLEM = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '\.?(\w+)")
_NOT_SENT = ("BYTES", "DURATION", "TYPE")


class ExpressionError(Exception):
    """An expression can't be used; the sentence says where it is wrong and what helps."""


def columns_of(text: str, *, condition: bool = False) -> frozenset[str]:
    """Return the columns that an expression reads; nothing is evaluated.

    Raises ExpressionError when it is none, and when its result is known to be none that can be
    sent, or, for a condition, neither true nor false.
    """
    if (sentence := wrong_words(text) or wrong_calls(text)) is not None:
        raise ExpressionError(sentence)
    names = _missed_names(text)
    _check_result(_compiled(text, names).return_type().name(), condition=condition)
    # Some were only missed because others were: without them it compiles as well.
    return frozenset(name for name in names if not _compiles(text, names - {name}))


def evaluator(
    expression: Expression, columns: Sequence[Column], key: Callable[[str], str]
) -> Callable[[Mapping[str, Any]], object]:
    """Return the function from a row, decoded in physical form, to the expression's result.

    The result is in the form that Iterable takes. Columns that are not among `columns` are null.
    The function raises UnmappableError when there is no such result.
    """
    program = _compiled(expression.text, expression.columns)
    reads = [(c.name, key(c.name), _reader(c)) for c in columns]
    absent = dict.fromkeys(expression.columns - {c.name for c in columns})
    limit = _limit(shape_of(expression.text), columns, key)

    def evaluate(row: Mapping[str, Any]) -> object:
        limit(row)
        values: dict[str, object] = {**absent}
        for name, place, read in reads:
            value = row[place]
            values[name] = None if value is None else read(value)
        return from_cel(_result(program, values))

    return evaluate


def _missed_names(text: str) -> frozenset[str]:
    """Return names with which the expression compiles: what it misses without them, it says."""
    names: frozenset[str] = frozenset()
    while True:
        try:
            _compiled(text, names)
        except RuntimeError as error:
            found = names.union(_UNKNOWN.findall(str(error)))
            if found == names:
                raise ExpressionError(_sentence(str(error))) from None
            names = found
        else:
            return names


def _result(program: cel.Expression, values: Mapping[str, object]) -> object:
    try:
        result = program.eval(data=values)
        plain = result.plain_value()
        # An error is a value too, and its text, which may quote the row, would be its plain form.
        if not isinstance(plain, str) or result.type() == cel.Type.STRING:
            return plain
    except Exception:  # noqa: BLE001, S110  # whatever the library has, the row is at fault
        pass
    raise UnmappableError("an expression has no result for the row")


def _compiled(text: str, names: frozenset[str]) -> cel.Expression:
    environment = cel.NewEnv(
        variables=dict.fromkeys(names, cel.Type.DYN),
        extensions=[ext_strings.ExtStrings(_STRINGS_VERSION)],
    )
    return environment.compile(text)


def _compiles(text: str, names: frozenset[str]) -> bool:
    try:
        _compiled(text, names)
    except RuntimeError:
        return False
    return True


def _check_result(kind: str, *, condition: bool) -> None:
    if condition and kind not in ("BOOL", "DYN", "NULL"):
        raise ExpressionError("is neither true nor false: compare something")
    if kind.startswith(_NOT_SENT):
        raise ExpressionError("its result can't be sent: make it text with string(…)")


def _sentence(said: str) -> str:
    problem = _PROBLEM.search(said)
    if problem is None:
        return "is nested too deeply: say it in the model's SQL"
    line, position, text = problem.groups()
    if (found := _UNKNOWN.search(text)) is not None:
        text = f"there is no function {found[1]} for that: see docs/mapping.md"
    elif text.startswith("found no matching overload for '_?_:_'"):
        text = "the two sides of ? : are of two types: put dyn(…) around one of them"
    elif text.startswith("found no matching overload"):
        text += ": convert one with string(…), int(…) or double(…)"
    return f"at {line}:{position}: {text[:LONGEST_SENTENCE]}"


def _limit(
    shape: Shape, columns: Sequence[Column], key: Callable[[str], str]
) -> Callable[[Mapping[str, Any]], None]:
    """Return the function that raises UnmappableError for a row that would cost too much."""
    texts = [key(c.name) for c in columns if c.type in (ColumnType.TEXT, ColumnType.BINARY)]
    jsons = [key(c.name) for c in columns if c.type is ColumnType.JSON]

    def limit(row: Mapping[str, Any]) -> None:
        text = sum(len(row[place] or "") for place in texts)
        json = sum(len(row[place] or "") for place in jsons)
        longest = 0
        if shape.loops and shape.cost(text=text, json=json) <= LARGEST_COST:
            longest = max((_longest(row[place] or "") for place in jsons), default=0)
        if longest > LONGEST_LIST:
            raise UnmappableError("a list is too long for an expression")
        if shape.cost(text=text, json=json, longest=longest) > LARGEST_COST:
            raise UnmappableError("the row's texts or lists are too long for the expression")

    return limit


def _reader(column: Column) -> Callable[[Any], object]:
    if column.type is ColumnType.DECIMAL:
        return cast("Convert", converter(column))
    return _READERS[column.type]


def _timestamp(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, 1_000_000)
    try:
        return Timestamp(seconds=seconds, nanos=rest * 1_000)
    except (ValueError, OverflowError):  # its seconds have 64 bits
        raise UnmappableError("a date lies outside the years 1 to 9999") from None


def _text(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise UnmappableError("a value is too long for an expression")
    # The library takes it for the end of the text: `a\0b` would be `a`.
    if "\0" in value or "\\u0000" in value:
        raise UnmappableError("a value holds a NUL, which no expression can read")
    return value


def _json(text: str) -> object:
    try:
        return orjson.loads(_text(text))
    except orjson.JSONDecodeError:
        raise UnmappableError("a semi-structured value is not JSON") from None


def _longest(text: str) -> int:
    """Return how many members the longest list or object has, or a few more."""
    commas = text.count(",")
    if commas < _FEW:
        return commas + 1
    longest, left = 0, [_json(text)]
    while left:
        value = left.pop()
        inside = list(value.values()) if isinstance(value, dict) else value
        if isinstance(inside, list):
            longest = max(longest, len(inside))
            left += inside
    return longest


_READERS: Mapping[ColumnType, Callable[[Any], object]] = {
    ColumnType.TEXT: _text,
    ColumnType.FLOAT: finite,
    ColumnType.BOOLEAN: bool,
    ColumnType.DATE: lambda days: _timestamp(days * 86_400_000_000),
    ColumnType.TIME: time_text,
    ColumnType.TIMESTAMP_NTZ: _timestamp,
    ColumnType.TIMESTAMP_TZ: _timestamp,
    ColumnType.JSON: _json,
    ColumnType.BINARY: lambda value: _text(b64encode(value).decode()),
}
