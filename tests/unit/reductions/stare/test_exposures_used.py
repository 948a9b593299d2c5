"""Exposures that were left out count neither in times nor in numbers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from soxspipe.datamodel.observation import Observation
from soxspipe.reductions.stare.exposures_used import exposures_used


def run(*records: tuple[float, str]) -> SimpleNamespace:
    """A run of three exposures of 100 s, a tenth of a day apart."""
    seen = [Observation(arm="VIS", kind="OBJECT", exptime_s=100.0, mjd=60000.0 + 0.1 * place) for place in range(3)]
    return SimpleNamespace(
        inputs=SimpleNamespace(raw=[SimpleNamespace(observation=one) for one in seen]),
        result=SimpleNamespace(exposures=[SimpleNamespace(weight=weight, left_out=why) for weight, why in records]),
    )


def test_times_of_the_exposures_that_are_in_the_spectrum() -> None:
    used = exposures_used(run((0.0, "clouds"), (0.9, ""), (0.1, "")))
    assert (used.number, used.total_exptime_s) == (2, 200.0)
    assert used.span is not None
    assert used.span.begin == pytest.approx(60000.1)
    assert used.span.mean == pytest.approx(60000.1 + 0.01 + 50 / 86400)


def test_one_exposure_has_no_record() -> None:
    used = exposures_used(run())
    assert (used.number, used.weights) == (3, ())
