"""Whole detectors: science scenes of both arms meet the targets of the design."""

from __future__ import annotations

import pytest

from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.stare import StareSettings
from support.scenes import full_scene, score_result

pytestmark = pytest.mark.slow

SCENES = {
    "NIR": {"arm": "NIR", "ab_mag": 17.0, "exptime_s": 300.0, "exposures": 3},
    "VIS": {"arm": "VIS", "ab_mag": 18.0, "exptime_s": 900.0},
}


@pytest.mark.parametrize("arm", SCENES)
def test_a_supernova_comes_back(arm):
    prepared = full_scene(target="supernova", offset_arcsec=-0.9, seeing_arcsec=0.85, airmass=1.3, seed=71, **SCENES[arm])
    figures = score_result(reduce_stare(prepared.inputs, StareSettings()), prepared.truth)
    orders, sky, merged = figures["orders"], figures["sky"], figures["merged"]
    assert abs(orders["bias_pct"]) <= 1.0
    assert abs(orders["bias_pct_worst_order"]) <= 3.0
    assert orders["snr_ratio"] >= 0.94
    assert 0.94 <= orders["chi_std"] <= 1.06
    assert orders["outliers_per_1000"] <= 1.0
    assert orders["delivered"] >= 0.999
    assert abs(orders["wavelength_error_px"]) <= 0.03
    assert orders["trace_error_rms_px"] <= 0.05
    assert sky["beside"]["robust"] <= 1.03
    assert sky["bright_lines"]["robust"] <= 1.06
    assert 0.8 <= merged["chi_std_1nm"] <= 1.1
    assert merged["delivered"] >= 0.9995


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_a_standard_calibrates_itself(arm):
    prepared = full_scene(arm=arm, target="standard", exptime_s=120.0, airmass=1.15, seed=72)
    figures = score_result(reduce_stare(prepared.inputs, StareSettings()), prepared.truth)
    assert figures["flux"]["clear_lines_removed"]["median_abs_pct"] <= 1.0
    assert figures["flux"]["clear_lines_removed"]["p95_abs_pct"] <= 4.0
    assert figures["efficiency"]["median_abs_pct"] <= 1.0
