"""Width of the slit's image in arc lines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from tests.support.arcs import MASK, SHAPE, SIGMA_PX, Motion, arc_image, paint_arc, small_prediction

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.predict_lines import candidate_lines
from soxspipe.algorithms.calibration.slit_widths import blurred_box_fwhm, measure_slit_widths
from soxspipe.algorithms.calibration.solve_arc import solve_arc

SLIT_PX = 4.2


@pytest.mark.parametrize(("half", "sigma", "width"), [(5.0, 0.5, 10.0), (1e-3, 0.8, 2.3548 * 0.8), (20.0, 0.8, 40.0)])
def test_a_blurred_box_is_as_wide_as_the_wider_of_both(half: float, sigma: float, width: float) -> None:
    assert blurred_box_fwhm(np.array([half]), np.array([sigma]))[0] == pytest.approx(width, rel=2e-3)


def test_widths_of_slit_lines_are_those_painted_and_blends_and_dark_lines_have_none() -> None:
    prediction = small_prediction()
    lines = candidate_lines(prediction, {"Ar", "Ne"}, SHAPE)
    motion = Motion(dx=1.0, dy=-0.6)
    painted = paint_arc(prediction, lines, MASK, motion, seed=4)
    solution = solve_arc(painted.image, prediction, lines, MASK, ArcSettings(), dispersion_axis="x")
    image, row, column = np.zeros(SHAPE), np.arange(SHAPE[0]), np.arange(SHAPE[1])
    for line in np.flatnonzero(painted.lit):
        x = np.interp(row, painted.y[line], painted.x[line], left=np.nan, right=np.nan)[:, None]
        shape = ndtr((column - x + 0.5 * SLIT_PX) / SIGMA_PX) - ndtr((column - x - 0.5 * SLIT_PX) / SIGMA_PX)
        image += 3000.0 * np.nan_to_num(shape)
    noise = np.random.default_rng(2)
    frame = noise.poisson(image) + noise.normal(0.0, 5.0, SHAPE)
    widths = measure_slit_widths(arc_image(frame), solution, "x", 4.0)
    known = np.isfinite(widths.fwhm_px)
    true = blurred_box_fwhm(np.array([0.5 * SLIT_PX]), np.array([SIGMA_PX]))[0]
    assert known.sum() > 100
    assert not known[~painted.lit].any()
    assert np.median(widths.fwhm_px[known]) == pytest.approx(true, rel=0.01)
    assert np.std(widths.fwhm_px[known]) < 0.1
    np.testing.assert_allclose(widths.resolution[known] * widths.fwhm_px[known] * widths.scale_nm[known],
                               np.broadcast_to(lines.wavelength_nm[:, None], known.shape)[known])  # fmt: skip
