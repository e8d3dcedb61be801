"""What goes wrong, in an order that the seed decides."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.soak.ground import Broker
from benchmarks.soak.members import Member
from worker.clock import Clock
from worker.operate.demo.stack import Door

BULK = "/api/users/bulkUpdate"
# How many calls of the endpoint one order hits, at most, and for how long where it takes time.
ORDERS = {
    "429_json": (4, 0.0),
    "429_text": (2, 0.0),
    "500": (4, 0.0),
    "503": (3, 0.0),
    "413": (1, 0.0),
    "html": (2, 0.0),
    "redirect": (1, 0.0),
    "cut_before_apply": (3, 0.0),
    "cut_after_apply": (3, 0.0),
    "slow": (3, 2.0),
    "slow_body": (2, 2.0),
}
# Longer than the group waits for a member that is silent.
FREEZE_SECONDS = 9.0


class Disorder:
    """Orders one fault after the other; `done` counts them by name."""

    def __init__(
        self,
        dice: random.Random,
        clock: Clock,
        door: Door,
        broker: Broker,
        delivers: Sequence[Member],
        api_key: str,
    ) -> None:
        self.done: Counter[str] = Counter()
        self._dice = dice
        self._clock = clock
        self._door = door
        self._broker = broker
        self._delivers = delivers
        self._api_key = api_key
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            "deliver killed": self._kill,
            "deliver replaced": self._replace,
            "deliver frozen": self._freeze,
            "key revoked": self._revoke,
        }
        if broker.keeps_its_data:
            self._acts["broker killed"] = self._crash

    async def one(self) -> None:
        """Let one thing go wrong; return when whatever was killed is started again."""
        name = self._dice.choice([*ORDERS, *self._acts])
        self.done[name] += 1
        if name in self._acts:
            await self._acts[name]()
            return
        count, seconds = ORDERS[name]
        order = {"kind": name, "endpoint": BULK, "count": self._dice.randint(1, count)}
        await self._door.iterable("faults", **order, seconds=seconds)

    async def _kill(self) -> None:
        member = self._dice.choice(self._delivers)
        await asyncio.to_thread(member.kill)
        member.start()

    async def _replace(self) -> None:
        member = self._dice.choice(self._delivers)
        await member.leave()
        member.start()

    async def _freeze(self) -> None:
        member = self._dice.choice(self._delivers)
        member.send(signal.SIGSTOP)
        await self._clock.sleep(FREEZE_SECONDS)
        member.send(signal.SIGCONT)

    async def _revoke(self) -> None:
        await self._door.iterable("keys", revoke=self._api_key)
        await self._clock.sleep(3.0)
        await self._door.iterable("keys", restore=self._api_key)

    async def _crash(self) -> None:
        await asyncio.to_thread(self._broker.crash_and_start)
