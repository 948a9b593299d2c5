"""Scattered light under the orders, from what lies between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from soxspipe.algorithms.frames.detrend import make_pedestal
from soxspipe.algorithms.frames.subtract_background import BackgroundSettings, fit_background
from soxspipe.algorithms.orders.windows import cut_orders
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.numerics.robust import largest_near
from support.orders import make_geometry

NUMBERS = (11, 12, 13, 14)


def smooth_light(shape: tuple[int, int]) -> np.ndarray:
    """20 e- that rise to 60 in the middle of the frame."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(20.0 + 40.0 * np.exp(-0.5 * ((y / shape[0] - 0.5) ** 2 + (x / shape[1] - 0.45) ** 2) / 0.3**2))


def scene(axis: Literal["x", "y"] = "x", *, seed: int = 1, light: np.ndarray | None = None) -> tuple[Frame, object, np.ndarray]:
    geometry = make_geometry(axis=axis, numbers=NUMBERS, n_b=400, spacing=60)
    truth = smooth_light(geometry.shape) if light is None else light
    rng = np.random.default_rng(seed)
    electrons = rng.normal(truth, np.sqrt(truth + 25.0))
    orders = geometry.dispersion_map.order > 0
    electrons[orders] += 3000.0
    frame = Frame(electrons=electrons, variance=np.full(truth.shape, 25.0), flags=np.zeros(truth.shape, dtype=np.uint8), exptime_s=1.0)
    return frame, geometry, truth


def fitted(
    axis: Literal["x", "y"] = "x", settings: BackgroundSettings | None = None, **values: object
) -> tuple[BackgroundModel, np.ndarray, np.ndarray]:
    frame, geometry, truth = scene(axis, **values)  # type: ignore[arg-type]
    model = fit_background(frame, geometry, settings or BackgroundSettings())  # type: ignore[arg-type]
    return model, truth, geometry.dispersion_map.order > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_light_under_the_orders_is_found_between_them(axis: Literal["x", "y"]) -> None:
    model, truth, orders = fitted(axis)
    error = (model.electrons - truth)[orders]
    assert np.sqrt(np.mean(error**2)) < 1.5
    assert abs(np.mean(error)) < 0.4


@pytest.mark.parametrize("axis", ["x", "y"])
def test_orders_are_cut_out_of_the_model_as_out_of_a_frame(axis: Literal["x", "y"]) -> None:
    frame, geometry, _ = scene(axis)
    model = fit_background(frame, geometry, BackgroundSettings())  # type: ignore[arg-type]
    assert model.electrons.shape == model.used.shape == frame.shape
    for window in cut_orders(geometry):
        electrons, variance = model.cutout(window)
        np.testing.assert_array_equal(electrons, window.cutout(model.electrons))
        np.testing.assert_array_equal(variance, window.cutout(model.variance))


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("at_once", [1, 1000])
def test_cells_taken_at_once_make_no_difference(axis: Literal["x", "y"], at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = fitted(axis)[0]
    monkeypatch.setattr("soxspipe.algorithms.frames.subtract_background.CELLS_AT_ONCE", at_once)
    np.testing.assert_array_equal(fitted(axis)[0].cells, usual.cells)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_bias_and_dark_may_still_be_in_the_frame(axis: Literal["x", "y"]) -> None:
    frame, geometry, _ = scene(axis)
    bias, dark = (replace(frame, electrons=np.full(frame.shape, level, dtype=np.float32), exptime_s=2.0) for level in (300.0, 340.0))
    masters = Masters(bias=bias, dark=dark)
    with_both = replace(frame, electrons=frame.electrons + make_pedestal(frame.exptime_s, masters, frame.shape).electrons)
    settings = BackgroundSettings()
    model = fit_background(with_both, geometry, settings, masters)  # type: ignore[arg-type]
    np.testing.assert_allclose(model.cells, fit_background(frame, geometry, settings).cells, atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("reach", [1, 3, 40])
def test_masks_are_spread_along_the_slit_alone(reach: int) -> None:
    mask = np.random.default_rng(reach).random((5, 97)) < 0.02
    expected = [[row[max(0, a - reach) : a + reach + 1].any() for a in range(mask.shape[1])] for row in mask]
    np.testing.assert_array_equal(largest_near(mask, reach), expected)


def test_the_variance_is_that_of_the_model() -> None:
    models = [fitted(seed=seed)[0].electrons for seed in range(8)]
    scatter = np.sqrt(np.median(np.var(models, axis=0, ddof=1)))
    claimed = np.sqrt(float(np.median(fitted()[0].variance)))
    assert 0.5 < claimed / scatter < 2.0


def test_pixels_used_are_good_and_outside_the_orders() -> None:
    frame, geometry, _ = scene()
    bad = np.zeros(frame.shape, dtype=bool)
    bad[::7, ::5] = True
    model = fit_background(frame.flagged(bad, PixelFlag.BAD), geometry, BackgroundSettings())  # type: ignore[arg-type]
    orders = geometry.dispersion_map.order > 0  # type: ignore[attr-defined]
    assert model.used.any()
    assert not model.used[orders].any()
    assert not model.used[bad].any()
    grown = orders | np.roll(orders, 1, 0) | np.roll(orders, -1, 0)
    assert not model.used[grown].any()


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("motion", [-6, 6])
def test_light_of_a_slit_that_has_moved_is_no_scattered_light(axis: Literal["x", "y"], motion: int) -> None:
    frame, geometry, truth = scene(axis)
    along = 0 if axis == "x" else 1
    orders = geometry.dispersion_map.order > 0  # type: ignore[attr-defined]
    sky = np.where(orders, 3000.0, 0.0)
    moved = replace(frame, electrons=frame.electrons - sky + np.roll(sky, motion, axis=along))
    model = fit_background(moved, geometry, BackgroundSettings(), slit_motion_px=motion)  # type: ignore[arg-type]
    # half of the pixels of a gap are left, so the noise is larger than in a frame whose slit has not moved
    assert np.sqrt(np.mean((model.electrons - truth)[orders] ** 2)) < 1.5 * np.sqrt(2.0)
    assert not model.used[np.roll(orders, motion, axis=along)].any()


def test_stars_between_the_orders_do_not_count() -> None:
    frame, geometry, truth = scene()
    electrons = np.array(frame.electrons)
    electrons[np.random.default_rng(2).uniform(size=electrons.shape) < 0.03] += 5000.0
    spoilt = Frame(electrons=electrons, variance=frame.variance, flags=frame.flags, exptime_s=1.0)
    model = fit_background(spoilt, geometry, BackgroundSettings())  # type: ignore[arg-type]
    orders = geometry.dispersion_map.order > 0  # type: ignore[attr-defined]
    assert abs(np.mean((model.electrons - truth)[orders])) < 1.0


def test_negative_light_is_followed_as_well() -> None:
    model, truth, orders = fitted(light=np.full((240, 400), 1e-9))
    assert abs(np.mean((model.electrons - truth)[orders])) < 0.3


def ripple(shape: tuple[int, int]) -> np.ndarray:
    """Waves of 100 px along the dispersion (x)."""
    return np.asarray(50.0 + 20.0 * np.sin(2 * np.pi * np.arange(shape[1]) / 100.0)[None, :] * np.ones(shape))


def test_a_wider_gaussian_smooths_more() -> None:
    errors = []
    for sigma in (0.0, 10.0, 300.0):
        model, truth, orders = fitted(settings=BackgroundSettings(gaussian_blur_sigma=sigma), light=ripple((240, 400)))
        errors.append(float(np.std((model.electrons - truth)[orders])))
    assert errors[0] < 5.0
    assert errors[1] < 5.0
    assert errors[2] > 12.0


def test_the_degree_changes_the_model_across_the_orders() -> None:
    models = [fitted(settings=BackgroundSettings(bspline_deg=degree))[0].electrons for degree in (1, 2, 4)]
    assert np.abs(models[0] - models[1]).max() > 0.01
    assert np.abs(models[1] - models[2]).max() > 0.01


def test_without_pixels_between_the_orders_there_is_no_model() -> None:
    from soxspipe.errors import AlgorithmError

    frame, geometry, _ = scene()
    nothing = frame.flagged(np.ones(frame.shape, dtype=bool), PixelFlag.BAD)
    with pytest.raises(AlgorithmError, match="only 0 good pixels between the orders"):
        fit_background(nothing, geometry, BackgroundSettings())  # type: ignore[arg-type]


def test_the_frame_is_not_touched() -> None:
    frame, geometry, _ = scene()
    before = frame.electrons.copy()
    fit_background(frame, geometry, BackgroundSettings())  # type: ignore[arg-type]
    np.testing.assert_array_equal(frame.electrons, before)
