"""Which objects lie on the slit: the coherent light of all orders, collapsed along the dispersion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.trace import SlitSource
from soxspipe.numerics.robust import grouped_median, mad_sigma

BIN_ARCSEC = 0.15
"""Half a pixel: tilt of the slit and curvature of the order fill the bins."""
BIN_SHARE = 0.55
"""Bins of half a pixel, where pixels are larger (binning)."""
CHUNK_PX = 64
"""A median over as many rows is robust, and the trace has not moved."""
TEMPLATE_FWHM_ARCSEC = 0.9
"""Typical of La Silla; the significance depends little on it."""
LARGEST_COUNT = 5
"""More than this on a slit of 12 arcsec is structure of a host, no list of stars."""
LEVEL_ROUNDS = 12
"""The level of a crowded slit sinks slowly, as one object after the other is left out."""
LEVEL_SIGMA = 2.0
"""Wings of objects must not raise the level of the sky."""
LARGEST_PASSED = 3
"""Peaks that turn out to belong to objects already found before the search ends."""
COMPANION_SHARE = 0.01
"""Of the brightest: what is fainter cannot be told from its wings."""
CLEAR_SHARE, CLEAR_SIGNIFICANCE = 0.1, 30.0
"""Of the brightest, and in sigma of its errors: so much is not scatter, but makes it; what fits leave of a bright star's wings is 6 % at most."""
WINGS_SHARE, EVEN_SIGNIFICANCE = 0.06, 15.0
"""Of the brightest, and in sigma once the rest of the slit is made even: more than what fits leave of a bright star's wings, in a slit that
the companion's own light, as the sky has taken it, has bent."""
APART_FWHM = 1.5
"""Nearer than this two images are one."""
CONTRAST = 1.0
"""Over the wings of brighter objects there: what is less could be the wings' own."""
NARROWEST_FWHM, WIDEST_FWHM = 0.5, 2.0
"""Stars on one slit have one width; a hump much narrower or wider than the brightest is none."""
WIDER_SHARE, WIDER_SIGMA = 0.15, 2.0
"""By so much, and so many errors, a companion may be wider than the brightest: simulated ones had 0.8 to 1.05 of its width, galaxies whose
middle lies beside a star 1.25 to 1.5."""
FEWEST_AWAY = 20
"""Bins that must be left for their scatter to be told."""
CORE_FWHM = 1.0
"""Light nearer than this is never another object's."""
WING_TOLERANCE = 0.02
"""Of real wings against a Moffat."""
WING_CLIP = 4.0
"""Light of a neighbour must not widen the wings."""
WING_ROUNDS = 4
"""Clipping and fitting in turn; few outliers are left for the last."""
EXPONENTS = (1.4, 1.7, 2.0, 2.3, 2.6, 3.0, 3.5, 4.2, 5.5)
"""Moffat exponents from a sharp core with wide wings to nearly a Gaussian."""
WIDTHS_ARCSEC = tuple(0.45 * 1.12**k for k in range(19))
"""From half the usual seeing to the worst that is observed in, in steps of 12 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlitLight:
    """Light along the slit, all orders together.

    Attributes
    ----------
    slit_arcsec : ndarray, shape (n,)
        Centres of the bins.
    light, error : ndarray, shape (n,)
        Mean electrons per pixel above the sky model and its error; NaN in empty bins.
    """

    slit_arcsec: FloatArray
    light: FloatArray
    error: FloatArray


def collapse(orders: Sequence[OrderData], skies: Sequence[FloatArray], bin_arcsec: float = BIN_ARCSEC) -> SlitLight:
    """Collapse what the sky models leave along the dispersion.

    The median over `CHUNK_PX` dispersion pixels of every bin of the slit is robust against cosmic rays and residuals of lines; chunks
    are averaged with inverse-variance weights.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : sequence of ndarray
        Sky model of each, shape of its window.
    bin_arcsec : float
        Width of the bins.

    Returns
    -------
    SlitLight
        On bins of `bin_arcsec`.
    """
    half_slit = orders[0].window.half_slit_arcsec
    n_bins = max(1, int(np.ceil(2 * half_slit / bin_arcsec)))
    weighted, weights = np.zeros(n_bins), np.zeros(n_bins)
    for data, sky in zip(orders, skies, strict=True):
        good = data.good
        bins = np.clip(((data.window.slit_arcsec[good] + half_slit) / bin_arcsec).astype(np.int64), 0, n_bins - 1)
        chunk = (np.broadcast_to(np.arange(good.shape[0])[:, None], good.shape)[good]) // CHUNK_PX
        cell = chunk * n_bins + bins
        n_cells = int(chunk.max(initial=0) + 1) * n_bins
        median = grouped_median((data.electrons - sky)[good], cell, n_cells).reshape(-1, n_bins)
        count = np.bincount(cell, minlength=n_cells).reshape(-1, n_bins)
        noise2 = np.bincount(cell, data.variance(sky)[good], n_cells).reshape(-1, n_bins) / np.maximum(count, 1)
        weight = np.where(count >= 8, count / np.maximum(1.57 * noise2, 1e-12), 0.0)
        weighted += np.nansum(np.where(weight > 0, median, 0.0) * weight, axis=0)
        weights += weight.sum(axis=0)
    filled = weights > 0
    return SlitLight(
        slit_arcsec=(np.arange(n_bins) + 0.5) * bin_arcsec - half_slit,
        light=np.where(filled, weighted / np.where(filled, weights, 1.0), np.nan),
        error=np.where(filled, 1.0 / np.sqrt(np.where(filled, weights, 1.0)), np.nan),
    )


def level(slit_light: SlitLight) -> SlitLight:
    """Take off the parabola that the slit itself follows.

    The slit's illumination leaves sky that grows towards its ends, which is not an object.  The parabola is fitted to the bins that stay
    when all that lie above it are clipped, round by round.
    """
    usable = np.isfinite(slit_light.light) & np.isfinite(slit_light.error)
    if usable.sum() < 12:
        return slit_light
    x = slit_light.slit_arcsec / max(float(np.abs(slit_light.slit_arcsec).max()), 1e-9)
    kept, base = usable.copy(), np.zeros(x.size)
    for _ in range(LEVEL_ROUNDS):
        base = np.polynomial.Polynomial.fit(x[kept], slit_light.light[kept], 2, w=1.0 / slit_light.error[kept])(x)
        residual = (slit_light.light - base) / slit_light.error
        below = residual[usable & (residual < 0)]
        spread = max(float(np.sqrt(np.mean(below**2))) if below.size else 1.0, 0.5)
        fresh = usable & (residual < LEVEL_SIGMA * spread)
        if np.array_equal(fresh, kept) or fresh.sum() < 0.35 * usable.sum():
            break
        kept = fresh
    return replace(slit_light, light=slit_light.light - base)


def level_between(slit_light: SlitLight) -> SlitLight:
    """As `level`, for light that may be missing as well: bins far above and far below the others are clipped alike."""
    usable = np.isfinite(slit_light.light) & np.isfinite(slit_light.error)
    if usable.sum() < 12:
        return slit_light
    x = slit_light.slit_arcsec / max(float(np.abs(slit_light.slit_arcsec).max()), 1e-9)
    base = np.full(x.size, float(np.median(slit_light.light[usable])))
    for _ in range(LEVEL_ROUNDS):
        residual = (slit_light.light - base) / slit_light.error
        kept = usable & (np.abs(residual) < LEVEL_SIGMA * max(mad_sigma(residual[usable]), 0.5))
        base = np.polynomial.Polynomial.fit(x[kept], slit_light.light[kept], 2, w=1.0 / slit_light.error[kept])(x)
    return replace(slit_light, light=slit_light.light - base)


_Peak = tuple[float, float, float, float]
"""Position and FWHM (arcsec), significance, height."""


def find_sources(slit_light: SlitLight, needed: float) -> tuple[SlitSource, ...]:
    """List the objects that stand out of the light along the slit.

    Parameters
    ----------
    slit_light : SlitLight
        Collapsed light.
    needed : float
        Significance an object must have, in sigma of its coherent light; the scatter seen away from the peaks counts when it is
        larger than the expected one.

    Returns
    -------
    tuple of SlitSource
        Brightest first, at most `LARGEST_COUNT`; empty if nothing stands out.
    """
    remaining = np.array(slit_light.light)
    explained = np.zeros(remaining.size)
    found: list[_Peak] = []
    for _ in range(LARGEST_COUNT + LARGEST_PASSED):
        away = _away(slit_light, found)
        level, significance, scatter = _filtered(slit_light, remaining, away)
        peak = int(np.nanargmax(significance)) if np.isfinite(significance).any() else 0
        strength = float(np.nan_to_num(significance[peak], nan=-np.inf))
        share = float(level[peak] / found[0][3]) if found and found[0][3] > 0 else 1.0
        stands_out = strength >= needed or (share > CLEAR_SHARE and strength * scatter > CLEAR_SIGNIFICANCE)
        if not stands_out and found and share > WINGS_SHARE:
            stands_out = _stands_out_of_even(slit_light, remaining, away, peak, WINGS_SHARE * found[0][3])
        if not stands_out or share < COMPANION_SHARE or len(found) == LARGEST_COUNT:
            break
        position, fwhm, top = measure_peak(slit_light.slit_arcsec, remaining, peak)
        seen = position if not found else _unmirrored(slit_light, position, found[0][0])
        if not found or _is_another((seen, fwhm, strength, float(level[peak])), float(explained[peak]), found):
            # where the lit slit ends the filter sees little of an object, and makes too much of it
            found.append((position, fwhm, strength, min(float(level[peak]), top) if found else float(level[peak])))
            own = own_light(slit_light, remaining, position, fwhm)
            explained, remaining = explained + own, remaining - own
        reach = APART_FWHM * min(fwhm, found[0][1])
        near = np.abs(slit_light.slit_arcsec - position) < reach
        remaining[near] = np.minimum(remaining[near], 0.0)
    # while the first was looked for, the others' light and its own wings were scatter
    _, against_empty_slit, _ = _filtered(slit_light, slit_light.light, _away(slit_light, found))
    return tuple(
        SlitSource(
            slit_arcsec=p,
            fwhm_arcsec=w,
            significance=max(z, _largest_near(slit_light, against_empty_slit, p)),
            relative_flux=h / found[0][3] if found[0][3] else 1.0,
        )
        for p, w, z, h in found
    )


def _stands_out_of_even(slit_light: SlitLight, light: FloatArray, away: BoolArray, peak: int, least: float) -> bool:
    """Whether a peak is an object's once the bend of the rest of the slit is taken off, which its own light may have made."""
    even = level(replace(slit_light, light=np.where(away, light, np.nan))).light
    height, significance, _ = _filtered(slit_light, even, away)
    return bool(height[peak] > least and significance[peak] > EVEN_SIGNIFICANCE)


