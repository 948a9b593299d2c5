"""Small simulated scenes reduced by the recipe's algorithm: what went in comes back, within its errors.

The optics, noise and defects are those of the full detector; the scenes are small because the detector is cropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pytest

from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.reductions.stare.result import StareResult
from soxspipe.settings.stare import StareSettings
from soxspipe.simulate.simulation import Score
from support.scenes import Prepared, score_result, small_scene


@dataclass(frozen=True)
class Case:
    """A scene and how well it must come back."""

    window: str
    scene: dict[str, object]
    settings: dict[str, object] = field(default_factory=dict)
    bias_pct: float = 1.0
    snr_ratio: float = 0.88
    chi: tuple[float, float] = (0.88, 1.12)
    sky: float = 1.05
    trace_px: float = 0.05
    wavelength_px: float = 0.05


CASES = {
    "bright star": Case("NIR", {"ab_mag": 13.0}, bias_pct=0.4),
    "faint star": Case("NIR", {"ab_mag": 17.5}, bias_pct=2.5, trace_px=0.1),
    "bright star, VIS": Case("VIS", {"ab_mag": 13.0}, bias_pct=0.4),
    "faint star, VIS": Case("VIS", {"ab_mag": 18.5}, bias_pct=2.5, trace_px=0.1),
    "supernova": Case("VIS", {"target": "supernova", "ab_mag": 16.0}),
    "near the slit edge": Case("NIR", {"ab_mag": 15.0, "offset_arcsec": 4.8}),
    "strong OH lines": Case("NIR_H", {"ab_mag": 16.0, "oh_strength": 4.0}, bias_pct=1.5),
    "stack of three": Case("NIR", {"ab_mag": 16.0, "exposures": 3, "cosmic_ray_rate": 5.0}),
    "stack of three, VIS": Case("VIS", {"ab_mag": 16.0, "exposures": 3, "cosmic_ray_rate": 5.0}),
    "changing air": Case("NIR", {"ab_mag": 15.0, "exposures": 3, "seeing_arcsec": (0.7, 1.1, 0.9), "transparency": (1.0, 0.6, 0.9)}),
    "no flat": Case("NIR", {"ab_mag": 15.0, "with_flat": False}, bias_pct=1.5, sky=1.15),
    "binned 2x1": Case("VIS", {"ab_mag": 16.0, "binning": (2, 1)}),
    "binned 2x2": Case("VIS", {"ab_mag": 16.0, "binning": (2, 2)}, sky=1.15, chi=(0.85, 1.2), snr_ratio=0.82),
    "dark of another exposure time, VIS": Case("VIS", {"ab_mag": 16.0, "with_dark": True, "dark_exptime_s": 900.0}),
    "flexure": Case("NIR", {"ab_mag": 15.0, "flexure_dispersion_px": 0.8, "flexure_slit_px": -0.6}, wavelength_px=0.08),
    "bad column through the trace": Case("VIS", {"ab_mag": 16.0, "bad_column_on_trace": True}),
    "saturated line": Case("VIS_R", {"ab_mag": 15.5, "exptime_s": 1800.0, "oh_strength": 20.0}, bias_pct=1.5),
    "X-shooter UVB": Case("UVB_XSH", {"ab_mag": 15.0}),
    "X-shooter VIS": Case("VIS_XSH", {"ab_mag": 15.0}),
    "X-shooter NIR": Case("NIR_XSH", {"ab_mag": 15.0}),
    "bad seeing": Case("NIR", {"ab_mag": 15.5, "seeing_arcsec": 1.8}, trace_px=0.1),
}


@lru_cache(maxsize=4)
def recovered(name: str) -> tuple[Prepared, StareResult, Score]:
    case = CASES[name]
    prepared = small_scene(case.window, **{"seed": 5, "exptime_s": 300.0, **case.scene})
    result = reduce_stare(prepared.inputs, StareSettings(**case.settings))
    return prepared, result, score_result(result, prepared.truth)


MORE = {
    "supernova",
    "bright star, VIS",
    "stack of three, VIS",
    "changing air",
    "dark of another exposure time, VIS",
    "flexure",
    "X-shooter UVB",
    "X-shooter NIR",
    "bad seeing",
}
"""Variations on the theme, for the long suite."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in MORE else name for name in CASES])
def test_scene_comes_back(name):
    case = CASES[name]
    _, _, figures = recovered(name)
    orders, beside = figures["orders"], figures["sky"]["beside"]
    assert abs(orders["bias_pct"]) <= case.bias_pct
    assert orders["snr_ratio"] >= case.snr_ratio
    assert case.chi[0] <= orders["chi_std"] <= case.chi[1]
    assert orders["outliers_per_1000"] <= 2.0
    assert orders["delivered"] > 0.99
    assert orders["trace_error_rms_px"] <= case.trace_px
    assert abs(orders["wavelength_error_px"]) <= case.wavelength_px
    assert beside["robust"] <= case.sky
    assert abs(beside["median"]) <= 0.1
    assert figures["sky"]["good_pixels_flagged"] <= 1e-3


