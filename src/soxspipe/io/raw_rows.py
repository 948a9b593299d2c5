"""Raw calibration frames whose rows are read when they are asked for."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.instruments.registry import detector
from soxspipe.io.classify import ClassifiedFile
from soxspipe.io.frames import read_raw
from soxspipe.io.headers import read_observation, text_of

LAMPS = {"ESO INS QTH NAME": "QTH", "ESO INS DEUT NAME": "D2"}
"""Keyword that is there when a lamp is on, and the lamp's short name."""

_BY_TYPE = {"LAMP,DFLAT": "D2", "LAMP,QFLAT": "QTH", "DOME,FLAT": "DOME"}
HELD_IN_MEMORY = 3
"""Frames of one set that stay in memory as they were read; the others lie unpacked in temporary files, so that memory does not grow with their number."""


class _Spool:
    """A frame in a temporary file that vanishes with it."""

    def __init__(self, adu: NDArray[Any]) -> None:
        self.shape, self.dtype = adu.shape, adu.dtype
        self.file = tempfile.TemporaryFile(prefix="soxspipe-")  # noqa: SIM115
        self.file.write(np.ascontiguousarray(adu).data)
        self.file.flush()

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Rows of the frame."""
        self.file.seek(start * self.shape[1] * self.dtype.itemsize)
        count = (stop - start) * self.shape[1]
        return np.frombuffer(self.file.read(count * self.dtype.itemsize), self.dtype).reshape(-1, self.shape[1])


def read_raw_calibration(file: ClassifiedFile, place: int = 0) -> RawCalibration:
    """Read a raw calibration frame, check it, and keep it where its rows are quickly at hand.

    Parameters
    ----------
    file : ClassifiedFile
        The frame.
    place : int
        Its number in its set; the first few stay in memory.

    Raises
    ------
    InputError
        If the file cannot be read, or is no raw frame of the arm.
    """
    used = detector_of(file)
    raw = read_raw(file, used)
    turned = np.rot90(raw.adu, used.quarter_turns) if used.quarter_turns else raw.adu
    if place < HELD_IN_MEMORY:

        def read_rows(start: int, stop: int) -> NDArray[Any]:
            return turned[start:stop]
    else:
        read_rows = _Spool(turned).rows
    return RawCalibration(
        name=raw.name, observation=raw.observation, shape=(turned.shape[0], turned.shape[1]), read_rows=read_rows, detector=used,
        lamps=lamps_of(file),
    )  # fmt: skip


def detector_of(file: ClassifiedFile) -> Detector:
    """The detector as it was used for a raw frame: binning, gain and read noise of its header, defaults where it has none."""
    seen = read_observation(file.header, file.instrument, file.facts, str(file.path))
    return detector(
        file.instrument.name, file.arm, binning=seen.binning, gain_e_per_adu=seen.gain_e_per_adu, read_noise_e=seen.read_noise_e
    )  # fmt: skip


def lamps_of(file: ClassifiedFile) -> tuple[str, ...]:
    """Flat-field lamps that were on: those that keywords name, else the one that DPR TYPE means, else quartz."""
    named = tuple(short for keyword, short in LAMPS.items() if text_of(file.header, keyword))
    kind = text_of(file.header, file.instrument.keywords.dpr_type).upper()
    return named or (_BY_TYPE.get(kind, "QTH"),)
