"""Packed files are unpacked within a limit, headers of them without the rest; only regular files are opened."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import ncompress
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soxspipe.errors import InputError
from soxspipe.io.packed import unpack
from soxspipe.regular_files import open_regular
from support.lzw import compress


def unpacked(folder: Path, content: bytes, *, suffix: str = ".Z", enough: int | None = None) -> bytes:
    path = folder / f"a.fits{suffix}"
    path.write_bytes(content)
    with open_regular(path) as stream:
        return unpack(path, stream, enough=enough)


def packed(data: bytes, suffix: str) -> bytes:
    return ncompress.compress(data) if suffix == ".Z" else gzip.compress(data)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.sampled_from([9, 12, 16]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: bytes, max_bits: int) -> None:
    assert unpacked(tmp_path_factory.mktemp("z"), compress(data, max_bits)) == data


@pytest.mark.parametrize("clear_every", [None, 300, 1001])
@pytest.mark.parametrize("levels", [1, 3, 256])
def test_long_streams_with_and_without_clearing(tmp_path: Path, levels: int, clear_every: int | None) -> None:
    data = np.random.default_rng(3).integers(0, levels, 60_000, dtype=np.uint8).tobytes()
    assert unpacked(tmp_path, compress(data, clear_every=clear_every)) == data


@pytest.mark.skipif(shutil.which("gzip") is None, reason="needs gzip, which reads .Z files too")
def test_the_encoder_of_this_test_writes_what_others_read(tmp_path: Path) -> None:
    data = np.random.default_rng(5).integers(0, 9, 40_000, dtype=np.uint8).tobytes()
    path = tmp_path / "data.Z"
    path.write_bytes(compress(data, clear_every=777))
    assert subprocess.run(["gzip", "-dc", str(path)], check=True, capture_output=True).stdout == data


@pytest.mark.parametrize("suffix", [".Z", ".gz"])
def test_stops_once_enough_is_known(tmp_path: Path, suffix: str) -> None:
    data = np.random.default_rng(5).integers(0, 9, 400_000, dtype=np.uint8).tobytes()
    head = unpacked(tmp_path, packed(data, suffix), suffix=suffix, enough=1000)
    assert 1000 <= len(head) < 10_000
    assert data.startswith(head)


@pytest.mark.parametrize("suffix", [".Z", ".gz"])
def test_a_bomb_is_refused_before_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr("soxspipe.io.packed.MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(InputError, match="unpacks to more than 1 MB"):
        unpacked(tmp_path, packed(bytes(4 << 20), suffix), suffix=suffix)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08", b"\x1f\x9d", b"\x1f\x9d\x9f\x00\x00", b"hello"])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"LZW|bits|empty"):
        unpacked(tmp_path, content)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_junk_gives_bytes_or_a_value_error(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    try:
        content = unpacked(tmp_path_factory.mktemp("z"), b"\x1f\x9d\x90" + junk, enough=5000)
    except ValueError:
        return
    assert len(content) <= 5000 + 70_000  # a piece may be as long as the longest string of the code table


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(tmp_path / "pipe.fits")
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
