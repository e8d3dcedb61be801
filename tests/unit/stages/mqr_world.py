"""A poller whose statements somebody else counts too, as the bill does, to compare the books with.

    statement    returns keys at a moment: from then on they are on the bill of that period
    ledger       counted + reserved + uncertain must cover them, at every step of every poll

A row that a broken query returned is on the bill and in nobody's books: it is `unseen` until it is
read again. When it changes or leaves before that, other rows may come in its place and be taken for
it: then it is `hidden`, and not covered.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.errors import RetryableError
from connectors.records import LedgerRecord
from tests.fakes_polling import PEOPLE, CrashError, Outside
from tests.unit.stages.polling_desk import Process
from worker.rules.ledger import LedgerState
from worker.rules.mqr import KEY_BYTES, MqrPolicy, key_hash, period_of
from worker.rules.watermark import NS
from worker.rules.window import WindowPolicy

SECRET = b"secret"  # the desk's
PEOPLE_ALWAYS = replace(PEOPLE, change_tokens=())


class Bill(Outside):
    """What outlives a process, with the laws that must hold between any two of its steps."""

    def __init__(self, policy: MqrPolicy) -> None:
        super().__init__(PEOPLE_ALWAYS)
        self.policy = policy
        self.fail_steps = range(0)
        self.hidden: dict[str, set[str]] = {}
        self.shrunk: set[str] = set()
        self.state = LedgerState()
        self._ceilings: dict[str, int] = {}
        self._counted: dict[str, set[bytes]] = {}

    def step(self) -> None:
        self.check()
        super().step()
        if self.steps in self.fail_steps:
            raise RetryableError("down", kind="network")

    @property
    def period(self) -> str:
        """The billing period of this moment."""
        return period_of(self.clock_ns, self.policy)

    def billed(self, period: str) -> set[str]:
        """Return the keys that statements returned in a period, seen or not."""
        found = [k for at_ns, k in self.statements if period_of(at_ns, self.policy) == period]
        return set().union(*found)

    def counted(self, period: str) -> set[str]:
        """Return which of them the ledger counts."""
        known = self._counted.get(period, set())
        return {k for k in self.billed(period) if key_hash(SECRET, "people", k.encode()) in known}

    def unseen(self) -> set[str]:
        """Return the keys on this period's bill that the ledger does not count."""
        return self.billed(self.period) - self.counted(self.period)

    def disturb(self, keys: set[str]) -> None:
        """Note that rows change: those of them that are unseen may now be hidden by others."""
        self.hidden.setdefault(self.period, set()).update(keys & self.unseen())

    def leave(self, keys: set[str]) -> None:
        """Take rows out of the model; note when some may be missed by a query's repetition."""
        self.disturb(keys)
        if self.state.reserved_by_others(self.period, "nobody"):
            self.shrunk.add(self.period)
        for key in keys:
            self.table.pop(key, None)

    def check(self) -> None:
        """Compare the books with the bill: every row that stood still is covered.

        And nothing is charged of which it is known that it was not returned, or was counted.
        """
        self._follow()
        self._ceilings[self.period] = max(self.policy.limit, self._ceilings.get(self.period, 0))
        for period, ceiling in self._ceilings.items():
            used, uncertain = self.state.used.get(period, 0), self.state.uncertain.get(period, 0)
            reserved = self.state.reserved_by_others(period, "nobody")
            hidden = self.hidden.get(period, set()) - self.counted(period)
            assert len(self.billed(period) - hidden) <= used + reserved + uncertain
            assert used == len(self.counted(period)) == len(self._counted.get(period, set()))
            assert used + uncertain <= ceiling
            assert uncertain == 0 or period in self.shrunk
            if self.policy.limit == ceiling:
                assert used + reserved + uncertain <= ceiling

    def _follow(self) -> None:
        for offset, entry in enumerate(self.ledger[self.state.next_offset :]):
            self.state.apply(LedgerRecord(self.state.next_offset + offset, entry))
            known = self._counted.setdefault(entry.period, set())
            new = [
                entry.new_keys[i : i + KEY_BYTES] for i in range(0, len(entry.new_keys), KEY_BYTES)
            ]
            assert known.isdisjoint(new)
            assert len(set(new)) == len(new)
            known |= set(new)


class MqrWorld:
    """One poller after another over one bill."""

    def __init__(self, policy: MqrPolicy, window: WindowPolicy) -> None:
        self.bill = Bill(policy)
        self._window = window
        self._loop = asyncio.new_event_loop()
        self._directory = tempfile.TemporaryDirectory()
        self._indexes = 0
        self._process = self._start()

    def write(self, name: str, keys: set[str]) -> None:
        """Insert or change rows, all at one moment."""
        self.bill.disturb(keys)
        self.bill.write(name, *sorted(keys))

    def delete(self, keys: set[str]) -> None:
        """Take rows out of the model."""
        self.bill.leave(keys)

    def poll(self) -> str:
        """Poll once, undisturbed; return how it ended."""
        self.bill.clock_ns += NS
        result = self._run(self._process.poll.poll_once())
        self.bill.check()
        return str(result)

    def poll_crashing(self, after_steps: int, *, keeps_index: bool) -> None:
        """Poll until the process ends at a step, and start the next one."""
        self.bill.crash_at = self.bill.steps + after_steps
        try:
            self.poll()
        except CrashError:
            self.restart(keeps_index=keeps_index)
        self.bill.crash_at = -1
        self.bill.check()

    def poll_failing(self, after_steps: int, steps: int) -> None:
        """Poll with everything outside failing from a step on, for some steps."""
        first = self.bill.steps + after_steps
        self.bill.fail_steps = range(first, first + steps)
        try:
            self.poll()
        except RetryableError:
            self.bill.check()
        self.bill.fail_steps = range(0)

    def restart(self, *, keeps_index: bool) -> None:
        """End the process and start the next one, on the same index file or on none."""
        self._process.close()
        self._indexes += not keeps_index
        self._process = self._start()

    def settle(self) -> str:
        """Poll until nothing is left to do, or to be done within the limit."""
        self.poll()
        self.poll()
        return self.poll()

    def close(self) -> None:
        """End everything."""
        self._process.close()
        self._run(self._loop.shutdown_default_executor())
        self._loop.close()
        self._directory.cleanup()

    def _start(self) -> Process:
        path = Path(self._directory.name) / f"{self._indexes}"
        made = Process(self.bill, path, mqr=self.bill.policy, window=self._window)
        self._run(made.start())
        return made

    def _run(self, job: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(job)
