"""Frames and maps that lie outside the memory, looked at as those in memory are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FlagArray, Image, IntArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, Take
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.datamodel.stored_image import Pixels, StoredImage


class AnyFrame(Protocol):
    """What a frame gives, in memory (`Frame`) or not (`StoredFrame`)."""

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

    @property
    def n_exposures(self) -> int:
        """As in `Frame`."""

    @property
    def counts(self) -> IntArray | None:
        """As in `Frame`."""

    @property
    def shape(self) -> tuple[int, int]:
        """As in `Frame`."""

    @property
    def good(self) -> BoolImage:
        """As in `Frame`."""

    @property
    def images(self) -> tuple[Pixels, Pixels, Pixels]:
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
    n_exposures : int
        How many exposures were averaged.
    integrations : float
        Integrations that each exposure is the mean of.
    stored_counts : StoredImage or None
        Exposures that survived rejection in each pixel; None where all did everywhere.
    """

    stored: tuple[StoredImage, StoredImage, StoredImage]
    exptime_s: float
    n_exposures: int = 1
    integrations: float = 1.0
    stored_counts: StoredImage | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stored[0].shape

    @property
    def counts(self) -> IntArray | None:
        """Exposures that survived rejection, not to be changed; None where all did everywhere."""
        return None if self.stored_counts is None else self.stored_counts.look()

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

    @property
    def images(self) -> tuple[StoredImage, StoredImage, StoredImage]:
        """Electrons, variance and flags where they lie, for who reads them row by row."""
        return self.stored

    @property
    def good(self) -> BoolImage:
        """True for the pixels that no flag excludes."""
        return self.flags == 0

    def flagged(self, where: BoolImage, flag: PixelFlag) -> StoredFrame:
        """The frame with `flag` set at the pixels of `where`; its flags lie in memory."""
        flags = np.array(self.flags)
        flags[where] |= np.uint8(flag)
        flags.flags.writeable = False
        held = StoredImage(shape=self.shape, dtype=flags.dtype, look=lambda: flags)
        return replace(self, stored=(*self.stored[:2], held))

    def cutout(self, take: Take) -> Frame:
        """A frame of the pixels that `take` cuts out."""
        return Frame(
            electrons=take(self.electrons),
            variance=take(self.variance),
            flags=take(self.flags),
            exptime_s=self.exptime_s,
            n_exposures=self.n_exposures,
            integrations=self.integrations,
            counts=None if self.stored_counts is None else take(self.stored_counts.look()),
        )


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
