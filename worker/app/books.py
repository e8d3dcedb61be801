"""The books: what the ledger says, for commands that look on. Nothing is written, nobody fenced."""

from __future__ import annotations

from connectors.errors import ConfigurationError
from worker.app.parts import Parts
from worker.rules.ledger import LedgerState


async def read_ledger(parts: Parts) -> LedgerState:
    """Return the ledger's state up to its end as it is now; an empty one before the first poll."""
    ledger = parts.ledger()
    state = LedgerState()
    try:
        async for records in ledger.read(0):
            for record in records:
                state.apply(record)
    except ConfigurationError as error:
        if error.kind != "topic_missing":
            raise
    finally:
        await ledger.close()
    return state
