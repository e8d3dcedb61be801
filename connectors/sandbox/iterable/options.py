"""How a sandbox is started, and the switches that can be turned while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProjectType(StrEnum):
    """What identifies a user; fixed when a project is made."""

    EMAIL = "email"
    USERID = "userid"
    HYBRID = "hybrid"


class UnknownUserList(StrEnum):
    """Where an unknown user lands when it must not be created. Iterable does not document it."""

    NOT_FOUND = "notFoundUserIds"
    INVALID = "invalidUserIds"
    NO_OP = "noOpUserIds"


@dataclass(slots=True)
class Settings:
    """The switches of the project; `POST /_sandbox/settings` turns them while it runs."""

    latency_ms: tuple[float, float] = (0.0, 0.0)
    apply_delay_seconds: float = 0.0
    limits_enabled: bool = True
    limit_scale: float = 1.0
    legacy_envelope: bool = False
    explain_refusals: bool = True
    unknown_user_list: UnknownUserList = UnknownUserList.NOT_FOUND
    update_only_enabled: bool = False
    create_new_fields: bool = True
    field_limit: int = 1_000
    event_field_limit: int = 8_000
    max_body_bytes: int = 4_000_000
    disallowed_events: list[str] = field(default_factory=list)

    def turn(self, changes: dict[str, Any]) -> None:
        """Set switches by name. If one is wrong, ValueError or TypeError, and none is turned."""
        checked = {name: _checked(name, value) for name, value in changes.items()}
        for name, value in checked.items():
            setattr(self, name, value)


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox is started."""

    port: int = 0
    host: str = "127.0.0.1"
    api_key: str = "sandbox-key"
    project_type: ProjectType = ProjectType.EMAIL
    settings: Settings = field(default_factory=Settings)
    seed: int = 1
    journal_rows: bool = False


def latency_range(text: str) -> tuple[float, float]:
    """Read `5:20`, or `5` for a constant, as milliseconds. Raises ValueError."""
    low, _, high = text.partition(":")
    return _latency([low, high or low])


def _latency(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        return latency_range(value)
    low, high = map(float, value if isinstance(value, list | tuple) else (value, value))
    if not 0 <= low <= high:
        raise ValueError(f"latency {low}:{high} ms must be LOW:HIGH with 0 <= LOW <= HIGH")
    return low, high


def _seconds(value: Any) -> float:
    if (seconds := float(value)) < 0:
        raise ValueError(f"{seconds} seconds: a delay is 0 or more")
    return seconds


def _above_zero(value: Any) -> float:
    if (number := float(value)) <= 0:
        raise ValueError(f"{number} must be above 0")
    return number


def _count(value: Any) -> int:
    return int(_above_zero(value))


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r}: a switch is true or false")
    return value


def _names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list of names")
    return [str(item) for item in value]


_READERS: dict[str, Callable[[Any], object]] = {
    "latency_ms": _latency,
    "apply_delay_seconds": _seconds,
    "limits_enabled": _switch,
    "limit_scale": _above_zero,
    "legacy_envelope": _switch,
    "explain_refusals": _switch,
    "unknown_user_list": UnknownUserList,
    "update_only_enabled": _switch,
    "create_new_fields": _switch,
    "field_limit": _count,
    "event_field_limit": _count,
    "max_body_bytes": _count,
    "disallowed_events": _names,
}


def _checked(name: str, value: Any) -> object:
    if name not in _READERS:
        raise ValueError(f"no such setting: {name}; there are {', '.join(_READERS)}")
    return _READERS[name](value)
