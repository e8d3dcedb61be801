"""What a change of the table did, in counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeedReport:
    """No row is counted twice: a flapped row is one whose array only changed its order."""

    rows: int  # in the table afterwards
    changed: int = 0  # same key, new content
    flapped: int = 0  # same key, same content, new order: new PREV_HASH and LAST_CHANGED
    emails: int = 0  # the old key went, a new one came; LAST_CHANGED stayed
    vanished: int = 0  # the key went
    new: int = 0  # the key came
    seconds: float = 0.0
