"""`/metrics`, `/livez`, `/readyz` on one port. Read-only; there is no other route.

`/livez` answers as long as the event loop turns: a task that dies ends the process, so there is
nothing else to ask. It never looks at Snowflake, Kafka or Iterable: restarting us cures none of
them. `/readyz` says whether we have started, and stays ready through an outage of a destination.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from connectors.errors import ConfigurationError
from worker.observe.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class HealthServer:
    """Serves while it is open."""

    def __init__(self, metrics: Metrics, not_ready: Callable[[], str]) -> None:
        """`not_ready` returns why we are not ready, or an empty text."""
        self._metrics = metrics
        self._not_ready = not_ready
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> int:
        """Serve; return the port. Raises ConfigurationError when it is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._get_metrics),
                web.get("/livez", self._get_livez),
                web.get("/readyz", self._get_readyz),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"port {port} on {host} can't be opened ({error.strerror or 'in use'}): "
                "another process has it; set HIGHTIDE_PORT",
                kind="port",
            ) from None
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else port

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _get_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _get_livez(self, _: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _get_readyz(self, _: web.Request) -> web.Response:
        reason = self._not_ready()
        return web.Response(text=(reason or "ready") + "\n", status=503 if reason else 200)
