"""Lists: names, and which profiles are on them. A dynamic one is only shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.sandbox.iterable.profiles import Profile

_FIRST_LIST_ID = 1001


@dataclass(slots=True)
class StaticList:
    """One list. Members are kept in the order in which they came."""

    list_id: int
    name: str
    description: str | None
    created_at_ms: int
    list_type: str = "Standard"
    members: dict[Profile, None] = field(default_factory=dict)


class ListStore:
    """All static lists of the project."""

    def __init__(self) -> None:
        self._lists: dict[int, StaticList] = {}
        self._next_id = _FIRST_LIST_ID

    def __iter__(self) -> Iterator[StaticList]:
        return iter(list(self._lists.values()))

    def take_id(self) -> int:
        """An id for a list that will be added; never given twice."""
        self._next_id += 1
        return self._next_id - 1

    def add(self, made: StaticList) -> None:
        self._lists[made.list_id] = made

    def get(self, list_id: int) -> StaticList | None:
        return self._lists.get(list_id)

    def remove(self, list_id: int) -> None:
        gone = self._lists.pop(list_id, None)
        for profile in gone.members if gone else ():
            profile.lists = tuple(found for found in profile.lists if found != list_id)

    def subscribe(self, list_id: int, profile: Profile) -> None:
        """Put the profile on the list; nothing happens if it is there, or the list is gone."""
        known = self._lists.get(list_id)
        if known is not None and profile not in known.members:
            known.members[profile] = None
            profile.lists = (*profile.lists, list_id)

    def unsubscribe(self, list_id: int, profile: Profile) -> None:
        known = self._lists.get(list_id)
        if known is not None and known.members.pop(profile, profile) is None:
            profile.lists = tuple(found for found in profile.lists if found != list_id)

    def forget(self, profile: Profile) -> None:
        """Take a deleted profile off every list."""
        for list_id in profile.lists:
            self.unsubscribe(list_id, profile)
