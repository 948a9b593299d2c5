"""Channel offsets and stripes of the NIR detector: found where no light falls, taken off, and the spectrum comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.stare import StareSettings
from support.scenes import Prepared, score_result, small_scene

CHANNEL_PX = 64
OFFSETS_E = np.array([12.0, -18.0, 25.0, 3.0, -30.0, 14.0, -9.0, 20.0, -6.0, 11.0])


def with_pattern(prepared: Prepared) -> Prepared:
    """Channels of the full detector's width, which the simulator would make narrower on a small one, and higher odd rows."""
    raw = prepared.inputs.raw[0]
    rows, columns = np.indices(raw.adu.shape)
    pattern = OFFSETS_E[columns // CHANNEL_PX] + 5.0 * (rows % 2)
    adu = raw.adu + np.rint(pattern / prepared.inputs.detector.gain_e_per_adu)
    return replace(prepared, inputs=replace(prepared.inputs, raw=(replace(raw, adu=adu),)))


def test_a_spectrum_under_channels_and_odd_rows_comes_back() -> None:
    prepared = with_pattern(small_scene("NIR", ab_mag=16.0, exptime_s=600.0, seed=5))
    result = reduce_stare(prepared.inputs, StareSettings())
    (pattern,) = result.patterns
    assert pattern is not None
    steps = np.diff(OFFSETS_E)
    found = np.diff(pattern.columns)[CHANNEL_PX - 1 :: CHANNEL_PX]
    assert np.abs(found[: steps.size] - steps).max() < 4.0 * np.sqrt(pattern.variance + 1.0)  # ADU of 2.3 e- were rounded
    assert abs(np.mean(pattern.rows[1::2]) - np.mean(pattern.rows[::2]) - 5.0) < 0.8
    orders = score_result(result, prepared.truth)["orders"]
    assert abs(orders["bias_pct"]) < 0.5
    assert abs(orders["bias_pct_worst_order"]) < 1.0
    assert 0.9 < orders["chi_std"] < 1.1
    assert orders["snr_ratio"] > 0.93
    assert any("offsets of columns" in warning and "offsets of rows" in warning and "taken off" in warning for warning in result.warnings)


def test_nothing_is_taken_off_a_clean_frame() -> None:
    prepared = small_scene("NIR", ab_mag=16.0, exptime_s=600.0, seed=5)
    result = reduce_stare(prepared.inputs, StareSettings())
    assert result.patterns == (None,)
    assert not any("taken off" in warning for warning in result.warnings)
