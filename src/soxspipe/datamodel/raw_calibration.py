"""A raw calibration frame whose rows are read when they are asked for, and a value for each reason why a pixel is bad."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage, Image
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.observation import Observation


class BadPixel(enum.IntFlag):
    """Bits of a bad-pixel map (uint8, 0 is good); only ever appended."""

    STATIC = 1  #: in the map that comes with the instrument, or in a map that was given
    HOT = 2  #: dark level or rate far above that of its neighbours
    UNSTABLE = 4  #: scatter from frame to frame far above the expected noise
    COLD = 8  #: response far below that of its neighbours
    SATURATED = 16  #: at the saturation level in a flat
    NONLINEAR = 32  #: response depends on the light
    PARTLY_LIT = 64  #: at the edge of an order, lit by less than half of its row's light
    NOT_FINITE = 128  #: not a number in a raw frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawCalibration:
    """One raw calibration frame, read some rows at a time so that memory does not grow with the number of frames.

    Attributes
    ----------
    name : str
        File name, for messages.
    observation : Observation
        What the header said.
    shape : tuple of int
        Rows and columns of the whole frame in science orientation, pixels around the science area included.
    read_rows : callable
        (first row, last row + 1) of the whole frame to ADU of any real type, shape (rows, columns).
    detector : Detector
        Its gain and read noise are those of this frame.
    lamps : tuple of str
        Lamps that were on.
    """

    name: str
    observation: Observation
    shape: tuple[int, int]
    read_rows: Callable[[int, int], NDArray[Any]] = field(repr=False)
    detector: Detector
    lamps: tuple[str, ...] = ()

    @property
    def exptime_s(self) -> float:
        """Exposure time."""
        return self.observation.exptime_s

    @property
    def adu(self) -> Image:
        """The whole frame as it was delivered."""
        return np.rot90(self.read_rows(0, self.shape[0]), -self.detector.quarter_turns)

    def electrons(self, start: int, stop: int) -> Image:
        """Rows of the science area in electrons, float32; not a number stays what it is."""
        first = self.detector.row_slice.start
        adu = self.read_rows(first + start, first + stop)[:, self.detector.column_slice]
        return np.multiply(adu, np.float32(self.detector.gain_e_per_adu), dtype=np.float32)

    def saturated(self, start: int, stop: int) -> BoolImage:
        """True for pixels of these rows at the saturation level, if it is known."""
        first = self.detector.row_slice.start
        adu = self.read_rows(first + start, first + stop)[:, self.detector.column_slice]
        level = self.detector.saturation_adu
        return np.zeros(adu.shape, dtype=bool) if level is None else np.asarray(adu >= level)

    def border(self, step: int = 1) -> Image:
        """Electrons of the columns beside the science area, of every `step`-th row block of 32; shape (rows, 0) where there are none."""
        science = self.detector.column_slice
        rows = self.detector.row_slice
        blocks = range(rows.start, rows.stop, 32 * step)
        parts = [np.delete(self.read_rows(start, min(start + 32, rows.stop)), science, axis=1) for start in blocks]
        return np.multiply(np.concatenate(parts), np.float32(self.detector.gain_e_per_adu), dtype=np.float32)
