"""Images that travel between steps: raw, then calibrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soxspipe.datamodel.arrays import BoolImage, FlagArray, FloatArray, Image, IntArray, freeze
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.stored_image import Pixels

Where: TypeAlias = slice | tuple[IntArray, IntArray]
"""Rows of an image, or the rows and columns of single pixels."""


Take: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Cuts the same pixels, as an array of two axes, out of every image that it is given."""


class Part(NamedTuple):
    """Some pixels of a frame: electrons, variance (one number where it is the same everywhere) and flags."""

    electrons: FloatArray
    variance: FloatArray | float
    flags: FlagArray


class Exposure(Protocol):
    """Anything that gives a frame in parts; what takes many exposures need not hold them all in electrons."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def exptime_s(self) -> float: ...
    @property
    def integrations(self) -> float: ...
    def part(self, where: Where) -> Part: ...
    def whole(self) -> Frame: ...


class FrameModel(Protocol):
    """Anything that can be subtracted from a frame: an image in electrons and its variance."""

    @property
    def electrons(self) -> Image: ...
    @property
    def variance(self) -> Image: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadoutPattern:
    """Level that the read-out adds to rows and columns.

    Attributes
    ----------
    rows : ndarray, shape (ny,)
        Electrons of every row.
    columns : ndarray, shape (nx,)
        Electrons of every column.
    variance : float
        Of their sum, mean over the detector.
    excess : ndarray, shape (ny,)
        Variance of the pixels of a row that is read with more noise than others, over theirs; 0 for ordinary rows.
    unplaced_e : float
        Size of a step between columns that is left in, because it is not known where it lies; 0 for none.
    """

    rows: FloatArray
    columns: FloatArray
    variance: float
    excess: FloatArray
    unplaced_e: float = 0.0

    def __post_init__(self) -> None:
        freeze(self, rows=self.rows.shape, columns=self.columns.shape, excess=self.rows.shape)

    @property
    def size_e(self) -> float:
        """Root mean square of what it adds, electrons."""
        return float(np.hypot(np.std(self.rows), np.std(self.columns)))

    def at(self, where: Where) -> FloatArray:
        """Electrons of some pixels, in the shape in which a frame gives them, or one that numpy stretches to it."""
        if isinstance(where, slice):
            return self.rows[where, None] + self.columns
        row, column = where
        return self.rows[row] + self.columns[column]

    def variance_at(self, where: Where) -> FloatArray | float:
        """Variance of some pixels that it adds to theirs, in a shape that numpy stretches to that of the pixels."""
        if not self.excess.any():
            return self.variance
        return self.variance + (self.excess[where, None] if isinstance(where, slice) else self.excess[where[0]])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawFrame:
    """One exposure as the detector delivered it: ADU, untrimmed, unrotated.

    Attributes
    ----------
    adu : ndarray or StoredImage, shape (ny_raw, nx_raw)
        Any real dtype.
    observation : Observation
        What the header said.
    name : str
        File name, for messages.
    dead : tuple of DeadLines
        Rows and columns, turned and trimmed, that were found to hold no light.
    """

    adu: Pixels
    observation: Observation
    name: str = ""
    dead: tuple[DeadLines, ...] = ()

    def __post_init__(self) -> None:
        if np.ndim(self.adu) != 2:
            raise ValueError(f"a raw frame has two axes, {self.name or 'this one'} has {np.ndim(self.adu)}")
        freeze(self, adu=self.adu.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A calibrated image on the trimmed detector.

    Attributes
    ----------
    electrons : ndarray of float, shape (ny, nx)
        Electrons of one (mean) exposure; of the flat, a relative value.
    variance : ndarray of float, shape (ny, nx)
        Electrons squared.
    flags : ndarray of uint8, shape (ny, nx)
        `PixelFlag` bits; 0 is good.
    exptime_s : float
        Exposure time that the electrons stand for.
    n_exposures : int
        How many exposures were averaged.
    integrations : float
        Integrations (NDIT) that each exposure is the mean of; of exposures that differ, the harmonic mean.
    counts : ndarray of int, shape (ny, nx), or None
        Exposures that survived rejection in each pixel; None where all did everywhere.
    """

    electrons: Image
    variance: Image
    flags: FlagArray
    exptime_s: float
    n_exposures: int = 1
    integrations: float = 1.0
    counts: IntArray | None = None

    def __post_init__(self) -> None:
        shape = self.electrons.shape
        if len(shape) != 2:
            raise ValueError(f"a frame has two axes, got {len(shape)}")
        freeze(self, electrons=shape, variance=shape, flags=shape)
        if self.counts is not None:
            freeze(self, counts=shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.electrons.shape

    @property
    def good(self) -> BoolImage:
        """True for the pixels that no flag excludes."""
        return self.flags == 0

    @property
    def images(self) -> tuple[Image, Image, FlagArray]:
        """Electrons, variance and flags."""
        return self.electrons, self.variance, self.flags

    def part(self, where: Where) -> Part:
        """Some of its pixels, not to be changed."""
        return Part(self.electrons[where], self.variance[where], self.flags[where])

    def whole(self) -> Frame:
        """Itself."""
        return self

    def cutout(self, take: Take) -> Frame:
        """A frame of the pixels that `take` cuts out."""
        counts = None if self.counts is None else take(self.counts)
        return replace(self, electrons=take(self.electrons), variance=take(self.variance), flags=take(self.flags), counts=counts)

    def minus(self, model: FrameModel) -> Frame:
        """Subtract a model and add its variance.

        The errors of one model taken from many pixels are correlated; only their variance is carried.
        """
        return replace(self, electrons=self.electrons - model.electrons, variance=self.variance + model.variance)

    def flagged(self, where: BoolImage, flag: PixelFlag) -> Frame:
        """Return the frame with `flag` set at the pixels of `where`."""
        flags = np.array(self.flags)
        flags[where] |= np.uint8(flag)
        return replace(self, flags=flags)
