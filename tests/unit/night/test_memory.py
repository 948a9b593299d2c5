"""Free memory goes back to the system."""

from __future__ import annotations

import gc
import platform

import psutil
import pytest

from soxspipe.night.memory import hand_back_memory

PIECE_BYTES = 60_000
"""Below the size from which the C library asks the system for each array by itself."""
N_PIECES = 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim")
def test_pieces_that_were_freed_between_others_are_handed_back() -> None:
    process = psutil.Process()
    pieces = [bytearray(PIECE_BYTES) for _ in range(2 * N_PIECES)]
    kept = pieces[::2]
    del pieces
    gc.collect()
    before = process.memory_info().rss
    hand_back_memory()
    assert before - process.memory_info().rss > 0.8 * N_PIECES * PIECE_BYTES
    assert len(kept) == N_PIECES
