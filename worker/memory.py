"""How the C library keeps memory: set before the first thread starts."""

from __future__ import annotations

import ctypes

# malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_MEBIBYTE = 1024 * 1024


def give_memory_back() -> None:
    """Let freed memory return to the system, where the C library has that choice (glibc).

    A dozen client threads would each keep an arena of what they once needed, and the heap all that
    a result's chunks once took: 300 MB where 230 are in use.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MEBIBYTE)
        mallopt(_M_TRIM_THRESHOLD, _MEBIBYTE)
