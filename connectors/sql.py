"""What every source that speaks SQL does alike with a model's statement and its column names."""

from __future__ import annotations

import re

from connectors.errors import ConfigurationError
from connectors.records import Model

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def body(model: Model) -> str:
    """Return the model's statement as it stands in a subquery.

    It may end in a semicolon or a comment: it has to stand on lines of its own.
    """
    return model.sql.strip().rstrip(";").rstrip()


def check_identifier(name: str) -> None:
    """Raise ConfigurationError unless a column that a person named can be written as it is."""
    if _IDENTIFIER.fullmatch(name) is None:
        raise ConfigurationError(
            f"{name!r} is not a column name Hightide can use: letters, digits, _ and $",
            kind="bad_identifier",
        )


def quoted(name: str) -> str:
    """Return a name in quotes, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
