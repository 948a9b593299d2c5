"""Width of pinhole images along the dispersion, and the resolution that it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.fit_pinholes import measure_forms
from soxspipe.algorithms.calibration.solve_arc import WIDTH_SIGNIFICANCE, ArcSolution
from soxspipe.datamodel.arrays import FloatArray, IntArray, freeze
from soxspipe.datamodel.detector import Axis

FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
"""Of a Gaussian."""
STEP_NM = 0.5
"""Distance over which the scale is taken, as small as keeps rounding out of it."""
PARTS = 3
"""Stretches of an order over which the resolution is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineWidths:
    """Widths of the images, shape (n_lines, n_pinholes); NaN where an image is too faint, or not used.

    Attributes
    ----------
    fwhm_px : ndarray
        Full width at half maximum along the dispersion.
    scale_nm : ndarray
        Size of a pixel in wavelength.
    resolution : ndarray
        Wavelength over full width: that of a pinhole, not of a slit.
    """

    fwhm_px: FloatArray
    scale_nm: FloatArray
    resolution: FloatArray

    def __post_init__(self) -> None:
        freeze(self, fwhm_px=self.fwhm_px.shape, scale_nm=self.fwhm_px.shape, resolution=self.fwhm_px.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WidthTable:
    """Medians by order, slit position and stretch of the order; shape (n,) each: what a model of sky lines needs of the instrument."""

    order: IntArray
    slit_arcsec: FloatArray
    wavelength_nm: FloatArray
    fwhm_px: FloatArray
    resolution: FloatArray
    number: IntArray


def measure_line_widths(image: ArcImage, solution: ArcSolution, dispersion_axis: Axis) -> LineWidths:
    """Widths of the used images."""
    bright = solution.used.ravel() & (solution.pinholes.significance > WIDTH_SIGNIFICANCE)
    forms = measure_forms(image, solution.pinholes, bright)
    sigma = (forms.sigma_x if dispersion_axis == "x" else forms.sigma_y).reshape(solution.shape)
    scale = pixel_scale_nm(solution, dispersion_axis)
    fwhm = FWHM_PER_SIGMA * sigma
    return LineWidths(fwhm_px=fwhm, scale_nm=scale, resolution=solution.lines.wavelength_nm[:, None] / (fwhm * scale))


def pixel_scale_nm(solution: ArcSolution, dispersion_axis: Axis) -> FloatArray:
    """Size of a pixel in wavelength at every image, shape (n_lines, n_pinholes)."""
    order, wave, slit = solution.lines.order[:, None], solution.lines.wavelength_nm[:, None], solution.slit_arcsec[None, :]
    low, high = (
        solution.fit.pixels(order, wave + step, slit)[0 if dispersion_axis == "x" else 1] for step in (-0.5 * STEP_NM, 0.5 * STEP_NM)
    )
    return np.asarray(STEP_NM / np.maximum(np.abs(high - low), 1e-9))


def tabulate_widths(solution: ArcSolution, widths: LineWidths) -> WidthTable:
    """Medians of widths and resolution."""
    rows = []
    for number in np.unique(solution.lines.order):
        here = np.flatnonzero(solution.lines.order == number)
        here = here[np.argsort(solution.lines.wavelength_nm[here])]
        for part in np.array_split(here, PARTS):
            for hole, slit in enumerate(solution.slit_arcsec):
                fwhm = widths.fwhm_px[part, hole]
                fine = np.isfinite(fwhm)
                if fine.any():
                    wave = float(np.mean(solution.lines.wavelength_nm[part][fine]))
                    rows.append((number, slit, wave, np.median(fwhm[fine]), np.median(widths.resolution[part, hole][fine]), fine.sum()))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    return WidthTable(
        order=columns[0].astype(np.int64), slit_arcsec=columns[1], wavelength_nm=columns[2], fwhm_px=columns[3], resolution=columns[4],
        number=columns[5].astype(np.int64),
    )  # fmt: skip
