"""Master flats of frames whose light, response and defects are known."""

import numpy as np
import pytest

from soxspipe.algorithms.calibration.combine_flats import combine_lamp
from soxspipe.algorithms.calibration.edge_polynomials import fit_order_polynomial
from soxspipe.algorithms.calibration.flat_layout import Layout
from soxspipe.algorithms.calibration.flat_settings import FlatSettings
from soxspipe.algorithms.calibration.master_flat import flat_factor, make_master_flat
from soxspipe.datamodel.geometry import OrderTable
from soxspipe.datamodel.raw_calibration import BadPixel
from support.flats import N_A, N_B, B, slit_image, two_orders
from support.raw_calibrations import in_memory

READ_E, N = 5.0, 5
SETTINGS = FlatSettings()
EDGES, _, _ = two_orders()
CENTRES = {number: (B, 0.5 * (low + high)) for number, (low, high) in EDGES.items()}
SHAPE = N_B, N_A


def table():
    """Centres of the two orders."""
    ends = dict.fromkeys(EDGES, 0.0), dict.fromkeys(EDGES, N_B - 1.0)
    centre = fit_order_polynomial({number: (B.astype(float), a) for number, (_, a) in CENTRES.items()}, 1, 2)
    return OrderTable(dispersion_axis="y", orders=tuple(EDGES), b_min=ends[0], b_max=ends[1], centre=centre)


def light(blaze_px=250.0):
    """Electrons of a flat without response: blaze that falls to the ends, two orders."""
    return sum(slit_image(*pair) for pair in EDGES.values()) * (30000.0 * np.exp(-(((B - 300.0) / blaze_px) ** 2)))[:, None]


def made(expected, seed=1, bad=None):
    """The master of five flats."""
    rng = np.random.default_rng(seed)
    frames = [in_memory(rng.poisson(expected) + READ_E * rng.normal(size=SHAPE), name=f"flat_{i}.fits") for i in range(N)]
    layout = Layout("y", 1, 1, CENTRES, 16.0)
    lamp = combine_lamp("QTH", frames, None, layout, READ_E, SETTINGS)
    known = np.zeros(SHAPE, np.uint8) if bad is None else bad
    return make_master_flat([lamp], table(), layout, known, SETTINGS, subtract_background=False)


def well_inside(pixels=2.0):
    a = np.arange(N_A)[None, :]
    return np.any([(a > low[:, None] + pixels) & (a < high[:, None] - pixels) for low, high in EDGES.values()], axis=0)


@pytest.mark.parametrize("seed", [1, 2])
def test_errors_are_those_of_the_sum_of_photons(seed):
    # the reference forms them of frames that hold bias and dark still, and loses 3 per cent by clipping
    expected = light() * (1.0 + 0.01 * np.random.default_rng(7).normal(size=SHAPE))
    flat = made(expected, seed)
    use = well_inside() & (flat.reasons == 0) & (expected > 100.0)
    residual = flat.value[use] * flat.norm_e - expected[use]
    assert np.std(residual / np.sqrt(flat.variance[use]) / flat.norm_e) == pytest.approx(1.0, abs=0.02)
    assert np.std(residual / np.sqrt((expected[use] + READ_E**2) / N)) <= 1.02


def test_a_cold_pixel_is_told_from_its_neighbours_at_the_ends_of_the_blaze_too():
    # against the median of the whole flat, a faint end is cold and a cold pixel near the peak is not
    expected = light(blaze_px=180.0)
    cold = [(300, 45), (60, 40), (540, 60), (300, 110)]
    for place in cold:
        expected[place] *= 0.5
    flat = made(expected)
    found = (flat.reasons & np.uint8(BadPixel.COLD)) > 0
    assert {tuple(map(int, place)) for place in np.argwhere(found)} == set(cold)
    faint = well_inside() & (expected < 0.1 * expected.max())
    assert np.count_nonzero(faint) > 2000


def test_between_the_orders_the_flat_is_one_without_error():
    flat = made(light())
    between = ~well_inside(-2.0)
    assert np.all(flat.value[between] == 1.0)
    assert np.all(flat.variance[between] == 0.0)


def test_reasons_stay_apart():
    bad = np.zeros(SHAPE, np.uint8)
    bad[300, 45], bad[301, 45] = BadPixel.STATIC, BadPixel.HOT
    expected = light()
    expected[300, 110] *= 0.4
    flat = made(expected, bad=bad)
    assert (flat.reasons[300, 45], flat.reasons[301, 45], flat.reasons[300, 110]) == (BadPixel.STATIC, BadPixel.HOT, BadPixel.COLD)


def test_edge_pixels_that_are_less_than_half_lit_are_flagged():
    flat = made(light())
    share = sum(slit_image(*pair) for pair in EDGES.values())
    partly = (flat.reasons & np.uint8(BadPixel.PARTLY_LIT)) > 0
    assert partly[(share > 0.1) & (share < 0.4)].mean() > 0.95
    assert partly[share > 0.6].mean() < 0.005


def test_the_factors_multiply_to_the_flat():
    flat = made(light() * (1.0 + 0.01 * np.random.default_rng(7).normal(size=SHAPE)))
    product = np.prod([flat_factor(flat, "y", factor) for factor in ("response", "illumination", "blaze")], axis=0)
    use = well_inside(3.0) & (flat.reasons == 0)
    assert np.max(np.abs(product / flat.value - 1.0)[use]) < 0.01
