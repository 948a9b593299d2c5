"""Checksums of whole files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from soxspipe.errors import InputError
from soxspipe.io.files import md5_of


def test_the_checksum_is_that_of_the_bytes_and_follows_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"one")
    assert md5_of(path) == md5_of(path) == hashlib.md5(b"one").hexdigest()
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert md5_of(path) == hashlib.md5(b"two").hexdigest()


def test_another_file_in_its_place_is_read(tmp_path: Path) -> None:
    """The same size and time, but moved there: the inode tells."""
    path, other = tmp_path / "a.fits", tmp_path / "b.fits"
    for where, content in ((path, b"one"), (other, b"two")):
        where.write_bytes(content)
        os.utime(where, ns=(7, 7))
    md5_of(path)
    other.replace(path)
    assert md5_of(path) == hashlib.md5(b"two").hexdigest()


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.fits: cannot be read \(No such file"):
        md5_of(tmp_path / "a.fits")
    with pytest.raises(InputError, match="cannot be read"):
        md5_of(tmp_path)
