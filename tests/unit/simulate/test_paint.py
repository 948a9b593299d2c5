"""Light is conserved on its way to the pixels."""

import numpy as np
import pytest

from soxspipe.io.simulated_facts import make_scene, read_facts
from soxspipe.simulate.atmosphere import moffat_through_slit
from soxspipe.simulate.crop import crop
from soxspipe.simulate.lightpath import make_canvases, make_order_light, make_source, science_optics
from soxspipe.simulate.paint import STEPS_PER_PX, integrate, line_spread, slit_kernel


def canvas_of(arm, rows, columns, **values):
    scene = make_scene({"arm": arm, **values})
    facts = crop(read_facts(scene), rows, columns)
    canvases = make_canvases(scene, facts, science_optics(scene, facts))
    return scene, facts, next(iter(canvases.values()))


@pytest.mark.parametrize(
    ("arm", "rows", "columns"),
    [
        ("NIR", (450, 575), (1800, 2030)),
        ("NIR", (755, 920), (500, 720)),
        ("VIS", (1500, 1700), (600, 690)),
        ("VIS", (600, 800), (270, 360)),
    ],
)
@pytest.mark.parametrize("position", [0.4, -2.3])
def test_column_sums_agree_with_the_integral_to_a_thousandth(arm, rows, columns, position):
    scene, facts, canvas = canvas_of(
        arm, rows, columns, target="supernova", line_flux=3e-15, ab_mag=17.0, offset_arcsec=position, seeing_arcsec=0.7
    )
    light = make_order_light(
        scene, facts, make_source(scene, facts), canvas, np.zeros(canvas.index.shape), seeing_arcsec=0.7, transparency=1.0
    )
    sums = light.target.sum(axis=1)
    bright = light.target_analytic > 0.01 * light.target_analytic.max()
    np.testing.assert_allclose(sums[bright], light.target_analytic[bright], rtol=1e-3)


def test_column_sums_are_flux_times_efficiency():
    scene, facts, canvas = canvas_of("NIR", (755, 920), (500, 720), ab_mag=16.0, slope=0.0, telluric=False, slit_illumination=0.0)
    source = make_source(scene, facts)
    light = make_order_light(scene, facts, source, canvas, np.zeros(canvas.index.shape), seeing_arcsec=0.8, transparency=0.5)
    wave = np.interp(canvas.columns.centre_b_at_slit(light.position_arcsec[:, None])[:, 0], canvas.grid.b_px, canvas.grid.wavelength_nm)
    photons = source.flux[0] * 10 * wave * 1e-7 / 1.986445857e-16 * np.abs(np.gradient(wave)) * 89000 * scene.exptime_s * 0.5
    np.testing.assert_allclose(light.target.sum(axis=1)[2:-2], (photons * light.efficiency)[2:-2], rtol=2e-3)


def test_a_host_has_the_break_of_old_stars_and_the_lines_of_young_ones():
    values = {"arm": "VIS", "host_ab_mag": 17.0, "host_slope": 0.0, "redshift": 0.05, "host_break": 0.4}
    facts = read_facts(make_scene(values))
    plain, lined = (make_source(make_scene({**values, "host_line_flux": flux}), facts) for flux in (0.0, 2e-15))
    wave = plain.wavelength_nm
    assert plain.host_flux[wave < 419.9].mean() == pytest.approx(0.6 * plain.host_flux[wave > 420.1].mean())
    lines = lined.host_flux - plain.host_flux
    near = np.abs(wave - 656.28 * 1.05) < 0.9
    assert lines[near].sum() * 10.0 * (wave[1] - wave[0]) == pytest.approx(2e-15, rel=0.01)


def test_uniform_light_fills_the_slit_and_nothing_else():
    _, _, canvas = canvas_of("VIS", (1500, 1700), (600, 690))
    painted = canvas.paint_extended(integrate(canvas.grid, np.ones_like(canvas.grid.b_px)))
    np.testing.assert_allclose(painted.sum(axis=1), 2 * canvas.half_slit_arcsec, rtol=2e-3)
    slit = canvas.columns.slit_arcsec(canvas.a_px.astype(float))
    assert np.all(painted[np.abs(slit) > 6.0 + 2.5 * canvas.arcsec_per_px] < 1e-5 * painted.max())


def test_lines_keep_their_photons_on_the_grid_and_under_the_line_spread():
    _, _, canvas = canvas_of("NIR", (755, 920), (500, 720))
    grid = canvas.grid
    middle = float(np.median(grid.wavelength_nm))
    spectrum = grid.bin_lines(np.array([middle, middle + 1.0123, 1.0]), np.array([3.0, 4.0, 100.0]))
    assert spectrum.sum() / STEPS_PER_PX == pytest.approx(7.0)
    kernel = slit_kernel(np.array([-1.0, 1.0]), np.ones(2), 2.0)
    spread = line_spread(spectrum, kernel, 0.85)
    assert kernel.sum() == pytest.approx(1.0)
    assert spread.sum() / STEPS_PER_PX == pytest.approx(7.0, rel=1e-6)
    one = line_spread(grid.bin_lines(np.array([middle]), np.array([1.0])), kernel, 0.85)
    mean = np.average(grid.b_px, weights=one)
    width = np.sqrt(np.average((grid.b_px - mean) ** 2, weights=one))
    assert width == pytest.approx(np.hypot(0.85, 4.0 / np.sqrt(12)), rel=0.01)


def test_a_star_near_the_slit_end_loses_light():
    _, _, canvas = canvas_of("VIS", (1500, 1700), (600, 690))
    star = moffat_through_slit(1.0, 3.5)
    flat = integrate(canvas.grid, np.ones_like(canvas.grid.b_px))
    n = canvas.b_px.size
    inside = canvas.source_column_sums(flat, star, np.full(n, 0.6), np.full(n, 0.0))
    at_end = canvas.source_column_sums(flat, star, np.full(n, 0.6), np.full(n, 6.0))
    np.testing.assert_allclose(inside, 1.0, atol=2e-3)
    np.testing.assert_allclose(at_end, 0.5, atol=0.02)


def test_a_window_without_an_order_is_refused():
    scene = make_scene({"arm": "NIR"})
    with pytest.raises(ValueError, match="no order lies entirely"):
        crop(read_facts(scene), (0, 100), (0, 100))
