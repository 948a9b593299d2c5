"""Where light falls."""

import numpy as np
import pytest

from soxspipe.io.simulated_facts import read_optics
from soxspipe.simulate.optics import fit_orders, light_columns


@pytest.fixture(scope="module")
def nir():
    return read_optics("SOXS", "NIR")


@pytest.fixture(scope="module")
def vis():
    return read_optics("SOXS", "VIS")


@pytest.mark.parametrize(
    ("wavelength", "order", "slit", "x", "y"),
    [(1900.0, 10, 0.0, 469.761, 385.149), (1250.0, 16, -4.0, 1596.225, 757.273), (820.0, 24, 5.0, 1155.938, 1433.974)],
)
def test_published_check_values_nir(nir, wavelength, order, slit, x, y):
    optics = nir.orders[order]
    assert optics.b_px(np.array(wavelength), np.array(slit)) == pytest.approx(x, abs=2e-3)
    assert optics.a_px(np.array(wavelength), np.array(slit)) == pytest.approx(y, abs=2e-3)


@pytest.mark.parametrize(
    ("wavelength", "order", "slit", "x", "y"),
    [(600.0, 1, 0.0, 170.418, 1805.736), (400.0, 2, 0.0, 314.131, 1992.944), (750.0, 4, 4.0, 660.265, 1743.632)],
)
def test_published_check_values_vis(vis, wavelength, order, slit, x, y):
    optics = vis.orders[order]
    assert optics.a_px(np.array(wavelength), np.array(slit)) == pytest.approx(x, abs=2e-3)
    assert optics.b_px(np.array(wavelength), np.array(slit)) == pytest.approx(y, abs=2e-3)


@pytest.mark.parametrize(("arm", "order"), [("NIR", 10), ("NIR", 24), ("VIS", 2), ("VIS", 4)])
def test_wavelength_is_the_inverse(nir, vis, arm, order):
    model = nir if arm == "NIR" else vis
    b = np.linspace(0, model.n_dispersion - 1, 50)[:, None]
    slit = np.array([[-6.0, 0.0, 6.0]])
    wave = model.orders[order].wavelength_nm(b, slit)
    np.testing.assert_allclose(model.orders[order].b_px(wave, np.broadcast_to(slit, wave.shape)), np.broadcast_to(b, wave.shape), atol=1e-6)


def test_column_polynomials_agree_with_the_optics(nir):
    optics = nir.orders[11]
    b = np.array([200.0, 1000.0, 1900.0])
    slit = np.array([[-5.7, -2.0, 3.0, 6.3]])
    columns = light_columns(optics, b)
    wave = optics.wavelength_nm(b[:, None], slit)
    a = optics.a_px(wave, np.broadcast_to(slit, wave.shape))
    np.testing.assert_allclose(columns.a_px(slit), a, atol=1e-4)
    np.testing.assert_allclose(columns.slit_arcsec(a), np.broadcast_to(slit, a.shape), atol=1e-5)
    np.testing.assert_allclose(columns.centre_b_at_slit(slit), optics.b_px(wave, np.zeros_like(wave)), atol=1e-4)


def test_flexure_moves_every_pixel_alike(nir):
    moved = nir.shifted(0.7, -0.4).orders[15]
    wave, slit = np.array([1280.0, 1320.0]), np.array([-3.0, 2.0])
    np.testing.assert_allclose(moved.b_px(wave, slit) - nir.orders[15].b_px(wave, slit), 0.7)
    np.testing.assert_allclose(moved.a_px(wave, slit) - nir.orders[15].a_px(wave, slit), -0.4)


def test_map_error_has_the_size_asked_for(nir):
    changed = nir.distorted(0.05, np.random.default_rng(1))
    misses = []
    for order, optics in nir.orders.items():
        b = np.linspace(30, 2000, 40)[:, None]
        slit = np.linspace(-6, 6, 7)[None, :]
        wave = optics.wavelength_nm(b, slit)
        misses.append(changed.orders[order].b_px(wave, np.broadcast_to(slit, wave.shape)) - b)
    assert 0.02 < np.std(misses) < 0.1


def test_a_fit_to_pinholes_returns_the_optics(nir):
    numbers = list(nir.orders)
    order, wave, slit, b, a = [], [], [], [], []
    for number in numbers:
        grid = nir.orders[number].wavelength_nm(np.linspace(10, 2030, 25)[:, None], np.linspace(-6, 6, 5)[None, :])
        s = np.broadcast_to(np.linspace(-6, 6, 5)[None, :], grid.shape)
        order.append(np.full(grid.size, float(number)))
        wave.append(grid.ravel())
        slit.append(s.ravel())
        b.append(nir.orders[number].b_px(grid, s).ravel())
        a.append(nir.orders[number].a_px(grid, s).ravel())
    parts = [np.concatenate(part) for part in (order, wave, slit, b, a)]
    fitted = fit_orders(*parts)
    for number in (numbers[0], numbers[7], numbers[-1]):
        rows = parts[0] == number
        np.testing.assert_allclose(fitted[number].b_px(parts[1][rows], parts[2][rows]), parts[3][rows], atol=0.1)
        np.testing.assert_allclose(fitted[number].a_px(parts[1][rows], parts[2][rows]), parts[4][rows], atol=0.1)


@pytest.mark.parametrize("arm", ["UVB", "VIS", "NIR"])
def test_xshooter_optics_follow_the_pinholes(arm):
    from soxspipe.io import static

    model = read_optics("XSHOOTER", arm)
    order, wave, slit, x, y = static.read_geometry(f"pinholes/xsh_{arm.lower()}")
    for number, optics in model.orders.items():
        rows = order == number
        assert np.std(optics.b_px(wave[rows], slit[rows]) - y[rows]) < 0.05
        assert np.std(optics.a_px(wave[rows], slit[rows]) - x[rows]) < 0.15


def test_an_order_that_is_not_there(nir):
    with pytest.raises(ValueError, match="orders \\[9\\]"):
        nir.only((9, 10))


@pytest.mark.parametrize("arm", ["NIR", "VIS"])
def test_a_moved_geometry_moves_as_it_says(arm):
    optics = read_optics("SOXS", arm)
    moved = optics.realigned((1.2, -0.8), 0.1, 0.001)
    order = sorted(optics.orders)[1]
    nm = np.array(optics.orders[order].centre_nm)
    before, after = (
        np.array([model.orders[order].b_px(nm, np.array(2.0)), model.orders[order].a_px(nm, np.array(2.0))]) for model in (optics, moved)
    )
    if arm == "VIS":
        before, after = before[::-1], after[::-1]  # along y first
    middle = 0.5 * (np.array(optics.shape[::-1]) - 1)
    x, y = before - middle
    turn = np.deg2rad(0.1)
    expected = 1.001 * np.array([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y]) + middle + [1.2, -0.8]
    np.testing.assert_allclose(after, expected, atol=1e-9)


def test_waves_over_the_detector_are_as_large_as_asked_for_and_no_polynomial_of_low_degree(vis):
    moved = vis.rippled(0.03, np.random.default_rng(4))
    left, size = [], []
    for number, order in vis.orders.items():
        wave = order.centre_nm + order.scale_nm * np.linspace(-1, 1, 200)
        change = moved.orders[number].b_px(wave, np.zeros(200)) - order.b_px(wave, np.zeros(200))
        size.append(change)
        left.append(change - np.polynomial.Polynomial.fit(wave, change, 2)(wave))
    assert np.std(size) == pytest.approx(0.03, rel=0.35)
    assert np.std(left) > 0.003
