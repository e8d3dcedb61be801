"""What is wrong with a setting, in our words: what was expected, and so what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

_WHOLE = "write a whole number"
_NUMBER = "write a number"
_KEYS = "write keys with values: KEY: VALUE"
_YES_OR_NO = "write yes or no"

_SENTENCES: Mapping[str, str] = {
    "missing": "is missing: add it",
    "extra_forbidden": "is not a setting here: remove it, or see docs/settings.md",
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "list_type": "write a list: [ONE, TWO]",
    "string_type": "write text; a number, a date, yes or no is text in quotes",
    "path_type": "write a path",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "write a number that has an end",
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "literal_error": "say {expected}",
    "too_short": "needs at least {min_length}: add one",
    "too_long": "holds at most {max_length}: keep one",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def sentence(error: ErrorDetails) -> str:
    """Return what is to be said of one mistake; the value that was found is not in it."""
    said: dict[str, Any] = error.get("ctx", {})
    if (form := _SENTENCES.get(error["type"])) is None:
        return error["msg"].removeprefix("Value error, ")
    return form.format_map({name: _plain(value) for name, value in said.items()})


def _plain(value: object) -> object:
    # A bound of an interval or a share is 60.0 to pydantic, 60 to a person.
    return f"{value:g}" if isinstance(value, float) else value