@pytest.mark.parametrize("name", ["bright star", "stack of three", "binned 2x1"])
def test_errors_hold_after_rebinning(name):
    _, _, figures = recovered(name)
    assert 0.7 <= figures["merged"]["chi_std_1nm"] <= 1.3
    assert abs(figures["merged"]["bias_pct"]) <= 1.0
    assert figures["merged"]["delivered"] > 0.99


def test_cosmic_rays_in_the_aperture_are_flagged():
    flagged = []
    for seed in (6, 7):
        prepared = small_scene("VIS", ab_mag=17.0, seed=seed, exptime_s=900.0, cosmic_ray_rate=15.0)
        result = reduce_stare(prepared.inputs, StareSettings())
        flagged.append(score_result(result, prepared.truth)["sky"]["cosmic_rays_flagged"])
    assert np.mean([share for share in flagged if share is not None]) >= 0.85


def test_an_empty_slit_yields_no_object():
    prepared = small_scene("NIR", target="empty", seed=5)
    result = reduce_stare(prepared.inputs, StareSettings())
    assert not result.trace.sources
    assert result.warnings
    flux = np.concatenate([order.flux / np.sqrt(order.variance) for order in result.orders])
    assert abs(np.nanmedian(flux)) < 0.3
    assert score_result(result, prepared.truth)["sky"]["beside"]["robust"] < 1.05


def test_a_second_object_is_named_and_leaves_the_sky():
    prepared = small_scene("NIR", ab_mag=15.0, second_offset_arcsec=-3.5, second_ab_mag=16.0, seed=5)
    result = reduce_stare(prepared.inputs, StareSettings())
    places = sorted(source.slit_arcsec for source in result.trace.sources)
    assert len(places) == 2
    assert places[0] == pytest.approx(-3.5, abs=0.2)
    figures = score_result(result, prepared.truth)
    assert figures["sky"]["beside"]["robust"] < 1.1
    assert figures["orders"]["trace_error_rms_px"] < 0.05


def test_a_standard_calibrates_itself():
    prepared = small_scene("VIS", target="standard", seed=5, exptime_s=120.0)
    result = reduce_stare(prepared.inputs, StareSettings())
    figures = score_result(result, prepared.truth)
    assert figures["flux"]["clear_lines_removed"]["median_abs_pct"] < 2.0
    assert figures["efficiency"]["median_abs_pct"] < 2.0


def test_the_user_may_name_the_position():
    prepared = small_scene("NIR", target="lines", line_flux=2e-15, redshift=0.0, offset_arcsec=2.0, seed=5)
    result = reduce_stare(replace(prepared.inputs, object_slit_arcsec=2.0), StareSettings())
    assert score_result(result, prepared.truth)["orders"]["trace_error_rms_px"] < 1.0
