"""The kinds of values in `hightide.yaml`, each refused with a sentence that names the fix."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from worker.config.secrets import SecretRef, literal_secret
from worker.rules.schedule import parse_cron, parse_interval, parse_zone

SOURCE_TYPES = ("snowflake", "postgres")


class Strict(BaseModel):
    """A part of the file in which no unknown key may stand."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_literal_secret(options: dict[str, Any]) -> dict[str, Any]:
    if name := literal_secret(options):
        raise ValueError(f"{name} is a secret: write {{file: PATH}} or {{env: NAME}} instead of it")
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
    return value.split(",") if isinstance(value, str) else value


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
Name = Annotated[str, AfterValidator(_name)]
SourceType = Annotated[str, AfterValidator(_source_type)]
Options = Annotated[dict[str, Any], AfterValidator(_no_literal_secret)]
Secret = Annotated[SecretRef, BeforeValidator(_reference)]
