"""The kinds of values in `hightide.yaml`, each refused with a sentence that names the fix."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from worker.config.secrets import SecretRef, is_reference, literal_secret
from worker.rules.schedule import interval_text, parse_cron, parse_interval, parse_zone

SOURCE_TYPES = ("snowflake", "postgres")


class Strict(BaseModel):
    """A part of the file in which no unknown key may stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_literal_secret(options: dict[str, Any]) -> dict[str, Any]:
    if name := literal_secret(options):
        raise ValueError(f"{name} is a secret: write {{file: PATH}} or {{env: NAME}} instead of it")
    for name, value in options.items():
        if is_reference(value) and not all(
            isinstance(v, str) and v.strip() for v in value.values()
        ):
            raise ValueError(f"{name}: write {{file: PATH}} or {{env: NAME}}, with its name in it")
    return options


def _reference(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("is a secret: write {file: PATH} or {env: NAME} instead of it")  # noqa: TRY004  # pydantic wants ValueError
    return value


def parse_seconds(value: object) -> object:
    """Return the seconds of an interval that is written as text."""
    if isinstance(value, bool):
        raise ValueError("write an interval as a number and a unit: 30s, 5m, 24h or 1d")  # noqa: TRY004  # pydantic wants ValueError
    return parse_interval(value) if isinstance(value, str) else value


def within(least: float, most: float) -> Callable[[float], float]:
    """Return the check that an interval lies within bounds."""

    def check(seconds: float) -> float:
        if not least <= seconds <= most:
            raise ValueError(f"write {interval_text(least)} to {interval_text(most)}")
        return seconds

    return check


def only_utc(value: object) -> object:
    """Return the zone of a wall clock; ValueError for any that goes backwards."""
    if value not in (None, "UTC"):
        raise ValueError(
            "only UTC: a wall clock with summer time goes backwards once a year, and a later "
            "change would lie below an earlier one; convert the column in the SQL"
        )
    return value


def _name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value) is None:
        raise ValueError("a name holds letters, digits, '.', '_' and '-', at most 100")
    return value


def split_list(value: object) -> object:
    """Return the parts of a list written with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _server(value: str) -> str:
    host, _, port = value.rpartition(":")
    # The port is not repeated: in the wrong place, a password could stand there.
    if not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[\w.-]+", host) or not re.fullmatch(r"\d{1,5}", port):
        raise ValueError("write host:port, e.g. broker-1:9093")
    if not 0 < int(port) <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")
    return value


def _address(value: str) -> str:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:  # https://[::1 and https://h:99999
        raise ValueError("is no address: write it like https://host or https://host:8443") from None
    if port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    # It stands in logs and sentences as it is, and paths are put behind it.
    if "@" in url.netloc or "?" in value or "#" in value:
        raise ValueError("holds more than scheme, host, port and path: no user, no ?, no #")
    return value


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: write it")
    return value


def _source_type(value: str) -> str:
    if value not in SOURCE_TYPES and re.fullmatch(r"\w+(\.\w+)*:\w+", value) is None:
        raise ValueError(
            f"{value!r} is none of {', '.join(SOURCE_TYPES)} and no class of your own, which is "
            "written package.module:Class"
        )
    return value


Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0, allow_inf_nan=False)]
Interval = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, BeforeValidator(parse_seconds)
]
CronExpression = Annotated[str, AfterValidator(parse_cron)]
Share = Annotated[float, Field(ge=0, le=1)]
Zone = Annotated[str, AfterValidator(parse_zone)]
Said = Annotated[str, AfterValidator(_said)]
Address = Annotated[str, AfterValidator(_address)]
Server = Annotated[str, AfterValidator(_server)]
Name = Annotated[str, AfterValidator(_name)]
SourceType = Annotated[str, AfterValidator(_source_type)]
Options = Annotated[dict[str, Any], AfterValidator(_no_literal_secret)]
Secret = Annotated[SecretRef, BeforeValidator(_reference)]
