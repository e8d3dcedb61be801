"""Logs: one JSON object a line on stderr, with fields from a list and nothing else.

A row's value, a key, an e-mail or the text of a remote system is in none of the fields, so none can
get into a line. Libraries may log at WARNING and above only, and only their logger's name is kept:
at DEBUG kafka-python logs protocol bytes and the Snowflake connector logs SQL.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Every field a line may have. Names, counts, states, sentences of our own.
FIELDS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "model",
        "sync",
        "state",
        "reason",
        "result",
        "kind",
        "library",
        "rows",
        "published",
        "unchanged",
        "seconds",
        "partitions",
        "version",
        "port",
        "role",
        "signal",
        "error",
        "topic",
        "what",
        "total",
        "percent",
        "used",
    }
)


class FieldError(Exception):
    """A log line has a field that is not on the list: a mistake in our code."""


def _only_listed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if unknown := set(line) - FIELDS:
        raise FieldError(f"fields not on the list: {sorted(unknown)}")
    return line


class _LibraryHandler(logging.Handler):
    """Keeps of a library's warning only who said it."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library warning", library=record.name)


def configure_logs(level: str) -> None:
    """Send logs to stderr as JSON from now on; call once, at start."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler(logging.WARNING)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