def _largest_near(slit_light: SlitLight, significance: FloatArray, position: float) -> float:
    """Largest significance within the core of an object."""
    return float(np.nan_to_num(significance[np.abs(slit_light.slit_arcsec - position) < BIN_ARCSEC * 2]).max(initial=0.0))


def is_alike(fwhm_arcsec: float, brightest_fwhm_arcsec: float) -> bool:
    """Whether an image beside the brightest is as wide as a star's there is: seeing is one for all of a slit."""
    return NARROWEST_FWHM * brightest_fwhm_arcsec < fwhm_arcsec < WIDEST_FWHM * brightest_fwhm_arcsec


def _is_another(seen: _Peak, explained: float, found: Sequence[_Peak]) -> bool:
    """Whether light beside objects that are known is an object and not a part of them.

    Humps nearer than `APART_FWHM` belong to an image that guiding has doubled; light that is not much above the wings there is wing; light
    much wider than the brightest object's image is a galaxy's, and much narrower is not a star's.
    """
    position, fwhm, significance, height = seen
    apart = all(abs(position - other) > APART_FWHM * width for other, width, *_ in found)
    widest = (1.0 + WIDER_SHARE + WIDER_SIGMA / max(significance, 1.0)) * found[0][1]  # a width's relative error is about 1 / significance
    return apart and height > CONTRAST * max(explained, 0.0) and is_alike(fwhm, found[0][1]) and fwhm < widest


