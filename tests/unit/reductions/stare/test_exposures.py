"""Exposures of one set: recognised as alike or not, solved and combined."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.load import load_settings
from support.scenes import cached_scene


def inputs_of(**scene: object) -> StareInputs:
    values = {"target": "power_law", "ab_mag": 14.5, "exptime_s": 300.0, "offset_arcsec": 0.3, "seed": 12} | scene
    return cached_scene("NIR", tuple(sorted(values.items()))).inputs


def reduce(inputs: StareInputs):
    settings = load_settings(None, instrument="SOXS", recipe="soxs-stare", arm="NIR").settings
    return reduce_stare(inputs, settings)


def test_exposures_alike_are_averaged_as_pixels() -> None:
    result = reduce(inputs_of(exposures=2))
    assert [record.group for record in result.exposures] == [0, 0]
    assert [record.weight for record in result.exposures] == [0.5, 0.5]
    assert not any("do not agree" in warning for warning in result.warnings)


def test_a_cloud_costs_its_exposure_the_weight_and_not_the_spectrum_its_level() -> None:
    clear = reduce(inputs_of())
    result = reduce(inputs_of(exposures=3, transparency=(1.0, 1.0, 0.1)))
    assert [record.group for record in result.exposures] == [0, 0, 1]
    assert result.exposures[2].throughput == pytest.approx(0.1, abs=0.01)
    assert result.exposures[2].weight < 0.05
    assert any("gathered 10 % of the light" in warning for warning in result.warnings)
    good = (clear.merged.variance > 0) & (result.merged.variance > 0)
    total = [float(np.sum(spectrum.merged.flux[good])) for spectrum in (result, clear)]
    error = float(np.sqrt(np.sum(clear.merged.variance[good])))
    assert total[0] == pytest.approx(total[1], abs=5.0 * error)
