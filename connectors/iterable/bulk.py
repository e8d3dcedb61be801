"""What every bulk call shares: how large it may be, and how a row of it is kept until then."""

from __future__ import annotations

import orjson

# 4 MB are permitted; whether that is 4,000,000 or 4,194,304 is not documented.
MAX_BODY_BYTES = 3_500_000
MAX_ROWS = 1_000
# Answered by every project, 100 times a second, and it needs the same key as everything else.
PROBE_PATH = "/api/lists"


def encoded(value: object) -> bytes:
    """Return a row's JSON.

    A kept result of orjson holds 4 KB whatever its length: 30,000 waiting rows would be 120 MB.
    The copy holds what it needs.
    """
    return bytes(memoryview(orjson.dumps(value)))
