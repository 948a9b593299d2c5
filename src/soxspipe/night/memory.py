"""Memory that a worker does not need between two reductions."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def hand_back_memory() -> None:
    """Give what is free of the process's memory back to the system, where its C library can (`malloc_trim` of glibc).

    The library keeps what recipes have freed, in pieces that the next recipe does not fit in: a process that makes calibrations and then
    reduces targets holds the sum of both.  It takes 15 ms; a library without that function is left alone.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
