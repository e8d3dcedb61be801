"""A model over a small table of a test's own, polled and delivered inside the test's process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from connectors.avro import RowDecoder, avro_name, schema_id_of
from tests.closing import closed_after
from tests.integration.installation import MODEL, SYNC, Change, Installation
from tests.kafka_records import records
from tests.warehouse_login import KEY, TABLE, log_in
from worker.app.parts import Parts
from worker.app.run import Worker

OTHER_SYNC = "iterable-staging"


@dataclass(slots=True)
class People:
    """A table with some contacts, all of them changed an hour ago."""

    installation: Installation
    rows: int
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.execute(f"CREATE TABLE {self.table} AS SELECT * FROM {TABLE} LIMIT {self.rows}")
        self.touch("TRUE")

    @property
    def table(self) -> str:
        return f"SENSITIVE.{self.installation.topic_prefix.strip('-').upper()}"

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement as somebody else; return its rows."""
        with log_in(self.installation.warehouse) as login, closing(login.cursor()) as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def touch(self, where: str) -> None:
        """Say of rows that they changed an hour ago: settled, and within the overlap of a poll."""
        hour_ago = "DATEADD(HOUR, -1, CURRENT_TIMESTAMP())::TIMESTAMP_NTZ"
        self.execute(f"UPDATE {self.table} SET LAST_CHANGED = {hour_ago} WHERE {where}")

    def keys(self) -> list[str]:
        """The keys in the table, in order."""
        found = self.execute(f"SELECT {KEY} FROM {self.table} ORDER BY {KEY}")
        return [str(key) for (key,) in found]

    def parts(self) -> Parts:
        """Fresh parts of the configuration: the table as the model, read by two syncs."""

        def change(config: dict[str, Any]) -> None:
            config["models"][MODEL] |= {"sql": f"SELECT * FROM {self.table}"}
            del config["models"][MODEL]["change_tokens"]
            config["syncs"][OTHER_SYNC] = config["syncs"][SYNC]
            for one in self.changes:
                one(config)

        return self.installation.parts(change)

    async def poll(self) -> Worker:
        """Poll once in a new worker on the same state directory; return it, closed."""
        worker = self.worker(poll=True)
        await worker.open()
        await worker.poll_once()
        return worker

    def worker(self, *, poll: bool = False, deliver: bool = False) -> Worker:
        """A worker that is not open yet."""
        parts = self.parts()
        return Worker(parts.config, parts.settings, poll=poll, deliver=deliver)

    async def deliver(self) -> Worker:
        """Deliver everything there is in a new worker; return it, closed."""
        worker = self.worker(deliver=True)
        await worker.open()
        await worker.run(until_idle=True)
        return worker

    def topic(self) -> list[Any]:
        """Every record of the model's topic, in order within each partition."""
        return self._records(self.parts().names.model(MODEL))

    def letters(self, sync: str) -> list[Any]:
        """Every dead letter of a sync."""
        return self._records(self.parts().names.dead_letters(sync))

    def _records(self, topic: str) -> list[Any]:
        partitions = self.parts().config.kafka.partitions
        found = records(self.installation.bootstrap, topic, partitions)
        return [one for partition in found for one in partition]

    async def decoded(self, value: bytes, columns: Sequence[str]) -> list[object]:
        """What a record of the topic holds in some columns."""
        async with closed_after(self.parts().schemas()) as schemas:
            schema = await schemas.by_id(schema_id_of(value))
        assert schema is not None
        fields = RowDecoder(schema).decode(value)
        return [fields[avro_name(name)] for name in columns]


def sample(worker: Worker, name: str, **labels: str) -> float:
    """The sum of a worker's series over the labels given."""
    return sum(
        one.value
        for metric in worker.meter.metrics.registry.collect()
        for one in metric.samples
        if one.name == name and labels.items() <= one.labels.items()
    )
