"""Errors of pinhole images (what photon noise does not tell is seen in how the images of a line scatter), and lines that lack some of them."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.arc_settings import ArcSettings
from soxspipe.algorithms.calibration.judge_lines import FLOOR_LIMITS_PX, FLOOR_PX, ImageState, floor_of, judge_against


def _offsets(floor_px: float, photon_px: np.ndarray, seed: int = 3) -> np.ndarray:
    """Offsets of 9 images of lines that lie off the solution as a whole, with photon noise and a floor."""
    draw = np.random.default_rng(seed)
    error = np.hypot(photon_px, floor_px)
    return draw.normal(0.0, 0.05, (len(photon_px), 1)) + error * draw.normal(size=error.shape)


@pytest.mark.parametrize("floor_px", [0.002, 0.005, 0.012])
def test_the_floor_is_found_whatever_whole_lines_do(floor_px: float) -> None:
    photon = np.repeat(np.geomspace(0.002, 0.1, 200)[:, None], 9, axis=1)
    good = np.ones(photon.shape, dtype=bool)
    assert floor_of(_offsets(floor_px, photon), photon, good) == pytest.approx(floor_px, rel=0.15)


def test_a_frame_without_a_floor_gets_the_least() -> None:
    photon = np.full((200, 9), 0.005)
    assert floor_of(_offsets(0.0, photon, seed=4), photon, np.ones(photon.shape, dtype=bool)) < 2.0 * FLOOR_LIMITS_PX[0]


def test_few_bright_images_or_one_pinhole_say_nothing() -> None:
    faint, one = np.full((200, 9), 0.05), np.full((200, 1), 0.003)
    for photon in (faint, one):
        assert floor_of(_offsets(0.002, photon), photon, np.ones(photon.shape, dtype=bool)) == FLOOR_PX


@pytest.mark.parametrize(("dark", "gone", "kept"), [((), 2, True), ((), 3, False), ((0, 7, 8), 2, True), ((0, 7, 8), 3, False)])
def test_dark_pinholes_are_no_fault_of_the_lines(dark: tuple[int, ...], gone: int, kept: bool) -> None:
    state = np.full((40, 9), ImageState.GOOD)
    state[:, list(dark)] = ImageState.MISSING
    state[0, 1 : 1 + gone] = ImageState.MISSING  # one line lacks more
    offset, error = np.zeros(state.shape), np.full(state.shape, 0.01)
    judged = judge_against(state, offset, offset, (error, error), np.ones(40, dtype=bool), ArcSettings(), 0.06)
    assert (judged[1:] == ImageState.GOOD).sum() == 39 * (9 - len(dark))
    assert (judged[0] == ImageState.GOOD).any() == kept
