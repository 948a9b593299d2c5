"""Noise, defects and cosmic rays of the detector."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.io.simulated_facts import make_scene
from soxspipe.simulate.detector import (
    bin_sum,
    cosmic_rays,
    expose,
    flaws,
    make_chip,
    mean_of_frames,
    read_noise,
    scattered,
    stream,
)
from soxspipe.simulate.scene import Scene

SHAPE = (300, 400)


def chip_of(**values):
    scene = make_scene({"hot_pixels": 0.0, "dead_pixels": 0.0, "bad_columns": 0, **values})
    return make_chip(scene, SHAPE, gain_e_per_adu=2.0, read_noise_e=7.0, column_through=None)


def test_streams_are_independent_and_repeatable():
    first = stream(5, "exposure", 0).random(4)
    np.testing.assert_array_equal(first, stream(5, "exposure", 0).random(4))
    for other in (stream(5, "exposure", 1), stream(5, "flat", 0), stream(6, "exposure", 0)):
        assert not np.any(other.random(4) == first)


def test_exposure_has_poisson_and_read_noise_and_the_mean_it_should():
    chip = chip_of(dark_e_per_s=0.1)
    light = np.full(SHAPE, 200.0)
    electrons = expose(chip, light, 100.0, np.zeros(SHAPE), stream(1, "exposure")) - chip.bias_e - chip.dark_e_per_s * 100.0
    digitised = np.rint(electrons / chip.gain_e_per_adu) * chip.gain_e_per_adu
    expected = 200.0 + 10.0 + 7.0**2
    assert digitised.mean() == pytest.approx(200.0, abs=0.2)
    assert digitised.var() == pytest.approx(expected, rel=0.02)


def test_read_noise_is_that_of_the_rounded_number():
    chip = chip_of(gain_e_per_adu=6.0, dark_e_per_s=0.0)
    level = stream(2, "level").uniform(0, 6, size=SHAPE)
    read = expose(chip, np.zeros(SHAPE), 1.0, np.zeros(SHAPE), stream(1, "exposure")) - chip.bias_e + level
    assert np.std(np.rint(read / 6.0) * 6.0 - level) == pytest.approx(7.0, rel=0.01)
    assert read_noise(chip) < 7.0


def test_mean_of_frames_has_the_noise_of_a_mean():
    chip = chip_of()
    mean = mean_of_frames(chip, np.full(SHAPE, 100.0), 5, stream(1, "dark"))
    assert mean.mean() == pytest.approx(100.0, abs=0.1)
    assert mean.var() == pytest.approx((100.0 + 49.0) / 5, rel=0.02)


def test_a_full_well_holds_no_more():
    chip = chip_of(saturation_e=5000.0, dark_e_per_s=0.0)
    electrons = expose(chip, np.full(SHAPE, 9000.0), 1.0, np.zeros(SHAPE), stream(1, "exposure")) - chip.bias_e
    assert np.median(electrons) == pytest.approx(5000.0, abs=1.0)


def test_defects_are_as_many_as_asked_for_and_change_only_themselves():
    scene = make_scene({"hot_pixels": 0.01, "dead_pixels": 0.02, "bad_columns": 2, "arm": "VIS"})
    chip = make_chip(scene, SHAPE, gain_e_per_adu=1.0, read_noise_e=3.0, column_through=(100, 7))
    assert chip.hot.mean() == pytest.approx(0.01, rel=0.2)
    column = chip.dead[:, 7]
    assert column[100:].all()
    assert not column[:20].all()
    assert np.all(chip.defect_response[~chip.dead] == 1.0)
    assert np.all(chip.defect_response[chip.dead] < 1.0)
    assert chip.dark_e_per_s[chip.hot].min() > 100 * np.median(chip.dark_e_per_s)


def test_scattered_light_is_the_share_asked_for_and_smooth():
    np.testing.assert_allclose(scattered(np.full((320, 400), 50.0), 0.02), 1.0, rtol=1e-6)
    light = np.zeros(SHAPE)
    light[140:160] = 1000.0
    spread = scattered(light, 0.02)
    assert 0.5 < spread.sum() / (0.02 * light.sum()) < 1.0
    assert np.abs(np.diff(spread, axis=0)).max() < 0.01 * spread.max()
    assert not scattered(light, 0.0).any()


def test_cosmic_rays_come_at_their_rate_and_leave_tracks():
    rng = stream(3, "cosmic rays")
    image, hits = cosmic_rays((1000, 1000), 18e-4, 10.0, 5.0, rng)
    assert hits == pytest.approx(5.0 * 10.0 * 1.8**2, rel=0.3)
    struck = image > 50.0
    assert 2 < struck.sum() / hits < 30
    assert image.sum() / hits > 1000.0
    assert cosmic_rays(SHAPE, 18e-4, 10.0, 0.0, rng)[1] == 0


def test_binning_adds_charge():
    image = np.arange(24.0).reshape(4, 6)
    binned = bin_sum(image, (2, 1))
    assert binned.shape == (4, 3)
    assert binned[0, 0] == 1.0
    assert bin_sum(image, (2, 2)).sum() == image.sum()


def test_noisy_rows_have_more_read_noise_and_the_truth_knows_it() -> None:
    scene = Scene(noisy_rows=0.2, noisy_rows_factor=4.0)
    chip = make_chip(scene, (500, 400), gain_e_per_adu=1.0, read_noise_e=5.0, column_through=None)
    noisy = chip.row_noise[:, 0] > 1.0
    assert noisy.mean() == pytest.approx(0.2, abs=0.06)
    assert chip.read_variance[noisy, 0] == pytest.approx(400.0)
    shown = expose(chip, np.zeros((500, 400)), 1.0, np.zeros((500, 400)), np.random.default_rng(3)) - chip.bias_e
    sigma = 1.4826 * np.median(np.abs(shown - np.median(shown, axis=1)[:, None]), axis=1)
    assert np.median(sigma[noisy]) == pytest.approx(20.0, rel=0.03)
    assert np.median(sigma[~noisy]) == pytest.approx(5.0, rel=0.03)


def test_coupling_keeps_the_charge_and_wells_bend() -> None:
    chip = make_chip(Scene(), (20, 20), gain_e_per_adu=2.3, read_noise_e=7.3, column_through=None)
    charge = np.zeros((20, 20))
    charge[10, 10] = 1000.0
    coupled = flaws(Scene(coupling=0.01), charge, chip)
    assert coupled.sum() == pytest.approx(1000.0)
    assert (coupled[10, 10], coupled[10, 11]) == pytest.approx((960.0, 10.0))
    full = flaws(Scene(nonlinearity=0.05), np.full((20, 20), 60_000.0), chip)
    np.testing.assert_allclose(full, 60_000.0 * (1.0 - 0.05 * 0.5))
