"""Where the slit's image lies along the slit in a science frame, against the flat and the dispersion map.

Flexure moves the whole image on the detector: by the same pixels in all orders of an arm, but for a little of their own.  The sky then
ends before the flat does at one end of an order, and beyond it at the other, where flattened values mean nothing.  What is measured is
the end that can be seen: the sky's light, in units of the sky in the middle of the slit, falls there as the flat's own edge does, only
further in.  No object is needed; light of one only adds to what falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.slit import OrderSlit, SlitOffset
from soxspipe.numerics.medians import quick_percentile

BIN_ARCSEC = 0.1
"""Less than half a pixel: tilt and curvature fill the bins."""
LARGEST_ARCSEC = 3.5
"""Offsets of up to 3 arcsec were seen on sky."""
STEP_ARCSEC = 0.05
"""A fifth of a pixel; a parabola through the best finds the rest."""
INTERIOR_ARCSEC = 1.5
"""Of the slit beyond an edge that says how bright its light is."""
LEAST_BLUR_ARCSEC = 0.05
"""No edge is sharper than a fifth of a pixel."""
MODEL_ERROR = 0.02
"""Of the light along the slit against the polynomial below, relative."""
STAR_ERROR = 0.3
"""Of light above sky and median towards an edge: no polynomial follows a star there, and none is needed."""
BRIGHT = 2.5
"""Times the upper quartile of the light towards an edge (up to 70 % of it may be dark): an object's core."""
LARGEST_SHARE = 0.6
"""Of the faintest light inside, and of the sky: where more light than this comes, the slit has not ended; a star near the end only looks like an edge."""
FAINTEST_PERCENTILE, BRIGHTEST_PERCENTILE = 10.0, 75.0
"""Of the light inside an edge, what every place of the slit shows at least; of that beyond, what no dark place shows."""
SMOOTH_DEGREE = 3
"""Of sky and wings of an object towards an edge; no polynomial of 5 arcsec is as sharp as an edge."""
LEAST_SKY = 20.0
"""Significance of an order's sky in a bin, below which its edges say nothing."""
STEP_PX = 0.05
"""Smaller than the error of any single order."""
LARGEST_PX = 15.0
"""As far as an offset between flat and map is looked for."""
ORDER_SCATTER_PX = 0.3
"""By which orders differ from the motion of the detector."""
LARGEST_GAIN = 50.0
"""Chi squared that one order may add to the motion of all: none decides alone."""
MOST_BAD = 0.03
"""Of an order's lit pixels: where more are bad or saturated, wings of a star whose core is missing look like an edge."""
NEEDED_SIGNIFICANCE = 5.0
"""Nothing is moved that does not fit better beyond doubt."""
NEEDED_ALONE = 8.0
"""Of an order that moves without the others: a star near an end of the slit makes up to 6.5, a true motion of a pixel 15 and more."""
LEAST_PX = 0.3
"""A smaller motion is within what the trace and the sky's own terms take up."""
MARGIN_PX = 1.0
"""Rows next to an edge that are lit in part."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Misfit:
    """Chi squared of an order's two edges against offsets (arcsec) of a grid."""

    offset_arcsec: FloatArray
    chi2: FloatArray
    px_per_arcsec: float
    edges_arcsec: tuple[float, float]

    @property
    def at_limit(self) -> bool:
        """Whether the largest offset tried is the best: no edge was seen."""
        return int(np.argmin(self.chi2)) in (0, self.chi2.size - 1)


