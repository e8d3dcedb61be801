"""GET /api/export/data.json: every profile, one a line. A date range is read but not applied."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from connectors.sandbox.iterable.calls import Answer, Call, JsonObject
from connectors.sandbox.iterable.profiles import Profile, shown
from connectors.sandbox.iterable.project import Project
from connectors.sandbox.iterable.replies import bad_params

LINES_A_CHUNK = 500
_IDENTIFIERS = {"email", "userId"}


def data_json(project: Project, call: Call) -> Answer:
    kind = call.query.get("dataTypeName")
    if kind != "user":
        raise bad_params(f"dataTypeName {kind} is not exported here; only user is")
    only = [name for name in call.query.get("onlyFields", "").split(",") if name]
    everyone = project.profiles.everyone()
    return Answer(200, _lines(everyone, project.list_field, only), "application/x-json-stream")


def _lines(everyone: list[Profile], list_field: str, only: list[str]) -> Iterator[bytes]:
    # Identifiers alone are asked for to learn who exists: a million of them must not take minutes.
    is_short = bool(only) and _IDENTIFIERS.issuperset(only)
    for start in range(0, len(everyone), LINES_A_CHUNK):
        part = everyone[start : start + LINES_A_CHUNK]
        found = (_named(item, only) if is_short else shown(item, list_field, only) for item in part)
        yield b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in found)


def _named(profile: Profile, only: list[str]) -> JsonObject:
    both = {"email": profile.email, "userId": profile.user_id}
    return {name: found for name, found in both.items() if name in only and found is not None}
