"""How a command ends: exit codes that mean something, and a mistake of ours without its text."""

from __future__ import annotations

import sys
import traceback

from connectors.errors import ConfigurationError, ConnectorError, FencedError, RetryableError
from worker.config.document import ConfigError


def exit_code(error: Exception) -> int:
    """Return the exit code that stands for an error."""
    match error:
        case ConfigError():
            return 2
        case RetryableError():
            return 3
        case FencedError():
            return 5
        case ConfigurationError() | ConnectorError():
            return 4
        case _:
            return 1


def print_mistake(error: Exception) -> None:
    """Print where a mistake of ours happened; its text may quote a row and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = "".join(f"\n  {f.filename}:{f.lineno} in {f.name}" for f in frames)
    print(  # noqa: T201  # a person reads it
        f"hightide: a mistake of ours, please report it: {type(error).__name__}{where}",
        file=sys.stderr,
    )
