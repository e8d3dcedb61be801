"""Parts of an expression that no row can change are tried when the file is loaded.

NAME.matches("(")      "" .matches("(") has no result   →  refused
1/0                    reads no column and has none     →  refused
A == "x.matches("      a text that looks like a call    →  left alone
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.rules.mapping import Expression
from worker.rules.mapping.sources import UnmappableError

_LITERAL = r"""(?:[rR]"[^"\n]*"|[rR]'[^'\n]*'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
# Texts and comments are stepped over whole, so what stands in them is no call.
_PATTERN = re.compile(rf"\.\s*matches\s*\(\s*({_LITERAL})\s*\)|{_LITERAL}|//[^\n]*")


def fails_always(expression: Expression) -> str | None:
    """Return what of an expression fails for every row that gets there, or None."""
    for pattern in _patterns(expression.text):
        if not _has_result(f'"".matches({pattern})'):
            return "has a matches(…) whose pattern is no regular expression (RE2): correct it"
    if not expression.columns and not _has_result(expression.text):
        return "reads no column and has no result: it would fail for every row"
    return None


def _patterns(text: str) -> Iterator[str]:
    # Three quotes in a row are rare, and what is in them can't be told by this: left to the rows.
    if '"""' not in text and "'''" not in text:
        yield from (found[1] for found in _PATTERN.finditer(text) if found[1])


def _has_result(text: str) -> bool:
    from worker.rules.mapping.cel import evaluator  # noqa: PLC0415  # 14 MB, see fields.py

    try:
        evaluator(Expression(text, frozenset()), (), str)({})
    except UnmappableError:
        return False
    return True
