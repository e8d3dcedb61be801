"""The live view: what the worker counts, while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

PACE_SECONDS = 3.0
_ROWS: tuple[tuple[str, str], ...] = (
    ("rows read", "rows_read"),
    ("  unchanged", "rows_unchanged"),
    ("  published", "rows_published"),
    ("delivered", "delivered"),
    ("skipped, no profile", "skipped"),
    ("rejected", "rejected"),
    ("calls", "calls"),
    ("refused for rate", "rate_limited"),
    ("MQR used", "mqr_used"),
)


class View:
    """Shows steps and figures; in a pipe the steps only, with `quiet` nothing."""

    def __init__(self, counts: Mapping[str, int], *, quiet: bool) -> None:
        self._counts = counts
        self._quiet = quiet
        self._console = Console(stderr=quiet)
        self._seen: list[tuple[float, int]] = []
        self._live = Live(
            get_renderable=self._render,
            console=self._console,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_live:
            self._live.stop()

    @property
    def _is_live(self) -> bool:
        return self._console.is_terminal and not self._quiet

    def watch(self, counts: Mapping[str, int]) -> None:
        """Show the figures of a worker."""
        self._counts = counts

    def step(self, sentence: str) -> None:
        """Say what happens now."""
        if self._is_live:
            self._live.console.print(f"[dim]·[/] {sentence}")
        elif not self._quiet:
            self._console.print(f"· {sentence}", highlight=False)

    def _pace(self) -> float:
        """Return calls a second over the last seconds."""
        now, calls = time.monotonic(), self._counts.get("calls", 0)
        self._seen = [*(s for s in self._seen if now - s[0] < PACE_SECONDS), (now, calls)]
        first_at, first_calls = self._seen[0]
        return (calls - first_calls) / (now - first_at) if now > first_at else 0.0

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        for label, name in _ROWS:
            table.add_row(label, f"{self._counts.get(name, 0):,}")
        table.add_row("calls a second", f"{self._pace():.1f} of 4.5")
        table.add_row("freshness", f"{self._counts.get('freshness_ms', 0) / 1000:.1f} s")
        return Group(Text("Snowflake ⇒ Kafka ⇒ Iterable", style="bold"), table)
