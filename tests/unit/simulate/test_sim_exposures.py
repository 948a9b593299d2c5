"""Exposures that differ, and what the read-out adds."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.simulate.detector import CHANNELS, flaws, make_chip, read_out_pattern, stream
from soxspipe.simulate.scene import Scene
from support.scenes import small_scene

STAR = {"target": "power_law", "ab_mag": 15.0, "exptime_s": 300.0, "cosmic_ray_rate": 0.0, "seed": 3}


def test_truth_of_a_cloudy_exposure_is_the_light_of_clear_ones() -> None:
    clear = small_scene("NIR", **STAR).truth.orders
    cloudy = small_scene("NIR", **STAR, exposures=3, transparency=(1.0, 1.0, 0.1)).truth.orders
    np.testing.assert_allclose(cloudy["OBJ_E"], clear["OBJ_E"], rtol=1e-6)
    # the best that can be done: two clear exposures, and next to nothing of the third
    gain = np.median(cloudy["SNR_IDEAL"] / clear["SNR_IDEAL"])
    assert np.sqrt(2.0) * 0.97 < gain < np.sqrt(2.05)


def test_exposures_that_drift_keep_their_light_and_their_places() -> None:
    scene = small_scene("NIR", **STAR, exposures=2, drift_arcsec=(0.0, 3.0))
    still = small_scene("NIR", **STAR, exposures=2)
    for name, within in (("OBJ_E", 0.01), ("SNR_IDEAL", 0.05)):  # rows of a tilted line hold other wavelengths at another place
        assert np.median(scene.truth.orders[name]) == pytest.approx(np.median(still.truth.orders[name]), rel=within)
    first, second = (raw.adu.astype(float).sum(axis=1) for raw in scene.inputs.raw)
    assert abs(int(np.argmax(first)) - int(np.argmax(second))) > 3


def test_unequal_times_and_their_headers() -> None:
    scene = small_scene("NIR", **STAR, exposures=2, exposure_times_s=(900.0, 100.0))
    assert scene.truth.header["EXPTIME"] == 500.0
    assert scene.simulation.mjd[1] - scene.simulation.mjd[0] == pytest.approx(945.0 / 86400.0)


def test_noise_of_a_mean_of_integrations() -> None:
    """Two frames of a dark detector: their difference has the read noise of one over the root of the number of integrations."""
    values = {
        "target": "empty",
        "exptime_s": 1.0,
        "exposures": 2,
        "cosmic_ray_rate": 0.0,
        "hot_pixels": 0.0,
        "sky_ab_mag": 26.0,
        "oh_strength": 0.0,
    }
    scene = small_scene("NIR", **values, integrations=4, dark_e_per_s=0.0)
    difference = np.subtract(*(adu.astype(float) for adu in scene.simulation.raw_adu))
    assert np.std(difference) * 2.3 / np.sqrt(2.0) == pytest.approx(7.3 / 2.0, rel=0.03)


def test_pattern_of_the_read_out() -> None:
    scene = Scene(channel_offsets_e=20.0, stripes_e=5.0, odd_even_e=2.0)
    pattern = read_out_pattern(scene, (2040, 2040), stream(1, "pattern"))
    channels = pattern.mean(axis=0)
    assert np.unique(np.round(channels, 6)).size == CHANNELS
    assert channels.std() == pytest.approx(20.0, rel=0.4)
    rows = pattern.mean(axis=1)
    assert rows[1::2].mean() - rows[::2].mean() == pytest.approx(2.0, abs=0.7)
    assert rows.std() == pytest.approx(5.0, rel=0.1)


def test_coupling_keeps_the_charge_and_wells_bend() -> None:
    chip = make_chip(Scene(), (20, 20), gain_e_per_adu=2.3, read_noise_e=7.3, column_through=None)
    charge = np.zeros((20, 20))
    charge[10, 10] = 1000.0
    coupled = flaws(Scene(coupling=0.01), charge, chip)
    assert coupled.sum() == pytest.approx(1000.0)
    assert (coupled[10, 10], coupled[10, 11]) == pytest.approx((960.0, 10.0))
    full = flaws(Scene(nonlinearity=0.05), np.full((20, 20), 60_000.0), chip)
    np.testing.assert_allclose(full, 60_000.0 * (1.0 - 0.05 * 0.5))
