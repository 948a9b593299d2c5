"""Light of a host galaxy under the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostLight:
    """Light that a point source does not explain.

    Attributes
    ----------
    taken : bool
        Whether it is called a host and taken off.
    significance : float
        Of the host against a point source of any shape, in sigma.
    share : float
        Its light over the object's, on the slit.
    doubt : float
        By what part of the object's light its flux may be too high or too low: how far hosts within three sigma of the best change it or,
        of light left in, what the largest of them would take from it.
    size_arcsec, offset_arcsec, index : float
        Diameter that holds half of the light, place relative to the trace, and Sersic index.
    distance_arcsec, light : ndarray, shape (n,)
        Its light along the slit by the distance from its centre, as seeing shows it.
    middle_px, peak : dict of int to ndarray
        Rows at the middle of the parts of every order, and the peak there (electrons per pixel).
    """

    taken: bool
    significance: float
    share: float
    doubt: float
    size_arcsec: float
    offset_arcsec: float
    index: float
    distance_arcsec: FloatArray
    light: FloatArray
    middle_px: dict[int, FloatArray]
    peak: dict[int, FloatArray]

    def along(self, distance_arcsec: FloatArray) -> FloatArray:
        """Its light at distances from the trace."""
        return np.interp(distance_arcsec - self.offset_arcsec, self.distance_arcsec, self.light)
