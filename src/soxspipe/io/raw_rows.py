"""Raw calibration frames whose rows are read when they are asked for."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.datamodel.stored_image import seen
from soxspipe.instruments.registry import detector
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.frames import read_raw
from soxspipe.io.headers import read_observation, text_of

LAMPS = {"ESO INS QTH NAME": "QTH", "ESO INS DEUT NAME": "D2"}
"""Keyword that is there when a lamp is on, and the lamp's short name."""

_BY_TYPE = {"LAMP,DFLAT": "D2", "LAMP,QFLAT": "QTH", "DOME,FLAT": "DOME"}
HELD_IN_MEMORY = 1
"""Frames of one set that stay in memory as they were read; the others lie unpacked in temporary files, so that memory does not grow with their number."""


class Spool:
    """Frames one after the other in a temporary file that vanishes with the last of them."""

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
        If the file cannot be read, or is no raw frame of the arm.
    """
    used = detector_of(file)
    raw = read_raw(file, used)
    adu = seen(raw.adu)
    turned = np.rot90(adu, used.quarter_turns) if used.quarter_turns else adu
    read_rows = _rows_of(turned) if spool is None else spool.add(turned)
    return RawCalibration(
        name=raw.name, observation=raw.observation, shape=(turned.shape[0], turned.shape[1]), read_rows=read_rows, detector=used,
        lamps=lamps_of(file),
    )  # fmt: skip


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
