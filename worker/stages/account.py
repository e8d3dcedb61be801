"""Account: the ledger's side of publishing, and the only writer of it.

    reserve: n rows may be queried    commit: these rows are in the topic, these keys are counted

Whatever is appended is read back at once: the log's order says whether another poller took over
before our entry, and the index learns from the log only, so that it can always be rebuilt from it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, Protocol

from connectors.errors import ConfigurationError, FencedError
from connectors.ports import Index, Ledger
from connectors.records import LedgerEntry, Model, Position
from worker.rules.ledger import LedgerState, Progress, Reservation, sql_fingerprint
from worker.rules.mqr import MqrPolicy, period_of, permitted_rows
from worker.rules.window import advance, to_ns

LEDGER_LOG = "ledger"


class AccountMeter(Protocol):
    """What is counted here."""

    def mqr(self, used: int, reserved: int, period: str) -> None: ...
    def committed(self, model: str, watermark_ns: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """Who we are, what the contract permits, and the models that may still use it.

    A reservation of a model that is no longer configured holds nothing back.
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

    def progress(self, model: Model) -> Progress:
        """Return how far a model is; ConfigurationError when it is another model by now."""
        progress = self._state.progress(model.name)
        if progress.fingerprint not in {"", sql_fingerprint(model)}:
            raise ConfigurationError(
                f"model {model.name} is not the one its watermark belongs to (SQL, key or "
                f"watermark column changed): run `hightide baseline {model.name} --keep` to go on "
                "from the watermark or `--restart` to read everything again",
                kind="model_changed",
            )
        return progress

    async def reserve(
        self, model: Model, schema_id: int, clock_ns: int, wanted: int
    ) -> Reservation | None:
        """Return a reservation of up to `wanted` rows, or None when the MQR limit leaves none.

        Raises FencedError when another poller has taken over.
        """
        async with self._lock:
            # An entry of ours may be in the log though its ack was lost: count it before deciding.
            await self._follow()
            mqr = self.policy.mqr
            period = period_of(clock_ns, mqr)
            used = await asyncio.to_thread(self._index.counted, period)
            others = self._state.reserved_by_others(period, model.name, self.policy.models)
            self._meter.mqr(used, others, period)
            limit = permitted_rows(mqr, used, others, wanted)
            if limit == 0:
                return None
            reservation = Reservation(model, schema_id, period, limit)
            await self._append("reserve", reservation, self.progress(model), (limit, used), b"")
            self._meter.mqr(used, others + limit, period)
            return reservation

    async def still_ours(self) -> None:
        """Raise FencedError if another poller has taken over by now."""
        async with self._lock:
            await self._follow()
            self._refuse_fenced()

    async def commit(
        self, reservation: Reservation, read: Position | None, change_token: str, *, last: bool
    ) -> None:
        """Write into the ledger that everything up to `read` is in the topic, and its new keys.

        After the last commit of a reservation nothing of it is held any more.
        """
        async with self._lock:
            await self._follow()
            model, period = reservation.model, reservation.period
            new = await asyncio.to_thread(self._index.new_keys, period, reservation.mqr_keys)
            used = await asyncio.to_thread(self._index.counted, period) + len(new)
            before = self.progress(model)
            watermark = before.watermark if read is None else advance(before.watermark, read)
            left = 0 if last else reservation.limit - reservation.rows_read
            after = Progress(watermark, sql_fingerprint(model), change_token, reservation.schema_id)
            await self._append("commit", reservation, after, (left, used), b"".join(new))
            reservation.rows_since_commit = 0
            reservation.mqr_keys = []
            others = self._state.reserved_by_others(period, model.name, self.policy.models)
            self._meter.mqr(used, others + left, period)
            self._meter.committed(model.name, None if watermark is None else to_ns(watermark.value))

    async def _append(
        self,
        kind: Literal["reserve", "commit"],
        reservation: Reservation,
        progress: Progress,
        reserved_and_used: tuple[int, int],
        new_keys: bytes,
    ) -> None:
        reserved, used = reserved_and_used
        await self._ledger.append(
            LedgerEntry(
                kind=kind,
                epoch=self._epoch,
                poller=self.policy.poller,
                model=reservation.model.name,
                period=reservation.period,
                reserved=reserved,
                used=used,
                watermark=progress.watermark,
                rows_read=reservation.rows_since_commit,
                new_keys=new_keys,
                fingerprint=progress.fingerprint,
                change_token=progress.change_token,
                schema_id=progress.schema_id,
            )
        )
        await self._follow()
        self._refuse_fenced()

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
