"""Lamps of the flats: their colours and levels."""

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.io.simulated_facts import make_scene_of, read_facts
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.lamps import deuterium, lamp_level


def test_deuterium_is_blue():
    assert deuterium(np.array(350.0)) > 5 * deuterium(np.array(800.0))


@pytest.mark.parametrize(
    ("values", "electrons"),
    [
        ({"arm": "VIS"}, 45000.0),
        ({"arm": "VIS", "binning": [2, 2]}, 0.7 * 65535 / 4),
        ({"arm": "UVB", "instrument": "XSHOOTER"}, 0.7 * 65000 * 0.62),  # a slow read-out: 45 000 electrons saturated every flat
        ({"arm": "VIS", "lamp_electrons": 60000.0}, 60000.0),
    ],
)
def test_the_lamp_leaves_room_below_saturation(values, electrons):
    scene = make_scene_of(CalibrationScene, values)
    facts = read_facts(scene)
    assert lamp_level(scene, facts) == pytest.approx(electrons)
    assert (
        lamp_level(scene.model_copy(update={"lamp_electrons": None}), replace(facts, detector=replace(facts.detector, saturation_adu=None)))
        == 45000.0
    )
