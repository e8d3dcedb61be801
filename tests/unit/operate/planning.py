"""A sync's plan over records of a test's own: everything of the command but broker and network."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from connectors.avro import RowEncoder, row_schema
from connectors.iterable.client import IterableClient
from connectors.iterable.events import EventsPolicy, IterableEvents
from connectors.iterable.lists import IterableLists, ListsPolicy
from connectors.iterable.users import IterableUsers, UsersPolicy
from connectors.ports import Destination, LoggedRow
from connectors.records import Column, ColumnType
from worker.observe.progress import no_progress
from worker.operate.plan.calls import Pace, calls_of, calls_of_all
from worker.operate.plan.judge import Judged, judge
from worker.operate.plan.plan import samples
from worker.operate.plan.report import Plan, print_plan
from worker.operate.plan.sample import Newest
from worker.operate.plan.trial import Trials
from worker.rules.mapping import Constant, Expression, FromColumn, MappingPolicy
from worker.stages.interpret import InterpretStage

COLUMNS = (
    Column("ID", ColumnType.TEXT),
    Column("NAME", ColumnType.TEXT),
    Column("DATA", ColumnType.JSON),
    Column("AGE", ColumnType.TEXT),
)
SCHEMA = row_schema("people", COLUMNS)
MAPPING = MappingPolicy(
    "ID",
    {
        "name": FromColumn("NAME"),
        "data": FromColumn("DATA"),
        "age": FromColumn("AGE", "long"),
        "who.named": Expression("NAME + NAME", frozenset({"NAME"})),
        "source": Constant("warehouse"),
    },
    filter=Expression('NAME != "out"', frozenset({"NAME"})),
)
Row = tuple[str | None, str | None, str | None, str | None]


class KnownSchemas:
    """The Schemas port, of one schema."""

    async def register(self, subject: str, schema: str) -> int:
        raise NotImplementedError(subject, schema)

    async def by_id(self, schema_id: int) -> str | None:
        return SCHEMA if schema_id == 1 else None

    async def close(self) -> None:
        return


def logged(
    key: str, row: Row | None, at: int = 1, *, partition: int = 0, epoch: int = 1
) -> LoggedRow:
    """A row version as the topic holds it; without a row a tombstone."""
    value = None if row is None else RowEncoder(SCHEMA, 1, COLUMNS).encode([row])[0]
    row_hash = None if row is None else b"h"
    return LoggedRow(key.encode(), partition, epoch, at, row_hash, value)


def left(key: str, identity: str, at: int = 1) -> LoggedRow:
    """What a row leaves behind."""
    return logged(key, (identity, None, None, None), at)._replace(row_hash=None)


@dataclass(frozen=True, slots=True)
class Said:
    """A plan, and what of it is printed."""

    plan: Plan
    judged: Judged

    def printed(self, *, show_values: bool = False) -> str:
        """Both forms, one after the other."""
        stream = io.StringIO()
        console = Console(file=stream, width=200, markup=False, emoji=False, highlight=False)
        print_plan(self.plan, console, show_values=show_values)
        return stream.getvalue() + json.dumps(self.plan.as_json(show_values=show_values))


def users() -> IterableUsers:
    client = IterableClient("http://localhost:1", lambda: "")
    return IterableUsers(client, UsersPolicy("upsert", "userId", "email"))


def mirror() -> IterableLists:
    client = IterableClient("http://localhost:1", lambda: "")
    return IterableLists(client, ListsPolicy("people", "mirror", "userId", "email"), lambda: 0.0)


def events() -> IterableEvents:
    client = IterableClient("http://localhost:1", lambda: "")
    return IterableEvents(client, EventsPolicy("seen", "people", "userId"))


async def said(
    rows: Sequence[LoggedRow],
    destination: Destination | None = None,
    mapping: MappingPolicy = MAPPING,
    limit: int = 1_000,
) -> Said:
    """Plan a sync over these records."""
    made = users() if destination is None else destination
    newest = Newest("t", limit)
    for row in rows:
        newest.add(row)
    sample, schemas = newest.sample(len(rows)), KnownSchemas()
    trials = Trials(mapping, schemas)
    interpret = InterpretStage("people", mapping, schemas, made)
    judged = await judge(sample, interpret, trials, no_progress)
    pace = Pace(made.limits, 4.5)
    calls = calls_of(judged.entries, pace)
    return Said(
        Plan(
            sync="people",
            model="people",
            destination="iterable",
            object_name="users",
            mode="upsert",
            rows=judged.rows,
            sent={call or "upsert": n for call, n in judged.sent.items()},
            skipped=judged.skipped,
            rejected=judged.rejected,
            max_reject_share=0.2,
            trials=tuple(trials.found()),
            conflicts=(),
            created=(),
            pace=pace,
            calls=calls,
            records=len(rows),
            all_calls=calls_of_all(calls, judged.rows, len(rows), pace),
            who_exists="",
            fields=tuple(mapping.fields),
            samples=samples(judged),
        ),
        judged,
    )
