"""A snapshot model on stand-ins: taken by one process after the other, its topic folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from connectors.avro import RowDecoder, schema_id_of
from connectors.records import Change, Model
from tests.fakes_polling import BLANK, PEOPLE, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.guards import GuardPolicy
from worker.rules.mqr import MqrPolicy

WHOLE = replace(PEOPLE, watermark=None, identity_columns=frozenset({"ID"}))
OPEN = GuardPolicy(1.0, 1.0, 1.0)


def people(*keys: str, model: Model = WHOLE) -> Outside:
    """Return a snapshot model that holds these rows."""
    outside = Outside(model)
    outside.write("one", *keys)
    return outside


async def taken(
    outside: Outside,
    directory: Path,
    *,
    name: str = "A",
    guards: GuardPolicy = OPEN,
    mqr: MqrPolicy | None = None,
    real_crash: bool = False,
) -> Process:
    """Take a snapshot as a new process does; close whatever comes of it.

    With `real_crash` nothing is cleared up that a killed process would leave.
    """
    made = await Process(outside, directory, name=name, guards=guards, mqr=mqr).start()
    end = made.snapshots.end
    if real_crash:
        made.snapshots.end = _stays  # type: ignore[method-assign]
    try:
        await made.poll.poll_once()
    finally:
        end(outside.model.name)
        made.close()
    return made


def _stays(model: str) -> None:
    """Clear nothing up."""
    assert model


def decoded(outside: Outside, change: Change) -> Mapping[str, object]:
    """Return what a record holds, without its NULLs."""
    assert change.value is not None
    row = RowDecoder(outside.schemas[schema_id_of(change.value)]).decode(change.value)
    return {name: value for name, value in row.items() if value is not None}


def folded(outside: Outside) -> dict[str, object]:
    """Return what a reader of the whole topic holds: the newest of each key, unless removed."""
    newest = {one.key.decode(): one for one in outside.topic}
    return {
        key: decoded(outside, one).get("NAME")
        for key, one in newest.items()
        if one.op != "delete" and one.value is not None
    }


def model_rows(outside: Outside) -> dict[str, object]:
    """Return what the model holds, as `folded` says it."""
    return {key: None if name == BLANK else name for key, (_, name) in outside.table.items()}


def counted(outside: Outside) -> int:
    """Return the MQR of the ledger; a key that stands in it twice is a mistake."""
    keys = [e.new_keys[i : i + 16] for e in outside.ledger for i in range(0, len(e.new_keys), 16)]
    assert len(keys) == len(set(keys)) == outside.ledger[-1].used
    assert 0 == sum(entry.uncertain for entry in outside.ledger)
    return len(keys)
