"""What is said of a response that does not suit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.calibrations import TelluricBands
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.spectrum import ResponseCurve
from soxspipe.reductions.stare.response_warnings import misfit_warnings, response_warnings
from support.orders import make_arm

BANDS = TelluricBands(start_nm=np.array([687.0]), stop_nm=np.array([742.0]), mask_response=np.array([True]))


def curve(value: np.ndarray) -> ResponseCurve:
    """A response of 1 through bins of these values."""
    wave = np.linspace(350.0, 850.0, 500)
    return ResponseCurve(
        polynomial=np.zeros(1), wavelength_nm=wave, response=np.ones(500), error=np.full(500, 0.01), valid_nm=(350.0, 850.0),
        bins_nm=wave, bins_value=value, bins_error=np.full(500, 0.01), bins_used=np.ones(500, dtype=bool), star="LTT7987",
    )  # fmt: skip


def test_a_response_that_misses_its_star_is_said() -> None:
    steps = np.where(np.linspace(350.0, 850.0, 500) < 540.0, 2.5, 1.0)
    (said,) = misfit_warnings(curve(steps), BANDS)
    assert "LTT7987, by more than 10 % in 43 % of the clear spectrum, from 350 to 539 nm" in said


@pytest.mark.parametrize("level", [1.0, 1.09])
def test_a_response_that_follows_its_star_is_not(level: float) -> None:
    value = np.full(500, level)
    value[(curve(value).bins_nm > 690.0) & (curve(value).bins_nm < 740.0)] = 3.0  # in a band
    assert list(misfit_warnings(curve(value), BANDS)) == []
    noisy = replace(curve(np.random.default_rng(1).normal(1.0, 0.2, 500)), bins_error=np.full(500, 0.2))
    assert list(misfit_warnings(noisy, BANDS)) == []
    assert list(misfit_warnings(None, BANDS)) == []


def test_a_standard_that_stood_over_the_slits_end_is_said_to_the_target() -> None:
    target = Observation(arm="NIR", kind="OBJECT", exptime_s=300.0)
    marked = replace(curve(np.ones(500)), over_end=True)
    (said,) = response_warnings(marked, "", target, make_arm(), flattened=True)
    assert "LTT7987, stood over the slit's end" in said
    assert response_warnings(curve(np.ones(500)), "", target, make_arm(), flattened=True) == []
