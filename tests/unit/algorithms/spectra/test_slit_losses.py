"""Light through two slits, against a sum over the image."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.algorithms.spectra.slit_losses import SlitView, measure_slit_loss

WAVE = np.linspace(350.0, 850.0, 501)


def passed(width: float, fwhm: float, beta: float = 4.765) -> float:
    """Share within a slit of a round Moffat image, on a grid of 0.02 arcsec."""
    place = np.arange(-12.0, 12.0, 0.02) + 0.01
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    image = (1 + (place[:, None] ** 2 + place[None, :] ** 2) / alpha**2) ** -beta
    return float(image[np.abs(place) < width / 2].sum() / image.sum())


def test_the_ratio_follows_the_seeing_over_wavelength() -> None:
    loss = measure_slit_loss(WAVE, SlitView(fwhm_arcsec=1.0, slit_arcsec=1.0), SlitView(fwhm_arcsec=1.0, slit_arcsec=5.0))
    for k in (0, 250, 500):
        fwhm = (WAVE[k] / 600.0) ** -0.2
        assert loss.ratio[k] == pytest.approx(passed(1.0, fwhm) / passed(5.0, fwhm), rel=5e-3)
    assert loss.ratio[0] < loss.ratio[-1]


def test_the_error_is_that_of_the_widths_and_wings_and_none_where_both_were_seen_alike_through_wide_slits() -> None:
    narrow = measure_slit_loss(WAVE, SlitView(fwhm_arcsec=1.0, slit_arcsec=1.0), SlitView(fwhm_arcsec=1.0, slit_arcsec=5.0))
    by_width = abs(passed(1.0, 1.05) - passed(1.0, 1.0)) / passed(5.0, 1.0)
    by_wings = abs(passed(1.0, 1.0, 2.5) / passed(5.0, 1.0, 2.5) - passed(1.0, 1.0) / passed(5.0, 1.0))
    assert narrow.error[250] == pytest.approx(np.hypot(by_width, by_wings), rel=0.15)
    wide = measure_slit_loss(WAVE, SlitView(fwhm_arcsec=0.8, slit_arcsec=5.0), SlitView(fwhm_arcsec=0.8, slit_arcsec=5.0))
    assert wide.error.max() < 0.002
