"""What an answer of Iterable means for every row of the call: pure, and it never trusts the 200.

HTTP status first, then the envelope. `code` alone lies: an unknown list is answered 400 with
`"code":"Success"`. A bulk 200 names failed rows by identifier only; they are matched until they add
up to `failCount`, and what does not add up is undetermined, never "delivered".

    {"successCount":1,"failCount":2,"failedUpdates":{"notFoundUserIds":["7"],...}}
    rows 5, 7, 9  →  Undetermined, Skipped(absent), Undetermined
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from connectors.errors import (
    ConfigurationError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.iterable.client import Reply
from connectors.records import (
    Delivered,
    Item,
    Outcome,
    Rejected,
    RejectReason,
    Skipped,
    SkipReason,
    Unchanged,
    Undetermined,
)

Mode = Literal["upsert", "update"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the lists of a bulk answer mean where that depends on object and mode."""

    not_found: Outcome
    invalid_user_id: Outcome
    no_op: Outcome


_ROW_INDEX = re.compile(r"obj\.(?:users|events|subscribers)\[(\d+)\]")
_REFUSED_CODES: Mapping[str, RejectReason] = {
    "BadJsonBody": RejectReason.INVALID_DATA,
    "RequestFieldsTypesMismatched": RejectReason.FIELD_TYPE,
    "InvalidEmailAddressError": RejectReason.INVALID_IDENTITY,
    "InvalidUserIdError": RejectReason.INVALID_IDENTITY,
    "EmailAlreadyExists": RejectReason.CONFLICT,
    "UserIdAlreadyExists": RejectReason.CONFLICT,
    "ExternalKeyConflict": RejectReason.CONFLICT,
}


def users_meaning(mode: Mode) -> Meaning:
    """Return what the answer of bulkUpdate means."""
    if mode == "upsert":
        bad_id = Rejected(RejectReason.INVALID_IDENTITY, 200)
        return Meaning(Rejected(RejectReason.UNEXPLAINED, 200), bad_id, Unchanged())
    # In update mode an unknown userId may be listed as not found, invalid or no-op (it is not
    # documented which): the format was checked before sending, so all three mean absent.
    absent = Skipped(SkipReason.ABSENT)
    return Meaning(absent, absent, absent)


def outcomes(reply: Reply, items: Sequence[Item], meaning: Meaning) -> list[Outcome]:
    """Return one outcome per row of a bulk call, in order.

    Raises one of connectors.errors when the call as a whole failed; never anything else.
    """
    identities = [item.identity for item in items]
    document = _document(reply.body)
    if 200 <= reply.status < 300:
        return _bulk(document, identities, meaning, reply.status)
    raise _failure(reply, document)


def check(reply: Reply) -> None:
    """Raise one of connectors.errors unless the reply is a JSON object with a 2xx status."""
    document = _document(reply.body)
    if not 200 <= reply.status < 300:
        raise _failure(reply, document)
    if not document:
        raise _configuration(reply.status, None)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _failure(reply: Reply, document: Mapping[str, Any]) -> Exception:
    status, code = reply.status, document.get("code")
    if status == 429:
        return ThrottledError(
            "Iterable asked us to slow down", retry_after_seconds=reply.retry_after_seconds
        )
    if status == 408 or status >= 500:
        return RetryableError(
            f"Iterable answered {status}",
            kind="server_error",
            retry_after_seconds=reply.retry_after_seconds,
        )
    if status == 413 or code == "BatchTooLarge":
        return TooLargeError("Iterable says that the call is too large")
    if status in {400, 409, 422} and code != "UniqueFieldsLimitExceeded":
        return _refusal(code, document.get("params"))
    return _configuration(status, code)


