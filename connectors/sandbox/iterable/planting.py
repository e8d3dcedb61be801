"""Plant profiles directly, as if they had been there before: half a million in seconds.

Identifiers are taken as they are, an identifier that exists is planted over. Field types are
learned as from a call, so a value of a wrong type refuses the rest.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.sandbox.iterable.calls import JsonObject
from connectors.sandbox.iterable.profiles import Profile
from connectors.sandbox.iterable.project import Project


class PlantError(Exception):
    """The text is not what can be planted; the message says what would be."""


class Planter:
    """Takes NDJSON or one JSON array of {email, userId, dataFields} in pieces of any size."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._rest = b""
        self._is_array: bool | None = None
        self._pieces: list[bytes] = []
        self._planted = 0

    def feed(self, chunk: bytes) -> None:
        """Plant every line that is whole; an array waits for its end."""
        if self._is_array is None and chunk.strip():
            self._is_array = chunk.lstrip().startswith(b"[")
        if self._is_array:
            self._pieces.append(chunk)
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._plant([_read(line) for line in lines if line.strip()])

    def finish(self) -> int:
        """Plant what is left and return how many profiles were planted in all."""
        if self._is_array:
            self._plant(list(_read(b"".join(self._pieces))))
        elif self._rest.strip():
            self._plant([_read(self._rest)])
        return self._planted

    def _plant(self, items: list[Any]) -> None:
        project, now = self._project, self._project.now()
        check = project.check_fields(create=True)
        for item in items:
            if type(item) is not dict:
                raise PlantError("a planted profile is an object of email, userId, dataFields")
            data: JsonObject = item.get("dataFields") or {}
            check.look(project.user_fields, data)
            profile = self._profile(item.get("email"), item.get("userId"), now)
            project.profiles.put(profile, data)
        self._planted += len(items)

    def _profile(self, email: str | None, user_id: str | None, now: float) -> Profile:
        store = self._project.profiles
        if email is not None:
            found = store.by_email(email)
        elif user_id is not None:
            found = store.by_user_id(user_id)
        else:
            raise PlantError("a planted profile needs an email or a userId")
        profile = found[0] if found else store.create(email, user_id, now)
        store.identify(profile, email, user_id)
        return profile


def _read(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise PlantError(f"profiles are planted as NDJSON or one JSON array: {error}") from error
