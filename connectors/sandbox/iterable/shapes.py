"""Whether a body has the JSON types the endpoint declares; if not, the whole call is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from connectors.sandbox.iterable.calls import Call, JsonObject
from connectors.sandbox.iterable.replies import bad_json

Spec = Mapping[str, type]

USER: Spec = {
    "email": str,
    "userId": str,
    "dataFields": dict,
    "preferUserId": bool,
    "mergeNestedObjects": bool,
}
SINGLE_USER: Spec = {**USER, "createNewFields": bool}
EVENT: Spec = {
    "eventName": str,
    "email": str,
    "userId": str,
    "id": str,
    "createdAt": int,
    "dataFields": dict,
    "campaignId": int,
    "templateId": int,
    "createNewFields": bool,
}

_EXPECTED = {
    str: "String value expected",
    bool: "Boolean value expected",
    int: "Long value expected",
    dict: "Object value expected",
    list: "Array value expected",
}
_MISSING = "Value is required"


def read_object(call: Call, spec: Spec, required: Iterable[str] = ()) -> JsonObject:
    """The body as an object whose own fields fit `spec`. JSON null counts as absent."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        raise bad_json(call.endpoint, {"obj": str(error)}) from error
    if type(body) is not dict:
        raise bad_json(call.endpoint, {"obj": _EXPECTED[dict]})
    problems: dict[str, str] = {}
    _check(body, spec, "obj", problems)
    _check_required(body, required, "obj", problems)
    if problems:
        raise bad_json(call.endpoint, problems)
    return body


def read_rows(
    call: Call, body: JsonObject, name: str, spec: Spec, required: Iterable[str] = ()
) -> list[JsonObject]:
    """The rows of a bulk body; each problem is named as `obj.<name>[i].<field>`, i from 0."""
    rows: list[JsonObject] = body[name]
    call.rows = rows
    problems: dict[str, str] = {}
    items = list(spec.items())
    for number, row in enumerate(rows):
        if type(row) is not dict:
            problems[f"obj.{name}[{number}]"] = _EXPECTED[dict]
            continue
        for key, kind in items:  # written out: this line runs 5,000 times a call
            value = row.get(key)
            if value is not None and type(value) is not kind:
                problems[f"obj.{name}[{number}].{key}"] = _EXPECTED[kind]
        for key in required:
            if row.get(key) is None:
                problems[f"obj.{name}[{number}].{key}"] = _MISSING
    if problems:
        raise bad_json(call.endpoint, problems)
    return rows


def _check(value: JsonObject, spec: Spec, place: str, problems: dict[str, str]) -> None:
    for key, kind in spec.items():
        found = value.get(key)
        if found is not None and type(found) is not kind:
            problems[f"{place}.{key}"] = _EXPECTED[kind]


def _check_required(
    value: JsonObject, required: Iterable[str], place: str, problems: dict[str, str]
) -> None:
    for key in required:
        if value.get(key) is None:
            problems[f"{place}.{key}"] = _MISSING
