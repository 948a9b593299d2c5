"""The same exposure given twice: packed and unpacked, linked, or copied under another name or with another header."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.errors import InputError
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.fits import first_data, open_fits
from soxspipe.io.fits_pixels import image_rows, image_shape
from soxspipe.io.headers import number_of, text_of

EXPOSURE_NUMBER = "ESO DET EXP NO"
SAME_MJD_D = 1e-8
"""A millisecond, as accurate as headers give the time."""
SAMPLED_ROWS = 8
"""Every so many rows are compared: 256 rows of half a million pixels, for an eighth of the time."""
MOST_APART = 0.2
"""Of the scatter between neighbouring pixels: two exposures differ by as much as neighbours do (by a third under the pattern of a bright
flat), a copy that was packed with loss (``fpack``, steps of a quarter of the noise) by a twentieth."""


def without_repeats(files: Sequence[ClassifiedFile]) -> tuple[tuple[ClassifiedFile, ...], tuple[str, ...]]:
    """Each raw exposure once, as the first of its files; and a sentence for every other.

    Exposures are the same if MJD-OBS and the number of the exposure are, or all pixels, whatever the headers say: photon noise makes no
    two exposures alike.  At the same MJD-OBS pixels may differ by less than the noise, as those of a copy that was packed with loss do.
    """
    kept: list[ClassifiedFile] = []
    said = []
    known = _Known()
    for file in files:
        first = next((other for other in kept if _are_same(file, other, known)), None)
        if first is None:
            kept.append(file)
        else:
            although = f", although {file.instrument.keywords.mjd} differs" if _same_time(file, first) is False else ""
            said.append(f"{file.path.name}: is the same exposure as {first.path.name}{although}, which is used once")
    return tuple(kept), tuple(said)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of files already, by path: their first data, and a digest of all pixels."""

    starts: dict[str, bytes] = field(default_factory=dict)
    pixels: dict[str, str] = field(default_factory=dict)


def _are_same(one: ClassifiedFile, other: ClassifiedFile, known: _Known) -> bool:
    if one.kind is not other.kind or one.is_other or one.arm != other.arm or _is_product(one) or _is_product(other):
        return False
    if os.path.samefile(one.path, other.path):
        return True
    same_time = _same_time(one, other)
    numbers = [number_of(file.header, EXPOSURE_NUMBER) for file in (one, other)]
    if same_time and numbers[0] is not None and numbers[0] == numbers[1]:
        return True
    starts = [_start(file, known.starts) for file in (one, other)]
    if starts[0] != starts[1] and same_time is False:  # of the same time it may be a copy of another type or packing
        return False
    found = [_digest(file, known.pixels) for file in (one, other)]
    return found[0] == found[1] != "" or (same_time is True and "" not in found and _same_noise(one, other))


def _same_time(one: ClassifiedFile, other: ClassifiedFile) -> bool | None:
    """Whether MJD-OBS is the same; None where it is missing in one of them."""
    times = [number_of(file.header, file.instrument.keywords.mjd) for file in (one, other)]
    if times[0] is None or times[1] is None:
        return None
    return abs(times[0] - times[1]) <= SAME_MJD_D


def _start(file: ClassifiedFile, known: dict[str, bytes]) -> bytes:
    """The first data of a file; empty if they cannot be read."""
    name = str(file.path)
    if name not in known:
        try:
            known[name] = first_data(file.path)
        except InputError:
            known[name] = b""
    return known[name]


def _is_product(file: ClassifiedFile) -> bool:
    return bool(text_of(file.header, file.instrument.keywords.pro_catg))


def _digest(file: ClassifiedFile, known: dict[str, str]) -> str:
    """Of some rows of pixels, in which noise makes no two exposures alike; empty if they cannot be read, which is said where they are needed."""
    name = str(file.path)
    if name not in known:
        try:
            opened = open_fits(file.path)
            digest = hashlib.blake2b(str(image_shape(opened, opened.images[0])).encode())
            for rows in image_rows(opened, opened.images[0]):
                digest.update(rows[::SAMPLED_ROWS].tobytes())
            known[name] = digest.hexdigest()
        except (InputError, IndexError):
            known[name] = ""
    return known[name]


def _same_noise(one: ClassifiedFile, other: ClassifiedFile) -> bool:
    """Whether the pixels of two readable files differ by much less than their noise."""
    first, second = _some_rows(one), _some_rows(other)
    if first.shape != second.shape:
        return False
    with np.errstate(invalid="ignore"):  # infinite pixels
        apart, noise = np.abs(first - second), np.abs(np.diff(first, axis=1))
    both = np.isfinite(apart[:, 1:]) & np.isfinite(noise)
    return bool(both.any() and np.median(apart[:, 1:][both]) < MOST_APART * np.median(noise[both]))


def _some_rows(file: ClassifiedFile) -> FloatArray:
    """Every so many rows of pixels, shape (rows, columns)."""
    opened = open_fits(file.path)
    rows = np.concatenate([rows[::SAMPLED_ROWS] for rows in image_rows(opened, opened.images[0])])
    return rows.astype(np.float64)
