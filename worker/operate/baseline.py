"""`hightide baseline`: say what the watermark of a changed model means from now on."""

from __future__ import annotations

import secrets
from typing import Literal

from connectors.records import LedgerEntry, Position
from worker.app.books import read_ledger
from worker.app.parts import Parts
from worker.app.roles import model
from worker.config.document import ConfigError
from worker.rules.ledger import sql_fingerprint


async def baseline(parts: Parts, name: str, action: Literal["keep", "restart"]) -> Position | None:
    """Write into the ledger that model `name` is meant as it is configured now.

    `keep` goes on from the watermark, `restart` reads everything again; MQR counts are kept either
    way. A poller that is running is fenced by this and exits. Returns the watermark from now on.
    """
    if name not in parts.config.models:
        raise ConfigError(
            f"there is no model {name!r}; there are: {', '.join(parts.config.models)}"
        )
    state = await read_ledger(parts)
    if action == "keep" and name not in state.models:
        raise ConfigError(f"model {name} was never polled: there is nothing to go on from")
    progress = state.progress(name)
    watermark = progress.watermark if action == "keep" else None
    period = max(state.reserved, default="")
    ledger = parts.ledger()
    try:
        await ledger.append(
            LedgerEntry(
                kind="commit",
                epoch=state.epoch + 1,
                poller=f"baseline-{secrets.token_hex(4)}",
                model=name,
                period=period,
                reserved=0,
                used=state.used.get(period, 0),
                watermark=watermark,
                rows_read=0,
                new_keys=b"",
                fingerprint=sql_fingerprint(model(name, parts.config)),
                change_token="",
                schema_id=0 if action == "restart" else progress.schema_id,
                # Rows that a broken query of the model as it was may have returned: another
                # model's rows say nothing of them.
                uncertain=state.reserved.get(period, {}).get(name, 0),
            )
        )
        return watermark
    finally:
        await ledger.close()
