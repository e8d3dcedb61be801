"""The profiles of a project.

A run may hold over a million, so a profile keeps its fields as JSON bytes: a third of the memory
of dicts, and nothing for the garbage collector to walk. An update that names every field the
profile has (the usual case: whole rows) replaces the bytes without reading them.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from connectors.sandbox.iterable.calls import JsonObject
from connectors.sandbox.iterable.dates import from_seconds
from connectors.sandbox.iterable.rows import UserRow

_NOTHING: frozenset[str] = frozenset()


class Profile:
    """One user. Compared by identity: two users are never equal."""

    __slots__ = ("created_at", "data", "email", "lists", "names", "updated_at", "user_id")

    def __init__(self, email: str | None, user_id: str | None, now: float) -> None:
        self.email = email
        self.user_id = user_id
        self.created_at = now
        self.updated_at = now
        self.data = b"{}"
        self.names = _NOTHING
        self.lists: tuple[int, ...] = ()

    def fields(self) -> JsonObject:
        """The fields that were written to it, without the system's own."""
        fields: JsonObject = orjson.loads(self.data)
        return fields


class _Index:
    """Profiles by one identifier, which need not be unique."""

    def __init__(self) -> None:
        self._found: dict[str, Profile | list[Profile]] = {}

    def get(self, key: str) -> list[Profile]:
        found = self._found.get(key)
        if found is None:
            return []
        return list(found) if isinstance(found, list) else [found]

    def add(self, key: str, profile: Profile) -> None:
        present = self.get(key)
        self._found[key] = [*present, profile] if present else profile

    def remove(self, key: str, profile: Profile) -> None:
        rest = [item for item in self.get(key) if item is not profile]
        if rest:
            self._found[key] = rest if len(rest) > 1 else rest[0]
        else:
            self._found.pop(key, None)


class ProfileStore:
    """Every profile, found by e-mail (in lower case) or by userId (case and all)."""

    def __init__(self) -> None:
        self._all: dict[Profile, None] = {}
        self._emails = _Index()
        self._user_ids = _Index()
        self._names: dict[frozenset[str], frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def everyone(self) -> list[Profile]:
        """All profiles as they stand now, oldest first."""
        return list(self._all)

    def by_email(self, email: str) -> list[Profile]:
        return self._emails.get(email.lower())

    def by_user_id(self, user_id: str) -> list[Profile]:
        return self._user_ids.get(user_id)

    def create(self, email: str | None, user_id: str | None, now: float) -> Profile:
        profile = Profile(None, None, now)
        self._all[profile] = None
        self.identify(profile, email, user_id)
        return profile

    def identify(self, profile: Profile, email: str | None, user_id: str | None) -> None:
        """Give the profile an identifier it does not have yet; None leaves what is there."""
        if email is not None and (lowered := email.lower()) != profile.email:
            if profile.email is not None:
                self._emails.remove(profile.email, profile)
            profile.email = lowered
            self._emails.add(lowered, profile)
        if user_id is not None and user_id != profile.user_id:
            if profile.user_id is not None:
                self._user_ids.remove(profile.user_id, profile)
            profile.user_id = user_id
            self._user_ids.add(user_id, profile)

    def remove(self, profile: Profile) -> None:
        self._all.pop(profile, None)
        if profile.email is not None:
            self._emails.remove(profile.email, profile)
        if profile.user_id is not None:
            self._user_ids.remove(profile.user_id, profile)

    def write(self, profile: Profile, row: UserRow, now: float) -> None:
        """Write fields: null removes one, an object replaces the old one unless `merge`."""
        profile.updated_at = now
        data = row.data
        is_whole = not row.merge and data.keys() >= profile.names
        if is_whole and None not in data.values():
            self._put(profile, data, row.encode())
        else:
            self.put(
                profile, data if is_whole else _merged(profile.fields(), data, merge=row.merge)
            )

    def put(self, profile: Profile, data: JsonObject) -> None:
        """Replace all fields; a null is no field."""
        data = {name: value for name, value in data.items() if value is not None}
        self._put(profile, data, orjson.dumps(data))

    def _put(self, profile: Profile, data: JsonObject, encoded: bytes) -> None:
        # orjson's result keeps the 4 KB it was written into; a copy keeps its own length only.
        profile.data = bytes(memoryview(encoded))
        names = frozenset(data)
        profile.names = self._names.setdefault(names, names)


def _merged(fields: JsonObject, data: JsonObject, *, merge: bool) -> JsonObject:
    for name, value in data.items():
        old = fields.get(name)
        if merge and type(value) is dict and type(old) is dict:
            inner = {**old, **value}  # one level only: what is deeper is replaced
            fields[name] = {key: found for key, found in inner.items() if found is not None}
        else:
            fields[name] = value
    return fields


def shown(profile: Profile, list_field: str, only: Iterable[str] = ()) -> JsonObject:
    """The profile's dataFields as a read shows them, the system's own included."""
    created, updated = from_seconds(profile.created_at), from_seconds(profile.updated_at)
    fields: JsonObject = {"signupDate": created, "signupSource": "API", **profile.fields()}
    fields["profileUpdatedAt"] = updated
    fields["itblInternal"] = {
        "documentCreatedAt": created,
        "documentUpdatedAt": updated,
        "emailDomain": (profile.email or "").rpartition("@")[2],
    }
    if profile.lists:
        fields[list_field] = list(profile.lists)
    if profile.email is not None:
        fields["email"] = profile.email
    if profile.user_id is not None:
        fields["userId"] = profile.user_id
    wanted = set(only)
    return {key: found for key, found in fields.items() if key in wanted} if wanted else fields
