"""Admit: refuse a model that can't go on as it stands, before a row of it is queried.

Its columns changed their type, or one of the two topics that belong together is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from connectors.avro import columns_of
from connectors.errors import ConfigurationError
from connectors.ports import Index, Schemas
from connectors.records import Column, Model
from worker.rules.drift import retyped_columns
from worker.rules.ledger import Progress


class Account(Protocol):
    """The ledger, as it is asked here."""

    def knows(self, model: Model) -> bool: ...
    def progress(self, model: Model) -> Progress: ...
    async def still_ours(self) -> None: ...


class AdmitStage:
    """Looks at a model before each poll; the index has caught up with its topic by then."""

    def __init__(self, account: Account, index: Index, schemas: Schemas) -> None:
        self._account = account
        self._index = index
        self._schemas = schemas

    async def admit(self, model: Model, topic: str, columns: Sequence[Column]) -> None:
        """Return when the model may be polled; ConfigurationError says why not, and what to do."""
        await self._refuse_retyped(model, columns)
        published = sum((await asyncio.to_thread(self._index.next_offsets, topic)).values())
        if published:
            await self._refuse_lost_ledger(model)
        else:
            self._refuse_lost_topic(model, topic)

    def _refuse_lost_topic(self, model: Model, topic: str) -> None:
        # Its rows up to the watermark would never be read again: nobody could replay them.
        if self._account.progress(model).watermark is not None:
            raise ConfigurationError(
                f"topic {topic} is empty though the ledger says up to where model {model.name} "
                "was published: was the topic deleted? To publish everything again run "
                f"`hightide baseline {model.name} --restart`",
                kind="topic_lost",
            )

    async def _refuse_lost_ledger(self, model: Model) -> None:
        # Without it nobody knows what the period has counted: going on would count from 0.
        if not self._account.knows(model):
            await self._account.still_ours()  # else another poller wrote both since we read it
            raise ConfigurationError(
                f"the ledger says nothing of model {model.name} though its topic holds records: "
                "was the ledger topic deleted? MQR counted before is lost with it; to go on all "
                f"the same run `hightide baseline {model.name} --restart`",
                kind="ledger_lost",
            )

    async def _refuse_retyped(self, model: Model, columns: Sequence[Column]) -> None:
        schema_id = self._account.progress(model).schema_id
        before = await self._schemas.by_id(schema_id) if schema_id else None
        if before is None:
            return
        if retyped := retyped_columns(columns_of(before), columns):
            raise ConfigurationError(
                f"model {model.name}: the type of {', '.join(retyped)} changed; Iterable fixes a "
                "field's type for ever, so cast the column back in the SQL, or map a new field and "
                f"run `hightide baseline {model.name} --restart`",
                kind="column_type_changed",
            )
