"""Raw calibration frames whose rows are read when they are asked for."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.datamodel.stored_image import seen
from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.instruments.registry import detector
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.fits import FitsFile, open_fits
from soxspipe.io.fits_units import Hdu
from soxspipe.io.frames import raw_of
from soxspipe.io.headers import read_observation, text_of
from soxspipe.regular_files import open_regular

LAMPS = {"ESO INS QTH NAME": "QTH", "ESO INS DEUT NAME": "D2"}
"""Keyword that is there when a lamp is on, and the lamp's short name."""

_BY_TYPE = {"LAMP,DFLAT": "D2", "LAMP,QFLAT": "QTH", "DOME,FLAT": "DOME"}
HELD_IN_MEMORY = 1
"""Packed frames of one set that stay in memory; the others lie unpacked in temporary files, so that memory does not grow with their number."""
_STORED: Mapping[tuple[Any, ...], str] = {(-32, 0, 1): ">f4", (16, 32768, 1): ">i2", (16, 0, 1): ">i2"}
"""BITPIX, BZERO and BSCALE of frames whose rows are read where they lie, and the type of their pixels there."""
_SIGN_BIT = np.uint16(32768)
"""Unsigned numbers lie in a file as signed ones with this bit turned over."""


class Spool:
    """Frames one after the other in a temporary file that vanishes with the last of them.

    A set of calibrations may have more packed frames than a process may have files open; `soxspipe.io.stored.Storing` has a file open for
    each image, which it can map.
    """

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115  # closed when nobody reads from it any more
        weakref.finalize(self, self.file.close)
        self.end = 0

    def add(self, adu: NDArray[Any]) -> Callable[[int, int], NDArray[Any]]:
        """Put a frame into the file; returns what reads its rows."""
        place, width, dtype = self.end, adu.shape[1], adu.dtype
        self.file.seek(place)
        self.file.write(np.ascontiguousarray(adu).data)
        self.end = self.file.tell()

        def read_rows(start: int, stop: int) -> NDArray[Any]:
            self.file.seek(place + start * width * dtype.itemsize)
            return np.frombuffer(self.file.read((stop - start) * width * dtype.itemsize), dtype).reshape(-1, width)

        return read_rows


def read_raw_calibration(file: ClassifiedFile, spool: Spool | None = None) -> RawCalibration:
    """Read a raw calibration frame, check it, and keep it where its rows are quickly at hand.

    Parameters
    ----------
    file : ClassifiedFile
        The frame.
    spool : Spool, optional
        Where to keep it; in memory without one.

    Raises
    ------
    InputError
        If the file cannot be read, or is not a raw frame of the arm.
    """
    used, opened = detector_of(file), open_fits(file.path)
    raw = raw_of(opened, file, used)
    adu = seen(raw.adu)
    turned = np.rot90(adu, used.quarter_turns) if used.quarter_turns else adu
    read_rows = None if used.quarter_turns else rows_in_place(opened, adu)
    if read_rows is None:
        read_rows = _rows_of(turned) if spool is None else spool.add(turned)
    return RawCalibration(
        name=raw.name, observation=raw.observation, shape=(turned.shape[0], turned.shape[1]), read_rows=read_rows, detector=used,
        lamps=lamps_of(file),
    )  # fmt: skip


def rows_in_place(opened: FitsFile, adu: NDArray[Any]) -> Callable[[int, int], NDArray[Any]] | None:
    """What reads rows of a frame out of the user's own file.

    The file is opened for each reading: a set may have more frames than a process may have files open.  It is not mapped into memory: a
    file cut short under a map ends the process.

    Parameters
    ----------
    opened : FitsFile
        The frame's file.
    adu : ndarray, shape (ny, nx)
        The frame, read and checked.

    Returns
    -------
    callable or None
        None for a packed or tiled file, one whose numbers are scaled, and one with pixels that are not numbers, which were cleaned when they were read.
    """
    path, hdu = opened.path, opened.images[0]
    dtype = _type_in_place(opened, hdu)
    if dtype is None or hdu.n_bytes != adu.size * dtype.itemsize or not np.isfinite(adu.sum()):
        return None
    offset, bytes_per_row = hdu.offset, adu.shape[1] * dtype.itemsize
    unsigned = adu.dtype == np.uint16

    def read_rows(start: int, stop: int) -> NDArray[Any]:
        wanted = (stop - start) * bytes_per_row
        with open_regular(path) as stream:
            data = os.pread(stream.fileno(), wanted, offset + start * bytes_per_row)
        if len(data) != wanted:
            raise InputError(f"{path}: truncated, it became shorter while it was read; {FETCH_AGAIN}")
        rows = np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(stop - start, -1)
        return rows.view(np.uint16) ^ _SIGN_BIT if unsigned else rows

    return read_rows


def _type_in_place(opened: FitsFile, hdu: Hdu) -> np.dtype[Any] | None:
    """Type of the pixels of a plain image that are no more scaled than unsigned numbers are."""
    if opened.content is not None or hdu.is_compressed_image or "BLANK" in hdu.header:
        return None
    stored = _STORED.get(tuple(hdu.header.get(key, default) for key, default in (("BITPIX", 0), ("BZERO", 0), ("BSCALE", 1))))
    return None if stored is None else np.dtype(stored)


def _rows_of(adu: NDArray[Any]) -> Callable[[int, int], NDArray[Any]]:
    return lambda start, stop: adu[start:stop]


def detector_of(file: ClassifiedFile) -> Detector:
    """The detector as it was used for a raw frame: binning, gain and read noise of its header, defaults where it has none."""
    observation = read_observation(file.header, file.instrument, file.facts, str(file.path))
    return detector(
        file.instrument.name, file.arm, binning=observation.binning, gain_e_per_adu=observation.gain_e_per_adu, read_noise_e=observation.read_noise_e
    )  # fmt: skip


def lamps_of(file: ClassifiedFile) -> tuple[str, ...]:
    """Flat-field lamps that were on: those that keywords name, else the one that DPR TYPE means, else quartz."""
    named = tuple(short for keyword, short in LAMPS.items() if text_of(file.header, keyword))
    kind = text_of(file.header, file.instrument.keywords.dpr_type).upper()
    return named or (_BY_TYPE.get(kind, "QTH"),)
