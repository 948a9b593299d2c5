"""Where companions stand: their images and the object's fitted together to the light along the slit.

`find_sources` measures a companion on what one-sided fits of the object's wings leave of it, which puts it up to 0.1 arcsec too far out.
Here all images are one Moffat of free width and exponent, at free places; their heights, and a parabola of what the sky model may have
taken or left, are free in every row and solved for at each step (variable projection).

References
----------
.. [1] Golub G. & Pereyra V., 2003, Inverse Problems, 19, R1, doi:10.1088/0266-5611/19/2/201 (variable projection).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.moffat import BETA, Moffat
from soxspipe.algorithms.objects.point_source import SmearedStar
from soxspipe.algorithms.objects.slit_rows import REACH_ARCSEC, SlitRows
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.numerics.rows import fit_rows

PEAK_TOLERANCE, SHAPE_TOLERANCE = 0.002, 0.02
"""Of real images against a Moffat, in units of the peak and of the light itself."""
PARABOLA_OF_PEAK = 0.01
"""What the sky model leaves of the wings of all images."""
WIDTH_PRIOR, SLOPE_PRIOR, BETA_PRIOR = 0.3, 0.2, 1.5
"""Of the logarithm of the width over the trace's, its exponent of wavelength, the Moffat's exponent: as seeing scatters."""
SLOPE = -0.2
"""Seeing goes with wavelength to the power -1/5 (Kolmogorov turbulence)."""
PLACE_PRIOR_ARCSEC = 0.15
"""Errors of the trace and of a companion's first place are up to 0.1 arcsec."""
LIMITS = ((np.log(0.4), -1.0, 1.5), (np.log(1.3), 0.6, 9.0))
"""Of width, its slope and exponent: what seeing can be."""
LARGEST_STEP = 0.3
"""Keeps the fit where it is nearly linear."""
STEP = 1e-3
"""Of numerical derivatives: small against the parameters' range, large against rounding."""
ROUNDS = 12
"""Bounds the time; a fit needs four to six."""
SETTLED = 1e-3
"""Arcsec, or change of shape, that ends the search: no weight changes by it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedImages:
    """The object's image, still and at its place relative to the trace, and the companions where they are."""

    star: SmearedStar
    companions: tuple[SlitSource, ...]

    def instead_of(self, found: Sequence[SlitSource], trace: ObjectTrace) -> ObjectTrace:
        """The trace with the companions at these places instead of those where they were found; `found` has the same order."""
        moved = dict(zip(found, self.companions, strict=True))
        return replace(trace, sources=tuple(moved.get(source, source) for source in trace.sources))


def place_companions(rows: SlitRows, trace: ObjectTrace, companions: Sequence[SlitSource]) -> PlacedImages | None:
    """Fit the images of the object and its companions together.

    Parameters
    ----------
    rows : SlitRows
        Light along the slit with all objects.
    trace : ObjectTrace
        The object's.
    companions : sequence of SlitSource
        As they were found; those beyond the rows' reach stay as they are.

    Returns
    -------
    PlacedImages or None
        None where no companion is within reach, or there is no light.
    """
    here = trace.slit_arcsec
    near = [source for source in companions if abs(source.slit_arcsec - here) < REACH_ARCSEC]
    if trace.forced or not near or not rows.weight.any() or not np.isfinite(trace.fwhm_arcsec):
        return None
    found = _Images(rows, trace.fwhm_arcsec, np.array([source.slit_arcsec - here for source in near])).fitted()
    places = dict(zip(near, found[4:], strict=True))
    star = SmearedStar(
        fwhm_arcsec=float(trace.fwhm_arcsec * np.exp(found[0])),
        slope=float(found[1]),
        beta=float(found[2]),
        places=((float(found[3]), 1.0),),
    )
    moved = (replace(source, slit_arcsec=here + float(places[source] - found[3])) if source in places else source for source in companions)
    return PlacedImages(star=star, companions=tuple(moved))


class _Images:
    """Rows of light and the images fitted to them; parameters: log width over the trace's, its slope, exponent, places (object first)."""

    def __init__(self, rows: SlitRows, fwhm_arcsec: float, places: FloatArray) -> None:
        self.rows, self.fwhm = rows, fwhm_arcsec
        peak = rows.peak[:, None]
        self.weight = rows.weight_beside((PEAK_TOLERANCE * peak) ** 2 + (SHAPE_TOLERANCE * rows.light) ** 2)
        self.parabola = rows.parabola
        self.parabola_prior = np.repeat((PARABOLA_OF_PEAK * peak) ** -2.0, 2, axis=1)
        self.start = np.array([0.0, SLOPE, BETA, 0.0, *places])
        self.prior = np.array([WIDTH_PRIOR, SLOPE_PRIOR, BETA_PRIOR, *(PLACE_PRIOR_ARCSEC,) * (places.size + 1)]) ** -2.0

    def fitted(self) -> FloatArray:
        """The parameters that fit best (Gauss-Newton, within the limits of seeing)."""
        here = self.start
        for _ in range(ROUNDS):
            left = self._left(here)
            slopes = np.stack([(self._left(here + step) - left) / STEP for step in STEP * np.eye(here.size)], axis=-1)
            normal = slopes.T @ slopes + np.diag(self.prior)
            right = -slopes.T @ left - self.prior * (here - self.start)
            fresh = here + np.clip(np.linalg.solve(normal, right), -LARGEST_STEP, LARGEST_STEP)
            fresh[:3] = np.clip(fresh[:3], *LIMITS)
            here, change = fresh, np.abs(fresh - here).max()
            if change < SETTLED:
                break
        return here

    def _left(self, parameters: FloatArray) -> FloatArray:
        """What the best heights and parabolas leave of the light, in sigma, priors of the parabolas included; shape (n,)."""
        rows = self.rows
        image = Moffat(fwhm_arcsec=self.fwhm * np.exp(parameters[0]), slope=parameters[1], beta=parameters[2], pivot_nm=1.0)
        images = [image(rows.distance_arcsec - place, rows.colour[:, None], rows.pixel_arcsec) for place in parameters[3:]]
        terms = np.concatenate([np.stack(images, axis=-1), self.parabola], axis=-1)
        found = fit_rows(terms, self.weight, rows.light[..., None], self.parabola_prior)
        residual = (rows.light - (terms @ found)[..., 0]) * np.sqrt(self.weight)
        return np.concatenate([residual.ravel(), (found[:, -2:, 0] * np.sqrt(self.parabola_prior)).ravel()])
