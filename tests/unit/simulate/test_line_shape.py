"""The shape of simulated lines: width along the slit, wings, skew and horns."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.simulate.line_shape import LSF_SIGMA_PX, horned, spread_along
from soxspipe.simulate.paint import STEPS_PER_PX, SpectrumGrid, slit_kernel
from soxspipe.simulate.scene import Scene

N = 120 * STEPS_PER_PX
B = (np.arange(N) - N // 2) / STEPS_PER_PX
GRID = SpectrumGrid(b_px=B, wavelength_nm=1000.0 + B, nm_per_px=np.ones(N))
SLIT = slit_kernel(np.array([-1.0, 1.0]), np.ones(2), 2.0)
LINE = np.zeros(N)
LINE[N // 2] = 1.0


def moments(scene: Scene, slit_share: float = 0.0) -> tuple[float, float, float]:
    """Total, mean and variance of a line, px."""
    seen = spread_along(scene, LINE, SLIT, slit_share)
    mean = float(np.sum(seen * B) / seen.sum())
    return float(seen.sum()), mean, float(np.sum(seen * (B - mean) ** 2) / seen.sum())


WHOLE = LSF_SIGMA_PX**2 + 4.0**2 / 12.0


def test_a_line_is_the_slit_through_a_gaussian() -> None:
    total, mean, variance = moments(Scene())
    assert total == pytest.approx(1.0, abs=1e-6)
    assert mean == pytest.approx(0.0, abs=0.02)
    assert variance == pytest.approx(WHOLE, rel=0.02)


@pytest.mark.parametrize("slit_share", [-1.0, 0.5, 1.0])
def test_the_width_of_the_whole_line_changes_along_the_slit(slit_share: float) -> None:
    _, _, variance = moments(Scene(lsf_width_gradient=0.15), slit_share)
    assert np.sqrt(variance / WHOLE) == pytest.approx(1.0 + 0.15 * slit_share, abs=0.02)


def test_wings_and_tails_keep_light_and_place() -> None:
    total, mean, variance = moments(Scene(lsf_wings=0.1, lsf_skew_px=0.4))
    assert total == pytest.approx(1.0, abs=1e-4)
    assert mean == pytest.approx(0.0, abs=0.03)
    assert variance == pytest.approx(WHOLE + 0.4**2 + 0.1 * 16 * LSF_SIGMA_PX**2, rel=0.05)


def test_horns() -> None:
    image = horned(np.full(65, 1.0 / 65.0), 0.2)
    assert image.sum() == pytest.approx(1.0)
    assert image[32] / image[0] == pytest.approx(0.8)