def _unmirrored(slit_light: SlitLight, position: float, centre: float) -> float:
    """Where light beside an object peaks once the object's other side, mirrored, is taken off.

    The hump of a doubled image distorts what is measured of the image on its own side, and seems further away than it is.
    """
    slit = slit_light.slit_arcsec
    known = np.isfinite(slit_light.light)
    other_side = np.interp(2.0 * centre - slit, slit[known], slit_light.light[known])
    excess = np.convolve(np.interp(slit, slit[known], slit_light.light[known]) - other_side, np.full(3, 1.0 / 3.0), mode="same")
    here = int(np.argmin(np.abs(slit - position)))
    step = 1 if centre > position else -1
    while 0 < here < slit.size - 1 and step * (centre - slit[here]) > 0 and excess[here + step] > excess[here]:
        here += step
    return float(slit[here])


def own_light(slit_light: SlitLight, light: FloatArray, position_arcsec: float, fwhm_arcsec: float) -> FloatArray:
    """An object's own light along the slit: on either side a Moffat of that side's width whose exponent is free.

    Parameters
    ----------
    slit_light : SlitLight
        For positions and errors.
    light : ndarray, shape (n,)
        What is left of it; NaN in empty bins.
    position_arcsec, fwhm_arcsec : float
        Of the object.

    Returns
    -------
    ndarray, shape (n,)
        Electrons per pixel.  Other objects in the wings are left out of the fit by clipping what lies above it.
    """
    known = np.isfinite(light) & np.isfinite(slit_light.error)
    distance = slit_light.slit_arcsec - position_arcsec
    own = np.zeros(light.size)
    for side in (distance <= 0, distance > 0):
        own[side] = _side_light(np.abs(distance), light, slit_light.error, side & known, CORE_FWHM * fwhm_arcsec)[side]
    return own


