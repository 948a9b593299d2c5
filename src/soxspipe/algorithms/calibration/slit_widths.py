"""Width of the slit's image in arc lines: the resolution that a science frame has."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from soxspipe.algorithms.calibration.arc_image import ArcImage
from soxspipe.algorithms.calibration.line_widths import LineWidths, pixel_scale_nm
from soxspipe.algorithms.calibration.solve_arc import ArcSolution
from soxspipe.datamodel.arrays import BoolArray, FloatArray
from soxspipe.datamodel.detector import Axis

MARGIN_PX = 5
"""Pixels beyond the slit's image that show the level beside the line."""
ROWS_PX = (-1, 0, 1)
"""Rows about a slit position that are fitted together: the slit's image is straight over so few."""
STEPS = 8
"""Gauss-Newton steps; from a width within a half of the truth five are enough."""
LEAST_HALF_PX = 0.2
"""A slit narrower than this cannot be told from a point."""
LONGEST_STEP = 0.3
"""Largest change of the half width in one step, as a share of it."""
LARGEST_SHARE_ERROR = 0.05
"""A width is kept if it is known to this share of itself."""
LARGEST_CHI2 = 5.0
"""Above it another line, or a cosmic ray, lies in the window; bright lines are as bad as this where the slit is not evenly lit."""
LARGEST_OFFSET_PX = 1.0
"""The slit's image lies where the pinhole's does to a fraction of this."""
_FWHM_HALF = np.linspace(0.0, 12.0, 601)
"""Half widths of the slit in sigma of the blur for which the FWHM is tabled; beyond the last the image is as wide as the slit."""


def measure_slit_widths(image: ArcImage, solution: ArcSolution, dispersion_axis: Axis, slit_px: float) -> LineWidths:
    """Width along the dispersion of the slit's image at the slit positions of the pinholes.

    Parameters
    ----------
    image : ArcImage
        Arc through the slit, pixels as in the arc through the pinholes.
    solution : ArcSolution
        Of that arc: where lines are, and how wide a point is.
    dispersion_axis : {'x', 'y'}
        Of the arm.
    slit_px : float
        About the width of the slit's image.

    Returns
    -------
    LineWidths
        NaN for lines that are not used in the solution, not alone in the window, faint, or not of the shape of a slit.

    Notes
    -----
    The slit's image is a box blurred by the image of a pinhole, whose width is known: free are height, level, place, and width of the box.
    The full width at half maximum is that of the blurred box.
    """
    half_window = int(np.ceil(0.5 * slit_px)) + MARGIN_PX
    fit_b, fit_a = (solution.fit_x, solution.fit_y) if dispersion_axis == "x" else (solution.fit_y, solution.fit_x)
    sigma = (solution.pinholes.forms.sigma_x if dispersion_axis == "x" else solution.pinholes.forms.sigma_y).reshape(solution.shape)
    tilt = np.gradient(fit_b, axis=1) / np.gradient(fit_a, axis=1) if solution.shape[1] > 1 else np.zeros(solution.shape)
    alone = solution.used.any(axis=1) & _alone(solution, fit_b, half_window + 0.5 * slit_px)
    wanted = np.broadcast_to(alone[:, None], solution.shape)
    fwhm = np.full(solution.shape, np.nan)
    if wanted.any():
        windows = _windows(image, fit_b[wanted], fit_a[wanted], tilt[wanted], half_window, dispersion_axis)
        fwhm[wanted] = _fit(*windows, sigma[wanted], 0.5 * slit_px)
    scale = pixel_scale_nm(solution, dispersion_axis)
    return LineWidths(fwhm_px=fwhm, scale_nm=scale, resolution=solution.lines.wavelength_nm[:, None] / (fwhm * scale))


def blurred_box_fwhm(half_px: FloatArray, sigma_px: FloatArray) -> FloatArray:
    """Full width at half maximum of a box of half width `half_px` blurred by a Gaussian."""
    at = np.linspace(0.0, 14.0, 1401)
    table = []
    for half in np.maximum(_FWHM_HALF, 1e-3):
        profile = ndtr(at + half) - ndtr(at - half)
        table.append(2.0 * np.interp(-0.5 * profile[0], -profile, at))
    ratio = half_px / sigma_px
    return np.where(ratio < _FWHM_HALF[-1], sigma_px * np.interp(ratio, _FWHM_HALF, np.array(table)), 2.0 * half_px)


