"""A star of the off-frame within the target's image: its light comes back, and the user is told."""

from __future__ import annotations

import pytest

from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.stare import StareSettings
from support.scenes import score_result, small_scene

SCENE = {"ab_mag": 15.0, "exptime_s": 600.0, "off_frame": True, "offset_arcsec": 0.5, "seed": 5}


@pytest.mark.parametrize("apart_arcsec", [0.0, 0.7])
def test_light_that_a_star_of_the_off_frame_took_is_given_back(apart_arcsec: float) -> None:
    prepared = small_scene("NIR", **SCENE, off_star_ab_mag=15.5, off_star_offset_arcsec=0.5 + apart_arcsec)
    result = reduce_stare(prepared.inputs, StareSettings())
    orders = score_result(result, prepared.truth)["orders"]
    assert abs(orders["bias_pct"]) < 3.0  # a third to two thirds of the light were missing
    assert any(f'lies {apart_arcsec:.1f}" from the object' in warning and "given back" in warning for warning in result.warnings)
    assert result.counts is not None
    assert result.counts.in_doubt >= 0.03


@pytest.mark.parametrize("star", [{}, {"off_star_ab_mag": 15.5, "off_star_offset_arcsec": 3.5}])
def test_nothing_is_given_back_without_such_a_star(star: dict[str, float]) -> None:
    result = reduce_stare(small_scene("NIR", **SCENE, **star).inputs, StareSettings())
    assert not any("given back" in warning for warning in result.warnings)
