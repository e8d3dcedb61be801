"""A statement's text as it came, and what it needs before fakesnow can run it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from connectors.sandbox.warehouse.change_tokens import FUNCTION
from connectors.sandbox.warehouse.errors import StatementError
from connectors.sandbox.warehouse.fakesnow_cured import parse

# `?::TYPE` and TO_TIMESTAMP_TZ(?) are plain Snowflake, but DuckDB knows only CAST.
_CAST_OPERATOR = re.compile(r"\?\s*::\s*(\w+(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?)")
_TO_TIMESTAMP = re.compile(r"\bTO_TIMESTAMP_(NTZ|LTZ|TZ)\s*\(\s*\?\s*\)", re.IGNORECASE)
_TIME_FORMAT = re.compile(r"YYYY|HH24|FF\d", re.IGNORECASE)
# Everything here is UTC, and DuckDB would write the offset as +00.
_OFFSET_FORMAT = re.compile(r"TZH:?TZM", re.IGNORECASE)
# DuckDB's %n leaves three of the nine digits unwritten: garbage bytes.
_NANOSECOND_FORMAT = re.compile(r"(?<=\.)FF(?:9|(?!\d))", re.IGNORECASE)
_CONTEXT = re.compile(r"\bCURRENT_(ACCOUNT|ROLE|WAREHOUSE|USER|SESSION)\s*\(\s*\)", re.IGNORECASE)


def in_plain_terms(text: str) -> str:
    """The text with casts of bound values as CAST, and what is fixed here written out."""
    text = _CONTEXT.sub(lambda found: f"'SANDBOX_{found[1].upper()}'", text)
    text = _OFFSET_FORMAT.sub("+00:00", text)
    text = _NANOSECOND_FORMAT.sub("FF6000", text)
    text = _CAST_OPERATOR.sub(r"CAST(? AS \1)", text)
    return _TO_TIMESTAMP.sub(lambda found: f"CAST(? AS TIMESTAMP_{found[1].upper()}(9))", text)


def parse_single(text: str) -> exp.Expr:
    """The statement's tree. Raises StatementError unless the text is exactly one statement."""
    trees = [tree for tree in parse(text) if tree and not isinstance(tree, exp.Semicolon)]
    if len(trees) == 1:
        tree: exp.Expr = trees[0]
        return tree
    if not trees:
        raise StatementError("000900", "42601", "SQL compilation error:\nEmpty SQL statement.")
    raise StatementError(
        "000008",
        "0A000",
        f"Actual statement count {len(trees)} did not match the desired statement count 1.",
    )


def with_formatted_times(text: str, tree: exp.Expr) -> tuple[str, exp.Expr]:
    """The statement with TO_VARCHAR(x, 'YYYY...') told that x is a time.

    fakesnow drops the format where it cannot see the type: a column, or MAX of one.
    """
    blind = [call for call in tree.find_all(exp.ToChar) if _formats_time(call)]
    for call in blind:
        call.set("this", exp.cast(call.this.copy(), "TIMESTAMPTZ", dialect="snowflake"))
    if not blind:
        return text, tree
    told = tree.sql(dialect="snowflake")
    return told, parse_single(told)


def _formats_time(call: exp.ToChar) -> bool:
    form = call.args.get("format")
    return isinstance(form, exp.Literal) and bool(_TIME_FORMAT.search(form.name))


def with_change_tokens(
    text: str,
    tree: exp.Expr,
    parameters: tuple[Any, ...],
    token_of: Callable[[str], int],
) -> tuple[str, tuple[Any, ...]]:
    """The statement with each SYSTEM$LAST_CHANGE_COMMIT_TIME call replaced by its answer."""
    if FUNCTION not in text.upper():
        return text, parameters
    placeholders = list(tree.find_all(exp.Placeholder, bfs=False))
    used: set[int] = set()

    def answer(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Anonymous) or node.name.upper() != FUNCTION:
            return node
        name = node.expressions[0]
        if isinstance(name, exp.Placeholder):
            position = next(i for i, found in enumerate(placeholders) if found is name)
            used.add(position)
            return _number(token_of(str(parameters[position])))
        return _number(token_of(name.name))

    answered = tree.transform(answer, copy=False).sql(dialect="snowflake")
    return answered, tuple(p for i, p in enumerate(parameters) if i not in used)


def _number(value: int) -> exp.Expr:
    return exp.cast(exp.Literal.number(value), "DECIMAL(38, 0)")
