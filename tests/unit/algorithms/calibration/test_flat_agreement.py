"""Flats that show another image of the slit, and lamps that change their colour."""

import numpy as np
import pytest
from scipy.ndimage import shift

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.algorithms.calibration.flat_agreement import flats_that_agree
from support.flats import slit_image, two_orders
from support.raw_calibrations import in_memory

READ_E = 5.0
NAMES = [f"flat_{i}.fits" for i in range(5)]


def flats(change=lambda i, light: light, n=5, seed=1):
    """Every 25th row of flats of two orders, their centres, and the levels of the flats."""
    edges, _, _ = two_orders()
    light = 30000.0 * sum(slit_image(*pair) for pair in edges.values())
    levels = 30000.0 * np.array([1.0, 1.03, 0.98, 1.01, 0.99])[:n]
    rng = np.random.default_rng(seed)
    made = [rng.poisson(change(i, light) * level / 30000.0) + READ_E * rng.normal(size=light.shape) for i, level in enumerate(levels)]
    centres = np.zeros(light.shape, dtype=bool)
    for low, high in edges.values():
        centres |= np.abs(np.arange(light.shape[1])[None, :] - 0.5 * (low + high)[:, None]) < 5
    return np.stack(made)[:, ::25], centres[::25], levels


def judged(*sample, names=NAMES):
    rows, centres, levels = sample
    return flats_that_agree(names, rows, centres, levels, np.zeros(len(levels)), READ_E)


def test_flats_of_unequal_level_agree():
    found = judged(*flats())
    assert (found.kept, found.rejected, found.colour) == ((0, 1, 2, 3, 4), (), 0.0)


@pytest.mark.parametrize("pixels", [0.2, -0.5])
def test_a_flat_whose_slit_has_moved_is_left_out_by_name(pixels):
    # before, all edges were unstable, and the set was refused because "no order shows the edges of the slit"
    found = judged(*flats(lambda i, light: np.maximum(shift(light, (0.0, pixels), order=1), 0.0) if i == 3 else light))
    assert found.kept == (0, 1, 2, 4)
    assert found.rejected[0].startswith("flat_3.fits: ")
    assert found.colour == 0.0


def test_a_slit_that_moves_from_flat_to_flat_is_said():
    found = judged(*flats(lambda i, light: np.maximum(shift(light, (0.0, 0.06 * i), order=1), 0.0)))
    assert found.kept == (0, 1, 2, 3, 4)
    assert found.unlike > 0.02


def test_cosmic_rays_and_jumping_pixels_are_no_other_image():
    rows, centres, levels = flats()
    rng = np.random.default_rng(4)
    for one in rows:
        one[rng.random(one.shape) < 0.002] += 5000.0
    found = judged(rows, centres, levels)
    assert (found.kept, found.unlike) == ((0, 1, 2, 3, 4), 0.0)


def test_a_lamp_that_warms_up_is_measured_and_makes_no_pixel_unstable():
    # half of the pixels were called unstable where a lamp's colour changed by 8 per cent from end to end
    def warmer(i, light):
        return light * (1.0 + 0.02 * (i - 2) * np.linspace(-1.0, 1.0, light.shape[0])[:, None])

    rows, centres, levels = flats(warmer)
    found = judged(rows, centres, levels)
    assert found.kept == (0, 1, 2, 3, 4)
    assert found.colour == pytest.approx(0.04 * 1.4826 / 2, rel=0.15)  # the outermost flats differ by up to 4 per cent from the middle one
    made = [in_memory(one) for one in rows]
    flagged = [
        combine(made, NoiseModel(read_e=READ_E, relative=share), clip_sigma=6.0, levels=(levels / levels.mean()).tolist()).reasons > 0
        for share in (0.0, found.colour)
    ]
    assert flagged[0][centres].mean() > 0.2
    assert flagged[1][centres].mean() < 1e-3


def test_two_flats_are_never_judged():
    rows, centres, levels = flats(n=2)
    assert judged(rows * np.array([1.0, 1.3])[:, None, None], centres, levels, names=NAMES[:2]).kept == (0, 1)
