"""When a broker can be used: it answers a call of the API, not merely a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

_RETRY_SECONDS = 0.05
_ATTEMPT_MILLISECONDS = 2000


def wait_until_answering(
    bootstrap: str,
    *,
    alive: Callable[[], bool],
    stop: threading.Event,
    deadline_seconds: float,
) -> bool:
    """True once the broker answers; False when it died, we were stopped, or time is up."""
    end = time.monotonic() + deadline_seconds
    while time.monotonic() < end and alive() and not stop.is_set():
        if _accepts(bootstrap) and _answers(bootstrap):
            return True
        stop.wait(_RETRY_SECONDS)
    return False


def _accepts(bootstrap: str) -> bool:
    # Asked first because it is cheap; the client logs each refusal and backs off.
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1.0):
        return True
    return False


def _answers(bootstrap: str) -> bool:
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=_ATTEMPT_MILLISECONDS,
            request_timeout_ms=_ATTEMPT_MILLISECONDS,
        )
    except KafkaError:
        return False
    try:
        admin.list_topics()
    except KafkaError:
        return False
    finally:
        admin.close()
    return True
