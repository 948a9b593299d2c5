"""Gain and integrations that contradict an exposure's pixels are corrected, or said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.observation import Observation
from soxspipe.instruments.registry import arm
from soxspipe.reductions.stare.photon_noise import PhotonNoise, hold_against_photons

SHAPE = (400, 600)
NIR = arm("SOXS", "NIR")


def frame(
    gain: float, *, integrations: int = 1, stated: int = 1, noise_e: float = 7.3, light_e: float = 400.0, sequence_s: float | None = None
):
    """A raw frame of bands of light, which is the mean of `integrations` and states another number."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.where((y % 80) < 40, light_e * np.exp(-3.0 * x / SHAPE[1]), 0.0)
    electrons = rng.poisson(light * integrations) / integrations + noise_e / np.sqrt(integrations) * rng.normal(size=SHAPE)
    observation = Observation(arm="NIR", kind="OBJECT", target="", exptime_s=600.0, integrations=stated, sequence_s=sequence_s)
    return RawFrame(adu=(30.0 + electrons) / gain, observation=observation, name="a.fits")


def held(raw: RawFrame, gain: float, *, noise_e: float = 7.3, usual: float | None = None) -> PhotonNoise:
    used = Detector(
        science_columns=(0, SHAPE[1]), science_rows=(0, SHAPE[0]), gain_e_per_adu=gain, read_noise_e=noise_e, usual_gain_e_per_adu=usual,
        gain_source="ESO DET OUT1 CONAD", read_noise_source="ESO DET OUT1 RON",
    )  # fmt: skip
    return hold_against_photons([raw], used, NIR)


@pytest.mark.parametrize("gain", [2.3, 0.6, 1.0])
@pytest.mark.parametrize("light_e", [400.0, 0.0])
def test_a_header_that_is_right_keeps_its_word(gain: float, light_e: float) -> None:
    raw = frame(gain, light_e=light_e)
    found = held(raw, gain)
    assert found.detector.gain_e_per_adu == gain
    assert found.raw == (raw,)
    assert found.warnings == ()


@pytest.mark.parametrize("gain", [2.3, 1.5, 0.6])
def test_a_gain_that_is_the_inverse_is_turned_round_and_both_values_are_said(gain: float) -> None:
    found = held(frame(gain), 1.0 / gain)
    assert found.detector.gain_e_per_adu == pytest.approx(gain)
    assert "states its inverse" in found.detector.gain_source
    (said,) = found.warnings
    assert f"{1.0 / gain:.3g} e-/ADU" in said
    assert f"{gain:.3g} e-/ADU is used" in said


def test_the_read_noise_tells_where_there_is_no_light() -> None:
    assert held(frame(2.3, light_e=0.0), 1.0 / 2.3).detector.gain_e_per_adu == pytest.approx(2.3)


def test_a_detector_of_a_known_gain_may_be_noisier_than_its_file_says() -> None:
    """16 e- at 2.3 e-/ADU look like 3 e- of a mean of five integrations, were the gain 1 / 2.3."""
    found = held(frame(2.3, noise_e=16.0), 1.0 / 2.3, usual=2.3)
    assert found.detector.gain_e_per_adu == pytest.approx(2.3)
    assert found.raw[0].observation.integrations == 1


def test_a_gain_near_1_and_one_of_no_header_are_not_turned_round() -> None:
    assert held(frame(1.1), 1.0 / 1.1).detector.gain_e_per_adu == pytest.approx(1.0 / 1.1)
    raw = frame(2.3)
    used = Detector(science_columns=(0, SHAPE[1]), science_rows=(0, SHAPE[0]), gain_e_per_adu=1 / 2.3, read_noise_e=7.3)
    assert hold_against_photons([raw], used, NIR).detector == used


@pytest.mark.parametrize(("integrations", "stated"), [(4, 1), (2, 1), (1, 4), (1, 2)])
def test_integrations_that_the_header_does_not_know_are_seen(integrations: int, stated: int) -> None:
    found = held(frame(2.3, integrations=integrations, stated=stated), 2.3)
    assert found.raw[0].observation.integrations == integrations
    (said,) = found.warnings
    assert f"the header states {stated} integration" in said
    assert f"{integrations} {'are' if integrations > 1 else 'is'} used" in said


def test_the_length_of_the_sequence_tells_the_number_where_the_noise_agrees() -> None:
    found = held(frame(2.3, integrations=7, noise_e=16.0, sequence_s=7 * 603.3), 2.3)
    assert found.raw[0].observation.integrations == 7
    dark = held(frame(2.3, integrations=4, light_e=0.0, sequence_s=4 * 603.3), 2.3)
    assert dark.raw[0].observation.integrations == 4


def test_a_pause_after_one_integration_is_no_second_one() -> None:
    raw = frame(2.3, sequence_s=2 * 5.0 - 1.7)
    short = replace(raw, observation=replace(raw.observation, exptime_s=5.0))
    assert held(short, 2.3).warnings == ()


def test_photon_noise_that_nothing_explains_is_said() -> None:
    """Read noise as it should be, and light that scatters by a third of what it should: not integrations, which would lower both."""
    found = held(frame(2.3, noise_e=7.3 * 2.3), 1.1)
    assert found.detector.gain_e_per_adu == 1.1
    assert found.raw[0].observation.integrations == 1
    (said,) = found.warnings
    assert "grows with light 0.4" in said


def test_two_wrong_cards_that_balance_each_other_are_both_seen_where_the_detector_is_known() -> None:
    found = held(frame(2.3, stated=4), 1.0 / 2.3, usual=2.3)
    assert found.detector.gain_e_per_adu == pytest.approx(2.3)
    assert found.raw[0].observation.integrations == 1
    assert len(found.warnings) == 2


def test_a_difference_of_two_exposures_is_told_by_light_that_is_missing() -> None:
    one, other = frame(2.3), frame(2.3, noise_e=7.5)
    moved = replace(one, adu=one.adu - np.roll(other.adu, 8, axis=0))
    found = held(moved, 2.3)
    assert found.is_difference
    (said,) = found.warnings
    assert "another exposure was taken off" in said
    assert not held(one, 2.3).is_difference
