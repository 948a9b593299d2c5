"""What was not read out holds one number."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.calibration.unread_parts import constant_share
from soxspipe.datamodel.detector import Detector
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.raw_calibration import RawCalibration

SHAPE = (300, 260)


def frame(adu: np.ndarray) -> RawCalibration:
    """A frame with ten pixels around the science area."""
    detector = Detector(
        science_columns=(10, 250), science_rows=(10, 290), gain_e_per_adu=1.0, read_noise_e=3.0, saturation_adu=60000.0
    )  # fmt: skip
    return RawCalibration(
        name="bias.fits", observation=Observation(arm="VIS", kind="BIAS", exptime_s=0.0), shape=adu.shape,
        read_rows=lambda first, stop: adu[first:stop], detector=detector,
    )  # fmt: skip


def noise(scale: float = 3.0) -> np.ndarray:
    return np.random.default_rng(1).normal(300.0, scale, SHAPE).round()


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_sound_frames_have_no_such_part(scale: float) -> None:
    assert constant_share(frame(noise(scale))) == 0.0


def test_the_border_is_not_looked_at() -> None:
    adu = noise()
    adu[:10], adu[:, 250:] = 0.0, 0.0
    assert constant_share(frame(adu)) == 0.0


def test_a_half_a_quarter_and_a_channel() -> None:
    rows, columns = np.s_[:150], np.s_[:, :130]
    for where, share in ((rows, 5 / 9), (columns, 0.5), (np.s_[:150, :130], 5 / 18), (np.s_[:, 100:164], 0.25)):
        adu = noise()
        adu[where] = 300.0
        assert constant_share(frame(adu)) == pytest.approx(share)


def test_saturation_is_no_constant_part() -> None:
    assert constant_share(frame(np.full(SHAPE, 65535.0))) == 0.0
