"""Millions of identifiers, kept as 64 bits of a hash each: 12 MB for 1.5 million.

With 1.5 million in the set, of a million others that are asked about one is taken for one of them
in one of 12 million such runs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import blake2b


class Identifiers:
    """A set of identifiers: filled, then sorted, then asked."""

    def __init__(self) -> None:
        # In 256 parts by the first byte: sorting makes objects of one part at a time, not of all.
        self._parts = [array("Q") for _ in range(256)]

    def add(self, identities: Iterable[str]) -> None:
        """Take identifiers in; one that comes twice is counted twice."""
        for identity in identities:
            mark = mark_of(identity)
            self._parts[mark >> 56].append(mark)

    def sort(self) -> Iterator[None]:
        """Make the set ready to be asked, a part with each step: others may run in between."""
        for number, part in enumerate(self._parts):
            self._parts[number] = array("Q", sorted(part))
            yield

    def holds(self, mark: int) -> bool:
        """Say whether an identifier with this mark is in the set, which must be sorted."""
        part = self._parts[mark >> 56]
        place = bisect_left(part, mark)
        return place < len(part) and part[place] == mark

    def __len__(self) -> int:
        return sum(map(len, self._parts))


def mark_of(identity: str) -> int:
    """Return 64 bits that stand for an identifier."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big")
