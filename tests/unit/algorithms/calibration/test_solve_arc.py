"""From an arc frame to a solution, on a small echelle with known truth."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_settings import ArcSettings, with_degrees
from soxspipe.algorithms.calibration.check_mask import check_mask
from soxspipe.algorithms.calibration.judge_lines import ImageState
from soxspipe.algorithms.calibration.predict_lines import candidate_lines
from soxspipe.algorithms.calibration.solve_arc import ArcSolution, solve_arc
from soxspipe.errors import AlgorithmError
from support.arcs import MASK, SHAPE, Motion, PaintedArc, arc_image, paint_arc, small_prediction, without

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


def test_half_covered_end_pinholes_are_left_out_and_do_not_bend_the_slit(single: tuple[PaintedArc, ArcSolution]) -> None:
    # X-shooter's outer pinholes lie beyond the ends of its slit: what a slit would leave of them once bent all of the map by 0.3 px
    covered = MASK.copy()
    covered[[0, -1]] *= 0.94
    painted = paint_arc(PREDICTION, LINES, covered, MOVED, seed=2)
    solution = _multi(painted, single[1])
    assert not solution.used[:, [0, -1]].any()
    assert (solution.judged.state[:, [0, -1]] == ImageState.OFF).sum() > 100
    x, y = solution.fit.pixels(LINES.order, LINES.wavelength_nm, np.full(len(LINES), 4.2))
    true_x, true_y = _truth(4.2)
    assert np.sqrt(np.mean((y - true_y) ** 2)) < 0.05
    assert np.sqrt(np.mean((x - true_x) ** 2)) < 0.05


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
