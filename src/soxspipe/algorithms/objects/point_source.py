"""Whether guiding smeared the object's image: lopsided, drawn out or doubled along the slit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.objects.slit_model import MIDDLE, SlitFit, SlitModel
from soxspipe.algorithms.objects.slit_rows import SlitRows, measure_rows
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray
from soxspipe.datamodel.trace import ObjectTrace

ROWS_WANTED = 8
"""Stretches over all orders: enough for how seeing goes with wavelength, each still bright."""
SMEARED_SHARE = 0.12
"""Of the light away from the main place and its neighbours: a still star has less than 0.05."""
NEEDED_GAIN = 100.0
"""Chi squared that places must save before they are believed."""
GOOD_FIT = 1.5
"""Chi squared per bin above which the places explain the light no better than chance: an object of few lines, say."""
LEAST_WIDTH, LEAST_BETA = 0.35, 1.6
"""Width over the trace's and exponent that a star's own image has at least."""
LEAST_SHARE = 0.01
"""Of the light; less is within the error of the profile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmearedStar:
    """A Moffat (FWHM at median wavelength, exponent of wavelength, beta) and the places it stood at: arcsec from the trace, share."""

    fwhm_arcsec: float
    slope: float
    beta: float
    places: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StarFit:
    """A point source of any shape fitted to rows of light.

    Attributes
    ----------
    parts : int
        Rows per order.
    rows : SlitRows
        The data.
    model : SlitModel
        Of the rows.
    fit : SlitFit
        The best point source.
    """

    parts: int
    rows: SlitRows
    model: SlitModel
    fit: SlitFit


def parts_for(rows_wanted: int, n_orders: int) -> int:
    """Rows per order so that all orders have about as many as wanted."""
    return max(1, rows_wanted // n_orders)


def fit_star(
    fits: Sequence[SkyFit], rejected: Sequence[BoolArray], trace: ObjectTrace, parts: int, known: StarFit | None = None
) -> StarFit | None:
    """Fit a point source to the light along the slit, begun from one that is known in other parts of the same orders.

    Other arguments as for `measure_rows`; None where there is no light to fit.
    """
    rows = measure_rows(fits, rejected, trace, parts)
    if trace.forced or not rows.weight.any() or not np.isfinite(trace.fwhm_arcsec):
        return None
    model = SlitModel(rows, trace.fwhm_arcsec)
    return StarFit(parts=parts, rows=rows, model=model, fit=model.start(None if known is None else known.fit))


def measure_smearing(star: StarFit | None, trace: ObjectTrace) -> SmearedStar | None:
    """Tell a point source that moved along the slit from one that stood still.

    Parameters
    ----------
    star : StarFit or None
        Fitted to orders with their first skies, companions taken off, without pixels that a first profile takes for struck.
    trace : ObjectTrace
        The object.

    Returns
    -------
    SmearedStar or None
        None if a star that stood still explains the light as well.
    """
    if star is None:
        return None
    model, fit = star.model, star.fit
    near = float(fit.shares[MIDDLE - 1 : MIDDLE + 2].sum())
    explained = fit.misfit < GOOD_FIT * np.count_nonzero(model.weight) and fit.shape[0] > np.log(LEAST_WIDTH) and fit.shape[2] > LEAST_BETA
    if not explained or 1.0 - near < SMEARED_SHARE or model.still(fit).misfit - fit.misfit < NEEDED_GAIN:
        return None
    kept = [(float(at), float(share)) for at, share in zip(model.places, fit.shares, strict=True) if share > LEAST_SHARE]
    total = sum(share for _, share in kept)
    return SmearedStar(
        fwhm_arcsec=float(trace.fwhm_arcsec * np.exp(fit.shape[0])),
        slope=float(fit.shape[1]),
        beta=float(fit.shape[2]),
        places=tuple((at, share / total) for at, share in kept),
    )
