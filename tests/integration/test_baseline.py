"""`hightide baseline` on a real ledger: a changed model goes on, or is read again."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.records import LedgerEntry, LedgerRecord, Position
from tests.closing import closed_after
from tests.integration.installation import MODEL, Installation
from worker.app.parts import Parts
from worker.app.roles import model
from worker.config.document import ConfigError
from worker.operate.baseline import baseline
from worker.rules.ledger import LedgerState, sql_fingerprint

pytestmark = [pytest.mark.kafka, pytest.mark.warehouse]

WATERMARK = Position("2026-11-24 08:45:00.123456789", "a")
COMMIT = LedgerEntry(
    kind="commit",
    epoch=7,
    poller="old",
    model=MODEL,
    period="2026-11-01",
    reserved=12,
    used=34,
    watermark=WATERMARK,
    rows_read=34,
    new_keys=bytes(32),
    fingerprint="as it was",
    change_token="token",
    schema_id=5,
)


async def test_keep_goes_on_from_the_watermark(installation: Installation) -> None:
    """The model is meant as it is configured now; MQR counts and schema stay."""
    parts = installation.parts(_other_sql)
    await _append(parts, COMMIT)

    assert await baseline(parts, MODEL, "keep") == WATERMARK

    state = _fold(await _read(parts))
    progress = state.progress(MODEL)
    assert (WATERMARK, 5) == (progress.watermark, progress.schema_id)
    wanted = sql_fingerprint(model(MODEL, parts.config))
    assert wanted == progress.fingerprint != COMMIT.fingerprint
    assert {"2026-11-01": 34} == state.used
    # What a broken query of the model as it was may have returned is charged, not forgotten.
    assert {"2026-11-01": {MODEL: 0}} == state.reserved
    assert {"2026-11-01": 12} == state.uncertain


async def test_restart_reads_everything_again(installation: Installation) -> None:
    """No watermark, no schema and no token any more; what was counted stays counted."""
    parts = installation.parts()
    await _append(parts, COMMIT)

    assert await baseline(parts, MODEL, "restart") is None

    state = _fold(await _read(parts))
    progress = state.progress(MODEL)
    assert (None, 0, "") == (progress.watermark, progress.schema_id, progress.change_token)
    assert {"2026-11-01": 34} == state.used


async def test_a_poller_that_still_runs_is_fenced(installation: Installation) -> None:
    """What it commits afterwards is void, whatever its epoch was."""
    parts = installation.parts()
    await _append(parts, COMMIT)
    await baseline(parts, MODEL, "restart")

    await _append(parts, COMMIT)

    state = _fold(await _read(parts))
    assert state.fenced(COMMIT.epoch, COMMIT.poller)
    assert state.progress(MODEL).watermark is None


async def test_a_model_that_was_never_polled_has_no_baseline(installation: Installation) -> None:
    """Nothing to go on from, and nothing is written."""
    parts = installation.parts()
    await parts.prepare_topics()

    with pytest.raises(ConfigError, match="was never polled"):
        await baseline(parts, MODEL, "keep")
    with pytest.raises(ConfigError, match=f"no model 'nothing'; there are: {MODEL}"):
        await baseline(parts, "nothing", "keep")

    assert await _read(parts) == []


def _other_sql(config: dict[str, Any]) -> None:
    config["models"][MODEL]["sql"] += "  AND COUNTRY IS NOT NULL\n"


async def _append(parts: Parts, entry: LedgerEntry) -> None:
    await parts.prepare_topics()
    async with closed_after(parts.ledger()) as ledger:
        await ledger.append(entry)


async def _read(parts: Parts) -> list[LedgerRecord]:
    async with closed_after(parts.ledger()) as ledger:
        return [record async for records in ledger.read(0) for record in records]


def _fold(records: list[LedgerRecord]) -> LedgerState:
    state = LedgerState()
    for record in records:
        state.apply(record)
    return state
