"""A master in ADU is the same master in electrons to every recipe that takes one; its unit is the header's."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.reductions.registry import reduction
from support.calibration_kits import make_kit
from support.small import Kit, small_detectors

GAIN_E_PER_ADU = 1.25
VERBS = ("mflat", "disp_solution", *(pytest.param(verb, marks=pytest.mark.slow) for verb in ("order_centres", "spat_solution")))


def in_adu(kit: Kit) -> None:
    """Divide the bias by the gain and say so."""
    path = kit.own("bias")
    with fits.open(path, mode="update") as hdus:
        for name in (0, "ERRS"):
            hdus[name].data = (hdus[name].data / GAIN_E_PER_ADU).astype(np.float32)
        for hdu in hdus:
            hdu.header["BUNIT"] = "adu"


def bias_of(verb: str, kit: Kit) -> tuple[np.ndarray, np.ndarray]:
    """Electrons and variance of the bias as the recipe has it."""
    with small_detectors():
        inputs = reduction(verb).gather(str(kit.sof)).inputs
    master = inputs.master if verb == "mflat" else inputs.masters.bias
    return np.array(master.electrons), np.array(master.variance)


@pytest.mark.parametrize("verb", VERBS)
def test_a_bias_in_adu_is_multiplied_by_the_gain(verb: str, tmp_path) -> None:
    kit = make_kit(verb, tmp_path)
    electrons, variance = bias_of(verb, kit)
    in_adu(kit)
    again, spread = bias_of(verb, kit)
    np.testing.assert_allclose(again, electrons, rtol=1e-6)
    np.testing.assert_allclose(spread, variance, rtol=1e-5)
