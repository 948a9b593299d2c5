"""Sky model in wavelength and slit position, order by order (Kelson 2003)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from pydantic import Field

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.settings import AlgorithmSettings
from soxspipe.algorithms.sky.sky_knots import LSF_SIGMA_PX, START_BIN, binned_median, bins_over, place_knots
from soxspipe.algorithms.sky.sky_sample import SkySample, sample_of
from soxspipe.algorithms.sky.sky_spline import (
    WIDTH_SLIT_DEGREE,
    Linearised,
    Placed,
    ShapeTerms,
    SkyPixels,
    SkySpline,
    fit_linear,
    gauss_newton,
    linearise,
    place_pixels,
    start_spline,
)
from soxspipe.algorithms.sky.uneven_lines import UnevenLight
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.errors import AlgorithmError
from soxspipe.numerics.piece_sums import pixel_blocks
from soxspipe.numerics.robust import largest_near
from soxspipe.numerics.rows import row_max


class SkySettings(AlgorithmSettings):
    """Settings of `fit_sky`."""

    subtract_sky: bool = Field(True, description="Model and subtract the sky.")
    clip_slit_edge_fraction: float = Field(0.02, ge=0, lt=0.45, description="Share of the slit left out of the sky fit at each end.")
    bspline_order: int = Field(3, ge=1, le=5, description="Degree of the B-spline in wavelength.")
    slit_illumination_order: int = Field(2, ge=0, le=5, description="Degree of the polynomial in slit position that scales the sky.")
    min_points_per_knot: int = Field(15, ge=2, description="Minimum number of sky pixels between two knots.")
    skyline_significance: float = Field(20.0, gt=0, description="Curvature (sigma per pixel) above which knots are set at their closest.")
    bspline_fitting_residual_clipping_sigma: float = Field(
        10.0,
        gt=0,
        description="Residual in sigma above which a pixel is left out in the first rounds; the last rounds go down to half of it.",
    )
    bspline_iteration_limit: int = Field(25, ge=1, le=100, description="Maximum number of rounds of the sky fit.")
    sky_model_qc_plot: bool = Field(True, description="Draw the sky-model QC plot of the middle order.")


START_TOLERANCE = 0.3
"""Of the local spread: before the first fit, flanks of lines are known that well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLimits:
    """Limits of a round: share of the settings' clipping limit, and of the local spread of the sky."""

    clip: float
    tolerance: float


FIRST_ROUND, LAST_ROUND = RoundLimits(clip=0.8, tolerance=0.1), RoundLimits(clip=0.5, tolerance=0.01)
"""Outliers are cut more sharply, the better the model is; the tolerance is the model's own error, which falls as it is fitted."""
SETTLED_LIMIT = 0.5
"""Of the limit on residuals: a round that moves the model by less has left out no more than what it should."""
SETTLED_SHARE = 0.003
"""Pixels of which that is not true.  Cosmic rays of an hour strike 0.001 of all; lines of one bright order are a tenth of it."""
UNMOVED_LIMIT = 0.2
"""Of the limit on residuals: the error of a round goes with the square of its step.  Four more rounds moved fluxes by 0.001 sigma (rms)."""
ENOUGH_PIXELS = 8.0
"""Along the slit, after thinning: knots a pixel apart stay determined by what is left."""
START_SIGMA = 6.0
"""Only what is surely no sky goes before the first fit."""
WIDTH_SIGMA = 12.0
"""Lines must be wider beyond doubt before the width becomes free: it takes light from the object."""
LEAST_WIDTH_PX2 = 0.01
"""Significance and size of a change of the lines' width along the slit that is modelled: below it a line is wrong by less than 0.5 %."""

