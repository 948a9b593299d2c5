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


def test_light_where_the_flat_does_not_reach_counts_as_that_of_other_rows() -> None:
    """The slit lets it through; of a star on the flat's end, half was missing in the truth."""
    star = {**STAR, "offset_arcsec": 4.9, "seeing_arcsec": 0.6, "slit_edge_blur_px": 0.2, "map_error_px": 0.0}
    in_place, moved = (small_scene("NIR", **star, flexure_slit_px=px).truth.orders for px in (0.0, 4.0))
    ratio, of_light = (np.median(moved[name]) / np.median(in_place[name]) for name in ("OBJ_FLAT", "OBJ_E"))
    np.testing.assert_allclose([ratio, of_light], 1.0, atol=0.03)
