"""Frames and maps that lie outside the memory, looked at as those in memory are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from soxspipe.datamodel.arrays import FlagArray, Image, IntArray
from soxspipe.datamodel.frame import Frame, Take
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.datamodel.stored_image import StoredImage


class Master(Protocol):
    """What a master calibration gives, in memory (`Frame`) or not (`StoredFrame`)."""

    @property
    def electrons(self) -> Image:
        """As in `Frame`."""

    @property
    def variance(self) -> Image:
        """As in `Frame`."""

    @property
    def flags(self) -> FlagArray:
        """As in `Frame`."""

    @property
    def exptime_s(self) -> float:
        """As in `Frame`."""

    def cutout(self, take: Take) -> Frame:
        """A frame of the pixels that `take` cuts out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredFrame:
    """A frame of which each look at an image takes memory only as long as what is seen is used.

    Attributes
    ----------
    stored : tuple of StoredImage
        Electrons, variance and flags.
    exptime_s : float
        Exposure time that the electrons stand for.
    """

    stored: tuple[StoredImage, StoredImage, StoredImage]
    exptime_s: float

    @property
    def electrons(self) -> Image:
        """Electrons, not to be changed."""
        return self.stored[0].look()

    @property
    def variance(self) -> Image:
        """Electrons squared, not to be changed."""
        return self.stored[1].look()

    @property
    def flags(self) -> FlagArray:
        """`PixelFlag` bits, not to be changed."""
        return self.stored[2].look()

    def cutout(self, take: Take) -> Frame:
        """A frame of the pixels that `take` cuts out."""
        return Frame(electrons=take(self.electrons), variance=take(self.variance), flags=take(self.flags), exptime_s=self.exptime_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredMap:
    """A `DispersionMap` of which each look at an image takes memory only as long as what is seen is used.

    Attributes
    ----------
    stored : tuple of StoredImage
        Wavelength, slit position and order.
    x, y : DispersionPolynomial or None
        Forward solution, unbinned pixels.
    """

    stored: tuple[StoredImage, StoredImage, StoredImage]
    x: DispersionPolynomial | None = None
    y: DispersionPolynomial | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stored[0].shape

    @property
    def wavelength_nm(self) -> Image:
        """NaN outside orders and where unsolved; not to be changed."""
        return self.stored[0].look()

    @property
    def slit_arcsec(self) -> Image:
        """NaN outside orders and where unsolved; not to be changed."""
        return self.stored[1].look()

    @property
    def order(self) -> IntArray:
        """0 outside orders; not to be changed."""
        return self.stored[2].look()
