"""Light through two slits, against a sum over the image and against simulated stars."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from soxspipe.algorithms.spectra.slit_losses import PLACE_ERROR_ARCSEC, SlitLoss, SlitView, measure_slit_loss
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.instruments.registry import arm
from soxspipe.simulate.atmosphere import moffat_alpha, moffat_through_slit, seeing_fwhm
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.slit_images import slit_shares

WAVE = np.linspace(350.0, 850.0, 501)
VIS, NIR = arm("SOXS", "VIS"), arm("SOXS", "NIR")


def along(slit: float, fwhm: float, beta: float = 3.6) -> float:
    """FWHM along a slit of the light that passes it, of a round Moffat image of the FWHM given."""
    alpha = float(moffat_alpha(np.asarray(fwhm), beta))
    image = moffat_through_slit(0.5 * slit / alpha, beta)
    beyond = image.z[1:] > 0
    density = np.diff(image.cumulative)[beyond]
    middles = 0.5 * (image.z[1:] + image.z[:-1])[beyond]
    return 2.0 * alpha * float(np.interp(-0.5 * density.max(), -density, middles))


NARROW, WIDE = (SlitView(fwhm_arcsec=along(slit, 1.0), slit_arcsec=slit) for slit in (1.0, 5.0))


def passed(width: float, fwhm: float, beta: float = 3.6, off: float = 0.0) -> float:
    """Share within a slit of a round Moffat image, on a grid of 0.02 arcsec."""
    place = np.arange(-12.0, 12.0, 0.02) + 0.01
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    image = (1 + (place[:, None] ** 2 + place[None, :] ** 2) / alpha**2) ** -beta
    return float(image[np.abs(place - off) < width / 2].sum() / image.sum())


def test_the_ratio_follows_the_seeing_over_wavelength() -> None:
    loss = measure_slit_loss(WAVE, NARROW, WIDE, VIS)
    for k in (0, 250, 500):
        fwhm = (WAVE[k] / 600.0) ** -0.2
        expected = passed(1.0, fwhm, off=PLACE_ERROR_ARCSEC) / passed(5.0, fwhm)
        assert loss.ratio[k] == pytest.approx(expected, rel=5e-3)
    assert loss.ratio[0] < loss.ratio[-1]


def test_the_error_is_that_of_widths_wings_and_place_and_none_where_both_were_seen_alike_through_wide_slits() -> None:
    narrow = measure_slit_loss(WAVE, NARROW, WIDE, VIS)
    by_width = abs(passed(1.0, 1.03) - passed(1.0, 1.0)) / passed(5.0, 1.0)
    # an image with wider wings that is seen as wide along the slit, through the standard's wide slit as well
    images = [
        brentq(lambda fwhm, view: along(view.slit_arcsec, fwhm, 3.0) - view.fwhm_arcsec, 0.5, 1.5, args=(view,), xtol=1e-3)
        for view in (NARROW, WIDE)
    ]
    by_wings = abs(passed(1.0, images[0], 3.0) / passed(5.0, images[1], 3.0) - passed(1.0, 1.0) / passed(5.0, 1.0))
    by_place = abs(passed(1.0, 1.0, off=PLACE_ERROR_ARCSEC) - passed(1.0, 1.0)) / passed(5.0, 1.0)  # against a centred star
    assert narrow.error[250] == pytest.approx(np.sqrt(by_width**2 + by_wings**2 + by_place**2), rel=0.1)
    wide = SlitView(fwhm_arcsec=0.8, slit_arcsec=5.0)
    assert measure_slit_loss(WAVE, wide, wide, VIS).error.max() < 0.002


def test_refraction_across_a_slit_that_is_turned_away_from_the_vertical_takes_the_ends_of_the_arm() -> None:
    wave = np.linspace(800.0, 2000.0, 25)
    upright, turned = (
        measure_slit_loss(wave, SlitView(fwhm_arcsec=along(1.0, 0.8), slit_arcsec=1.0, airmass=1.8, angle_deg=angle), WIDE, NIR)
        for angle in (0.0, 90.0)
    )
    middle = np.abs(wave - NIR.centred_nm) < 1.0
    assert turned.ratio[middle] == pytest.approx(upright.ratio[middle], abs=1e-6)
    off = 0.335  # arcsec at 800 nm against 1250 nm: (274.98 - 273.39) 1e-6 x 206265 x 0.754 (pressure) x 1.497 (tan z), to 2 %
    fwhm = 0.8 * (wave[0] / 1400.0) ** -0.2
    assert turned.ratio[0] / upright.ratio[0] == pytest.approx(passed(1.0, fwhm, off=off) / passed(1.0, fwhm), rel=0.02)
    assert turned.ratio[-1] < 0.98 * upright.ratio[-1]
    again = measure_slit_loss(wave, SlitView(fwhm_arcsec=along(1.0, 0.8), slit_arcsec=1.0, airmass=1.8, angle_deg=-90.0), WIDE, NIR)
    assert again.ratio == pytest.approx(turned.ratio)


def test_without_an_angle_the_slit_is_taken_as_vertical_with_a_larger_error() -> None:
    wave = np.linspace(800.0, 2000.0, 25)
    known, unknown = (
        measure_slit_loss(wave, SlitView(fwhm_arcsec=0.8, slit_arcsec=1.0, airmass=1.8, angle_deg=angle), WIDE, NIR)
        for angle in (0.0, None)
    )
    assert np.array_equal(known.ratio, unknown.ratio)
    assert unknown.error[0] > 1.05 * known.error[0]


def _drawn(rng: np.random.Generator, name: str, slit: float) -> tuple[Scene, float]:
    """A star as it may be seen, and the seeing at 500 nm."""
    scene = Scene(
        arm=name, airmass=rng.uniform(1.0, 2.0), slit_angle_deg=rng.uniform(0.0, 90.0), slit_width_arcsec=slit, moffat_beta=rng.uniform(2.5, 4.8),
        across_offset_arcsec=float(np.clip(rng.normal(0.0, 0.15), -1.0, 1.0)), refraction={"VIS": 0.1, "NIR": 1.0}[name],
    )  # fmt: skip
    return scene, rng.uniform(0.7, 1.5)


def _seen(scene: Scene, seeing: float, wave: FloatArray, rng: np.random.Generator) -> SlitView:
    """What header and profile say of it."""
    width = float(seeing_fwhm(np.median(wave), seeing, scene.seeing_slope)) * (1.0 + 0.03 * rng.normal())
    width = along(scene.slit_width_arcsec, width, scene.moffat_beta)
    return SlitView(fwhm_arcsec=width, slit_arcsec=scene.slit_width_arcsec, airmass=scene.airmass, angle_deg=scene.slit_angle_deg)


@pytest.mark.parametrize("name", ["VIS", "NIR"])
def test_ratios_of_simulated_stars_lie_within_their_errors(name: str) -> None:
    """Seeing, air mass, angle and place drawn; target through 1 arcsec, standard through 5."""
    rng = np.random.default_rng(5)
    wave = np.linspace(*{"VIS": (350.0, 850.0), "NIR": (800.0, 2000.0)}[name], 41)
    pulls, off = [], []
    for _ in range(60):
        (target, seeing), (standard, other) = _drawn(rng, name, 1.0), _drawn(rng, name, 5.0)
        true = slit_shares(target, None, wave, seeing) / slit_shares(standard, None, wave, other)
        loss: SlitLoss = measure_slit_loss(wave, _seen(target, seeing, wave, rng), _seen(standard, other, wave, rng), arm("SOXS", name))
        pulls.append((loss.ratio - true) / loss.error)
        off.append(loss.ratio / true - 1.0)
    assert 0.5 < np.std(pulls) < 1.2
    assert abs(np.mean(pulls)) < 0.5
    assert np.median(np.abs(off)) < 0.04