def _side_light(distance: FloatArray, light: FloatArray, error: FloatArray, use: BoolArray, core_arcsec: float) -> FloatArray:
    """Moffat, with a constant beside it that is not returned, through one side of an object; best exponent and width of a grid."""
    if use.sum() < 6:
        return np.zeros(light.size)
    target = np.where(use, light, 0.0)
    weight = np.where(use, 1.0 / (np.square(error) + np.square(WING_TOLERANCE * light)), 0.0)
    core = distance < max(core_arcsec, float(np.partition(distance[use], 3)[3]))
    widths, exponents = np.meshgrid(WIDTHS_ARCSEC, EXPONENTS, indexing="ij")
    shape = moffat(distance[None, :], widths.reshape(-1, 1), exponents.reshape(-1, 1))
    kept = np.broadcast_to(weight, shape.shape)
    for _ in range(WING_ROUNDS):
        s0, s1, s2 = kept.sum(axis=1), (kept * shape).sum(axis=1), (kept * shape**2).sum(axis=1)
        r0, r1 = kept @ target, (kept * shape) @ target
        determinant = np.maximum(s0 * s2 - s1**2, 1e-12 * s0 * s2)
        height, base = (s0 * r1 - s1 * r0) / determinant, (s2 * r0 - s1 * r1) / determinant
        above = (target - base[:, None] - height[:, None] * shape) * np.sqrt(weight)
        kept = np.where((above > WING_CLIP) & ~core, 0.0, weight)
    misfit = np.where(height > 0, np.where(core, np.square(above), np.minimum(np.square(above), WING_CLIP**2)).sum(axis=1), np.inf)
    best = int(np.argmin(misfit))
    return np.maximum(height[best], 0.0) * shape[best]


def strongest(slit_light: SlitLight) -> float:
    """Significance of the strongest peak, for the message that nothing was found."""
    _, significance, _ = _filtered(slit_light, slit_light.light)
    return float(np.nanmax(significance)) if np.isfinite(significance).any() else 0.0


def _away(slit_light: SlitLight, found: Sequence[_Peak]) -> BoolArray:
    """Bins beyond the images of objects that are known: what a model leaves of a bright core says nothing of the rest of the slit."""
    away = np.ones(slit_light.slit_arcsec.size, dtype=bool)
    for position, fwhm, *_ in found:
        away &= np.abs(slit_light.slit_arcsec - position) > APART_FWHM * fwhm
    return away