def _configuration(status: int, code: object) -> ConfigurationError:
    if status in {401, 403}:
        return ConfigurationError(
            f"Iterable refused the API key ({status}): check that it is a server-side key of this "
            "project and data center, and not revoked",
            kind="api_key",
        )
    if code == "UniqueFieldsLimitExceeded":
        return ConfigurationError(
            "Iterable's limit of user fields is reached: map fewer fields or remove some there",
            kind="field_limit",
        )
    if 300 <= status < 400:
        return ConfigurationError(
            f"Iterable answered with a redirect ({status}), which is never followed: check region "
            "or base_url of the destination",
            kind="redirect",
        )
    return ConfigurationError(
        f"Iterable answered {status} where an API should be: check region or base_url of the "
        "destination",
        kind="endpoint",
    )


def _refusal(code: object, params: object) -> RefusedError:
    reason = _REFUSED_CODES.get(str(code), RejectReason.UNEXPLAINED)
    names = params if isinstance(params, dict) else {}
    found = (_ROW_INDEX.search(str(name)) for name in names)
    return RefusedError(reason.value, frozenset(int(m[1]) for m in found if m is not None))


def _bulk(
    document: Mapping[str, Any], identities: Sequence[str], meaning: Meaning, status: int
) -> list[Outcome]:
    succeeded, failed = document.get("successCount"), document.get("failCount")
    if not isinstance(succeeded, int) or not isinstance(failed, int):
        raise RetryableError(
            f"Iterable answered {status} with something that is no result", kind="unreadable"
        )
    verdicts = _named(document, meaning, status)
    found: list[Outcome | None] = [verdicts.get(identity) for identity in identities]
    named = sum(v is not None for v in found)
    unchanged = sum(isinstance(v, Unchanged) for v in found)
    # A row in a noOp list changed nothing; it is not documented on which side it is counted.
    adds_up = failed in {named, named - unchanged, named - _noop(document, identities)}
    if adds_up and succeeded + failed == len(identities):
        return [Delivered() if v is None else v for v in found]
    if len(identities) == 1 and failed == 1 and named == 0:
        return [Rejected(RejectReason.UNEXPLAINED, status)]
    return [Undetermined() if v is None else v for v in found]


def _named(document: Mapping[str, Any], meaning: Meaning, status: int) -> dict[str, Outcome]:
    """Return what the lists of an answer say of each identifier they name."""
    failures = document.get("failedUpdates")
    lists = failures if isinstance(failures, dict) else {}
    bad_id: Outcome = Rejected(RejectReason.INVALID_IDENTITY, status)
    verdicts: dict[str, Outcome] = {}
    for source, name, verdict in (
        (document, "noOpEmails", meaning.no_op),
        (document, "noOpUserIds", meaning.no_op),
        (document, "invalidEmails", bad_id),
        (document, "invalidUserIds", meaning.invalid_user_id),
        (lists, "invalidEmails", bad_id),
        (lists, "invalidUserIds", meaning.invalid_user_id),
        (lists, "notFoundEmails", meaning.not_found),
        (lists, "notFoundUserIds", meaning.not_found),
        (lists, "invalidDataEmails", Rejected(RejectReason.INVALID_DATA, status)),
        (lists, "invalidDataUserIds", Rejected(RejectReason.INVALID_DATA, status)),
        (lists, "conflictEmails", Rejected(RejectReason.CONFLICT, status)),
        (lists, "conflictUserIds", Rejected(RejectReason.CONFLICT, status)),
        (lists, "forgottenEmails", Skipped(SkipReason.FORGOTTEN)),
        (lists, "forgottenUserIds", Skipped(SkipReason.FORGOTTEN)),
    ):
        for identifier in _texts(source.get(name)):
            verdicts[_normal(identifier, name)] = verdict
    return verdicts


def _noop(document: Mapping[str, Any], identities: Sequence[str]) -> int:
    named = {
        _normal(i, name)
        for name in ("noOpEmails", "noOpUserIds")
        for i in _texts(document.get(name))
    }
    return sum(identity in named for identity in identities)


def _normal(identifier: str, list_name: str) -> str:
    return identifier.strip().lower() if list_name.endswith("mails") else identifier


def _texts(value: object) -> Iterable[str]:
    return (v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
