"""From an arc frame to a solution, on a small echelle with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.arcs import MASK, SHAPE, Motion, PaintedArc, add_spots, arc_image, paint_arc, small_prediction, without

from soxspipe.algorithms.calibration.arc_settings import ArcSettings, with_degrees
from soxspipe.algorithms.calibration.check_mask import check_mask
from soxspipe.algorithms.calibration.find_pattern import find_pattern
from soxspipe.algorithms.calibration.fit_pinholes import Companion, fit_pinholes, measure_widths
from soxspipe.algorithms.calibration.follow_orders import follow_orders
from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.predict_lines import candidate_lines, element_of, pixels_of
from soxspipe.algorithms.calibration.solve_arc import ArcSolution, solve_arc
from soxspipe.errors import AlgorithmError

PREDICTION = small_prediction()
LINES = candidate_lines(PREDICTION, (), SHAPE)
MOVED = Motion(dx=2.3, dy=-1.6, rotation_deg=0.3, stretch=0.003, wave_px=0.03)
ONE = np.zeros(1)


@pytest.fixture(scope="module")
def single() -> tuple[PaintedArc, ArcSolution]:
    painted = paint_arc(PREDICTION, LINES, ONE, MOVED)
    return painted, solve_arc(painted.image, PREDICTION, LINES, ONE, ArcSettings(), dispersion_axis="x")


@pytest.fixture(scope="module")
def multi(single: tuple[PaintedArc, ArcSolution]) -> tuple[PaintedArc, ArcSolution]:
    painted = paint_arc(PREDICTION, LINES, MASK, MOVED, seed=2)
    return painted, _multi(painted, single[1])


def _multi(painted: PaintedArc, first: ArcSolution) -> ArcSolution:
    start = (first.fit.x_polynomial, first.fit.y_polynomial)
    return solve_arc(painted.image, PREDICTION, LINES, MASK, ArcSettings(), dispersion_axis="x", start=start)


def _truth(slit: float) -> tuple[np.ndarray, np.ndarray]:
    return MOVED.place(PREDICTION, LINES.order, LINES.wavelength_nm, np.full(len(LINES), slit))


def test_the_pattern_is_found_where_it_was_moved_to() -> None:
    painted = paint_arc(PREDICTION, LINES, ONE, Motion(dx=4.0, dy=-3.0), missing=0.3)
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order, LINES.wavelength_nm, np.zeros(len(LINES)))
    found = find_pattern(painted.image, LINES.order, x, y, 8)
    np.testing.assert_allclose(found.shift, (4.0, -3.0), atol=0.4)
    dx, dy = found.motion(LINES.order, x, y, SHAPE)
    assert np.abs(dx - 4.0).max() < 1.1
    assert np.abs(dy + 3.0).max() < 1.1


def test_an_order_off_the_others_is_told() -> None:
    moved = np.where(LINES.order == 12, 5.0, 0.0)
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order, LINES.wavelength_nm, np.zeros(len(LINES)))
    image = np.random.default_rng(1).normal(0, 5, SHAPE)
    add_spots(image, x + moved, y, np.full(x.shape, 5000.0))
    found = find_pattern(arc_image(image), LINES.order, x, y, 6)
    assert set(found.order_shift) == {12}
    np.testing.assert_allclose(found.order_shift[12], (5.0 - found.shift[0], -found.shift[1]), atol=0.5)


def test_a_bent_order_is_followed_past_missing_and_unlisted_lines() -> None:
    here = LINES.order == 11
    x, y = pixels_of(PREDICTION.x, PREDICTION.y, LINES.order[here], LINES.wavelength_nm[here], np.zeros(int(here.sum())))
    bend = -5.0 * np.sin(np.pi * np.clip(x / SHAPE[1], 0, 1))
    rng = np.random.default_rng(4)
    light = np.where(rng.random(x.size) < 0.1, 0.0, 6000.0)
    image = rng.normal(0, 5, SHAPE)
    add_spots(image, x + bend, y, light)
    add_spots(image, rng.uniform(0, SHAPE[1], 4), np.full(4, float(np.median(y))), np.full(4, 9000.0))
    found = follow_orders(arc_image(image), LINES.order[here], x, y, np.ones(x.size), "x")
    assert np.mean(np.abs(found.dx - bend)[light > 0] < 2.5) > 0.9  # as near as the next step can reach


def test_centroids_have_their_errors() -> None:
    rng = np.random.default_rng(5)
    x, y = (part.ravel() + rng.uniform(-0.5, 0.5, part.size) for part in np.meshgrid(np.arange(10.0, 410, 16), np.arange(10.0, 290, 16)))
    light = rng.uniform(300, 20000, x.size)
    image = np.zeros(SHAPE)
    add_spots(image, x, y, light)
    noisy = arc_image(rng.poisson(image) + rng.normal(0, 5, SHAPE))
    none, sigma = Companion(dx=np.full(x.size, np.nan), dy=np.full(x.size, np.nan)), np.full(x.size, 0.8)
    found = fit_pinholes(noisy, x + rng.normal(0, 0.4, x.size), y + rng.normal(0, 0.4, x.size), sigma, sigma, none)
    for measured, true, error in ((found.x, x, found.x_error), (found.y, y, found.y_error)):
        pull = (measured - true) / error
        assert abs(pull.mean()) < 0.2
        assert 0.9 < pull.std() < 1.1
    np.testing.assert_allclose(np.median(found.electrons / light), 1.0, atol=0.02)
    widths = measure_widths(noisy, found, found.significance > 60)
    np.testing.assert_allclose([np.nanmedian(width) for width in widths], 0.8, atol=0.02)


def test_overlapping_lines_of_the_list_are_fitted_as_a_pair() -> None:
    image = np.zeros(SHAPE)
    add_spots(image, np.array([100.3, 102.3]), np.array([80.2, 80.2]), np.array([9000.0, 6000.0]))
    noisy = arc_image(np.random.default_rng(1).poisson(image).astype(float))
    sigma = np.full(2, 0.8)
    pair = Companion(dx=np.array([2.0, -2.0]), dy=np.zeros(2))
    found = fit_pinholes(noisy, np.array([100.0, 102.0]), np.array([80.0, 80.0]), sigma, sigma, pair)
    np.testing.assert_allclose(found.x, (100.3, 102.3), atol=0.06)
    np.testing.assert_allclose(found.electrons, (9000.0, 6000.0), rtol=0.1)


def test_single_pinhole_solution_is_true_to_its_errors(single: tuple[PaintedArc, ArcSolution]) -> None:
    painted, solution = single
    x, y = _truth(0.0)
    ours = solution.fit.pixels(LINES.order, LINES.wavelength_nm, np.zeros(len(LINES)))
    inside = (x > 5) & (x < SHAPE[1] - 5) & (y > 5) & (y < SHAPE[0] - 5)
    assert np.sqrt(np.mean((ours[0] - x)[inside] ** 2)) < 0.02
    assert np.sqrt(np.mean((ours[1] - y)[inside] ** 2)) < 0.02
    apart = np.where(LINES.order[:, None] == LINES.order[None, :], np.abs(x[:, None] - x[None, :]), np.inf) + np.diag(
        np.full(x.size, np.inf)
    )
    detectable = painted.lit & inside & (apart.min(axis=1) > 3.0)
    assert solution.used[:, 0][detectable].mean() > 0.9
    wrong = solution.used[:, 0] & ~painted.lit
    assert not wrong.any()


def test_multi_pinhole_solution_is_true_along_the_slit(multi: tuple[PaintedArc, ArcSolution]) -> None:
    painted, solution = multi
    inside = (painted.x > 5) & (painted.x < SHAPE[1] - 5) & (painted.y > 5) & (painted.y < SHAPE[0] - 5)
    for fitted, true in ((solution.fit_x, painted.x), (solution.fit_y, painted.y)):
        assert np.sqrt(np.mean((fitted - true)[inside] ** 2)) < 0.02
    order, wave, slit = LINES.order[:, None], LINES.wavelength_nm[:, None], MASK[None, :]
    error = np.stack(
        [
            part.reshape(painted.x.shape)
            for part in solution.fit.errors(*(np.broadcast_to(v, painted.x.shape).ravel() for v in (order, wave, slit)))
        ]
    )
    pull = ((solution.fit_x - painted.x) / error[0])[inside]
    assert 0.5 < pull.std() < 2.0


def test_whole_mask_is_seen(multi: tuple[PaintedArc, ArcSolution]) -> None:
    painted, solution = multi
    for check in check_mask(painted.image, solution):
        assert check.displaced == 0
        assert check.unseen == ()


def test_a_vignetted_end_pinhole_is_named_and_the_solution_stays(single: tuple[PaintedArc, ArcSolution]) -> None:
    painted = without(paint_arc(PREDICTION, LINES, MASK, MOVED, seed=2), (8,))
    solution = _multi(painted, single[1])
    assert {check.unseen for check in check_mask(painted.image, solution)} == {(8,)}
    inside = (painted.x > 5) & (painted.x < SHAPE[1] - 5) & (painted.y > 5) & (painted.y < SHAPE[0] - 5)
    assert np.sqrt(np.mean((solution.fit_y - painted.y)[inside] ** 2)) < 0.03


def test_a_mask_off_by_one_pinhole_is_named_and_not_believed(single: tuple[PaintedArc, ArcSolution]) -> None:
    painted = paint_arc(PREDICTION, LINES, MASK + (MASK[1] - MASK[0]), MOVED, seed=2)
    solution = _multi(painted, single[1])
    assert {check.displaced for check in check_mask(painted.image, solution)} == {1}
    true = MOVED.place(PREDICTION, LINES.order[:, None], LINES.wavelength_nm[:, None], MASK[None, :])
    inside = (true[0] > 5) & (true[0] < SHAPE[1] - 5) & (true[1] > 5) & (true[1] < SHAPE[0] - 5)
    assert np.sqrt(np.mean((solution.fit_y - true[1])[inside] ** 2)) < 0.05


def test_degrees_that_are_asked_for_are_those_of_the_table(single: tuple[PaintedArc, ArcSolution]) -> None:
    settings = with_degrees(ArcSettings(), "3233")
    assert not settings.choose_degrees
    solution = solve_arc(single[0].image, PREDICTION, LINES, ONE, settings, dispersion_axis="x")
    assert solution.fit.x_polynomial.coefficients.shape == (4, 4, 1)
    assert solution.fit.y_polynomial.coefficients.shape == (3, 4, 1)


def test_a_frame_without_light_is_refused() -> None:
    dark = arc_image(np.random.default_rng(1).normal(0, 5, SHAPE))
    with pytest.raises(AlgorithmError, match="the pattern of"):
        solve_arc(dark, PREDICTION, LINES, ONE, ArcSettings(), dispersion_axis="x")


def test_too_few_lines_to_look_for_are_said() -> None:
    painted = paint_arc(PREDICTION, LINES, ONE, MOVED)
    few = LINES.where(np.arange(len(LINES)) < 3)
    with pytest.raises(AlgorithmError, match="3 lines of these lamps are expected on the frame, 12 are needed"):
        solve_arc(painted.image, PREDICTION, few, ONE, ArcSettings(), dispersion_axis="x")


def test_saturated_images_are_left_out(single: tuple[PaintedArc, ArcSolution]) -> None:
    painted, before = single
    k = int(np.flatnonzero(before.used[:, 0])[5])
    saturated = np.zeros(SHAPE, dtype=bool)
    saturated[round(painted.y[k, 0]), round(painted.x[k, 0])] = True
    image = type(painted.image)(
        electrons=painted.image.electrons, variance=painted.image.variance, good=painted.image.good, saturated=saturated
    )
    solution = solve_arc(image, PREDICTION, LINES, ONE, ArcSettings(), dispersion_axis="x")
    assert solution.judged.state[k, 0] == ImageState.SATURATED


def test_lines_of_lamps_that_are_off_are_not_searched_for() -> None:
    some = candidate_lines(PREDICTION, ("Ar",), SHAPE)
    assert set(some.element.tolist()) == {"Ar"}
    assert [element_of(ion) for ion in ("ArII", "HgI", "ThAr", "UNK")] == ["Ar", "Hg", "ThAr", "UNK"]
