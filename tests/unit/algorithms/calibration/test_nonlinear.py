"""Pixels whose response depends on the light, among flats of known level."""

import numpy as np

from soxspipe.algorithms.calibration.combine import NoiseModel
from soxspipe.algorithms.calibration.nonlinear import find_nonlinear
from support.raw_calibrations import in_memory

SHAPE = (60, 80)
BENT = (20, 30)


def flats(levels, bend=0.2, seed=1):
    """Flats of a smooth lamp; one pixel loses a share `bend` of its light at twice the first level, in proportion to it."""
    rng = np.random.default_rng(seed)
    frames = []
    for number, level in enumerate(levels):
        light = np.full(SHAPE, level)
        light[BENT] *= 1.0 - bend * (level / levels[0] - 1.0)
        frames.append(in_memory(rng.poisson(light) + 5.0 * rng.normal(size=SHAPE), name=f"flat_{number}.fits"))
    return frames, np.array(levels, dtype=float)


def find(frames, levels):
    return find_nonlinear(frames, levels, NoiseModel(read_e=5.0), clip_sigma=6.0, offsets_e=np.zeros(len(frames)), pedestal=None)


def test_a_pixel_that_bends_is_found_and_no_other():
    found = find(*flats([10000.0, 10000.0, 20000.0, 20000.0]))
    assert found[BENT]
    assert found.sum() == 1


def test_a_small_bend_is_left_alone():
    assert not find(*flats([10000.0, 10000.0, 20000.0, 20000.0], bend=0.03)).any()


def test_levels_that_are_alike_or_single_flats_do_not_tell():
    assert find(*flats([10000.0, 10000.0, 11000.0])) is None
    assert find(*flats([10000.0, 20000.0, 20000.0])) is None


def test_a_cosmic_ray_is_no_bend():
    frames, levels = flats([10000.0, 10000.0, 20000.0, 20000.0], bend=0.0)
    struck = frames[2].electrons(0, SHAPE[0]).copy()
    struck[5, 5] += 9000.0
    frames[2] = in_memory(struck, name="struck.fits")
    assert not find(frames, levels).any()