WING_TERMS = 2
"""Slope and curvature across the slit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkyFit:
    """Sky solution of one order on its window.

    Attributes
    ----------
    data : OrderData
        What was fitted.
    spline : SkySpline
        The model.
    electrons : ndarray, shape of the window
        The model evaluated, flattened electrons.
    used : ndarray of bool, shape of the window
        Pixels that took part.
    uneven : UnevenLight or None
        Light of lines that change along the slit, which `data` are already without.
    """

    data: OrderData
    spline: SkySpline
    electrons: FloatArray
    used: BoolArray
    uneven: UnevenLight | None = None


def fit_order_sky(
    data: OrderData,
    settings: SkySettings,
    *,
    keep: BoolArray,
    object_light: FloatArray | None = None,
    start: SkySpline | None = None,
    start_is_good: bool = False,
    thin: int = 1,
) -> SkyFit:
    """Fit the sky of one order.

    Parameters
    ----------
    data : OrderData
        Pixels of the order.
    settings : SkySettings
        Degree, knots, clipping.
    keep : ndarray of bool, shape of the window
        False where the object is, and at the slit's ends.
    object_light : ndarray or None
        Flattened electrons of the object, taken off before the fit.
    start : SkySpline or None
        A previous solution, which saves the robust start.
    start_is_good : bool
        It is one of the same lines on the same slit: one round is enough if it moves no pixel by much.
    thin : int
        Without a start: only every so many pixels take part, in the sequence of wavelength, of an order that has enough of them
        (`ENOUGH_PIXELS`); knots are placed as all pixels ask for.

    Returns
    -------
    SkyFit
        The solution.

    Raises
    ------
    AlgorithmError
        If fewer pixels are left than the spline needs.
    """
    clip, sample = settings.bspline_fitting_residual_clipping_sigma, sample_of(data, data.good & keep, object_light)
    if sample.index.size < 20 * settings.min_points_per_knot:
        raise AlgorithmError(f"only {sample.index.size} sky pixels are left in order {data.window.order}")
    if start is None:
        share = sample.index.size / max(float(data.good.sum()), 1.0)
        sample, spline, placed = _start(sample, settings, data.binning, share, thin)
    elif start_is_good:
        spline, placed = _restart(start, sample, clip)
    else:
        spline, placed = start, place_pixels(start, sample.u, sample.slit)
    wings = None if object_light is None else _wings(object_light, sample.index, placed.terms)
    here = linearise(spline, placed)
    last = None
    if start is None or start_is_good or settings.bspline_iteration_limit == 1:
        last = _one_round(LAST_ROUND, spline, sample.expecting(here.sky), here, placed.terms, clip, wings)
    if last is None or (settings.bspline_iteration_limit > 1 and not _settled(spline, last, here, is_first=start is None)):
        first = _one_round(FIRST_ROUND, spline, sample.expecting(here.sky), here, placed.terms, clip)
        spline, placed = _widened(first)
        here = linearise(spline, placed)
        last = _one_round(LAST_ROUND, spline, sample.expecting(here.sky), here, placed.terms, clip, wings)
    used = np.zeros(data.good.shape, dtype=bool)
    used.ravel()[sample.index] = last.use
    return SkyFit(data=data, spline=last.spline, electrons=_on_window(last, data, sample.index), used=used)


def _wings(object_light: FloatArray, index: IntArray, terms: ShapeTerms) -> FloatArray:
    """What the object's wings may look like at the pixels: its light, and polynomials across the slit as high as its peak; shape (n_wings, n)."""
    peak = row_max(object_light).take(index // object_light.shape[1])
    return np.stack([object_light.take(index), *(peak * terms.across[:WING_TERMS])])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Round:
    """What a round made.

    Attributes
    ----------
    spline : SkySpline
        The model.
    pixels : SkyPixels
        With the variance that was used.
    use : ndarray of bool, shape (n,)
        Which of them took part.
    weight, limit : ndarray, shape (n,)
        Their weight, 0 for those that took no part, and the limit on residuals.
    piece, t : ndarray, shape (n,)
        Where they lie on the spline.
    terms : ShapeTerms
        Polynomials of its shape at the pixels.
    sky : ndarray, shape (n,)
        The model at the pixels.
    """

    spline: SkySpline
    pixels: SkyPixels
    use: BoolArray
    weight: FloatArray
    limit: FloatArray
    piece: IntArray
    t: FloatArray
    terms: ShapeTerms
    sky: FloatArray


def _one_round(
    limits: RoundLimits,
    before: SkySpline,
    pixels: SkyPixels,
    here: Linearised,
    terms: ShapeTerms,
    clip_sigma: float,
    wings: FloatArray | None = None,
) -> _Round:
    """Leave outliers out and step once; with `wings` where the round is to say what the slit's illumination is."""
    limit = _limit(limits, before, pixels, clip_sigma)
    use = np.abs(pixels.electrons - here.sky) <= limit
    weight = use / pixels.variance
    spline = gauss_newton(before, pixels, weight, here, wings)
    piece, t = spline.place(pixels.u, terms)
    sky = spline.gain(terms) * spline.plain(piece, t, spline.widened(terms))
    return _Round(spline=spline, pixels=pixels, use=use, weight=weight, limit=limit, piece=piece, t=t, terms=terms, sky=sky)


def _on_window(found: _Round, data: OrderData, index: IntArray) -> FloatArray:
    """The sky on the whole window; of the pixels that were fitted (flat indices), a round has it already."""
    others = np.array(data.window.inside).reshape(-1)
    others[index] = False
    rest = np.flatnonzero(others)
    sky = np.zeros(others.size)
    sky[index] = found.sky
    sky[rest] = found.spline(data.u_px.take(rest), data.slit.take(rest))
    return sky.reshape(data.good.shape)


def _limit(limits: RoundLimits, spline: SkySpline, pixels: SkyPixels, clip_sigma: float) -> FloatArray:
    """Largest residual that is not an outlier, shape (n,)."""
    return limits.clip * clip_sigma * np.sqrt(pixels.variance) + limits.tolerance * spline.local_range(pixels.u)


def _settled(before: SkySpline, found: _Round, here: Linearised, *, is_first: bool) -> bool:
    """Whether a round from `before` is enough: lines have one width, and it left out no pixel that its own model would take in.

    A first sky is made to see what else is there, and may be wrong in a few pixels.  Of a better one no pixel may have moved far.
    """
    most = SETTLED_SHARE * found.use.size
    if np.count_nonzero(~found.use) > most:
        return False
    far = _moved_beyond(SETTLED_LIMIT if is_first else UNMOVED_LIMIT, before, found, here)
    if far > (most if is_first else 0):
        return False
    return not _width_changes(found)


def _moved_beyond(share: float, before: SkySpline, found: _Round, here: Linearised) -> int:
    """Pixels that the step in shape moved by more than a share of the limit on residuals."""
    after, terms, limit = found.spline, found.terms, share * found.limit
    shift, gain = after.shift - before.shift, after.illumination - before.illumination
    # polynomials lie between -1 and 1: few pixels can have moved as far, and for these alone it is worked out
    near = np.flatnonzero(np.abs(shift).sum() * np.abs(here.slope) + np.abs(gain).sum() * np.abs(here.plain) > limit)
    across = terms.across.take(near, axis=1)
    moved = here.slope.take(near) * np.einsum("ij,ij->j", shift.T @ terms.along.take(near, axis=1), across[: shift.shape[1]])
    moved += here.plain.take(near) * (gain @ across[: gain.size])
    return int(np.count_nonzero(np.abs(moved) > limit.take(near)))


def _widened(found: _Round) -> tuple[SkySpline, Placed]:
    """The spline of a round and the pixels on it, with a change of the lines' width along the slit if they show one."""
    if not _width_changes(found):
        blocks = pixel_blocks(found.piece, found.spline.space.n_pieces)
        return found.spline, Placed(piece=found.piece, t=found.t, blocks=blocks, terms=found.terms)
    free = replace(found.spline, width=np.zeros(WIDTH_SLIT_DEGREE))
    there = place_pixels(free, found.pixels.u, found.pixels.slit)
    spline = gauss_newton(free, found.pixels, found.weight, linearise(free, there))
    return spline, place_pixels(spline, found.pixels.u, found.pixels.slit, there.terms)


def _width_changes(found: _Round) -> bool:
    """Whether residuals look like lines that are wider at one end of the slit, or at both, than in the middle; not asked twice."""
    spline = found.spline
    if spline.width.size or spline.space.degree < 3 or not spline.shift.size:
        return False
    residual = found.pixels.electrons - found.sky
    bend = spline.curvature(spline.space.polynomials(spline.coefficients), found.piece, found.t)
    for across in found.terms.across[:WIDTH_SLIT_DEGREE]:
        shape = bend * across
        weighted = found.weight * shape
        power = float(weighted @ shape)
        amount = float(weighted @ residual) / max(power, 1e-30)
        if abs(amount) > LEAST_WIDTH_PX2 and abs(amount) * np.sqrt(power) > WIDTH_SIGMA:
            return True
    return False


def _start(
    sample: SkySample, settings: SkySettings, binning: tuple[int, int], share: float, thin: int
) -> tuple[SkySample, SkySpline, Placed]:
    """Knots from the median spectrum, and a first spline on the pixels that agree with it; of these, only as many as are to take part."""
    u_range = (float(sample.u.min()), float(sample.u.max()) + 1e-6)
    lsf_px = LSF_SIGMA_PX / binning[0]
    bins = bins_over(u_range, START_BIN * lsf_px)
    bin_of, grid = bins.of(sample.u), bins.middle
    value = binned_median(sample.electrons, bin_of, bins.number)
    expected = np.interp(sample.u, grid, value)
    pixels = sample.expecting(expected)
    reach = round(2.5 * lsf_px / bins.width_px)
    spread = np.interp(pixels.u, grid, largest_near(value, reach) + largest_near(-value, reach))
    use = np.abs(pixels.electrons - expected) <= START_SIGMA * np.sqrt(pixels.variance) + START_TOLERANCE * spread
    used_bins = bin_of[use]
    noise = np.sqrt(binned_median(pixels.variance[use], used_bins, bins.number, empty=1.0))
    density = np.convolve(np.bincount(used_bins, minlength=bins.number), np.full(9, 1 / 9), mode="same") / bins.width_px
    density = density / share  # later fits see the pixels that are masked now
    breaks = place_knots(
        grid,
        value,
        noise,
        density,
        settings.skyline_significance,
        max(3, settings.min_points_per_knot // (binning[0] * binning[1])),
        lsf_px,
    )
    breaks[-1] = max(breaks[-1], u_range[1])
    empty = start_spline(breaks, settings.bspline_order, u_range, settings.slit_illumination_order, with_shift=True)
    weight = use / pixels.variance
    if thin > 1 and sample.index.size > thin * ENOUGH_PIXELS * (u_range[1] - u_range[0]):
        sample, weight = sample.every(thin), weight[::thin]
    placed = place_pixels(empty, sample.u, sample.slit)
    return sample, fit_linear(empty, sample.electrons, weight, placed), placed


def _restart(start: SkySpline, sample: SkySample, clip_sigma: float) -> tuple[SkySpline, Placed]:
    """A previous solution whose spectrum is solved for again on the pixels at hand.

    A step in shape and spectrum at once, from a spectrum that was fitted to fewer pixels, left up to 5e-4 of a faint object's flux wrong.
    """
    placed = place_pixels(start, sample.u, sample.slit)
    sky = start.gain(placed.terms) * start.plain(placed.piece, placed.t, start.widened(placed.terms))
    pixels = sample.expecting(sky)
    use = np.abs(pixels.electrons - sky) <= _limit(FIRST_ROUND, start, pixels, clip_sigma)
    return fit_linear(start, sample.electrons, use / pixels.variance, placed), placed


def first_sky(data: OrderData) -> FloatArray:
    """Median of the whole slit at each wavelength: a sky good enough to find the object; shape of the window."""
    u, choice = data.u_px, data.good
    if not choice.any():
        return np.zeros(u.shape)
    along = u[choice]
    bins = bins_over((float(along.min()), float(along.max()) + 1e-6))
    value = binned_median(data.electrons[choice], bins.of(along), bins.number)
    return np.where(data.window.inside, np.interp(u, bins.middle, value), 0.0)
