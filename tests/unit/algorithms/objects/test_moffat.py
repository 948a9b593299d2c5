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


def star_at(*places: tuple[float, float]) -> Moffat:
    return Moffat(fwhm_arcsec=1.0, slope=-0.2, beta=3.0, pivot_nm=1000.0, places=places)


def test_light_beyond_a_break_is_apart() -> None:
    """Fitted to a companion of 25 % (20 % of all light) 1.9 arcsec away, in a seeing of 1.9 arcsec."""
    share, away = star_at((-0.66, 0.04), (-0.33, 0.08), (0.0, 0.68), (0.33, 0.01), (1.32, 0.01), (1.64, 0.06), (1.97, 0.12)).apart
    assert share == pytest.approx(0.19)
    assert away == pytest.approx(1.83 + 0.09, abs=0.03)


@pytest.mark.parametrize(
    "places",
    [
        ((0.0, 1.0),),
        ((-0.5, 0.2), (0.0, 0.3), (0.5, 0.3), (1.0, 0.2)),  # drawn out
        ((-0.22, 0.25), (0.0, 0.33), (0.22, 0.03), (0.67, 0.39)),  # doubled: one place is empty
        ((-0.25, 0.29), (0.0, 0.7), (1.25, 0.01)),  # too little
    ],
)
def test_a_star_that_moved_without_a_break_has_nothing_apart(places: tuple[tuple[float, float], ...]) -> None:
    assert star_at(*places).apart == (0.0, 0.0)
