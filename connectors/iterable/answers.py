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
Existence = Literal["prefer_user_id", "update_only", "index", "look_up"]


def users_meaning(mode: Mode, existence: Existence | None = None) -> Meaning:
    """Return what the answer of bulkUpdate means; `existence` is how update knows who exists."""
    bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
    absent = Skipped(SkipReason.ABSENT)
    if mode == "upsert":
        return Meaning(Rejected(RejectReason.UNEXPLAINED, 200), bad_id, Unchanged())
    match existence:
        case "prefer_user_id":
            # An unknown userId may be listed as not found, invalid or no-op (it is not documented
            # which): the format was checked before sending, so all three mean absent.
            return Meaning(absent, absent, absent)
        case "update_only":
            return Meaning(absent, bad_id, absent)
        case _:
            # Whoever comes here was there a moment ago: a no-op is a profile that is so already.
            return Meaning(absent, bad_id, Unchanged())


def events_meaning() -> Meaning:
    """Return what the answer of trackBulk means: a profile may come after its event."""
    unknown = Postponed(RejectReason.UNKNOWN_USER, 200)
    bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
    return Meaning(unknown, bad_id, Unchanged(), unexplained=unknown)


def lists_meaning(call: str, existence: Existence | None) -> Meaning:
    """Return what the answer of lists/subscribe or lists/unsubscribe means.

    Without `existence` subscribing makes the profiles that are not there yet.
    """
    if call == "subscribe":
        return users_meaning("update" if existence else "upsert", existence)
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
    if not (_is_whole(answer.get("successCount")) and _is_whole(answer.get("failCount"))):
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
        match meaning.not_found:
            case Postponed(reason):
                return Postponed(reason, status)
            case Skipped() as absent:
                return absent
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


def _is_whole(number: object) -> bool:
    # `true` is a whole number to Python; JSON knows no difference between 2 and 2.0.
    return type(number) is int or (isinstance(number, float) and number.is_integer())


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0
