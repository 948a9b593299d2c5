"""Flexure by order, the law of the bands, and bent orders."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.io.simulated_facts import read_optics
from soxspipe.simulate.flexure import dispersion_flexure, moves, slit_flexure
from soxspipe.simulate.scene import Scene

BANDS = (1, 2, 3, 4)


def test_orders_move_together_unless_they_are_named():
    scene = Scene(flexure_dispersion_px=0.5, flexure_tilt_px=0.1, flexure_dispersion_order_px={12: -3.0}, flexure_slit_order_px={11: 2.0})
    assert dispersion_flexure(scene, (10, 11, 12)) == pytest.approx({10: 0.4, 11: 0.5, 12: -3.0})
    assert slit_flexure(scene, (10, 11)) == {10: 0.0, 11: 2.0}
    assert moves(scene)
    assert not moves(Scene())


def test_bands_follow_the_law_by_hand():
    """Half a turn from 0: the cosine changes by -2, the sine by nothing; r = 1.104 x 1 - 2 x 0.554 = -0.004."""
    scene = Scene(arm="VIS", flexure_dispersion_px=1.0, flexure_by_law=True, flexure_law_scatter=0.0, rotator_deg=180.0)
    found = dispersion_flexure(scene, BANDS)
    assert found[4] == 1.0
    assert found[1] == pytest.approx(-0.004)
    assert found[2] == pytest.approx(-2.714 * 0.498 + 2 * 4.624)
    assert found[3] == pytest.approx(-3.489 * 0.498 + 2 * 5.233)


def test_an_arc_without_a_card_was_taken_with_the_rotator_at_0():
    without = Scene(arm="VIS", flexure_by_law=True, rotator_deg=90.0)
    assert dispersion_flexure(without, BANDS) == dispersion_flexure(without.model_copy(update={"arc_rotator_deg": 0.0}), BANDS)


def test_bands_scatter_about_the_law():
    quiet = dispersion_flexure(Scene(arm="VIS", flexure_by_law=True, flexure_law_scatter=0.0), BANDS)
    drawn = [dispersion_flexure(Scene(arm="VIS", flexure_by_law=True, seed=seed), BANDS) for seed in range(300)]
    assert np.std([found[1] - quiet[1] for found in drawn]) == pytest.approx(0.364, rel=0.15)
    # u also takes -2.714 / 2 of the scatter of r along
    assert np.std([found[2] - quiet[2] for found in drawn]) == pytest.approx(np.hypot(0.96, 0.5 * 2.714 * 0.364), rel=0.15)


def test_other_arms_have_no_law():
    with pytest.raises(ValueError, match="SOXS VIS"):
        Scene(arm="NIR", flexure_by_law=True)


def test_single_orders_are_bent():
    model = read_optics("SOXS", "NIR")
    bent = model.bent({10: 1.5, 99: 1.0})
    centre, scale = model.orders[10].centre_nm, model.orders[10].scale_nm
    wave, slit = centre + scale * np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 4.0])
    np.testing.assert_allclose(bent.orders[10].b_px(wave, slit) - model.orders[10].b_px(wave, slit), [1.5, 0.0, 1.5])
    np.testing.assert_array_equal(bent.orders[11].along_b, model.orders[11].along_b)
