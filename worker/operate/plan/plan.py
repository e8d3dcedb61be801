"""From a sync's name to its plan: read, judge, compare with the destination's fields."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from connectors.errors import ConfigurationError
from connectors.ports import Destination
from worker.app.existence import strategy
from worker.app.parts import Parts
from worker.config.document import ConfigError
from worker.observe.progress import Progress
from worker.operate.plan.calls import Pace, calls_of, calls_of_all
from worker.operate.plan.judge import Judged, judge
from worker.operate.plan.report import Plan
from worker.operate.plan.sample import Sample, newest
from worker.operate.plan.trial import Trials
from worker.rules.field_types import TypeConflict, agreement
from worker.rules.mapping import FieldSource
from worker.stages.interpret import InterpretStage

SAMPLES = 2
# How an update sync finds out who exists, as a person would say it.
WHO_EXISTS = {
    "prefer_user_id": "Iterable skips users it does not know",
    "update_only": "updateOnly is sent; where Iterable did not switch it on for the project, "
    "unknown users are created",
    "index": "an export of identifiers says who exists; rows of everybody else are skipped",
    "look_up": "each row is looked up, at most 100 a second; rows of unknown users are skipped",
}


async def plan(parts: Parts, name: str, *, rows: int, progress: Progress) -> Plan:
    """Return what the sync would do with its topic's newest rows; nothing is sent, none moves.

    The source is asked nothing, so MQR stays as it is. Raises ConfigError for an unknown sync,
    ConfigurationError while the topic is empty and for what would stop the sync anyway.
    """
    config = parts.config
    if name not in config.syncs:
        raise ConfigError(f"there is no sync {name!r}; there are: {', '.join(config.syncs)}")
    sample = await _sample(parts, name, rows, progress)
    async with AsyncExitStack() as stack:

        def later(close: Callable[[], Awaitable[None]]) -> None:
            stack.push_async_callback(close)

        destination, schemas = parts.destination(name), parts.schemas()
        later(destination.close)
        later(schemas.close)
        mapping = config.syncs[name].mapping
        trials = Trials(mapping, schemas)
        interpret = InterpretStage(name, mapping, schemas, destination)
        judged = await judge(sample, interpret, trials, progress)
        known: Mapping[str, str] | None = None
        if (types := parts.field_types(name)) is not None:
            later(types.close)
            known = await types.types()
    return _plan(parts, name, _pace(parts, name, destination), sample, judged, trials, known)


async def _sample(parts: Parts, name: str, rows: int, progress: Progress) -> Sample:
    model = parts.config.syncs[name].model
    topic = parts.names.model(model)
    log, admin = parts.model_log(), parts.admin()
    try:
        sample = await newest(log, admin, topic, rows, progress)
    except ConfigurationError as error:
        if error.kind != "topic_missing":
            raise
        sample = Sample((), 0, 0)
    finally:
        await log.close()
        await admin.close()
    if not sample.messages and not sample.superseded:
        raise ConfigurationError(
            f"topic {topic} holds no rows to try {name} on: run `hightide poll --once` first",
            kind="topic_empty",
        )
    return sample


def _pace(parts: Parts, name: str, destination: Destination) -> Pace:
    syncs, where = parts.config.syncs, parts.config.syncs[name].destination
    # As in deliver: the most careful of the syncs that may call there decides.
    share = min(sync.rate_share for sync in syncs.values() if sync.destination == where)
    return Pace(destination.limits, destination.limits.calls_per_second * share)


def _plan(
    parts: Parts,
    name: str,
    pace: Pace,
    sample: Sample,
    judged: Judged,
    trials: Trials,
    known: Mapping[str, str] | None,
) -> Plan:
    sync, calls = parts.config.syncs[name], calls_of(judged.entries, pace)
    conflicts, created = compared(trials, sync.mapping.sources, known)
    return Plan(
        sync=name,
        model=sync.model,
        destination=sync.destination,
        object_name=sync.object,
        mode=sync.mode,
        rows=judged.rows,
        sent={call or sync.mode: rows for call, rows in judged.sent.items()},
        skipped=judged.skipped,
        rejected=judged.rejected,
        max_reject_share=sync.max_reject_share,
        trials=tuple(trials.found()),
        conflicts=conflicts,
        created=created,
        pace=pace,
        calls=calls,
        records=sample.topic_records,
        all_calls=calls_of_all(calls, judged.rows, sample.topic_records, pace),
        who_exists=WHO_EXISTS.get(strategy(parts, name) or "", ""),
        fields=tuple(sync.mapping.fields),
        samples=samples(judged),
    )


def compared(
    trials: Trials, sources: Mapping[str, FieldSource], known: Mapping[str, str] | None
) -> tuple[tuple[TypeConflict, ...], tuple[str, ...] | None]:
    """Return which fields the destination would refuse, and which it would make.

    A field without a value in any row is not made. Where there are no types to ask for (`known` is
    None) neither is known.
    """
    if known is None:
        return (), None
    found = [agreement(sources, columns, known) for columns in trials.columns]
    conflicts = dict.fromkeys(conflict for one in found for conflict in one.conflicts)
    created = dict.fromkeys(name for one in found for name in one.created)
    filled = (name for name in created if trials.of_fields[name].values)
    return tuple(conflicts), tuple(filled)


def samples(judged: Judged) -> tuple[bytes, ...]:
    """Return some items as a call carries them: one of each call, then any."""
    first = {entry.item.call: entry for entry in judged.entries}
    others = (entry for entry in judged.entries if first[entry.item.call] is not entry)
    return tuple(e.item.body for e in (*first.values(), *others))[:SAMPLES]
