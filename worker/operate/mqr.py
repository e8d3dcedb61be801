"""`hightide mqr`: what the billing period has used, by model, and where it is heading.

From the ledger alone; only a pre-flight asks the source, for a count that returns no record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console
from rich.table import Table

from connectors.records import Survey, Window
from worker.app.books import read_ledger
from worker.app.parts import Parts
from worker.app.roles import model, mqr_policy, window_policy
from worker.rules.forecast import Forecast, forecast
from worker.rules.ledger import LedgerState
from worker.rules.mqr import period_end, period_of
from worker.rules.watermark import watermark_of


@dataclass(frozen=True, slots=True)
class MqrReport:
    """A period's use.

    `to_read` says of each model how many rows its next poll would return: at most that many are
    new. With `goes_on` the limit only warns.
    """

    period: str
    ends: datetime
    limit: int
    used: int
    reserved: int
    uncertain: int
    by_model: Mapping[str, int]
    forecast: Forecast
    to_read: Mapping[str, int] = field(default_factory=dict)
    goes_on: bool = False

    @property
    def left(self) -> int:
        """How many records the limit still permits."""
        return max(0, self.limit - self.used - self.reserved - self.uncertain)

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON values."""
        met, per_day = self.forecast.limit_met_at, self.forecast.per_day
        return {
            "period": self.period,
            "period_ends": self.ends.isoformat(),
            "limit": self.limit,
            "used": self.used,
            "reserved": self.reserved,
            "uncertain": self.uncertain,
            "left": self.left,
            "used_by_model": dict(self.by_model),
            "per_day": None if per_day is None else round(per_day, 1),
            "forecast": self.forecast.at_end,
            "limit_met_at": None if met is None else met.isoformat(timespec="minutes"),
            "next_poll_reads": dict(self.to_read),
        }


async def report(parts: Parts, now_ns: int, *, preflight: bool) -> MqrReport:
    """Return the use of the period that `now_ns` falls in."""
    state = await read_ledger(parts)
    policy = mqr_policy(parts.config.mqr)
    period = period_of(now_ns, policy)
    by_model = dict.fromkeys(parts.config.models, 0) | state.counted_by_model(period)
    used = sum(by_model.values())
    uncertain = state.uncertain.get(period, 0)
    days = state.counted_by_day(period)
    return MqrReport(
        period=period,
        ends=period_end(period, policy),
        limit=policy.limit,
        used=used,
        reserved=state.reserved_by_others(period, ""),
        uncertain=uncertain,
        by_model=by_model,
        forecast=forecast(days, used + uncertain, period, policy, now_ns),
        to_read=await _to_read(parts, state) if preflight else {},
        goes_on=policy.on_limit == "warn",
    )


async def _to_read(parts: Parts, state: LedgerState) -> dict[str, int]:
    found = {}
    for name in parts.config.models:
        found[name] = (await _survey(parts, name, state)).rows
    return found


async def _survey(parts: Parts, name: str, state: LedgerState) -> Survey:
    config, this = parts.config.models[name], model(name, parts.config)
    source = parts.source(config.source)
    try:
        columns = await source.describe(this)
        watermark = watermark_of(this, columns)
        if watermark is None:
            return await source.survey(Window(this, columns, None, None, 0))
        policy = window_policy(config)
        start = watermark.start(state.progress(name).watermark, policy)
        end = watermark.end(await source.clock_ns(), policy)
        return await source.survey(Window(this, columns, start, end, 0))
    finally:
        await source.close()


def print_mqr(found: MqrReport, console: Console) -> None:
    """Print the report as a person reads it."""
    table = Table("", "records", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, records in found.by_model.items():
        table.add_row(f"model {name}", f"{records:,}")
    table.add_row("used", f"{found.used:,} ({found.used / max(1, found.limit):.1%})")
    table.add_row("reserved by running queries", f"{found.reserved:,}")
    if found.uncertain:
        table.add_row("charged in doubt", f"{found.uncertain:,}")
    table.add_row("limit", f"{found.limit:,}")
    table.add_row("left", f"{found.left:,}")
    table.add_row("forecast for the period's end", f"{found.forecast.at_end:,}")
    for name, rows in found.to_read.items():
        table.add_row(f"rows the next poll of {name} reads", f"{rows:,}")
    console.print(f"Billing period from {found.period} to {found.ends:%Y-%m-%d %H:%M} UTC")
    console.print(table)
    console.print(_outlook(found))


def _outlook(found: MqrReport) -> str:
    met, per_day = found.forecast.limit_met_at, found.forecast.per_day
    if found.left == 0 and found.goes_on:
        return "The limit is met; `on_limit: warn` goes on."
    if found.left == 0:
        return "The limit is met: nothing is queried until the next period."
    if per_day is None:
        return "How fast the period fills is known once a whole day has passed after its first."
    pace = f"at {per_day:,.0f} new records a day"
    if met is None:
        return f"The limit will not be met in this period, {pace}."
    return f"The limit would be met on {met:%Y-%m-%d}, {pace}."
