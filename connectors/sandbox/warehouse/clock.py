"""The warehouse's clock: this machine's, moved by as many seconds as a test wants.

    SELECT SYSDATE()    an hour ahead    SELECT DATEADD(SECOND, 3600, SYSDATE())

So a billing period can end while a test looks. A view keeps the time it was made in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from connectors.sandbox.seed.table import wall_clock

# What asks for the time, and the type it is answered in when that is not a timestamp.
_ASKING: Mapping[type[exp.Expr], str] = {
    exp.CurrentTimestamp: "",
    exp.CurrentDate: "DATE",
    exp.Localtime: "TIME",
    exp.CurrentTime: "TIME",
}


@dataclass(slots=True)
class Clock:
    """Tells the time to statements, and to the changes that are made from outside."""

    ahead_seconds: int = 0

    def now(self) -> dt.datetime:
        """The warehouse's time, in UTC."""
        return wall_clock() + dt.timedelta(seconds=self.ahead_seconds)

    def told(self, text: str, tree: exp.Expr) -> tuple[str, exp.Expr]:
        """The statement with the time it asks for moved; as it is while the clock is not."""
        if not self.ahead_seconds or tree.find(*_ASKING) is None:
            return text, tree
        moved = tree.transform(self._moved)
        return moved.sql(dialect="snowflake"), moved

    def _moved(self, node: exp.Expr) -> exp.Expr:
        kind = _ASKING.get(type(node))
        if kind is None:
            return node
        # DuckDB casts no time with a zone to TIME.
        asked = exp.CurrentTimestamp(sysdate=True) if kind else node
        ahead = exp.Literal.number(self.ahead_seconds)
        moved = exp.DateAdd(this=asked.copy(), expression=ahead, unit=exp.var("SECOND"))
        return exp.cast(moved, kind, dialect="snowflake") if kind else moved
