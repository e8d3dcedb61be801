"""One call and its answer as plain values, so that every rule can be tested without a socket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

JsonObject = dict[str, Any]


@dataclass(slots=True)
class Call:
    """A call that passed the door: key, limit and size are fine, the body is still bytes.

    A handler sets `rows` as soon as it knows them, also when it then refuses the call:
    the journal counts and identifies the rows from there.
    """

    endpoint: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    rows: Sequence[object] = field(default=())


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. A body of chunks is streamed: a large export needs no large buffer."""

    status: int
    body: bytes | Iterable[bytes]
    content_type: str = "application/json"

    @classmethod
    def json(cls, value: object, status: int = 200) -> Answer:
        return cls(status, orjson.dumps(value))

    @classmethod
    def text(cls, value: str, status: int = 200) -> Answer:
        return cls(status, value.encode(), "text/plain")

    @classmethod
    def html(cls, value: str, status: int = 200) -> Answer:
        return cls(status, value.encode(), "text/html")


class RefusedError(Exception):
    """The call is refused as a whole: nothing of it was applied. Carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer
