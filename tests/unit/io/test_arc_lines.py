"""Wavelengths of the tables that are shipped: laboratory values, in air."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.predict_lines import candidate_lines, pixels_of
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.io.static import read_arc_table, read_single_sky_lines


def _nearest(waves: np.ndarray, value: float) -> float:
    return float(waves[np.argmin(np.abs(waves - value))])


@pytest.mark.parametrize(
    ("value", "tolerance"), [(811.5311, 1e-4), (794.8176, 1e-4), (965.7786, 1e-4), (1295.666, 7e-4), (2026.224, 4e-4), (1013.976, 7e-4)]
)
def test_near_infrared_lines_are_laboratory_values_in_air(value: float, tolerance: float) -> None:
    """Ar I, Xe I and Hg I; the reference's list has them 1 to 2 pm too long, vacuum would be 0.2 to 0.5 nm off."""
    assert _nearest(read_arc_prediction("SOXS", "NIR").lines.wavelength_nm, value) == pytest.approx(value, abs=tolerance)


def test_thorium_is_in_air() -> None:
    """Th I 698.9655 in the atlas, and every visual line in the atlas (which is in air; the complete list of the reference is in vacuum)."""
    atlas = read_arc_table("atlas/thar")
    assert atlas is not None
    assert _nearest(atlas[0], 698.9655) == pytest.approx(698.9655, abs=1e-4)
    lines = read_arc_prediction("SOXS", "VIS").lines.wavelength_nm
    distance = np.abs(lines[:, None] - atlas[0][None, :]).min(axis=1)
    assert np.mean(distance < 5e-4) > 0.98


def test_sky_lines_are_in_air() -> None:
    """[O I] 557.7339 and OH 1668.782."""
    assert _nearest(read_single_sky_lines("vis")[0], 557.7339) == pytest.approx(557.7339, abs=1e-3)
    assert _nearest(read_single_sky_lines("nir")[0], 1668.782) == pytest.approx(1668.782, abs=2e-3)


@pytest.mark.parametrize(
    ("arm", "order", "wave", "slit", "x", "y"),
    [
        ("NIR", 10, 1900.0, 0.0, 469.761, 385.149),
        ("NIR", 16, 1250.0, -4.0, 1596.225, 757.273),
        ("NIR", 24, 820.0, 5.0, 1155.938, 1433.974),
        ("VIS", 1, 600.0, 0.0, 170.418, 1805.736),
        ("VIS", 2, 400.0, 0.0, 314.131, 1992.944),
        ("VIS", 4, 750.0, 4.0, 660.265, 1743.632),
    ],
)
def test_predicted_geometry_is_that_of_the_models(arm: str, order: int, wave: float, slit: float, x: float, y: float) -> None:
    prediction = read_arc_prediction("SOXS", arm)
    at_x, at_y = pixels_of(prediction.x, prediction.y, np.array([order]), np.array([wave]), np.array([slit]))
    assert (at_x[0], at_y[0]) == (pytest.approx(x, abs=1e-3), pytest.approx(y, abs=1e-3))


@pytest.mark.parametrize(
    ("instrument", "arm"), [("SOXS", "NIR"), ("SOXS", "VIS"), ("XSHOOTER", "UVB"), ("XSHOOTER", "VIS"), ("XSHOOTER", "NIR")]
)
def test_every_arm_has_lines_in_every_order(instrument: str, arm: str) -> None:
    prediction = read_arc_prediction(instrument, arm)
    lines = candidate_lines(prediction, (), (4200, 4200))
    counts = {order: int((lines.order == order).sum()) for order in prediction.ranges_nm}
    assert sum(count >= 3 for count in counts.values()) >= 0.9 * len(counts)
    assert prediction.mask_arcsec.size == 9


def test_a_lamp_brings_its_own_lines() -> None:
    prediction = read_arc_prediction("SOXS", "NIR")
    only = candidate_lines(prediction, ("Xe",), (2040, 2040))
    assert set(only.element.tolist()) == {"Xe", "UNK"}
    assert only.expected.any()
