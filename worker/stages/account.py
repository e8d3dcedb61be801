"""Account: the ledger's side of publishing, and the only writer of it.

    reserve: n rows may be queried    commit: these rows are in the topic, these keys are counted

Whatever is appended is read back at once: the log's order says whether another poller took over
before our entry, and the index learns from the log only, so that it can always be rebuilt from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from connectors.errors import ConfigurationError, FencedError, RetryableError
from connectors.ports import Index, Ledger
from connectors.records import LedgerEntry, Model, Position
from worker.rules.forecast import forecast
from worker.rules.ledger import Ended, Held, LedgerState, Progress, Reservation, sql_fingerprint
from worker.rules.mqr import (
    MqrPolicy,
    MqrUse,
    overlaps,
    period_of,
    permitted_rows,
    split_keys,
)
from worker.rules.watermark import moment_ns
from worker.rules.window import advance

LEDGER_LOG = "ledger"
# 16 bytes each: what a broker takes in one record by default is 1 MB.
MAX_NEW_KEYS = 50_000


class AccountMeter(Protocol):
    """What is counted here."""

    def mqr(self, use: MqrUse) -> None: ...
    def mqr_forecast(self, records: int) -> None: ...
    def committed(self, model: str, watermark_ns: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """Who we are, what the contract permits, and the models whose progress is shown.

    What a model that is no longer configured has reserved stays so until the period ends: its rows
    may have been returned.
    """

    poller: str
    mqr: MqrPolicy
    models: frozenset[str] | None = None


class AccountStage:
    """Progress and MQR of every model of this poller."""

    def __init__(
        self, policy: AccountPolicy, ledger: Ledger, index: Index, meter: AccountMeter
    ) -> None:
        self.policy = policy
        self._ledger = ledger
        self._index = index
        self._meter = meter
        self._state = LedgerState()
        self._epoch = 0
        self._lock = asyncio.Lock()

    @property
    def epoch(self) -> int:
        """The epoch under which this poller writes; 0 before `recover`."""
        return self._epoch

    async def recover(self) -> None:
        """Read the whole ledger and take the next epoch; nothing is written yet."""
        async with self._lock:
            self._state = LedgerState()
            await self._follow()
            self._epoch = self._state.epoch + 1
            self._state.inherited.clear()  # what earlier owners took over is no business of ours
            for name, progress in self._state.models.items():
                if self.policy.models is None or name in self.policy.models:
                    self._meter.committed(name, moment_ns(progress.watermark))
            if period := max(self._state.used, default=""):
                self._meter.mqr(await self._use(period, ""))

    def knows(self, model: Model) -> bool:
        """Say whether the ledger ever said anything of a model."""
        return self._state.knows(model.name)

    def progress(self, model: Model) -> Progress:
        """Return how far a model is; ConfigurationError when it is another model by now."""
        progress = self._state.progress(model.name)
        if progress.fingerprint not in {"", sql_fingerprint(model)}:
            raise ConfigurationError(
                f"model {model.name} is not the one its watermark belongs to (SQL, key, watermark "
                f"column or source changed): run `hightide baseline {model.name} --keep` to go on "
                "from the watermark or `--restart` to read everything again",
                kind="model_changed",
            )
        return progress

    async def reserve(
        self, model: Model, schema_id: int, clock_ns: int, wanted: int, least: int
    ) -> Reservation | None:
        """Return a reservation of up to `wanted` rows, None when the MQR limit leaves not `least`.

        Raises FencedError when another poller has taken over.
        """
        async with self._lock:
            # An entry of ours may be in the log though its ack was lost: count it before deciding.
            await self._follow()
            period = period_of(clock_ns, self.policy.mqr)
            if period not in self._state.opened:
                await self._carry_over(period, schema_id, clock_ns)
            use = await self._use(period, model.name)
            held = self._state.held(period, model.name)
            self._meter.mqr(use.with_reserved(held.rows))
            self._meter.mqr_forecast(self._forecast(period, use, clock_ns))
            limit = permitted_rows(self.policy.mqr, use, wanted)
            if limit < min(least, wanted):
                alone = permitted_rows(self.policy.mqr, replace(use, reserved=0), wanted)
                if alone >= min(least, wanted):
                    raise RetryableError(
                        "what the MQR limit leaves is reserved for another model's query",
                        kind="mqr_reserved",
                    )
                return None
            reservation = Reservation(model, schema_id, period, limit, clock_ns=clock_ns)
            if limit:  # else nothing will be queried
                asked = held.or_more(Held(limit))
                inherited = await self._append("reserve", reservation, self.progress(model), asked)
                held = held.or_more(inherited)
                self._meter.mqr(use.with_reserved(asked.rows))
            reservation.held, reservation.reread = held
            return reservation

    async def still_ours(self) -> None:
        """Raise FencedError if another poller has taken over by now."""
        async with self._lock:
            await self._follow()
            self._refuse_fenced()

    async def outrank(self, epochs: Iterable[int]) -> None:
        """Write under an epoch above these; FencedError if they are of one who has taken over.

        Else the ledger that knew them was lost: our rows would be taken for a replaced poller's.
        """
        highest = max(epochs, default=0)
        if highest <= self._epoch:
            return
        async with self._lock:
            await self._follow()
            self._refuse_fenced()
            self._epoch = max(self._epoch, highest + 1)

    async def commit(
        self,
        reservation: Reservation,
        read: Position | None,
        change_token: str | None,
        ended: Ended,
    ) -> None:
        """Write into the ledger that everything up to `read` is in the topic, and its new keys.

        Without a `change_token` the one in the ledger stays. After a poll has ended nothing of the
        reservation is held any more.
        """
        async with self._lock:
            await self._follow()
            model, period = reservation.model, reservation.period
            new = await asyncio.to_thread(self._index.new_keys, period, reservation.mqr_keys)
            before = self.progress(model)
            watermark = before.watermark if read is None else advance(before.watermark, read)
            token = before.change_token if change_token is None else change_token
            after = Progress(watermark, sql_fingerprint(model), token, reservation.schema_id)
            left, uncertain = reservation.left(ended, len(new)), reservation.uncertain(ended)
            held = Held(left, reservation.reread_of(left, ended))
            # A page of a source may hold more keys than a record can: they are counted before.
            rest = new
            while len(rest) > MAX_NEW_KEYS:
                first, rest = rest[:MAX_NEW_KEYS], rest[MAX_NEW_KEYS:]
                await self._append("commit", reservation, before, held, new=first)
            await self._append("commit", reservation, after, held, uncertain=uncertain, new=rest)
            reservation.counted += len(new)
            reservation.rows_since_commit = 0
            reservation.mqr_keys = []
            self._meter.mqr((await self._use(period, model.name)).with_reserved(left))
            self._meter.committed(model.name, moment_ns(watermark))

    async def _carry_over(self, period: str, schema_id: int, clock_ns: int) -> None:
        """Count into a new period what an old one counted that reaches into it.

        That is only so when start day or zone were changed; else nothing is done.
        """
        mqr = self.policy.mqr
        old = {name for name in self._state.used if name and overlaps(name, period, mqr)}
        if not old:
            return
        seen, keys = LedgerState(), list[tuple[str, bytes]]()
        async for records in self._ledger.read(0):
            for record in records:
                if seen.apply(record) and record.entry.period in old and record.entry.new_keys:
                    keys.append((record.entry.model, record.entry.new_keys))
        for name, counted in keys:
            new = await asyncio.to_thread(self._index.new_keys, period, split_keys(counted))
            model = Model(name, "", "", None)
            carried = Reservation(model, schema_id, period, 0, clock_ns=clock_ns)
            await self._append("commit", carried, self._state.progress(name), new=new)

    async def _use(self, period: str, model: str) -> MqrUse:
        """Return what of the period is taken, by all but what `model` itself holds reserved."""
        used = await asyncio.to_thread(self._index.counted, period)
        others = self._state.reserved_by_others(period, model)
        return MqrUse(period, used, others, self._state.uncertain.get(period, 0))

    def _forecast(self, period: str, use: MqrUse, clock_ns: int) -> int:
        days = self._state.counted_by_day(period)
        taken = use.used + use.uncertain
        return forecast(days, taken, period, self.policy.mqr, clock_ns).at_end

    async def _append(
        self,
        kind: Literal["reserve", "commit"],
        reservation: Reservation,
        progress: Progress,
        held: Held = Held(),  # noqa: B008  # a tuple
        *,
        uncertain: int = 0,
        new: Sequence[bytes] = (),
    ) -> Held:
        """Write an entry; return what the poller that it takes over from held reserved.

        That may be more than we saw: it could still reserve between our look and our entry.
        """
        counted = await asyncio.to_thread(self._index.counted, reservation.period)
        await self._ledger.append(
            LedgerEntry(
                kind=kind,
                epoch=self._epoch,
                poller=self.policy.poller,
                model=reservation.model.name,
                period=reservation.period,
                reserved=held.rows,
                reread=held.reread,
                used=counted + len(new),
                watermark=progress.watermark,
                rows_read=reservation.rows_since_commit,
                new_keys=b"".join(new),
                fingerprint=progress.fingerprint,
                change_token=progress.change_token,
                schema_id=progress.schema_id,
                at_ns=reservation.clock_ns,
                uncertain=uncertain,
            )
        )
        await self._follow()
        self._refuse_fenced()
        return self._state.inherited.pop((reservation.period, reservation.model.name), Held())

    def _refuse_fenced(self) -> None:
        if self._state.fenced(self._epoch, self.policy.poller):
            raise FencedError(
                f"another poller took over (epoch {self._state.epoch}, ours is {self._epoch})"
            )

    async def _follow(self) -> None:
        async for records in self._ledger.read(self._state.next_offset):
            for record in records:
                # Counted before it is taken in: should the disk be full, it is read again.
                if self._state.counts(record) and record.entry.kind == "commit":
                    await asyncio.to_thread(
                        self._index.count_keys,
                        record.entry.period,
                        record.entry.new_keys,
                        LEDGER_LOG,
                        record.offset + 1,
                    )
                self._state.apply(record)

    async def close(self) -> None:
        """Close the ledger."""
        await self._ledger.close()
