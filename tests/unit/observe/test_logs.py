"""Log lines hold listed fields only, and of a library's words nothing but its name."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from worker.observe.logs import FieldError, configure_logs

CANARY = "ann@example.com"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as other tests expect it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_json_object_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """With level and time, and the fields it was given."""
    configure_logs("info")
    structlog.get_logger().info("poll ended", model="people", result="complete")
    [line] = lines(capsys)

    assert {"event", "level", "timestamp", "model", "result"} == set(line)
    assert ("poll ended", "info", "people") == (line["event"], line["level"], line["model"])


@pytest.mark.parametrize("field", ["email", "key", "value", "exception", "exc_info", "user"])
def test_a_field_that_is_not_listed_is_a_mistake(
    capsys: pytest.CaptureFixture[str], field: str
) -> None:
    """It fails where it is written, in the first test that gets there; nothing is printed."""
    configure_logs("info")
    with pytest.raises(FieldError, match=field):
        structlog.get_logger().info("x", **{field: CANARY})

    assert CANARY not in capsys.readouterr().err


def test_of_a_library_only_its_name_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Text, arguments and traceback may hold a row."""
    configure_logs("debug")
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("kafka.consumer").exception("failed on %s", CANARY)
    logging.getLogger("snowflake.connector").warning(CANARY)
    found = lines(capsys)

    assert CANARY not in str(found)
    assert ["kafka.consumer", "snowflake.connector"] == [line["library"] for line in found]


def test_libraries_are_silent_below_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """At DEBUG they log protocol bytes and SQL; our own debug lines do not wake them."""
    configure_logs("debug")
    logging.getLogger("kafka.conn").info(CANARY)
    logging.getLogger("snowflake.connector.cursor").debug(CANARY)

    assert [] == lines(capsys)


def test_a_python_warning_keeps_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    """It is a log line like any other."""
    configure_logs("info")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, stacklevel=1)
    [line] = lines(capsys)

    assert "py.warnings" == line["library"]
    assert CANARY not in str(line)


def test_the_level_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Below it nothing is written."""
    configure_logs("warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert ["loud"] == [line["event"] for line in lines(capsys)]
