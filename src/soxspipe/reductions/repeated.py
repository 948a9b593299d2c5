"""The same exposure given twice: packed and unpacked, linked, or copied under another name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from soxspipe.errors import InputError
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.fits import open_fits, read_image
from soxspipe.io.headers import number_of, text_of

EXPOSURE_NUMBER = "ESO DET EXP NO"
SAME_MJD_D = 1e-8
"""A millisecond, as accurate as headers give the time."""


def without_repeats(files: Sequence[ClassifiedFile]) -> tuple[tuple[ClassifiedFile, ...], tuple[str, ...]]:
    """Each raw exposure once, as the first of its files; and a sentence for every other.

    Exposures are the same if MJD-OBS and the number of the exposure are, or, where the number is missing, MJD-OBS and all pixels; where
    MJD-OBS is missing too, all pixels.  Photon noise makes no two exposures alike.
    """
    kept: list[ClassifiedFile] = []
    said = []
    pixels: dict[str, str] = {}
    for file in files:
        first = next((other for other in kept if _are_same(file, other, pixels)), None)
        if first is None:
            kept.append(file)
        else:
            said.append(f"{file.path.name}: is the same exposure as {first.path.name}, which is used once")
    return tuple(kept), tuple(said)


def _are_same(one: ClassifiedFile, other: ClassifiedFile, pixels: dict[str, str]) -> bool:
    if one.kind is not other.kind or one.is_other or one.arm != other.arm or _is_product(one) or _is_product(other):
        return False
    if os.path.samefile(one.path, other.path):
        return True
    times = [number_of(file.header, file.instrument.keywords.mjd) for file in (one, other)]
    if times[0] is not None and times[1] is not None and abs(times[0] - times[1]) > SAME_MJD_D:
        return False
    numbers = [number_of(file.header, EXPOSURE_NUMBER) for file in (one, other)]
    if None not in (*times, *numbers):
        return numbers[0] == numbers[1]
    found = [_digest(file, pixels) for file in (one, other)]
    return found[0] == found[1] != ""


def _is_product(file: ClassifiedFile) -> bool:
    return bool(text_of(file.header, file.instrument.keywords.pro_catg))


def _digest(file: ClassifiedFile, known: dict[str, str]) -> str:
    """Of the pixels; empty if they cannot be read, which is said where they are needed."""
    name = str(file.path)
    if name not in known:
        try:
            opened = open_fits(file.path)
            image = read_image(opened, opened.images[0], None)
            known[name] = hashlib.blake2b(image.tobytes() + str(image.shape).encode()).hexdigest()
        except (InputError, IndexError):
            known[name] = ""
    return known[name]
