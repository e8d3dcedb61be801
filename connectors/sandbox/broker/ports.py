"""Ports on this machine: which are free now, and waiting for one that is to be used again."""

from __future__ import annotations

import socket
import threading
import time

_RETRY_SECONDS = 0.05


def free_port(host: str) -> int:
    """A port that was free a moment ago; another process may still take it first."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_free(
    host: str, port: int, *, stop: threading.Event, deadline_seconds: float
) -> bool:
    """True once nobody listens on `port`: a broker that was killed lets go of it only soon."""
    end = time.monotonic() + deadline_seconds
    while not is_free(host, port):
        if time.monotonic() > end or stop.wait(_RETRY_SECONDS):
            return False
    return True


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen there; connections that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
