"""A row on its way to its destination, and one that is set aside instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from connectors.records.messages import Message
from connectors.records.outcomes import RejectReason


class Item(NamedTuple):
    """One row as the destination wants it.

    `identity` is what answers name it by, in the form in which two spellings of one profile are
    equal. `body` is the item's own JSON, encoded once so that batches are cut by exact size.
    Items of one `key` are versions of one thing: the newest wins, one call at a time. `call` says
    which of the destination's calls takes it; a batch holds items of one call.
    """

    identity: str
    body: bytes
    key: str
    call: str = ""


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row before the destination's own encoding.

    `identity` is who it is of, `fields` go into the profile or event, `properties` into the item
    itself (an event's name and time). `wanted` is False when the sync's filter leaves it out.
    """

    identity: str
    fields: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, object] = field(default_factory=dict)
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message set aside with its reason; the bytes stay untouched."""

    message: Message
    reason: RejectReason
    stage: str
    http_status: int
    attempts: int
