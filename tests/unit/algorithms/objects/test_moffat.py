"""The Moffat image of a star along the slit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from soxspipe.algorithms.objects.moffat import Moffat


@pytest.mark.parametrize("beta", [2.0, 3.5, 6.0])
def test_moffat_has_unit_integral_and_its_width(beta: float) -> None:
    moffat = Moffat(fwhm_arcsec=1.1, slope=-0.2, beta=beta, pivot_nm=1000.0)
    total, _ = quad(lambda x: float(moffat(np.array(x), 1000.0, 0.01)), -200, 200, limit=400, points=[0.0])
    assert total == pytest.approx(1.0, abs=2e-3 if beta < 3 else 1e-5)
    assert moffat(np.array(0.55), 1000.0, 1e-4) == pytest.approx(0.5 * moffat(np.array(0.0), 1000.0, 1e-4), rel=1e-6)
    assert moffat(np.array(0.55 * 2**-0.2), 2000.0, 1e-4) == pytest.approx(0.5 * moffat(np.array(0.0), 2000.0, 1e-4), rel=1e-6)


def test_moffat_is_averaged_over_the_pixel() -> None:
    moffat = Moffat(fwhm_arcsec=0.8, slope=0.0, beta=3.5, pivot_nm=1000.0)
    mean, _ = quad(lambda x: float(moffat(np.array(x), 1000.0, 1e-6)), 0.3 - 0.2, 0.3 + 0.2)
    assert moffat(np.array(0.3), 1000.0, 0.4) == pytest.approx(mean / 0.4, rel=1e-5)
