"""Answers of Iterable as tests write them, and rows to go with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from connectors.iterable.answers import answered
from connectors.iterable.client import Reply
from connectors.iterable.matching import Meaning
from connectors.records import Item, Outcome

# Names of failedUpdates, as (reason, kind of identifier).
REASONS = ("invalid", "notFound", "invalidData", "conflict", "forgotten")


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else orjson.dumps(body))


def outcomes(answer: Reply, items: Sequence[Item], meaning: Meaning) -> list[Outcome]:
    """Return what became of each row."""
    return list(answered(answer, items, meaning).outcomes)


def rows(*identities: str) -> list[Item]:
    return [Item(identity, b"{}", identity) for identity in identities]


def row(identity: str, **fields: object) -> Item:
    return Item(identity, orjson.dumps({"userId": identity, "dataFields": fields}), identity)


def mismatch(**fields: dict[str, object]) -> dict[str, object]:
    """The body of a refusal for fields of the wrong type."""
    return {
        "msg": "Project 1: The request does not have the same data types",
        "code": "RequestFieldsTypesMismatched",
        "params": {"validationErrors": fields},
    }


def clash(expected: str, *came: str, value: object = None) -> dict[str, object]:
    """What such a refusal says of one field."""
    return {
        "incomingTypes": list(came),
        "expectedType": expected,
        "_type": "UnexpectedType",
        "offendingValue": value,
        "category": "user",
    }
