"""A source whose statements break off when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator

from connectors.errors import ConnectorError
from connectors.records import Page, Window
from tests.fakes_polling import FakeSource


class BreakingSource(FakeSource):
    """Breaks off a statement after `pages` pages of three, while there is a `failure`."""

    failure: ConnectorError | None = None
    pages = 0

    async def read(self, window: Window) -> AsyncIterator[Page]:
        given = 0
        async for page in super().read(window):
            if self.failure is not None and given == self.pages:
                raise self.failure
            given += 1
            yield page
