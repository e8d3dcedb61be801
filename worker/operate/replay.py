"""`hightide replay`: deliver again from the topic. Snowflake is asked nothing, MQR stays as it is.

The sync's own group is moved back, never a second group, which would race live traffic. Its
deliver processes must be stopped; they go on from the new place when they start again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from connectors.errors import ConfigurationError
from worker.app.parts import Parts
from worker.config.document import ConfigError


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay moved, or would move."""

    sync: str
    offsets: dict[int, int]
    records: int
    moved: bool


def parse_start(text: str) -> int | None:
    """Return milliseconds since 1970, or None for `earliest`; ConfigError for anything else."""
    if text == "earliest":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not re.search(r"\d", text):
        raise ConfigError(
            f"--from {text}: write `earliest` or a time with its zone, like 2026-11-24T08:00:00Z"
        )
    return int(moment.timestamp() * 1000)


async def replay(parts: Parts, sync: str, start_ms: int | None, *, dry_run: bool) -> Replay:
    """Move the sync's group to `start_ms` (None: the earliest record).

    Raises ConfigurationError for an unknown sync and while its deliver processes run.
    """
    if sync not in parts.config.syncs:
        raise ConfigError(f"there is no sync {sync!r}; there are: {', '.join(parts.config.syncs)}")
    topic = parts.names.model(parts.config.syncs[sync].model)
    group = parts.names.group(sync)
    admin = parts.admin()
    try:
        ends = await admin.end_offsets(topic)
        starts = await admin.offsets_at(topic, start_ms)
        records = sum(max(0, ends[p] - starts.get(p, 0)) for p in ends)
        state = await admin.group(group, topic)
        if state.members:
            raise ConfigurationError(
                f"{state.members} deliver processes of sync {sync} are running: stop them first "
                "(on Kubernetes: kubectl scale deployment hightide-deliver --replicas=0)",
                kind="group_not_empty",
            )
        if not dry_run:
            starts = await admin.move_group(group, topic, sorted(ends), start_ms)
        return Replay(sync, starts, records, moved=not dry_run)
    finally:
        await admin.close()
