"""Images that do not look like what they are taken for are spoken of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.algorithms.frames.prepare import orient_and_trim
from soxspipe.datamodel.dead_lines import DeadLines
from soxspipe.datamodel.frame import Frame
from soxspipe.reductions.stare.dead_amplifiers import mark_dead_lines
from soxspipe.reductions.stare.gather import gather
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.sanity_checks import orientation_warnings, sanity_checks


@pytest.fixture
def values(small_kit, small) -> StareInputs:
    return gather(str(small_kit().sof)).inputs


def changed(values: StareInputs, name: str, electrons: np.ndarray | float) -> StareInputs:
    """The inputs with another level in one master."""
    master: Frame = getattr(values.masters, name).cutout(np.array)
    level = np.broadcast_to(np.asarray(electrons, dtype=np.float32), master.shape)
    return replace(values, masters=replace(values.masters, **{name: replace(master, electrons=level)}))


def test_sound_images_raise_no_doubt(values):
    assert sanity_checks(values) == ()


def test_a_bias_of_one_number(values):
    assert sanity_checks(changed(values, "bias", 375.0)) == ("every pixel of the master bias is 375",)


def test_a_bias_far_above_the_data(values):
    noise = np.random.default_rng(1).normal(5000.0, 4.0, values.masters.bias.shape)
    (sentence,) = sanity_checks(changed(values, "bias", noise))
    assert sentence == "raw_VIS_sci_0.fits: 100% of the pixels lie far below the master bias; one of the two is not what its header says"


def test_a_flat_of_one_number(values):
    assert sanity_checks(changed(values, "flat", 1.0)) == ("every pixel of the master flat is 1",)


def test_a_dark_of_another_exposure_time_is_not_compared(small_kit, small):
    values = gather(str(small_kit(arm="NIR").sof)).inputs
    dark = values.masters.dark.cutout(np.array)
    high = replace(dark, electrons=np.asarray(dark.electrons) + np.float32(5000))
    assert len(sanity_checks(replace(values, masters=replace(values.masters, dark=high)))) == 1
    assert sanity_checks(replace(values, masters=replace(values.masters, dark=replace(high, exptime_s=7.0)))) == ()


@pytest.mark.parametrize(("turn", "named"), [(np.s_[:, ::-1], "mirrored left to right"), (np.s_[::-1, ::-1], "turned by 180 degrees")])
def test_a_frame_that_lies_the_wrong_way_round(values, turn, named):
    """An order in one quarter of the frame, lit by 30 ADU at the place that a turned frame has it; noise of 5 ADU."""
    order = np.zeros(values.detector.shape, dtype=np.int16)
    order[: order.shape[0] // 2, : order.shape[1] // 3] = 1
    adu = np.random.default_rng(3).normal(400.0, 5.0, np.shape(values.raw[0].adu))
    orient_and_trim(adu, values.detector)[(order > 0)[turn]] += 30.0
    (said,) = orientation_warnings(replace(values.raw[0], adu=adu), values.detector, order)
    assert f"would be if the frame were {named}; it was read out" in said
    assert not list(orientation_warnings(replace(values.raw[0], adu=adu), values.detector, order[turn]))


@pytest.mark.parametrize("what", ["raw", "flat"])
def test_a_part_without_noise(values, what):
    rows = slice(0, values.detector.shape[0] // 2)
    if what == "flat":
        level = np.array(values.masters.flat.electrons)
        level[rows] = 0.8
        (said,) = sanity_checks(changed(values, "flat", level))
    else:
        adu = np.array(values.raw[0].adu)
        adu[rows] = 500
        (said,) = [one for one in sanity_checks(replace(values, raw=(replace(values.raw[0], adu=adu),))) if "noise" in one]
    assert said.endswith("of order i holds no noise, pixel after pixel the same number")


def test_dead_rows_and_columns_of_an_exposure_are_one_sentence(values):
    blocks = [DeadLines(axis=axis, first=first, stop=first + 20, beside_e=100.0 + first) for axis in (0, 1) for first in (0, 40)]
    raw = replace(values.raw[0], dead=tuple(blocks))
    (said,) = sanity_checks(replace(values, raw=(raw,)))
    assert said == (
        "raw_VIS_sci_0.fits: rows 0 to 19, rows 40 to 59, columns 0 to 19 and 1 more of the detector hold no light, though the "
        "pixels beside them hold 140 e-: an amplifier is dead; these pixels are left out"
    )


def test_dead_rows_of_the_frame_are_marked(good_kit, small):
    values = gather(str(good_kit.sof)).inputs
    assert mark_dead_lines(values).raw[0].dead == ()
    adu = np.array(values.raw[0].adu)
    adu[:300] = 300
    dead = mark_dead_lines(replace(values, raw=(replace(values.raw[0], adu=adu),)))
    assert [(block.axis, block.first, block.stop) for block in dead.raw[0].dead] == [(0, 0, 300)]
