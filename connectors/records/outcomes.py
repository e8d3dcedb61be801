"""What becomes of a row at its destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class RejectReason(StrEnum):
    """Why a row can never be accepted: a closed list, for metrics and dead-letter headers."""

    UNDECODABLE = "undecodable"
    UNMAPPABLE = "unmappable"
    INVALID_IDENTITY = "invalid_identity"
    INVALID_DATA = "invalid_data"
    FIELD_TYPE = "field_type"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    UNKNOWN_USER = "unknown_user"  # an event whose user did not appear in all the time it was given
    UNEXPLAINED = "unexplained"


class SkipReason(StrEnum):
    """Why a row needs no delivery and no attention."""

    ABSENT = "absent"  # update mode: Iterable has no such profile
    FORGOTTEN = "forgotten"  # GDPR-forgotten: never retried, never stored
    DELETED = "deleted"  # the row left the model; users objects keep their profile
    FILTERED = "filtered"  # the sync's filter does not let it through
    SUPERSEDED = "superseded"  # of a poller that had been replaced; its successor reads it again


@dataclass(frozen=True, slots=True)
class Delivered:
    """Iterable took it."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Iterable had it already."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing to do for this row, by design."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """This row can never be accepted: it becomes a dead letter."""

    reason: RejectReason
    http_status: int = 0


@dataclass(frozen=True, slots=True)
class Undetermined:
    """The answer does not say what became of this row: ask again, in a smaller batch."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not yet: ask again in a while. After the last try the row is rejected for `reason`."""

    reason: RejectReason
    http_status: int = 0


Verdict = Delivered | Unchanged | Skipped | Rejected


Outcome = Verdict | Undetermined | Postponed


class Answer(NamedTuple):
    """What a call came to: one outcome per row, in order; fields it made, or had to leave out."""

    outcomes: Sequence[Outcome]
    created_fields: int = 0
    filtered_fields: int = 0
