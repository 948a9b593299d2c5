"""Light of the pixels of an exposure on which no order falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.frames.detrend import bad_in_masters, pedestal_level
from soxspipe.datamodel.arrays import BoolImage, Image, freeze
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Exposure

ROWS_AT_ONCE = 32
"""Few enough for the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnlitLight:
    """What an exposure shows where no order falls.

    Attributes
    ----------
    light : ndarray of float32, shape (ny, nx)
        Electrons above bias and dark; 0 where not `sound`.
    sound : ndarray of bool, shape (ny, nx)
        Unlit pixels that neither the exposure nor a master excludes.
    """

    light: Image
    sound: BoolImage

    def __post_init__(self) -> None:
        freeze(self, light=self.light.shape, sound=self.light.shape)


def see_unlit(exposure: Exposure, masters: Masters, unlit: BoolImage) -> UnlitLight:
    """Take bias and dark off the unlit pixels of an exposure, some rows at a time.

    Parameters
    ----------
    exposure : Exposure
        In electrons.
    masters : Masters
        Bias and dark that it still holds.
    unlit : ndarray of bool, shape (ny, nx)
        Pixels far enough from all orders.
    """
    ny, nx = exposure.shape
    light, sound = np.empty((ny, nx), dtype=np.float32), np.empty((ny, nx), dtype=bool)
    for start in range(0, ny, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        part, own = exposure.part(rows), masters.cutout(lambda image, rows=rows: image[rows])  # type: ignore[misc]
        np.subtract(part.electrons, pedestal_level(exposure.exptime_s, own), out=light[rows], casting="same_kind")
        sound[rows] = unlit[rows] & (part.flags == 0)
    sound &= ~bad_in_masters(masters, (ny, nx))
    np.copyto(light, 0.0, where=~sound)
    return UnlitLight(light=light, sound=sound)
