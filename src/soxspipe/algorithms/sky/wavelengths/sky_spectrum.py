"""The sky spectrum of an order where the object is, and the line list seen through the line-spread function."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from soxspipe.algorithms.orders.windows import middle_wavelength, slit_reach_arcsec
from soxspipe.algorithms.sky.subtract_sky import SkyFit
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.calibrations import SkyLines
from soxspipe.numerics.medians import quick_percentile
from soxspipe.numerics.robust import row_median

STEP_PX = 0.1
"""A tenth of a pixel: interpolation adds nothing to the error of a line."""
SHORTEST_PX = 50
"""A shorter piece holds too few lines."""
FLOOR_BLOCK_PX = 100.0
"""Wide against lines and bands of lines, narrow against the blaze."""
FLOOR_PERCENTILE = 20.0
"""Of a block of the order: the sky between lines."""

NOISE_ROWS = 400
"""The noise is looked at in about so many places of an order."""

GAUSS_REACH = 5.0
"""A Gaussian is nothing beyond 5 sigma."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkySpectrum:
    """Sky of one order along the object's slit position, and the list's lines on it.

    Attributes
    ----------
    order : int
        Detector order number.
    grid : ndarray, shape (n,)
        Dispersion pixels in steps of `STEP_PX`, as the map gives them.
    sky : ndarray, shape (n,)
        Flattened electrons per pixel, without what changes slowly.
    noise : ndarray, shape (n,)
        Error of the sky from all pixels within one px of the dispersion.
    position, strength : ndarray, shape (m,)
        Map position (px) and relative flux of the listed lines.
    ends : tuple of float
        First and last dispersion pixel of the order.
    """

    order: int
    grid: FloatArray
    sky: FloatArray
    noise: FloatArray
    position: FloatArray
    strength: FloatArray
    ends: tuple[float, float]

    def scaled(self, position: FloatArray) -> FloatArray:
        """Dispersion pixels scaled to -1..1 over the order."""
        low, high = self.ends
        return (2.0 * position - low - high) / (high - low)


def sky_spectrum(fit: SkyFit, lines: SkyLines, slit_arcsec: float = 0.0) -> SkySpectrum | None:
    """Cut the sky of an order along one slit position; None for a stub of an order, or one without listed lines.

    Parameters
    ----------
    fit : SkyFit
        Sky solution, whose shift along the slit is part of what the map got wrong at that position.
    lines : SkyLines
        Line list, same medium as the map.
    slit_arcsec : float
        Slit position of the object.
    """
    window = fit.data.window
    centre = middle_wavelength(window)
    known = np.isfinite(centre)
    b, wave = window.b_px[known].astype(np.float64), centre[known]
    good_in_row = fit.data.good.sum(axis=1)
    lit = np.flatnonzero(good_in_row > 0)
    if b.size < SHORTEST_PX or lit.size == 0:
        return None
    inside = (lines.wavelength_nm > wave.min()) & (lines.wavelength_nm < wave.max())
    if not inside.any():
        return None
    grid = np.arange(b[0] + 3, b[-1] - 3, STEP_PX)
    sky = fit.spline(grid, np.full(grid.size, slit_arcsec / slit_reach_arcsec(window)))
    lit = lit[:: max(1, lit.size // NOISE_ROWS)]
    variance = fit.data.variance(fit.electrons[lit], lit)
    noise_of_row = np.sqrt(row_median(variance, fit.data.good[lit]) / good_in_row[lit])
    rank = np.argsort(wave)
    return SkySpectrum(
        order=window.order,
        grid=grid,
        sky=without_floor(sky),
        noise=np.interp(grid, window.b_px[lit], noise_of_row),
        position=np.interp(lines.wavelength_nm[inside], wave[rank], b[rank]),
        strength=lines.flux[inside].astype(np.float64),
        ends=(float(b[0]), float(b[-1])),
    )


def without_floor(values: FloatArray) -> FloatArray:
    """Values above a floor that follows the lowest fifth of blocks of `FLOOR_BLOCK_PX`."""
    n_blocks = max(1, round(values.size * STEP_PX / FLOOR_BLOCK_PX))
    edges = np.linspace(0, values.size, n_blocks + 1).astype(np.int64)
    floor = np.array([quick_percentile(values[low:high], FLOOR_PERCENTILE) for low, high in pairwise(edges)])
    return values - np.interp(np.arange(values.size), 0.5 * (edges[1:] + edges[:-1]), floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShape:
    """The line-spread function: the slit's image, `box_px` wide and flat, seen through a Gaussian of `sigma_px`."""

    sigma_px: float
    box_px: float = 0.0

    @property
    def half_px(self) -> float:
        """Distance from a line's centre to where little is left of it."""
        return 0.5 * self.box_px + 2.5 * self.sigma_px

    def kernel(self) -> FloatArray:
        """On the fine grid, an odd number of samples, sum 1."""
        reach = int(np.ceil((0.5 * self.box_px + GAUSS_REACH * self.sigma_px) / STEP_PX))
        x = np.arange(-reach, reach + 1) * STEP_PX
        inside = np.clip((0.5 * self.box_px - np.abs(x)) / STEP_PX + 0.5, 0.0, 1.0)
        box = inside / inside.sum() if inside.sum() > 0 else (x == 0).astype(np.float64)
        gauss = np.exp(-0.5 * (x / self.sigma_px) ** 2)
        kernel = np.convolve(box, gauss, mode="same")
        return np.asarray(kernel / kernel.sum())


def listed_sky(spectrum: SkySpectrum, shape: LineShape, margin_px: float = 0.0) -> FloatArray:
    """The list's lines through a line-spread function, without what changes slowly.

    Parameters
    ----------
    spectrum : SkySpectrum
        Whose lines and grid.
    shape : LineShape
        What they are seen through.
    margin_px : float
        By how much to go beyond the grid's two ends.

    Returns
    -------
    ndarray, shape (n + 2 margin / STEP_PX,)
        At `spectrum.grid`, and the margins around it.
    """
    more = round(margin_px / STEP_PX)
    kernel = shape.kernel()
    reach = kernel.size // 2
    n = spectrum.grid.size + 2 * more
    place = (spectrum.position - spectrum.grid[0]) / STEP_PX + more + reach
    low = np.floor(place).astype(np.int64)
    share = place - low
    ok = (low >= 0) & (low < n + 2 * reach - 1)
    comb = np.zeros(n + 2 * reach)
    comb += np.bincount(low[ok], spectrum.strength[ok] * (1.0 - share[ok]), comb.size)
    comb += np.bincount(low[ok] + 1, spectrum.strength[ok] * share[ok], comb.size)
    return _correlate_sparse(comb, kernel, n)


def _correlate_sparse(comb: FloatArray, kernel: FloatArray, n: int) -> FloatArray:
    """Sum of a (symmetric) kernel at the few places where the comb is not 0; `n` samples from the kernel's first full overlap on."""
    places = np.flatnonzero(comb)
    covered = places[:, None] + np.arange(kernel.size)
    total = np.bincount(covered.ravel(), (comb[places, None] * kernel).ravel(), comb.size + kernel.size)
    first = kernel.size - 1
    return np.asarray(total[first : first + n], dtype=np.float64)