def measure_slit_offset(orders: Sequence[OrderData], skies: Sequence[FloatArray]) -> SlitOffset:
    """Measure the motion of the slit's image along the slit.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders of the arm, flattened.
    skies : sequence of ndarray
        Median sky of each (`first_sky`).

    Returns
    -------
    SlitOffset
        One motion for the arm, in pixels, and one for every order; not applied if it is not significant.
    """
    misfits = {data.window.order: _order_misfit(data, sky) for data, sky in zip(orders, skies, strict=True)}
    seen = {order: misfit for order, misfit in misfits.items() if misfit is not None and not misfit.at_limit}
    grid = np.arange(-LARGEST_PX, LARGEST_PX + STEP_PX, STEP_PX)
    by_px = {order: _in_pixels(misfit, grid) for order, misfit in seen.items()}
    if not by_px:
        return SlitOffset()
    total = np.sum([np.minimum(chi2 - chi2.min(), LARGEST_GAIN) for chi2 in by_px.values()], axis=0)
    common, error = _minimum(grid, total)
    orders_found = {order: _of_order(grid, chi2, common, seen[order]) for order, chi2 in by_px.items()}
    spread = [abs(one.px - common) for one in orders_found.values()]
    scatter = 1.25 * float(np.median(spread)) if len(spread) > 1 else 0.0
    error = float(np.hypot(error, scatter / np.sqrt(len(spread))))
    # an order without motion that could as well have the motion found is not a witness of it
    saved = {order: float(np.interp(0.0, grid, chi2) - chi2.min()) for order, chi2 in by_px.items()}
    together = abs(common) > LEAST_PX and float(np.interp(0.0, grid, total) - total.min()) > NEEDED_SIGNIFICANCE**2
    needed = NEEDED_SIGNIFICANCE if together else NEEDED_ALONE
    applied = any(abs(one.px) > LEAST_PX and saved[order] > needed**2 for order, one in orders_found.items())
    found = SlitOffset(px=common, error_px=error, applied=applied, orders=orders_found)
    return (
        replace(found, arcsec={data.window.order: found.of(data.window.order) / px_per_arcsec(data) for data in orders})
        if applied
        else found
    )


def follow_slit(data: OrderData, offset: SlitOffset) -> OrderData:
    """An order in slit positions and wavelengths of the science frame, without the rows that are not lit both in it and in the flat.

    The map moves with the image: lines are tilted, so a pixel that sees another place of the slit sees another wavelength too.

    Parameters
    ----------
    data : OrderData
        The order in slit positions of the map.
    offset : SlitOffset
        The motion, whose `applied` is true.

    Returns
    -------
    OrderData
        With shifted slit positions and wavelengths, and the ends of its own light; rows outside either edge are not good.
    """
    shift, px = offset.arcsec[data.window.order], offset.of(data.window.order)
    slit = data.window.slit_arcsec - shift
    low, high = offset.edges_of(data.window.order, data.window.half_slit_arcsec)
    margin = MARGIN_PX / abs(px_per_arcsec(data))
    # in positions of the science slit the flat's edges lie at low - shift and high - shift, its own at low and high
    first, last = max(low, low - shift) + margin, min(high, high - shift) - margin
    with np.errstate(invalid="ignore"):
        lit = (slit > first) & (slit < last)
    reach = max(float(np.nanmax(np.abs(slit))), 1e-9)
    return replace(
        data,
        window=replace(
            data.window, slit_arcsec=slit, wavelength_nm=moved_along_slit(data.window.wavelength_nm, px), lit_arcsec=(low, high)
        ),
        u_px=np.where(data.window.inside, np.nan_to_num(moved_along_slit(np.where(data.window.inside, data.u_px, np.nan), px)), 0.0),
        slit=np.where(data.window.inside, np.nan_to_num(slit) / reach, 0.0),
        good=data.good & lit,
    )


