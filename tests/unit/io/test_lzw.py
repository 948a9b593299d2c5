"""Decoder of ``.Z`` files against an encoder written from the description of the format."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.io.lzw import decompress
from support.lzw import compress


@settings(deadline=None)
@given(st.binary(max_size=3000), st.sampled_from([9, 12, 16]))
def test_round_trip(data: bytes, max_bits: int) -> None:
    assert decompress(compress(data, max_bits), limit=10_000) == data


@pytest.mark.parametrize("clear_every", [None, 300, 1001])
@pytest.mark.parametrize("levels", [1, 3, 256])
def test_long_streams_with_and_without_clearing(levels: int, clear_every: int | None) -> None:
    data = np.random.default_rng(3).integers(0, levels, 60_000, dtype=np.uint8).tobytes()
    assert decompress(compress(data, clear_every=clear_every), limit=100_000) == data


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs gzip, which reads .Z files too")
def test_the_encoder_of_this_test_writes_what_others_read(tmp_path: Path) -> None:
    data = np.random.default_rng(5).integers(0, 9, 40_000, dtype=np.uint8).tobytes()
    path = tmp_path / "data.Z"
    path.write_bytes(compress(data, clear_every=777))
    assert subprocess.run(["gzip", "-dc", str(path)], check=True, capture_output=True).stdout == data


def test_stops_once_enough_is_known() -> None:
    data = bytes(range(250)) * 400
    head = decompress(compress(data, clear_every=500), limit=10**6, stop_after=1000)
    assert 1000 <= len(head) < len(data)
    assert data.startswith(head)


def test_a_bomb_is_refused_before_it_grows() -> None:
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        decompress(compress(b"\0" * 200_000), limit=1000)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x08", b"\x1f\x9d", b"\x1f\x9d\x9f\x00\x00"])
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a compress|codes of"):
        decompress(data, limit=100)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_junk_gives_bytes_or_a_value_error(junk: bytes) -> None:
    try:
        content = decompress(b"\x1f\x9d\x90" + junk, limit=5000)
    except ValueError:
        return
    assert len(content) <= 5000
