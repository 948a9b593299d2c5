"""A host galaxy as a slit shows it in some seeing: round, blurred by the image of a star, cut by the slit.

Exposures in different seeing show the same galaxy with other widths and heights.  What they share is its surface brightness on the sky.
"""

from __future__ import annotations

import numpy as np

from soxspipe.algorithms.objects.slit_model import sersic
from soxspipe.datamodel.arrays import FloatArray

STEP_ARCSEC = 0.15
"""Of the grid: a quarter of the best seeing."""
N_STEPS = 192
"""A grid of 29 arcsec: a host 9 arcsec wide, seen from 3 arcsec beside its centre, has no light at its edge."""
CUSP_ARCSEC = 0.1
"""Half a step of the grid, within which a cusp is not resolved."""
BETA = 3.0
"""Exponent of the star's image where none is measured: the usual one."""
USUAL_SLIT_ARCSEC = 1.0
"""Where the slit's width is not known."""
HOST_MEAN, HOST_PRIOR = (np.log(4.0), 0.0), (0.6, 1.5)
"""log of a host's size in arcsec, and its place."""
LEAST_HOST_FWHM, LARGEST_HOST_ARCSEC, FURTHEST_HOST_ARCSEC = 1.8, 9.0, 3.0
"""A host must be wider than the star, narrower than the slit, and on it."""
STEP = 1e-3
"""Of numerical derivatives by size and place: small against their range, large against rounding."""

_HALF = N_STEPS // 2
"""Of the grid: galaxy, image and slit are even along both axes, so that a quarter of it says all."""
_STEPS = np.arange(_HALF + 1)
_OFTEN = np.where(_STEPS % _HALF, 2.0, 1.0)
"""How often a place of the half stands on the whole axis."""
_TRANSFORM = np.cos(2.0 * np.pi / N_STEPS * np.outer(_STEPS, _STEPS)) * _OFTEN
"""Discrete Fourier transform of what is even, from its half to its half; over `N_STEPS` also the way back."""


class BlurredHost:
    """Hosts of one Sersic index in one seeing.

    Parameters
    ----------
    fwhm_arcsec : float
        Of a star's image.
    index : float
        Sersic index.
    slit_width_arcsec : float or None
        Of the slit.
    beta : float
        Exponent of the star's image.
    """

    def __init__(self, fwhm_arcsec: float, index: float, slit_width_arcsec: float | None, beta: float = BETA) -> None:
        half_axis = _STEPS * STEP_ARCSEC
        self.along, self.index = (np.arange(N_STEPS) - _HALF) * STEP_ARCSEC, index
        self.radius = np.hypot(half_axis[:, None], half_axis)
        image = (1.0 + (2.0 ** (1.0 / beta) - 1.0) * (2.0 * self.radius / fwhm_arcsec) ** 2) ** -beta
        half = 0.5 * (slit_width_arcsec or USUAL_SLIT_ARCSEC)
        # the share of each step across the slit that the slit lets through
        across = np.clip((half - half_axis) / STEP_ARCSEC + 0.5, 0.0, 1.0)
        blur = _TRANSFORM @ image @ _TRANSFORM.T / (_OFTEN @ image @ _OFTEN)
        # the sum across the slit is the middle of a convolution with the slit: a product with its blurred image, summed across
        self.through = (blur * (_TRANSFORM @ across)) @ _TRANSFORM.T / N_STEPS * _OFTEN
        self.mean_of_slit = float(_OFTEN @ across)

    def table(self, size_arcsec: float) -> FloatArray:
        """Light along `along` of a host of unit central brightness before the blur, mean over the slit's width.

        Parameters
        ----------
        size_arcsec : float
            Diameter that holds half of the light before the blur.
        """
        galaxy = sersic(self.radius, size_arcsec, self.index, CUSP_ARCSEC)
        seen = _TRANSFORM @ np.sum((_TRANSFORM @ galaxy) * self.through, axis=1) / N_STEPS
        return np.concatenate([seen[:0:-1], seen[:-1]]) / self.mean_of_slit

    def __call__(self, distance_arcsec: FloatArray, size_arcsec: float) -> FloatArray:
        """The same at any distances from the host's centre."""
        return np.interp(distance_arcsec, self.along, self.table(size_arcsec))
