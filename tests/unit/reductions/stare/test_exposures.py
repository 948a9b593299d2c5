"""Exposures of one set: recognised as alike or not, solved and combined."""

from __future__ import annotations

from dataclasses import replace

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


def without_order(inputs: StareInputs, exposure: int, order: int) -> StareInputs:
    """The inputs, an order of one exposure without a pixel."""
    raw = list(inputs.raw)
    adu = np.array(raw[exposure].adu)
    adu[inputs.geometry.dispersion_map.order == order] = np.nan
    raw[exposure] = replace(raw[exposure], adu=adu)
    return replace(inputs, raw=tuple(raw))


@pytest.mark.parametrize("exposure", [0, 1])
def test_an_order_that_one_exposure_has_not_is_that_of_the_other(exposure: int) -> None:
    """The first exposure gives pixels and wavelengths of all other orders."""
    both = inputs_of(exposures=2, drift_arcsec=(0.0, 1.0))
    whole, result = reduce(both), reduce(without_order(both, exposure, 18))
    assert [one.order for one in result.orders] == [one.order for one in whole.orders] == [17, 18, 19]
    assert any(f"order {both.arm.label(18)} of raw_{exposure}.fits was left out" in warning for warning in result.warnings)
    assert not result.failures
    for place, less in ((0, 1.0), (1, 2.0)):
        one, other = whole.orders[place], result.orders[place]
        good = np.isfinite(one.flux) & np.isfinite(other.flux)
        assert good.sum() > 0.9 * np.isfinite(one.flux).sum()
        assert np.sum(other.flux[good]) == pytest.approx(np.sum(one.flux[good]), rel=0.003)
        # of two exposures one is interpolated, which puts a part of its noise into the correlation of neighbours
        assert np.median(other.variance[good] / one.variance[good]) == pytest.approx(less, rel=0.25)


def two_times(inputs: StareInputs, times_s: tuple[float, float]) -> StareInputs:
    """The inputs, each exposure with its own time."""
    raw = tuple(replace(one, observation=replace(one.observation, exptime_s=time)) for one, time in zip(inputs.raw, times_s, strict=True))
    return replace(inputs, raw=raw, observation=replace(inputs.observation, exptime_s=float(np.mean(times_s))))


@pytest.mark.parametrize("magnitude", [7.2, 5.5])
def test_a_saturated_exposure_beside_a_short_one(magnitude: float) -> None:
    """Of the fainter star some of the long exposure is of use, of the brighter one nothing: it is left out and said, the flux stays."""
    times = (120.0, 4.0)
    both = two_times(inputs_of(ab_mag=magnitude, exptime_s=120.0, exposures=2, exposure_times_s=times), times)
    short = replace(both, raw=both.raw[1:], observation=both.raw[1].observation)
    result, alone = reduce(both), reduce(short)
    assert result.exposures[1].group == 0
    assert any("raw_0.fits" in warning and ("saturated" in warning or "left out" in warning) for warning in result.warnings)
    assert result.exposures[1].throughput == pytest.approx(1.0, abs=0.01)
    good = (alone.merged.variance > 0) & (result.merged.variance > 0)
    assert good.sum() > 0.98 * (alone.merged.variance > 0).sum()
    longer = np.mean(times) / times[1]
    assert np.sum(result.merged.flux[good]) == pytest.approx(longer * np.sum(alone.merged.flux[good]), rel=0.005)