def moved_along_slit(values: FloatArray, px: float) -> FloatArray:
    """A smooth map, shape (n_disp, n_slit) and NaN outside the order, moved by `px` along axis 1; straight on where it did not reach."""
    whole = int(np.floor(px))
    near, far = _rolled(values, whole), _rolled(values, whole + 1)
    moved = near + (px - whole) * (far - near)
    straight = values - px * np.nanmedian(np.diff(values[:: max(values.shape[0] // 100, 1)], axis=1))
    return np.where(np.isfinite(moved), moved, straight)


def _rolled(values: FloatArray, columns: int) -> FloatArray:
    """Values some columns further on, NaN where there were none."""
    rolled = np.full(values.shape, np.nan)
    kept = max(values.shape[1] - abs(columns), 0)
    if columns >= 0:
        rolled[:, columns:] = values[:, :kept]
    else:
        rolled[:, :kept] = values[:, -columns:]
    return rolled


def px_per_arcsec(data: OrderData) -> float:
    """Pixels along the slit axis per arcsec, negative where the slit runs against them; median over an order."""
    some = data.window.slit_arcsec[:: max(data.window.slit_arcsec.shape[0] // 100, 1)]
    return 1.0 / float(np.nanmedian(np.diff(some, axis=1)))


def _order_misfit(data: OrderData, sky: FloatArray) -> _Misfit | None:
    """How well offsets explain where an order's light ends; None if there is too little of it, or too many pixels are bad."""
    lit = data.window.inside & (data.electrons != 0.0)
    if np.count_nonzero(lit & ~data.good) > MOST_BAD * np.count_nonzero(lit):
        return None
    centre, light, error, flat = _profiles(data, sky)
    edges = _flat_edges(centre, flat)
    if edges is None:
        return None
    middle = (centre > edges[0] + 3.0) & (centre < edges[1] - 3.0) & np.isfinite(light)
    if middle.sum() < 5 or not np.median(1.0 / error[middle]) > LEAST_SKY:
        return None
    steps = np.arange(0.0, LARGEST_ARCSEC + STEP_ARCSEC, STEP_ARCSEC)
    blur = max(_edge_blur(centre, flat, edges), LEAST_BLUR_ARCSEC)
    lower = _edge_misfit(centre - edges[0], light, error, steps, blur)
    upper = _edge_misfit(edges[1] - centre, light, error, steps, blur)
    # an edge that moves out beyond the flat's is not seen: all such offsets are as good as none
    return _Misfit(
        offset_arcsec=np.concatenate([-steps[:0:-1], steps]),
        chi2=np.concatenate([upper[:0:-1] + lower[0], lower + upper[0]]),
        px_per_arcsec=px_per_arcsec(data),
        edges_arcsec=edges,
    )


def _profiles(data: OrderData, sky: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Bins of slit position: centres, light over the sky with its error, and the flat."""
    window = data.window
    # where the flat is not lit there are no electrons and the pixel is not good; one that is bad or saturated says nothing of the flat
    unlit = ~data.good & (data.electrons == 0.0)
    told = window.inside & (data.good | unlit)
    flat = np.where(data.good, data.flat, 0.0)
    with np.errstate(invalid="ignore"):
        use = data.good & (sky > 0)
    low, high = float(np.nanmin(window.slit_arcsec)), float(np.nanmax(window.slit_arcsec))
    n_bins = int(np.ceil((high - low) / BIN_ARCSEC))
    place = np.clip(((np.nan_to_num(window.slit_arcsec) - low) / BIN_ARCSEC).astype(np.int64), 0, n_bins - 1)
    inverse = 1.0 / data.variance(np.maximum(sky, 0.0))
    bins, above = place[use], sky[use]
    power = np.bincount(bins, above**2 * inverse[use], n_bins)
    pulled = np.bincount(bins, above * data.electrons[use] * inverse[use], n_bins)
    count = np.bincount(place[told], minlength=n_bins)
    seen = np.flatnonzero(count)
    lit = (
        np.interp(np.arange(n_bins), seen, np.bincount(place[told], flat[told], n_bins)[seen] / count[seen])
        if seen.size
        else np.zeros(n_bins)
    )
    known = power > 0
    light = np.where(known, pulled / np.where(known, power, 1.0), np.nan)
    return low + (np.arange(n_bins) + 0.5) * BIN_ARCSEC, light, np.where(known, 1.0 / np.sqrt(np.where(known, power, 1.0)), np.inf), lit


def _flat_edges(centre: FloatArray, flat: FloatArray) -> tuple[float, float] | None:
    """Slit positions between which the flat is above half of its level."""
    bright = np.flatnonzero(flat > 0.5 * np.median(flat[flat > 0])) if (flat > 0).any() else np.array([], dtype=np.int64)
    if bright.size < 20:
        return None
    return float(centre[bright[0]] - 0.5 * BIN_ARCSEC), float(centre[bright[-1]] + 0.5 * BIN_ARCSEC)


def _edge_blur(centre: FloatArray, flat: FloatArray, edges: tuple[float, float]) -> float:
    """Standard deviation of the flat's edges, from its slope there (arcsec)."""
    level = float(np.median(flat[flat > 0]))
    slope = np.abs(np.gradient(flat, centre)) / level
    steepest = max(float(slope[np.abs(centre - edge) < 0.5].max(initial=0.0)) for edge in edges)
    return 1.0 / (np.sqrt(2.0 * np.pi) * steepest) if steepest > 0 else 0.3


def _edge_misfit(depth: FloatArray, light: FloatArray, error: FloatArray, steps: FloatArray, blur: float) -> FloatArray:
    """Chi squared of light that ends further in than the flat by each of `steps`; `depth` is the distance from the flat's edge inwards.

    A slit that has ended lets nothing through: light beyond that is not much less than anywhere inside says that it has not.
    """
    near = (depth > 0.5 * blur) & (depth < LARGEST_ARCSEC + INTERIOR_ARCSEC) & np.isfinite(light)
    if near.sum() < 10:
        return np.zeros(steps.size)
    near[near] = light[near] < BRIGHT * np.percentile(light[near], 75)
    depth, light, error = depth[near], light[near], error[near]
    if depth.size < 10:
        return np.zeros(steps.size)
    level = max(float(np.median(light[depth > LARGEST_ARCSEC])) if (depth > LARGEST_ARCSEC).any() else 1.0, 0.1)
    # where more than half of these places are dark their median is no sky, which is 1
    excess = np.maximum(light - max(float(np.median(light)), 1.0), 0.0)
    weight = 1.0 / (error**2 + (MODEL_ERROR * level) ** 2 + (STAR_ERROR * excess) ** 2)
    powers = np.power(depth / LARGEST_ARCSEC, np.arange(SMOOTH_DEGREE + 1)[:, None])
    # all steps at once: terms of shape (steps, powers, bins)
    terms = powers * (ndtr((depth - steps[:, None]) / blur) / ndtr(depth / blur))[:, None, :]
    weighted = terms * weight
    normal = weighted @ terms.transpose(0, 2, 1)
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(powers.shape[0])
    found = np.linalg.solve(normal, (weighted @ light)[..., None])
    chi2 = np.sum(weight * (light - (found.transpose(0, 2, 1) @ terms)[:, 0]) ** 2, axis=1)
    better = np.flatnonzero(chi2 < chi2[0])
    chi2[[place for place in better if _lit_beyond(depth - steps[place], light, blur)]] = chi2[0]
    return chi2 / max(1.0, float(chi2.min()) / depth.size)


def _lit_beyond(depth: FloatArray, light: FloatArray, blur: float) -> bool:
    """Whether light comes from beyond an edge, `depth` being the distance from it inwards: then the slit has not ended there."""
    beyond, inside = light[depth < -blur], light[depth > blur]
    if not beyond.size or not inside.size:  # nothing to compare, where much of the slit has no data
        return False
    most = LARGEST_SHARE * min(1.0, quick_percentile(inside, FAINTEST_PERCENTILE))
    return quick_percentile(beyond, BRIGHTEST_PERCENTILE) > most


def _in_pixels(misfit: _Misfit, grid: FloatArray) -> FloatArray:
    """Chi squared over a grid of motions in pixels; beyond what was tried, as bad as at the end."""
    return np.interp(grid / misfit.px_per_arcsec, misfit.offset_arcsec, misfit.chi2)


def _minimum(grid: FloatArray, chi2: FloatArray) -> tuple[float, float]:
    """Place of the least chi squared (a parabola through it and its neighbours) and its error, from where chi squared is 1 higher."""
    best = int(np.argmin(chi2))
    inside = np.flatnonzero(chi2 <= chi2[best] + 1.0)
    error = max(0.5 * float(grid[inside[-1]] - grid[inside[0]]), 0.5 * STEP_PX)
    if 0 < best < grid.size - 1:
        left, here, right = chi2[best - 1 : best + 2]
        bend = left - 2 * here + right
        return float(grid[best] + (0.5 * STEP_PX * (left - right) / bend if bend > 0 else 0.0)), error
    return float(grid[best]), error


def _of_order(grid: FloatArray, chi2: FloatArray, common: float, misfit: _Misfit) -> OrderSlit:
    """An order's own motion, held near that of the arm."""
    place, error = _minimum(grid, chi2 + ((grid - common) / ORDER_SCATTER_PX) ** 2)
    return OrderSlit(px=place, error_px=error, edges_arcsec=misfit.edges_arcsec)
