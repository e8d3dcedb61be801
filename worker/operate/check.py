"""`hightide check`: is everything there that a run needs? It only reads."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from connectors.errors import ConnectorError
from connectors.records import Column, Model, Survey, Window
from worker.app.existence import strategy
from worker.app.parts import Parts
from worker.app.roles import model
from worker.config.document import ConfigError
from worker.config.objects import SyncConfig
from worker.config.syncs import Config
from worker.rules.field_types import agreement
from worker.rules.schedule import in_words
from worker.rules.watermark import watermark_of
from worker.rules.window import WindowPolicy

DAY_NS = 86_400 * 1_000_000_000
# What a person should know of the way in which an update sync finds out who exists.
EXISTENCE = {
    "prefer_user_id": "; Iterable itself skips users it does not know",
    "update_only": "; updateOnly is sent: unless Iterable switched it on for this project it "
    "CREATES unknown users, so ask them, and try one row",
    "index": "; who exists is known by an export of identifiers",
    "look_up": "; who exists is looked up, at most 100 rows a second",
}


class FieldTypes(Protocol):
    """Where the types of the destination's fields are asked for."""

    async def types(self) -> Mapping[str, str]: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    ok: bool
    sentence: str


async def check(parts: Parts, *, create_topics: bool) -> list[Finding]:
    """Return what was found, in the order of the path; it never stops at the first fault."""
    config = parts.config
    findings = [Finding("configuration", ok=True, sentence=_what_would_run(config))]
    findings.append(await _look("secrets", lambda: _secrets(config)))
    findings.append(await _look("kafka", lambda: _kafka(parts, create_topics=create_topics)))
    seen: dict[str, tuple[Column, ...]] = {}  # the columns of models that could be asked
    findings += [await _look(f"model {n}", partial(_model, parts, n, seen)) for n in config.models]
    for name in config.syncs:
        findings.append(await _look(f"sync {name}", partial(_sync, parts, name)))
        # Of a destination that can't be asked, the line above says why.
        if findings[-1].ok and (types := parts.field_types(name)) is not None:
            look = partial(_fields, config.syncs[name], types, seen)
            findings.append(await _look(f"fields {name}", look))
    return findings


async def _look(what: str, look: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(what, ok=True, sentence=await look())
    except (ConnectorError, ConfigError) as error:
        return Finding(what, ok=False, sentence=str(error))


def _what_would_run(config: Config) -> str:
    syncs = [
        f"{name}: model {s.model} → {s.destination} {s.object} ({s.mode}), {in_words(s.schedule)}"
        for name, s in config.syncs.items()
    ]
    return "; ".join(syncs)


async def _secrets(config: Config) -> str:
    config.mqr.hash_key.read()
    for destination in config.destinations.values():
        destination.api_key.read()
    return "every secret can be read"


async def _kafka(parts: Parts, *, create_topics: bool) -> str:
    admin = parts.admin()
    try:
        there = await admin.topics()
        wanted = parts.topics()
        if wrong := await admin.misfits(wanted):
            raise ConfigError("; ".join(wrong))
        missing = [t.name for t in wanted if t.name not in there]
        if missing and create_topics:
            await admin.create(wanted, parts.config.kafka.replication_factor)
            return f"reachable; created {', '.join(missing)}"
        if missing:
            when = (
                "are created at start"
                if parts.config.kafka.create_topics
                else "must be created: run with --create-topics"
            )
            return f"reachable; topics missing, they {when}: {', '.join(missing)}"
        return f"reachable; all {len(wanted)} topics are there"
    finally:
        await admin.close()


async def _model(parts: Parts, name: str, seen: dict[str, tuple[Column, ...]]) -> str:
    config = parts.config.models[name]
    try:
        return await _read_by(parts, name, config.source, seen)
    except (ConnectorError, ConfigError):
        raise
    except Exception as error:
        kind = parts.config.sources[config.source].type
        if ":" not in kind:
            raise
        # A user's own class: where it failed helps him, the text may quote a row.
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"source {kind} raised {type(error).__name__} in {at.name} ({at.filename}:{at.lineno})"
        ) from None


async def _read_by(
    parts: Parts, name: str, source_name: str, seen: dict[str, tuple[Column, ...]]
) -> str:
    source = parts.source(source_name)
    try:
        this = model(name, parts.config)
        columns = seen[name] = await source.describe(this)
        _has_columns(this, columns)
        if this.change_tokens:
            await source.change_token(this.change_tokens)
        watermark = watermark_of(this, columns)
        # A day behind the clock of the source: what lies there has a wrong unit or a wrong zone.
        tomorrow = await source.clock_ns() + DAY_NS
        end = None if watermark is None else watermark.end(tomorrow, WindowPolicy())
        survey = await source.survey(Window(this, columns, None, end, 0))
    finally:
        await source.close()
    if unusable := _unusable(this, survey):
        raise ConfigError(f"{'; '.join(unusable)}: leave them out in the SQL, or accept that")
    how = "read whole" if watermark is None else f"read by {this.watermark}, {watermark.kind}"
    return f"{len(columns)} columns, {survey.rows:,} rows, {how}; every row can be read"


def _unusable(this: Model, survey: Survey) -> list[str]:
    found = (
        (survey.null_keys, f"rows whose key {this.primary_key} is NULL are never read"),
        (survey.null_watermarks, f"rows whose watermark {this.watermark} is NULL are never read"),
        (survey.later, f"rows whose watermark {this.watermark} lies in the future are never read"),
        (survey.duplicate_keys, f"rows share their key {this.primary_key} with another row"),
    )
    return [f"{rows} {sentence}" for rows, sentence in found if rows]


def _has_columns(this: Model, columns: tuple[Column, ...]) -> None:
    there = {column.name for column in columns}
    by_name = (this.primary_key, this.watermark, this.partition_by)
    needed = {*this.needed_columns, *this.ignore_changes_in, *(name for name in by_name if name)}
    if missing := sorted(needed - there):
        raise ConfigError(
            f"no column {', '.join(missing)}; the query returns {', '.join(sorted(there))}"
        )


async def _sync(parts: Parts, name: str) -> str:
    destination = parts.destination(name)
    try:
        await destination.probe()
    finally:
        await destination.close()
    limits = destination.limits
    rate = limits.calls_per_second * parts.config.syncs[name].rate_share
    how = EXISTENCE.get(strategy(parts, name) or "", "")
    return (
        f"reachable, key accepted; up to {rate:g} calls a second of {limits.max_rows:,} rows{how}"
    )


async def _fields(
    sync: SyncConfig, types: FieldTypes, seen: Mapping[str, tuple[Column, ...]]
) -> str:
    try:
        known = await types.types()
    finally:
        await types.close()
    found = agreement(sync.mapping.sources, seen.get(sync.model, ()), known)
    if found.conflicts:
        raise ConfigError("; ".join(str(conflict) for conflict in found.conflicts))
    if found.created:
        return f"no conflict; new in Iterable: {', '.join(found.created)}"
    return "no conflict; all are there already"
