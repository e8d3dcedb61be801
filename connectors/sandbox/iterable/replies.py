"""The envelopes of Iterable's answers and the sentences of its refusals, all in one place."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from connectors.sandbox.iterable.calls import Answer, JsonObject, RefusedError

PROJECT_ID = "1"


def success(message: str = "", params: object = None) -> Answer:
    """Answer of a single-row write: `{"msg", "code": "Success", "params"}`."""
    return Answer.json({"msg": message, "code": "Success", "params": params})


def error(status: int, code: str, message: str, params: object = None) -> Answer:
    """Answer in the older and commoner of the two error envelopes."""
    return Answer.json({"msg": message, "code": code, "params": params}, status)


def refuse(status: int, code: str, message: str, params: object = None) -> RefusedError:
    return RefusedError(error(status, code, message, params))


def unexplained(answer: Answer) -> Answer:
    """Return the refusal without its params: which row or field it was is not said."""
    if not isinstance(answer.body, bytes):
        return answer
    body = orjson.loads(answer.body)
    return Answer.json({**body, "params": None}, answer.status)


def bad_json(endpoint: str, problems: Mapping[str, str]) -> RefusedError:
    """Refuse the whole call for a wrong JSON type, naming each place: `obj.users[1].email`."""
    return refuse(400, "BadJsonBody", f"[{endpoint}] Invalid JSON body", dict(problems))


def bad_params(message: str, params: object = None) -> RefusedError:
    return refuse(400, "BadParams", message, params)


def bad_key(address: str, endpoint: str, *, revoked: bool) -> Answer:
    message = "Disabled API key or insufficient privileges" if revoked else "Invalid API key"
    return error(401, "BadApiKey", message, {"ip": address, "endpoint": endpoint})


def over_limit(endpoint: str, calls: float, per: str) -> Answer:
    """Refuse with 429. The blank at the end and the empty params are Iterable's own."""
    sentence = (
        f"Exceeded rate limit of {calls:.1f} per {per} for endpoint: {endpoint}, "
        f"project: {PROJECT_ID} "
    )
    return error(429, "RateLimitExceeded", sentence, {})


def too_large(endpoint: str, size_bytes: int, cap_bytes: int) -> Answer:
    sentence = f"[{endpoint}] Request body of {size_bytes} bytes exceeds {cap_bytes} bytes"
    return error(413, "BatchTooLarge", sentence)


def type_mismatch(
    field: str, category: str, expected: str, incoming: list[str], value: object
) -> RefusedError:
    """Refuse the whole call for one value whose type is not the one its field was born with."""
    sentence = (
        f"Project {PROJECT_ID}: The request does not have the same data types as the data "
        f"previously submitted. Field '{field}' already exists for type '{category}' and has a "
        f"data type of '{expected}' but possible types '{', '.join(incoming)}' in the request."
    )
    details: JsonObject = {
        "incomingTypes": incoming,
        "expectedType": expected,
        "_type": "UnexpectedType",
        "offendingValue": value,
        "category": category,
    }
    return refuse(
        400, "RequestFieldsTypesMismatched", sentence, {"validationErrors": {field: details}}
    )


def too_many_fields(limit: int, total: int, new_fields: list[str]) -> RefusedError:
    sentence = (
        f"Project {PROJECT_ID}: the request would increase the number of object fields to {total} "
        f"by adding [{', '.join(new_fields)}], which exceeds the limit of {limit}"
    )
    params = {"limit": limit, "requestedTotal": total, "newFields": new_fields}
    return refuse(400, "UniqueFieldsLimitExceeded", sentence, params)


def not_found() -> Answer:
    page = "<!DOCTYPE html><html><head><title>Action not found</title></head>"
    return Answer.html(f"{page}<body><h1>Action not found</h1></body></html>", 404)
