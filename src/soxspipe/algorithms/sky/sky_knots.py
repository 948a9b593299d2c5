"""Where the knots of the sky spline stand: a median spectrum of the sky, its lines, and how much detail they ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import FloatArray, IntArray
from soxspipe.numerics.robust import grouped_median, largest_near

START_BIN = 0.5
"""Half a pixel: tilt of the slit resolves the lines that finely."""
CLOSEST_KNOTS = 0.55
"""In line widths: a cubic spline with closer knots follows noise, not the line."""
WIDEST_KNOTS = 2.2
"""In line widths: wider knots leave the flanks of the faintest lines that are found."""
EMPTY_KNOTS = 6.0
"""In line widths: the continuum of the sky is smooth over many."""
LINE_SIGNIFICANCE = 2.5
"""Low, since a knot too many costs little and a line too few much."""
FILTER_WIDTH = 1.3
"""In line widths: somewhat wide, for lines that the bins have blurred."""
CURVATURE_SIGMA = 6.0
"""Curvature of single bins is noisy; only bright lines are to speak."""
MEDIAN_NOISE = 1.25
"""A median has 1.25 times the noise of a mean."""
LSF_SIGMA_PX = 1.0
"""Of the line-spread function with a slit of 1 arcsec, unbinned, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Bins of u: where they begin (px), how wide they are and how many."""

    low: float
    width_px: float
    number: int

    @property
    def middle(self) -> FloatArray:
        """Of each bin (px)."""
        return self.low + (np.arange(self.number) + 0.5) * self.width_px

    def of(self, u: FloatArray) -> IntArray:
        """Bin of each u."""
        return np.clip(((u - self.low) * (1.0 / self.width_px)).astype(np.int64), 0, self.number - 1)


def bins_over(u_range: tuple[float, float], width_px: float = START_BIN) -> Bins:
    """Bins that cover a range."""
    return Bins(low=u_range[0], width_px=width_px, number=max(4, int(np.ceil((u_range[1] - u_range[0]) / width_px))))


def binned_median(values: FloatArray, bins: IntArray, number: int, empty: float = 0.0) -> FloatArray:
    """Median in every bin; empty bins are bridged, and all hold `empty` if nothing is known."""
    median = grouped_median(values, bins, number)
    found = np.isfinite(median)
    if not found.any():
        return np.full(number, empty)
    return np.interp(np.arange(number), np.flatnonzero(found), median[found])


def place_knots(
    grid: FloatArray, value: FloatArray, noise: FloatArray, pixels_per_px: FloatArray, significance: float, min_points: int, lsf_px: float
) -> FloatArray:
    """Break points of the spline: as close as lines are bright, wide where there are none.

    A cubic spline with knots h apart misses a line of height A and width sigma by about A (h / sigma)^4 / 128.  Holding this at a
    fixed small share of the noise n of one pixel gives ``h = sigma (significance n / A)^(1/4)``, kept between `CLOSEST_KNOTS` and
    `WIDEST_KNOTS` line widths.  A is the largest within 3 line widths of what a filter of the shape of a line finds (faint lines) and of
    the curvature, ``sigma^2 |S''|`` (bright, narrow ones).  Where the filter finds nothing, knots stand `EMPTY_KNOTS` line widths apart:
    every knot costs the object signal.

    Parameters
    ----------
    grid, value, noise : ndarray, shape (n,)
        Sky spectrum in steps of `bin_px` and noise of one pixel.
    pixels_per_px : ndarray, shape (n,)
        Pixels that can be used per px of u.
    significance : float
        Line height in sigma at which knots stand one line width apart.
    min_points : int
        Fewest pixels between two knots.
    lsf_px : float
        Standard deviation of the line-spread function, px.

    Returns
    -------
    ndarray
        Strictly increasing, from the first to the last grid edge.
    """
    bin_px = float(grid[1] - grid[0])
    bin_noise = MEDIAN_NOISE * noise / np.sqrt(np.maximum(pixels_per_px * bin_px, 1.0))
    smooth = np.convolve(np.pad(value, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    curvature = np.abs(np.diff(np.pad(smooth, 1, mode="edge"), n=2)) / bin_px**2
    # a noisy median is curved as well: this is more than it ever is without a line
    bright = np.where(curvature > CURVATURE_SIGMA * bin_noise / bin_px**2, curvature, 0.0) * lsf_px**2
    line, error = find_lines(value, bin_noise, FILTER_WIDTH * lsf_px / bin_px)
    reach = round(3.0 * lsf_px / bin_px)
    height = largest_near(np.maximum(bright, line), reach)
    empty = largest_near(line / error, reach) < LINE_SIGNIFICANCE
    spacing = lsf_px * np.power(significance * noise / np.maximum(height, 1e-9 * noise), 0.25)
    spacing = np.where(empty, EMPTY_KNOTS * lsf_px, np.clip(spacing, CLOSEST_KNOTS * lsf_px, WIDEST_KNOTS * lsf_px))
    spacing = np.maximum(spacing, min_points / np.maximum(pixels_per_px, 1e-3))
    kernel = np.exp(-0.5 * (np.arange(-8, 9) * bin_px / (1.5 * lsf_px)) ** 2)
    density = np.convolve(np.pad(1.0 / spacing, 8, mode="edge"), kernel / kernel.sum(), mode="valid")
    total = np.concatenate([[0.0], np.cumsum(density * bin_px)])
    edges = np.append(grid - 0.5 * bin_px, grid[-1] + 0.5 * bin_px)
    return np.interp(np.linspace(0.0, total[-1], max(4, round(total[-1])) + 1), total, edges)


def find_lines(value: FloatArray, noise: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """Height of a line (or depth of a gap) of the given width at each sample of a spectrum, and its error.

    Parameters
    ----------
    value, noise : ndarray, shape (n,)
        Spectrum and the error of each sample.
    width : float
        Standard deviation of the line, samples.

    Returns
    -------
    height, error : ndarray, shape (n,)
        From the response to minus the second derivative of a Gaussian, which sees neither level nor slope.
    """
    half = int(np.ceil(5.0 * width))
    x = np.arange(-half, half + 1) / width
    line = np.exp(-0.5 * x**2)
    shape = (1.0 - x**2) * line
    shape -= shape.mean()
    shape /= np.sum(shape * line)
    height = np.abs(np.convolve(np.pad(value, half, mode="edge"), shape, mode="valid"))
    error = np.sqrt(np.convolve(np.pad(noise**2, half, mode="edge"), shape**2, mode="valid"))
    return height, np.maximum(error, 1e-30)
