"""Zero-point of the wavelength solution, measured on sky lines in the sky model.

The sky spectrum at slit centre is compared with the line list seen through a Gaussian line-spread function, in windows around strong
lines.  A shift common to the arm is found first, then a low polynomial per order with priors that keep orders of few lines on the common
value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.orders.windows import centre_wavelength
from soxspipe.algorithms.sky.sky_spline import chebyshev
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.numerics.robust import mad_sigma, row_median, weighted_median

SEARCH_PX = 4.0
STEP_PX = 0.1
COARSE_PX = 0.2
COARSE_STEPS = 2
WINDOW_PX = 5.0
LSF_CHOICES_PX = (0.8, 1.0, 1.2, 1.45, 1.8, 2.3, 3.0, 4.0)
LSF_START = 2
STRONGEST_PER_ORDER = 40
LINE_FLOOR_PX = 0.03
LINE_LIMIT_PX = 0.25
ORDER_PRIOR_PX = 0.03
SLOPE_PRIOR_PX = 0.03
APPLY_SIGMA = 3.0
APPLY_LEAST_PX = 0.03
DEGREE = 2
LOCAL_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OrderLines:
    """Sky spectrum of an order at slit centre on a regular grid of dispersion pixels, and the list's lines on it.

    `flat` is the sky in steps of `COARSE_PX` as it is compared with the list, `contrast` its root mean square in units of the noise.
    """

    order: int
    grid: FloatArray
    sky: FloatArray
    flat: FloatArray
    contrast: float
    noise: FloatArray
    position: FloatArray
    strength: FloatArray
    half_length: float
    middle: float


def measure_wavelength_shift(fits: Sequence[SkyFit], lines: SkyLines, *, apply: bool) -> WavelengthShift | None:
    """Measure by how much sky lines lie off their map position.

    Parameters
    ----------
    fits : sequence of SkyFit
        Sky solution of each order.
    lines : SkyLines
        Line list, same medium as the map.
    apply : bool
        Correct wavelengths when the shift is significant (3 sigma and 0.03 px).

    Returns
    -------
    WavelengthShift or None
        Observed minus map position (px); None if fewer than 3 lines can be used.
    """
    orders = [prepared for prepared in (_prepare(fit, lines) for fit in fits) if prepared is not None]
    if not orders:
        return None
    sigma = _line_width(orders)
    start = _common_shift(orders, sigma)
    measured = [_line_shifts(order, sigma, start) for order in orders]
    shifts, errors = np.concatenate([m[1] for m in measured]), np.concatenate([m[2] for m in measured])
    if shifts.size < 3:
        return None
    weight = 1.0 / (errors**2 + LINE_FLOOR_PX**2)
    common = weighted_median(shifts, weight)
    kept = np.abs(shifts - common) < max(LINE_LIMIT_PX, 4.0 * mad_sigma(shifts))
    common = weighted_median(shifts[kept], weight[kept])
    spread = max(mad_sigma(shifts[kept]), LINE_FLOOR_PX)
    error = 1.25 * spread / np.sqrt(max(int(kept.sum()), 1)) + 0.005
    significant = abs(common) > max(APPLY_SIGMA * error, APPLY_LEAST_PX)
    by_order = {order.order: _order_polynomial(order, m, common) for order, m in zip(orders, measured, strict=True)}
    for fit in fits:
        by_order.setdefault(fit.data.window.order, (common,) + (0.0,) * DEGREE)
    return WavelengthShift(
        shift_px=common, error_px=float(error), n_lines=int(kept.sum()), applied=bool(apply and significant), by_order=by_order
    )


def corrected_wavelength(wavelength_nm: FloatArray, b_px: FloatArray, order: int, shift: WavelengthShift | None) -> FloatArray:
    """Wavelengths with the measured shift taken out, shape of `wavelength_nm`; unchanged if it is not to be applied.

    A line seen d pixels above its map position means that a pixel's wavelength is the map's d pixels below it.
    """
    if shift is None or not shift.applied or order not in shift.by_order or b_px.size < 2:
        return wavelength_nm
    x = 2.0 * (b_px - b_px[0]) / max(float(b_px[-1] - b_px[0]), 1.0) - 1.0
    coefficients = np.array(shift.by_order[order])
    pixels = np.tensordot(coefficients, chebyshev(x, coefficients.size), axes=1)
    return wavelength_nm - pixels * np.gradient(wavelength_nm, b_px)


def _prepare(fit: SkyFit, lines: SkyLines) -> _OrderLines | None:
    window = fit.data.window
    centre = centre_wavelength(window)
    known = np.isfinite(centre)
    b = window.b_px[known].astype(np.float64)
    wave = centre[known]
    if b.size < 50:
        return None
    grid = np.arange(b[0] + 3, b[-1] - 3, STEP_PX)
    sky = fit.spline(grid, np.zeros(grid.size))
    lit = np.flatnonzero(fit.data.good.any(axis=1))
    if lit.size == 0:
        return None
    variance = row_median(fit.data.variance(fit.electrons), fit.data.good)
    noise = np.interp(grid, window.b_px[lit], np.sqrt(variance[lit]))
    rank = np.argsort(wave)
    inside = (lines.wavelength_nm > wave.min()) & (lines.wavelength_nm < wave.max())
    position = np.interp(lines.wavelength_nm[inside], wave[rank], b[rank])
    if position.size == 0:
        return None
    return _OrderLines(
        order=window.order,
        grid=grid,
        sky=sky,
        flat=_flatten(np.clip(sky, None, np.percentile(sky, 99.5))[::COARSE_STEPS]),
        contrast=float(np.sqrt(np.mean((sky / noise) ** 2))),
        noise=noise,
        position=position,
        strength=lines.flux[inside].astype(np.float64),
        half_length=0.5 * float(window.b_px[-1] - window.b_px[0]),
        middle=0.5 * float(window.b_px[-1] + window.b_px[0]),
    )


def _synthetic(order: _OrderLines, sigma: float, every: int = 1) -> FloatArray:
    """The list's lines through a Gaussian of `sigma` px on the order's grid, or on every so manieth point of it."""
    reach = round(6 * sigma / STEP_PX)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP_PX / sigma) ** 2)
    if order.grid.size < kernel.size:
        return np.zeros(-(-order.grid.size // every))  # a stub of an order has no lines to speak of
    place = (order.position - order.grid[0]) / STEP_PX
    low = np.floor(place).astype(np.int64)
    share = place - low
    ok = (low >= 0) & (low < order.grid.size - 1)
    comb = np.bincount(low[ok], order.strength[ok] * (1 - share[ok]), order.grid.size)
    comb += np.bincount(low[ok] + 1, order.strength[ok] * share[ok], order.grid.size)[: order.grid.size]
    comb = np.concatenate([np.zeros(reach), comb, np.zeros(reach)])
    n = -(-order.grid.size // every)
    return np.sum([np.convolve(comb[(2 * reach - k) % every :: every], kernel[k::every], mode="valid")[:n] for k in range(every)], axis=0)


def _line_width(orders: Sequence[_OrderLines]) -> float:
    """Width of the line-spread function that makes list and sky most alike, shifts allowed: uphill through `LSF_CHOICES_PX`."""
    heights: dict[int, float] = {}

    def height(k: int) -> float:
        if k not in heights:
            heights[k] = float(_correlate(orders, LSF_CHOICES_PX[k])[1].max())
        return heights[k]

    best = LSF_START
    while True:
        near = [k for k in (best - 1, best, best + 1) if 0 <= k < len(LSF_CHOICES_PX)]
        top = max(near, key=height)
        if top == best:
            return LSF_CHOICES_PX[best]
        best = top


def _correlate(orders: Sequence[_OrderLines], sigma: float) -> tuple[FloatArray, FloatArray]:
    """Sum over orders of the normalised correlation of list and sky, by shift (px)."""
    reach = round(SEARCH_PX / COARSE_PX)
    shifts = np.arange(-reach, reach + 1)
    total = np.zeros(shifts.size)
    for order in orders:
        template, sky = _flatten(_synthetic(order, sigma, COARSE_STEPS)), order.flat
        if template.size <= 4 * reach:
            continue
        core = template[reach:-reach]
        norm = np.sqrt(np.sum(core**2) * np.sum(sky[reach:-reach] ** 2))
        if norm <= 0:
            continue
        total += order.contrast * (np.lib.stride_tricks.sliding_window_view(sky, core.size) @ core) / norm
    return shifts * COARSE_PX, total


def _flatten(values: FloatArray) -> FloatArray:
    """Values above a smooth floor, square-rooted so that the brightest lines do not decide alone."""
    floor = np.percentile(values, 30)
    return np.sqrt(np.clip(values - floor, 0.0, None))


def _common_shift(orders: Sequence[_OrderLines], sigma: float) -> float:
    shifts, height = _correlate(orders, sigma)
    k = int(np.clip(np.argmax(height), 1, height.size - 2))
    left, top, right = height[k - 1 : k + 2]
    curvature = left - 2 * top + right
    return float(shifts[k] + (0.5 * (left - right) / curvature * COARSE_PX if curvature < 0 else 0.0))


def _line_shifts(order: _OrderLines, sigma: float, start: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shift of the sky against the list in windows around the strongest lines: position, shift, error (px)."""
    template = _synthetic(order, sigma)
    half = round(WINDOW_PX / STEP_PX)
    chosen: list[int] = []
    taken = np.zeros(order.grid.size, dtype=bool)
    for k in np.argsort(order.strength)[::-1][:STRONGEST_PER_ORDER]:
        place = round((order.position[k] + start - order.grid[0]) / STEP_PX)
        if 2 * half <= place < order.grid.size - 2 * half and not taken[place]:
            taken[place - half // 2 : place + half // 2] = True
            chosen.append(int(k))
    if not chosen:
        return np.empty(0), np.empty(0), np.empty(0)
    position = order.position[np.array(chosen)]
    middle = np.round((position + start - order.grid[0]) / STEP_PX).astype(np.int64)
    shift, error, alike = _local_shifts(order, template, middle[:, None] + np.arange(-half, half + 1), start)
    return position[alike], shift[alike], error[alike]


def _local_shifts(order: _OrderLines, template: FloatArray, windows: IntArray, start: float) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Shifts that make ``a template + c`` fit the sky in every window, their errors, and whether the two are alike; shape (n_windows,)."""
    x, sky, noise = order.grid[windows], order.sky[windows], np.median(order.noise[windows], axis=1)
    steep = np.gradient(template, STEP_PX)
    shift = np.full(windows.shape[0], start)
    height = np.zeros(shift.size)
    residual, shape, slope = np.zeros(x.shape), np.zeros(x.shape), np.zeros(x.shape)
    for _ in range(LOCAL_ROUNDS):
        shape = np.interp(x - shift[:, None], order.grid, template)
        slope = -np.interp(x - shift[:, None], order.grid, steep)
        terms = np.stack([shape, slope, np.ones_like(shape)], axis=2)
        turned = terms.transpose(0, 2, 1)
        normal = turned @ terms
        normal += np.eye(3) * (1e-9 * np.trace(normal, axis1=1, axis2=2) + 1e-30)[:, None, None]
        solution = np.linalg.solve(normal, turned @ sky[..., None])[..., 0]
        height = solution[:, 0]
        shift = shift + np.clip(solution[:, 1] / np.where(height > 0, height, np.inf), -0.5, 0.5)
        residual = sky - (terms @ solution[..., None])[..., 0]
    contrast = np.ptp(sky, axis=1)
    tall = np.maximum(height * np.ptp(shape, axis=1), 1e-30)
    scatter = np.sqrt(np.mean(residual**2, axis=1))
    alike = (height > 0) & (contrast > 3.0 * noise) & (scatter < 0.08 * tall) & (np.abs(shift - start) < 1.0)
    # about 30 pixels across the slit share a wavelength, each STEP_PX of the grid is a tenth of them
    photon = noise / np.sqrt(30.0) / np.maximum(height * np.sqrt(np.sum(slope**2, axis=1) * STEP_PX), 1e-30)
    return shift, np.hypot(photon, 0.5 * scatter / tall), alike


def _order_polynomial(order: _OrderLines, measured: tuple[FloatArray, FloatArray, FloatArray], common: float) -> tuple[float, ...]:
    """Chebyshev coefficients of the shift along an order, held near the common value by priors."""
    position, shift, error = measured
    keep = np.abs(shift - common) < LINE_LIMIT_PX
    basis = chebyshev((position[keep] - order.middle) / order.half_length, DEGREE + 1).T
    weight = 1.0 / (error[keep] ** 2 + LINE_FLOOR_PX**2)
    prior = np.array([ORDER_PRIOR_PX, SLOPE_PRIOR_PX, SLOPE_PRIOR_PX]) ** -2
    step = np.linalg.solve(basis.T @ (basis * weight[:, None]) + np.diag(prior), basis.T @ (weight * (shift[keep] - common)))
    step[0] += common
    return tuple(float(value) for value in step)
