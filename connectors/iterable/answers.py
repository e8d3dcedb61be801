"""What an answer of Iterable means for every row of the call: pure, and it never trusts the 200.

HTTP status first, then the envelope. A success names failed rows by identifier only, see matching;
a refusal names no row, see refusals and guilty. Whatever the bytes are, there is one outcome for
each row, or one of connectors.errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from connectors.errors import ConfigurationError, RetryableError
from connectors.iterable.client import Reply
from connectors.iterable.envelope import open_envelope
from connectors.iterable.matching import Meaning, match
from connectors.iterable.refusals import failure, no_api
from connectors.records import (
    Answer,
    Item,
    Outcome,
    Postponed,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
)

Mode = Literal["upsert", "update"]


def users_meaning(mode: Mode) -> Meaning:
    """Return what the answer of bulkUpdate means."""
    if mode == "upsert":
        bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
        return Meaning(Rejected(RejectReason.UNEXPLAINED, 200), bad_id, Unchanged())
    # In update mode an unknown userId may be listed as not found, invalid or no-op (it is not
    # documented which): the format was checked before sending, so all three mean absent.
    absent = Skipped(SkipReason.ABSENT)
    return Meaning(absent, absent, absent)


def events_meaning() -> Meaning:
    """Return what the answer of trackBulk means: a profile may come after its event."""
    unknown = Postponed(RejectReason.UNKNOWN_USER, 200)
    bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
    return Meaning(unknown, bad_id, Unchanged(), unexplained=unknown)


def lists_meaning(call: str, *, creates: bool) -> Meaning:
    """Return what the answer of lists/subscribe or lists/unsubscribe means.

    `creates` says whether subscribing makes the profiles that are not there yet.
    """
    if call == "subscribe":
        return users_meaning("upsert" if creates else "update")
    # Whom Iterable does not know is on no list.
    absent = Skipped(SkipReason.ABSENT)
    bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
    return Meaning(absent, bad_id, Unchanged(), unexplained=absent)


def answered(reply: Reply, items: Sequence[Item], meaning: Meaning) -> Answer:
    """Return what a bulk call came to: one outcome per row, in order.

    Raises one of connectors.errors when the call as a whole failed; never anything else.
    """
    envelope = open_envelope(reply.body)
    answer = envelope.fields
    if not 200 <= reply.status < 300:
        if len(items) == 1 and (verdict := _verdict(envelope.code, reply.status, meaning)):
            return Answer([verdict])
        raise failure(reply, envelope, items)
    # `true` is a whole number to Python.
    if {type(answer.get("successCount")), type(answer.get("failCount"))} != {int}:
        raise RetryableError(
            f"Iterable answered {reply.status} with something that is no result", kind="unreadable"
        )
    _check_event_names(answer, items)
    return Answer(
        match(answer, [item.identity for item in items], meaning, reply.status),
        _length(answer.get("createdFields")),
        _length(answer.get("filteredOutFields")),
    )


def check(reply: Reply) -> Mapping[str, Any]:
    """Return the reply's JSON object; raise one of connectors.errors unless it is a success."""
    envelope = open_envelope(reply.body)
    if not 200 <= reply.status < 300:
        raise failure(reply, envelope)
    if not envelope.fields:
        raise no_api(reply.status)
    return envelope.fields


def _verdict(code: str, status: int, meaning: Meaning) -> Outcome | None:
    """Return what a refusal of one row alone says of it, where that is no rejection."""
    if status not in {400, 404, 409}:
        return None
    if code == "ForgottenUserError":
        return Skipped(SkipReason.FORGOTTEN)
    if code in {"UnknownEmailError", "UnknownUserIdError"}:
        return meaning.not_found
    return None


def _check_event_names(answer: Mapping[str, Any], items: Sequence[Item]) -> None:
    """Raise ConfigurationError when events are named as the project lets nobody name them."""
    listed = answer.get("disallowedEventNames")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if names and any(orjson.loads(item.body).get("eventName") in names for item in items):
        raise ConfigurationError(
            "the Iterable project does not take events of the sync's event_name: allow it there, "
            "or choose another one",
            kind="event_name",
        )


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0
