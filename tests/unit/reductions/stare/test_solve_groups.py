"""A host is decided on all exposures together."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.load import load_settings
from support.scenes import cached_scene

SCENE = {
    "target": "power_law", "ab_mag": 16.5, "exptime_s": 600.0, "offset_arcsec": 0.3, "seed": 31, "exposures": 2, "seeing_arcsec": (0.7, 1.3),
    "host_fwhm_arcsec": 4.0, "host_shape": "exponential",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("magnitude", "taken"), [(17.5, True), (17.9, False)])
def test_a_host_is_taken_off_both_exposures_or_left_in_both_and_said(magnitude: float, taken: bool) -> None:
    inputs = cached_scene("NIR", tuple(sorted((SCENE | {"host_ab_mag": magnitude}).items()))).inputs
    settings = load_settings(None, instrument="SOXS", recipe="soxs-stare", arm="NIR").settings
    steps: list[str] = []
    result = reduce_stare(inputs, settings, lambda step, note: steps.append(step))
    assert {record.group for record in result.exposures} == {0, 1}
    assert "find_host" in steps
    assert result.host is not None
    assert result.host.taken == taken  # the brighter one comes out at 4.2 sigma, the other one at 2.1; from 4 on a host is taken off
    star = cached_scene("NIR", tuple(sorted(SCENE.items()))).inputs
    alone = reduce_stare(star, settings)
    assert alone.host is None
    good = (alone.merged.variance > 0) & (result.merged.variance > 0)
    excess = float(np.sum(result.merged.flux[good]) / np.sum(alone.merged.flux[good])) - 1.0
    assert abs(excess) < max(0.02, result.host.doubt)
