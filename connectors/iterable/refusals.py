"""What must be done when Iterable refuses a call as a whole.

The status decides, then the code: `code` alone lies, an unknown list is answered 400 with
`"code":"Success"`. An answer's own words are compared with, never repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    RefusedError,
    RetryableError,
    ThrottledError,
    TooLargeError,
)
from connectors.iterable.client import Reply
from connectors.iterable.envelope import Envelope
from connectors.iterable.guilty import called_invalid, mistyped, placed
from connectors.records import Item, RejectReason

_REASONS: Mapping[str, RejectReason] = {
    "BadJsonBody": RejectReason.INVALID_DATA,
    "BadParams": RejectReason.INVALID_DATA,
    "RequestFieldsTypesMismatched": RejectReason.FIELD_TYPE,
    "InvalidEmailAddressError": RejectReason.INVALID_IDENTITY,
    "InvalidUserIdError": RejectReason.INVALID_IDENTITY,
    "UnknownEmailError": RejectReason.UNKNOWN_USER,
    "UnknownUserIdError": RejectReason.UNKNOWN_USER,
    "EmailAlreadyExists": RejectReason.CONFLICT,
    "UserIdAlreadyExists": RejectReason.CONFLICT,
    "ExternalKeyConflict": RejectReason.CONFLICT,
    "ForgottenUserError": RejectReason.CONFLICT,
}
_KEY_CODES = frozenset(
    {
        "BadApiKey",
        "BadAuthorizationHeader",
        "Forbidden",
        "ForbiddenParamsError",
        "InvalidJwtPayload",
        "JwtUserIdentifiersMismatched",
        "Unauthorized",
    }
)
_UNKNOWN_LIST = "error.lists.invalidListId"


def failure(reply: Reply, envelope: Envelope, items: Sequence[Item] = ()) -> ConnectorError:
    """Return the error for an answer that is no success; `items` are the rows of the call."""
    status, code = reply.status, envelope.code
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
    if status == 413 or (code == "BatchTooLarge" and status >= 400):
        return TooLargeError("Iterable says that the call is too large")
    if error := _configuration(status, envelope):
        return error
    if status in {400, 409, 422}:
        return _refusal(status, envelope, items)
    return _misplaced(status)


def _configuration(status: int, envelope: Envelope) -> ConfigurationError | None:
    """Return what a person must mend, if the answer says so in so many words."""
    if status in {401, 403} or (status == 400 and envelope.code in _KEY_CODES):
        return ConfigurationError(
            f"Iterable refused the API key ({status}): check that it is a server-side key of this "
            "project and data center, and not revoked",
            kind="api_key",
        )
    if envelope.code == "UniqueFieldsLimitExceeded":
        return ConfigurationError(
            "Iterable's limit of user fields is reached: map fewer fields or remove some there",
            kind="field_limit",
        )
    if status >= 400 and _UNKNOWN_LIST in {envelope.code, envelope.message.partition("(")[0]}:
        return ConfigurationError(
            "Iterable has no list of the id that the sync writes to: check that the list was not "
            "removed there",
            kind="unknown_list",
        )
    if status == 404 and envelope.code.startswith("error."):
        return ConfigurationError(
            "Iterable does not have what the sync writes to (404): check that it was not removed "
            "there",
            kind="not_found",
        )
    return None


def _refusal(status: int, envelope: Envelope, items: Sequence[Item]) -> RefusedError:
    other = RejectReason.CONFLICT if status == 409 else RejectReason.UNEXPLAINED
    reason = _REASONS.get(envelope.code, other)
    guilty: frozenset[int] = frozenset()
    if reason == RejectReason.FIELD_TYPE:
        guilty = mistyped(envelope.params, [item.body for item in items])
    elif reason == RejectReason.INVALID_IDENTITY:
        guilty = called_invalid(envelope.message, [item.identity for item in items])
    elif envelope.code == "BadJsonBody":
        guilty = placed(envelope.params, len(items))
    return RefusedError(reason.value, guilty, status)


def _misplaced(status: int) -> ConfigurationError:
    if 300 <= status < 400:
        return ConfigurationError(
            f"Iterable answered with a redirect ({status}), which is never followed: check region "
            "or base_url of the destination",
            kind="redirect",
        )
    return no_api(status)


def no_api(status: int) -> ConfigurationError:
    """Return the error for an answer that none of Iterable's endpoints gives."""
    return ConfigurationError(
        f"Iterable answered {status} where an API should be: check region or base_url of the "
        "destination",
        kind="endpoint",
    )