def _alone(solution: ArcSolution, fit_b: FloatArray, reach_px: float) -> BoolArray:
    """Lines with no other line of the list of their order nearer than `reach_px`, shape (n_lines,)."""
    middle = fit_b[:, fit_b.shape[1] // 2]
    alone = np.ones(middle.size, dtype=bool)
    for number in np.unique(solution.lines.order):
        here = np.flatnonzero(solution.lines.order == number)
        rank = here[np.argsort(middle[here])]
        gap = np.diff(middle[rank], prepend=-np.inf, append=np.inf)
        alone[rank] = np.minimum(gap[:-1], gap[1:]) > reach_px
    return alone


def _windows(
    image: ArcImage, b: FloatArray, a: FloatArray, tilt: FloatArray, half: int, axis: Axis
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Pixels about each place, shape (n, rows, 2 half + 1): data, weight, and distance from the line along the dispersion."""
    n_b, n_a = image.shape[::-1] if axis == "x" else image.shape
    columns = np.rint(b).astype(int)[:, None, None] + np.arange(-half, half + 1)[None, None, :]
    rows = np.rint(a).astype(int)[:, None, None] + np.array(ROWS_PX)[None, :, None]
    columns, rows = np.broadcast_arrays(columns, rows)
    inside = (columns >= 0) & (columns < n_b) & (rows >= 0) & (rows < n_a)
    index = (np.clip(rows, 0, n_a - 1), np.clip(columns, 0, n_b - 1))
    index = index if axis == "x" else index[::-1]
    data = image.electrons[index].astype(np.float64)
    sound = inside & image.good[index] & ~image.saturated[index]
    weight = sound / (image.variance[index] + np.maximum(data, 0.0))
    return data, weight, columns - b[:, None, None] - tilt[:, None, None] * (rows - a[:, None, None])


def _fit(data: FloatArray, weight: FloatArray, at: FloatArray, sigma: FloatArray, half_px: float) -> FloatArray:
    """Full widths at half maximum of blurred boxes, all fitted at once; NaN where they are not known well."""
    n = len(data)
    at, data, weight = (values.reshape(n, -1) for values in (at, data, weight))
    half, place = np.full(n, max(half_px, LEAST_HALF_PX)), np.zeros(n)
    error, chi2 = np.full(n, np.inf), np.full(n, np.inf)
    width = sigma[:, None]
    for _ in range(STEPS):
        right, left = (at - place[:, None] + half[:, None]) / width, (at - place[:, None] - half[:, None]) / width
        shape = ndtr(right) - ndtr(left)
        dense = [np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi) / width for z in (right, left)]
        level = np.stack([shape, np.ones_like(shape)], axis=1)
        peak = _solve(level, weight, data)[0]
        design = np.concatenate(
            [level, (-peak[:, :1] * (dense[0] - dense[1]))[:, None], (peak[:, :1] * (dense[0] + dense[1]))[:, None]], axis=1
        )
        model = (peak[:, :, None] * level).sum(axis=1)
        step, covariance = _solve(design, weight, data - model)
        chi2 = (weight * (data - model) ** 2).sum(axis=1) / np.maximum((weight > 0).sum(axis=1) - 4, 1)
        place += np.clip(step[:, 2], -0.5, 0.5)
        half = np.maximum(half + np.clip(step[:, 3], -LONGEST_STEP * half, LONGEST_STEP * half), LEAST_HALF_PX)
        error = np.sqrt(np.maximum(covariance[:, 3, 3], 0.0))
    fine = (error < LARGEST_SHARE_ERROR * half) & (chi2 < LARGEST_CHI2) & (np.abs(place) < LARGEST_OFFSET_PX) & (half > LEAST_HALF_PX)
    return np.where(fine & (peak[:, 0] > 0), blurred_box_fwhm(half, sigma), np.nan)


def _solve(design: FloatArray, weight: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted least squares of many small systems: design of shape (n, p, m); coefficients (n, p) and covariance (n, p, p)."""
    weighted = design * weight[:, None, :]
    normal = weighted @ design.transpose(0, 2, 1)
    p = design.shape[1]
    normal[:, range(p), range(p)] *= 1.0 + 1e-9
    normal[:, range(p), range(p)] += 1e-12
    covariance = np.linalg.inv(normal)
    return (covariance @ (weighted @ values[..., None]))[..., 0], covariance
