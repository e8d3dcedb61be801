"""The oracle: what Iterable must hold, worked out without any of the worker's own code.

It reads the model through a connection of its own, in one piece, and maps it again in its own way;
so a mistake in window, hash, order or mapping shows up as a difference.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Profile = dict[str, Any]

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d{3})?(?:Z| ?[+-]\d\d:\d\d)?)?")
_IGNORED = frozenset({"LAST_CHANGED", "PREV_HASH"})


@dataclass(slots=True)
class Oracle:
    """What the model has said so far, by user."""

    fields: Mapping[str, str]
    match_column: str
    key_column: str
    expected: dict[str, Profile] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    changed: int = 0

    def see(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Take in the model as it is now; return the users seen for the first time.

        Two keys of one user can be in the model at once only if an e-mail changed in between; the
        row that changed last is the user's.
        """
        new: list[str] = []
        for row in sorted(rows, key=lambda r: str(r["LAST_CHANGED"])):
            key, user = str(row[self.key_column]), str(row[self.match_column])
            content = _content(row)
            if self.content.get(key) != content:
                self.content[key] = content
                self.changed += 1
            if user not in self.expected:
                new.append(user)
            self.expected[user] = {
                name: _plain(row[column])
                for name, column in self.fields.items()
                if row[column] is not None
            }
        return new


def read_model(connection: Mapping[str, Any], sql: str) -> list[dict[str, Any]]:
    """Return every row of the model, by column."""
    # Imported here: a deliver process has no use for it, and it takes 30 MB.
    snowflake: Any = importlib.import_module("snowflake.connector")
    with snowflake.connect(
        **connection, enable_server_session_keep_alive_auto_detection=False
    ) as connected:
        cursor = connected.cursor()
        cursor.execute(sql)
        names = [d.name for d in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How Iterable's profiles compare with what they should be."""

    profiles: int
    equal: int
    different: int
    missing: int
    unexpected: int


def compare(
    found: Iterable[Mapping[str, Any]],
    planted: Mapping[str, Profile],
    expected: Mapping[str, Profile],
) -> Comparison:
    """Compare every profile: the planted fields stay, the mapped ones are the model's."""
    profiles = equal = unexpected = 0
    seen: set[str] = set()
    for profile in found:
        profiles += 1
        user = str(profile.get("userId") or profile.get("email"))
        if user not in planted:
            unexpected += 1
            continue
        seen.add(user)
        should = {**planted[user], **expected.get(user, {})}
        equal += _same(profile.get("dataFields", {})) == _same(should)
    missing = len(planted.keys() - seen)
    return Comparison(profiles, equal, len(seen) - equal, missing, unexpected)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value


def _content(row: Mapping[str, Any]) -> str:
    plain = {k: _same(_plain(v)) for k, v in row.items() if k not in _IGNORED and v is not None}
    return json.dumps(plain, sort_keys=True, default=str)


def _same(value: Any) -> Any:
    """Return a form in which two readings of one thing are equal: dates, order of objects."""
    if isinstance(value, dict):
        return {k: _same(v) for k, v in value.items() if v is not None and k not in _IDENTIFIERS}
    if isinstance(value, list):
        same = [_same(v) for v in value]
        if all(isinstance(v, dict) for v in same):
            return sorted(same, key=lambda v: json.dumps(v, sort_keys=True))
        return same
    if isinstance(value, str) and (match := _DATE.fullmatch(value)):
        return f"{match[1]} {match[2] or '00:00:00'} +00:00"
    return value


_IDENTIFIERS = frozenset({"email", "userId"})
