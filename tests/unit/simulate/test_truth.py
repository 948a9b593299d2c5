"""The truth of a scene: the light of its object and the noise of its exposures."""

from __future__ import annotations

import numpy as np

from support.scenes import small_scene

STAR = {"target": "power_law", "ab_mag": 15.0, "exptime_s": 300.0, "cosmic_ray_rate": 0.0, "seed": 3}


def test_truth_of_a_cloudy_exposure_is_the_light_of_clear_ones() -> None:
    clear = small_scene("NIR", **STAR).truth.orders
    cloudy = small_scene("NIR", **STAR, exposures=3, transparency=(1.0, 1.0, 0.1)).truth.orders
    np.testing.assert_allclose(cloudy["OBJ_E"], clear["OBJ_E"], rtol=1e-6)
    # the best that can be done: two clear exposures, and next to nothing of the third
    gain = np.median(cloudy["SNR_IDEAL"] / clear["SNR_IDEAL"])
    assert np.sqrt(2.0) * 0.97 < gain < np.sqrt(2.05)