def _filtered(slit_light: SlitLight, light: FloatArray, away: BoolArray | None = None) -> tuple[FloatArray, FloatArray, float]:
    """Light under a matched filter above the level of the slit, its significance, and by how much scatter in the bins `away` has lowered that."""
    usable = np.isfinite(light)
    base = float(np.median(light[usable])) if usable.any() else 0.0
    bin_arcsec = float(slit_light.slit_arcsec[1] - slit_light.slit_arcsec[0])
    reach = round(1.8 / bin_arcsec)
    kernel = moffat(np.arange(-reach, reach + 1) * bin_arcsec, TEMPLATE_FWHM_ARCSEC)
    weight = np.where(usable, 1.0 / np.square(np.where(usable, slit_light.error, 1.0)), 0.0)
    value = np.where(usable, light - base, 0.0)
    signal = np.convolve(weight * value, kernel, mode="same")
    power = np.convolve(weight, kernel**2, mode="same")
    amplitude = signal / np.maximum(power, 1e-30)
    significance = np.where(power > 0, signal / np.sqrt(np.maximum(power, 1e-30)), np.nan)
    rest = significance if away is None or np.count_nonzero(away & usable) <= FEWEST_AWAY else significance[away]
    floor = mad_sigma(rest[rest < np.nanpercentile(rest, 70)]) if usable.sum() > 10 else 1.0
    lowered = max(1.0, 1.6 * floor)
    return amplitude, significance / lowered, lowered


def measure_peak(slit: FloatArray, light: FloatArray, peak: int) -> tuple[float, float, float]:
    """Position, FWHM (arcsec) and height of a peak from its half-height crossings and centroid.

    An object at the end of the lit slit has one crossing: it is then where it is brightest, and as wide as that side says twice over.
    """
    # bins without pixels (an undersampled object always at one pixel phase) are bridged
    known = np.isfinite(light)
    value = np.interp(slit, slit[known], light[known]) - float(np.median(light[known]))
    lit = np.flatnonzero(known)
    peak = int(np.clip(peak, lit[0], lit[-1]))  # the filter sees an object at the end of the lit bins beyond them too
    window = slice(max(peak - 3, int(lit[0])), min(peak + 3, int(lit[-1])) + 1)
    top = window.start + int(np.argmax(value[window]))
    height = float(value[top])
    sides = [_half_height(slit, value, top, end, 0.5 * height) for end in (int(lit[0]), int(lit[-1]))]
    crossings = [crossing for crossing in sides if crossing is not None]
    if len(crossings) == 1:
        centroid, width = float(slit[top]), 2.0 * abs(crossings[0] - float(slit[top]))
    else:
        low, high = crossings if crossings else (slit[lit[0]], slit[lit[-1]])
        bins = (slit > low - BIN_ARCSEC) & (slit < high + BIN_ARCSEC)
        core = np.clip(value[bins], 0.0, None)
        centroid = float(np.sum(core * slit[bins]) / core.sum()) if core.sum() > 0 else float(slit[top])
        width = high - low
    return centroid, float(np.clip(width, 2 * BIN_ARCSEC, 6.0)), height


def _half_height(slit: FloatArray, value: FloatArray, top: int, end: int, half: float) -> float | None:
    """Where light falls to half its height between a peak and the last bin on a side; None if it does not."""
    step = 1 if end > top else -1
    below = np.flatnonzero(value[top : end + step if end + step >= 0 else None : step] <= half)
    if not below.size or top == end:
        return None
    at = top + step * int(below[0])
    return float(np.interp(half, [value[at], value[at - step]], [slit[at], slit[at - step]]))


def moffat(distance: FloatArray, fwhm: FloatArray | float, beta: FloatArray | float = 3.5) -> FloatArray:
    """Moffat profile of unit height."""
    alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    return np.asarray((1.0 + (distance / alpha) ** 2) ** (-beta))


def bin_width(orders: Sequence[OrderData]) -> float:
    """Width of slit bins that holds more than half a pixel, so that an object always at one pixel phase leaves no bin empty (arcsec)."""
    steps = [
        float(np.nanmedian(np.abs(np.diff(data.window.slit_arcsec[:: max(data.window.slit_arcsec.shape[0] // 50, 1)], axis=1))))
        for data in orders
    ]
    return max(BIN_ARCSEC, BIN_SHARE * float(np.median(steps)))
